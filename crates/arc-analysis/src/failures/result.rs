//! What a call returned, taken out of the envelope that frameworks put around it.

use arc_model::{Json, Payload};
use serde_json::Map;

/// What a call returned, without its envelope.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Content<'a> {
    /// Text.
    Text(&'a str),
    /// A structured value that is no text.
    Json(&'a Json),
}

impl Content<'_> {
    /// Returns whether it is a list or an object with nothing in it, or a text that says so.
    ///
    /// An empty text and `null` are none: from most tools they mean "done".
    pub(super) fn is_empty_data(self) -> bool {
        match self {
            Self::Text(text) => matches!(text.trim(), "[]" | "{}"),
            Self::Json(value) => {
                let is_data = matches!(value, Json::Array(_) | Json::Object(_));
                is_data && Payload::Json(value.clone()).is_blank()
            }
        }
    }

    /// Returns whether there is nothing in it at all.
    pub(super) fn is_blank(self) -> bool {
        match self {
            Self::Text(text) => text.trim().is_empty(),
            Self::Json(value) => value.is_null() || self.is_empty_data(),
        }
    }
}

/// Returns what a result holds.
pub(super) fn content(result: &Payload) -> Content<'_> {
    match result {
        Payload::Text(text) => Content::Text(text),
        Payload::Json(value) => match message(value).and_then(|message| message.get("content")) {
            Some(inner) => of_json(inner),
            None => of_json(value),
        },
    }
}

fn of_json(value: &Json) -> Content<'_> {
    let only_part = value.as_array().filter(|parts| parts.len() == 1).and_then(|parts| parts.first());
    let text = only_part.filter(|part| part.get("type").is_some_and(|kind| kind == "text"));
    match (value, text.and_then(|part| part.get("text"))) {
        (Json::String(text), _) | (_, Some(Json::String(text))) => Content::Text(text),
        (value, _) => Content::Json(value),
    }
}

/// Returns the message that carries a tool's result, as `LangChain` makes it and serialises it.
pub(super) fn message(value: &Json) -> Option<&Map<String, Json>> {
    let candidates = [Some(value), value.get("data"), value.get("kwargs")];
    let mut objects = candidates.into_iter().flatten().filter_map(Json::as_object);
    objects.find(|fields| fields.contains_key("tool_call_id") && fields.contains_key("content"))
}
