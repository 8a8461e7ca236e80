//! `OpenAI`'s Chat Completions, and everything compatible with it: Azure, Groq, Mistral, `OpenRouter`, Ollama, vLLM.

use std::collections::BTreeMap;

use arc_model::{Json, Part, Payload};
use serde_json::json;

use super::{
    Folded, Shape,
    address::Address,
    body::Event,
    call::{Call, Operation, dollars},
    fields::{self, Map, append, has_list, inner, is, objects, text},
    usage,
};

/// The shape.
pub(super) struct OpenAiChat;

pub(super) const RENAMED: &[(&str, &str)] = &[
    ("max_completion_tokens", "max_tokens"),
    ("stop", "stop_sequences"),
    ("n", "choice.count"),
    ("random_seed", "seed"),
];
pub(super) const LEFT_OUT: &[&str] = &["user", "metadata", "safety_identifier", "prompt_cache_key", "prediction"];

impl Shape for OpenAiChat {
    fn id(&self) -> &'static str {
        "openai-chat"
    }

    fn asks(&self, path: &str, request: &Map) -> bool {
        path.trim_end_matches('/').ends_with("/chat/completions") && has_list(request, "messages")
    }

    fn answers(&self, body: &Map) -> bool {
        let has_role = |choice: &Json| choice.get("message").is_some_and(|message| message.get("role").is_some());
        // With messages it is a record of a whole exchange, of which the answer is the lesser part.
        let choices = body.get("choices").and_then(Json::as_array).filter(|_| !body.contains_key("messages"));
        choices.is_some_and(|choices| is(body, "object", "chat.completion") || choices.iter().any(has_role))
    }

    fn begins(&self, event: &Map) -> bool {
        let has_delta = |choice: &Json| choice.get("delta").is_some_and(Json::is_object);
        let choices = event.get("choices").and_then(Json::as_array);
        choices.is_some_and(|choices| is(event, "object", "chat.completion.chunk") || choices.iter().any(has_delta))
    }

    fn read_request(&self, path: &str, mut request: Map, call: &mut Call) {
        call.operation = Some(Operation::Chat);
        call.request_model = text(&mut request, "model").or_else(|| deployment(path));
        for message in fields::list(&mut request, "messages") {
            call.hear(message);
        }
        if let Some(variables) = inner(&mut request, "variables") {
            // A prompt that the gateway holds is asked for by its name and what to fill in.
            call.input = Some(Payload::Json(Json::Object(variables)));
        }
        for mut tool in objects(&mut request, "tools") {
            let kind = fields::peek(&tool, "type").unwrap_or("function").to_owned();
            // A custom tool stands under its own type.
            let tool = inner(&mut tool, &kind).unwrap_or(tool);
            call.offer(Json::Object(tool));
        }
        for function in fields::list(&mut request, "functions") {
            call.offer(function);
        }
        call.set(request, RENAMED, LEFT_OUT);
    }

    fn read_answer(&self, mut answer: Map, call: &mut Call) {
        call.operation.get_or_insert(Operation::Chat);
        call.response_id = text(&mut answer, "id");
        call.response_model = text(&mut answer, "model");
        call.service_tier = text(&mut answer, "service_tier");
        for mut choice in objects(&mut answer, "choices") {
            call.stop(text(&mut choice, "finish_reason"));
            if let Some(message) = inner(&mut choice, "message") {
                say(message, call);
            }
        }
        answer.remove("choices");
        read_usage(&mut answer, call);
        call.keep(answer);
    }

    fn fold(&self, events: Vec<Event>) -> Folded {
        let mut body = Map::new();
        let mut choices: BTreeMap<u64, Choice> = BTreeMap::new();
        let mut is_complete = false;
        for event in events {
            if event.name.as_deref() == Some("[DONE]") {
                is_complete = true;
            }
            let Json::Object(mut chunk) = event.data else { continue };
            // Groq counts beside its own name, at the end of a stream.
            if let Some(counts) = inner(&mut chunk, "x_groq").and_then(|mut own| inner(&mut own, "usage")) {
                chunk.entry("usage").or_insert(Json::Object(counts));
            }
            for mut piece in objects(&mut chunk, "choices") {
                let choice = choices.entry(fields::index(&piece, "index")).or_default();
                if let Some(delta) = inner(&mut piece, "delta").or_else(|| inner(&mut piece, "message")) {
                    choice.extend(delta);
                }
                if let Some(reason) = text(&mut piece, "finish_reason") {
                    choice.finish_reason = Some(reason);
                }
            }
            chunk.remove("choices");
            // The padding that hides the length of tokens.
            chunk.remove("obfuscation");
            fields::overwrite(&mut body, chunk);
        }
        // Not every provider ends a stream with a word of its own.
        is_complete |= !choices.is_empty() && choices.values().all(|choice| choice.finish_reason.is_some());
        if !is_complete && !body.contains_key("error") && body.get("usage").is_some_and(Json::is_object) {
            is_complete = !choices.is_empty() && choices.values().all(|choice| choice.finish_reason.is_some());
        }
        let choices = choices.into_values().map(Choice::into_json).collect();
        body.insert("choices".to_owned(), Json::Array(choices));
        if is(&body, "object", "chat.completion.chunk") {
            body.insert("object".to_owned(), Json::from("chat.completion"));
        }
        Folded { body, is_complete }
    }
}

/// Azure names the model in the path, by the name of its deployment.
pub(super) fn deployment(path: &str) -> Option<String> {
    Address::between(path, "/deployments/", &['/']).map(str::to_owned)
}

