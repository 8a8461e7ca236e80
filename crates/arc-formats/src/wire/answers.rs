//! Messages of a log in which several records repeat or continue one answer of the model.

use std::collections::BTreeMap;

use arc_model::{Json, NanoUsd, Place, Span, SpanKind, Timestamp};
use serde_json::Map;

use super::conversation::{Turn, read_turn};
use crate::{
    output::Output,
    read::value::{count, number, take_text},
};

/// Messages in order; those with one key are one message.
#[derive(Default)]
pub(super) struct Answers {
    messages: Vec<(Map<String, Json>, Place)>,
    by_key: BTreeMap<String, usize>,
}

impl Answers {
    /// Adds a message; one that continues an answer is joined to it, and its usage does not add up.
    pub(super) fn add(&mut self, message: Map<String, Json>, key: Option<String>, here: Place) {
        let known = key.as_ref().and_then(|key| self.by_key.get(key)).copied();
        if let Some((answer, _)) = known.and_then(|index| self.messages.get_mut(index)) {
            join(answer, message);
            return;
        }
        if let Some(key) = key {
            self.by_key.insert(key, self.messages.len());
        }
        self.messages.push((message, here));
    }

    /// Returns whether an answer with this key is known.
    pub(super) fn holds(&self, key: &str) -> bool {
        self.by_key.contains_key(key)
    }

    /// Reads the messages.
    pub(super) fn into_turns(self, out: &mut Output) -> Vec<Turn> {
        self.messages.into_iter().map(|(message, here)| read_turn(Json::Object(message), &here, out)).collect()
    }
}

/// Adds the content and the calls of a later record; of other fields the later one is kept, of usage
/// the one that counts more output, since early records are written while the answer still comes.
fn join(answer: &mut Map<String, Json>, later: Map<String, Json>) {
    let output = |usage: &Json| usage.get("output_tokens").or_else(|| usage.get("completion_tokens")).and_then(count);
    for (name, value) in later {
        match (name.as_str(), answer.get_mut(&name)) {
            ("content" | "tool_calls", Some(Json::Array(parts))) => match value {
                Json::Array(mut more) => parts.append(&mut more),
                Json::Null => {}
                more => parts.push(more),
            },
            ("usage", Some(known)) if output(known) > output(&value) => {}
            (_, Some(_)) if value.is_null() => {}
            _ => {
                answer.insert(name, value);
            }
        }
    }
}

/// Moves what a model call has a field for out of its attributes.
pub(super) fn finish_calls(spans: &mut [Span]) {
    for span in spans.iter_mut().filter(|span| span.kind == SpanKind::Llm) {
        let mut fields: Map<String, Json> = std::mem::take(&mut span.attributes).into_iter().collect();
        if let Some(id) = take_text(&mut fields, &["id"]) {
            span.model.get_or_insert_default().response_id = Some(id);
        }
        let cost = fields.get("cost_usd").and_then(number).and_then(NanoUsd::from_usd);
        if cost.is_some() {
            fields.remove("cost_usd");
            span.reported_cost = cost;
        }
        // A record is written when the answer is there.
        span.end = fields.get("timestamp").and_then(Json::as_str).and_then(Timestamp::parse);
        if span.end.is_some() {
            fields.remove("timestamp");
        }
        span.attributes = fields.into_iter().collect();
    }
}
