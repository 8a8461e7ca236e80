//! A transcript of messages to the spans of a run: a root, a model call for each message of the
//! model, and a tool call for each call it asked for.
//!
//! Transcripts record no times: `start` and `end` stay unknown, `sequence` tells the order.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_model::{
    Attributes, Message, ModelRef, Part, Payload, Place, Role, Span, SpanKind, Status, ToolCall, ToolDefinition,
    TraceId,
};

use super::{conversation::Turn, identity::span_id, place};
use crate::output::Output;

/// A transcript and what its record says about all of it.
pub(crate) struct Transcript {
    pub(crate) turns: Vec<Turn>,
    pub(crate) model: Option<ModelRef>,
    pub(crate) tools: Vec<ToolDefinition>,
    pub(crate) parameters: Attributes,
    pub(crate) line: Option<u64>,
    /// Where the list of messages is.
    pub(crate) pointer: String,
}

/// Returns the root of a run; the caller adds what it knows about the run.
pub(crate) fn root(trace_id: TraceId) -> Span {
    let mut root = Span::new(trace_id, span_id(trace_id, 0), SpanKind::Agent, "agent");
    root.revision = 1;
    root
}

/// Adds the root and the spans below it to the output.
///
/// The root's input is the first message of the user, its output the last text of the model, and its
/// messages those that were given to the agent from outside; so a message after the model's last
/// one, which no model call has seen, is kept.
pub(crate) fn push(root: Span, transcript: Transcript, out: &mut Output) {
    let Transcript { turns, model, tools, parameters, line, pointer } = transcript;
    let shared = Shared { model, tools: arc_model::shared(tools), parameters };
    let mut run = Run { root, below: Vec::new(), pending: Vec::new(), history: Vec::new(), bytes: 0, sent: 0 };
    for (index, turn) in turns.into_iter().enumerate() {
        let here = place(line, format!("{pointer}/{index}"));
        if turn.message.role == Role::Assistant {
            run.add_answer(turn, &shared, &here, out);
        } else {
            run.add_message(turn, &here, out);
        }
    }
    let is_answer = |message: &Arc<Message>| message.role == Role::Assistant;
    if !run.history.is_empty() && !run.history.iter().any(is_answer) {
        out.note(
            place(line, pointer),
            "no message has the role `assistant`, so no model call is known; all messages are on the run's first span",
        );
    }
    summarise(&mut run.root, &run.history);
    out.spans.push(run.root);
    out.spans.append(&mut run.below);
}

/// What is the same for every model call.
struct Shared {
    model: Option<ModelRef>,
    tools: Vec<Arc<ToolDefinition>>,
    parameters: Attributes,
}

/// A run while its transcript is read.
struct Run {
    root: Span,
    below: Vec<Span>,
    /// Calls the model asked for whose results have not been found.
    pending: Vec<Pending>,
    history: Vec<Arc<Message>>,
    /// How many bytes it takes to hold the history once more.
    bytes: usize,
    /// Messages the last model call has seen or written.
    sent: usize,
}

struct Pending {
    /// Index of the tool's span.
    span: usize,
    id: Option<String>,
    name: String,
}

impl Run {
    fn next_span(&self, kind: SpanKind, name: &str) -> Span {
        let trace_id = self.root.trace_id;
        let sequence = u32::try_from(self.below.len() + 1).unwrap_or(u32::MAX);
        let mut span = Span::new(trace_id, span_id(trace_id, sequence), kind, name);
        span.parent_id = Some(self.root.span_id);
        span.sequence = sequence;
        span.revision = 1;
        span
    }

