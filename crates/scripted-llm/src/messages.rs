//! Renders a reply as Anthropic Messages.

use serde_json::{Value, json};

use crate::{
    desk::Reply,
    render::{Frame, merged, pieces},
    script::Tokens,
};

/// Renders an answer in one piece.
pub fn whole(reply: &Reply) -> Value {
    let text = reply.rule.text.iter().map(|text| json!({"type": "text", "text": text}));
    let calls = reply.rule.tool_calls.iter().zip(&reply.call_ids).map(|(call, id)| {
        let input = call.arguments_object();
        json!({"type": "tool_use", "id": id.with_prefix("toolu"), "name": call.name, "input": input})
    });
    let content: Vec<Value> = text.chain(calls).collect();
    let usage = usage(&reply.tokens.unwrap_or_default());
    merged(envelope(reply), json!({"content": content, "stop_reason": stop_reason(reply), "usage": usage}))
}

/// Renders an answer as the events of a stream.
pub fn events(reply: &Reply) -> Vec<Frame> {
    let kind = |body: &Value| body.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    event_bodies(reply).iter().map(|body| Frame::event(&kind(body), body)).collect()
}

/// Renders the data of the events of a stream.
pub fn event_bodies(reply: &Reply) -> Vec<Value> {
    let tokens = reply.tokens.unwrap_or_default();
    let first_usage = usage(&Tokens { output: 1.min(tokens.output), ..tokens });
    let message = merged(envelope(reply), json!({"usage": first_usage}));
    let mut frames = vec![event("message_start", json!({"message": message})), event("ping", json!({}))];
    let mut index = 0;
    let mut block = |start: Value, deltas: Vec<Value>| {
        frames.push(event("content_block_start", json!({"index": index, "content_block": start})));
        for delta in deltas {
            frames.push(event("content_block_delta", json!({"index": index, "delta": delta})));
        }
        frames.push(event("content_block_stop", json!({"index": index})));
        index += 1;
    };
    if let Some(text) = &reply.rule.text {
        let deltas = pieces(text).map(|piece| json!({"type": "text_delta", "text": piece})).collect();
        block(json!({"type": "text", "text": ""}), deltas);
    }
    for (call, id) in reply.rule.tool_calls.iter().zip(&reply.call_ids) {
        let arguments = call.arguments_text();
        let delta = |piece: &str| json!({"type": "input_json_delta", "partial_json": piece});
        let deltas = std::iter::once("").chain(pieces(&arguments)).map(delta).collect();
        block(json!({"type": "tool_use", "id": id.with_prefix("toolu"), "name": call.name, "input": {}}), deltas);
    }
    let mut final_usage = usage(&tokens);
    if let Some(fields) = final_usage.as_object_mut() {
        fields.retain(|key, _| key != "service_tier" && key != "cache_creation");
    }
    let delta = json!({"stop_reason": stop_reason(reply), "stop_sequence": null});
    frames.push(event("message_delta", json!({"delta": delta, "usage": final_usage})));
    frames.push(event("message_stop", json!({})));
    frames
}

fn event(kind: &str, data: Value) -> Value {
    merged(json!({"type": kind}), data)
}

fn envelope(reply: &Reply) -> Value {
    json!({
        "id": format!("msg_{}", reply.number),
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
    })
}

fn stop_reason(reply: &Reply) -> &str {
    match reply.rule.finish_reason() {
        "stop" => "end_turn",
        "length" => "max_tokens",
        "tool_calls" => "tool_use",
        "content_filter" => "refusal",
        other => other,
    }
}

fn usage(tokens: &Tokens) -> Value {
    json!({
        // Anthropic counts cached tokens beside the input, not in it.
        "input_tokens": tokens.input.saturating_sub(tokens.cached + tokens.cache_write),
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": tokens.cache_write, "ephemeral_1h_input_tokens": 0},
        "output_tokens": tokens.output,
        "service_tier": "standard",
    })
}
