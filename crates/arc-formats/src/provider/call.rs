//! One model call in canonical form, and how shapes write it.

use std::collections::BTreeSet;

use arc_model::{Attributes, FinishReason, Json, Message, Part, Payload, Role, SpanKind, ToolDefinition, Usage};
use serde_json::json;

use super::{
    Exchange,
    fields::{self, Map},
    transcript,
};
use crate::read::{
    messages, tools,
    value::{count, is_blank, name, number},
};

/// A call of a model, as far as its exchange says. Absent is unknown.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the exchange")]
pub struct Call {
    /// The shape that was recognised; `None` when none was.
    pub shape: Option<&'static str>,
    /// Who serves the model, in OpenTelemetry's spelling.
    pub provider: Option<String>,
    /// What was asked for.
    pub operation: Option<Operation>,
    /// The model asked for.
    pub request_model: Option<String>,
    /// The model that answered.
    pub response_model: Option<String>,
    /// The provider's id of the answer.
    pub response_id: Option<String>,
    /// The tier the call was served in.
    pub service_tier: Option<String>,
    /// What was sent, instructions first.
    pub messages_in: Vec<Message>,
    /// What was answered, one message for each choice.
    pub messages_out: Vec<Message>,
    /// Input that is not a message list.
    pub input: Option<Payload>,
    /// Output that is not a message list.
    pub output: Option<Payload>,
    /// Tools the model could ask for.
    pub tools_offered: Vec<ToolDefinition>,
    /// Settings of the request.
    pub parameters: Attributes,
    /// Why the model stopped, for each choice.
    pub finish_reasons: Vec<FinishReason>,
    /// Tokens in our classes.
    pub usage: Option<Usage>,
    /// The counts as the provider wrote them.
    pub raw_usage: Option<Json>,
    /// What the provider says the call cost, in dollars.
    pub reported_cost_usd: Option<f64>,
    /// What went wrong.
    pub error: Option<CallError>,
    /// Tool calls whose results the request carries for the first time.
    pub tool_outcomes: Vec<ToolOutcome>,
    /// Whether the answer came as a stream.
    pub is_streamed: bool,
    /// Whether the stream said that it was over; `None` for an answer in one piece.
    pub is_complete: Option<bool>,
    /// Fields of the answer that nobody read.
    pub rest: Attributes,
    /// What someone should know.
    pub remarks: Vec<String>,
    /// Whether there is more in the request's bytes than was read.
    pub has_unread_request: bool,
    /// Whether there is more in the response's bytes than was read.
    pub has_unread_response: bool,
    /// Fields of messages that are not read.
    pub(super) lost: BTreeSet<String>,
    /// Ids of the calls whose results say that they are errors.
    pub(super) failed: BTreeSet<Option<String>>,
    /// Whether the request continues a conversation that the provider holds.
    pub(super) is_continued: bool,
}

/// What a model was asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Answer a conversation.
    Chat,
    /// Continue a text.
    TextCompletion,
    /// Embed texts.
    Embeddings,
    /// Order documents by a question.
    Rerank,
    /// Let an agent work that the provider runs.
    InvokeAgent,
}

impl Operation {
    /// Returns the name, in OpenTelemetry's spelling where it has one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::TextCompletion => "text_completion",
            Self::Embeddings => "embeddings",
            Self::Rerank => "rerank",
            Self::InvokeAgent => "invoke_agent",
        }
    }

    /// Returns the kind of span it is.
    pub const fn kind(self) -> SpanKind {
        match self {
            Self::Chat | Self::TextCompletion => SpanKind::Llm,
            Self::Embeddings => SpanKind::Embedding,
            Self::Rerank => SpanKind::Rerank,
            Self::InvokeAgent => SpanKind::Agent,
        }
    }
}

/// What a provider says went wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallError {
    /// The HTTP status, where it says so.
    pub status: Option<u16>,
    /// The class of the error in the provider's words.
    pub kind: Option<String>,
    /// The provider's code.
    pub code: Option<String>,
    /// The message, empty when there was none.
    pub message: String,
    /// When to try again, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

impl CallError {
    /// Returns the class of the error: the HTTP status, else the provider's words.
    pub fn class(&self) -> String {
        let status = self.status.filter(|status| *status >= 400).map(|status| status.to_string());
        status.or_else(|| self.kind.clone()).or_else(|| self.code.clone()).unwrap_or_else(|| "error".to_owned())
    }
}

