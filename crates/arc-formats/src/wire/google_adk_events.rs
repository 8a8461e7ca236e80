//! Events of Google's Agent Development Kit: a session, `{id, appName, userId, events: [{author, content: {role, parts},
//! usageMetadata, …}]}`, such a list, or one event on each line; in the spelling of its API or of Python.
//!
//! Events with one `invocationId` are answers to one message of the user and all events of a session are one run. A
//! partial event of a stream is said again as a whole.

use arc_model::{AgentName, Json, Place, SessionId, Span, Status, UserId};
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
pub struct GoogleAdkEvents;

impl Wire for GoogleAdkEvents {
    fn id(&self) -> &'static str {
        "google-adk-events"
    }

    fn name(&self) -> &'static str {
        "Sessions and events of Google's Agent Development Kit"
    }

    fn expects(&self) -> &'static str {
        "events of the ADK, `[{author, content: {role, parts}}, …]`, or a session `{id, appName, events: […]}`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        if is_session(value) || some_item(value, is_session) {
            return Some(Match { score: 92, because: "its `events` have an `author` and `content.parts`" });
        }
        (is_event(value) || some_item(value, is_event))
            .then_some(Match { score: 86, because: "it is an event with an `author` and `content.parts`" })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut identities = Identities::default();
        let mut lines = Vec::new();
        let mut first_line = None;
        for (line, value) in json_documents(documents, out) {
            if is_event(&value) {
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

fn is_event(value: &Json) -> bool {
    let author = value.get("author").is_some_and(Json::is_string);
    author && value.pointer("/content/parts").is_some_and(Json::is_array)
}

fn is_session(value: &Json) -> bool {
    value.get("events").is_some_and(|events| some_item(events, is_event))
}

fn read_value(value: Json, line: Option<u64>, pointer: &str, identities: &mut Identities, out: &mut Output) {
    if !(some_item(&value, is_event) || is_session(&value)) {
        match value {
            Json::Array(records) if pointer.is_empty() => {
                for (index, record) in records.into_iter().enumerate() {
                    read_value(record, line, &format!("/{index}"), identities, out);
                }
            }
            other => {
                let found = describe_json(&other);
                out.rejected(place(line, pointer), format!("expected {}, found {found}", GoogleAdkEvents.expects()));
            }
        }
        return;
    }
    let mut root = transcript::root(identities.of(GoogleAdkEvents.id(), &value));
    root.facts.framework = Some("google-adk".to_owned());
    let (events, pointer) = match value {
        Json::Object(mut session) => {
            let Some(Json::Array(events)) = session.remove("events") else { return };
            root.facts.agent = take_text(&mut session, &["appName", "app_name"]).map(AgentName::new);
            root.facts.session = take_text(&mut session, &["id"]).map(SessionId::new);
            root.facts.user = take_text(&mut session, &["userId", "user_id"]).map(UserId::new);
            take(&mut session, &["lastUpdateTime", "last_update_time"]);
            session.retain(|_, value| !is_blank(value));
            root.attributes = session.into_iter().collect();
            (events, format!("{pointer}/events"))
        }
        Json::Array(events) => (events, pointer.to_owned()),
        _ => return,
    };
    let mut answers = Answers::default();
    for (index, event) in events.into_iter().enumerate() {
        let here = place(line, format!("{pointer}/{index}"));
        match event {
            Json::Object(event) => add(event, &mut root, here, &mut answers, out),
            other => out.rejected(here, format!("expected an event, found {}", describe_json(&other))),
        }
    }
    answers.push(root, About { line, pointer, ..About::default() }, out);
}

fn add(mut event: Map<String, Json>, root: &mut Span, here: Place, answers: &mut Answers, out: &mut Output) {
    if event.get("partial") == Some(&Json::Bool(true)) {
        out.note_once(here, "partial events are said again as a whole and are not read");
        return;
    }
    if let Some(kind) = take_text(&mut event, &["errorCode", "error_code"]) {
        let message = take_text(&mut event, &["errorMessage", "error_message"]).unwrap_or_default();
        root.status = Status::Error { kind: Some(kind), message };
    }
    let author = take_text(&mut event, &["author"]).unwrap_or_default();
    let at = event.remove("timestamp").unwrap_or_default();
    let Some(Json::Array(parts)) =
        event.get_mut("content").and_then(|content| content.get_mut("parts")).map(Json::take)
    else {
        // Events that only change the state.
        return;
    };
    let (mut said, mut calls) = (Vec::new(), Vec::new());
    for part in parts {
        if let Some(call) = field(&part, &["functionCall", "function_call"]) {
            calls.push(json!({"id": call.get("id"), "name": call.get("name"), "arguments": call.get("args")}));
        } else if let Some(result) = field(&part, &["functionResponse", "function_response"]) {
            let response = result.get("response").cloned().unwrap_or_default();
            // The ADK puts what a tool returned, or the error it raised, into an object.
            let is_error = response.get("error").is_some_and(|error| !is_blank(error)).then_some(true);
            let message = json!({"role": "tool", "tool_call_id": result.get("id"), "name": result.get("name"),
                "content": only_result(response), "is_error": is_error, "timestamp": at});
            if let Json::Object(message) = message {
                answers.add(message, None, here.clone());
            }
        } else if let Some(text) = part.get("text") {
            let is_thought = part.get("thought") == Some(&Json::Bool(true));
            said.push(if is_thought {
                json!({"type": "reasoning", "content": text})
            } else {
                json!({"type": "text", "text": text})
            });
        } else {
            said.push(part);
        }
    }
    if said.is_empty() && calls.is_empty() {
        return;
    }
    let is_user = author == "user";
    let mut message = Map::from_iter([
        ("role".to_owned(), Json::from(if is_user { "user" } else { "assistant" })),
        ("content".to_owned(), Json::Array(said)),
    ]);
    if !is_user {
        message.insert("tool_calls".to_owned(), Json::Array(calls));
        message.insert("name".to_owned(), Json::from(author));
        message.insert("timestamp".to_owned(), at);
        for (names, name) in [
            (&["finishReason", "finish_reason"][..], "finish_reason"),
            (&["modelVersion", "model_version"][..], "model"),
            (&["invocationId", "invocation_id"][..], "invocation_id"),
            (&["branch"][..], "branch"),
            (&["actions"][..], "actions"),
        ] {
            if let Some(value) = take(&mut event, names).filter(|value| !is_empty(value)) {
                message.insert(name.to_owned(), value);
            }
        }
        if let Some(counts) = take(&mut event, &["usageMetadata", "usage_metadata"]).filter(|counts| !is_blank(counts))
        {
            message.insert("usage".to_owned(), counts);
        }
    }
    answers.add(message, None, here);
}

fn field<'a>(part: &'a Json, names: &[&str]) -> Option<&'a Json> {
    names.iter().find_map(|name| part.get(*name)).filter(|value| value.is_object())
}

/// An action that changes nothing is an object of empty objects.
fn is_empty(value: &Json) -> bool {
    match value {
        Json::Object(fields) => fields.values().all(is_empty),
        other => is_blank(other),
    }
}

fn only_result(response: Json) -> Json {
    match response {
        Json::Object(mut fields) if fields.len() == 1 => match fields.remove("result") {
            Some(result) => result,
            None => Json::Object(fields),
        },
        other => other,
    }
}
