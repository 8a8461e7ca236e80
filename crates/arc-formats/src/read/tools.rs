//! Definitions of tools, in the shapes of the providers.

use arc_model::{Json, ToolDefinition};

use super::value::{structured, take, take_text};

/// Reads a list of definitions, or a single one; also from text. What is not one is `Err` by index.
pub(crate) fn read_all(value: &Json) -> (Vec<ToolDefinition>, Vec<usize>) {
    let items = match structured(value) {
        Some(Json::Array(items)) => items,
        Some(single) => vec![single],
        None => return (Vec::new(), vec![0]),
    };
    let mut tools = Vec::with_capacity(items.len());
    let mut unread = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        match read(item) {
            Some(tool) => tools.push(tool),
            None => unread.push(index),
        }
    }
    (tools, unread)
}

/// Reads one definition: `OpenAI`'s (nested or flat), Anthropic's, MCP's, or their JSON as text.
pub(crate) fn read(value: Json) -> Option<ToolDefinition> {
    let value = match value {
        Json::String(_) => structured(&value)?,
        other => other,
    };
    let Json::Object(mut fields) = value else { return None };
    if let Some(Json::Object(function)) = fields.remove("function") {
        fields = function;
    }
    // A tool the provider runs itself, such as web search, often has a type and no name.
    let name = take_text(&mut fields, &["name", "type"])?;
    let description = take_text(&mut fields, &["description"]);
    let parameters =
        take(&mut fields, &["parameters", "input_schema", "inputSchema", "json_schema", "parameters_json_schema"]);
    let parameters = parameters.and_then(|schema| match schema {
        Json::String(_) => structured(&schema),
        Json::Object(_) | Json::Bool(_) => Some(schema),
        _ => None,
    });
    Some(ToolDefinition { name, description, parameters })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_shapes_of_the_providers_read_as_one() {
        let schema = json!({"type": "object"});
        let expected =
            ToolDefinition { name: "get".into(), description: Some("Gets.".into()), parameters: Some(schema.clone()) };
        for shape in [
            json!({"type": "function", "function": {"name": "get", "description": "Gets.", "parameters": schema}}),
            json!({"type": "function", "name": "get", "description": "Gets.", "parameters": schema}),
            json!({"name": "get", "description": "Gets.", "input_schema": schema}),
            json!({"name": "get", "description": "Gets.", "inputSchema": schema.to_string()}),
            json!(json!({"name": "get", "description": "Gets.", "input_schema": schema}).to_string()),
        ] {
            assert_eq!(read(shape.clone()), Some(expected.clone()), "{shape}");
        }
    }

    #[test]
    fn a_broken_definition_does_not_drop_the_others() {
        let (tools, unread) = read_all(&json!([{"name": "a"}, 5, {"type": "web_search"}]));
        assert_eq!(tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["a", "web_search"]);
        assert_eq!(unread, [1]);
    }
}
