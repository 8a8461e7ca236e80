//! Anthropic's text completions, its legacy API; also Claude 2 at Bedrock.

use arc_model::{Json, Message, Part, Role};
use serde_json::json;

use super::{
    Folded, Shape,
    body::Event,
    call::{Call, Operation},
    fields::{self, Map, append, is, text},
};

/// The shape.
pub(super) struct AnthropicComplete;

impl Shape for AnthropicComplete {
    fn id(&self) -> &'static str {
        "anthropic-complete"
    }

    fn asks(&self, path: &str, request: &Map) -> bool {
        path.trim_end_matches('/').ends_with("/complete") && request.contains_key("max_tokens_to_sample")
    }

    fn answers(&self, body: &Map) -> bool {
        is(body, "type", "completion") && body.get("completion").is_some_and(Json::is_string)
    }

    fn read_request(&self, _path: &str, mut request: Map, call: &mut Call) {
        call.operation = Some(Operation::TextCompletion);
        call.request_model = text(&mut request, "model");
        if let Some(prompt) = text(&mut request, "prompt") {
            call.hear(json!({"role": "user", "content": prompt}));
        }
        call.set(request, &[("max_tokens_to_sample", "max_tokens")], &["metadata", "prompt"]);
    }

    fn read_answer(&self, mut answer: Map, call: &mut Call) {
        call.operation.get_or_insert(Operation::TextCompletion);
        call.response_id = text(&mut answer, "id");
        call.response_model = text(&mut answer, "model");
        call.stop(text(&mut answer, "stop_reason"));
        if let Some(text) = text(&mut answer, "completion") {
            call.messages_out.push(Message { role: Role::Assistant, name: None, parts: vec![Part::Text { text }] });
        }
        for name in ["completion", "type", "error"] {
            answer.remove(name);
        }
        call.keep(answer);
    }

    fn fold(&self, events: Vec<Event>) -> Folded {
        let mut body = Map::new();
        for event in events {
            let Json::Object(mut chunk) = event.data else { continue };
            if let Some(more) = text(&mut chunk, "completion") {
                append(&mut body, "completion", &more);
            }
            chunk.remove("completion");
            fields::overwrite(&mut body, chunk);
        }
        let is_complete = fields::peek(&body, "stop_reason").is_some();
        Folded { body, is_complete }
    }
}
