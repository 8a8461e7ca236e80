//! Messages in the bodies that some conventions and exports record instead of messages: what a call was given and what
//! it returned, in the shape of whatever library was called.
//!
//! Answers come as messages with a `role`, ready for [`messages::read`](super::messages::read); `LangChain`'s own
//! messages are given theirs.

use arc_model::Json;
use serde_json::{Map, json};

use super::value::{count, is_blank, take, take_text};

/// Finds the list of messages in a body: a list, one message, or a field that holds them.
pub(crate) fn find(body: Json) -> Option<Vec<Json>> {
    match body {
        Json::Array(mut items) => {
            // LangChain gives a list of conversations, and of each a list of generations.
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

pub(crate) fn has_role(value: &Json) -> bool {
    value.get("role").is_some_and(Json::is_string)
}

/// Returns whether a value is a message of `LangChain`: `{type: "ai", content}`, or its constructor `{lc, kwargs}`.
pub(crate) fn is_langchain(value: &Json) -> bool {
    if is_constructor(value) {
        return constructed_role(value).is_some();
    }
    let kind = value.get("type").and_then(Json::as_str).and_then(role_of);
    // `{type: "ai", data: {content}}` is what `messages_to_dict` writes.
    let content = value.get("content").or_else(|| value.pointer("/data/content"));
    !has_role(value) && kind.is_some() && content.is_some()
}

fn is_constructor(value: &Json) -> bool {
    value.get("lc").is_some() && value.get("kwargs").is_some_and(Json::is_object)
}

/// Returns whether a value is a message, or a choice or generation that holds one.
fn is_message(value: &Json) -> bool {
    has_role(value) || is_langchain(value) || value.get("message").is_some_and(is_message)
}

/// Takes the message out of a choice or a generation; any other value is returned as it is.
pub(crate) fn unwrap_choice(value: Json) -> Json {
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

/// Gives a message of `LangChain` its role, and its calls and counts the names of the providers'; any other value is
/// returned as it is.
pub(crate) fn of_langchain(value: Json) -> Json {
    if !is_langchain(&value) {
        return value;
    }
    let constructed = constructed_role(&value);
    let Json::Object(mut fields) = value else { return value };
    if let Some(Json::Object(inner)) = fields.remove("kwargs") {
        fields = inner;
    } else if let Some(Json::Object(inner)) = fields.remove("data") {
        fields.extend(inner);
    }
    let kind = take_text(&mut fields, &["type"]);
    let role = kind.as_deref().and_then(role_of).or(constructed).unwrap_or("user");
    fields.entry("role").or_insert_with(|| Json::from(role));
    keep_calls_once(&mut fields);
    if let Some(counts) = take(&mut fields, &["usage_metadata"]).filter(|counts| !is_blank(counts)) {
        // LangChain's cache sets the cost of what it answers to zero, and no other cost.
        if counts.get("total_cost").and_then(super::value::number) == Some(0.0) {
            fields.insert("cache_hit".to_owned(), Json::Bool(true));
        }
        fields.insert("usage".to_owned(), usage(&counts));
    }
    if let Some(Json::Object(mut response)) = fields.remove("response_metadata") {
        for (names, name) in [
            (&["model_name", "model", "ls_model_name"][..], "model"),
            (&["finish_reason", "stop_reason", "done_reason"][..], "finish_reason"),
        ] {
            if let Some(text) = take_text(&mut response, names) {
                fields.entry(name).or_insert_with(|| Json::from(text));
            }
        }
        // Counts of the provider, which the message's own repeat.
        if let Some(counts) = take(&mut response, &["token_usage", "usage"]) {
            fields.entry("usage").or_insert(counts);
        }
        fields.insert("response_metadata".to_owned(), Json::Object(response));
    }
    if fields.get("status").and_then(Json::as_str) == Some("success") {
        fields.remove("status");
    }
    fields.retain(|name, value| !is_blank(value) && value != &Json::Bool(false) || name == "content");
    Json::Object(fields)
}

/// `LangChain` has one call up to three times: in `tool_calls`, among the content's blocks, and as the provider wrote it.
fn keep_calls_once(fields: &mut Map<String, Json>) {
    if let Some(Json::Object(beside)) = fields.get_mut("additional_kwargs")
        && let Some(calls) = beside.remove("tool_calls").filter(|calls| !is_blank(calls))
        && fields.get("tool_calls").is_none_or(is_blank)
    {
        fields.insert("tool_calls".to_owned(), calls);
    }
    let ids: Vec<String> = fields.get("tool_calls").and_then(Json::as_array).map_or_else(Vec::new, |calls| {
        calls.iter().filter_map(|call| call.get("id")?.as_str().map(str::to_owned)).collect()
    });
    if let Some(Json::Array(blocks)) = fields.get_mut("content") {
        let is_known = |block: &Json| {
            let id = ["id", "call_id"].iter().find_map(|name| block.get(*name)?.as_str());
            let is_call =
                matches!(block.get("type").and_then(Json::as_str), Some("tool_use" | "function_call" | "tool_call"));
            is_call && id.is_some_and(|id| ids.iter().any(|known| known == id))
        };
        blocks.retain(|block| !is_known(block));
    }
}

/// Counts as `LangChain` has them, input inclusive of what was cached, in the names of `OpenAI`'s.
fn usage(counts: &Json) -> Json {
    let at = |pointer: &str| counts.pointer(pointer).and_then(count);
    json!({
        "prompt_tokens": at("/input_tokens"),
        "completion_tokens": at("/output_tokens"),
        "prompt_tokens_details": {
            "cached_tokens": at("/input_token_details/cache_read"),
            "cache_write_tokens": at("/input_token_details/cache_creation"),
            "audio_tokens": at("/input_token_details/audio"),
        },
        "completion_tokens_details": {
            "reasoning_tokens": at("/output_token_details/reasoning"),
            "audio_tokens": at("/output_token_details/audio"),
        },
    })
}

fn constructed_role(value: &Json) -> Option<&'static str> {
    let kwargs = value.get("kwargs")?;
    if let Some(role) = kwargs.get("type").and_then(Json::as_str).and_then(role_of) {
        return Some(role);
    }
    let class = value.get("id")?.as_array()?.last()?.as_str()?;
    role_of(class.strip_suffix("Chunk").unwrap_or(class))
}

fn role_of(kind: &str) -> Option<&'static str> {
    match kind {
        "human" | "HumanMessage" | "HumanMessageChunk" => Some("user"),
        "ai" | "AIMessage" | "AIMessageChunk" => Some("assistant"),
        "system" | "SystemMessage" | "SystemMessageChunk" => Some("system"),
        "tool" | "function" | "ToolMessage" | "ToolMessageChunk" | "FunctionMessage" => Some("tool"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_is_written_three_times_is_one_call() {
        let message = of_langchain(json!({
            "type": "ai",
            "content": [{"type": "text", "text": "Looking."}, {"type": "tool_use", "id": "1", "name": "f", "input": {}}],
            "tool_calls": [{"name": "f", "args": {}, "id": "1", "type": "tool_call"}],
            "additional_kwargs": {"tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]},
        }));
        assert_eq!(message["content"], json!([{"type": "text", "text": "Looking."}]));
        assert_eq!(message["tool_calls"].as_array().unwrap().len(), 1);
        assert!(message.get("additional_kwargs").is_none_or(is_blank));
    }

    #[test]
    fn the_three_ways_to_write_a_message_read_as_one() {
        let expected = json!({"role": "assistant", "content": "Hi"});
        for written in [
            json!({"type": "ai", "content": "Hi"}),
            json!({"type": "ai", "data": {"content": "Hi", "type": "ai"}}),
            json!({"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "AIMessage"], "kwargs": {"content": "Hi"}}),
        ] {
            assert_eq!(of_langchain(written.clone()), expected, "{written}");
        }
        let other = json!({"type": "text", "content": "Hi"});
        assert_eq!(of_langchain(other.clone()), other);
    }
}
