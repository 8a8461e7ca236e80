//! Cohere's chat, version 1 (a message and a history) and version 2 (messages as everywhere).

use std::collections::BTreeMap;

use arc_model::Json;
use serde_json::json;

use super::{
    Folded, Shape,
    body::Event,
    call::{Call, Operation},
    fields::{self, Map, append, has_list, has_object, inner, is, objects, peek, text},
    usage,
};

/// The shape.
pub(super) struct Cohere;

const RENAMED: &[(&str, &str)] = &[("p", "top_p"), ("k", "top_k")];

impl Shape for Cohere {
    fn id(&self) -> &'static str {
        "cohere"
    }

    fn asks(&self, path: &str, request: &Map) -> bool {
        let path = path.trim_end_matches('/');
        path.ends_with("/v1/chat") && request.contains_key("message")
            || path.ends_with("/v2/chat") && has_list(request, "messages")
    }

    fn answers(&self, body: &Map) -> bool {
        let has_message = body.get("message").is_some_and(|message| message.get("role").is_some());
        let is_second = has_message && body.contains_key("finish_reason") && body.contains_key("usage");
        let is_first = body.contains_key("generation_id") && body.contains_key("text");
        (is_first || is_second) && !body.contains_key("choices")
    }

    fn begins(&self, event: &Map) -> bool {
        is(event, "event_type", "stream-start") || is(event, "type", "message-start") && event.contains_key("delta")
    }

    fn read_request(&self, _path: &str, mut request: Map, call: &mut Call) {
        call.operation = Some(Operation::Chat);
        call.request_model = text(&mut request, "model");
        call.instruct(request.remove("preamble"));
        for turn in objects(&mut request, "chat_history") {
            turn_of_history(turn, call);
        }
        if let Some(message) = text(&mut request, "message") {
            call.hear(json!({"role": "user", "content": message}));
        }
        read_results(&mut request, call);
        for message in objects(&mut request, "messages") {
            call.hear(to_message(message));
        }
        for tool in objects(&mut request, "tools") {
            call.offer(to_tool(tool));
        }
        call.set(request, RENAMED, &["documents", "conversation_id", "message"]);
    }

    fn read_answer(&self, mut answer: Map, call: &mut Call) {
        call.operation.get_or_insert(Operation::Chat);
        call.response_id = text(&mut answer, "id").or_else(|| text(&mut answer, "generation_id"));
        if let Some(message) = inner(&mut answer, "message") {
            call.say(to_message(message));
        } else {
            let mut parts: Vec<Json> = text(&mut answer, "text").into_iter().map(Json::from).collect();
            parts.extend(objects(&mut answer, "tool_calls").map(to_call));
            if !parts.is_empty() {
                call.say(json!({"role": "assistant", "parts": parts}));
            }
        }
        call.stop(text(&mut answer, "finish_reason"));
        if let Some(counts) = inner(&mut answer, "usage") {
            let counts = Json::Object(counts);
            call.usage = usage::of(&counts);
            call.raw_usage = Some(counts);
        }
        read_meta(&mut answer, call);
        // The history is what was sent.
        for name in ["chat_history", "text", "tool_calls", "error", "response_id", "citations"] {
            answer.remove(name);
        }
        call.keep(answer);
    }

    fn fold(&self, events: Vec<Event>) -> Folded {
        let mut stream = Stream::default();
        for event in events {
            let Json::Object(mut data) = event.data else { continue };
            let kind = text(&mut data, "type").or_else(|| text(&mut data, "event_type")).or(event.name);
            stream.take(kind.as_deref().unwrap_or_default(), data);
        }
        stream.into_folded()
    }
}

#[derive(Default)]
struct Stream {
    body: Map,
    contents: BTreeMap<u64, Map>,
    calls: BTreeMap<u64, Map>,
    plan: String,
    is_complete: bool,
}

