//! Messages of a log in which several records repeat or continue one answer of the model.

use std::collections::BTreeMap;

use arc_model::{Json, ModelRef, NanoUsd, Place, Role, Span, SpanKind, Timestamp, ToolDefinition, Usage};
use serde_json::Map;

use super::{
    conversation::{Turn, read_turn},
    transcript::{self, Transcript},
};
use crate::{
    output::Output,
    read::value::{count, is_blank, number, take_text},
};

/// Messages in order; those with one key are one message.
#[derive(Default)]
pub(super) struct Answers {
    messages: Vec<(Map<String, Json>, Place)>,
    by_key: BTreeMap<String, usize>,
}

impl Answers {
    /// Adds a message; one that continues an answer is joined to it, and its usage does not add up.
    pub(super) fn add(&mut self, mut message: Map<String, Json>, key: Option<String>, here: Place) {
        if let Some(counts) = message.get_mut("usage") {
            remove_nulls(counts);
        }
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
    pub(super) fn into_turns(mut self, out: &mut Output) -> Vec<Turn> {
        for (message, _) in &mut self.messages {
            // Only steps have times; when a user spoke is in the run's.
            if !matches!(message.get("role").and_then(Json::as_str), Some("assistant" | "tool")) {
                message.remove("timestamp");
            }
        }
        self.messages.into_iter().map(|(message, here)| read_turn(Json::Object(message), &here, out)).collect()
    }
}

/// What a log says of a run beside its messages.
#[derive(Default)]
pub(super) struct About {
    pub(super) model: Option<ModelRef>,
    pub(super) tools: Vec<ToolDefinition>,
    pub(super) line: Option<u64>,
    /// Where the list of messages is.
    pub(super) pointer: String,
    /// Tokens of the whole run, where nobody says which call used what.
    pub(super) usage: Option<Usage>,
}

impl Answers {
    /// Adds a run's root and steps to the output. The run lasts at least from the first message's time to the last's.
    pub(super) fn push(self, mut root: Span, about: About, out: &mut Output) {
        let times = self.messages.iter().filter_map(|(message, _)| message.get("timestamp").and_then(time));
        let (first, last) = times.fold((None::<Timestamp>, None::<Timestamp>), |(first, last), at| {
            (Some(first.map_or(at, |first| first.min(at))), Some(last.map_or(at, |last| last.max(at))))
        });
        root.start = root.start.into_iter().chain(first).min();
        root.end = root.end.into_iter().chain(last).max();
        let About { model, tools, line, pointer, usage } = about;
        let mut turns = self.into_turns(out);
        if let Some(usage) = usage {
            let mut answers = turns.iter_mut().filter(|turn| turn.message.role == Role::Assistant);
            match (answers.next(), answers.next()) {
                (Some(only), None) => only.usage = only.usage.take().or(Some(usage)),
                (Some(first), Some(second)) if first.usage.is_some() || second.usage.is_some() => {}
                _ => root.usage = Some(usage),
            }
        }
        let parameters = std::iter::empty().collect();
        let first = out.spans.len();
        transcript::push(root, Transcript { turns, model, tools, parameters, line, pointer }, out);
        finish_calls(out.spans.get_mut(first..).unwrap_or_default());
    }
}

/// Characters of a name that many spans get.
const NAME_CHARS: usize = 256;

/// Cuts a name that many spans get: a long one would take memory for each.
pub(super) fn shortened(name: String) -> String {
    if name.len() <= NAME_CHARS { name } else { name.chars().take(NAME_CHARS).collect() }
}

/// Reads a time: RFC 3339, or seconds since 1970.
pub(super) fn time(written: &Json) -> Option<Timestamp> {
    match written {
        Json::String(text) => Timestamp::parse(text),
        Json::Number(_) => seconds(number(written)?),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked in the condition")]
fn seconds(seconds: f64) -> Option<Timestamp> {
    // Nine digits are 1973 to 2001; sixty thousand years stand for a unit that is none of seconds.
    let micros = (seconds * 1e6).round();
    (0.0..=9.2e15).contains(&micros).then(|| Timestamp::from_nanos((micros as i64).saturating_mul(1000)))
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

/// Drops counts that are not there.
fn remove_nulls(counts: &mut Json) {
    if let Json::Object(fields) = counts {
        fields.values_mut().for_each(remove_nulls);
        fields.retain(|_, value| !is_blank(value));
    }
}

/// Moves what a model call has a field for out of its attributes.
pub(super) fn finish_calls(spans: &mut [Span]) {
    for span in spans.iter_mut().filter(|span| matches!(span.kind, SpanKind::Llm | SpanKind::Tool)) {
        let mut fields: Map<String, Json> = std::mem::take(&mut span.attributes).into_iter().collect();
        if span.kind == SpanKind::Llm
            && let Some(id) = take_text(&mut fields, &["id"])
        {
            span.model.get_or_insert_default().response_id = Some(id);
        }
        let cost = fields.get("cost_usd").and_then(number).and_then(NanoUsd::from_usd);
        if cost.is_some() {
            fields.remove("cost_usd");
            span.reported_cost = cost;
        }
        // A record is written when the answer is there.
        span.end = fields.get("timestamp").and_then(time);
        if span.end.is_some() {
            fields.remove("timestamp");
        }
        span.attributes = fields.into_iter().collect();
    }
}