/// A tool call as a request's transcript shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolOutcome {
    /// The provider's id of the call.
    pub call_id: Option<String>,
    /// What tells the call apart within its run: the id, else its place in the conversation.
    pub key: String,
    /// The tool's name; `None` when the request does not hold the call.
    pub name: Option<String>,
    /// What it was called with.
    pub arguments: Option<Payload>,
    /// What it returned.
    pub result: Payload,
    /// Whether the result says that it is an error.
    pub has_failed: bool,
}

impl Call {
    /// Says something that someone should know.
    pub(super) fn remark(&mut self, message: impl Into<String>) {
        self.remarks.push(message.into());
    }

    /// Takes in a message that was sent.
    pub(super) fn hear(&mut self, message: Json) {
        let message = self.message(message);
        if !message.parts.is_empty() || message.role != Role::Assistant {
            self.messages_in.push(message);
        }
    }

    /// Takes in instructions: a text, a part or a list of parts.
    pub(super) fn instruct(&mut self, content: Option<Json>) {
        let Some(content) = content.filter(|content| !is_blank(content)) else { return };
        let message = self.message(json!({"role": "system", "content": content}));
        self.messages_in.push(message);
    }

    /// Takes in a message that was answered.
    pub(super) fn say(&mut self, message: Json) {
        let message = self.message(message);
        if !message.parts.is_empty() {
            self.messages_out.push(message);
        }
    }

    /// Reads a message in one of the shapes that messages have everywhere.
    pub(super) fn message(&mut self, value: Json) -> Message {
        let mut read = messages::read(value);
        if let Some(problem) = read.problem {
            self.remark(problem);
        }
        self.lost.extend(read.beside.lost);
        self.failed.extend(read.beside.failed);
        if let Some(Json::String(text)) = read.rest.remove("refusal") {
            read.message.parts.push(refusal(&text));
        }
        self.lost.extend(read.rest.into_keys());
        for part in &mut read.message.parts {
            if let Part::Other { value } = part {
                leave_bytes_out(value);
            }
        }
        read.message
    }

    /// Takes in why the model stopped.
    pub(super) fn stop(&mut self, reason: Option<String>) {
        self.finish_reasons.extend(reason.map(|reason| FinishReason::from_text(&reason)));
    }

    /// Takes in a definition of a tool.
    pub(super) fn offer(&mut self, tool: Json) {
        match tools::read(tool) {
            Some(tool) => self.tools_offered.push(tool),
            None => self.remark("a tool that is offered has no name; it is left out"),
        }
    }

    /// Takes in the settings of a request: all that is left of it but what is content or identifies someone.
    pub(super) fn set(&mut self, fields: Map, renamed: &[(&str, &str)], left_out: &[&str]) {
        for (key, value) in fields {
            if value.is_null() || left_out.contains(&key.as_str()) {
                continue;
            }
            let known = renamed.iter().find(|(old, _)| *old == key);
            let key = known.map_or(key, |(_, new)| (*new).to_owned());
            let value = match value {
                Json::String(one) if key == "stop_sequences" => json!([one]),
                value => value,
            };
            self.parameters.entry(key).or_insert(value);
        }
    }

    /// Keeps what is left of an answer.
    pub(super) fn keep(&mut self, fields: Map) {
        self.rest.extend(fields.into_iter().filter(|(_, value)| !is_blank(value)));
    }

    /// Keeps a body that could not be read.
    pub(super) fn unread(&mut self, what: String) {
        self.has_unread_response = true;
        self.remark("the answer is neither JSON nor a stream of events; it is kept as it came");
        let error = self.error.get_or_insert_default();
        error.kind.get_or_insert_with(|| "invalid_response".to_owned());
        if error.message.is_empty() {
            error.message = what;
        }
    }

    /// Takes in what an answer says went wrong, in the shapes of the providers.
    pub(super) fn read_error(&mut self, body: &Map) {
        let found = match body.get("error") {
            Some(Json::Object(error)) if !error.is_empty() => error_of(error),
            Some(Json::String(message)) if !message.is_empty() => {
                CallError { message: message.clone(), ..CallError::default() }
            }
            _ => return,
        };
        self.error = Some(found);
    }

