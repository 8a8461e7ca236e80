//! Messages, in the shapes of OpenTelemetry (`parts`), `OpenAI` (`content`, `tool_calls`) and Anthropic.

use arc_model::{Attributes, FinishReason, Json, Message, Part, Role};

use super::{
    parts::{Beside, read_content, read_part, read_tool_call, result_payload},
    value::{describe_kind, is_blank, take, take_name, take_text},
};

/// A message with what its object said beside it.
#[derive(Debug)]
pub(crate) struct ReadMessage {
    pub(crate) message: Message,
    pub(crate) finish_reason: Option<FinishReason>,
    /// Fields that are not part of a message: its usage, its model, a time.
    pub(crate) rest: Attributes,
    /// What its parts said that has no place in them.
    pub(crate) beside: Beside,
    /// What is wrong with it, if it is not a message.
    pub(crate) problem: Option<String>,
}

/// Reads a message. What is not one is kept as a message of an unknown role, with the problem named.
pub(crate) fn read(value: Json) -> ReadMessage {
    let mut fields = match value {
        Json::Object(fields) if fields.get("role").is_some_and(Json::is_string) => fields,
        other => return unreadable(other),
    };
    let mut beside = Beside::default();
    let role = Role::from_text(&take_text(&mut fields, &["role"]).unwrap_or_default());
    let mut parts = Vec::new();
    if let Some(text) = take_text(&mut fields, &["reasoning_content", "reasoning"]) {
        parts.push(Part::Reasoning { text });
    }
    if let Some(content) = take(&mut fields, &["parts"]) {
        parts.extend(read_content(content, &mut beside));
    }
    let content = take(&mut fields, &["content"]).unwrap_or(Json::Null);
    let id = if role == Role::Tool { take_name(&mut fields, &["tool_call_id"]) } else { None };
    if role != Role::Tool || holds_results(&content) {
        parts.extend(read_content(content, &mut beside).into_iter().filter(|part| !is_empty_text(part)));
    } else if !content.is_null() || parts.is_empty() {
        parts.push(Part::ToolResult { id, result: result_payload(content) });
    }
    parts.extend(take_tool_calls(&mut fields, &mut beside));
    let finish_reason = take_text(&mut fields, &["finish_reason"]).map(|text| FinishReason::from_text(&text));
    let name = take_text(&mut fields, &["name"]);
    let rest = fields.into_iter().filter(|(_, value)| !is_blank(value)).collect();
    ReadMessage { message: Message { role, name, parts }, finish_reason, rest, beside, problem: None }
}

fn take_tool_calls(fields: &mut serde_json::Map<String, Json>, beside: &mut Beside) -> Vec<Part> {
    let mut parts = Vec::new();
    match fields.remove("tool_calls") {
        Some(Json::Array(calls)) => parts.extend(calls.into_iter().map(|call| read_call(call, beside))),
        Some(other) => {
            fields.insert("tool_calls".to_owned(), other);
        }
        None => {}
    }
    match fields.remove("function_call") {
        None | Some(Json::Null) => {}
        Some(call) => parts.push(read_call(call, beside)),
    }
    parts
}

fn read_call(call: Json, beside: &mut Beside) -> Part {
    match call {
        Json::Object(mut fields) => match read_tool_call(&mut fields) {
            Some(part) => part,
            None => Part::Other { value: Json::Object(fields) },
        },
        other => read_part(other, beside),
    }
}

/// A content of tool-result blocks carries its own ids.
fn holds_results(content: &Json) -> bool {
    let is_result =
        |item: &Json| matches!(item.get("type").and_then(Json::as_str), Some("tool_result" | "tool_call_response"));
    content.as_array().is_some_and(|items| items.iter().any(is_result))
}

/// `OpenAI` writes an empty content beside tool calls; it says nothing.
fn is_empty_text(part: &Part) -> bool {
    matches!(part, Part::Text { text } if text.is_empty())
}

fn unreadable(value: Json) -> ReadMessage {
    let problem = format!("expected a message, an object with a `role`, found {}", describe_kind(&value));
    let parts = vec![read_part(value, &mut Beside::default())];
    ReadMessage {
        message: Message { role: Role::Other("unknown".to_owned()), name: None, parts },
        finish_reason: None,
        rest: Attributes::new(),
        beside: Beside::default(),
        problem: Some(problem),
    }
}
