//! Langfuse's attributes: `langfuse.observation.*`, `langfuse.session.id`, `langfuse.user.id`.
//!
//! Goes behind OpenTelemetry's names: to Langfuse most things are a "span", whatever else they say.

use std::collections::BTreeMap;

use arc_model::{Attributes, Json, NanoUsd, RunFacts, SessionId, SpanKind, Timestamp, Usage, UserId};

use super::{Dialect, Found, Reading, bodies};
use crate::{
    provider,
    raw::RawSpan,
    read::{
        attributes::Reader,
        usage::{cost_of_langfuse, of_langfuse},
        value::{is_blank, structured, unquoted},
    },
};

/// The dialect.
pub struct Langfuse;

const INPUT: &str = "langfuse.observation.input";
const OUTPUT: &str = "langfuse.observation.output";

impl Dialect for Langfuse {
    fn id(&self) -> &'static str {
        "langfuse"
    }

    fn name(&self) -> &'static str {
        "Langfuse"
    }

    fn speaks(&self, span: &RawSpan) -> bool {
        Reader::new(&span.attributes).speaks(&["langfuse."])
    }

    fn read(&self, span: &RawSpan) -> Reading {
        let attributes = Reader::new(&span.attributes);
        let kind = kind(attributes, span.parent_id.is_none());
        let mut reading = Reading {
            kind: kind.map(Found::kept),
            request_model: attributes.name(&["langfuse.observation.model.name"]),
            usage: counts(attributes),
            reported_cost: cost(attributes).map(Found::kept),
            parameters: parameters(attributes),
            facts: facts(attributes),
            time_to_first_token_ns: time_to_first_token(attributes, span.start),
            error_message: attributes.name(&["langfuse.observation.status_message"]),
            ..Reading::default()
        };
        // The SDKs mark a failure by its level and may leave the status unset; what failed the level does not say.
        reading.has_failed = attributes.get("langfuse.observation.level").and_then(Json::as_str) == Some("ERROR");
        match kind {
            Some(SpanKind::Llm) => {
                reading.messages_in = bodies::read(attributes, INPUT, &mut reading).map(Found::shared);
                reading.messages_out = bodies::read(attributes, OUTPUT, &mut reading).map(Found::shared);
                reading.input = reading.messages_in.is_none().then(|| attributes.payload(&[INPUT])).flatten();
                reading.output = reading.messages_out.is_none().then(|| attributes.payload(&[OUTPUT])).flatten();
            }
            Some(SpanKind::Tool) => {
                reading.tool_arguments = attributes.payload(&[INPUT]);
                reading.tool_result = attributes.payload(&[OUTPUT]);
            }
            _ => {
                reading.input = attributes.payload(&[INPUT]);
                reading.output = attributes.payload(&[OUTPUT]);
            }
        }
        reading
    }
}

fn kind(attributes: Reader<'_>, is_root: bool) -> Option<SpanKind> {
    Some(match attributes.get("langfuse.observation.type").and_then(Json::as_str)? {
        "generation" => SpanKind::Llm,
        "embedding" => SpanKind::Embedding,
        "agent" => SpanKind::Agent,
        "tool" => SpanKind::Tool,
        "chain" if is_root => SpanKind::Workflow,
        "span" | "chain" | "event" => SpanKind::Step,
        "retriever" => SpanKind::Retrieval,
        "evaluator" => SpanKind::Evaluation,
        "guardrail" => SpanKind::Guardrail,
        _ => return None,
    })
}

/// Reads the counts: `input` and `output`, or the `usage` object of a provider's answer.
fn counts(attributes: Reader<'_>) -> Option<Usage> {
    let details = structured(attributes.get("langfuse.observation.usage_details")?)?;
    of_langfuse(&details).or_else(|| provider::usage::of(&details))
}

fn cost(attributes: Reader<'_>) -> Option<NanoUsd> {
    let details = structured(attributes.get("langfuse.observation.cost_details")?)?;
    cost_of_langfuse(&details)
}

fn parameters(attributes: Reader<'_>) -> Option<Found<Attributes>> {
    let name = "langfuse.observation.model.parameters";
    let Some(Json::Object(fields)) = structured(attributes.get(name)?) else { return None };
    let parameters: BTreeMap<_, _> = fields.into_iter().filter(|(_, value)| !is_blank(value)).collect();
    Some(Found::new(parameters, name))
}

fn facts(attributes: Reader<'_>) -> Option<Found<RunFacts>> {
    let mut found = Found::kept(RunFacts::default());
    found.value.session = found.keep(attributes.name(&["langfuse.session.id", "session.id"])).map(SessionId::new);
    found.value.user = found.keep(attributes.name(&["langfuse.user.id", "user.id"])).map(UserId::new);
    (!found.value.is_empty()).then_some(found)
}

fn time_to_first_token(attributes: Reader<'_>, start: Option<Timestamp>) -> Option<Found<u64>> {
    let value = unquoted(attributes.get("langfuse.observation.completion_start_time")?);
    Timestamp::parse(value.as_str()?)?.nanos_since(start?).map(Found::kept)
}
