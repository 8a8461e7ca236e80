//! The script: an ordered list of rules, each with what it matches and what it answers.
//!
//! ```toml
//! [[reply]]
//! match = { model = "gpt-4o*", contains = "weather" }   # everything given has to fit
//! times = 1                                             # used up after this many answers
//! tool_calls = [{ name = "get_weather", arguments = { city = "Oslo" } }]
//! usage = { input = 1200, output = 18, cached = 1024 }
//!
//! [[reply]]
//! text = "It rains."
//! ```
//!
//! The first rule that fits and is not used up answers. `README.md` documents every key.

use serde::Deserialize;
use serde_json::Value;

use crate::asked::{Api, Asked};

/// A whole script.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The rules, in order.
    #[serde(default, rename = "reply")]
    pub rules: Vec<Rule>,
}

impl Script {
    /// Reads a script; the error says line and key.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

/// What to expect, and what to answer.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// A name for error messages and the request log.
    pub name: Option<String>,
    /// What a request has to be like; everything given has to fit.
    #[serde(rename = "match")]
    pub expects: Expects,
    /// How many requests it answers; unlimited when absent.
    pub times: Option<u64>,

    /// The text of the answer.
    pub text: Option<String>,
    /// The tools the answer asks for.
    pub tool_calls: Vec<ToolCall>,
    /// The tokens reported; counted as words when absent.
    pub usage: Option<Tokens>,
    /// Leaves usage out where the interface allows that (`OpenAI`); Anthropic then reports zeros.
    pub omit_usage: bool,
    /// Why the model stopped, in the words of Chat Completions; `tool_calls` or `stop` when absent.
    pub finish_reason: Option<String>,
    /// The model that claims to answer; the one asked for when absent.
    pub model: Option<String>,

    /// Fails in this way instead.
    pub error: Option<Fault>,
    /// The message of the failure.
    pub error_message: Option<String>,
    /// What a rate limit says in its `retry-after` and `retry-after-ms` headers.
    pub retry_after_ms: Option<u64>,
    /// How long a timeout hangs before the connection closes; 60 s when absent.
    pub hang_ms: Option<u64>,

    /// Wait before answering.
    pub delay_ms: u64,
    /// Wait between two chunks of a stream.
    pub chunk_delay_ms: u64,
}

impl Rule {
    /// Returns the reason the model stopped, in the words of Chat Completions.
    pub fn finish_reason(&self) -> &str {
        let usual = if self.tool_calls.is_empty() { "stop" } else { "tool_calls" };
        self.finish_reason.as_deref().unwrap_or(usual)
    }
}

/// What a request has to be like.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expects {
    /// The interface used.
    pub api: Option<Api>,
    /// The model asked for; a trailing `*` stands for anything.
    pub model: Option<String>,
    /// Occurs in the last message.
    pub contains: Option<String>,
    /// Who speaks last: `user`, `tool`, `assistant`, `system`.
    pub last_role: Option<String>,
    /// The conversation: header `x-conversation`, else `user` or `metadata.user_id` of the body.
    pub conversation: Option<String>,
    /// Headers with exactly these values; names in lower case.
    pub headers: std::collections::BTreeMap<String, String>,
    /// Whether a stream was asked for.
    pub stream: Option<bool>,
}

impl Expects {
    /// Returns why the request does not fit; `None` when it does.
    pub fn mismatch(&self, asked: &Asked) -> Option<String> {
        let differs = |what: &str, expected: &str, found: &str| {
            Some(format!("expects {what} `{expected}`, the request has `{found}`"))
        };
        if let Some(api) = self.api.filter(|api| *api != asked.api) {
            return differs("api", api.as_str(), asked.api.as_str());
        }
        if let Some(model) = self.model.as_ref().filter(|model| !fits(model, &asked.model)) {
            return differs("model", model, &asked.model);
        }
        if let Some(text) = self.contains.as_ref().filter(|text| !asked.last_message.contains(text.as_str())) {
            return Some(format!("expects `{text}` in the last message"));
        }
        if let Some(role) = self.last_role.as_ref().filter(|role| **role != asked.last_role) {
            return differs("last role", role, &asked.last_role);
        }
        let conversation = asked.conversation.as_deref().unwrap_or_default();
        if let Some(expected) = self.conversation.as_ref().filter(|expected| *expected != conversation) {
            return differs("conversation", expected, conversation);
        }
        for (name, expected) in &self.headers {
            let found = asked.headers.get(name).map(String::as_str).unwrap_or_default();
            if found != expected {
                return differs(&format!("header {name}"), expected, found);
            }
        }
        self.stream
            .filter(|stream| *stream != asked.stream)
            .and_then(|stream| differs("stream", &stream.to_string(), &asked.stream.to_string()))
    }
}

fn fits(pattern: &str, model: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == model, |start| model.starts_with(start))
}

/// A request of the model to call a tool.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// The tool.
    pub name: String,
    /// A table; or a string, sent as it is, to play a model that writes broken JSON.
    #[serde(default)]
    pub arguments: Value,
    /// The call's id; made from a counter when absent.
    #[serde(default)]
    pub id: Option<String>,
}

impl ToolCall {
    /// Returns the arguments as the model writes them.
    pub fn arguments_text(&self) -> String {
        match &self.arguments {
            Value::Null => "{}".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    /// Returns the arguments for interfaces that carry an object; broken JSON can only be shown as a stream there.
    pub fn arguments_object(&self) -> Value {
        match &self.arguments {
            Value::Null => serde_json::json!({}),
            Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| serde_json::json!({"_broken": text})),
            other => other.clone(),
        }
    }
}

/// Tokens to report. Each interface gets the shape and the inclusion rule of its provider.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tokens {
    /// All input tokens, cached and newly written ones included.
    pub input: u64,
    /// All output tokens, reasoning included.
    pub output: u64,
    /// Input tokens read from the cache.
    pub cached: u64,
    /// Input tokens written to the cache (Anthropic only).
    pub cache_write: u64,
    /// Output tokens spent on reasoning (`OpenAI` only).
    pub reasoning: u64,
}

/// A way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// 400, as for a context that is too long.
    BadRequest,
    /// 401.
    Unauthorized,
    /// 429 with `retry-after`.
    RateLimit,
    /// 500.
    ServerError,
    /// 529, Anthropic's "overloaded".
    Overloaded,
    /// No answer: hangs, then closes the connection.
    Timeout,
    /// 200 with a body that is not JSON, or a stream with such an event.
    Malformed,
    /// The connection is cut in the middle of the answer.
    Cut,
    /// An error event in the middle of a stream; 500 when no stream was asked for.
    StreamError,
}
