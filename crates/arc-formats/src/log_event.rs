//! Events of generative AI that come as log records, apart from the span they are about.
//!
//! A log record may arrive before its span, after it, or without it. So each becomes a record of its
//! own under the span it is about: an evaluation is a span like any other; what only completes a span
//! (messages, the whole of a request) is marked as a [supplement](arc_model::supplement), and is put
//! together with its span whenever a trace is read. Ids come from the content: sending an event
//! again changes nothing, and the order of arrival does not matter.

use std::rc::Rc;

use arc_model::{Attributes, Json, Place, Scope, SpanEvent, SpanId, Timestamp, TraceId, supplement};
use serde_json::Map;

use crate::{assemble, output::Output, raw::RawSpan, raw::StatusCode};

const EVALUATION: &str = "gen_ai.evaluation.result";
const DETAILS: &str = "gen_ai.client.inference.operation.details";
const EXCEPTION: &str = "gen_ai.client.operation.exception";

/// A log record that is an event of generative AI.
pub(crate) struct Event {
    pub(crate) trace_id: TraceId,
    /// The span it is about.
    pub(crate) about: SpanId,
    pub(crate) name: String,
    pub(crate) at: Option<Timestamp>,
    pub(crate) attributes: Attributes,
    pub(crate) body: Json,
    pub(crate) scope: Option<Scope>,
    pub(crate) resource: Attributes,
    /// Its place among the records of its source.
    pub(crate) position: u32,
    pub(crate) place: Place,
}

/// Returns the name of an event this module reads; older emitters write it as an attribute.
pub(crate) fn name(field: Option<String>, attributes: &Attributes) -> Option<String> {
    let name = field.or_else(|| Some(attributes.get("event.name")?.as_str()?.to_owned()))?;
    let is_message = name.starts_with("gen_ai.") && name.ends_with(".message");
    let is_other = ["gen_ai.choice", "gen_ai.content.prompt", "gen_ai.content.completion"].contains(&name.as_str());
    (is_message || is_other || [EVALUATION, DETAILS, EXCEPTION].contains(&name.as_str())).then_some(name)
}

/// Makes a record of an event and adds it to the output.
pub(crate) fn push(event: Event, out: &mut Output) {
    let span_id = event.id();
    let Event { trace_id, about, name, at, mut attributes, body, scope, resource, position, place } = event;
    attributes.remove("event.name");
    let mut raw = RawSpan {
        trace_id,
        span_id,
        parent_id: Some(about),
        name: name.clone(),
        start: at,
        end: at,
        status: StatusCode::Unset,
        status_message: String::new(),
        attributes: Attributes::new(),
        events: Vec::new(),
        links: Vec::new(),
        scope,
        resource: resource.into(),
        position,
        seen: Rc::clone(&out.seen),
    };
    match name.as_str() {
        EVALUATION | DETAILS => {
            raw.attributes = attributes;
            // Some emitters write the same fields as the body.
            match body {
                Json::Object(fields) => {
                    for (field, value) in fields {
                        raw.attributes.entry(field).or_insert(value);
                    }
                }
                Json::Null => {}
                other => drop(raw.attributes.insert("gen_ai.event.content".to_owned(), other)),
            }
        }
        EXCEPTION => {
            raw.events.push(SpanEvent { at, name: "exception".to_owned(), attributes: with_body(attributes, body) });
        }
        _ => raw.events.push(SpanEvent { at, name: name.clone(), attributes: with_body(attributes, body) }),
    }
    let is_evaluation = name == EVALUATION;
    if is_evaluation && let Some(what) = raw.attributes.get("gen_ai.evaluation.name").and_then(Json::as_str) {
        raw.name = format!("evaluation {what}");
    }
    if !is_evaluation {
        let what = if name == DETAILS { supplement::OPERATION } else { supplement::MESSAGE };
        raw.attributes.insert(supplement::ATTRIBUTE.to_owned(), Json::from(what));
    }
    assemble::push(raw, &|| place.clone(), out);
}

impl Event {
    fn id(&self) -> SpanId {
        let attributes: Map<String, Json> = self.attributes.clone().into_iter().collect();
        SpanId::derive(&[
            b"arc-eval log event",
            self.trace_id.as_bytes(),
            self.about.as_bytes(),
            self.name.as_bytes(),
            &self.at.map_or(0, Timestamp::as_nanos).to_le_bytes(),
            Json::Object(attributes).to_string().as_bytes(),
            self.body.to_string().as_bytes(),
        ])
    }
}

fn with_body(mut attributes: Attributes, body: Json) -> Attributes {
    if !body.is_null() {
        attributes.entry("gen_ai.event.content".to_owned()).or_insert(body);
    }
    attributes
}

#[cfg(test)]
mod tests;
