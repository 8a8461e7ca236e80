//! Puts the flattened messages of `OpenInference` together: `llm.input_messages.<i>.message.…`.

use std::{collections::BTreeMap, sync::Arc};

use arc_model::{Json, Message, Part, Payload, Role};
use serde_json::Map;

use super::{Found, Names, Reading};
use crate::read::{attributes::Reader, messages, value::is_blank};

/// An attribute below an index: what follows the index, its full name and its value.
pub(super) type Below<'a> = (&'a str, String, &'a Json);

/// Returns the attributes below a prefix by the index that follows it, in order of the index.
pub(super) fn by_index<'a>(attributes: Reader<'a>, prefix: &'a str) -> BTreeMap<u64, Vec<Below<'a>>> {
    let mut indices: BTreeMap<u64, Vec<Below<'a>>> = BTreeMap::new();
    for (rest, value) in attributes.under(prefix) {
        let Some((index, below)) = rest.split_once('.') else { continue };
        let Ok(index) = index.parse() else { continue };
        indices.entry(index).or_default().push((below, format!("{prefix}{rest}"), value));
    }
    indices
}

/// Splits by the index behind a second prefix: `message.tool_calls.<k>.…`.
pub(super) fn by_inner_index<'a, 'b>(
    below: &'b [Below<'a>],
    prefix: &str,
) -> BTreeMap<u64, Vec<(&'a str, &'b Below<'a>)>> {
    let mut indices: BTreeMap<u64, Vec<(&'a str, &'b Below<'a>)>> = BTreeMap::new();
    for attribute in below {
        let Some((index, rest)) = attribute.0.strip_prefix(prefix).and_then(|rest| rest.split_once('.')) else {
            continue;
        };
        let Ok(index) = index.parse() else { continue };
        indices.entry(index).or_default().push((rest, attribute));
    }
    indices
}

/// Adds the messages to what is read of a span.
pub(super) fn read(attributes: Reader<'_>, reading: &mut Reading) {
    let input = read_list(attributes, "llm.input_messages.", reading);
    let input = input.or_else(|| texts(attributes, "llm.prompts.", "prompt.text", &Role::User));
    let output = read_list(attributes, "llm.output_messages.", reading);
    let output = output.or_else(|| texts(attributes, "llm.choices.", "completion.text", &Role::Assistant));
    reading.messages_in = input.map(Found::shared);
    reading.messages_out = output.map(Found::shared);
}

fn read_list(attributes: Reader<'_>, prefix: &str, reading: &mut Reading) -> Option<Found<Vec<Message>>> {
    let mut found = Found::kept(Vec::new());
    for (_, below) in by_index(attributes, prefix) {
        let (value, from) = message_object(&below);
        if !value.contains_key("role") {
            reading.note_once(format!("a message of `{prefix}<i>` has no role; its speaker is unknown"));
        }
        let mut object = value;
        object.entry("role").or_insert_with(|| Json::from("unknown"));
        let read = messages::read(Json::Object(object));
        for field in read.beside.lost.iter().chain(read.rest.keys()) {
            reading.note_once(format!("`{field}` in the messages of `{prefix}<i>` is not read"));
        }
        found.value.push(read.message);
        found.from.extend(from);
    }
    (!found.value.is_empty()).then_some(found)
}

/// Builds the message that was flattened, and names the attributes it was built from. Attributes
/// that are not part of a message as we know it stay raw.
fn message_object(below: &[Below<'_>]) -> (Map<String, Json>, Vec<String>) {
    let mut object = Map::new();
    let mut from = Vec::new();
    for (rest, name, value) in below {
        let field = match *rest {
            "message.role" => "role",
            "message.content" => "content",
            "message.name" => "name",
            "message.tool_call_id" => "tool_call_id",
            _ => continue,
        };
        object.insert(field.to_owned(), (*value).clone());
        from.push(name.clone());
    }
    let contents: Vec<Json> =
        by_inner_index(below, "message.contents.").values().map(|fields| content_part(fields, &mut from)).collect();
    if !contents.is_empty() && object.get("content").is_none_or(is_blank) {
        object.insert("content".to_owned(), Json::Array(contents));
    }
    let calls: Vec<Json> =
        by_inner_index(below, "message.tool_calls.").values().map(|fields| tool_call(fields, &mut from)).collect();
    if !calls.is_empty() {
        object.insert("tool_calls".to_owned(), Json::Array(calls));
    }
    (object, from)
}

fn content_part(fields: &[(&str, &Below<'_>)], from: &mut Vec<String>) -> Json {
    let mut part = Map::new();
    for (rest, (_, name, value)) in fields {
        let field = match *rest {
            "message_content.type" => "type",
            "message_content.text" => "text",
            "message_content.image.image.url" => "url",
            _ => continue,
        };
        part.insert(field.to_owned(), (*value).clone());
        from.push(name.clone());
    }
    Json::Object(part)
}

fn tool_call(fields: &[(&str, &Below<'_>)], from: &mut Vec<String>) -> Json {
    let mut call = Map::new();
    for (rest, (_, name, value)) in fields {
        let field = match *rest {
            "tool_call.id" => "id",
            "tool_call.function.name" => "name",
            "tool_call.function.arguments" => "arguments",
            _ => continue,
        };
        call.insert(field.to_owned(), (*value).clone());
        from.push(name.clone());
    }
    Json::Object(call)
}

/// Prompts and completions of the API before chat: texts without roles.
fn texts(attributes: Reader<'_>, prefix: &str, field: &str, role: &Role) -> Option<Found<Vec<Message>>> {
    let mut found = Found::kept(Vec::new());
    for (_, below) in by_index(attributes, prefix) {
        let text = below.into_iter().find(|(rest, ..)| *rest == field);
        let Some((_, name, Json::String(text))) = text else { continue };
        found.value.push(Message { role: role.clone(), name: None, parts: vec![Part::Text { text: text.clone() }] });
        found.from.push(name);
    }
    (!found.value.is_empty()).then_some(found)
}

/// Returns the documents below a prefix, as a list.
pub(super) fn documents(attributes: Reader<'_>, prefix: &str) -> Option<Found<Payload>> {
    let mut found = Found::kept(Vec::new());
    for (_, below) in by_index(attributes, prefix) {
        let mut document = Map::new();
        for (rest, name, value) in below {
            if let Some(field) = rest.strip_prefix("document.") {
                document.insert(field.to_owned(), value.clone());
                found.from.push(name);
            }
        }
        found.value.push(Json::Object(document));
    }
    (!found.value.is_empty()).then(|| found.map(|documents| Payload::Json(Json::Array(documents))))
}

/// Returns what a reranker was given: the question and the documents.
pub(super) fn to_rerank(attributes: Reader<'_>) -> Option<Found<Payload>> {
    let mut found = Found::kept(Map::new());
    if let Some(question) = attributes.name(&["reranker.query"]) {
        found.value.insert("query".to_owned(), Json::from(question.value));
        found.from.extend(question.from);
    }
    let documents = documents(attributes, "reranker.input_documents.");
    if let Some(Payload::Json(documents)) = found.keep(documents) {
        found.value.insert("documents".to_owned(), documents);
    }
    (!found.value.is_empty()).then(|| found.map(|fields| Payload::Json(Json::Object(fields))))
}

/// Returns the texts that were embedded. Their vectors stay raw.
pub(super) fn embedded(attributes: Reader<'_>) -> Option<Found<Payload>> {
    let mut found = Found::kept(Vec::new());
    for (_, below) in by_index(attributes, "embedding.embeddings.") {
        let text = below.into_iter().find(|(rest, ..)| *rest == "embedding.text");
        let Some((_, name, text)) = text else { continue };
        found.value.push(text.clone());
        found.from.push(name);
    }
    match found.value.as_slice() {
        [] => attributes.payload(&["embedding.text"]),
        [only] => {
            let text = Payload::from_json(only.clone());
            Some(found.map(|_| text))
        }
        _ => Some(found.map(|texts| Payload::Json(Json::Array(texts)))),
    }
}

/// Adds the input and output of a model call without the messages in them, if these are exactly those
/// that were read: bodies repeat the conversation, and holding it twice would double what is stored.
pub(super) fn add_bodies(input: Option<Found<Payload>>, output: Option<Found<Payload>>, reading: &mut Reading) {
    let known =
        |found: &Option<Found<Vec<Arc<Message>>>>| found.as_ref().map(|found| found.value.clone()).unwrap_or_default();
    let rest = input.as_ref().and_then(|found| beside_list(&found.value, &known(&reading.messages_in)));
    reading.input = without(input, rest, &mut reading.repeated);
    let said = known(&reading.messages_out);
    let rest = output.as_ref().and_then(|found| match (&found.value, said.as_slice()) {
        (Payload::Json(value), [only]) => beside_message(value, only),
        _ => None,
    });
    reading.output = without(output, rest, &mut reading.repeated);
}

fn without(
    body: Option<Found<Payload>>,
    rest: Option<Map<String, Json>>,
    repeated: &mut Names,
) -> Option<Found<Payload>> {
    let body = body?;
    let Some(rest) = rest else { return Some(body) };
    if rest.values().all(is_blank) {
        repeated.extend(body.from);
        return None;
    }
    Some(body.map(|_| Payload::Json(Json::Object(rest))))
}

/// Returns what a body says beside its list of messages; `None` when the list is not the known one.
fn beside_list(body: &Payload, known: &[Arc<Message>]) -> Option<Map<String, Json>> {
    let Payload::Json(Json::Object(fields)) = body else { return None };
    let Some(Json::Array(said)) = fields.get("messages") else { return None };
    let same =
        |(value, known): (&Json, &Arc<Message>)| beside_message(value, known).is_some_and(|rest| rest.is_empty());
    if said.len() != known.len() || !said.iter().zip(known).all(same) {
        return None;
    }
    Some(
        fields
            .iter()
            .filter(|(name, _)| *name != "messages")
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    )
}

/// Returns what a value says beside a known message; `None` when it is not that message.
fn beside_message(value: &Json, known: &Message) -> Option<Map<String, Json>> {
    let read = messages::read(value.clone());
    (read.problem.is_none() && read.beside.lost.is_empty() && read.message == *known)
        .then(|| read.rest.into_iter().collect())
}
