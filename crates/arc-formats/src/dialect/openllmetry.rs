//! `OpenLLMetry` (Traceloop): `traceloop.*`, flattened `gen_ai.prompt.<i>` and `gen_ai.completion.<i>`; searches of vector
//! databases, `db.*`, in `vector_search`.
//!
//! Models, usage and most parameters have OpenTelemetry's names in all its versions and are read by
//! `otel_genai`; here is only what that does not know. Goes before it, since every span inside an
//! agent carries the agent's name, which alone would make each of them an agent.

use arc_model::{AgentName, Attributes, FinishReason, Json, Message, Payload, RunFacts, SessionId, SpanKind, UserId};
use serde_json::Map;

use super::{
    Dialect, Found, Reading,
    openinference::keyword_arguments,
    openinference_messages::{Below, by_index, by_inner_index},
    vector_search,
};
use crate::{
    raw::{RawSpan, StatusCode},
    read::{
        attributes::Reader,
        messages, tools,
        usage::version,
        value::{structured, unquoted},
    },
};

/// The dialect.
pub struct OpenLlmetry;

/// The first version whose instrumentations set the status of a call that failed.
const SETS_STATUS_SINCE: [u32; 3] = [0, 61, 0];

impl Dialect for OpenLlmetry {
    fn id(&self) -> &'static str {
        "openllmetry"
    }

    fn name(&self) -> &'static str {
        "OpenLLMetry"
    }

    fn speaks(&self, span: &RawSpan) -> bool {
        Reader::new(&span.attributes).speaks(&["traceloop.", "gen_ai.prompt.", "gen_ai.completion.", "llm.request."])
            || vector_search::is_search(span)
    }

    fn read(&self, span: &RawSpan) -> Reading {
        let attributes = Reader::new(&span.attributes);
        let kind = kind(attributes);
        let mut reading = Reading {
            // "task" is a step; the word stays among the attributes.
            kind: kind.map(Found::kept),
            parameters: parameters(attributes),
            facts: facts(attributes, kind),
            error_kind: unset_failure(span),
            ..Reading::default()
        };
        reading.messages_in = read_list(attributes, "gen_ai.prompt.", "user", &mut reading).map(Found::shared);
        reading.messages_out =
            read_list(attributes, "gen_ai.completion.", "assistant", &mut reading).map(Found::shared);
        reading.finish_reason = attributes
            .first(&["gen_ai.completion.0.finish_reason", "gen_ai.response.stop_reason"], |value| {
                Some(FinishReason::from_text(value.as_str()?))
            });
        read_functions(attributes, &mut reading);
        let input = payload(attributes, "traceloop.entity.input");
        let output = payload(attributes, "traceloop.entity.output");
        if kind == Some(SpanKind::Tool) {
            reading.tool_name = attributes.name(&["traceloop.entity.name"]);
            reading.tool_arguments = input.map(keyword_arguments);
            reading.tool_result = output;
        } else {
            (reading.input, reading.output) = (input, output);
        }
        if vector_search::is_search(span) {
            reading.kind = Some(Found::kept(SpanKind::Retrieval));
            reading.output = reading.output.or_else(|| vector_search::results(span));
        }
        reading
    }
}

/// Returns an input or output; all are JSON, also a plain text.
fn payload(attributes: Reader<'_>, name: &'static str) -> Option<Found<Payload>> {
    attributes.first(&[name], |value| (!value.is_null()).then(|| Payload::from_json(unquoted(value))))
}

fn kind(attributes: Reader<'_>) -> Option<SpanKind> {
    match attributes.get("llm.request.type").and_then(Json::as_str) {
        Some("chat" | "completion") => return Some(SpanKind::Llm),
        Some("embedding") => return Some(SpanKind::Embedding),
        Some("rerank") => return Some(SpanKind::Rerank),
        _ => {}
    }
    match attributes.get("traceloop.span.kind").and_then(Json::as_str)? {
        "workflow" => Some(SpanKind::Workflow),
        "task" => Some(SpanKind::Step),
        "agent" => Some(SpanKind::Agent),
        "tool" => Some(SpanKind::Tool),
        _ => None,
    }
}

fn facts(attributes: Reader<'_>, kind: Option<SpanKind>) -> Option<Found<RunFacts>> {
    let mut found = Found::kept(RunFacts::default());
    if kind == Some(SpanKind::Agent) {
        found.value.agent = found.keep(attributes.name(&["traceloop.entity.name"])).map(AgentName::new);
    }
    let session = attributes.name(&["traceloop.association.properties.session_id"]);
    found.value.session = found.keep(session).map(SessionId::new);
    let user = attributes.name(&["traceloop.association.properties.user_id", "gen_ai.user", "llm.user"]);
    found.value.user = found.keep(user).map(UserId::new);
    (!found.value.is_empty()).then_some(found)
}