    /// Settles what the exchange says beside its bodies.
    pub(super) fn read_status(&mut self, exchange: &Exchange<'_>) {
        if let Some(status) = exchange.status.filter(|status| *status >= 400) {
            let body = std::mem::take(&mut self.rest);
            let mut error = self.error.take().unwrap_or_else(|| error_beside(&body));
            self.rest = body;
            error.status = Some(status);
            error.retry_after_ms = error.retry_after_ms.or_else(|| {
                let seconds: f64 = exchange.retry_after?.trim().parse().ok()?;
                milliseconds(seconds)
            });
            self.error = Some(error);
        }
        if exchange.is_whole == Some(false) && self.is_complete != Some(true) {
            self.is_complete = Some(false);
        }
    }

    /// Settles what follows from what was read.
    pub(super) fn finish(&mut self) {
        if self.provider.is_none() {
            self.provider = self.response_id.as_deref().and_then(provider_of).map(str::to_owned);
        }
        self.tool_outcomes = transcript::outcomes(self);
        if !self.lost.is_empty() {
            let lost: Vec<String> = std::mem::take(&mut self.lost).into_iter().take(12).collect();
            self.remark(format!("fields of messages that have no place in a span are left out: {}", lost.join(", ")));
        }
    }
}

/// Returns a refusal as a part: it is neither an answer nor a text to show as one.
pub(super) fn refusal(text: &str) -> Part {
    Part::Other { value: json!({"type": "refusal", "content": text}) }
}

/// Ids of Anthropic's answers begin with who served them.
fn provider_of(id: &str) -> Option<&'static str> {
    [("msg_bdrk_", "aws.bedrock"), ("msg_vrtx_", "gcp.vertex_ai"), ("msg_01", "anthropic")]
        .into_iter()
        .find_map(|(start, provider)| id.starts_with(start).then_some(provider))
}

fn error_of(error: &Map) -> CallError {
    let said = |field: &str| error.get(field).and_then(name);
    // Gemini's code is the HTTP status, and its class is called status.
    let status = error.get("code").filter(|code| code.is_number()).and_then(count);
    CallError {
        status: status.and_then(|status| u16::try_from(status).ok()).filter(|status| (100..600).contains(status)),
        kind: said("type").or_else(|| fields::peek(error, "status").map(str::to_owned)),
        code: said("code"),
        message: said("message").unwrap_or_default(),
        retry_after_ms: retry_info(error),
    }
}

/// The delay that Google writes among an error's details.
fn retry_info(error: &Map) -> Option<u64> {
    let details = error.get("details")?.as_array()?;
    let delay = details.iter().find_map(|detail| detail.get("retryDelay")?.as_str())?;
    milliseconds(delay.strip_suffix('s')?.parse().ok()?)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked in the condition")]
fn milliseconds(seconds: f64) -> Option<u64> {
    (0.0..=1e9).contains(&seconds).then(|| (seconds * 1e3).round() as u64)
}

/// Errors of providers whose body is the error: AWS, Cohere, Mistral.
fn error_beside(body: &Attributes) -> CallError {
    let said = |field: &str| body.get(field).and_then(name);
    let detail =
        || body.get("detail").filter(|detail| !is_blank(detail)).map(|detail| Payload::from_json(detail.clone()));
    CallError {
        kind: said("type").or_else(|| said("__type")),
        code: said("code"),
        message: said("message").or_else(|| said("Message")).or_else(|| Some(detail()?.to_text())).unwrap_or_default(),
        ..CallError::default()
    }
}

/// Texts in a part of an unknown kind that are longer are taken for bytes.
const LONGEST_TEXT: usize = 1024;

/// Takes bytes out of a part of an unknown kind.
fn leave_bytes_out(value: &mut Json) {
    let Json::Object(fields) = value else { return };
    for (name, field) in fields {
        match field {
            Json::String(text)
                if matches!(name.as_str(), "data" | "file_data" | "result" | "bytes" | "b64_json")
                    && (text.len() > LONGEST_TEXT || is_base64(text)) =>
            {
                *field = Json::from("inline");
            }
            Json::Object(_) => leave_bytes_out(field),
            _ => {}
        }
    }
}

fn is_base64(text: &str) -> bool {
    text.len() >= 4 && text.len().is_multiple_of(4) && !text.contains(char::is_whitespace)
}

/// Reads a number of dollars.
pub(super) fn dollars(value: Option<&Json>) -> Option<f64> {
    value.and_then(number).filter(|cost| *cost >= 0.0)
}
