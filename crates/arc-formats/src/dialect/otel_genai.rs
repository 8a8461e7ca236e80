//! OpenTelemetry's conventions for generative AI, in the names of all versions: `gen_ai.*`.
//!
//! Newer names come first in every list, older ones behind them. Versions are never asked for: one
//! trace may mix them. Messages, from attributes or from events, are read in `otel_messages`.

use arc_model::{
    AgentName, Attributes, FinishReason, Json, NanoUsd, Payload, RunFacts, SessionId, SpanKind, Usage, UserId,
};

use super::{Dialect, Found, Reading, otel_messages};
use crate::{
    raw::RawSpan,
    read::{
        attributes::Reader,
        provider,
        value::{number, structured},
    },
};

/// The dialect.
pub struct OtelGenAi;

impl Dialect for OtelGenAi {
    fn id(&self) -> &'static str {
        "otel-genai"
    }

    fn name(&self) -> &'static str {
        "OpenTelemetry GenAI"
    }

    fn speaks(&self, span: &RawSpan) -> bool {
        Reader::new(&span.attributes).speaks(&["gen_ai."])
            || span.events.iter().any(|event| event.name.starts_with("gen_ai."))
    }

    fn read(&self, span: &RawSpan) -> Reading {
        let attributes = Reader::of_many(&span.attributes);
        let kind = kind(attributes);
        let mut reading = Reading {
            // The operation says more than the kind; it stays among the attributes.
            kind: kind.map(Found::kept),
            provider: provider(attributes),
            request_model: attributes.name(&["gen_ai.request.model"]),
            response_model: attributes.name(&["gen_ai.response.model"]),
            response_id: attributes.name(&["gen_ai.response.id"]),
            tool_name: attributes.name(&["gen_ai.tool.name"]),
            tool_call_id: attributes.name(&["gen_ai.tool.call.id"]),
            tool_arguments: attributes.payload(&["gen_ai.tool.call.arguments"]),
            tool_result: attributes.payload(&["gen_ai.tool.call.result"]),
            usage: usage(attributes),
            // The second name is Pydantic AI's.
            reported_cost: attributes
                .number(&["gen_ai.usage.cost", "operation.cost"])
                .and_then(NanoUsd::from_usd)
                .map(Found::kept),
            finish_reason: finish_reason(attributes),
            time_to_first_token_ns: attributes
                .first(&["gen_ai.response.time_to_first_chunk"], |seconds| nanoseconds(number(seconds)?)),
            parameters: parameters(attributes),
            facts: facts(attributes),
            ..Reading::default()
        };
        if kind == Some(SpanKind::Retrieval) {
            reading.input = attributes.name(&["gen_ai.retrieval.query.text"]).map(|found| found.map(Payload::Text));
            reading.output = attributes.payload(&["gen_ai.retrieval.documents"]);
        }
        read_tools(span, &mut reading);
        otel_messages::read(span, &mut reading);
        reading
    }
}

fn kind(attributes: Reader<'_>) -> Option<SpanKind> {
    let has = |name: &str| attributes.get(name).is_some();
    if has("gen_ai.evaluation.name") {
        return Some(SpanKind::Evaluation);
    }
    if let Some(operation) = attributes.get("gen_ai.operation.name").and_then(Json::as_str) {
        return Some(match operation {
            "chat" | "generate_content" | "text_completion" => SpanKind::Llm,
            "embeddings" => SpanKind::Embedding,
            "retrieval" | "search_memory" => SpanKind::Retrieval,
            "execute_tool" => SpanKind::Tool,
            "invoke_agent" | "create_agent" => SpanKind::Agent,
            "invoke_workflow" => SpanKind::Workflow,
            // Planning, memory, and fetching an answer whose tokens another span already counted.
            _ => SpanKind::Step,
        });
    }
    // Older emitters name no operation; what is recorded tells.
    if has("gen_ai.tool.name") || has("gen_ai.tool.call.id") {
        return Some(SpanKind::Tool);
    }
    if has("gen_ai.request.model") || has("gen_ai.response.model") {
        return Some(SpanKind::Llm);
    }
    has("gen_ai.agent.name").then_some(SpanKind::Agent)
}

fn provider(attributes: Reader<'_>) -> Option<Found<String>> {
    let found = attributes.name(&["gen_ai.provider.name", "gen_ai.system"])?;
    let canonical = provider::canonical(&found.value);
    // Another spelling is evidence of the emitter and stays.
    Some(if canonical == found.value { found } else { Found::kept(canonical) })
}

