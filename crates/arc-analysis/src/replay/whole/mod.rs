//! A whole run asked again: its model calls in order, with tools answered from the recording.
//!
//! [`Recording`] is what a run holds for that, [`Walk`] how far a new model has come in it. The caller asks
//! ([`Walk::request`]) and says what was answered ([`Walk::take`]), until the walk ends.
//!
//! As long as each answer equals the recorded one, the next request is the recorded one, whatever the program did to make
//! it. An answer that differs is followed only where what would happen next is known: the recorded rest of the run is one
//! conversation without another word of a user, and every tool call that the answer asks for was recorded with its result.
//! Else the walk ends as *diverged*, which is neither a success nor a failure: nobody can tell.
//!
//! What this is not: it carries out no tool, and it takes a tool for a function of its arguments.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use arc_model::{Json, Message, Part, Payload, Role, SpanId, SpanKind, Trace};
use serde::{Deserialize, Serialize};

use super::{
    Agreement, Contrast,
    agree::{calls, compare_payload},
    basis, compare,
};

/// A recorded model call.
#[derive(Debug, Clone)]
pub struct RecordedCall {
    /// The call.
    pub span_id: SpanId,
    /// What was sent.
    pub asked: Vec<Arc<Message>>,
    /// What was answered.
    pub answer: Vec<Message>,
    /// What the request demands of an answer that is JSON.
    pub schema: Option<Json>,
}

/// What a run holds for another model to go through it.
#[derive(Debug, Clone)]
pub struct Recording {
    calls: Vec<RecordedCall>,
    results: Vec<ToolAnswer>,
}

/// What a tool answered.
#[derive(Debug, Clone)]
struct ToolAnswer {
    name: String,
    arguments: Payload,
    result: Payload,
}

/// Why nobody can tell how a run would have gone on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Divergence {
    /// It asks for a tool call that was not recorded.
    UnrecordedCall {
        /// The tool.
        tool: String,
    },
    /// It asks for a tool call again, and the tool did not always answer the same.
    ToolVaries {
        /// The tool.
        tool: String,
    },
    /// Its answer is another one, and what the program or the user would have done with it was not recorded.
    UnrecordedTurn,
    /// It goes on and on.
    TooLong,
}

impl Divergence {
    /// Returns the words for it.
    pub fn words(&self) -> String {
        match self {
            Self::UnrecordedCall { tool } => format!("asks for a call of {tool} that was not recorded"),
            Self::ToolVaries { tool } => {
                format!("asks once more for a call of {tool} that was answered differently each time")
            }
            Self::UnrecordedTurn => "answers otherwise, and what would have followed was not recorded".to_owned(),
            Self::TooLong => "asks for recorded calls on and on".to_owned(),
        }
    }
}

/// How a walk ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// With an answer: how it stands to the last one of the recording.
    Answered {
        /// The comparison.
        agreement: Agreement,
        /// What tells them apart.
        contrast: Option<Contrast>,
        /// Whether it asked for the tool calls that were recorded, each as often, in any order.
        has_same_calls: bool,
    },
    /// Off the recording.
    Diverged(Divergence),
}

impl End {
    /// Returns how the run stands to the recorded one. The run's checks of its output ([`super::passes_checks`]) decide about
    /// an answer in other words; one that fails them is different whatever its words. As good an answer after other tool calls is undecided: what
    /// else they did is not known; and so is a walk that left the recording.
    pub fn agreement(&self, passes_checks: Option<bool>) -> Agreement {
        let Self::Answered { agreement, has_same_calls, .. } = self else { return Agreement::Undecided };
        let agreement = match (passes_checks, agreement) {
            (Some(false), _) => Agreement::Different,
            (Some(true), Agreement::Undecided) => Agreement::Same,
            (_, agreement) => *agreement,
        };
        if agreement == Agreement::Same && !has_same_calls { Agreement::Undecided } else { agreement }
    }
}

/// How far a model has come in a recording.
#[derive(Debug, Clone, Default)]
pub struct Walk {
    /// The recorded call that was asked last, or is to be.
    at: usize,
    /// The conversation where it has left the recorded one.
    own: Option<Vec<Message>>,
    answers: u32,
    asked_for: Vec<(String, Payload)>,
    /// How often each recorded tool call was answered, by the place of its first answer.
    used: BTreeMap<usize, usize>,
}

