//! A canonical model call as the body of a request, so that a recorded call can be asked again: of another model, with
//! other instructions, over another provider's API. The reverse of `provider`, for the two APIs that most servers speak.
//!
//! Start at [`encode`]. `turns` puts the messages into the order and the form that both APIs accept, one file per API
//! writes them. To add an API: a file here, a variant of [`Api`] and its lines below.
//!
//! What cannot be asked as it was is refused ([`CannotEncode`]), never approximated: a picture whose bytes were not
//! recorded, a text that was hashed. Settings that an API does not have are left out and named.
//!
//! What this is not: it opens no connection and runs nothing. Everything in a trace is data.

mod anthropic_messages;
mod openai_chat;
mod turns;

use std::{collections::BTreeSet, str::FromStr};

use arc_model::{Attributes, Json, Message, ToolDefinition};

use turns::Turn;

/// An API that a request is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `OpenAI`'s Chat Completions, and everything compatible with it.
    OpenAi,
    /// Anthropic's Messages.
    Anthropic,
}

impl Api {
    /// Every API.
    pub const ALL: [Self; 2] = [Self::OpenAi, Self::Anthropic];

    /// Returns the API's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
        }
    }

    /// Returns the address that requests go to, from what the providers' own clients call the base URL.
    pub fn url(self, base: &str) -> String {
        let base = base.trim_end_matches('/');
        match self {
            Self::OpenAi => format!("{base}/chat/completions"),
            Self::Anthropic if base.ends_with("/v1") => format!("{base}/messages"),
            Self::Anthropic => format!("{base}/v1/messages"),
        }
    }
}

impl FromStr for Api {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|api| api.as_str() == text).ok_or(())
    }
}

/// What is to be asked.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Of which model.
    pub model: &'a str,
    /// Where it goes: some settings are called differently at `OpenAI` itself.
    pub url: &'a str,
    /// The conversation.
    pub messages: &'a [Message],
    /// Instructions that stand in for those of the conversation.
    pub system: Option<&'a str>,
    /// Tools the model may ask for.
    pub tools: &'a [ToolDefinition],
    /// Settings, under the names that spans have.
    pub parameters: &'a Attributes,
}

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// Its body.
    pub body: Json,
    /// What the recorded call had and the request has not.
    pub left_out: BTreeSet<String>,
}

/// Why a call cannot be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum CannotEncode {
    /// There is nothing to ask.
    #[error("what was sent to the model was not recorded")]
    NoMessages,
    /// A text was hashed, removed or cut when it was recorded.
    #[error("content was hashed, removed or cut when it was recorded")]
    ContentTreated,
    /// Only the kind of a picture, sound or file was recorded.
    #[error("it holds a picture, sound or file whose bytes were not recorded")]
    InlineMedia,
    /// A message or part of it has no place in the API.
    #[error("it holds a message of a kind that the API does not have")]
    UnknownPart,
    /// A tool's result belongs to a call that the messages do not hold.
    #[error("it continues a conversation that the provider holds")]
    Continued,
    /// A tool call has no result, and the conversation goes on.
    #[error("a tool call in it has no result")]
    NoResult,
}

/// Writes a request. Total: whatever the messages are, there is a body or a reason.
pub fn encode(api: Api, ask: &Ask<'_>) -> Result<Encoded, CannotEncode> {
    let mut left_out = BTreeSet::new();
    let turns = turns::read(ask, &mut left_out)?;
    let body = match api {
        Api::OpenAi => openai_chat::body(ask, turns, &mut left_out),
        Api::Anthropic => anthropic_messages::body(ask, turns, &mut left_out)?,
    };
    Ok(Encoded { body, left_out })
}

/// What a tool may be given when its schema was not recorded.
fn any_arguments() -> Json {
    serde_json::json!({"type": "object", "properties": {}})
}

/// Returns the definition's schema, or one that demands nothing.
fn schema(tool: &ToolDefinition, left_out: &mut BTreeSet<String>) -> Json {
    tool.parameters.clone().unwrap_or_else(|| {
        left_out.insert(format!("the schema of the tool {}, which was not recorded", tool.name));
        any_arguments()
    })
}

/// Settings that say how an answer is sent, not what it is.
const OF_TRANSPORT: &[&str] = &["stream", "stream_options", "stream_tool_calls", "store", "model", "timeout"];

/// Names the settings that a request does not carry.
fn name_left_out(parameters: &Attributes, carried: &[&str], left_out: &mut BTreeSet<String>) {
    let is_said = |name: &str| carried.contains(&name) || OF_TRANSPORT.contains(&name);
    let one = |name: &str, value: &Json| name == "choice.count" && *value == 1;
    left_out.extend(
        parameters
            .iter()
            .filter(|(name, value)| !value.is_null() && !is_said(name) && !one(name, value))
            .map(|(name, _)| format!("the setting {name}")),
    );
}

#[cfg(test)]
mod tests;
