//! Messages in the bodies that some conventions record instead of messages: what a call was given and
//! what it returned, in the shape of whatever library was called.

use arc_model::{Json, Message};

use super::{Found, Reading};
use crate::read::{attributes::Reader, messages, value::structured};

/// Reads the messages in an attribute, if it holds any.
pub(super) fn read(attributes: Reader<'_>, name: &str, reading: &mut Reading) -> Option<Found<Vec<Message>>> {
    let body = structured(attributes.get(name)?)?;
    // Whatever stands around the messages would be lost with the attribute.
    let mut is_whole = has_role(&body) || body.as_array().is_some_and(|items| items.iter().all(has_role));
    let list = find(body)?;
    let mut found = Vec::with_capacity(list.len());
    for (index, item) in list.into_iter().enumerate() {
        let read = messages::read(of_langchain(unwrap_choice(item)));
        if let Some(problem) = read.problem {
            reading.repaired(format!(
                "message {index} of `{name}`: {problem}; it is kept as a message of an unknown speaker"
            ));
        }
        is_whole &= read.beside.lost.is_empty() && read.rest.is_empty();
        found.push(read.message);
    }
    Some(if is_whole { Found::new(found, name) } else { Found::kept(found) })
}

fn has_role(value: &Json) -> bool {
    value.get("role").is_some_and(Json::is_string)
}

/// Finds the list of messages: a list, one message, or a field of the body that holds them.
fn find(body: Json) -> Option<Vec<Json>> {
    match body {
        Json::Array(mut items) => {
            // LangChain gives a list of conversations.
            if items.len() == 1 && items.first().is_some_and(Json::is_array) {
                return items.pop().and_then(find);
            }
            items.iter().any(is_message).then_some(items)
        }
        Json::Object(_) if is_message(&body) => Some(vec![body]),
        Json::Object(mut fields) => {
            for name in ["messages", "message", "choices", "generations"] {
                if let Some(found) = fields.remove(name).and_then(find) {
                    return Some(found);
                }
            }
            None
        }
        _ => None,
    }
}

/// Returns whether a value is a message, or a choice or generation that holds one.
fn is_message(value: &Json) -> bool {
    let of_langchain = value.get("lc").is_some() && value.get("kwargs").is_some_and(Json::is_object)
        || value.get("content").is_some() && value.get("type").and_then(Json::as_str).and_then(role_of).is_some();
    has_role(value) || of_langchain || value.get("message").is_some_and(is_message)
}

fn unwrap_choice(value: Json) -> Json {
    let Json::Object(mut fields) = value else { return value };
    match fields.remove("message") {
        Some(Json::Object(mut message)) => {
            if let Some(reason) = fields.remove("finish_reason") {
                message.entry("finish_reason").or_insert(reason);
            }
            Json::Object(message)
        }
        Some(other) => other,
        None => Json::Object(fields),
    }
}

/// Gives a message of `LangChain` its role; any other value is returned as it is.
fn of_langchain(value: Json) -> Json {
    let Json::Object(mut fields) = value else { return value };
    if fields.contains_key("lc")
        && let Some(Json::Object(inner)) = fields.remove("kwargs")
    {
        fields = inner;
    }
    if !fields.contains_key("role")
        && let Some(role) = fields.get("type").and_then(Json::as_str).and_then(role_of)
    {
        fields.remove("type");
        fields.insert("role".to_owned(), Json::from(role));
    }
    Json::Object(fields)
}

fn role_of(kind: &str) -> Option<&'static str> {
    match kind {
        "human" => Some("user"),
        "ai" | "AIMessageChunk" => Some("assistant"),
        "system" => Some("system"),
        "tool" => Some("tool"),
        _ => None,
    }
}