/// Reads the counts of an answer, and what the provider says they cost.
pub(super) fn read_usage(answer: &mut Map, call: &mut Call) {
    let Some(counts) = inner(answer, "usage") else { return };
    let counts = Json::Object(counts);
    call.reported_cost_usd = dollars(counts.get("cost")).or_else(|| reported_otherwise(&counts));
    call.usage = usage::of(&counts);
    call.raw_usage = Some(counts);
}

/// Perplexity says its cost in parts with their sum, xAI in ticks, of which ten billion are a dollar.
fn reported_otherwise(counts: &Json) -> Option<f64> {
    const TICKS: f64 = 1e10;
    let total = counts.pointer("/cost/total_cost");
    dollars(total).or_else(|| Some(dollars(counts.get("cost_in_usd_ticks"))? / TICKS))
}

fn say(mut message: Map, call: &mut Call) {
    message.entry("role").or_insert_with(|| Json::from("assistant"));
    message.remove("annotations");
    message.remove("reasoning_details");
    let sound = inner(&mut message, "audio");
    // Mistral's and others' reasoning stands among the parts.
    let is_null = message.get("content").is_some_and(Json::is_null);
    if is_null {
        message.remove("content");
    }
    let mut message = call.message(Json::Object(message));
    if let Some(mut sound) = sound {
        let reference = text(&mut sound, "id").unwrap_or_else(|| "inline".to_owned());
        message.parts.push(Part::Media { mime_type: Some("audio/*".to_owned()), reference });
        message.parts.extend(text(&mut sound, "transcript").map(|text| Part::Text { text }));
    }
    if !message.parts.is_empty() {
        call.messages_out.push(message);
    }
}

/// A choice as far as its pieces came.
#[derive(Default)]
struct Choice {
    message: Map,
    calls: BTreeMap<u64, Piece>,
    finish_reason: Option<String>,
}

/// A tool call as far as its pieces came.
#[derive(Default)]
struct Piece {
    call: Map,
    function: Map,
}

impl Choice {
    fn extend(&mut self, mut delta: Map) {
        for mut piece in objects(&mut delta, "tool_calls") {
            // Providers that send a call in one piece leave its index out.
            let index = match piece.get("index") {
                Some(index) if !index.is_null() => fields::index(&piece, "index"),
                _ => self.place_of(&piece),
            };
            let known = self.calls.entry(index).or_default();
            for (name, value) in
                inner(&mut piece, "function").or_else(|| inner(&mut piece, "custom")).unwrap_or_default()
            {
                match (name.as_str(), &value) {
                    ("arguments" | "input", Json::String(more)) => append(&mut known.function, &name, more),
                    _ => fields::overwrite(&mut known.function, Map::from_iter([(name, value)])),
                }
            }
            piece.remove("index");
            fields::overwrite(&mut known.call, piece);
        }
        delta.remove("tool_calls");
        if let Some(legacy) = inner(&mut delta, "function_call") {
            let mut known = inner(&mut self.message, "function_call").unwrap_or_default();
            for (name, value) in legacy {
                match (name.as_str(), &value) {
                    ("arguments", Json::String(more)) => append(&mut known, "arguments", more),
                    _ => fields::overwrite(&mut known, Map::from_iter([(name, value)])),
                }
            }
            self.message.insert("function_call".to_owned(), Json::Object(known));
        }
        for (name, value) in delta {
            match (name.as_str(), value) {
                ("content" | "refusal" | "reasoning_content" | "reasoning", Json::String(more)) => {
                    append(&mut self.message, &name, &more);
                }
                ("content", Json::Array(parts)) => self.extend_parts(parts),
                ("audio", Json::Object(sound)) => {
                    let known = self.message.entry("audio").or_insert_with(|| json!({}));
                    let Json::Object(known) = known else { continue };
                    for (name, value) in sound {
                        match value {
                            Json::String(more) if name == "transcript" => append(known, &name, &more),
                            value => fields::overwrite(known, Map::from_iter([(name, value)])),
                        }
                    }
                }
                (_, value) => fields::overwrite(&mut self.message, Map::from_iter([(name, value)])),
            }
        }
    }

    /// Mistral writes the pieces of its reasoning as parts.
    fn extend_parts(&mut self, parts: Vec<Json>) {
        for part in parts {
            let thinking = part.get("thinking").and_then(Json::as_array).into_iter().flatten();
            for piece in thinking.filter_map(|piece| piece.get("text")?.as_str()) {
                append(&mut self.message, "reasoning_content", piece);
            }
            if let Some(more) = part.get("text").and_then(Json::as_str) {
                append(&mut self.message, "content", more);
            }
        }
    }

    fn place_of(&self, piece: &Map) -> u64 {
        let id = fields::peek(piece, "id").filter(|id| !id.is_empty());
        let same = self.calls.iter().find(|(_, known)| id.is_some() && fields::peek(&known.call, "id") == id);
        let next = self.calls.keys().next_back().map_or(0, |last| last.saturating_add(1));
        match (same, id) {
            (Some((place, _)), _) => *place,
            (None, None) => next.saturating_sub(1),
            (None, Some(_)) => next,
        }
    }

    fn into_json(mut self) -> Json {
        if !self.calls.is_empty() {
            let calls = self.calls.into_values().map(|Piece { mut call, function }| {
                call.insert("function".to_owned(), Json::Object(function));
                Json::Object(call)
            });
            self.message.insert("tool_calls".to_owned(), calls.collect());
        }
        json!({"message": self.message, "finish_reason": self.finish_reason})
    }
}
