//! Lists of messages as JSON: tells them from other lists, and reads them.

use std::collections::BTreeMap;

use arc_model::{Attributes, FinishReason, Json, Message, Place, Role, Usage};

use super::{place, some_item};
use crate::{output::Output, provider, read::messages};

/// A message of a transcript, with what was recorded beside it.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) message: Message,
    pub(crate) finish_reason: Option<FinishReason>,
    pub(crate) usage: Option<Usage>,
    /// The model that wrote it.
    pub(crate) model: Option<String>,
    /// Whether the message says that the tool failed; `None` when it says nothing.
    pub(crate) is_error: Option<bool>,
    /// Ids of the calls whose results in it say that they are errors.
    pub(crate) failed: Vec<Option<String>>,
    /// Fields nobody interpreted.
    pub(crate) rest: Attributes,
}

/// Returns whether a value is a message: an object with a role and something said.
pub(crate) fn is_message(value: &Json) -> bool {
    let has = |name: &str| value.get(name).is_some();
    value.get("role").is_some_and(Json::is_string)
        && (has("content") || has("tool_calls") || has("function_call") || has("parts"))
}

/// Returns whether a value is a list of messages; some may be damaged.
pub(crate) fn is_conversation(value: &Json) -> bool {
    some_item(value, is_message)
}

/// Reads messages; `pointer` is where their list is.
pub(crate) fn read_turns(messages: Vec<Json>, line: Option<u64>, pointer: &str, out: &mut Output) -> Vec<Turn> {
    let mut turns = Vec::with_capacity(messages.len());
    let mut unread: BTreeMap<String, usize> = BTreeMap::new();
    for (index, value) in messages.into_iter().enumerate() {
        let here = place(line, format!("{pointer}/{index}"));
        turns.push(read_counting(value, &here, &mut unread, out));
    }
    for (name, count) in unread {
        let message = format!("`{name}` of {count} system and user messages is not read");
        out.note(place(line, pointer), message);
    }
    turns
}

/// Reads one message that stands at `here`.
pub(crate) fn read_turn(value: Json, here: &Place, out: &mut Output) -> Turn {
    let mut unread = BTreeMap::new();
    let turn = read_counting(value, here, &mut unread, out);
    for name in unread.keys() {
        out.note_once(here.clone(), format!("`{name}` of system and user messages is not read"));
    }
    turn
}

fn read_counting(value: Json, here: &Place, unread: &mut BTreeMap<String, usize>, out: &mut Output) -> Turn {
    let read = messages::read(value);
    if let Some(problem) = read.problem {
        out.repaired(here.clone(), format!("{problem}; it is kept as a message of an unknown speaker"));
    }
    for name in read.beside.lost {
        out.note_once(here.clone(), format!("`{name}` in parts of messages is not read"));
    }
    let mut rest = read.rest;
    let usage = rest.get("usage").and_then(provider::usage::of);
    let model = rest.get("model").and_then(Json::as_str).map(str::to_owned);
    if model.is_some() {
        rest.remove("model");
    }
    let is_error = match (rest.get("is_error"), rest.get("status").and_then(Json::as_str)) {
        (Some(Json::Bool(truth)), _) => Some(*truth),
        (_, Some("error")) => Some(true),
        // A tool's error beside its result; blank fields are gone by now.
        _ if read.message.role == Role::Tool && rest.contains_key("error") => Some(true),
        _ => None,
    };
    // Fields of the model's and the tools' messages go to their spans, those of others nowhere.
    if !matches!(read.message.role, Role::Assistant | Role::Tool) {
        for name in rest.keys() {
            *unread.entry(name.clone()).or_default() += 1;
        }
    }
    let (finish_reason, failed) = (read.finish_reason, read.beside.failed);
    Turn { message: read.message, finish_reason, usage, model, is_error, failed, rest }
}
