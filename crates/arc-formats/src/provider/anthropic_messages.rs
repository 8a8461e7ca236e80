//! Anthropic's Messages, also as Vertex, Bedrock and Azure serve it.

use std::collections::BTreeMap;

use arc_model::{Json, Message, Part, Role};
use serde_json::json;

use super::{
    Folded, Shape,
    address::Address,
    body::Event,
    call::{Call, Operation},
    fields::{self, Map, append, has_list, inner, is, objects, peek, text},
    usage,
};
use crate::read::value::{count, is_blank};

/// The shape.
pub(super) struct AnthropicMessages;

const LEFT_OUT: &[&str] = &["metadata", "anthropic_version", "anthropic_beta"];

impl Shape for AnthropicMessages {
    fn id(&self) -> &'static str {
        "anthropic-messages"
    }

    fn asks(&self, path: &str, request: &Map) -> bool {
        let path = path.trim_end_matches('/');
        let is_of_vertex = path.ends_with(":rawPredict") || path.ends_with(":streamRawPredict");
        (path.ends_with("/messages") || is_of_vertex)
            && has_list(request, "messages")
            && request.contains_key("max_tokens")
    }

    fn answers(&self, body: &Map) -> bool {
        let has_model = body.get("model").is_some_and(Json::is_string);
        is(body, "type", "message") && is(body, "role", "assistant") && has_model && has_list(body, "content")
    }

    fn begins(&self, event: &Map) -> bool {
        is(event, "type", "message_start") && event.get("message").is_some_and(Json::is_object)
    }

    fn read_request(&self, path: &str, mut request: Map, call: &mut Call) {
        call.operation = Some(Operation::Chat);
        let in_path = || Address::between(path, "/models/", &[':', '/']).map(str::to_owned);
        call.request_model = text(&mut request, "model").or_else(in_path);
        read_system(request.remove("system"), call);
        for message in objects(&mut request, "messages") {
            let message = to_message(message, call);
            call.messages_in.push(message);
        }
        for tool in fields::list(&mut request, "tools") {
            call.offer(tool);
        }
        call.set(request, &[], LEFT_OUT);
    }

    fn read_answer(&self, mut answer: Map, call: &mut Call) {
        call.operation.get_or_insert(Operation::Chat);
        call.response_id = text(&mut answer, "id");
        call.response_model = text(&mut answer, "model");
        call.stop(text(&mut answer, "stop_reason"));
        let content = fields::list(&mut answer, "content");
        answer.remove("content");
        if !content.is_empty() {
            let message = to_message(Map::from_iter([("content".to_owned(), Json::Array(content))]), call);
            call.messages_out.push(message);
        }
        if let Some(mut counts) = inner(&mut answer, "usage") {
            call.service_tier = peek(&counts, "service_tier").map(str::to_owned);
            counts.retain(|_, value| !value.is_null());
            let counts = Json::Object(counts);
            call.usage = usage::of(&counts);
            call.raw_usage = Some(counts);
        }
        for name in ["type", "role", "error"] {
            answer.remove(name);
        }
        call.keep(answer);
    }

    fn fold(&self, events: Vec<Event>) -> Folded {
        let mut stream = Stream::default();
        for event in events {
            let Json::Object(data) = event.data else { continue };
            let kind = peek(&data, "type").or(event.name.as_deref()).unwrap_or_default().to_owned();
            stream.take(&kind, data);
        }
        stream.into_folded()
    }
}

#[derive(Default)]
struct Stream {
    body: Map,
    blocks: BTreeMap<u64, Map>,
    inputs: BTreeMap<u64, String>,
    is_counted: bool,
    is_complete: bool,
}

