//! Bedrock's Converse and `ConverseStream`: one shape for all its models; also what Amazon's own Nova speaks.

use std::collections::BTreeMap;

use arc_model::{Json, Message, Part, Role};
use serde_json::json;

use super::{
    Folded, Shape,
    address::Address,
    body::Event,
    call::{Call, Operation},
    fields::{self, Map, append, has_list, inner, objects, text},
    usage,
};
use crate::read::value::take;

/// The shape.
pub(super) struct BedrockConverse;

const RENAMED: &[(&str, &str)] = &[
    ("maxTokens", "max_tokens"),
    ("max_new_tokens", "max_tokens"),
    ("topP", "top_p"),
    ("topK", "top_k"),
    ("stopSequences", "stop_sequences"),
];

/// What a stream's events are called; Nova's own wrap each in an object of this one field.
const EVENTS: [&str; 6] =
    ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"];

impl Shape for BedrockConverse {
    fn id(&self) -> &'static str {
        "bedrock-converse"
    }

    fn asks(&self, path: &str, request: &Map) -> bool {
        let path = path.trim_end_matches('/');
        (path.ends_with("/converse") || path.ends_with("/converse-stream")) && has_list(request, "messages")
    }

    fn answers(&self, body: &Map) -> bool {
        let message = body.get("output").and_then(|output| output.get("message"));
        let content = message.and_then(|message| message.get("content"));
        content.is_some_and(Json::is_array) && body.contains_key("stopReason")
    }

    fn begins(&self, event: &Map) -> bool {
        is_event(event)
    }

    fn read_request(&self, path: &str, mut request: Map, call: &mut Call) {
        call.operation = Some(Operation::Chat);
        call.request_model = model_in(path);
        let system: Vec<Json> = objects(&mut request, "system").filter_map(to_part).collect();
        call.instruct(Some(Json::Array(system)));
        for message in objects(&mut request, "messages") {
            let message = to_message(message, call);
            call.messages_in.push(message);
        }
        let mut config = inner(&mut request, "toolConfig").unwrap_or_default();
        for mut tool in objects(&mut config, "tools") {
            if let Some(mut spec) = inner(&mut tool, "toolSpec") {
                let schema = inner(&mut spec, "inputSchema").and_then(|mut schema| schema.remove("json"));
                spec.extend(schema.map(|schema| ("parameters".to_owned(), schema)));
                call.offer(Json::Object(spec));
            } else if let Some(mut own) = inner(&mut tool, "systemTool") {
                call.offer(json!({"name": own.remove("name")}));
            }
        }
        call.set(config, &[("toolChoice", "tool_choice")], &[]);
        call.set(inner(&mut request, "inferenceConfig").unwrap_or_default(), RENAMED, &[]);
        call.set(inner(&mut request, "additionalModelRequestFields").unwrap_or_default(), RENAMED, &[]);
        call.set(
            request,
            RENAMED,
            &["requestMetadata", "schemaVersion", "promptVariables", "additionalModelResponseFieldPaths"],
        );
    }

    fn read_answer(&self, mut answer: Map, call: &mut Call) {
        call.operation.get_or_insert(Operation::Chat);
        let message = inner(&mut answer, "output").and_then(|mut output| inner(&mut output, "message"));
        if let Some(message) = message {
            let message = to_message(message, call);
            if !message.parts.is_empty() {
                call.messages_out.push(message);
            }
        }
        call.stop(text(&mut answer, "stopReason"));
        if let Some(counts) = inner(&mut answer, "usage") {
            let counts = Json::Object(counts);
            call.usage = usage::of(&counts);
            call.raw_usage = Some(counts);
        }
        for name in ["error", "output"] {
            answer.remove(name);
        }
        call.keep(answer);
    }

    fn fold(&self, events: Vec<Event>) -> Folded {
        let mut body = Map::new();
        let mut blocks: BTreeMap<u64, Map> = BTreeMap::new();
        let mut is_complete = false;
        for event in events {
            let Json::Object(mut data) = event.data else { continue };
            let wrapped = EVENTS.iter().find(|name| data.get(**name).is_some_and(Json::is_object));
            let kind = wrapped.map(|name| (*name).to_owned()).or(event.name).unwrap_or_default();
            if let Some(name) = wrapped {
                data = inner(&mut data, name).unwrap_or_default();
            }
            let index = fields::index(&data, "contentBlockIndex");
            match kind.as_str() {
                "contentBlockStart" => {
                    let start = inner(&mut data, "start").unwrap_or_default();
                    blocks.insert(index, start);
                }
                "contentBlockDelta" => {
                    let delta = inner(&mut data, "delta").unwrap_or_default();
                    extend(blocks.entry(index).or_default(), delta);
                }
                "messageStop" => {
                    is_complete = true;
                    data.remove("p");
                    fields::overwrite(&mut body, data);
                }
                "metadata" => {
                    data.remove("p");
                    fields::overwrite(&mut body, data);
                }
                "exception" => body.extend(data.remove_entry("error")),
                _ => {}
            }
        }
        let content: Json = blocks.into_values().map(|block| Json::Object(with_input(block))).collect();
        body.insert("output".to_owned(), json!({"message": {"role": "assistant", "content": content}}));
        Folded { body, is_complete }
    }
}

