//! Renders a reply as Ollama's chat. Its streams are lines of JSON.

use serde_json::{Value, json};

use crate::{
    desk::Reply,
    render::{Frame, merged, pieces},
};

/// Renders an answer in one piece.
pub fn whole(reply: &Reply) -> Value {
    let text = reply.rule.text.as_deref().unwrap_or_default();
    let message = json!({"role": "assistant", "content": text});
    let calls = calls(reply);
    let message = if calls.is_empty() { message } else { merged(message, json!({"tool_calls": calls})) };
    merged(line(reply, &message), ending(reply))
}

/// Renders an answer as the lines of a stream.
pub fn events(reply: &Reply) -> Vec<Frame> {
    let mut messages: Vec<Value> = pieces(reply.rule.text.as_deref().unwrap_or_default())
        .map(|piece| json!({"role": "assistant", "content": piece}))
        .collect();
    let calls = calls(reply);
    if !calls.is_empty() {
        messages.push(json!({"role": "assistant", "content": "", "tool_calls": calls}));
    }
    let mut lines: Vec<Value> =
        messages.iter().map(|message| merged(line(reply, message), json!({"done": false}))).collect();
    lines.push(merged(line(reply, &json!({"role": "assistant", "content": ""})), ending(reply)));
    lines.iter().map(|line| Frame::raw(&format!("{line}\n"))).collect()
}

fn line(reply: &Reply, message: &Value) -> Value {
    json!({"model": reply.model, "created_at": "2023-11-14T22:13:20Z", "message": message})
}

/// Ollama's calls have no ids, and their arguments are objects.
fn calls(reply: &Reply) -> Vec<Value> {
    let call =
        |call: &crate::script::ToolCall| json!({"function": {"name": call.name, "arguments": call.arguments_object()}});
    reply.rule.tool_calls.iter().map(call).collect()
}

fn ending(reply: &Reply) -> Value {
    let finish = if reply.rule.finish_reason() == "length" { "length" } else { "stop" };
    let ending = json!({
        "done": true, "done_reason": finish,
        "total_duration": 5_000_000, "load_duration": 1_000_000,
        "prompt_eval_duration": 2_000_000, "eval_duration": 2_000_000,
    });
    let usage = reply
        .tokens
        .as_ref()
        .map_or(json!({}), |tokens| json!({"prompt_eval_count": tokens.input, "eval_count": tokens.output}));
    merged(ending, usage)
}