/// Counts stay among the raw attributes, so that every rule applied to them can be undone.
fn usage(attributes: Reader<'_>) -> Option<Usage> {
    let counts = Usage {
        input: attributes.count(&["gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"]),
        output: attributes.count(&["gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"]),
        cache_read: attributes.count(&[
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.usage.cache_read_tokens",
            "gen_ai.usage.details.cache_read_tokens",
        ]),
        cache_write: attributes.count(&[
            "gen_ai.usage.cache_write.input_tokens",
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_creation_input_tokens",
            "gen_ai.usage.cache_write_tokens",
            "gen_ai.usage.details.cache_write_tokens",
        ]),
        cache_write_1h: attributes.count(&["gen_ai.usage.cache_creation.ephemeral_1h_input_tokens"]),
        reasoning: attributes.count(&[
            "gen_ai.usage.reasoning.output_tokens",
            "gen_ai.usage.reasoning_tokens",
            "gen_ai.usage.details.reasoning_tokens",
            "llm.usage.reasoning_tokens",
        ]),
        audio_input: attributes.count(&["gen_ai.usage.audio.input_tokens"]),
        audio_output: attributes.count(&["gen_ai.usage.audio.output_tokens"]),
        image_input: attributes.count(&["gen_ai.usage.image.input_tokens"]),
        image_output: attributes.count(&["gen_ai.usage.image.output_tokens"]),
        ..Usage::default()
    };
    (counts != Usage::default()).then_some(counts)
}

fn finish_reason(attributes: Reader<'_>) -> Option<Found<FinishReason>> {
    // The older two are OpenLLMetry's.
    let name = ["gen_ai.response.finish_reasons", "gen_ai.response.finish_reason", "gen_ai.response.stop_reason"]
        .into_iter()
        .find(|name| attributes.get(name).is_some())?;
    let value = attributes.get(name)?;
    let list = structured(value);
    match list.as_ref().and_then(Json::as_array) {
        Some(reasons) => {
            let first = FinishReason::from_text(reasons.first()?.as_str()?);
            // Several choices have several reasons; the span has one.
            Some(if reasons.len() == 1 { Found::new(first, name) } else { Found::kept(first) })
        }
        None => Some(Found::new(FinishReason::from_text(value.as_str()?), name)),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked in the condition")]
fn nanoseconds(seconds: f64) -> Option<u64> {
    // A year: a longer wait is a number in another unit.
    (0.0..=31_536_000.0).contains(&seconds).then(|| (seconds * 1e9).round() as u64)
}

fn parameters(attributes: Reader<'_>) -> Option<Found<Attributes>> {
    let mut found = Found::kept(Attributes::new());
    for (name, value) in attributes.under("gen_ai.request.").filter(|(name, _)| *name != "model") {
        found.value.insert(name.to_owned(), value.clone());
        found.from.push(format!("gen_ai.request.{name}"));
    }
    (!found.value.is_empty()).then_some(found)
}

fn facts(attributes: Reader<'_>) -> Option<Found<RunFacts>> {
    let mut found = Found::kept(RunFacts::default());
    found.value.agent = found.keep(attributes.name(&["gen_ai.agent.name"])).map(AgentName::new);
    found.value.agent_version = found.keep(attributes.name(&["gen_ai.agent.version"]));
    found.value.session = found.keep(attributes.name(&["gen_ai.conversation.id"])).map(SessionId::new);
    // The last is OpenLLMetry's, which other emitters have taken over.
    found.value.user = found.keep(attributes.name(&["user.id", "enduser.id", "gen_ai.user"])).map(UserId::new);
    (!found.value.is_empty()).then_some(found)
}

/// Reads the tools offered; of a definition its name, description and schema are kept.
fn read_tools(span: &RawSpan, reading: &mut Reading) {
    let name = "gen_ai.tool.definitions";
    let Some(value) = span.attributes.get(name) else { return };
    let (offered, unread) = span.seen.tools(value);
    if !unread.is_empty() {
        reading.note_once(format!("`{name}` has {} items that are not tool definitions; it is kept raw", unread.len()));
    }
    if !offered.is_empty() {
        reading.tools_offered = Some(if unread.is_empty() { Found::new(offered, name) } else { Found::kept(offered) });
    }
}
