//! Conversations of several agents in one room: a list of messages in which the speakers are named.
//!
//! Accepted: `[{role, content, name?}, …]` whose roles are names of agents, as Magentic-One writes
//! them (`Orchestrator (-> WebSurfer)`, `human`); and a record around such a list, `{history: […],
//! question?, …}`, as AG2 and Who&When have it. Each message is a step of the run, in order: what a
//! program answered (`exitcode: 0 (…)`) is a tool call, everything else a turn of the agent that
//! speaks. What else a record says stays with the root: labels are data, and no detector reads them.

use std::collections::BTreeSet;

use arc_model::{Json, Message, Payload, Role, Span, SpanKind, Status, TaskId, ToolCall, TraceId};
use serde_json::Map;

use super::{
    Match, Wire, describe_json,
    identity::{Identities, span_id},
    json_documents, place, some_item, transcript,
};
use crate::{
    document::{Content, Document},
    output::Output,
    read::value::{take_name, take_text},
};

/// Messages that are looked at for names of agents.
const TURNS_LOOKED_AT: usize = 16;

/// The wire.
pub struct GroupChat;

impl Wire for GroupChat {
    fn id(&self) -> &'static str {
        "group-chat"
    }

    fn name(&self) -> &'static str {
        "Conversations of several agents"
    }

    fn expects(&self) -> &'static str {
        "messages of named agents, `[{role: \"WebSurfer\", content}, …]` or `{history: [{name, role, content}, …]}`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        if is_record(value) || some_item(value, is_record) {
            return Some(Match { score: 90, because: "its `history` is a list of messages with speakers" });
        }
        speaks_of_several_agents(value)
            .then_some(Match { score: 65, because: "it is a list of messages whose roles are names of several agents" })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut identities = Identities::default();
        for (line, value) in json_documents(documents, out) {
            match value {
                Json::Array(records) if !some_item(&Json::Array(records.clone()), is_turn) => {
                    for (index, record) in records.into_iter().enumerate() {
                        read(record, line, &format!("/{index}"), &mut identities, out);
                    }
                }
                value => read(value, line, "", &mut identities, out),
            }
        }
    }
}

fn is_record(value: &Json) -> bool {
    value.get("history").is_some_and(|history| some_item(history, is_turn))
}

fn is_turn(value: &Json) -> bool {
    let is_text = |name: &str| value.get(name).is_some_and(Json::is_string);
    is_text("content") && (is_text("role") || is_text("name"))
}

/// Returns whether a list's first messages are of two agents or more: one unknown role among those of a chat API is a
/// plain transcript, whose unknown speaker is no agent we know of.
fn speaks_of_several_agents(value: &Json) -> bool {
    let turns = value.as_array().into_iter().flatten().filter(|turn| is_turn(turn)).take(TURNS_LOOKED_AT);
    turns.filter_map(agent_name).collect::<BTreeSet<_>>().len() > 1
}

/// Returns the agent that a message's role names, unless it is a role of a chat API. `Orchestrator (thought)` and
/// `Orchestrator (-> WebSurfer)` are one agent.
fn agent_name(turn: &Json) -> Option<&str> {
    let role = turn.get("role").and_then(Json::as_str)?;
    let starts_with_capital = role.starts_with(|first: char| first.is_uppercase());
    let is_name = starts_with_capital && matches!(Role::from_text(role), Role::Other(_));
    let is_call = turn.get("tool_calls").is_some();
    (is_name && !is_call).then(|| role.split(" (").next().unwrap_or(role))
}

fn read(value: Json, line: Option<u64>, pointer: &str, identities: &mut Identities, out: &mut Output) {
    let trace_id = identities.of(GroupChat.id(), &value);
    let (mut record, history, pointer) = match value {
        Json::Array(history) => (Map::new(), history, pointer.to_owned()),
        Json::Object(mut record) if record.get("history").is_some_and(Json::is_array) => {
            let Some(Json::Array(history)) = record.remove("history") else { return };
            (record, history, format!("{pointer}/history"))
        }
        other => {
            let found = describe_json(&other);
            out.rejected(place(line, pointer), format!("expected {}, found {found}", GroupChat.expects()));
            return;
        }
    };
    let mut root = transcript::root(trace_id);
    "group chat".clone_into(&mut root.name);
    root.facts.task = take_name(&mut record, &["question_ID", "task_id"]).map(TaskId::new);
    root.input = take_text(&mut record, &["question"]).map(Payload::Text);
    root.attributes.extend(record.into_iter().filter(|(_, value)| !value.is_null()));
    let mut steps = Vec::with_capacity(history.len());
    for (index, message) in history.into_iter().enumerate() {
        let here = place(line, format!("{pointer}/{index}"));
        match message {
            Json::Object(message) => steps.push(step(trace_id, index, message)),
            other => out.rejected(here, format!("expected a message, found {}", describe_json(&other))),
        }
    }
    let says =
        |span: &Span| span.messages_out.first().or(span.messages_in.first()).map(|message| message.joined_text());
    if root.input.is_none() {
        root.input = steps.first().and_then(says).map(Payload::Text);
    }
    root.output = steps.last().and_then(says).map(Payload::Text);
    out.spans.push(root);
    out.spans.append(&mut steps);
}

/// Makes a step of a message. Its sequence is its place in the history, counted from 1.
fn step(trace_id: TraceId, index: usize, mut message: Map<String, Json>) -> Span {
    let sequence = u32::try_from(index + 1).unwrap_or(u32::MAX);
    let text = take_text(&mut message, &["content"]).unwrap_or_default();
    let role = take_text(&mut message, &["role"]).unwrap_or_default();
    let speaker = take_text(&mut message, &["name"]).unwrap_or_else(|| role.clone());
    let exit = exit_code(&text);
    let kind = if exit.is_some() { SpanKind::Tool } else { SpanKind::Agent };
    let mut span = Span::new(trace_id, span_id(trace_id, sequence), kind, speaker.clone());
    span.parent_id = Some(span_id(trace_id, 0));
    span.sequence = sequence;
    span.revision = 1;
    span.attributes = message.into_iter().collect();
    if let Some(code) = exit {
        span.status = if code == 0 {
            Status::Ok
        } else {
            Status::Error { kind: Some(format!("exit code {code}")), message: text.clone() }
        };
        let result = Some(Payload::Text(text));
        span.tool = Some(ToolCall { id: None, name: speaker, arguments: None, result });
    } else if matches!(Role::from_text(&role), Role::User) && role == speaker || role == "human" {
        span.kind = SpanKind::Step;
        span.messages_in = vec![Message { name: Some(speaker), ..Message::text(Role::User, text) }.into()];
    } else {
        span.messages_out = vec![Message { name: Some(speaker), ..Message::text(Role::Assistant, text) }.into()];
    }
    span
}

/// Returns the exit code of a program that a message reports on, as `AutoGen` and AG2 write it.
fn exit_code(text: &str) -> Option<i64> {
    let rest = text.trim_start().strip_prefix("exitcode: ")?;
    let digits: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '-').collect();
    digits.parse().ok()
}