impl Stream {
    fn take(&mut self, kind: &str, mut data: Map) {
        let index = fields::index(&data, "index");
        match kind {
            "message_start" => self.body = inner(&mut data, "message").unwrap_or_default(),
            "content_block_start" => {
                self.blocks.insert(index, inner(&mut data, "content_block").unwrap_or_default());
            }
            "content_block_delta" => {
                let delta = inner(&mut data, "delta").unwrap_or_default();
                self.extend(index, delta);
            }
            "message_delta" => {
                let counts = inner(&mut data, "usage").unwrap_or_default();
                self.is_counted |= counts.get("output_tokens").and_then(count).is_some();
                let mut known = inner(&mut self.body, "usage").unwrap_or_default();
                fields::overwrite(&mut known, counts);
                self.body.insert("usage".to_owned(), Json::Object(known));
                fields::overwrite(&mut self.body, inner(&mut data, "delta").unwrap_or_default());
            }
            "message_stop" => {
                self.is_complete = true;
                // Bedrock counts once more.
                self.body.extend(data.remove_entry("amazon-bedrock-invocationMetrics"));
            }
            "error" | "exception" => {
                self.body.insert("error".to_owned(), data.remove("error").unwrap_or(Json::Object(data)));
            }
            _ => {}
        }
    }

    fn extend(&mut self, index: u64, delta: Map) {
        let block = self.blocks.entry(index).or_default();
        for (name, value) in delta {
            match (name.as_str(), value) {
                ("text" | "thinking", Json::String(more)) => {
                    block.entry("type").or_insert_with(|| Json::from(name.as_str()));
                    append(block, &name, &more);
                }
                ("partial_json", Json::String(more)) => self.inputs.entry(index).or_default().push_str(&more),
                _ => {}
            }
        }
    }

    fn into_folded(mut self) -> Folded {
        for (index, written) in self.inputs {
            let input = match written.as_str() {
                "" => json!({}),
                text => serde_json::from_str(text).unwrap_or_else(|_| Json::from(text)),
            };
            self.blocks.entry(index).or_default().insert("input".to_owned(), input);
        }
        if !self.is_counted
            && let Some(Json::Object(counts)) = self.body.get_mut("usage")
        {
            // The first event counts the output at its start, not what it came to.
            counts.remove("output_tokens");
        }
        let content = self.blocks.into_values().map(Json::Object).collect();
        self.body.insert("content".to_owned(), Json::Array(content));
        Folded { body: self.body, is_complete: self.is_complete }
    }
}

/// Reads the instructions: a text or blocks of text.
pub(super) fn read_system(system: Option<Json>, call: &mut Call) {
    let system = match system {
        Some(Json::Array(blocks)) => Some(blocks.into_iter().map(to_part).collect()),
        other => other,
    };
    call.instruct(system);
}

/// Returns a message; the results of tools are the tools' words, although the user sends them.
pub(super) fn to_message(mut fields: Map, call: &mut Call) -> Message {
    fields.entry("role").or_insert_with(|| Json::from("assistant"));
    if has_list(&fields, "content") {
        let blocks = fields::list(&mut fields, "content");
        let parts = blocks.into_iter().filter(|block| !is_blank(block)).map(to_part).collect();
        fields.insert("parts".to_owned(), Json::Array(parts));
    }
    let mut message = call.message(Json::Object(fields));
    let has_only_results = message.parts.iter().all(|part| matches!(part, Part::ToolResult { .. }));
    if has_only_results && !message.parts.is_empty() {
        message.role = Role::Tool;
    }
    message
}

/// Returns a block in the shape that parts have everywhere.
fn to_part(block: Json) -> Json {
    let Json::Object(mut fields) = block else { return block };
    for name in ["cache_control", "citations", "signature", "caller"] {
        fields.remove(name);
    }
    let kind = peek(&fields, "type").unwrap_or_default().to_owned();
    match kind.as_str() {
        // Tools the provider runs itself, with their results in the same message.
        "server_tool_use" | "mcp_tool_use" => {
            fields.insert("type".to_owned(), Json::from("tool_use"));
            fields.remove("server_name");
        }
        "tool_result" => {}
        _ if kind.ends_with("_tool_result") => {
            fields.insert("type".to_owned(), Json::from("tool_result"));
            let failed = fields.get("content").and_then(|content| content.get("error_code")).is_some();
            if failed {
                fields.insert("is_error".to_owned(), Json::Bool(true));
            }
        }
        _ => {}
    }
    if peek(&fields, "type") == Some("tool_result") {
        // A tool that returned nothing returned an empty text.
        fields.entry("content").or_insert_with(|| Json::from(""));
    }
    Json::Object(fields)
}
