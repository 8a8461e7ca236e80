//! Chat transcripts as `OpenAI`'s API has them: a list of messages, or a record around one.
//!
//! Accepted: `[{role, content}, …]`; `{messages: […], tools?, model?, usage?, …}`; a list of either;
//! JSON Lines of either; JSON Lines with one message on each line, which are one transcript.

use arc_model::{AgentName, Json, ModelRef, Place, Role, RunFacts, SessionId, Span, TaskId, UserId};
use serde_json::Map;

use super::{
    Match, Wire,
    conversation::{Turn, is_conversation, is_message, read_turns},
    describe_json,
    identity::Identities,
    json_documents, place, some_item, tau_bench,
    transcript::{self, Transcript},
};
use crate::{
    document::{Content, Document},
    output::Output,
    provider,
    read::{
        tools,
        value::{self, take_name, take_text},
    },
};

/// The wire.
pub struct Chat;

impl Wire for Chat {
    fn id(&self) -> &'static str {
        "chat"
    }

    fn name(&self) -> &'static str {
        "Chat transcripts, as OpenAI's API has them"
    }

    fn expects(&self) -> &'static str {
        "a chat transcript, `[{role, content}, …]` or `{messages: […]}`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        if is_record(value) || some_item(value, is_record) {
            return Some(Match { score: 70, because: "it has `messages` with roles" });
        }
        if is_conversation(value) || some_item(value, is_conversation) {
            return Some(Match { score: 60, because: "it is a list of messages with roles" });
        }
        is_message(value).then_some(Match { score: 30, because: "it is a message with a role" })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut identities = Identities::default();
        let mut lines = Vec::new();
        let mut first_line = None;
        for (line, value) in json_documents(documents, out) {
            if is_message(&value) && !is_record(&value) {
                first_line = first_line.or(line);
                lines.push(value);
                continue;
            }
            push_lines(&mut lines, &mut first_line, &mut identities, out);
            read_value(value, line, "", &mut identities, out);
        }
        push_lines(&mut lines, &mut first_line, &mut identities, out);
    }
}

fn is_record(value: &Json) -> bool {
    value.get("messages").is_some_and(is_conversation)
}

/// Reads lines of one message each as one transcript.
fn push_lines(lines: &mut Vec<Json>, first: &mut Option<u64>, identities: &mut Identities, out: &mut Output) {
    if !lines.is_empty() {
        let messages = Json::Array(std::mem::take(lines));
        read_value(messages, first.take(), "", identities, out);
    }
}

fn read_value(value: Json, line: Option<u64>, pointer: &str, identities: &mut Identities, out: &mut Output) {
    if is_record(&value) || is_conversation(&value) {
        let trace_id = identities.of(Chat.id(), &value);
        match value {
            Json::Array(messages) => {
                let turns = read_turns(messages, line, pointer, out);
                let nowhere = Place { line, ..Place::default() };
                push(transcript::root(trace_id), Map::new(), turns, pointer.to_owned(), &nowhere, out);
            }
            Json::Object(record) => read_record(record, transcript::root(trace_id), line, pointer, out),
            _ => {}
        }
        return;
    }
    match value {
        Json::Array(records) if pointer.is_empty() => {
            for (index, record) in records.into_iter().enumerate() {
                read_value(record, line, &format!("/{index}"), identities, out);
            }
        }
        other => {
            let found = describe_json(&other);
            out.rejected(place(line, pointer), format!("expected {}, found {found}", Chat.expects()));
        }
    }
}

fn read_record(mut record: Map<String, Json>, root: Span, line: Option<u64>, pointer: &str, out: &mut Output) {
    let Some(Json::Array(messages)) = record.remove("messages") else { return };
    let pointer = format!("{pointer}/messages");
    let mut turns = read_turns(messages, line, &pointer, out);
    // Anthropic's API has the instructions beside the messages.
    if let Some(system) = record.remove("system") {
        let message = Map::from_iter([("role".to_owned(), Json::from("system")), ("content".to_owned(), system)]);
        turns.splice(0..0, read_turns(vec![Json::Object(message)], line, &pointer, out));
    }
    let here = place(line, pointer.as_str());
    push(root, record, turns, pointer, &here, out);
}

/// Request parameters that a record may have beside its messages.
const PARAMETERS: &[&str] = &[
    "frequency_penalty",
    "max_completion_tokens",
    "max_tokens",
    "parallel_tool_calls",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "seed",
    "stop",
    "temperature",
    "tool_choice",
    "top_k",
    "top_p",
];

fn push(
    mut root: Span,
    mut record: Map<String, Json>,
    mut turns: Vec<Turn>,
    pointer: String,
    here: &Place,
    out: &mut Output,
) {
    root.facts = facts(&mut record);
    let model = take_text(&mut record, &["model"]);
    let model = model.map(|model| ModelRef { request: Some(model), ..ModelRef::default() });
    let mut offered = Vec::new();
    for name in ["tools", "functions"] {
        let Some(list) = record.get(name).filter(|list| !value::is_blank(list)) else { continue };
        let (read, unread) = tools::read_all(list);
        offered.extend(read);
        if unread.is_empty() {
            record.remove(name);
        } else {
            out.note(here.clone(), format!("{} items of `{name}` are not tool definitions", unread.len()));
        }
    }
    let parameters = PARAMETERS.iter().filter_map(|name| record.remove(*name).map(|value| ((*name).to_owned(), value)));
    let parameters = parameters.collect();
    if let Some(counts) = record.get("usage").and_then(provider::usage::of) {
        let mut answers = turns.iter_mut().filter(|turn| turn.message.role == Role::Assistant);
        // The usage of one call is that call's; that of several is the run's, and nobody knows whose share.
        match (answers.next(), answers.next()) {
            (Some(only), None) if only.usage.is_none() => only.usage = Some(counts),
            _ => root.usage = Some(counts),
        }
    }
    root.attributes = record.into_iter().filter(|(_, value)| !value::is_blank(value)).collect();
    let line = here.line;
    transcript::push(root, Transcript { turns, model, tools: offered, parameters, line, pointer }, out);
}

fn facts(record: &mut Map<String, Json>) -> RunFacts {
    RunFacts {
        agent: take_text(record, &["agent_name", "agent"]).map(AgentName::new),
        agent_version: take_name(record, &["agent_version"]),
        session: take_name(record, &["session_id", "conversation_id", "thread_id"]).map(SessionId::new),
        user: take_name(record, &["user_id", "user"]).map(UserId::new),
        task: take_name(record, &["task_id"]).map(TaskId::new),
        trial: tau_bench::take_trial(record),
        ..RunFacts::default()
    }
}
