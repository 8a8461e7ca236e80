//! Renders a reply as Gemini's `generateContent`, of the Gemini API and of Vertex AI.

use serde_json::{Value, json};

use crate::{
    desk::{CallId, Reply},
    render::{Frame, merged, pieces},
    script::Tokens,
};

/// Renders an answer in one piece.
pub fn whole(reply: &Reply) -> Value {
    let text = reply.rule.text.iter().map(|text| json!({"text": text}));
    let parts: Vec<Value> = text.chain(call_parts(reply)).collect();
    merged(chunk(reply, &parts), last_fields(reply, &parts))
}

/// Renders an answer as the events of a stream.
pub fn events(reply: &Reply) -> Vec<Frame> {
    let mut chunks: Vec<Vec<Value>> =
        pieces(reply.rule.text.as_deref().unwrap_or_default()).map(|piece| vec![json!({"text": piece})]).collect();
    chunks.extend(call_parts(reply).map(|part| vec![part]));
    let last = chunks.pop().unwrap_or_default();
    let mut frames: Vec<Frame> = chunks.iter().map(|parts| Frame::data(&chunk(reply, parts))).collect();
    frames.push(Frame::data(&merged(chunk(reply, &last), last_fields(reply, &last))));
    frames
}

/// Gemini's calls have no ids, unless the script gives them.
fn call_parts(reply: &Reply) -> impl Iterator<Item = Value> {
    reply.rule.tool_calls.iter().zip(&reply.call_ids).map(|(call, id)| {
        let id = match id {
            CallId::Given(id) => json!({"id": id}),
            CallId::Counted(_) => json!({}),
        };
        json!({"functionCall": merged(json!({"name": call.name, "args": call.arguments_object()}), id)})
    })
}

fn chunk(reply: &Reply, parts: &[Value]) -> Value {
    json!({
        "candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}],
        "modelVersion": reply.model,
        "responseId": format!("resp-{}", reply.number),
    })
}

fn last_fields(reply: &Reply, parts: &[Value]) -> Value {
    let finish = match reply.rule.finish_reason() {
        "stop" | "tool_calls" => "STOP",
        "length" => "MAX_TOKENS",
        "content_filter" => "SAFETY",
        other => other,
    };
    let candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0, "finishReason": finish});
    let usage = reply.tokens.as_ref().map_or(json!({}), |tokens| json!({"usageMetadata": usage(tokens)}));
    merged(json!({"candidates": [candidate]}), usage)
}

/// Gemini counts cached tokens in the prompt, and thoughts beside the candidates.
fn usage(tokens: &Tokens) -> Value {
    json!({
        "promptTokenCount": tokens.input,
        "candidatesTokenCount": tokens.output.saturating_sub(tokens.reasoning),
        "thoughtsTokenCount": tokens.reasoning,
        "cachedContentTokenCount": tokens.cached,
        "totalTokenCount": tokens.input + tokens.output,
    })
}
