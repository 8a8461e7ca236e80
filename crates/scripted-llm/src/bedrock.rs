//! Renders a reply as Bedrock's Converse, and as an answer of Anthropic's models invoked through Bedrock. Streams are
//! binary frames, the "event stream" of AWS.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    desk::Reply,
    messages,
    render::{Frame, pieces},
    script::Tokens,
};

/// Renders an answer of Converse in one piece.
pub fn whole(reply: &Reply) -> Value {
    let text = reply.rule.text.iter().map(|text| json!({"text": text}));
    let calls = reply.rule.tool_calls.iter().zip(&reply.call_ids).map(|(call, id)| {
        let id = id.with_prefix("tooluse");
        json!({"toolUse": {"toolUseId": id, "name": call.name, "input": call.arguments_object()}})
    });
    let content: Vec<Value> = text.chain(calls).collect();
    json!({
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop_reason(reply),
        "usage": usage(&reply.tokens.unwrap_or_default()),
        "metrics": {"latencyMs": 1},
    })
}

/// Renders an answer of Converse as the frames of a stream.
pub fn events(reply: &Reply) -> Vec<Frame> {
    let mut frames = vec![frame("messageStart", &json!({"role": "assistant"}))];
    let mut index = 0;
    let mut block = |start: Option<Value>, deltas: Vec<Value>| {
        if let Some(start) = start {
            frames.push(frame("contentBlockStart", &json!({"contentBlockIndex": index, "start": start})));
        }
        for delta in deltas {
            frames.push(frame("contentBlockDelta", &json!({"contentBlockIndex": index, "delta": delta})));
        }
        frames.push(frame("contentBlockStop", &json!({"contentBlockIndex": index})));
        index += 1;
    };
    if let Some(text) = &reply.rule.text {
        block(None, pieces(text).map(|piece| json!({"text": piece})).collect());
    }
    for (call, id) in reply.rule.tool_calls.iter().zip(&reply.call_ids) {
        let start = json!({"toolUse": {"toolUseId": id.with_prefix("tooluse"), "name": call.name}});
        let arguments = call.arguments_text();
        block(Some(start), pieces(&arguments).map(|piece| json!({"toolUse": {"input": piece}})).collect());
    }
    frames.push(frame("messageStop", &json!({"stopReason": stop_reason(reply)})));
    let usage = usage(&reply.tokens.unwrap_or_default());
    frames.push(frame("metadata", &json!({"usage": usage, "metrics": {"latencyMs": 1}})));
    frames
}

/// Renders the stream of an invoked model of Anthropic's.
pub fn invoked_events(reply: &Reply) -> Vec<Frame> {
    let chunk = |event: &Value| frame("chunk", &json!({"bytes": STANDARD.encode(event.to_string())}));
    messages::event_bodies(reply).iter().map(chunk).collect()
}

/// Returns one frame: lengths, headers and payload, each part under a checksum.
pub fn frame(kind: &str, payload: &Value) -> Frame {
    message(&[(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")], payload)
}

/// Returns the frame that ends a stream with an exception.
pub fn exception(kind: &str, text: &str) -> Frame {
    let headers = [(":exception-type", kind), (":content-type", "application/json"), (":message-type", "exception")];
    message(&headers, &json!({"message": text}))
}

fn message(headers: &[(&str, &str)], payload: &Value) -> Frame {
    const STRING: u8 = 7;
    let mut fields = Vec::new();
    for (name, value) in headers {
        fields.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        fields.extend_from_slice(name.as_bytes());
        fields.push(STRING);
        fields.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        fields.extend_from_slice(value.as_bytes());
    }
    let payload = payload.to_string();
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let mut out = Vec::new();
    out.extend_from_slice(&length(16 + fields.len() + payload.len()));
    out.extend_from_slice(&length(fields.len()));
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(&fields);
    out.extend_from_slice(payload.as_bytes());
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    Frame::binary(out)
}

fn stop_reason(reply: &Reply) -> &str {
    match reply.rule.finish_reason() {
        "stop" => "end_turn",
        "length" => "max_tokens",
        "tool_calls" => "tool_use",
        "content_filter" => "content_filtered",
        other => other,
    }
}

/// Bedrock counts cached tokens beside the input, not in it.
fn usage(tokens: &Tokens) -> Value {
    json!({
        "inputTokens": tokens.input.saturating_sub(tokens.cached + tokens.cache_write),
        "outputTokens": tokens.output,
        "totalTokens": tokens.input + tokens.output,
        "cacheReadInputTokens": tokens.cached,
        "cacheWriteInputTokens": tokens.cache_write,
    })
}
