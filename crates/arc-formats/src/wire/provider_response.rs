//! Raw answers of model providers: `OpenAI` Chat Completions and Responses, Anthropic Messages,
//! Gemini `generateContent`. One answer is one model call, a run of its own.
//!
//! The shapes are asked for by several fields each: a `content` beside a `model` is nobody's answer.
//! Many providers serve these shapes, so the provider stays unknown unless the answer's id names it.

use arc_model::{FinishReason, InputRule, Json, Message, ModelRef, Part, Role, Span, SpanKind, Status, Usage};
use serde_json::{Map, json};

use super::{
    Match, RECORDS_LOOKED_AT, Wire, describe_json,
    identity::{Identities, span_id},
    json_documents, place,
};
use crate::{
    document::{Content, Document},
    output::Output,
    read::{
        messages, usage,
        value::{count, is_blank, take_text},
    },
};

/// The wire.
pub struct ProviderResponse;

impl Wire for ProviderResponse {
    fn id(&self) -> &'static str {
        "provider-response"
    }

    fn name(&self) -> &'static str {
        "Raw answers of OpenAI, Anthropic and Gemini"
    }

    fn expects(&self) -> &'static str {
        "a provider's answer, with `choices` and messages, `object: \"response\"`, `type: \"message\"` or `candidates`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        let shape = shape(value).or_else(|| value.as_array()?.iter().take(RECORDS_LOOKED_AT).find_map(shape))?;
        let because = match shape {
            Shape::ChatCompletion => "its `choices` hold messages",
            Shape::Response => "its `object` is response and it has an `output`",
            Shape::Anthropic => "it is of the type `message` with a role, a model and a list of content",
            Shape::Gemini => "its `candidates` hold content with parts",
        };
        Some(Match { score: 85, because })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut identities = Identities::default();
        for (line, value) in json_documents(documents, out) {
            match value {
                Json::Array(answers) => {
                    for (index, answer) in answers.into_iter().enumerate() {
                        read_answer(answer, line, &format!("/{index}"), &mut identities, out);
                    }
                }
                answer => read_answer(answer, line, "", &mut identities, out),
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Shape {
    ChatCompletion,
    Response,
    Anthropic,
    Gemini,
}

fn shape(value: &Json) -> Option<Shape> {
    let is = |name: &str, text: &str| value.get(name).and_then(Json::as_str) == Some(text);
    let list = |name: &str| value.get(name).and_then(Json::as_array);
    let has_usage = |name: &str| value.get(name).is_some_and(Json::is_object);
    if value.get("messages").is_some() {
        // A record of a whole exchange, of which the answer is the lesser part.
        return None;
    }
    let is_choice = |choice: &Json| choice.get("message").and_then(|message| message.get("role")).is_some();
    if list("choices").is_some_and(|choices| choices.iter().any(is_choice) || is("object", "chat.completion")) {
        return Some(Shape::ChatCompletion);
    }
    if is("object", "response") && list("output").is_some() {
        return Some(Shape::Response);
    }
    let has_model = value.get("model").is_some_and(Json::is_string);
    if is("type", "message") && is("role", "assistant") && has_model && list("content").is_some() {
        return Some(Shape::Anthropic);
    }
    let is_candidate = |candidate: &Json| candidate.pointer("/content/parts").is_some_and(Json::is_array);
    let counted = has_usage("usageMetadata") && value.get("modelVersion").is_some();
    (list("candidates").is_some_and(|all| all.iter().any(is_candidate)) || counted).then_some(Shape::Gemini)
}

fn read_answer(answer: Json, line: Option<u64>, pointer: &str, identities: &mut Identities, out: &mut Output) {
    let (Some(shape), true) = (shape(&answer), answer.is_object()) else {
        let found = describe_json(&answer);
        out.rejected(place(line, pointer), format!("expected {}, found {found}", ProviderResponse.expects()));
        return;
    };
    let trace_id = identities.of(ProviderResponse.id(), &answer);
    let Json::Object(mut fields) = answer else { return };
    let mut span = Span::new(trace_id, span_id(trace_id, 0), SpanKind::Llm, "chat");
    span.revision = 1;
    let id = take_text(&mut fields, &["id", "responseId"]);
    let model = ModelRef {
        provider: id.as_deref().and_then(provider_of).map(str::to_owned),
        request: None,
        response: take_text(&mut fields, &["model", "modelVersion"]),
        response_id: id,
    };
    span.model = (model != ModelRef::default()).then_some(model);
    let counts = fields.get("usage").and_then(usage::of_api_answer);
    span.usage = counts.or_else(|| fields.get("usageMetadata").and_then(of_gemini));
    match shape {
        Shape::ChatCompletion => read_choices(&mut span, &mut fields),
        Shape::Response => read_items(&mut span, &mut fields),
        Shape::Anthropic => {
            let content = fields.remove("content").unwrap_or(Json::Null);
            say(&mut span, json!({"role": "assistant", "content": content}));
            fields.remove("role");
            finish(&mut span, take_text(&mut fields, &["stop_reason"]));
        }
        Shape::Gemini => read_candidates(&mut span, &mut fields),
    }
    fields.retain(|_, value| !is_blank(value));
    span.attributes = fields.into_iter().collect();
    out.spans.push(span);
}

/// Ids of Anthropic's answers begin with who served them.
fn provider_of(id: &str) -> Option<&'static str> {
    [("msg_bdrk_", "aws.bedrock"), ("msg_vrtx_", "gcp.vertex_ai"), ("msg_01", "anthropic")]
        .into_iter()
        .find_map(|(start, provider)| id.starts_with(start).then_some(provider))
}

fn say(span: &mut Span, message: Json) {
    span.messages_out.push(messages::read(message).message);
}

fn finish(span: &mut Span, reason: Option<String>) {
    if span.finish_reason.is_none() {
        span.finish_reason = reason.map(|reason| FinishReason::from_text(&reason));
    }
}

fn read_choices(span: &mut Span, fields: &mut Map<String, Json>) {
    let Some(Json::Array(choices)) = fields.remove("choices") else { return };
    for choice in choices {
        let Json::Object(mut choice) = choice else { continue };
        finish(span, take_text(&mut choice, &["finish_reason"]));
        if let Some(message) = choice.remove("message") {
            say(span, message);
        }
    }
}

/// The items of one answer are one message of the model.
fn read_items(span: &mut Span, fields: &mut Map<String, Json>) {
    let Some(Json::Array(items)) = fields.remove("output") else { return };
    let mut parts = Vec::new();
    for item in items {
        match item.get("type").and_then(Json::as_str) {
            Some("message") => parts.extend(messages::read(item).message.parts),
            Some("reasoning") => {
                let texts = item.get("summary").and_then(Json::as_array).into_iter().flatten();
                let texts = texts.filter_map(|text| text.get("text")?.as_str().map(str::to_owned));
                parts.extend(texts.map(|text| Part::Reasoning { text }));
            }
            _ => parts.extend(messages::read(json!({"role": "assistant", "content": [item]})).message.parts),
        }
    }
    let asks = parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
    span.messages_out.push(Message { role: Role::Assistant, name: None, parts });
    let why = fields.get("incomplete_details").and_then(|details| details.get("reason")).and_then(Json::as_str);
    let why = why.map(str::to_owned);
    match fields.get("status").and_then(Json::as_str) {
        Some("completed") => finish(span, Some(if asks { "tool_calls" } else { "stop" }.to_owned())),
        Some("incomplete") => finish(span, why),
        Some("failed") => {
            let error = |name: &str| fields.get("error").and_then(|error| error.get(name)).and_then(Json::as_str);
            let message = error("message").unwrap_or_default().to_owned();
            span.status = Status::Error { kind: error("code").map(str::to_owned), message };
        }
        _ => {}
    }
}

fn read_candidates(span: &mut Span, fields: &mut Map<String, Json>) {
    let Some(Json::Array(candidates)) = fields.remove("candidates") else { return };
    for candidate in candidates {
        let reason = candidate.get("finishReason").and_then(Json::as_str).map(str::to_owned);
        if let Some(content) = candidate.get("content") {
            say(span, from_gemini(content));
        }
        finish(span, reason);
    }
}

/// Writes a Gemini `content` as a message in OpenTelemetry's shape.
pub(super) fn from_gemini(content: &Json) -> Json {
    let role = content.get("role").and_then(Json::as_str).unwrap_or("model");
    let parts = content.get("parts").and_then(Json::as_array).into_iter().flatten();
    let parts: Vec<Json> = parts.map(from_gemini_part).collect();
    json!({"role": role, "parts": parts})
}

fn from_gemini_part(part: &Json) -> Json {
    let either = |name: &str, other: &str| part.get(name).or_else(|| part.get(other)).cloned();
    let field = |value: &Json, name: &str| value.get(name).cloned().unwrap_or(Json::Null);
    if let Some(call) = either("functionCall", "function_call") {
        return json!({"type": "tool_call", "id": field(&call, "id"), "name": field(&call, "name"),
            "arguments": field(&call, "args")});
    }
    if let Some(answer) = either("functionResponse", "function_response") {
        return json!({"type": "tool_call_response", "id": field(&answer, "id"), "result": field(&answer, "response")});
    }
    if let Some(text) = part.get("text").filter(|text| text.is_string()) {
        let is_thought = part.get("thought") == Some(&Json::Bool(true));
        return json!({"type": if is_thought { "reasoning" } else { "text" }, "content": text});
    }
    if let Some(data) = either("inlineData", "inline_data") {
        return json!({"type": "blob", "mime_type": field(&data, "mimeType"), "content": ""});
    }
    part.clone()
}

/// Gemini counts thoughts outside of the candidates, and bills them as output.
fn of_gemini(counts: &Json) -> Option<Usage> {
    let at = |name: &str| counts.get(name).and_then(count);
    let add = |known: Option<u64>, more: Option<u64>| match (known, more) {
        (None, None) => None,
        (known, more) => Some(known.unwrap_or(0).saturating_add(more.unwrap_or(0))),
    };
    let audio = |name: &str| {
        let details = counts.get(name).and_then(Json::as_array)?;
        let of = |detail: &&Json| detail.get("modality").and_then(Json::as_str) == Some("AUDIO");
        details.iter().find(of).and_then(|detail| count(detail.get("tokenCount")?))
    };
    let usage = Usage {
        input: add(at("promptTokenCount"), at("toolUsePromptTokenCount")),
        output: add(at("candidatesTokenCount"), at("thoughtsTokenCount")),
        cache_read: at("cachedContentTokenCount"),
        reasoning: at("thoughtsTokenCount"),
        audio_input: audio("promptTokensDetails"),
        audio_output: audio("candidatesTokensDetails"),
        input_rule: InputRule::Inclusive,
        ..Usage::default()
    };
    Some(usage).filter(|usage| !usage.is_empty())
}
