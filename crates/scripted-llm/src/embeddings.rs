//! Renders a reply as `OpenAI` embeddings. The numbers say nothing; what was asked and the tokens do.

use serde_json::{Value, json};

use crate::{asked::Asked, desk::Reply};

/// Renders an answer: one short vector for each text.
pub fn whole(reply: &Reply, asked: &Asked) -> Value {
    let texts = match asked.body.get("input") {
        Some(Value::Array(texts)) => texts.len(),
        _ => 1,
    };
    let data: Vec<Value> = (0..texts)
        .map(|index| json!({"object": "embedding", "index": index, "embedding": [0.25, -0.5, 1.0]}))
        .collect();
    let tokens = reply.tokens.unwrap_or_default().input;
    let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    json!({"object": "list", "data": data, "model": reply.model, "usage": usage})
}