impl Stream {
    fn take(&mut self, kind: &str, mut data: Map) {
        let index = fields::index(&data, "index");
        let mut delta = inner(&mut data, "delta").unwrap_or_default();
        let mut message = inner(&mut delta, "message").unwrap_or_default();
        match kind {
            "message-start" => fields::overwrite(&mut self.body, data),
            "content-start" | "content-delta" => {
                let known = self.contents.entry(index).or_default();
                for (name, value) in inner(&mut message, "content").unwrap_or_default() {
                    match (name.as_str(), value) {
                        ("text" | "thinking", Json::String(more)) => append(known, &name, &more),
                        (_, value) => fields::overwrite(known, Map::from_iter([(name, value)])),
                    }
                }
            }
            "tool-plan-delta" => self.plan.push_str(peek(&message, "tool_plan").unwrap_or_default()),
            "tool-call-start" => {
                self.calls.insert(index, inner(&mut message, "tool_calls").unwrap_or_default());
            }
            "tool-call-delta" => {
                let more = inner(&mut message, "tool_calls").and_then(|mut call| inner(&mut call, "function"));
                let more = more.and_then(|mut function| text(&mut function, "arguments")).unwrap_or_default();
                let known = self.calls.entry(index).or_default().entry("function").or_insert_with(|| json!({}));
                if let Json::Object(known) = known {
                    append(known, "arguments", &more);
                }
            }
            "message-end" => {
                self.is_complete = true;
                fields::overwrite(&mut self.body, delta);
            }
            // Version 1.
            "text-generation" => append(&mut self.body, "text", peek(&data, "text").unwrap_or_default()),
            "tool-calls-generation" => self.body.extend(data.remove_entry("tool_calls")),
            "stream-start" => self.body.extend(data.remove_entry("generation_id")),
            "stream-end" => {
                self.is_complete = true;
                let whole = inner(&mut data, "response").unwrap_or_default();
                fields::overwrite(&mut self.body, data);
                fields::overwrite(&mut self.body, whole);
            }
            _ => {}
        }
    }

    fn into_folded(mut self) -> Folded {
        if !self.contents.is_empty() || !self.calls.is_empty() || !self.plan.is_empty() {
            let content: Vec<Json> = self.contents.into_values().map(Json::Object).collect();
            let calls: Vec<Json> = self.calls.into_values().map(Json::Object).collect();
            let message = json!({"role": "assistant", "content": content, "tool_calls": calls, "tool_plan": self.plan});
            self.body.insert("message".to_owned(), message);
        }
        Folded { body: self.body, is_complete: self.is_complete }
    }
}

/// Reads the counts that stand under `meta` in answers of version 1, embeddings and reranking.
pub(super) fn read_meta(answer: &mut Map, call: &mut Call) {
    let counted = |meta: &Json| ["billed_units", "tokens"].iter().any(|name| meta.get(*name).is_some());
    if call.usage.is_none() && has_object(answer, "meta") && answer.get("meta").is_some_and(counted) {
        let mut meta = inner(answer, "meta").unwrap_or_default();
        meta.remove("api_version");
        meta.remove("warnings");
        let counts = Json::Object(meta);
        call.usage = usage::of(&counts);
        call.raw_usage = Some(counts);
    }
}

fn turn_of_history(mut turn: Map, call: &mut Call) {
    let role = text(&mut turn, "role").unwrap_or_default();
    let mut parts: Vec<Json> = text(&mut turn, "message").into_iter().map(Json::from).collect();
    parts.extend(objects(&mut turn, "tool_calls").map(to_call));
    let role = if role.eq_ignore_ascii_case("chatbot") { "assistant" } else { role.as_str() };
    if !parts.is_empty() {
        call.hear(json!({"role": role, "parts": parts}));
    }
    read_results(&mut turn, call);
}

/// Results of version 1 repeat the call; there are no ids.
fn read_results(fields: &mut Map, call: &mut Call) {
    let results: Vec<Json> = objects(fields, "tool_results")
        .map(|mut result| json!({"type": "tool_call_response", "result": result.remove("outputs")}))
        .collect();
    if !results.is_empty() {
        call.hear(json!({"role": "tool", "parts": results}));
    }
}

fn to_call(mut call: Map) -> Json {
    json!({"type": "tool_call", "name": call.remove("name"), "arguments": call.remove("parameters")})
}

fn to_message(mut message: Map) -> Json {
    message.entry("role").or_insert_with(|| Json::from("assistant"));
    message.remove("citations");
    // What the model says before it calls tools.
    if let Some(plan) = text(&mut message, "tool_plan") {
        message.insert("reasoning".to_owned(), Json::from(plan));
    }
    message.remove("tool_plan");
    if is(&message, "role", "tool") {
        // Documents carry their data as text.
        for part in message.get_mut("content").and_then(Json::as_array_mut).into_iter().flatten() {
            if let Some(data) = part.pointer("/document/data").cloned() {
                *part = match data {
                    Json::String(text) => json!({"type": "text", "text": text}),
                    other => other,
                };
            }
        }
    }
    Json::Object(message)
}

/// Version 1 defines parameters one by one.
fn to_tool(mut tool: Map) -> Json {
    if let Some(definitions) = inner(&mut tool, "parameter_definitions") {
        let required: Vec<&String> = definitions
            .iter()
            .filter(|(_, one)| one.get("required") == Some(&Json::Bool(true)))
            .map(|(name, _)| name)
            .collect();
        let schema = json!({"type": "object", "properties": definitions, "required": required});
        tool.insert("parameters".to_owned(), schema);
    }
    Json::Object(tool)
}
