//! Renders a reply as `OpenAI` Chat Completions.

use serde_json::{Value, json};

use crate::{
    asked::Asked,
    desk::Reply,
    render::{Frame, merged, pieces},
    script::Tokens,
};

/// All answers claim to be made at this moment, so that they compare equal.
pub const CREATED: u64 = 1_700_000_000;

/// Renders an answer in one piece.
pub fn whole(reply: &Reply) -> Value {
    let message = json!({"role": "assistant", "content": reply.rule.text, "refusal": null, "annotations": []});
    let calls = tool_calls(reply);
    let message = if calls.is_empty() { message } else { merged(message, json!({"tool_calls": calls})) };
    let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": reply.rule.finish_reason()});
    let usage = reply.tokens.as_ref().map_or(json!({}), |tokens| json!({"usage": usage(tokens)}));
    merged(merged(envelope(reply, "chat.completion"), json!({"choices": [choice]})), usage)
}

/// Renders an answer as the events of a stream.
pub fn events(reply: &Reply, asked: &Asked) -> Vec<Frame> {
    let mut deltas =
        vec![json!({"role": "assistant", "content": reply.rule.text.as_ref().map(|_| ""), "refusal": null})];
    for piece in pieces(reply.rule.text.as_deref().unwrap_or_default()) {
        deltas.push(json!({"content": piece}));
    }
    for (index, (call, id)) in reply.rule.tool_calls.iter().zip(&reply.call_ids).enumerate() {
        let function = json!({"name": call.name, "arguments": ""});
        let first = json!({"index": index, "id": id.with_prefix("call"), "type": "function", "function": function});
        deltas.push(json!({"tool_calls": [first]}));
        for piece in pieces(&call.arguments_text()) {
            deltas.push(json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}));
        }
    }
    let usage_field = if asked.include_usage { json!({"usage": null}) } else { json!({}) };
    let chunk = |choices: Value| {
        let chunk = merged(envelope(reply, "chat.completion.chunk"), json!({"choices": choices}));
        merged(chunk, usage_field.clone())
    };
    let choice =
        |delta: Value, finish: Value| json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]);
    let mut frames: Vec<Frame> =
        deltas.into_iter().map(|delta| Frame::data(&chunk(choice(delta, Value::Null)))).collect();
    frames.push(Frame::data(&chunk(choice(json!({}), json!(reply.rule.finish_reason())))));
    if let Some(tokens) = reply.tokens.as_ref().filter(|_| asked.include_usage) {
        frames.push(Frame::data(&merged(chunk(json!([])), json!({"usage": usage(tokens)}))));
    }
    frames.push(Frame::raw("data: [DONE]\n\n"));
    frames
}

fn envelope(reply: &Reply, object: &str) -> Value {
    json!({
        "id": format!("chatcmpl-{}", reply.number),
        "object": object,
        "created": CREATED,
        "model": reply.model,
        "service_tier": "default",
        "system_fingerprint": "fp_scripted",
    })
}

fn tool_calls(reply: &Reply) -> Vec<Value> {
    let calls = reply.rule.tool_calls.iter().zip(&reply.call_ids).map(|(call, id)| {
        let function = json!({"name": call.name, "arguments": call.arguments_text()});
        json!({"id": id.with_prefix("call"), "type": "function", "function": function})
    });
    calls.collect()
}

fn usage(tokens: &Tokens) -> Value {
    json!({
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": tokens.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
}
