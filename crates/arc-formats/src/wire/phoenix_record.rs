//! Spans as Arize Phoenix writes them, turned into records of an exported span tree.
//!
//! Its REST interface and its JSON lines have `context: {trace_id, span_id}`, `parent_id`, `span_kind` and
//! `attributes`; rows of its data frames have the same as columns: `context.span_id`, `attributes.llm.model_name`.
//! Attributes are flat, or nested as Phoenix stores them; the dialects read flat ones.

use arc_model::Json;
use serde_json::Map;

use crate::read::value::{structured, take};

/// Returns whether a value is such a span.
pub(super) fn is_span(value: &Json) -> bool {
    value.as_object().is_some_and(is_fields)
}

/// Returns whether these are the fields of such a span.
pub(super) fn is_fields(span: &Map<String, Json>) -> bool {
    let says = |name: &str| span.get(name).is_some_and(Json::is_string);
    let in_context =
        |name: &str| span.get("context").and_then(|context| context.get(name)).is_some_and(Json::is_string);
    let is_row = says("context.span_id") && says("context.trace_id");
    span.contains_key("span_kind") && (is_row || in_context("span_id") && in_context("trace_id"))
}

/// Returns the span with the field names of an exported span tree.
pub(super) fn to_record(mut span: Map<String, Json>) -> Map<String, Json> {
    let mut record = Map::new();
    if let Some(Json::Object(context)) = span.remove("context") {
        record.extend(context);
    }
    for name in ["trace_id", "span_id"] {
        if let Some(id) = span.remove(&format!("context.{name}")) {
            record.insert(name.to_owned(), id);
        }
    }
    if let Some(parent) = take(&mut span, &["parent_id"]) {
        record.insert("parent_span_id".to_owned(), parent);
    }
    let mut attributes = Map::new();
    match span.get("attributes").and_then(structured) {
        Some(Json::Object(fields)) => {
            span.remove("attributes");
            fields.into_iter().for_each(|(name, value)| flatten(name, value, &mut attributes));
        }
        _ => {
            if let Some(odd) = span.remove("attributes") {
                attributes.insert("attributes".to_owned(), odd);
            }
        }
    }
    let kind = span.remove("span_kind").filter(|kind| kind.as_str().is_some_and(|kind| kind != "UNKNOWN"));
    for (name, value) in span {
        match name.strip_prefix("attributes.") {
            Some(name) => flatten(name.to_owned(), value, &mut attributes),
            None => drop(record.insert(name, value)),
        }
    }
    if let Some(kind) = kind {
        attributes.entry("openinference.span.kind").or_insert(kind);
    }
    record.insert("span_attributes".to_owned(), Json::Object(attributes));
    record
}

/// Attributes whose value is one object, however it is nested.
const WHOLE: &[&str] = &[
    "metadata",
    "tool.parameters",
    "llm.prompt_template.variables",
    "llm.invocation_parameters",
    "input.value",
    "output.value",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
];

/// Ends of the names of such attributes in lists.
const WHOLE_ENDS: &[&str] = &[".document.metadata", ".tool.json_schema"];

/// Longest name that is made of nested ones: each value repeats the names above it.
const LONGEST_NAME: usize = 256;

fn flatten(name: String, value: Json, attributes: &mut Map<String, Json>) {
    let is_whole =
        name.len() > LONGEST_NAME || WHOLE.contains(&name.as_str()) || WHOLE_ENDS.iter().any(|end| name.ends_with(end));
    // OpenTelemetry's messages are lists of objects and stay ones.
    let is_list = is_whole || name.starts_with("gen_ai.");
    match value {
        Json::Object(fields) if !is_whole => {
            for (inner, value) in fields {
                flatten(format!("{name}.{inner}"), value, attributes);
            }
        }
        Json::Array(items) if !is_list && items.iter().any(Json::is_object) => {
            for (index, item) in items.into_iter().enumerate() {
                flatten(format!("{name}.{index}"), item, attributes);
            }
        }
        // Data frames have a column for each attribute of any span.
        Json::Null => {}
        value => {
            attributes.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn flat(value: Json) -> Json {
        let mut attributes = Map::new();
        let Json::Object(fields) = value else { return Json::Null };
        fields.into_iter().for_each(|(name, value)| flatten(name, value, &mut attributes));
        Json::Object(attributes)
    }

    #[test]
    fn nested_attributes_get_their_dotted_names_and_objects_that_are_values_stay_whole() {
        let nested = json!({"llm": {"model_name": "gpt-4o", "input_messages": [{"message": {"role": "user"}}]},
            "metadata": {"a": {"b": 1}}, "tag": {"tags": ["x", "y"]}, "output.value": null,
            "gen_ai": {"input": {"messages": [{"role": "user"}]}, "usage": {"input_tokens": 3}}});
        assert_eq!(
            flat(nested),
            json!({"llm.model_name": "gpt-4o", "llm.input_messages.0.message.role": "user", "metadata": {"a": {"b": 1}},
                "tag.tags": ["x", "y"], "gen_ai.input.messages": [{"role": "user"}], "gen_ai.usage.input_tokens": 3})
        );
    }

    #[test]
    fn names_do_not_grow_without_end() {
        let long = "k".repeat(LONGEST_NAME + 1);
        assert_eq!(flat(json!({&long: {"a": {"b": 1}}})), json!({&long: {"a": {"b": 1}}}));
    }
}
