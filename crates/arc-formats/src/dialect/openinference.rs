//! `OpenInference`: `openinference.span.kind`, `llm.*` with flattened lists, `input.value`, `output.value`.
//!
//! Messages and tools are flattened into many attributes; `openinference_messages` puts them together
//! again. Numbers often come as text.

use arc_model::{
    AgentName, Attributes, FinishReason, Json, NanoUsd, Payload, RunFacts, SessionId, SpanKind, Usage, UserId,
};

use super::{Dialect, Found, Reading, openinference_messages};
use crate::{
    raw::RawSpan,
    read::{
        attributes::Reader,
        provider, tools,
        value::{count, is_blank, structured},
    },
};

/// The dialect.
pub struct OpenInference;

const KIND: &str = "openinference.span.kind";

impl Dialect for OpenInference {
    fn id(&self) -> &'static str {
        "openinference"
    }

    fn name(&self) -> &'static str {
        "OpenInference"
    }

    fn speaks(&self, span: &RawSpan) -> bool {
        Reader::new(&span.attributes).speaks(&["openinference.", "llm.", "input.value", "output.value", "session.id"])
    }

    fn read(&self, span: &RawSpan) -> Reading {
        let attributes = Reader::new(&span.attributes);
        let kind = kind(attributes, span.parent_id.is_none());
        let mut reading = Reading {
            // "CHAIN" is a workflow or a step; the word stays among the attributes.
            kind: kind.map(Found::kept),
            provider: provider(attributes),
            request_model: attributes.name(&[
                "llm.request.model_name",
                "llm.model_name",
                "embedding.model_name",
                "reranker.model_name",
            ]),
            response_model: attributes.name(&["llm.response.model_name"]),
            usage: usage(attributes),
            reported_cost: attributes.first(&["llm.cost.total"], cost).map(|found| Found::kept(found.value)),
            finish_reason: attributes
                .first(&["llm.finish_reason"], |value| Some(FinishReason::from_text(value.as_str()?))),
            parameters: parameters(attributes),
            facts: facts(attributes, kind),
            error_kind: attributes.name(&["exception.type"]),
            error_message: attributes.name(&["exception.message"]),
            ..Reading::default()
        };
        read_tools_offered(attributes, &mut reading);
        openinference_messages::read(attributes, &mut reading);
        let input = value_of(attributes, "input.value", "input.mime_type");
        let output = value_of(attributes, "output.value", "output.mime_type");
        match kind {
            Some(SpanKind::Tool) => read_tool(attributes, input, output, &mut reading),
            Some(SpanKind::Llm) => openinference_messages::add_bodies(input, output, &mut reading),
            Some(SpanKind::Retrieval) => {
                reading.input = input;
                reading.output =
                    output.or_else(|| openinference_messages::documents(attributes, "retrieval.documents."));
            }
            Some(SpanKind::Rerank) => {
                reading.input = input.or_else(|| openinference_messages::to_rerank(attributes));
                reading.output =
                    output.or_else(|| openinference_messages::documents(attributes, "reranker.output_documents."));
            }
            Some(SpanKind::Embedding) => {
                reading.input = input.or_else(|| openinference_messages::embedded(attributes));
                reading.output = output;
            }
            _ => (reading.input, reading.output) = (input, output),
        }
        reading
    }
}

fn kind(attributes: Reader<'_>, is_root: bool) -> Option<SpanKind> {
    if let Some(kind) = attributes.get(KIND).and_then(Json::as_str) {
        return Some(match kind.to_ascii_uppercase().as_str() {
            "LLM" => SpanKind::Llm,
            "EMBEDDING" => SpanKind::Embedding,
            "CHAIN" if is_root => SpanKind::Workflow,
            "CHAIN" | "PROMPT" => SpanKind::Step,
            "RETRIEVER" => SpanKind::Retrieval,
            "RERANKER" => SpanKind::Rerank,
            "TOOL" => SpanKind::Tool,
            "AGENT" => SpanKind::Agent,
            "GUARDRAIL" => SpanKind::Guardrail,
            "EVALUATOR" => SpanKind::Evaluation,
            _ => SpanKind::Other,
        });
    }
    let has_messages =
        ["llm.input_messages.", "llm.output_messages."].iter().any(|prefix| attributes.speaks(&[prefix]));
    (has_messages || attributes.get("llm.model_name").is_some()).then_some(SpanKind::Llm)
}

fn provider(attributes: Reader<'_>) -> Option<Found<String>> {
    let found = attributes.name(&["llm.provider", "llm.system"])?;
    let canonical = provider::canonical(&found.value);
    // Another spelling is evidence of the emitter and stays.
    Some(if canonical == found.value { found } else { Found::kept(canonical) })
}

/// Counts stay among the raw attributes, so that every rule applied to them can be undone.
fn usage(attributes: Reader<'_>) -> Option<Usage> {
    let counts = Usage {
        input: attributes.count(&["llm.token_count.prompt"]),
        output: attributes.count(&["llm.token_count.completion"]),
        cache_read: attributes
            .count(&["llm.token_count.prompt_details.cache_read", "llm.token_count.prompt_details.cache_input"]),
        cache_write: attributes.count(&["llm.token_count.prompt_details.cache_write"]),
        reasoning: attributes.count(&["llm.token_count.completion_details.reasoning"]),
        audio_input: attributes.count(&["llm.token_count.prompt_details.audio"]),
        audio_output: attributes.count(&["llm.token_count.completion_details.audio"]),
        ..Usage::default()
    };
    (counts != Usage::default()).then_some(counts)
}

