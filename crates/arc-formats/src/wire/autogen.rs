//! Messages of `AutoGen` 0.4 and later: `{messages: [{source, type: "TextMessage", content, models_usage}], stop_reason}`,
//! such a list, or one message on each line; and chats of AG2, `{chat_history: [{name, role, content}], summary, cost}`.
//!
//! What an agent says is an answer of its model, with the counts of `models_usage`. A request and the execution of tool
//! calls are one step each; the summary behind them says the results again and is no answer of a model.

use arc_model::{Json, Place, Span, Termination};
use serde_json::{Map, json};

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
    read::value::{is_blank, take, take_text},
};

/// The wire.
pub struct Autogen;

impl Wire for Autogen {
    fn id(&self) -> &'static str {
        "autogen"
    }

    fn name(&self) -> &'static str {
        "Messages of AutoGen and AG2"
    }

    fn expects(&self) -> &'static str {
        "messages of AutoGen, `[{source, type: \"TextMessage\", content}, …]` or `{messages: […]}`, or `{chat_history: […]}`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        if is_result(value) || some_item(value, is_result) {
            return Some(Match { score: 90, because: "its `messages` have a `source` and AutoGen's `type`s" });
        }
        if is_message(value) || some_item(value, is_message) {
            return Some(Match { score: 85, because: "it is a message with a `source` and a `type` of AutoGen" });
        }
        (is_chat(value) || some_item(value, is_chat)).then_some(Match {
            score: 88,
            because: "it has a `chat_history`, and a `summary` or a `cost`, as AG2 writes chats",
        })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut identities = Identities::default();
        // Lines of one message each are one run.
        let mut lines = Vec::new();
        let mut first_line = None;
        for (line, value) in json_documents(documents, out) {
            if is_message(&value) {
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

fn text<'a>(value: &'a Json, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Json::as_str).filter(|text| !text.is_empty())
}

fn is_message(value: &Json) -> bool {
    let kind = text(value, "type").unwrap_or_default();
    text(value, "source").is_some()
        && value.get("content").is_some()
        && (kind.ends_with("Message") || kind.ends_with("Event") || kind.starts_with("StructuredMessage"))
}

fn is_result(value: &Json) -> bool {
    value.get("messages").is_some_and(|messages| some_item(messages, is_message))
}

fn is_chat(value: &Json) -> bool {
    let says = |turn: &Json| turn.get("role").is_some() && turn.get("content").is_some();
    value.get("chat_history").is_some_and(|history| some_item(history, says))
        && (value.get("summary").is_some() || value.get("cost").is_some())
}

fn read_value(value: Json, line: Option<u64>, pointer: &str, identities: &mut Identities, out: &mut Output) {
    let is_list = some_item(&value, is_message);
    if !(is_list || is_result(&value) || is_chat(&value)) {
        match value {
            Json::Array(records) if pointer.is_empty() => {
                for (index, record) in records.into_iter().enumerate() {
                    read_value(record, line, &format!("/{index}"), identities, out);
                }
            }
            other => {
                let found = describe_json(&other);
                out.rejected(place(line, pointer), format!("expected {}, found {found}", Autogen.expects()));
            }
        }
        return;
    }
    let mut root = transcript::root(identities.of(Autogen.id(), &value));
    root.facts.framework = Some(Autogen.id().to_owned());
    match value {
        Json::Array(messages) => push(messages, root, line, pointer.to_owned(), out),
        Json::Object(mut record) => {
            let (name, is_chat) =
                if record.contains_key("chat_history") { ("chat_history", true) } else { ("messages", false) };
            let Some(Json::Array(messages)) = record.remove(name) else { return };
            let pointer = format!("{pointer}/{name}");
            if let Some(reason) = record.get("stop_reason").and_then(Json::as_str) {
                root.facts.termination = Some(termination(reason));
            }
            if is_chat {
                "ag2".clone_into(root.facts.framework.get_or_insert_default());
                root.output = take_text(&mut record, &["summary"]).map(arc_model::Payload::Text);
            }
            record.retain(|_, value| !is_blank(value));
            root.attributes = record.into_iter().collect();
            push(messages, root, line, pointer, out);
        }
        _ => {}
    }
}

fn termination(reason: &str) -> Termination {
    let reason = reason.to_ascii_lowercase();
    if reason.contains("maximum number") || reason.contains("max turns") || reason.contains("max messages") {
        Termination::StepLimit
    } else if reason.contains("timeout") || reason.contains("timed out") {
        Termination::Timeout
    } else if reason.contains("cancel") {
        Termination::Cancelled
    } else {
        Termination::Completed
    }
}

fn push(messages: Vec<Json>, root: Span, line: Option<u64>, pointer: String, out: &mut Output) {
    let mut answers = Answers::default();
    // Who sends the first message of a chat asks; the roles are those of one agent's view.
    let asks = messages.first().and_then(|message| text(message, "name")).map(str::to_owned);
    let mut thought = None;
    for (index, message) in messages.into_iter().enumerate() {
        let here = place(line, format!("{pointer}/{index}"));
        match message {
            Json::Object(message) if message.contains_key("source") => {
                add(message, &mut thought, here, &mut answers, out);
            }
            Json::Object(message) if message.contains_key("role") => {
                add_of_chat(message, asks.as_deref(), here, &mut answers);
            }
            other => out.rejected(here, format!("expected a message with a `source`, found {}", describe_json(&other))),
        }
    }
    answers.push(root, About { line, pointer, ..About::default() }, out);
}

