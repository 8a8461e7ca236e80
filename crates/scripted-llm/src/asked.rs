//! What a request asks, whichever interface it came through. Reads leniently: what is missing or of
//! another shape is empty, because a test of a client's mistakes needs a server that copes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An interface of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `OpenAI` Chat Completions, `/v1/chat/completions`.
    ChatCompletions,
    /// `OpenAI` Responses, `/v1/responses`.
    Responses,
    /// Anthropic Messages, `/v1/messages`.
    Messages,
}

impl Api {
    /// Returns the name used in scripts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::Responses => "responses",
            Self::Messages => "messages",
        }
    }
}

/// A request.
#[derive(Debug, Clone, Serialize)]
pub struct Asked {
    /// The interface used.
    pub api: Api,
    /// The model asked for.
    pub model: String,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// Whether a stream of Chat Completions should end with the usage.
    pub include_usage: bool,
    /// The conversation, where the client names one.
    pub conversation: Option<String>,
    /// Who speaks last; `tool` when the last message carries results of tools.
    pub last_role: String,
    /// The text of the last message; of all results when it carries several.
    pub last_message: String,
    /// Words in the whole request: what input tokens are counted as without a script's word.
    pub words: u64,
    /// The headers, credentials replaced.
    pub headers: BTreeMap<String, String>,
    /// The body as it came.
    pub body: Value,
}

impl Asked {
    /// Reads a request.
    pub fn read(api: Api, headers: BTreeMap<String, String>, body: Value) -> Self {
        let text_at = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let turns = match body.get("messages").or_else(|| body.get("input")) {
            Some(Value::Array(turns)) => turns.clone(),
            Some(Value::String(text)) => vec![serde_json::json!({"role": "user", "content": text})],
            _ => Vec::new(),
        };
        let (last_role, last_message) = last_turn(&turns);
        let mut all = String::new();
        for part in ["system", "instructions", "messages", "input"].iter().filter_map(|key| body.get(key)) {
            append_text(part, &mut all);
        }
        let conversation = headers.get("x-conversation").cloned();
        Self {
            api,
            model: text_at("/model").unwrap_or_default(),
            stream: body.get("stream") == Some(&Value::Bool(true)),
            include_usage: body.pointer("/stream_options/include_usage") == Some(&Value::Bool(true)),
            conversation: conversation.or_else(|| text_at("/user")).or_else(|| text_at("/metadata/user_id")),
            last_role,
            last_message,
            words: word_count(&all),
            headers,
            body,
        }
    }
}

/// Counts words; the stand-in for a tokenizer.
pub fn word_count(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

/// Returns who speaks last and what they say. Results of tools that end the list count as one turn.
fn last_turn(turns: &[Value]) -> (String, String) {
    let Some(last) = turns.last() else { return Default::default() };
    let role = role_of(last);
    let from = turns.iter().rposition(|turn| role_of(turn) != role || role != "tool").map_or(0, |other| other + 1);
    let mut text = String::new();
    for turn in turns.get(from.min(turns.len() - 1)..).unwrap_or_default() {
        append_text(turn, &mut text);
    }
    (role, text)
}

fn role_of(turn: &Value) -> String {
    let kind = |value: &Value| value.get("type").and_then(Value::as_str).map(str::to_owned);
    let carries_results = turn
        .get("content")
        .and_then(Value::as_array)
        .is_some_and(|blocks| blocks.iter().any(|block| kind(block).as_deref() == Some("tool_result")));
    if carries_results || kind(turn).as_deref() == Some("function_call_output") {
        return "tool".to_owned();
    }
    turn.get("role").and_then(Value::as_str).unwrap_or("user").to_owned()
}

/// Appends the texts of a message, an item, a content block, or a list of those.
fn append_text(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(text);
        }
        Value::Array(items) => items.iter().for_each(|item| append_text(item, out)),
        Value::Object(fields) => {
            for key in ["text", "content", "output"] {
                fields.get(key).into_iter().for_each(|inner| append_text(inner, out));
            }
        }
        _ => {}
    }
}
