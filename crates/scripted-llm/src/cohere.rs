//! Renders a reply as Cohere's chat, version 2.

use serde_json::{Value, json};

use crate::{
    desk::Reply,
    render::{Frame, merged, pieces},
    script::Tokens,
};

/// Renders an answer in one piece.
pub fn whole(reply: &Reply) -> Value {
    let content: Vec<Value> = reply.rule.text.iter().map(|text| json!({"type": "text", "text": text})).collect();
    let calls: Vec<Value> = calls(reply).collect();
    let message = json!({"role": "assistant"});
    let message = if content.is_empty() { message } else { merged(message, json!({"content": content})) };
    let message = if calls.is_empty() { message } else { merged(message, json!({"tool_calls": calls})) };
    merged(json!({"id": id(reply), "message": message}), ending(reply))
}

/// Renders an answer as the events of a stream.
pub fn events(reply: &Reply) -> Vec<Frame> {
    let event = |kind: &str, more: Value| Frame::event(kind, &merged(json!({"type": kind}), more));
    let start = json!({"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []});
    let mut frames = vec![event("message-start", json!({"id": id(reply), "delta": {"message": start}}))];
    if let Some(text) = &reply.rule.text {
        let piece = |fields: Value| json!({"index": 0, "delta": {"message": {"content": fields}}});
        frames.push(event("content-start", piece(json!({"type": "text", "text": ""}))));
        frames.extend(pieces(text).map(|text| event("content-delta", piece(json!({"text": text})))));
        frames.push(event("content-end", json!({"index": 0})));
    }
    for (index, (call, whole)) in reply.rule.tool_calls.iter().zip(calls(reply)).enumerate() {
        let piece = |fields: Value| json!({"index": index, "delta": {"message": {"tool_calls": fields}}});
        let function = json!({"function": {"name": call.name, "arguments": ""}});
        frames.push(event("tool-call-start", piece(merged(whole, function))));
        for text in pieces(&call.arguments_text()) {
            frames.push(event("tool-call-delta", piece(json!({"function": {"arguments": text}}))));
        }
        frames.push(event("tool-call-end", json!({"index": index})));
    }
    frames.push(event("message-end", json!({"id": id(reply), "delta": ending(reply)})));
    frames
}

fn id(reply: &Reply) -> String {
    format!("cohere-{}", reply.number)
}

fn calls(reply: &Reply) -> impl Iterator<Item = Value> {
    reply.rule.tool_calls.iter().zip(&reply.call_ids).map(|(call, id)| {
        let function = json!({"name": call.name, "arguments": call.arguments_text()});
        json!({"id": id.with_prefix(&call.name), "type": "function", "function": function})
    })
}

fn ending(reply: &Reply) -> Value {
    let finish = match reply.rule.finish_reason() {
        "stop" => "COMPLETE",
        "length" => "MAX_TOKENS",
        "tool_calls" => "TOOL_CALL",
        other => other,
    };
    let usage = reply.tokens.as_ref().map_or(json!({}), |tokens| json!({"usage": usage(tokens)}));
    merged(json!({"finish_reason": finish}), usage)
}

fn usage(tokens: &Tokens) -> Value {
    let counted = json!({"input_tokens": tokens.input, "output_tokens": tokens.output});
    json!({"billed_units": counted, "tokens": counted, "cached_tokens": tokens.cached})
}