/// Returns whether the object is an event of a stream, or wraps one.
pub(super) fn is_event(body: &Map) -> bool {
    let is_wrapped = EVENTS.iter().any(|name| body.get(*name).is_some_and(Json::is_object));
    is_wrapped || body.contains_key("contentBlockIndex") && body.contains_key("delta")
}

/// Returns the model in a path, `/model/{model}/{method}`.
pub(super) fn model_in(path: &str) -> Option<String> {
    // An inference profile's ARN has slashes of its own.
    let (_, rest) = path.split_once("/model/")?;
    let (model, _) = rest.trim_end_matches('/').rsplit_once('/')?;
    Some(model.to_owned())
        .filter(|model| !model.is_empty())
        .or_else(|| Address::between(path, "/model/", &['/']).map(str::to_owned))
}

fn extend(block: &mut Map, delta: Map) {
    for (name, value) in delta {
        match (name.as_str(), value) {
            ("text", Json::String(more)) => append(block, "text", &more),
            ("toolUse", Json::Object(mut piece)) => {
                let known = block.entry("toolUse").or_insert_with(|| json!({}));
                if let (Json::Object(known), Some(more)) = (known, text(&mut piece, "input")) {
                    append(known, "input", &more);
                }
            }
            ("reasoningContent", Json::Object(mut piece)) => {
                let known = block.entry("reasoningContent").or_insert_with(|| json!({"reasoningText": {}}));
                let known = known.get_mut("reasoningText").and_then(Json::as_object_mut);
                if let (Some(known), Some(more)) = (known, text(&mut piece, "text")) {
                    append(known, "text", &more);
                }
            }
            _ => {}
        }
    }
}

/// The input of a call came as text.
fn with_input(mut block: Map) -> Map {
    if let Some(Json::Object(call)) = block.get_mut("toolUse") {
        let input = text(call, "input").map(|text| serde_json::from_str(&text).unwrap_or_else(|_| Json::from(text)));
        call.insert("input".to_owned(), input.unwrap_or_else(|| json!({})));
    }
    block
}

fn to_message(mut fields: Map, call: &mut Call) -> Message {
    let role = text(&mut fields, "role").unwrap_or_else(|| "assistant".to_owned());
    let parts: Vec<Json> = match fields.remove("content") {
        Some(Json::Array(blocks)) => {
            let blocks =
                blocks.into_iter().filter_map(|block| if let Json::Object(block) = block { Some(block) } else { None });
            blocks.filter_map(to_part).collect()
        }
        Some(Json::String(text)) => vec![Json::from(text)],
        _ => Vec::new(),
    };
    let mut message = call.message(json!({"role": role, "parts": parts}));
    let has_only_results = message.parts.iter().all(|part| matches!(part, Part::ToolResult { .. }));
    if has_only_results && !message.parts.is_empty() {
        message.role = Role::Tool;
    }
    message
}

