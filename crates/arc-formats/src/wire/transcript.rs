//! A transcript of messages to the spans of a run: a root, a model call for each message of the
//! model, and a tool call for each call it asked for.
//!
//! Transcripts record no times: `start` and `end` stay unknown, `sequence` tells the order.

use std::collections::BTreeMap;

use arc_model::{
    Attributes, Message, ModelRef, Part, Payload, Role, Span, SpanKind, Status, ToolCall, ToolDefinition, TraceId,
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

/// A call the model asked for, until its result is found.
struct Pending {
    /// Index of the tool's span.
    span: usize,
    id: Option<String>,
    name: String,
}

/// Adds the root and the spans below it to the output.
///
/// The root's input is the first message of the user, its output the last text of the model, and its
/// messages those that were given to the agent from outside; so a message after the model's last
/// one, which no model call has seen, is kept.
pub(crate) fn push(mut root: Span, transcript: Transcript, out: &mut Output) {
    let Transcript { turns, model, tools, parameters, line, pointer } = transcript;
    let trace_id = root.trace_id;
    let parent = root.span_id;
    let mut history: Vec<Message> = Vec::with_capacity(turns.len());
    let mut below: Vec<Span> = Vec::new();
    let mut pending: Vec<Pending> = Vec::new();
    let mut history_bytes = 0_usize;
    let mut sent = 0;
    let new_span = |kind, name: &str, position: usize| {
        let sequence = u32::try_from(position + 1).unwrap_or(u32::MAX);
        let mut span = Span::new(trace_id, span_id(trace_id, sequence), kind, name);
        span.parent_id = Some(parent);
        span.sequence = sequence;
        span.revision = 1;
        span
    };
    for (index, turn) in turns.into_iter().enumerate() {
        let here = || place(line, format!("{pointer}/{index}"));
        match &turn.message.role {
            Role::Assistant => {
                let mut call = new_span(SpanKind::Llm, "chat", below.len());
                let whole = history_bytes <= out.history_budget;
                out.history_budget = out.history_budget.saturating_sub(history_bytes);
                if !whole {
                    out.note_once(
                        here(),
                        "the history is too large to repeat for every model call; from here on a call holds only what \
                         is new since the call before it",
                    );
                }
                call.messages_in = history.get(if whole { 0 } else { sent }..).unwrap_or_default().to_vec();
                call.model.clone_from(&model);
                if let Some(wrote) = turn.model {
                    call.model.get_or_insert_default().response = Some(wrote);
                }
                call.tools_offered.clone_from(&tools);
                call.parameters.clone_from(&parameters);
                call.usage = turn.usage;
                call.finish_reason = turn.finish_reason;
                call.attributes = turn.rest;
                call.messages_out = vec![turn.message.clone()];
                below.push(call);
                for part in &turn.message.parts {
                    if let Part::ToolCall { id, name, arguments } = part {
                        pending.push(Pending { span: below.len(), id: id.clone(), name: name.clone() });
                        let mut tool = new_span(SpanKind::Tool, name, below.len());
                        let arguments = Some(arguments.clone());
                        tool.tool = Some(ToolCall { id: id.clone(), name: name.clone(), arguments, result: None });
                        below.push(tool);
                    }
                }
                sent = history.len() + 1;
            }
            role => {
                let is_tool = *role == Role::Tool;
                for part in &turn.message.parts {
                    let Part::ToolResult { id, result } = part else { continue };
                    let found = answered(&pending, id.as_deref(), turn.message.name.as_deref());
                    let position = match found {
                        Some(found) => pending.remove(found).span,
                        None => {
                            let name = turn.message.name.as_deref().unwrap_or("unknown");
                            let mut orphan = new_span(SpanKind::Tool, name, below.len());
                            orphan.tool =
                                Some(ToolCall { id: id.clone(), name: name.to_owned(), arguments: None, result: None });
                            out.note(here(), "a tool's result answers no call; it is kept as a call without arguments");
                            below.push(orphan);
                            below.len() - 1
                        }
                    };
                    if let Some(span) = below.get_mut(position) {
                        settle(span, result, turn.is_error, if is_tool { &turn.rest } else { &NOTHING });
                    }
                }
                if !is_tool {
                    root.messages_in.push(turn.message.clone());
                }
            }
        }
        history_bytes = history_bytes.saturating_add(size(&turn.message));
        history.push(turn.message);
    }
    summarise(&mut root, &history);
    out.spans.push(root);
    out.spans.append(&mut below);
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

/// Returns which pending call a result answers: by id; without one, the first of its name.
fn answered(pending: &[Pending], id: Option<&str>, name: Option<&str>) -> Option<usize> {
    match (id, name) {
        (Some(id), _) => pending.iter().position(|call| call.id.as_deref() == Some(id)),
        (None, Some(name)) => pending.iter().position(|call| call.name == name),
        (None, None) => (!pending.is_empty()).then_some(0),
    }
}

fn summarise(root: &mut Span, history: &[Message]) {
    let first = history.iter().find(|message| message.role == Role::User).map(Message::joined_text);
    let mut last = history.iter().rev().filter(|message| message.role == Role::Assistant).map(Message::joined_text);
    root.input = root.input.take().or_else(|| first.filter(|text| !text.is_empty()).map(Payload::Text));
    root.output = root.output.take().or_else(|| last.next().filter(|text| !text.is_empty()).map(Payload::Text));
}

/// Returns about how many bytes a message takes.
fn size(message: &Message) -> usize {
    let of_payload = |payload: &Payload| match payload {
        Payload::Text(text) => text.len(),
        Payload::Json(value) => of_json(value),
    };
    let of_part = |part: &Part| match part {
        Part::Text { text } | Part::Reasoning { text } => text.len(),
        Part::ToolCall { name, arguments, .. } => name.len() + of_payload(arguments),
        Part::ToolResult { result, .. } => of_payload(result),
        Part::Media { reference, .. } => reference.len(),
        Part::Other { value } => of_json(value),
    };
    size_of::<Message>() + message.parts.iter().map(|part| size_of::<Part>() + of_part(part)).sum::<usize>()
}

fn of_json(value: &arc_model::Json) -> usize {
    use arc_model::Json;
    size_of::<Json>()
        + match value {
            Json::Null | Json::Bool(_) | Json::Number(_) => 0,
            Json::String(text) => text.len(),
            Json::Array(items) => items.iter().map(of_json).sum(),
            Json::Object(fields) => fields.iter().map(|(name, value)| name.len() + of_json(value)).sum(),
        }
}
