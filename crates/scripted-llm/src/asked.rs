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
    /// `OpenAI` embeddings, `/v1/embeddings`.
    Embeddings,
    /// Gemini, `/v1beta/models/{model}:generateContent` and `:streamGenerateContent`.
    Gemini,
    /// Bedrock Converse, `/model/{model}/converse` and `/converse-stream`.
    Bedrock,
    /// A model of Anthropic's through Bedrock, `/model/{model}/invoke` and `/invoke-with-response-stream`.
    BedrockInvoke,
    /// Cohere, `/v2/chat`.
    Cohere,
    /// Ollama, `/api/chat`.
    Ollama,
}

impl Api {
    /// Returns the name used in scripts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::Embeddings => "embeddings",
            Self::Gemini => "gemini",
            Self::Bedrock => "bedrock",
            Self::BedrockInvoke => "bedrock_invoke",
            Self::Cohere => "cohere",
            Self::Ollama => "ollama",
        }
    }
}

/// What a path says about a request, in the interfaces that say it there.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// The model asked for.
    pub model: Option<String>,
    /// Whether a stream is asked for.
    pub stream: Option<bool>,
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
    pub fn read(api: Api, named: Named, headers: BTreeMap<String, String>, body: Value) -> Self {
        let text_at = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let turns = match ["messages", "input", "contents"].iter().find_map(|key| body.get(key)) {
            Some(Value::Array(turns)) => turns.clone(),
            Some(Value::String(text)) => vec![serde_json::json!({"role": "user", "content": text})],
            _ => Vec::new(),
        };
        let (last_role, last_message) = last_turn(&turns);
        let mut all = String::new();
        for part in ["system", "instructions", "messages", "input", "contents"].iter().filter_map(|key| body.get(key)) {
            append_text(part, &mut all);
        }
        let conversation = headers.get("x-conversation").cloned();
        Self {
            api,
            model: named.model.or_else(|| text_at("/model")).unwrap_or_default(),
            // Ollama streams unless told not to.
            stream: named.stream.or_else(|| body.get("stream")?.as_bool()).unwrap_or(api == Api::Ollama),
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
    let is_result = |block: &Value| {
        let keys = ["toolResult", "functionResponse"];
        kind(block).as_deref() == Some("tool_result") || keys.iter().any(|key| block.get(key).is_some())
    };
    let blocks = ["content", "parts"].iter().find_map(|key| turn.get(key)?.as_array());
    let carries_results = blocks.is_some_and(|blocks| blocks.iter().any(is_result));
    if carries_results || kind(turn).as_deref() == Some("function_call_output") {
        return "tool".to_owned();
    }
    match turn.get("role").and_then(Value::as_str).unwrap_or("user") {
        "model" => "assistant".to_owned(),
        role => role.to_owned(),
    }
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
            const HOLDERS: [&str; 9] =
                ["text", "content", "output", "parts", "toolResult", "json", "functionResponse", "response", "result"];
            for key in HOLDERS {
                fields.get(key).into_iter().for_each(|inner| append_text(inner, out));
            }
        }
        _ => {}
    }
}
