//! Text completions, `OpenAI`'s legacy API: also vLLM's, Mistral's fill-in-the-middle, and what prompts saved at a
//! gateway are run as.

use arc_model::{Json, Message, Part, Role};
use serde_json::json;

use super::{
    Folded, Shape,
    body::Event,
    call::{Call, Operation},
    fields::{self, Map, append, objects, text},
    openai_chat::{LEFT_OUT, RENAMED, deployment, read_usage},
};

/// The shape.
pub(super) struct OpenAiCompletions;

impl Shape for OpenAiCompletions {
    fn id(&self) -> &'static str {
        "openai-completions"
    }

    fn asks(&self, path: &str, request: &Map) -> bool {
        path.trim_end_matches('/').ends_with("/completions") && request.contains_key("prompt")
    }

    fn answers(&self, body: &Map) -> bool {
        let has_text = |choice: &Json| choice.get("text").is_some_and(Json::is_string);
        let choices = body.get("choices").and_then(Json::as_array);
        choices.is_some_and(|choices| choices.iter().any(has_text)) && body.contains_key("model")
    }

    fn read_request(&self, path: &str, mut request: Map, call: &mut Call) {
        call.operation = Some(Operation::TextCompletion);
        call.request_model = text(&mut request, "model").or_else(|| deployment(path));
        let prompts = match request.remove("prompt") {
            Some(Json::Array(prompts)) => prompts,
            Some(prompt) => vec![prompt],
            None => Vec::new(),
        };
        for prompt in prompts.into_iter().filter(Json::is_string) {
            call.hear(json!({"role": "user", "content": prompt}));
        }
        call.set(request, RENAMED, LEFT_OUT);
    }

    fn read_answer(&self, mut answer: Map, call: &mut Call) {
        call.operation.get_or_insert(Operation::TextCompletion);
        call.response_id = text(&mut answer, "id");
        call.response_model = text(&mut answer, "model");
        for mut choice in objects(&mut answer, "choices") {
            call.stop(text(&mut choice, "finish_reason"));
            if let Some(text) = text(&mut choice, "text") {
                call.messages_out.push(Message { role: Role::Assistant, name: None, parts: vec![Part::Text { text }] });
            }
        }
        for name in ["choices", "error"] {
            answer.remove(name);
        }
        read_usage(&mut answer, call);
        call.keep(answer);
    }

    fn fold(&self, events: Vec<Event>) -> Folded {
        let mut body = Map::new();
        let mut choices: std::collections::BTreeMap<u64, Map> = std::collections::BTreeMap::new();
        let mut is_complete = false;
        for event in events {
            is_complete |= event.name.as_deref() == Some("[DONE]");
            let Json::Object(mut chunk) = event.data else { continue };
            for mut piece in objects(&mut chunk, "choices") {
                let choice = choices.entry(fields::index(&piece, "index")).or_default();
                if let Some(more) = text(&mut piece, "text") {
                    append(choice, "text", &more);
                }
                piece.remove("text");
                fields::overwrite(choice, piece);
            }
            chunk.remove("choices");
            fields::overwrite(&mut body, chunk);
        }
        is_complete |=
            !choices.is_empty() && choices.values().all(|choice| fields::peek(choice, "finish_reason").is_some());
        body.insert("choices".to_owned(), choices.into_values().map(Json::Object).collect());
        Folded { body, is_complete }
    }
}
