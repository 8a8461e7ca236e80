//! Free-form values: attributes as they came, and input or output that is not a message list.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A JSON value.
pub type Json = serde_json::Value;

/// Attributes no dialect consumed, by their original name.
pub type Attributes = BTreeMap<String, Json>;

/// An input or an output that is not a list of messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// Plain text, or text whose type is not known.
    Text(String),
    /// A structured value.
    Json(Json),
}

impl Payload {
    /// Returns the payload of a text: structured if it holds a JSON object or array, else text.
    pub fn from_text(text: String) -> Self {
        let structured = text.trim_start().starts_with(['{', '[']);
        match structured.then(|| serde_json::from_str(&text)) {
            Some(Ok(value)) => Self::Json(value),
            _ => Self::Text(text),
        }
    }

    /// Returns the payload of a JSON value; a string is taken for what its text holds.
    pub fn from_json(value: Json) -> Self {
        match value {
            Json::String(text) => Self::from_text(text),
            other => Self::Json(other),
        }
    }

    /// Returns the text to show.
    pub fn to_text(&self) -> String {
        match self {
            Self::Text(text) | Self::Json(Json::String(text)) => text.clone(),
            Self::Json(value) => value.to_string(),
        }
    }

    /// Returns whether there is nothing in it: blank text, `null`, `[]`, `{}`, or only such things.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Text(text) => text.trim().is_empty(),
            Self::Json(value) => json_is_blank(value),
        }
    }
}

fn json_is_blank(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Bool(_) | Json::Number(_) => false,
        Json::String(text) => text.trim().is_empty(),
        Json::Array(items) => items.iter().all(json_is_blank),
        Json::Object(fields) => fields.values().all(json_is_blank),
    }
}