impl Recording {
    /// Reads a run. `calls` are its model calls in order; `None` when there is none, or one without an answer that can be
    /// compared.
    pub fn new(calls: Vec<RecordedCall>, trace: &Trace) -> Option<Self> {
        if calls.is_empty() || calls.iter().any(|call| basis(&call.answer, call.schema.as_ref()).is_none()) {
            return None;
        }
        let mut recording = Self { results: results(&calls), calls };
        // What a tool answered last, no prompt may show.
        let tools = trace.spans().iter().filter(|span| span.kind == SpanKind::Tool && !span.status.is_error());
        for call in tools.filter_map(|span| span.tool.as_ref()) {
            if let (Some(arguments), Some(result)) = (&call.arguments, &call.result)
                && recording.matching(&call.name, arguments).is_empty()
            {
                let (arguments, result) = (Payload::from_text(arguments.to_text()), result.clone());
                recording.results.push(ToolAnswer { name: call.name.clone(), arguments, result });
            }
        }
        Some(recording)
    }

    /// Returns its model calls in order.
    pub fn calls(&self) -> &[RecordedCall] {
        &self.calls
    }

    /// Returns the places of what a tool answered to these arguments.
    fn matching(&self, name: &str, arguments: &Payload) -> Vec<usize> {
        let equal = |answer: &ToolAnswer| {
            answer.name == name && compare_payload(&answer.arguments, arguments) == Agreement::Same
        };
        self.results.iter().enumerate().filter(|(_, answer)| equal(answer)).map(|(place, _)| place).collect()
    }

    /// Returns whether what follows a call is its conversation alone, without another word of a user.
    fn is_one_loop_from(&self, at: usize) -> bool {
        let Some((call, later)) = self.calls.get(at..).and_then(<[_]>::split_first) else { return false };
        later.iter().all(|other| {
            let more = other.asked.strip_prefix(call.asked.as_slice());
            more.is_some_and(|more| more.iter().all(|message| !is_word_of_user(message)))
        })
    }
}

impl Walk {
    /// Returns the recorded call whose tools and settings are sent, and the messages; `None` past the end.
    pub fn request(&self, recording: &Recording) -> Option<(usize, Vec<Message>)> {
        let call = recording.calls.get(self.at)?;
        let recorded = || call.asked.iter().map(|message| Message::clone(message)).collect();
        Some((self.at, self.own.clone().unwrap_or_else(recorded)))
    }

    /// Returns whether the next request is a recorded one.
    pub fn is_on_path(&self) -> bool {
        self.own.is_none()
    }

    /// Returns how many answers it took.
    pub fn answers(&self) -> u32 {
        self.answers
    }

    /// Takes an answer to [`Walk::request`]; `None` when there is more to ask.
    pub fn take(&mut self, recording: &Recording, answer: &[Message]) -> Option<End> {
        let (call, last) = (recording.calls.get(self.at)?, recording.calls.last()?);
        self.answers += 1;
        let asked: Vec<(String, Payload)> =
            calls(answer).into_iter().map(|(name, arguments)| (name.to_owned(), arguments.clone())).collect();
        self.asked_for.extend(asked.iter().cloned());
        if self.is_on_path() && is_same(call, answer) {
            for (name, arguments) in &asked {
                self.use_up(&recording.matching(name, arguments));
            }
            self.at += 1;
            return (self.at == recording.calls.len()).then(|| self.end(recording, answer));
        }
        if self.is_on_path() && !recording.is_one_loop_from(self.at) {
            return Some(End::Diverged(Divergence::UnrecordedTurn));
        }
        if asked.is_empty() || is_same(last, answer) {
            return Some(self.end(recording, answer));
        }
        if u64::from(self.answers) >= longest(recording) {
            return Some(End::Diverged(Divergence::TooLong));
        }
        let mut results = Vec::new();
        let ids = answer.iter().flat_map(|message| &message.parts).filter_map(|part| match part {
            Part::ToolCall { id, .. } => Some(id.clone()),
            _ => None,
        });
        for ((name, arguments), id) in asked.iter().zip(ids) {
            match self.result(recording, name, arguments) {
                Ok(result) => results.push(Message {
                    role: Role::Tool,
                    name: None,
                    parts: vec![Part::ToolResult { id, result: result.clone() }],
                }),
                Err(why) => return Some(End::Diverged(why)),
            }
        }
        let (_, mut messages) = self.request(recording)?;
        messages.extend(answer.iter().find(|message| !message.parts.is_empty()).cloned());
        messages.extend(results);
        self.own = Some(messages);
        None
    }