/// Which messages say nothing that others do not.
const REPEATS: &[&str] =
    &["ModelClientStreamingChunkEvent", "UserInputRequestedEvent", "SelectorEvent", "SelectSpeakerEvent"];

/// `thought` is who has thought and not spoken yet: what it says next is the same answer.
fn add(
    mut message: Map<String, Json>,
    thought: &mut Option<(String, String)>,
    here: Place,
    answers: &mut Answers,
    out: &mut Output,
) {
    let kind = take_text(&mut message, &["type"]).unwrap_or_default();
    let source = take_text(&mut message, &["source"]).unwrap_or_default();
    if REPEATS.contains(&kind.as_str()) {
        out.note_once(here, format!("messages of the type `{kind}` repeat others and are not read"));
        return;
    }
    let content = take(&mut message, &["content"]).unwrap_or_default();
    if kind == "ToolCallExecutionEvent" {
        return add_results(content, message.get("created_at"), &here, answers, out);
    }
    let mut said = Map::from_iter([("name".to_owned(), Json::from(source.as_str()))]);
    let role = match kind.as_str() {
        _ if source == "user" || source == "human" => "user",
        "ToolCallSummaryMessage" => "tool-call-summary",
        "HandoffMessage" => "handoff",
        "StopMessage" => "stop",
        "MemoryQueryEvent" => "memory",
        "CodeExecutionEvent" => "code-execution",
        _ => "assistant",
    };
    said.insert("role".to_owned(), Json::from(role));
    match kind.as_str() {
        "ToolCallRequestEvent" => {
            said.insert("tool_calls".to_owned(), content);
        }
        "ThoughtEvent" => {
            said.insert("content".to_owned(), json!([{"type": "reasoning", "content": content}]));
        }
        // An object that the model was told to write.
        _ if content.is_object() => {
            said.insert("content".to_owned(), Json::from(content.to_string()));
        }
        _ => {
            said.insert("content".to_owned(), content);
        }
    }
    if role == "assistant" {
        if let Some(counts) = message.remove("models_usage").filter(|counts| !is_blank(counts)) {
            said.insert("usage".to_owned(), counts);
        }
        if let Some(at) = message.remove("created_at") {
            said.insert("timestamp".to_owned(), at);
        }
        said.extend(message.into_iter().filter(|(name, value)| !is_blank(value) && name != "id"));
    }
    let key = match thought.take() {
        Some((thinker, key)) if thinker == source && role == "assistant" => Some(key),
        _ if kind == "ThoughtEvent" => Some(format!("{here:?}")),
        _ => None,
    };
    if kind == "ThoughtEvent" {
        *thought = key.clone().map(|key| (source, key));
    }
    answers.add(said, key, here);
}

fn add_results(results: Json, at: Option<&Json>, here: &Place, answers: &mut Answers, out: &mut Output) {
    let Json::Array(results) = results else {
        out.rejected(here.clone(), "expected the results of tool calls, a list of `{call_id, content}`");
        return;
    };
    for result in results {
        let Json::Object(mut result) = result else {
            out.rejected(here.clone(), "expected the result of a tool call, an object with a `call_id`");
            continue;
        };
        let mut message = Map::from_iter([("role".to_owned(), Json::from("tool"))]);
        for (name, new_name) in
            [("call_id", "tool_call_id"), ("name", "name"), ("content", "content"), ("is_error", "is_error")]
        {
            if let Some(value) = result.remove(name).filter(|value| !value.is_null()) {
                message.insert(new_name.to_owned(), value);
            }
        }
        if let Some(at) = at {
            message.insert("timestamp".to_owned(), at.clone());
        }
        answers.add(message, None, here.clone());
    }
}

/// Messages of AG2 are those of a chat API. Their roles say who sent and who received; the agent that asks stands for
/// the user, and every other one is a model.
fn add_of_chat(mut message: Map<String, Json>, asks: Option<&str>, here: Place, answers: &mut Answers) {
    // One message holds the results of several calls.
    if let Some(Json::Array(results)) = message.remove("tool_responses") {
        for mut result in results.into_iter().filter(Json::is_object) {
            if let Some(result) = result.as_object_mut() {
                result.insert("role".to_owned(), Json::from("tool"));
                answers.add(std::mem::take(result), None, here.clone());
            }
        }
        return;
    }
    message.remove("carryover");
    let is_chat = matches!(message.get("role").and_then(Json::as_str), Some("user" | "assistant"));
    if let Some(asks) = asks
        && is_chat
        && message.get("tool_calls").is_none_or(is_blank)
    {
        let is_asker = message.get("name").and_then(Json::as_str) == Some(asks);
        message.insert("role".to_owned(), Json::from(if is_asker { "user" } else { "assistant" }));
    }
    answers.add(message, None, here);
}
