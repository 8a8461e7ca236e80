//! `LangSmith`'s OpenTelemetry export: `langsmith.span.kind`, bodies in `gen_ai.prompt` and
//! `gen_ai.completion`.
//!
//! Goes before `otel_genai`: it names the operation of a retriever "embeddings" and of a prompt "chat".

use arc_model::{Json, RunFacts, SessionId, SpanKind, UserId};

use super::{Dialect, Found, Reading, bodies};
use crate::{raw::RawSpan, read::attributes::Reader};

/// The dialect.
pub struct Langsmith;

const INPUTS: &str = "gen_ai.prompt";
const OUTPUTS: &str = "gen_ai.completion";

impl Dialect for Langsmith {
    fn id(&self) -> &'static str {
        "langsmith"
    }

    fn name(&self) -> &'static str {
        "LangSmith"
    }

    fn speaks(&self, span: &RawSpan) -> bool {
        Reader::new(&span.attributes).speaks(&["langsmith."])
    }

    fn read(&self, span: &RawSpan) -> Reading {
        let attributes = Reader::new(&span.attributes);
        let kind = kind(attributes, span.parent_id.is_none());
        let mut reading = Reading { kind: kind.map(Found::kept), ..Reading::default() };
        // `langsmith.trace.session_id` is a project; conversations are told by metadata.
        let mut facts = Found::kept(RunFacts::default());
        let session = attributes.name(&[
            "langsmith.metadata.session_id",
            "langsmith.metadata.thread_id",
            "langsmith.metadata.conversation_id",
        ]);
        facts.value.session = facts.keep(session).map(SessionId::new);
        facts.value.user = facts.keep(attributes.name(&["langsmith.metadata.user_id"])).map(UserId::new);
        reading.facts = Some(facts).filter(|facts| !facts.value.is_empty());
        match kind {
            Some(SpanKind::Llm) => {
                reading.messages_in = bodies::read(attributes, INPUTS, &mut reading).map(Found::shared);
                reading.messages_out = bodies::read(attributes, OUTPUTS, &mut reading).map(Found::shared);
                reading.input = reading.messages_in.is_none().then(|| attributes.payload(&[INPUTS])).flatten();
                reading.output = reading.messages_out.is_none().then(|| attributes.payload(&[OUTPUTS])).flatten();
            }
            Some(SpanKind::Tool) => {
                reading.tool_arguments = attributes.payload(&[INPUTS]);
                reading.tool_result = attributes.payload(&[OUTPUTS]);
            }
            _ => {
                reading.input = attributes.payload(&[INPUTS]);
                reading.output = attributes.payload(&[OUTPUTS]);
            }
        }
        reading
    }
}

fn kind(attributes: Reader<'_>, is_root: bool) -> Option<SpanKind> {
    Some(match attributes.get("langsmith.span.kind").and_then(Json::as_str)?.to_ascii_lowercase().as_str() {
        "llm" => SpanKind::Llm,
        "embedding" => SpanKind::Embedding,
        "tool" => SpanKind::Tool,
        "chain" if is_root => SpanKind::Workflow,
        "chain" | "prompt" | "parser" => SpanKind::Step,
        "retriever" => SpanKind::Retrieval,
        _ => return None,
    })
}
