//! Google's Agent Development Kit: `gcp.vertex.agent.*`, requests and answers as the Gemini API has them.
//!
//! Goes before `otel_genai`: the spans that repeat the calls of several tools together are no calls.

use arc_model::{FinishReason, Json, Message, RunFacts, SessionId, SpanKind, ToolDefinition};
use serde_json::{Map, json};

use super::{Dialect, Found, Reading};
use crate::{
    provider,
    raw::RawSpan,
    read::{
        attributes::Reader,
        messages, tools,
        value::{is_blank, structured},
    },
};

/// The dialect.
pub struct GoogleAdk;

const REQUEST: &str = "gcp.vertex.agent.llm_request";
const RESPONSE: &str = "gcp.vertex.agent.llm_response";

impl Dialect for GoogleAdk {
    fn id(&self) -> &'static str {
        "google-adk"
    }

    fn name(&self) -> &'static str {
        "Google Agent Development Kit"
    }

    fn speaks(&self, span: &RawSpan) -> bool {
        Reader::new(&span.attributes).speaks(&["gcp.vertex.agent."])
    }

    fn read(&self, span: &RawSpan) -> Reading {
        let attributes = Reader::new(&span.attributes);
        let mut reading = Reading { facts: facts(attributes), ..Reading::default() };
        let tool = attributes.get("gen_ai.tool.name").and_then(Json::as_str);
        if tool == Some("(merged tools)") {
            reading.kind = Some(Found::kept(SpanKind::Step));
            reading.output = attributes.payload(&["gcp.vertex.agent.tool_response"]);
            return reading;
        }
        if tool.is_some() {
            reading.tool_arguments = attributes.payload(&["gcp.vertex.agent.tool_call_args"]);
            reading.tool_result = attributes.payload(&["gcp.vertex.agent.tool_response"]);
        }
        // An empty object stands for what was not recorded.
        let body = |name: &str| attributes.get(name).and_then(structured).filter(|body| !is_blank(body));
        if let Some(request) = body(REQUEST) {
            reading.kind = Some(Found::kept(SpanKind::Llm));
            read_request(&request, &mut reading);
        }
        if let Some(response) = body(RESPONSE) {
            reading.kind = Some(Found::kept(SpanKind::Llm));
            read_response(&response, &mut reading);
        }
        reading
    }
}

fn facts(attributes: Reader<'_>) -> Option<Found<RunFacts>> {
    let mut found = Found::kept(RunFacts::default());
    found.value.session = found.keep(attributes.name(&["gcp.vertex.agent.session_id"])).map(SessionId::new);
    (!found.value.is_empty()).then_some(found)
}

fn read_request(request: &Json, reading: &mut Reading) {
    let mut found: Vec<Message> = Vec::new();
    let instruction = request.pointer("/config/system_instruction");
    if let Some(text) = instruction.and_then(Json::as_str).filter(|text| !text.is_empty()) {
        found.push(messages::read(json!({"role": "system", "content": text})).message);
    }
    for content in request.get("contents").and_then(Json::as_array).into_iter().flatten() {
        found.push(message(content, "user", reading));
    }
    if !found.is_empty() {
        // The configuration beside the contents stays.
        reading.messages_in = Some(Found::kept(found).shared());
    }
    let groups = request.pointer("/config/tools").and_then(Json::as_array).into_iter().flatten();
    let declared = groups.filter_map(|group| group.get("function_declarations")?.as_array()).flatten();
    let offered: Vec<ToolDefinition> = declared.filter_map(|tool| tools::read(tool.clone())).collect();
    if !offered.is_empty() {
        reading.tools_offered = Some(Found::kept(offered).shared());
    }
}

fn read_response(response: &Json, reading: &mut Reading) {
    if let Some(content) = response.get("content").filter(|content| content.get("parts").is_some()) {
        reading.messages_out = Some(Found::kept(vec![message(content, "model", reading).into()]));
    }
    let reason = response.get("finish_reason").and_then(Json::as_str);
    reading.finish_reason = reason.map(|reason| Found::kept(FinishReason::from_text(reason)));
    reading.usage = response.get("usage_metadata").and_then(provider::usage::of);
}

/// Reads a content of the Gemini API. What a tool returned comes from the "user".
fn message(content: &Json, speaker: &str, reading: &mut Reading) -> Message {
    let role = content.get("role").and_then(Json::as_str).unwrap_or(speaker);
    let parts = content.get("parts").and_then(Json::as_array);
    let parts: Vec<Json> = parts.into_iter().flatten().map(part).collect();
    let is_result = |part: &Json| part.get("type").and_then(Json::as_str) == Some("tool_call_response");
    let role = if !parts.is_empty() && parts.iter().all(is_result) { "tool" } else { role };
    let field = if role == "tool" { "content" } else { "parts" };
    let fields = [("role".to_owned(), Json::from(role)), (field.to_owned(), Json::Array(parts))];
    let read = messages::read(Json::Object(Map::from_iter(fields)));
    for lost in read.beside.lost {
        reading.note_once(format!("`{lost}` in the contents of an ADK request is not read"));
    }
    read.message
}

/// Gives a part of the Gemini API the name and fields of OpenTelemetry's; others are kept as they came.
fn part(part: &Json) -> Json {
    let is_thought = part.get("thought").and_then(Json::as_bool) == Some(true);
    if let Some(text) = part.get("text") {
        return json!({"type": if is_thought { "reasoning" } else { "text" }, "content": text});
    }
    if let Some(call) = part.get("function_call") {
        return json!({"type": "tool_call", "id": call.get("id"), "name": call.get("name"), "arguments": call.get("args")});
    }
    match part.get("function_response") {
        Some(result) => {
            json!({"type": "tool_call_response", "id": result.get("id"), "response": result.get("response")})
        }
        None => part.clone(),
    }
}