/// Returns a block as a part; `None` for one that only marks a place.
fn to_part(mut block: Map) -> Option<Json> {
    if let Some(text) = block.remove("text") {
        return Some(json!({"type": "text", "content": text}));
    }
    if let Some(mut call) = inner(&mut block, "toolUse") {
        return Some(json!({"type": "tool_call", "id": call.remove("toolUseId"), "name": call.remove("name"),
            "arguments": call.remove("input")}));
    }
    if let Some(mut answer) = inner(&mut block, "toolResult") {
        let content = fields::list(&mut answer, "content").into_iter().map(|part| match part {
            Json::Object(mut part) => match (part.remove("text"), part.remove("json")) {
                (Some(text), _) => json!({"type": "text", "text": text}),
                (None, Some(value)) => value,
                _ => json!({"type": "blob"}),
            },
            other => other,
        });
        let mut content: Vec<Json> = content.collect();
        // One value stands for itself.
        let is_value =
            content.len() == 1 && content.iter().all(|part| part.get("type").is_none_or(|kind| kind != "text"));
        let content = if is_value { content.pop().unwrap_or_default() } else { Json::Array(content) };
        let is_error = answer.get("status").and_then(Json::as_str) == Some("error");
        return Some(json!({"type": "tool_call_response", "id": answer.remove("toolUseId"), "result": content,
            "is_error": is_error}));
    }
    if let Some(mut thought) = inner(&mut block, "reasoningContent") {
        let text = inner(&mut thought, "reasoningText").and_then(|mut thought| text(&mut thought, "text"));
        return text.map(|text| json!({"type": "reasoning", "content": text}));
    }
    for (name, modality) in [("image", "image"), ("video", "video"), ("document", "application"), ("audio", "audio")] {
        if let Some(mut media) = inner(&mut block, name) {
            let format = text(&mut media, "format").unwrap_or_else(|| "*".to_owned());
            let mut source = inner(&mut media, "source").unwrap_or_default();
            let place = inner(&mut source, "s3Location").and_then(|mut place| text(&mut place, "uri"));
            let mime_type = format!("{modality}/{format}");
            return Some(match place {
                Some(uri) => json!({"type": "uri", "mime_type": mime_type, "uri": uri}),
                None => json!({"type": "blob", "mime_type": mime_type, "content": ""}),
            });
        }
    }
    if block.contains_key("cachePoint") {
        return None;
    }
    if let Some(mut guarded) = take(&mut block, &["guardContent"]) {
        if let Some(text) = guarded.pointer_mut("/text/text").map(Json::take) {
            return Some(json!({"type": "text", "content": text}));
        }
        return Some(guarded);
    }
    Some(Json::Object(block))
}

#[cfg(test)]
mod tests {
    use super::{super::event_stream::frame, *};
    use crate::provider::{Exchange, exchange};

    #[test]
    fn a_binary_stream_is_folded_into_its_message_and_its_counts() {
        let event = |name: &str, payload: Json| {
            frame(&[(":event-type", name), (":message-type", "event")], payload.to_string().as_bytes())
        };
        let stream = [
            event("messageStart", json!({"role": "assistant"})),
            event("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"text": "I look."}})),
            event(
                "contentBlockStart",
                json!({"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "t", "name": "get"}}}),
            ),
            event("contentBlockDelta", json!({"contentBlockIndex": 1, "delta": {"toolUse": {"input": "{\"a\":1}"}}})),
            event("messageStop", json!({"stopReason": "tool_use"})),
            event("metadata", json!({"usage": {"inputTokens": 3, "outputTokens": 2, "cacheReadInputTokens": 5}})),
        ]
        .concat();
        let call = exchange(&Exchange {
            url: Some("https://bedrock-runtime.eu-west-1.amazonaws.com/model/acme%3A0/converse-stream"),
            request: Some(br#"{"messages":[{"role":"user","content":[{"text":"?"}]}]}"#),
            response: Some(&stream),
            ..Exchange::default()
        });
        let parts = &call.messages_out.first().unwrap().parts;
        assert_eq!(parts.first(), Some(&Part::Text { text: "I look.".into() }));
        assert!(matches!(parts.get(1), Some(Part::ToolCall { name, .. }) if name == "get"));
        let usage = call.usage.unwrap();
        assert_eq!((usage.input, usage.output, call.is_complete), (Some(8), Some(2), Some(true)));
        assert_eq!(call.request_model.as_deref(), Some("acme:0"));
    }
}