    fn add_answer(&mut self, turn: Turn, shared: &Shared, here: &Place, out: &mut Output) {
        let whole = self.bytes <= out.history_budget;
        if whole {
            out.history_budget = out.history_budget.saturating_sub(self.bytes);
        } else {
            out.note_once(
                here.clone(),
                "the history is too large to repeat for every model call; from here on a call holds only what is new \
                 since the call before it",
            );
        }
        let mut call = self.next_span(SpanKind::Llm, "chat");
        call.messages_in = self.history.get(if whole { 0 } else { self.sent }..).unwrap_or_default().to_vec();
        call.model.clone_from(&shared.model);
        if let Some(wrote) = turn.model {
            call.model.get_or_insert_default().response = Some(wrote);
        }
        call.tools_offered.clone_from(&shared.tools);
        call.parameters.clone_from(&shared.parameters);
        call.usage = turn.usage;
        call.finish_reason = turn.finish_reason;
        call.attributes = turn.rest;
        let message = Arc::new(turn.message);
        call.messages_out = vec![Arc::clone(&message)];
        self.below.push(call);
        for part in &message.parts {
            let Part::ToolCall { id, name, arguments } = part else { continue };
            self.pending.push(Pending { span: self.below.len(), id: id.clone(), name: name.clone() });
            let arguments = Some(arguments.clone());
            let mut tool = self.next_span(SpanKind::Tool, name);
            tool.tool = Some(ToolCall { id: id.clone(), name: name.clone(), arguments, result: None });
            self.below.push(tool);
        }
        self.remember(message);
        self.sent = self.history.len();
    }

    fn add_message(&mut self, turn: Turn, here: &Place, out: &mut Output) {
        let is_tool = turn.message.role == Role::Tool;
        let speaker = turn.message.name.as_deref();
        let rest = if is_tool { &turn.rest } else { &NOTHING };
        for part in &turn.message.parts {
            let Part::ToolResult { id, result } = part else { continue };
            let is_error = if turn.failed.contains(id) { Some(true) } else { turn.is_error };
            if let Some(index) = answered(&self.pending, id.as_deref(), speaker) {
                let asked = self.pending.remove(index).span;
                if let Some(span) = self.below.get_mut(asked) {
                    settle(span, result, is_error, rest);
                }
                continue;
            }
            out.note(here.clone(), "a tool's result answers no call; it is kept as a call without arguments");
            let name = speaker.unwrap_or("unknown");
            let mut span = self.next_span(SpanKind::Tool, name);
            span.tool = Some(ToolCall { id: id.clone(), name: name.to_owned(), arguments: None, result: None });
            settle(&mut span, result, is_error, rest);
            self.below.push(span);
        }
        let message = Arc::new(turn.message);
        let only_results = message.parts.iter().all(|part| matches!(part, Part::ToolResult { .. }));
        if !(is_tool || only_results) {
            self.root.messages_in.push(Arc::clone(&message));
        }
        self.remember(message);
    }

    fn remember(&mut self, message: Arc<Message>) {
        // A call holds references; the messages themselves are shared.
        self.bytes = self.bytes.saturating_add(size_of::<Arc<Message>>());
        self.history.push(message);
    }
}

static NOTHING: Attributes = BTreeMap::new();

fn settle(span: &mut Span, result: &Payload, is_error: Option<bool>, rest: &Attributes) {
    if let Some(call) = &mut span.tool {
        call.result = Some(result.clone());
    }
    span.attributes.extend(rest.iter().map(|(name, value)| (name.clone(), value.clone())));
    // Only what the record says explicitly; prose is for the detectors.
    span.status = match is_error {
        Some(true) => Status::Error { kind: None, message: result.to_text() },
        Some(false) => Status::Ok,
        None => Status::Unset,
    };
}

/// Returns which pending call a result answers: by id, of several with one id (some models count them
/// anew in every answer) the latest; without an id, the first of its name.
fn answered(pending: &[Pending], id: Option<&str>, name: Option<&str>) -> Option<usize> {
    match (id, name) {
        (Some(id), _) => pending.iter().rposition(|call| call.id.as_deref() == Some(id)),
        (None, Some(name)) => pending.iter().position(|call| call.name == name),
        (None, None) => (!pending.is_empty()).then_some(0),
    }
}

fn summarise(root: &mut Span, history: &[Arc<Message>]) {
    let first = history.iter().find(|message| message.role == Role::User).map(|message| message.joined_text());
    let mut last =
        history.iter().rev().filter(|message| message.role == Role::Assistant).map(|message| message.joined_text());
    root.input = root.input.take().or_else(|| first.filter(|text| !text.is_empty()).map(Payload::Text));
    root.output = root.output.take().or_else(|| last.next().filter(|text| !text.is_empty()).map(Payload::Text));
}