fn cost(value: &Json) -> Option<NanoUsd> {
    NanoUsd::from_usd(crate::read::value::number(value)?)
}

fn parameters(attributes: Reader<'_>) -> Option<Found<Attributes>> {
    let mut found = Found::kept(Attributes::new());
    for name in ["llm.invocation_parameters", "embedding.invocation_parameters"] {
        let Some(Json::Object(fields)) = attributes.get(name).and_then(structured) else { continue };
        add(&mut found, name, fields.into_iter().filter(|(_, value)| !is_blank(value)));
    }
    let top_k = "reranker.top_k";
    add(&mut found, top_k, attributes.get(top_k).map(|value| ("top_k".to_owned(), value.clone())));
    (!found.value.is_empty()).then_some(found)
}

/// Adds what an attribute says; it stays where another one said something else before.
fn add(found: &mut Found<Attributes>, name: &'static str, fields: impl IntoIterator<Item = (String, Json)>) {
    let mut agrees = None;
    for (field, value) in fields {
        let known = found.value.entry(field).or_insert_with(|| value.clone());
        agrees = Some(agrees.unwrap_or(true) && *known == value);
    }
    if agrees == Some(true) {
        found.from.push(name);
    }
}

fn facts(attributes: Reader<'_>, kind: Option<SpanKind>) -> Option<Found<RunFacts>> {
    let mut found = Found::kept(RunFacts::default());
    found.value.session = found.keep(attributes.name(&["session.id"])).map(SessionId::new);
    found.value.user = found.keep(attributes.name(&["user.id"])).map(UserId::new);
    if kind == Some(SpanKind::Agent) {
        found.value.agent = found.keep(attributes.name(&["agent.name"])).map(AgentName::new);
        // The instrumentation of smolagents says how many steps an agent may take; the attribute
        // stays, since it also tells the framework.
        let limit = attributes.get("smolagents.max_steps").and_then(count);
        found.value.step_limit = limit.and_then(|limit| u32::try_from(limit).ok());
    }
    (!found.value.is_empty()).then_some(found)
}

fn read_tools_offered(attributes: Reader<'_>, reading: &mut Reading) {
    let mut found = Found::kept(Vec::new());
    for (_, names) in openinference_messages::by_index(attributes, "llm.tools.") {
        let schema = names.into_iter().find(|(rest, ..)| *rest == "tool.json_schema");
        let Some((_, name, value)) = schema else { continue };
        match tools::read(value.clone()) {
            Some(tool) => {
                found.value.push(tool);
                found.from.push(name);
            }
            None => reading.note_once("an `llm.tools.<i>.tool.json_schema` is not a tool definition; it is kept raw"),
        }
    }
    if !found.value.is_empty() {
        reading.tools_offered = Some(found.shared());
    }
}

/// Returns `input.value` or `output.value`. The type beside it says no more than the payload does.
fn value_of(attributes: Reader<'_>, value: &'static str, mime_type: &'static str) -> Option<Found<Payload>> {
    let mut found = attributes.payload(&[value])?;
    if matches!(attributes.get(mime_type).and_then(Json::as_str), Some("application/json" | "text/plain")) {
        found.from.push(mime_type);
    }
    Some(found)
}

fn read_tool(
    attributes: Reader<'_>,
    input: Option<Found<Payload>>,
    output: Option<Found<Payload>>,
    reading: &mut Reading,
) {
    reading.tool_name = attributes.name(&["tool.name"]);
    reading.tool_call_id = attributes.name(&["tool_call.id", "tool.id"]);
    // By the convention `tool.parameters` is the tool's schema; some write the arguments there.
    let arguments = || attributes.payload(&["tool.parameters"]).filter(|found| !is_schema(&found.value));
    reading.tool_arguments = input.map(keyword_arguments).or_else(arguments);
    reading.tool_result = output;
}

/// A schema describes each parameter by an object with a `type`.
fn is_schema(payload: &Payload) -> bool {
    let Payload::Json(Json::Object(fields)) = payload else { return false };
    fields.contains_key("properties")
        || fields.values().all(|value| value.get("type").is_some() || value.get("anyOf").is_some())
}

/// Python's calling convention, as the instrumentation of smolagents writes it, says nothing about
/// the arguments when all have names.
pub(super) fn keyword_arguments(found: Found<Payload>) -> Found<Payload> {
    let Payload::Json(Json::Object(fields)) = &found.value else { return found };
    let known = fields.keys().all(|name| matches!(name.as_str(), "args" | "kwargs" | "sanitize_inputs_outputs"));
    match (fields.get("args"), fields.get("kwargs")) {
        (Some(Json::Array(positional)), Some(named @ Json::Object(_))) if known && positional.is_empty() => {
            // One field is left out, so the attribute stays.
            Found::kept(Payload::Json(named.clone()))
        }
        _ => found,
    }
}
