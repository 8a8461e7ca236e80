//! Conversations in `LangChain`'s own messages: `[{type: "human", content}, {type: "ai", tool_calls: [{name, args, id}],
//! usage_metadata}, {type: "tool", tool_call_id}]`, also as constructors (`{lc, kwargs}`).
//!
//! Accepted: such a list; a record around one, as a state of `LangGraph` is (`{messages: […], …}`); one message on each
//! line; and the updates that a graph streams, `{node: {messages: […]}}` on each line, which are one run.

use arc_model::{AgentName, Json, Place, SessionId, Span, TaskId, UserId};
use serde_json::Map;

use super::{
    Match, Wire,
    answers::{About, Answers},
    describe_json,
    identity::Identities,
    json_documents, place, some_item, transcript,
};
use crate::{
    document::{Content, Document},
    output::Output,
    read::{
        bodies::{is_langchain, of_langchain},
        value::{is_blank, take_name, take_text},
    },
};

/// The wire.
pub struct LangchainMessages;

impl Wire for LangchainMessages {
    fn id(&self) -> &'static str {
        "langchain-messages"
    }

    fn name(&self) -> &'static str {
        "Messages of LangChain and states of LangGraph"
    }

    fn expects(&self) -> &'static str {
        "messages of LangChain, `[{type: \"human\", content}, {type: \"ai\", content, tool_calls}, …]` or `{messages: […]}`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        if is_record(value) || some_item(value, is_record) {
            return Some(Match { score: 80, because: "its `messages` have LangChain's `type`s" });
        }
        if is_list(value) || some_item(value, is_list) {
            return Some(Match { score: 75, because: "it is a list of messages with LangChain's `type`s" });
        }
        if is_update(value) || some_item(value, is_update) {
            return Some(Match {
                score: 72,
                because: "each of its fields is a node's update with LangChain's messages",
            });
        }
        is_langchain(value).then_some(Match { score: 55, because: "it is a message with a `type` of LangChain" })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut identities = Identities::default();
        // Lines of one message or one update each are one run.
        let mut lines = Vec::new();
        let mut first_line = None;
        for (line, value) in json_documents(documents, out) {
            if is_langchain(&value) || is_update(&value) {
                first_line = first_line.or(line);
                lines.push(value);
                continue;
            }
            read_value(value, line, "", &mut identities, out);
        }
        if !lines.is_empty() {
            read_value(Json::Array(lines), first_line, "", &mut identities, out);
        }
    }
}

fn is_list(value: &Json) -> bool {
    some_item(value, is_langchain)
}

fn is_record(value: &Json) -> bool {
    value.get("messages").is_some_and(is_list)
}

/// Returns whether a value is an update of a graph's state: every field is a node with what it changed.
fn is_update(value: &Json) -> bool {
    let Json::Object(nodes) = value else { return false };
    let changes = |change: &Json| change.is_null() || change.is_object();
    nodes.values().all(changes)
        && nodes.values().any(|change| change.get("messages").is_some_and(|said| is_list(said) || is_langchain(said)))
}

fn read_value(value: Json, line: Option<u64>, pointer: &str, identities: &mut Identities, out: &mut Output) {
    if is_record(&value) || is_list(&value) || some_item(&value, is_update) || is_update(&value) {
        let root = transcript::root(identities.of(LangchainMessages.id(), &value));
        match value {
            Json::Object(record) if record.get("messages").is_some_and(is_list) => {
                read_record(record, root, line, pointer, out);
            }
            Json::Object(update) => read_updates(vec![Json::Object(update)], root, line, pointer, out),
            Json::Array(items) if items.iter().any(is_update) => read_updates(items, root, line, pointer, out),
            Json::Array(items) => push(items, root, line, pointer.to_owned(), out),
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
            out.rejected(place(line, pointer), format!("expected {}, found {found}", LangchainMessages.expects()));
        }
    }
}

fn read_record(mut record: Map<String, Json>, mut root: Span, line: Option<u64>, pointer: &str, out: &mut Output) {
    let Some(Json::Array(messages)) = record.remove("messages") else { return };
    root.facts.agent = take_text(&mut record, &["agent_name", "agent"]).map(AgentName::new);
    root.facts.session = take_name(&mut record, &["thread_id", "session_id"]).map(SessionId::new);
    root.facts.user = take_name(&mut record, &["user_id"]).map(UserId::new);
    root.facts.task = take_name(&mut record, &["task_id"]).map(TaskId::new);
    root.attributes = record.into_iter().filter(|(_, value)| !is_blank(value)).collect();
    push(messages, root, line, format!("{pointer}/messages"), out);
}

/// Reads what the nodes of a graph said, in order.
fn read_updates(updates: Vec<Json>, mut root: Span, line: Option<u64>, pointer: &str, out: &mut Output) {
    let mut messages = Vec::new();
    for (index, update) in updates.into_iter().enumerate() {
        if !is_update(&update) {
            let found = describe_json(&update);
            out.rejected(place(line, format!("{pointer}/{index}")), format!("expected a node's update, found {found}"));
            continue;
        }
        let Json::Object(nodes) = update else { continue };
        for (node, change) in nodes {
            let Json::Object(mut change) = change else { continue };
            match change.remove("messages") {
                Some(Json::Array(said)) => messages.extend(said),
                Some(said) => messages.push(said),
                None => {}
            }
            let rest = change.into_iter().filter(|(_, value)| !is_blank(value));
            root.attributes.extend(rest.map(|(name, value)| (format!("{node}.{name}"), value)));
        }
    }
    push(messages, root, line, pointer.to_owned(), out);
}

fn push(messages: Vec<Json>, mut root: Span, line: Option<u64>, pointer: String, out: &mut Output) {
    root.facts.framework.get_or_insert_with(|| "langchain".to_owned());
    let mut answers = Answers::default();
    for (index, message) in messages.into_iter().enumerate() {
        let here = place(line, format!("{pointer}/{index}"));
        add(message, here, &mut answers, out);
    }
    answers.push(root, About { line, pointer, ..About::default() }, out);
}

fn add(message: Json, here: Place, answers: &mut Answers, out: &mut Output) {
    if message.get("type").and_then(Json::as_str) == Some("remove") {
        out.note_once(here, "messages that the state removes again are kept");
        return;
    }
    let Json::Object(mut message) = of_langchain(message) else {
        out.rejected(here, "expected a message of LangChain, an object with a `type`");
        return;
    };
    // An id of LangChain's own; only a provider's tells one answer from another.
    let is_answer = message.get("role").and_then(Json::as_str) == Some("assistant");
    if let Some(id) = message.remove("id")
        && is_answer
    {
        let of_provider = id.as_str().is_some_and(|id| id.starts_with("chatcmpl") || id.starts_with("msg_"));
        message.insert(if of_provider { "id" } else { "message_id" }.to_owned(), id);
    }
    answers.add(message, None, here);
}
