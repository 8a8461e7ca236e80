//! Gemini's Interactions: steps of an agent or a model, in one answer.

use std::collections::BTreeMap;

use arc_model::Json;
use serde_json::json;

use super::{
    Folded, Shape,
    body::Event,
    call::{Call, Operation},
    fields::{self, Map, append, has_list, inner, peek, text},
    usage,
};

/// The shape.
pub(super) struct GeminiInteractions;

impl Shape for GeminiInteractions {
    fn id(&self) -> &'static str {
        "gemini-interactions"
    }

    fn asks(&self, path: &str, request: &Map) -> bool {
        path.trim_end_matches('/').ends_with("/interactions") && request.contains_key("input")
    }

    fn answers(&self, body: &Map) -> bool {
        fields::is(body, "object", "interaction") && (has_list(body, "outputs") || has_list(body, "steps"))
    }

    fn begins(&self, event: &Map) -> bool {
        peek(event, "event_type").is_some_and(|kind| kind.starts_with("interaction."))
    }

    fn read_request(&self, _path: &str, mut request: Map, call: &mut Call) {
        call.operation = Some(Operation::Chat);
        call.request_model = text(&mut request, "model").or_else(|| text(&mut request, "agent"));
        call.is_continued = request.get("previous_interaction_id").is_some_and(Json::is_string);
        call.instruct(request.remove("system_instruction"));
        match request.remove("input") {
            Some(Json::Array(items)) => {
                for item in items {
                    call.hear(turn(item));
                }
            }
            Some(Json::String(text)) => call.hear(json!({"role": "user", "content": text})),
            Some(item @ Json::Object(_)) => call.hear(turn(item)),
            _ => {}
        }
        for tool in fields::list(&mut request, "tools") {
            call.offer(tool);
        }
        call.set(
            inner(&mut request, "generation_config").unwrap_or_default(),
            &[("max_output_tokens", "max_tokens")],
            &[],
        );
        call.set(request, &[], &[]);
    }

    fn read_answer(&self, mut answer: Map, call: &mut Call) {
        call.operation.get_or_insert(Operation::Chat);
        call.response_id = text(&mut answer, "id");
        call.response_model = text(&mut answer, "model").or_else(|| text(&mut answer, "agent"));
        let mut outputs = fields::list(&mut answer, "outputs");
        outputs.extend(fields::list(&mut answer, "steps"));
        answer.remove("outputs");
        answer.remove("steps");
        let parts: Vec<Json> = outputs.into_iter().flat_map(parts).collect();
        if !parts.is_empty() {
            call.say(json!({"role": "assistant", "parts": parts}));
        }
        match peek(&answer, "status") {
            Some("completed") => call.stop(Some("stop".to_owned())),
            Some("requires_action") => call.stop(Some("tool_calls".to_owned())),
            Some("failed") => {
                call.stop(Some("error".to_owned()));
                call.error.get_or_insert_default();
            }
            Some("incomplete") => call.stop(Some("length".to_owned())),
            _ => {}
        }
        if let Some(counts) = inner(&mut answer, "usage") {
            let counts = Json::Object(counts);
            call.usage = usage::of(&counts);
            call.raw_usage = Some(counts);
        }
        answer.remove("error");
        call.keep(answer);
    }

    fn fold(&self, events: Vec<Event>) -> Folded {
        let mut body = Map::new();
        let mut outputs: BTreeMap<u64, Map> = BTreeMap::new();
        let mut is_complete = false;
        for event in events {
            let Json::Object(mut data) = event.data else { continue };
            let kind = text(&mut data, "event_type").or(event.name).unwrap_or_default();
            match kind.rsplit('.').next().unwrap_or_default() {
                "start" | "created" | "complete" | "completed" if data.contains_key("interaction") => {
                    is_complete |= kind.ends_with("complete") || kind.ends_with("completed");
                    fields::overwrite(&mut body, inner(&mut data, "interaction").unwrap_or_default());
                }
                "start" => {
                    let content = inner(&mut data, "content").or_else(|| inner(&mut data, "step")).unwrap_or_default();
                    outputs.insert(fields::index(&data, "index"), content);
                }
                "delta" => {
                    let delta = inner(&mut data, "delta").unwrap_or_default();
                    extend(outputs.entry(fields::index(&data, "index")).or_default(), delta);
                }
                "error" => {
                    body.insert("error".to_owned(), data.remove("error").unwrap_or(Json::Object(data)));
                }
                _ => {}
            }
        }
        let has_output = ["outputs", "steps"].iter().any(|name| has_list(&body, name));
        if !has_output {
            body.insert("outputs".to_owned(), outputs.into_values().map(Json::Object).collect());
        }
        Folded { body, is_complete }
    }
}

/// Adds a piece to an output; what it carries is named by its type.
fn extend(known: &mut Map, delta: Map) {
    let kind = peek(&delta, "type").unwrap_or_default().to_owned();
    let is_step = known.contains_key("content")
        || peek(known, "type").is_some_and(|kind| kind.ends_with("_output") || kind == "thought");
    if is_step && matches!(kind.as_str(), "text" | "thought_summary") {
        let list = if kind == "text" { "content" } else { "summary" };
        let more =
            delta.get("text").or_else(|| delta.get("content")?.get("text")).and_then(Json::as_str).unwrap_or_default();
        let parts = known.entry(list).or_insert_with(|| json!([]));
        let Json::Array(parts) = parts else { return };
        match parts.last_mut() {
            Some(Json::Object(known)) if known.contains_key("text") => append(known, "text", more),
            _ => parts.push(json!({"type": "text", "text": more})),
        }
        return;
    }
    for (name, value) in delta {
        match (name.as_str(), value) {
            ("text" | "thought" | "partial_arguments", Json::String(more)) => append(known, &name, &more),
            ("type", value) => {
                known.entry("type").or_insert(value);
            }
            (_, value) => fields::overwrite(known, Map::from_iter([(name, value)])),
        }
    }
}

/// Returns an item of the input as a message.
fn turn(item: Json) -> Json {
    let Json::Object(mut fields) = item else { return json!({"role": "user", "content": item}) };
    if fields.contains_key("role") {
        if let Some(Json::Array(content)) = fields.remove("content") {
            let parts: Vec<Json> = content.into_iter().flat_map(parts).collect();
            fields.insert("parts".to_owned(), Json::Array(parts));
        }
        return Json::Object(fields);
    }
    let role = match peek(&fields, "type").unwrap_or_default() {
        "function_result" => "tool",
        "function_call" | "thought" | "model_output" => "assistant",
        _ => "user",
    };
    json!({"role": role, "parts": parts(Json::Object(fields))})
}

/// Returns an output, or a part of an input, as parts.
fn parts(output: Json) -> Vec<Json> {
    let Json::Object(mut fields) = output else { return vec![output] };
    match peek(&fields, "type").unwrap_or_default() {
        "thought" => {
            let texts = fields::list(&mut fields, "summary");
            let texts = texts.iter().filter_map(|part| part.get("text")?.as_str());
            texts.map(|text| json!({"type": "reasoning", "content": text})).collect()
        }
        "model_output" | "user_input" => fields::list(&mut fields, "content").into_iter().flat_map(parts).collect(),
        "function_call" => {
            vec![json!({"type": "tool_call", "id": fields.remove("id"), "name": fields.remove("name"),
                "arguments": fields.remove("arguments")})]
        }
        "function_result" => {
            vec![
                json!({"type": "tool_call_response", "id": fields.remove("call_id"), "result": fields.remove("result")}),
            ]
        }
        _ => vec![Json::Object(fields)],
    }
}
