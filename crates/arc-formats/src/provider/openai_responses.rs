//! `OpenAI`'s Responses. The items of one answer are one message of the model.

use std::collections::BTreeMap;

use arc_model::{Json, Message, Part, Role};
use serde_json::json;

use super::{
    Folded, Shape,
    body::Event,
    call::{Call, Operation},
    fields::{self, Map, append, has_list, inner, is, peek, text},
    openai_chat::{deployment, read_usage},
};

/// The shape.
pub(super) struct OpenAiResponses;

const RENAMED: &[(&str, &str)] = &[("max_output_tokens", "max_tokens")];
const LEFT_OUT: &[&str] = &["user", "metadata", "safety_identifier", "prompt_cache_key"];
/// What an answer repeats of its request.
const REPEATED: &[&str] = &["instructions", "tools", "metadata", "text", "reasoning", "input", "prompt", "user"];

impl Shape for OpenAiResponses {
    fn id(&self) -> &'static str {
        "openai-responses"
    }

    fn asks(&self, path: &str, request: &Map) -> bool {
        path.trim_end_matches('/').ends_with("/responses")
            && (request.contains_key("input") || request.contains_key("prompt"))
    }

    fn answers(&self, body: &Map) -> bool {
        is(body, "object", "response") && has_list(body, "output")
    }

    fn begins(&self, event: &Map) -> bool {
        peek(event, "type").is_some_and(|kind| kind.starts_with("response.")) && event.contains_key("response")
    }

    fn read_request(&self, path: &str, mut request: Map, call: &mut Call) {
        call.operation = Some(Operation::Chat);
        call.request_model = text(&mut request, "model").or_else(|| deployment(path));
        call.instruct(request.remove("instructions"));
        call.is_continued = ["previous_response_id", "conversation"]
            .iter()
            .any(|name| request.get(*name).is_some_and(|v| !v.is_null()));
        match request.remove("input") {
            Some(Json::Array(items)) => {
                for item in items {
                    let message = item_message(item, call);
                    call.messages_in.extend(message);
                }
            }
            Some(Json::String(text)) => call.hear(json!({"role": "user", "content": text})),
            _ => {}
        }
        for tool in fields::list(&mut request, "tools") {
            call.offer(tool);
        }
        call.set(request, RENAMED, LEFT_OUT);
    }

    fn read_answer(&self, mut answer: Map, call: &mut Call) {
        call.operation.get_or_insert(Operation::Chat);
        call.response_id = text(&mut answer, "id");
        call.response_model = text(&mut answer, "model");
        call.service_tier = text(&mut answer, "service_tier");
        let items = fields::list(&mut answer, "output");
        answer.remove("output");
        let mut parts = Vec::new();
        for item in items {
            parts.extend(item_message(item, call).into_iter().flat_map(|message| message.parts));
        }
        let asks = parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
        if !parts.is_empty() {
            call.messages_out.push(Message { role: Role::Assistant, name: None, parts });
        }
        let why = inner(&mut answer, "incomplete_details").and_then(|mut details| text(&mut details, "reason"));
        match peek(&answer, "status") {
            Some("completed") => call.stop(Some(if asks { "tool_calls" } else { "stop" }.to_owned())),
            Some("incomplete") => call.stop(Some(why.unwrap_or_else(|| "incomplete".to_owned()))),
            Some("failed") => {
                call.stop(Some("error".to_owned()));
                call.error.get_or_insert_default();
            }
            _ => {}
        }
        read_usage(&mut answer, call);
        answer.remove("error");
        for name in REPEATED {
            answer.remove(*name);
        }
        call.keep(answer);
    }

    fn fold(&self, events: Vec<Event>) -> Folded {
        let mut body = Map::new();
        let mut items: BTreeMap<u64, Map> = BTreeMap::new();
        let mut is_complete = false;
        for event in events {
            let Json::Object(mut data) = event.data else { continue };
            let kind = text(&mut data, "type").or(event.name).unwrap_or_default();
            match kind.as_str() {
                "response.completed" | "response.incomplete" | "response.failed" => {
                    body = inner(&mut data, "response").unwrap_or_default();
                    is_complete = true;
                }
                "response.created" | "response.in_progress" | "response.queued" => {
                    body = inner(&mut data, "response").unwrap_or_default();
                }
                "error" => {
                    let error = inner(&mut data, "error").unwrap_or(data);
                    body.insert("error".to_owned(), Json::Object(error));
                }
                _ if data.contains_key("output_index") => {
                    let item = items.entry(fields::index(&data, "output_index")).or_default();
                    extend(item, &kind, data);
                }
                _ => {}
            }
        }
        if !is_complete {
            // The status of a stream that broke off is not known.
            for name in ["status", "output", "usage"] {
                body.remove(name);
            }
        }
        let has_output = body.get("output").and_then(Json::as_array).is_some_and(|output| !output.is_empty());
        if !items.is_empty() && !has_output {
            body.insert("output".to_owned(), items.into_values().map(Json::Object).collect());
        }
        Folded { body, is_complete }
    }
}

