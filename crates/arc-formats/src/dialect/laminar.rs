//! Laminar: `lmnr.span.type`, `lmnr.span.input`, `lmnr.span.output`, `lmnr.association.properties.*`.
//!
//! Models, tokens and messages of its instrumentations have `OpenLLMetry`'s names.

use arc_model::{Json, RunFacts, SessionId, SpanKind, UserId};

use super::{Dialect, Found, Reading};
use crate::{raw::RawSpan, read::attributes::Reader};

/// The dialect.
pub struct Laminar;

impl Dialect for Laminar {
    fn id(&self) -> &'static str {
        "laminar"
    }

    fn name(&self) -> &'static str {
        "Laminar"
    }

    fn speaks(&self, span: &RawSpan) -> bool {
        Reader::new(&span.attributes).speaks(&["lmnr."])
    }

    fn read(&self, span: &RawSpan) -> Reading {
        let attributes = Reader::new(&span.attributes);
        let kind = match attributes.get("lmnr.span.type").and_then(Json::as_str) {
            Some("LLM") => Some(SpanKind::Llm),
            Some("TOOL") => Some(SpanKind::Tool),
            Some("EVALUATOR" | "HUMAN_EVALUATOR") => Some(SpanKind::Evaluation),
            Some("EXECUTOR" | "PIPELINE" | "EVALUATION") => Some(SpanKind::Workflow),
            Some("DEFAULT") => Some(SpanKind::Step),
            _ => None,
        };
        let mut facts = Found::kept(RunFacts::default());
        let session = attributes.name(&["lmnr.association.properties.session_id"]);
        facts.value.session = facts.keep(session).map(SessionId::new);
        facts.value.user = facts.keep(attributes.name(&["lmnr.association.properties.user_id"])).map(UserId::new);
        let (input, output) = (attributes.payload(&["lmnr.span.input"]), attributes.payload(&["lmnr.span.output"]));
        let mut reading = Reading {
            // A step may be anything that says more elsewhere.
            kind: kind.map(Found::kept),
            facts: Some(facts).filter(|facts| !facts.value.is_empty()),
            ..Reading::default()
        };
        if kind == Some(SpanKind::Tool) {
            (reading.tool_arguments, reading.tool_result) = (input, output);
        } else {
            (reading.input, reading.output) = (input, output);
        }
        reading
    }
}
