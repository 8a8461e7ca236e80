//! Whether a call failed, by its status, its attributes or a result that says so in its structure.

use arc_model::{Evidence, Field, Json, Payload, Span, Status};

use serde_json::Map;

use super::{
    Call,
    result::{self, Content},
};

/// What shows that a call failed.
#[derive(Debug, Clone, PartialEq)]
pub struct CallError {
    /// The words that show it, whole.
    pub message: String,
    /// Where they stand.
    pub evidence: Evidence,
}

/// Returns what shows that a call failed: its span's status, or a result that is an error.
pub fn error_of(call: &Call<'_>) -> Option<CallError> {
    let status = call.has_own_span().then(|| status_error(call.span)).flatten();
    if let Some(message) = status {
        let evidence = Evidence::new(call.span.span_id, Field::Status, &message);
        return Some(CallError { message, evidence });
    }
    if let Some(message) = attribute_error(call) {
        let evidence = Evidence::new(call.span.span_id, Field::Attribute(ERROR.to_owned()), &message);
        return Some(CallError { message, evidence });
    }
    // What a search returns is documents, whatever they begin with.
    let result = call.result.filter(|_| call.span.kind != arc_model::SpanKind::Retrieval)?;
    let message = stated_error(result)?;
    let field = if call.has_own_span() { Field::ToolResult } else { Field::Input };
    let evidence = Evidence::new(call.shown_by.span_id, field, &message);
    Some(CallError { message, evidence })
}

/// The attribute in which emitters without a status say that a call failed.
const ERROR: &str = "error";

fn attribute_error(call: &Call<'_>) -> Option<String> {
    let error = call.span.attributes.get(ERROR).filter(|error| call.has_own_span() && says_something(error))?;
    Some(match error {
        Json::String(text) => text.clone(),
        Json::Bool(_) => "failed without a message".to_owned(),
        other => other.to_string(),
    })
}

/// Returns the message of a span that failed; never empty.
pub(crate) fn status_error(span: &Span) -> Option<String> {
    let Status::Error { kind, message } = &span.status else { return None };
    let exception = span.events.iter().rev().find(|event| event.name == "exception");
    let detail = |name: &str| exception.and_then(|event| event.attributes.get(name)).and_then(Json::as_str);
    let kind = kind.as_deref().or_else(|| detail("exception.type"));
    let message = Some(message.as_str()).filter(|text| !text.is_empty()).or_else(|| detail("exception.message"));
    Some(match (kind, message) {
        (Some(kind), Some(message)) if !message.starts_with(kind) => format!("{kind}: {message}"),
        (_, Some(message)) => message.to_owned(),
        (Some(kind), None) => kind.to_owned(),
        (None, None) => "failed without a message".to_owned(),
    })
}

/// Returns the error that a result states at its very beginning or in a field made for it.
fn stated_error(result: &Payload) -> Option<String> {
    let content = result::content(result);
    let in_envelope = match result {
        Payload::Json(value) => result::message(value).is_some_and(says_failed),
        Payload::Text(_) => false,
    };
    match content {
        Content::Text(text) => (in_envelope || states_error(text)).then(|| text.to_owned()),
        Content::Json(value) => {
            let fields = value.as_object();
            let error = fields.and_then(|fields| fields.get("error")).filter(|error| says_something(error));
            match error {
                Some(Json::String(text)) => Some(text.clone()),
                Some(error) => Some(error.to_string()),
                None => (in_envelope || fields.is_some_and(says_failed)).then(|| value.to_string()),
            }
        }
    }
}

/// Returns whether an object says of itself that it is an error.
fn says_failed(fields: &Map<String, Json>) -> bool {
    let flag = |name: &str| fields.get(name).and_then(Json::as_bool) == Some(true);
    flag("is_error") || flag("isError") || fields.get("status").is_some_and(|status| status == "error")
}

/// Returns the first line of an error, without the traceback that some emitters put behind it.
pub(crate) fn headline(message: &str) -> &str {
    const TRACEBACK: &str = "Traceback (most recent call last):";
    let message = message.trim();
    match message.split_once(TRACEBACK) {
        // Only a traceback: its last line names the exception.
        Some(("", trace)) => trace.lines().rfind(|line| !line.trim().is_empty()).unwrap_or(message).trim(),
        Some((before, _)) => before.lines().next().unwrap_or_default().trim(),
        None => message.lines().next().unwrap_or_default().trim(),
    }
}

/// Returns whether a text is an error as tools write them: `Error: …`, `ValueError: …`, a traceback.
fn states_error(text: &str) -> bool {
    let text = text.trim_start();
    if text.starts_with("Traceback (most recent call last):") || text.starts_with("Error executing tool ") {
        return true;
    }
    let Some((first, _)) = text.split_once(':') else { return false };
    let class = first.rsplit('.').next().unwrap_or(first);
    let is_identifier = class.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let is_class = class.starts_with(|c: char| c.is_ascii_uppercase());
    is_identifier && is_class && (class.ends_with("Error") || class.ends_with("Exception"))
}

fn says_something(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => false,
        Json::Number(number) => number.as_f64() != Some(0.0),
        Json::String(text) => !text.trim().is_empty(),
        Json::Bool(true) => true,
        Json::Array(items) => !items.is_empty(),
        Json::Object(fields) => !fields.is_empty(),
    }
}