/// Adds a piece to the output item it belongs to.
fn extend(item: &mut Map, kind: &str, mut data: Map) {
    if matches!(kind, "response.output_item.added" | "response.output_item.done") {
        *item = inner(&mut data, "item").unwrap_or_default();
        return;
    }
    let Some(Json::String(delta)) = data.remove("delta") else { return };
    match kind {
        "response.output_text.delta" => add_text(item, "content", "output_text", "text", &delta),
        "response.refusal.delta" => add_text(item, "content", "refusal", "refusal", &delta),
        "response.reasoning_summary_text.delta" => {
            item.entry("type").or_insert_with(|| Json::from("reasoning"));
            add_text(item, "summary", "summary_text", "text", &delta);
        }
        "response.reasoning_text.delta" => {
            item.entry("type").or_insert_with(|| Json::from("reasoning"));
            add_text(item, "content", "reasoning_text", "text", &delta);
        }
        "response.function_call_arguments.delta" | "response.mcp_call_arguments.delta" => {
            append(item, "arguments", &delta);
        }
        "response.custom_tool_call_input.delta" => append(item, "input", &delta),
        _ => {}
    }
}

/// Adds to the last part of an item.
fn add_text(item: &mut Map, list: &str, kind: &str, field: &str, delta: &str) {
    let parts = item.entry(list).or_insert_with(|| json!([]));
    let Json::Array(parts) = parts else { return };
    if parts.last().is_none_or(|part| part.get("type").and_then(Json::as_str) != Some(kind)) {
        parts.push(json!({"type": kind, field: ""}));
    }
    if let Some(Json::Object(part)) = parts.last_mut() {
        append(part, field, delta);
    }
}

/// Returns an input or output item as a message; `None` for one that says nothing.
fn item_message(item: Json, call: &mut Call) -> Option<Message> {
    let Json::Object(mut fields) = item else { return Some(call.message(item)) };
    let kind = peek(&fields, "type").unwrap_or("message").to_owned();
    let id = |fields: &mut Map| text(fields, "call_id").or_else(|| text(fields, "id"));
    let message = |role: Role, parts: Vec<Part>| Some(Message { role, name: None, parts });
    match kind.as_str() {
        "message" => {
            for name in ["type", "id", "status", "phase"] {
                fields.remove(name);
            }
            fields.entry("role").or_insert_with(|| Json::from("assistant"));
            for part in fields.get_mut("content").and_then(Json::as_array_mut).into_iter().flatten() {
                leave_annotations_out(part);
            }
            Some(call.message(Json::Object(fields)))
        }
        "function_call" | "custom_tool_call" | "mcp_call" => {
            let id = id(&mut fields);
            let name = text(&mut fields, "name").unwrap_or_else(|| "unknown".to_owned());
            let arguments = fields.remove("arguments").or_else(|| fields.remove("input")).unwrap_or_default();
            let output = fields.remove("output").filter(|_| kind == "mcp_call").filter(|output| !output.is_null());
            let mut parts = vec![json!({"type": "tool_call", "id": id, "name": name, "arguments": arguments})];
            // The provider called it itself.
            parts.extend(output.map(|output| json!({"type": "tool_call_response", "id": id, "result": output})));
            Some(call.message(json!({"role": "assistant", "parts": parts})))
        }
        "function_call_output" | "custom_tool_call_output" | "computer_call_output" | "local_shell_call_output" => {
            let id = id(&mut fields);
            let output = fields.remove("output").unwrap_or_default();
            let part = json!({"type": "tool_call_response", "id": id, "result": result(output)});
            Some(call.message(json!({"role": "tool", "parts": [part]})))
        }
        "reasoning" => {
            let shown = fields::list(&mut fields, "summary").into_iter().chain(fields::list(&mut fields, "content"));
            let texts = shown.filter_map(|part| Some(part.get("text")?.as_str()?.to_owned()));
            let parts: Vec<Part> = texts.map(|text| Part::Reasoning { text }).collect();
            if parts.is_empty() { None } else { message(Role::Assistant, parts) }
        }
        _ => Some(call.message(json!({"role": "assistant", "content": [Json::Object(fields)]}))),
    }
}

/// A list of texts is what they say.
fn result(output: Json) -> Json {
    let Json::Array(items) = &output else { return output };
    let texts = items.iter().map(|item| {
        let kind = item.get("type").and_then(Json::as_str)?;
        matches!(kind, "input_text" | "output_text" | "text").then(|| item.get("text")?.as_str())?
    });
    match texts.collect::<Option<Vec<_>>>() {
        Some(texts) if !texts.is_empty() => Json::from(texts.join("\n")),
        _ => output,
    }
}

/// Where a text is from, and how likely each token was, is not part of it.
fn leave_annotations_out(part: &mut Json) {
    if let Json::Object(fields) = part {
        fields.remove("annotations");
        fields.remove("logprobs");
        if let Some(text) = fields.get("refusal").cloned().filter(|_| is(fields, "type", "refusal")) {
            *part = json!({"type": "refusal", "content": text});
        }
    }
}
