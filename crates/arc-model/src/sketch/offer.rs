//! Tools on offer: `search(q: string!, limit: integer) "Searches the web."`, or `search{…}` with a
//! JSON Schema where the short form cannot say it.

use std::sync::Arc;

use std::collections::BTreeSet;

use serde_json::json;

use super::{
    SketchError,
    cursor::{Cursor, is_plain_word},
    print::{self, Style},
};
use crate::{Json, ToolDefinition};

/// Takes the list after `offers=`.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Vec<ToolDefinition>, SketchError> {
    if !cursor.eat("[") {
        return cursor.fail("a list of tools: `[search(q: string!)]`");
    }
    let mut tools = Vec::new();
    while !cursor.closes(']')? {
        let name = cursor.name()?;
        let parameters = match cursor.peek() {
            Some('(') => Some(read_signature(cursor)?),
            Some('{') => Some(cursor.json()?),
            _ => None,
        };
        cursor.skip_space();
        let description = if cursor.peek() == Some('"') { Some(cursor.text()?) } else { None };
        tools.push(ToolDefinition { name, description, parameters });
    }
    Ok(tools)
}

fn read_signature(cursor: &mut Cursor<'_>) -> Result<Json, SketchError> {
    cursor.eat("(");
    let mut properties = serde_json::Map::new();
    let mut required = Vec::new();
    while !cursor.closes(')')? {
        let name = cursor.plain_word();
        if name.is_empty() || !cursor.eat(":") {
            return cursor.fail("a parameter: `name: type`, with `!` when it is required");
        }
        cursor.skip_space();
        let kind = cursor.plain_word();
        if kind.is_empty() {
            return cursor.fail("a JSON type: `string`, `integer`, `number`, `boolean`, `array`, `object`");
        }
        if cursor.eat("!") {
            required.push(Json::from(name));
        }
        properties.insert(name.to_owned(), json!({ "type": kind }));
    }
    let mut schema = json!({ "type": "object", "properties": properties });
    if let (false, Json::Object(fields)) = (required.is_empty(), &mut schema) {
        fields.insert("required".to_owned(), Json::Array(required));
    }
    Ok(schema)
}

/// Prints the list after `offers=`.
pub(super) fn write(tools: &[Arc<ToolDefinition>], style: Style) -> String {
    let tools = tools.iter().map(|tool| {
        let parameters = match &tool.parameters {
            Some(schema) => signature(schema).unwrap_or_else(|| match schema {
                Json::Object(_) => style.json(schema),
                // Not a schema; what the braces hold is not read as one either.
                other => style.json(&json!({ "": other })),
            }),
            None => String::new(),
        };
        let description = tool.description.as_ref().map_or_else(String::new, |text| format!(" {}", style.text(text)));
        format!("{}{parameters}{description}", print::name(&tool.name))
    });
    format!("[{}]", tools.collect::<Vec<_>>().join(", "))
}

/// Returns the short form, where it says all the schema says.
fn signature(schema: &Json) -> Option<String> {
    let properties = schema.get("properties")?.as_object()?;
    let required: Vec<&str> =
        schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
    // Required parameters in the order of the list, so that the list reads back as it was.
    let optional: BTreeSet<&str> =
        properties.keys().map(String::as_str).filter(|name| !required.contains(name)).collect();
    let mut pieces = Vec::new();
    for name in required.iter().copied().chain(optional.iter().copied()) {
        let property = properties.get(name)?;
        let kind = property.get("type")?.as_str()?;
        if !is_plain_word(name) || !is_plain_word(kind) {
            return None;
        }
        let mark = if required.contains(&name) { "!" } else { "" };
        pieces.push(format!("{name}: {kind}{mark}"));
    }
    let short = format!("({})", pieces.join(", "));
    let read_back = read_signature(&mut Cursor::new(&short, 0)).ok()?;
    (read_back == *schema).then_some(short)
}
