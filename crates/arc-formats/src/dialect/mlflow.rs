//! `MLflow`: `mlflow.spanType`, `mlflow.spanInputs`, `mlflow.spanOutputs`, `mlflow.chat.tokenUsage`.
//!
//! Every value is JSON written as text, so that a word comes with its quotes.

use arc_model::{NanoUsd, Payload, RunFacts, SessionId, SpanKind, Usage, UserId};

use super::{Dialect, Found, Reading, bodies};
use crate::{
    raw::RawSpan,
    read::{
        attributes::Reader,
        provider, tools,
        value::{count, number, structured, unquoted},
    },
};

/// The dialect.
pub struct Mlflow;

const INPUTS: &str = "mlflow.spanInputs";
const OUTPUTS: &str = "mlflow.spanOutputs";

impl Dialect for Mlflow {
    fn id(&self) -> &'static str {
        "mlflow"
    }

    fn name(&self) -> &'static str {
        "MLflow"
    }

    fn speaks(&self, span: &RawSpan) -> bool {
        Reader::new(&span.attributes).speaks(&["mlflow."])
    }

    fn read(&self, span: &RawSpan) -> Reading {
        let attributes = Reader::new(&span.attributes);
        let kind = kind(attributes, span.parent_id.is_none());
        let provider = word(attributes, "mlflow.llm.provider");
        let mut reading = Reading {
            kind: kind.map(Found::kept),
            provider: provider.map(|found| Found::kept(provider::canonical(&found.value))),
            request_model: word(attributes, "mlflow.llm.model"),
            usage: usage(attributes),
            reported_cost: cost(attributes),
            ..Reading::default()
        };
        let mut facts = Found::kept(RunFacts::default());
        facts.value.session = facts.keep(word(attributes, "mlflow.trace.session")).map(SessionId::new);
        facts.value.user = facts.keep(word(attributes, "mlflow.trace.user")).map(UserId::new);
        reading.facts = Some(facts).filter(|facts| !facts.value.is_empty());
        let body = |name: &'static str| {
            attributes.first(&[name], |value| (!value.is_null()).then(|| Payload::from_json(unquoted(value))))
        };
        match kind {
            Some(SpanKind::Llm) => {
                reading.messages_in = bodies::read(attributes, INPUTS, &mut reading).map(Found::shared);
                reading.messages_out = bodies::read(attributes, OUTPUTS, &mut reading).map(Found::shared);
                reading.input = reading.messages_in.is_none().then(|| body(INPUTS)).flatten();
                reading.output = reading.messages_out.is_none().then(|| body(OUTPUTS)).flatten();
            }
            Some(SpanKind::Tool) => {
                reading.tool_name = word(attributes, "mlflow.spanFunctionName");
                (reading.tool_arguments, reading.tool_result) = (body(INPUTS), body(OUTPUTS));
            }
            _ => (reading.input, reading.output) = (body(INPUTS), body(OUTPUTS)),
        }
        if let Some(value) = attributes.get("mlflow.chat.tools") {
            let (offered, unread) = tools::read_all(value);
            if !unread.is_empty() {
                reading.note_once("`mlflow.chat.tools` has items that are not tool definitions");
            }
            // A definition may say more than is kept of it.
            reading.tools_offered = Some(Found::kept(offered).shared()).filter(|found| !found.value.is_empty());
        }
        reading
    }
}

fn word(attributes: Reader<'_>, name: &'static str) -> Option<Found<String>> {
    attributes.first(&[name], |value| unquoted(value).as_str().filter(|text| !text.is_empty()).map(str::to_owned))
}

fn kind(attributes: Reader<'_>, is_root: bool) -> Option<SpanKind> {
    Some(match word(attributes, "mlflow.spanType")?.value.as_str() {
        "LLM" | "CHAT_MODEL" => SpanKind::Llm,
        "EMBEDDING" => SpanKind::Embedding,
        "AGENT" => SpanKind::Agent,
        "TOOL" => SpanKind::Tool,
        "CHAIN" if is_root => SpanKind::Workflow,
        "CHAIN" | "PARSER" => SpanKind::Step,
        "RETRIEVER" => SpanKind::Retrieval,
        "RERANKER" => SpanKind::Rerank,
        _ => return None,
    })
}

/// The parts of the cost stay among the raw attributes.
fn cost(attributes: Reader<'_>) -> Option<Found<NanoUsd>> {
    let total = structured(attributes.get("mlflow.llm.cost")?)?.get("total_cost").and_then(number)?;
    NanoUsd::from_usd(total).map(Found::kept)
}

/// Counts stay among the raw attributes, so that every rule applied to them can be undone.
fn usage(attributes: Reader<'_>) -> Option<Usage> {
    let details = structured(attributes.get("mlflow.chat.tokenUsage")?)?;
    let at = |name: &str| details.get(name).and_then(count);
    let counts = Usage {
        input: at("input_tokens"),
        output: at("output_tokens"),
        cache_read: at("cache_read_input_tokens"),
        cache_write: at("cache_creation_input_tokens"),
        ..Usage::default()
    };
    (!counts.is_empty()).then_some(counts)
}
