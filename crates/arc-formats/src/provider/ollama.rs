//! Ollama's own API: `/api/chat` and `/api/generate`, streamed as JSON Lines unless asked otherwise.

use arc_model::Json;
use serde_json::json;

use super::{
    Folded, Shape,
    body::Event,
    call::{Call, Operation},
    fields::{self, Map, append, has_list, inner, objects, text},
    usage,
};

/// The shape.
pub(super) struct Ollama;

impl Shape for Ollama {
    fn id(&self) -> &'static str {
        "ollama"
    }

    fn asks(&self, path: &str, request: &Map) -> bool {
        let path = path.trim_end_matches('/');
        path.ends_with("/api/chat") && has_list(request, "messages") && request.contains_key("model")
            || path.ends_with("/api/generate") && request.contains_key("prompt") && request.contains_key("model")
    }

    fn answers(&self, body: &Map) -> bool {
        let has_answer = body.get("message").is_some_and(|message| message.get("role").is_some())
            || body.get("response").is_some_and(Json::is_string);
        body.contains_key("created_at") && body.get("done").is_some_and(Json::is_boolean) && has_answer
    }

    fn begins(&self, event: &Map) -> bool {
        event.contains_key("created_at") && event.get("done").is_some_and(Json::is_boolean)
    }

    fn read_request(&self, _path: &str, mut request: Map, call: &mut Call) {
        // Nobody else speaks it.
        call.provider.get_or_insert_with(|| "ollama".to_owned());
        call.request_model = text(&mut request, "model");
        call.operation = Some(if has_list(&request, "messages") { Operation::Chat } else { Operation::TextCompletion });
        if let Some(system) = text(&mut request, "system") {
            call.instruct(Some(Json::from(system)));
        }
        if let Some(prompt) = text(&mut request, "prompt") {
            call.hear(json!({"role": "user", "content": prompt}));
        }
        for message in objects(&mut request, "messages") {
            call.hear(to_message(message));
        }
        for tool in fields::list(&mut request, "tools") {
            call.offer(tool);
        }
        let options = inner(&mut request, "options").unwrap_or_default();
        call.set(options, &[("num_predict", "max_tokens"), ("stop", "stop_sequences")], &[]);
        call.set(request, &[], &["context", "images", "prompt"]);
    }

    fn read_answer(&self, mut answer: Map, call: &mut Call) {
        call.provider.get_or_insert_with(|| "ollama".to_owned());
        call.response_model = text(&mut answer, "model");
        if let Some(written) = text(&mut answer, "response") {
            call.operation.get_or_insert(Operation::TextCompletion);
            let thinking = text(&mut answer, "thinking");
            call.say(json!({"role": "assistant", "content": written, "reasoning": thinking}));
        }
        call.operation.get_or_insert(Operation::Chat);
        let asks = answer
            .get("message")
            .and_then(|message| message.get("tool_calls"))
            .is_some_and(|calls| calls.as_array().is_some_and(|calls| !calls.is_empty()));
        if let Some(message) = inner(&mut answer, "message") {
            call.say(to_message(message));
        }
        let reason = text(&mut answer, "done_reason");
        call.stop(if asks && reason.as_deref() == Some("stop") { Some("tool_calls".to_owned()) } else { reason });
        let counts: Map =
            ["prompt_eval_count", "eval_count"].iter().filter_map(|name| answer.remove_entry(*name)).collect();
        if !counts.is_empty() {
            let counts = Json::Object(counts);
            call.usage = usage::of(&counts);
            call.raw_usage = Some(counts);
        }
        for name in ["response", "context", "done", "error"] {
            answer.remove(name);
        }
        call.keep(answer);
    }

    fn fold(&self, events: Vec<Event>) -> Folded {
        let mut body = Map::new();
        let mut message = Map::new();
        for event in events {
            let Json::Object(mut chunk) = event.data else { continue };
            for (name, value) in inner(&mut chunk, "message").unwrap_or_default() {
                match (name.as_str(), value) {
                    ("content" | "thinking", Json::String(more)) => append(&mut message, &name, &more),
                    ("tool_calls", Json::Array(more)) => {
                        let calls = message.entry("tool_calls").or_insert_with(|| json!([]));
                        if let Json::Array(calls) = calls {
                            calls.extend(more);
                        }
                    }
                    (_, value) => fields::overwrite(&mut message, Map::from_iter([(name, value)])),
                }
            }
            for name in ["response", "thinking"] {
                if let Some(more) = text(&mut chunk, name) {
                    append(&mut body, name, &more);
                }
                chunk.remove(name);
            }
            fields::overwrite(&mut body, chunk);
        }
        let is_complete = body.get("done") == Some(&Json::Bool(true));
        if !message.is_empty() {
            body.insert("message".to_owned(), Json::Object(message));
        }
        Folded { body, is_complete }
    }
}

fn to_message(mut message: Map) -> Json {
    message.entry("role").or_insert_with(|| Json::from("assistant"));
    if let Some(thinking) = text(&mut message, "thinking") {
        message.insert("reasoning".to_owned(), Json::from(thinking));
    }
    // Which tool a result is of; there are no ids.
    message.remove("tool_name");
    let images = fields::list(&mut message, "images");
    message.remove("images");
    if !images.is_empty() {
        let mut parts: Vec<Json> = text(&mut message, "content").into_iter().map(Json::from).collect();
        parts.extend(images.iter().map(|_| json!({"type": "blob", "modality": "image", "content": ""})));
        message.insert("content".to_owned(), Json::Array(parts));
    }
    for call in message.get_mut("tool_calls").and_then(Json::as_array_mut).into_iter().flatten() {
        if let Some(Json::Object(function)) = call.get_mut("function") {
            function.remove("index");
        }
    }
    Json::Object(message)
}
