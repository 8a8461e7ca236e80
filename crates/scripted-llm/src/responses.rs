//! Renders a reply as `OpenAI` Responses.

use serde_json::{Value, json};

use crate::{
    asked::Asked,
    chat_completions::CREATED,
    desk::Reply,
    render::{Frame, merged, pieces},
    script::Tokens,
};

/// Renders an answer in one piece.
pub fn whole(reply: &Reply, asked: &Asked) -> Value {
    let limit = limit(reply);
    let status = status(reply);
    let output: Vec<Value> = items(reply).iter().map(|item| item.finished(status)).collect();
    let more = json!({
        "status": status,
        "incomplete_details": limit.map(|reason| json!({"reason": reason})),
        "output": output,
        "usage": reply.tokens.as_ref().map(usage),
    });
    merged(envelope(reply, asked), more)
}

/// Returns why the answer is incomplete; `None` when it is not.
fn limit(reply: &Reply) -> Option<&'static str> {
    match reply.rule.finish_reason() {
        "length" => Some("max_output_tokens"),
        "content_filter" => Some("content_filter"),
        _ => None,
    }
}

fn status(reply: &Reply) -> &'static str {
    if limit(reply).is_some() { "incomplete" } else { "completed" }
}

/// Renders an answer as the events of a stream.
pub fn events(reply: &Reply, asked: &Asked) -> Vec<Frame> {
    let mut log = EventLog::default();
    let started = envelope(reply, asked);
    log.push("response.created", json!({"response": started}));
    log.push("response.in_progress", json!({"response": started}));
    for (index, item) in items(reply).iter().enumerate() {
        log.push("response.output_item.added", json!({"output_index": index, "item": item.begun()}));
        item.body_events(index, &mut log);
        log.push("response.output_item.done", json!({"output_index": index, "item": item.finished(status(reply))}));
    }
    log.push(&format!("response.{}", status(reply)), json!({"response": whole(reply, asked)}));
    log.frames
}

#[derive(Default)]
struct EventLog {
    frames: Vec<Frame>,
}

impl EventLog {
    fn push(&mut self, kind: &str, data: Value) {
        let data = merged(json!({"type": kind, "sequence_number": self.frames.len()}), data);
        self.frames.push(Frame::event(kind, &data));
    }
}

/// An item of the output.
enum Item<'a> {
    Message { id: String, text: &'a str },
    Call { id: String, call_id: String, name: &'a str, arguments: String },
}

fn items(reply: &Reply) -> Vec<Item<'_>> {
    let text = reply.rule.text.as_deref();
    let message = text.map(|text| Item::Message { id: format!("msg_{}", reply.number), text });
    let calls = reply.rule.tool_calls.iter().zip(&reply.call_ids).map(|(call, id)| Item::Call {
        id: id.with_prefix("fc"),
        call_id: id.with_prefix("call"),
        name: &call.name,
        arguments: call.arguments_text(),
    });
    message.into_iter().chain(calls).collect()
}

impl Item<'_> {
    fn begun(&self) -> Value {
        match self {
            Self::Message { id, .. } => {
                json!({"id": id, "type": "message", "status": "in_progress", "role": "assistant", "content": []})
            }
            Self::Call { id, call_id, name, .. } => json!({
                "id": id, "type": "function_call", "status": "in_progress",
                "call_id": call_id, "name": name, "arguments": "",
            }),
        }
    }

    fn finished(&self, status: &str) -> Value {
        let body = match self {
            Self::Message { text, .. } => json!({"status": status, "content": [text_part(text)]}),
            Self::Call { arguments, .. } => json!({"status": status, "arguments": arguments}),
        };
        merged(self.begun(), body)
    }

    fn body_events(&self, index: usize, log: &mut EventLog) {
        match self {
            Self::Message { id, text } => {
                let place = json!({"item_id": id, "output_index": index, "content_index": 0});
                let mut push = |kind: &str, data: Value| log.push(kind, merged(place.clone(), data));
                push("response.content_part.added", json!({"part": text_part("")}));
                for piece in pieces(text) {
                    push("response.output_text.delta", json!({"delta": piece, "logprobs": []}));
                }
                push("response.output_text.done", json!({"text": text, "logprobs": []}));
                push("response.content_part.done", json!({"part": text_part(text)}));
            }
            Self::Call { id, name, arguments, .. } => {
                let place = json!({"item_id": id, "output_index": index});
                let mut push = |kind: &str, data: Value| log.push(kind, merged(place.clone(), data));
                for piece in pieces(arguments) {
                    push("response.function_call_arguments.delta", json!({"delta": piece}));
                }
                push("response.function_call_arguments.done", json!({"name": name, "arguments": arguments}));
            }
        }
    }
}

fn text_part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

/// Everything but output and usage, as it stands when the answer begins.
fn envelope(reply: &Reply, asked: &Asked) -> Value {
    let echo = |key: &str, otherwise: Value| asked.body.get(key).cloned().unwrap_or(otherwise);
    json!({
        "id": format!("resp_{}", reply.number),
        "object": "response",
        "created_at": CREATED,
        "status": "in_progress",
        "background": false,
        "error": null,
        "incomplete_details": null,
        "instructions": echo("instructions", Value::Null),
        "max_output_tokens": echo("max_output_tokens", Value::Null),
        "metadata": echo("metadata", json!({})),
        "model": reply.model,
        "output": [],
        "parallel_tool_calls": echo("parallel_tool_calls", json!(true)),
        "previous_response_id": echo("previous_response_id", Value::Null),
        "reasoning": {"effort": null, "summary": null},
        "service_tier": "default",
        "store": echo("store", json!(true)),
        "temperature": echo("temperature", json!(1.0)),
        "text": {"format": {"type": "text"}},
        "tool_choice": echo("tool_choice", json!("auto")),
        "tools": echo("tools", json!([])),
        "top_p": echo("top_p", json!(1.0)),
        "truncation": "disabled",
        "usage": null,
        "user": echo("user", Value::Null),
    })
}

fn usage(tokens: &Tokens) -> Value {
    json!({
        "input_tokens": tokens.input,
        "input_tokens_details": {"cached_tokens": tokens.cached},
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": tokens.input + tokens.output,
    })
}
