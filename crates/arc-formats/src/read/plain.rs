//! Messages as OpenTelemetry writes them, read without a tree of JSON in between: most messages of most spans.
//!
//! Whatever has another field, or one of another type, is none of these; [`super::messages`] reads it. Where both read a
//! message they read the same.

use std::borrow::Cow;

use arc_model::{FinishReason, Json, Message, Part, Payload, Role};
use serde::Deserialize;

use super::parts::result_payload;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainMessage<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    parts: Vec<PlainPart<'a>>,
    #[serde(default, borrow)]
    finish_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainPart<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<Json>,
    #[serde(default)]
    response: Option<Json>,
}

/// Reads a message and why the model stopped after it; `None` when it is no plain one.
pub(crate) fn read(text: &str) -> Option<(Message, Option<FinishReason>)> {
    let PlainMessage { role, parts, finish_reason } = serde_json::from_str(text).ok()?;
    // A tool's message without parts says something else.
    if parts.is_empty() {
        return None;
    }
    let parts = parts.into_iter().map(part).collect::<Option<_>>()?;
    let finish_reason = finish_reason.filter(|text| !text.is_empty()).map(|text| FinishReason::from_text(&text));
    Some((Message { role: Role::from_text(&role), name: None, parts }, finish_reason))
}

fn part(part: PlainPart<'_>) -> Option<Part> {
    let PlainPart { kind, content, id, name, arguments, response } = part;
    let id = id.filter(|id| !id.is_empty());
    let name = name.filter(|name| !name.is_empty());
    match (&*kind, content, id, name, arguments, response) {
        ("text", Some(text), None, None, None, None) => Some(Part::Text { text }),
        ("reasoning", Some(text), None, None, None, None) => Some(Part::Reasoning { text }),
        ("tool_call", None, id, Some(name), arguments, None) => {
            Some(Part::ToolCall { id, name, arguments: Payload::from_json(arguments.unwrap_or(Json::Null)) })
        }
        ("tool_call_response", None, id, _, None, Some(result)) => {
            Some(Part::ToolResult { id, result: result_payload(result) })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*, sample::select};
    use serde_json::{Map, json};

    use super::*;
    use crate::read::messages;

    fn object(fields: Vec<(&str, Option<Json>)>) -> Json {
        let there = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Json::Object(there.collect::<Map<_, _>>())
    }

    fn text() -> impl Strategy<Value = Json> {
        select(vec![json!("a"), json!("\"q\"\n"), json!(""), json!(null), json!(5)])
    }

    fn value() -> impl Strategy<Value = Json> {
        select(vec![
            json!({"q": 1}),
            json!("{\"q\": 1}"),
            json!("ok"),
            json!([{"type": "text", "text": "a"}]),
            json!(null),
        ])
    }

    prop_compose! {
        fn part()(
            kind in select(vec!["text", "reasoning", "tool_call", "tool_call_response", "uri", ""]),
            content in option::of(text()), id in option::of(text()), name in option::weighted(0.7, text()),
            arguments in option::of(value()), response in option::of(value()), more in option::weighted(0.1, text()),
        ) -> Json {
            object(vec![
                ("type", Some(json!(kind))), ("content", content), ("id", id), ("name", name),
                ("arguments", arguments), ("response", response), ("more", more),
            ])
        }
    }

    prop_compose! {
        fn message()(
            role in select(vec!["user", "assistant", "tool", "system", "critic", ""]),
            parts in proptest::collection::vec(part(), 0..3),
            finish_reason in option::of(text()), content in option::weighted(0.1, text()),
        ) -> Json {
            object(vec![
                ("role", Some(json!(role))), ("parts", Some(json!(parts))), ("finish_reason", finish_reason),
                ("content", content),
            ])
        }
    }

    proptest! {
        #[test]
        fn a_plain_message_reads_as_any_message_does(message in message()) {
            if let Some((plain, finish_reason)) = read(&message.to_string()) {
                let any = messages::read(message);
                prop_assert_eq!((plain, finish_reason), (any.message, any.finish_reason));
                prop_assert!(any.problem.is_none() && any.rest.is_empty() && any.beside.lost.is_empty());
            }
        }
    }

    #[test]
    fn what_opentelemetry_writes_is_plain_and_other_shapes_are_not() {
        let part = json!({"type": "text", "content": "Hi"});
        let call = json!({"type": "tool_call", "id": "c1", "name": "find", "arguments": {"q": 1}});
        let result = json!({"type": "tool_call_response", "id": "c1", "response": "none"});
        for (role, part) in [("user", &part), ("assistant", &call), ("tool", &result)] {
            assert!(read(&json!({"role": role, "parts": [part]}).to_string()).is_some(), "{part}");
        }
        for other in [json!({"role": "user", "content": "Hi"}), json!({"role": "tool", "parts": []}), json!([part])] {
            assert!(read(&other.to_string()).is_none(), "{other}");
        }
    }
}