/// Parameters under their older names.
fn parameters(attributes: Reader<'_>) -> Option<Found<Attributes>> {
    let mut found = Found::kept(Attributes::new());
    for (name, parameter) in [
        ("llm.top_k", "top_k"),
        ("db.vector.query.top_k", "top_k"),
        ("llm.frequency_penalty", "frequency_penalty"),
        ("llm.chat.stop_sequences", "stop_sequences"),
    ] {
        if let Some(value) = attributes.get(name) {
            found.value.insert(parameter.to_owned(), value.clone());
            found.from.push(name.to_owned());
        }
    }
    (!found.value.is_empty()).then_some(found)
}

/// Before 0.61 a call that failed recorded its exception and left the status unset.
fn unset_failure(span: &RawSpan) -> Option<Found<String>> {
    let scope = span.scope.as_ref()?;
    let is_old = scope.name.starts_with("opentelemetry.instrumentation.")
        && version(scope.version.as_deref()?)? < SETS_STATUS_SINCE;
    if span.status != StatusCode::Unset || !is_old {
        return None;
    }
    let exception = span.events.iter().rev().find(|event| event.name == "exception")?;
    Reader::new(&exception.attributes).name(&["exception.type"]).map(|found| Found::kept(found.value))
}

fn read_list(
    attributes: Reader<'_>,
    prefix: &str,
    speaker: &str,
    reading: &mut Reading,
) -> Option<Found<Vec<Message>>> {
    let mut found = Found::kept(Vec::new());
    for (_, below) in by_index(attributes, prefix) {
        let (mut object, from) = message_object(&below);
        if object.is_empty() {
            continue;
        }
        // Completions often name no speaker; there is only one.
        object.entry("role").or_insert_with(|| Json::from(speaker));
        let read = messages::read(Json::Object(object));
        for field in read.beside.lost.iter().chain(read.rest.keys()) {
            reading.note_once(format!("`{field}` in the messages of `{prefix}<i>` is not read"));
        }
        found.value.push(read.message);
        found.from.extend(from);
    }
    (!found.value.is_empty()).then_some(found)
}

/// Builds the message that was flattened, and names the attributes it was built from.
fn message_object(below: &[Below<'_>]) -> (Map<String, Json>, Vec<String>) {
    let mut object = Map::new();
    let mut from = Vec::new();
    for (rest, name, value) in below {
        let value = match *rest {
            "content" => content(value),
            "role" | "tool_call_id" => (*value).clone(),
            _ => continue,
        };
        object.insert((*rest).to_owned(), value);
        from.push(name.clone());
    }
    let mut calls: Vec<Json> =
        by_inner_index(below, "tool_calls.").values().map(|fields| tool_call(fields, &mut from)).collect();
    // Koog writes calls as the content, and their speaker as "tool".
    if let Some(Json::Array(items)) = object.get("content")
        && !items.is_empty()
        && items.iter().all(|item| item.get("function").is_some_and(Json::is_object))
    {
        calls.extend(items.iter().cloned());
        object.remove("content");
        object.insert("role".to_owned(), Json::from("assistant"));
    }
    if !calls.is_empty() {
        object.insert("tool_calls".to_owned(), Json::Array(calls));
    }
    (object, from)
}

/// Returns the parts of a content that is a list of them, written as text; else the content itself.
fn content(value: &Json) -> Json {
    let is_part = |item: &Json| item.get("type").is_some_and(Json::is_string);
    match structured(value) {
        Some(Json::Array(items)) if !items.is_empty() && items.iter().all(is_part) => Json::Array(items),
        _ => value.clone(),
    }
}

fn tool_call(fields: &[(&str, &Below<'_>)], from: &mut Vec<String>) -> Json {
    let mut call = Map::new();
    for (rest, (_, name, value)) in fields {
        let field = match *rest {
            "id" => "id",
            "name" | "function.name" => "name",
            "arguments" | "function.arguments" => "arguments",
            _ => continue,
        };
        call.insert(field.to_owned(), (*value).clone());
        from.push(name.clone());
    }
    Json::Object(call)
}

fn read_functions(attributes: Reader<'_>, reading: &mut Reading) {
    let mut found = Found::kept(Vec::new());
    for (_, below) in by_index(attributes, "llm.request.functions.") {
        let fields = below.iter().map(|(rest, _, value)| ((*rest).to_owned(), (*value).clone()));
        let Some(tool) = tools::read(Json::Object(fields.collect())) else {
            reading.note_once("an `llm.request.functions.<i>` has no name; it is kept raw");
            continue;
        };
        found.value.push(tool);
        let known = |rest: &str| matches!(rest, "name" | "description" | "parameters" | "input_schema");
        found.from.extend(below.into_iter().filter(|(rest, ..)| known(rest)).map(|(_, name, _)| name));
    }
    if !found.value.is_empty() {
        reading.tools_offered = Some(found.shared());
    }
}
