//! Tools: the definitions offered to a model, and calls that were carried out.

use serde::{Deserialize, Serialize};

use crate::{Json, Payload};

/// A tool a model may ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ToolDefinition {
    /// The name the model uses.
    pub name: String,
    /// What the tool is for, in the words given to the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema of the arguments, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub parameters: Option<Json>,
}

/// A tool call that was carried out; the call of a tool span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ToolCall {
    /// Joins the call with the model's request for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The tool's name.
    pub name: String,
    /// What it was called with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Payload>,
    /// What it returned; `None` when that was not recorded or the call did not return.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Payload>,
}