    fn end(&self, recording: &Recording, answer: &[Message]) -> End {
        let compared = recording.calls.last().and_then(|last| compare(&last.answer, answer, last.schema.as_ref()));
        let (agreement, contrast) =
            compared.map_or((Agreement::Undecided, None), |compared| (compared.agreement, compared.contrast));
        let recorded = recording.calls.iter().flat_map(|call| calls(&call.answer));
        let mut left: Vec<(&str, &Payload)> = recorded.collect();
        let has_same_calls = self.asked_for.len() == left.len()
            && self.asked_for.iter().all(|(name, arguments)| {
                let equal = |(other, recorded): &(&str, &Payload)| {
                    other == name && compare_payload(recorded, arguments) == Agreement::Same
                };
                left.iter().position(equal).map(|place| left.swap_remove(place)).is_some()
            });
        End::Answered { agreement, contrast, has_same_calls }
    }

    /// Returns what a tool answered: the first time what it answered first, and so on; more often only where it always
    /// answered the same.
    fn result<'a>(
        &mut self,
        recording: &'a Recording,
        name: &str,
        arguments: &Payload,
    ) -> Result<&'a Payload, Divergence> {
        let places = recording.matching(name, arguments);
        let answers: Vec<&Payload> =
            places.iter().filter_map(|&place| recording.results.get(place)).map(|answer| &answer.result).collect();
        let Some(&first) = answers.first() else {
            return Err(Divergence::UnrecordedCall { tool: name.to_owned() });
        };
        let times = self.use_up(&places);
        match answers.get(times) {
            Some(answer) => Ok(answer),
            None if answers.iter().all(|answer| *answer == first) => Ok(first),
            None => Err(Divergence::ToolVaries { tool: name.to_owned() }),
        }
    }

    /// Counts one more use of a recorded tool call, and returns how often it was used before.
    fn use_up(&mut self, places: &[usize]) -> usize {
        let Some(first) = places.first() else { return 0 };
        let times = self.used.entry(*first).or_default();
        *times += 1;
        *times - 1
    }
}

/// Returns how many answers a walk may take: twice what the recorded one took, and a few.
fn longest(recording: &Recording) -> u64 {
    u64::try_from(recording.calls.len()).unwrap_or(u64::MAX).saturating_mul(2).saturating_add(4)
}

fn is_same(call: &RecordedCall, answer: &[Message]) -> bool {
    compare(&call.answer, answer, call.schema.as_ref()).is_some_and(|found| found.agreement == Agreement::Same)
}

fn is_word_of_user(message: &Message) -> bool {
    let is_answer_of_tool = |part: &Part| matches!(part, Part::ToolResult { .. });
    !matches!(message.role, Role::Assistant | Role::Tool) && !message.parts.iter().all(is_answer_of_tool)
}

/// Returns the tool calls in prompts with their results, each once, in the order in which they were first sent.
fn results(calls: &[RecordedCall]) -> Vec<ToolAnswer> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for call in calls {
        let mut open: Vec<(Option<&str>, &str, &Payload)> = Vec::new();
        let parts = call.asked.iter().enumerate();
        for (place, part) in parts.flat_map(|(place, message)| message.parts.iter().map(move |part| (place, part))) {
            match part {
                Part::ToolCall { id, name, arguments } => open.push((id.as_deref(), name, arguments)),
                Part::ToolResult { id, result } => {
                    // A result without an id answers the first call that is open.
                    let is_its = |(other, ..): &(Option<&str>, &str, &Payload)| id.is_none() || *other == id.as_deref();
                    let Some(at) = open.iter().position(is_its) else { continue };
                    let (call_id, name, arguments) = open.remove(at);
                    let which = call_id.map_or_else(|| place.to_string(), str::to_owned);
                    if seen.insert((which, name.to_owned(), arguments.to_text(), result.to_text())) {
                        let arguments = Payload::from_text(arguments.to_text());
                        found.push(ToolAnswer { name: name.to_owned(), arguments, result: result.clone() });
                    }
                }
                _ => {}
            }
        }
    }
    found
}
