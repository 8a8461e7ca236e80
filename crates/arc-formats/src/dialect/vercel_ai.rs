//! Vercel's AI SDK: `ai.operationId`, `ai.prompt.*`, `ai.response.*`, `ai.usage.*`, `ai.toolCall.*`.
//!
//! `ai.generateText` and `ai.streamText` loop over model and tool calls and are agents; the calls
//! themselves are `….doGenerate` and `….doStream`. Goes before `otel_genai`, since only the `ai.usage`
//! counts tell cached tokens apart.

use arc_model::{
    AgentName, Attributes, FinishReason, InputRule, Json, Message, Part, Payload, Role, RunFacts, SessionId, SpanKind,
    Usage, UserId,
};
use serde_json::Map;

use super::{Dialect, Found, Reading};
use crate::{
    raw::RawSpan,
    read::{
        attributes::Reader,
        messages, provider, tools,
        value::{count, number, structured, take},
    },
};

/// The dialect.
pub struct VercelAi;

const PROMPT: &str = "ai.prompt.messages";
const TEXT: &str = "ai.response.text";
const REASONING: &str = "ai.response.reasoning";
const CALLS: &str = "ai.response.toolCalls";

impl Dialect for VercelAi {
    fn id(&self) -> &'static str {
        "vercel-ai"
    }

    fn name(&self) -> &'static str {
        "Vercel AI SDK"
    }

    fn speaks(&self, span: &RawSpan) -> bool {
        let attributes = Reader::new(&span.attributes);
        attributes.get("ai.operationId").is_some() || attributes.speaks(&["aisdk.", "stream.usage."])
    }

    fn read(&self, span: &RawSpan) -> Reading {
        let attributes = Reader::new(&span.attributes);
        let kind = kind(attributes);
        let mut reading = Reading {
            kind: kind.map(Found::kept),
            provider: provider(attributes),
            request_model: attributes.name(&["ai.model.id", "aisdk.model.id"]),
            response_model: attributes.name(&["ai.response.model"]),
            response_id: attributes.name(&["ai.response.id"]),
            usage: usage(attributes),
            finish_reason: attributes
                .first(&["ai.response.finishReason"], |value| Some(FinishReason::from_text(value.as_str()?))),
            time_to_first_token_ns: attributes
                .first(&["ai.response.msToFirstChunk"], |value| nanoseconds(number(value)?)),
            parameters: parameters(attributes),
            facts: facts(attributes, kind),
            ..Reading::default()
        };
        match kind {
            Some(SpanKind::Tool) => {
                reading.tool_name = attributes.name(&["ai.toolCall.name"]);
                reading.tool_call_id = attributes.name(&["ai.toolCall.id"]);
                reading.tool_arguments = attributes.payload(&["ai.toolCall.args"]);
                reading.tool_result = attributes.payload(&["ai.toolCall.result"]);
            }
            Some(SpanKind::Llm) => {
                read_prompt(attributes, &mut reading);
                read_response(attributes, &mut reading);
                read_tools_offered(attributes, &mut reading);
            }
            _ => {
                reading.input = attributes.payload(&["ai.prompt"]);
                reading.output = attributes.payload(&[TEXT]).or_else(|| attributes.payload(&["ai.response.object"]));
            }
        }
        reading
    }
}

fn kind(attributes: Reader<'_>) -> Option<SpanKind> {
    let operation = attributes.get("ai.operationId").and_then(Json::as_str)?;
    Some(match operation {
        "ai.toolCall" => SpanKind::Tool,
        "ai.generateText" | "ai.streamText" => SpanKind::Agent,
        _ if operation.ends_with(".doGenerate") || operation.ends_with(".doStream") => SpanKind::Llm,
        _ if operation.ends_with(".doEmbed") => SpanKind::Embedding,
        _ => SpanKind::Step,
    })
}

/// Returns the provider without the API behind it: `openai.responses`, `anthropic.messages`.
fn provider(attributes: Reader<'_>) -> Option<Found<String>> {
    let found = attributes.name(&["ai.model.provider", "aisdk.model.provider"])?;
    let name = match found.value.split('.').collect::<Vec<_>>().as_slice() {
        ["google", "vertex", ..] => "vertex_ai".to_owned(),
        [first, ..] => first.replace('-', "_"),
        [] => return None,
    };
    let canonical = provider::canonical(&name);
    Some(if canonical == found.value { found } else { Found::kept(canonical) })
}

