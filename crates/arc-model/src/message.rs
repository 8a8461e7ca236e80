//! Messages between a caller and a model.

use serde::{Deserialize, Serialize};

use crate::{Json, Payload};

/// One message of a conversation with a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// The speaker's name, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is said, in order.
    pub parts: Vec<Part>,
}

impl Message {
    /// Returns a message of one text.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, name: None, parts: vec![Part::Text { text: text.into() }] }
    }

    /// Returns the texts of the message, joined by line breaks.
    pub fn joined_text(&self) -> String {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text { text } => Some(text.as_str()),
            _ => None,
        });
        texts.collect::<Vec<_>>().join("\n")
    }
}

/// Who speaks in a message.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions of the developer.
    System,
    /// The end user, or whoever stands in for them.
    User,
    /// The model.
    Assistant,
    /// A tool's answer.
    Tool,
    /// A role we do not know, as it was written.
    #[serde(untagged)]
    Other(String),
}

impl Role {
    /// Returns the role a text names; `developer` is `system`, `model` and `ai` are `assistant`.
    pub fn from_text(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "system" | "developer" => Self::System,
            "user" | "human" => Self::User,
            "assistant" | "model" | "ai" => Self::Assistant,
            "tool" | "function" | "tool-response" => Self::Tool,
            _ => Self::Other(text.to_owned()),
        }
    }

    /// Returns the role's name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
            Self::Other(text) => text,
        }
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Role {}

// Written out because the derived schema takes the unknown role for an object.
#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Role {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("Who speaks: `system`, `user`, `assistant`, `tool`, or a role as it was written."))
            .into()
    }
}

/// A piece of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    /// Text.
    Text {
        /// The text itself.
        text: String,
    },
    /// A request of the model to call a tool.
    ToolCall {
        /// Joins the call with its result.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The tool's name.
        name: String,
        /// The arguments: an object, or the text as the model wrote it when it is not JSON.
        arguments: Payload,
    },
    /// A tool's answer.
    ToolResult {
        /// The id of the call it answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// What the tool returned.
        result: Payload,
    },
    /// The model's reasoning, where the provider shows it.
    Reasoning {
        /// The text itself.
        text: String,
    },
    /// An image, a sound or a file: where it is, not the bytes.
    Media {
        /// `image/png` and the like, where known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mime_type: Option<String>,
        /// A URL, a file id, or `inline`.
        reference: String,
    },
    /// A part of a kind we do not know, kept as it came.
    Other {
        /// The part itself.
        #[cfg_attr(feature = "openapi", schema(value_type = Object))]
        value: Json,
    },
}