/// Counts stay among the raw attributes, so that every rule applied to them can be undone.
fn usage(attributes: Reader<'_>) -> Option<Usage> {
    // `stream.usage` is Mastra's.
    let mut counts = Usage {
        input: attributes.count(&["ai.usage.inputTokens", "ai.usage.promptTokens", "stream.usage.inputTokens"]),
        output: attributes.count(&["ai.usage.outputTokens", "ai.usage.completionTokens", "stream.usage.outputTokens"]),
        cache_read: attributes.count(&[
            "ai.usage.inputTokenDetails.cacheReadTokens",
            "ai.usage.cachedInputTokens",
            "stream.usage.cachedInputTokens",
        ]),
        cache_write: attributes.count(&["ai.usage.inputTokenDetails.cacheWriteTokens"]),
        reasoning: attributes.count(&["ai.usage.outputTokenDetails.reasoningTokens", "ai.usage.reasoningTokens"]),
        ..Usage::default()
    };
    add_what_anthropic_says(attributes, &mut counts);
    // Without either the counts of another dialect say more.
    (!counts.is_empty()).then_some(counts)
}

/// Reads what Anthropic counted, which the SDK passes on beside its own counts. Where its own input is Anthropic's, the
/// input leaves out what was cached, as Anthropic's does.
fn add_what_anthropic_says(attributes: Reader<'_>, counts: &mut Usage) {
    let metadata = attributes.get("ai.response.providerMetadata").and_then(structured);
    let Some(anthropic) = metadata.as_ref().and_then(|metadata| metadata.get("anthropic")) else { return };
    let at = |pointers: [&str; 2]| pointers.iter().find_map(|pointer| anthropic.pointer(pointer).and_then(count));
    let read = at(["/usage/cache_read_input_tokens", "/cacheReadInputTokens"]);
    let written = at(["/usage/cache_creation_input_tokens", "/cacheCreationInputTokens"]);
    counts.cache_read = counts.cache_read.or(read);
    counts.cache_write = counts.cache_write.or(written);
    let cached = counts.cache_read.unwrap_or(0).saturating_add(counts.cache_write.unwrap_or(0));
    let raw = anthropic.pointer("/usage/input_tokens").and_then(count);
    if let Some(input) = counts.input.filter(|input| cached > 0 && Some(*input) == raw) {
        counts.input = Some(input.saturating_add(cached));
        counts.input_rule = InputRule::ExclusiveByEmitter;
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked in the condition")]
fn nanoseconds(milliseconds: f64) -> Option<u64> {
    // A year: a longer wait is a number in another unit.
    (0.0..=31_536_000_000.0).contains(&milliseconds).then(|| (milliseconds * 1e6).round() as u64)
}

fn parameters(attributes: Reader<'_>) -> Option<Found<Attributes>> {
    let mut found = Found::kept(Attributes::new());
    for (name, value) in attributes.under("ai.settings.") {
        found.value.insert(name.to_owned(), value.clone());
        found.from.push(format!("ai.settings.{name}"));
    }
    (!found.value.is_empty()).then_some(found)
}

fn facts(attributes: Reader<'_>, kind: Option<SpanKind>) -> Option<Found<RunFacts>> {
    let mut found = Found::kept(RunFacts::default());
    if kind == Some(SpanKind::Agent) {
        // The name the program gave to the call.
        found.value.agent = found.keep(attributes.name(&["ai.telemetry.functionId"])).map(AgentName::new);
    }
    found.value.session = found.keep(attributes.name(&["ai.telemetry.metadata.sessionId"])).map(SessionId::new);
    found.value.user = found.keep(attributes.name(&["ai.telemetry.metadata.userId"])).map(UserId::new);
    (!found.value.is_empty()).then_some(found)
}

fn read_prompt(attributes: Reader<'_>, reading: &mut Reading) {
    let Some(value) = attributes.get(PROMPT) else { return };
    let Some(Json::Array(items)) = structured(value) else {
        reading
            .repaired(format!("`{PROMPT}` holds no list of messages, or JSON that breaks off; it is kept as it came"));
        return;
    };
    let mut found = Found::new(Vec::with_capacity(items.len()), PROMPT);
    for (index, item) in items.into_iter().enumerate() {
        let read = messages::read(with_plain_parts(item));
        if let Some(problem) = read.problem {
            reading.repaired(format!(
                "message {index} of `{PROMPT}`: {problem}; it is kept as a message of an unknown speaker"
            ));
        }
        for field in read.beside.lost.iter().chain(read.rest.keys()) {
            reading.note_once(format!("`{field}` in the messages of `{PROMPT}` is not read"));
        }
        found.value.push(read.message);
    }
    if !found.value.is_empty() {
        reading.messages_in = Some(found.shared());
    }
}

/// Gives tool calls and results in a message the names of OpenTelemetry's parts.
fn with_plain_parts(mut message: Json) -> Json {
    if let Some(Json::Array(parts)) = message.get_mut("content") {
        for part in parts {
            let Json::Object(fields) = part else { continue };
            match fields.get("type").and_then(Json::as_str) {
                Some("tool-call") => rename(fields, "tool_call", &["input", "args"], "arguments"),
                Some("tool-result") => {
                    rename(fields, "tool_call_response", &["output", "result"], "response");
                    unwrap_output(fields);
                }
                _ => {}
            }
        }
    }
    message
}

fn rename(fields: &mut Map<String, Json>, kind: &str, from: &[&str], to: &str) {
    fields.insert("type".to_owned(), Json::from(kind));
    for (names, to) in [(&["toolCallId"] as &[&str], "id"), (&["toolName"], "name"), (from, to)] {
        if let Some(value) = take(fields, names) {
            fields.insert(to.to_owned(), value);
        }
    }
}

/// From version 5 on a result is wrapped: `{type: "json", value}`.
fn unwrap_output(fields: &mut Map<String, Json>) {
    let Some(Json::Object(output)) = fields.get_mut("response") else { return };
    let is_wrapped = matches!(output.get("type").and_then(Json::as_str), Some("json" | "text")) && output.len() == 2;
    if let Some(value) = take(output, if is_wrapped { &["value"] } else { &[] }) {
        fields.insert("response".to_owned(), value);
    }
}

fn read_response(attributes: Reader<'_>, reading: &mut Reading) {
    let mut found = Found::kept(Vec::new());
    let text = |name: &str| attributes.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
    if let Some(reasoning) = text(REASONING) {
        found.value.push(Part::Reasoning { text: reasoning.to_owned() });
        found.from.push(REASONING.to_owned());
    }
    for name in [TEXT, "ai.response.object"] {
        if let Some(said) = text(name) {
            found.value.push(Part::Text { text: said.to_owned() });
            found.from.push(name.to_owned());
        }
    }
    if let Some(calls) = attributes.get(CALLS) {
        match structured(calls) {
            Some(Json::Array(calls)) => {
                found.value.extend(calls.into_iter().map(tool_call));
                found.from.push(CALLS.to_owned());
            }
            _ => reading.repaired(format!("`{CALLS}` holds no list of calls; it is kept as it came")),
        }
    }
    if !found.value.is_empty() {
        let message = |parts| vec![Message { role: Role::Assistant, name: None, parts }];
        reading.messages_out = Some(found.map(message).shared());
    }
}

fn tool_call(call: Json) -> Part {
    let Json::Object(mut fields) = call else { return Part::Other { value: call } };
    let Some(Json::String(name)) = fields.get("toolName").cloned() else {
        return Part::Other { value: Json::Object(fields) };
    };
    let id = fields.get("toolCallId").and_then(Json::as_str).map(str::to_owned);
    let arguments = take(&mut fields, &["input", "args"]).unwrap_or(Json::Null);
    Part::ToolCall { id, name, arguments: Payload::from_json(arguments) }
}

fn read_tools_offered(attributes: Reader<'_>, reading: &mut Reading) {
    let name = "ai.prompt.tools";
    let Some(value) = attributes.get(name) else { return };
    let (offered, unread) = tools::read_all(value);
    if !unread.is_empty() {
        reading.note_once(format!("`{name}` has items that are not tool definitions; it is kept raw"));
    }
    if !offered.is_empty() {
        reading.tools_offered =
            Some(if unread.is_empty() { Found::new(offered, name) } else { Found::kept(offered) }.shared());
    }
}
