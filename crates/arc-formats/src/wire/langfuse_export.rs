//! Exports of Langfuse: `{trace, observations: […]}`.
//!
//! An observation says what it is in fields of its own, whatever instrumentation it came from, so
//! those are read. Its `metadata` holds what else was recorded: the scope, the resource and the
//! attributes of its span, which become those of ours, and what the program added, which is kept. Costs in it are Langfuse's own estimates, kept as
//! reported ones. Inputs and outputs are messages where they have the shape of some; else payloads.

use std::sync::Arc;

use arc_model::{
    AgentName, Json, Message, ModelRef, NanoUsd, Payload, Scope, SessionId, Span, SpanId, SpanKind, Status, Timestamp,
    ToolCall, ToolDefinition, TraceId, Usage, UserId, shared,
};
use serde_json::{Map, json};

use super::{Match, Wire, describe_json, json_documents, place, some_item, written_id::id_bytes};
use crate::{
    document::{Content, Document},
    output::Output,
    provider::content_message,
    read::{
        messages, tools,
        usage::{cost_of_langfuse, of_langfuse},
        value::{is_blank, number, structured, take_name, take_text},
    },
};

/// The wire.
pub struct LangfuseExport;

impl Wire for LangfuseExport {
    fn id(&self) -> &'static str {
        "langfuse-export"
    }

    fn name(&self) -> &'static str {
        "Exports of Langfuse"
    }

    fn expects(&self) -> &'static str {
        "an exported trace, `{trace, observations: [{id, traceId, type, startTime, …}]}`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        (is_export(value) || some_item(value, is_export))
            .then_some(Match { score: 95, because: "its `observations` have a `traceId` and a `type`" })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        for (line, value) in json_documents(documents, out) {
            match value {
                Json::Array(exports) if !exports.iter().any(is_observation) => {
                    for (index, export) in exports.into_iter().enumerate() {
                        read_export(export, line, &format!("/{index}"), out);
                    }
                }
                export => read_export(export, line, "", out),
            }
        }
    }
}

fn is_observation(value: &Json) -> bool {
    ["id", "traceId", "type"].iter().all(|name| value.get(name).is_some_and(Json::is_string))
        && value.get("startTime").is_some()
}

fn is_export(value: &Json) -> bool {
    value.get("observations").is_some_and(|observations| some_item(observations, is_observation))
}

fn read_export(export: Json, line: Option<u64>, pointer: &str, out: &mut Output) {
    if !is_export(&export) {
        let found = describe_json(&export);
        out.rejected(place(line, pointer), format!("expected {}, found {found}", LangfuseExport.expects()));
        return;
    }
    let Json::Object(mut export) = export else { return };
    let Some(Json::Array(observations)) = export.remove("observations") else { return };
    let mut spans = Vec::new();
    for (index, observation) in observations.into_iter().enumerate() {
        let here = place(line, format!("{pointer}/observations/{index}"));
        match observation {
            Json::Object(fields) if is_observation(&Json::Object(fields.clone())) => {
                spans.push(read_observation(fields, u32::try_from(index).unwrap_or(u32::MAX)));
            }
            other => {
                let found = describe_json(&other);
                out.rejected(here, format!("expected an observation with `id`, `traceId` and `type`, found {found}"));
            }
        }
    }
    let trace = match export.remove("trace") {
        Some(Json::Object(trace)) => trace,
        _ => export,
    };
    let root = spans.iter_mut().filter(|span| span.parent_id.is_none()).min_by_key(|span| (span.start, span.sequence));
    if let Some(root) = root {
        add_trace(root, trace);
    }
    out.spans.append(&mut spans);
}

/// Adds what is said about the whole run to its first span.
fn add_trace(root: &mut Span, mut trace: Map<String, Json>) {
    root.facts.session = take_name(&mut trace, &["sessionId"]).map(SessionId::new);
    root.facts.user = take_name(&mut trace, &["userId"]).map(UserId::new);
    for repeated in ["id", "input", "output", "createdAt", "updatedAt", "timestamp", "latency", "totalCost"] {
        trace.remove(repeated);
    }
    let rest = trace.into_iter().filter(|(_, value)| !is_blank(value));
    root.attributes.extend(rest.map(|(name, value)| (format!("trace.{name}"), value)));
}

fn read_observation(mut fields: Map<String, Json>, sequence: u32) -> Span {
    let named = take_text(&mut fields, &["traceId"]).unwrap_or_default();
    let trace_id = id_bytes(&Json::from(named.as_str()), TraceId::BYTES)
        .ok()
        .and_then(|bytes| TraceId::from_slice(&bytes).ok())
        .unwrap_or_else(|| TraceId::derive(&[LangfuseExport.id().as_bytes(), named.as_bytes()]));
    let id = take_text(&mut fields, &["id"]).unwrap_or_default();
    let kind = take_text(&mut fields, &["type"]).unwrap_or_default();
    let name = take_text(&mut fields, &["name"]).unwrap_or_else(|| kind.to_ascii_lowercase());
    let mut metadata = fields.get("metadata").and_then(structured);
    let recorded = metadata.as_mut().and_then(Json::as_object_mut).map(Recorded::take).unwrap_or_default();
    let said = |name: &str| recorded.attributes.get(name).cloned();
    let mut span = Span::new(trace_id, span_id(&id), kind_of(&kind, &said), name);
    span.sequence = sequence;
    span.parent_id = take_text(&mut fields, &["parentObservationId"]).map(|id| span_id(&id));
    let mut time = |name: &str| take_text(&mut fields, &[name]).and_then(|text| Timestamp::parse(&text));
    (span.start, span.end) = (time("startTime"), time("endTime"));
    span.revision = u64::from(span.end.is_some());
    let message = take_text(&mut fields, &["statusMessage"]).unwrap_or_default();
    if take_text(&mut fields, &["level"]).as_deref() == Some("ERROR") {
        let kind = ["error.type", "exception.type"].iter().find_map(|name| Some(said(name)?.as_str()?.to_owned()));
        span.status = Status::Error { kind, message };
    } else if !message.is_empty() {
        fields.insert("statusMessage".to_owned(), Json::from(message));
    }
    let text = |value: Option<Json>| value?.as_str().map(str::to_owned);
    let model = ModelRef { response: take_text(&mut fields, &["model"]), ..ModelRef::default() };
    span.model = (span.kind == SpanKind::Llm && model != ModelRef::default()).then_some(model);
    if span.kind == SpanKind::Agent {
        span.facts.agent = text(said("gen_ai.agent.name")).map(AgentName::new);
    }
    read_counts(&mut fields, &mut span);
    let (input, output) = (fields.remove("input"), fields.remove("output"));
    match span.kind {
        SpanKind::Tool => {
            let payload = |value: Option<Json>| value.filter(|value| !value.is_null()).map(Payload::from_json);
            span.tool = Some(ToolCall {
                id: text(said("gen_ai.tool.call.id")),
                name: text(said("gen_ai.tool.name").or_else(|| said("tool.name"))).unwrap_or_else(|| span.name.clone()),
                arguments: payload(input),
                result: payload(output),
            });
        }
        SpanKind::Llm => {
            let (mut sent, mut answered, mut offered) = (Vec::new(), Vec::new(), Vec::new());
            span.input = read_messages(input, "user", &mut sent, &mut offered);
            span.output = read_messages(output, "assistant", &mut answered, &mut offered);
            (span.messages_in, span.messages_out) = (shared(sent), shared(answered));
            span.tools_offered = shared(offered);
        }
        _ => {
            span.input = input.filter(|value| !is_blank(value)).map(Payload::from_json);
            span.output = output.filter(|value| !is_blank(value)).map(Payload::from_json);
        }
    }
    if let Some(Json::Object(parameters)) = fields.remove("modelParameters") {
        span.parameters = parameters.into_iter().filter(|(_, value)| !is_blank(value)).collect();
    }
    for repeated in REPEATED {
        fields.remove(*repeated);
    }
    let mut attributes = recorded.attributes;
    if let Some(mut metadata) = metadata {
        // What is called as a field of the observation stays where it was.
        let (same, others) = attributes.into_iter().partition(|(name, _)| fields.contains_key(name));
        attributes = others;
        if let Some(metadata) = metadata.as_object_mut().filter(|_| !Map::is_empty(&same)) {
            metadata.insert("attributes".to_owned(), Json::Object(same));
        }
        fields.insert("metadata".to_owned(), metadata);
    }
    fields.retain(|_, value| !is_blank(value));
    span.scope = recorded.scope;
    span.resource = Arc::new(recorded.resource.into_iter().collect());
    span.attributes = attributes.into_iter().chain(fields).collect();
    span
}

/// Reads tokens and cost, of those kinds of spans that have them.
fn read_counts(fields: &mut Map<String, Json>, span: &mut Span) {
    let older = fields.remove("usage");
    if span.kind == SpanKind::Llm || span.kind == SpanKind::Embedding {
        let usage = fields.get("usageDetails").and_then(of_langfuse);
        span.usage = usage.or_else(|| older.as_ref().and_then(of_older_usage));
        let total = fields.get("totalCost").and_then(|total| NanoUsd::from_usd(number(total)?));
        let cost = total.or_else(|| fields.get("costDetails").and_then(cost_of_langfuse));
        span.reported_cost = cost.filter(|cost| *cost > NanoUsd::ZERO);
    }
    // Where the counts by kind of token are not there, it repeats nothing.
    if let Some(counts) = older.filter(says_something)
        && fields.get("usageDetails").is_none_or(is_blank)
    {
        fields.insert("usage".to_owned(), counts);
    }
}

/// Reads the one object of counts that older versions have, if it counts tokens.
fn of_older_usage(counts: &Json) -> Option<Usage> {
    let is_tokens = counts.get("unit").is_none_or(|unit| unit.is_null() || unit == "TOKENS");
    let usage = of_langfuse(counts).filter(|_| is_tokens)?;
    // Of a call that nobody counted it is all zero.
    (usage.input.unwrap_or(0) > 0 || usage.output.unwrap_or(0) > 0).then_some(usage)
}

fn says_something(counts: &Json) -> bool {
    let is_count = |count: &Json| number(count).is_some_and(|count| count != 0.0);
    counts.as_object().is_some_and(|counts| counts.values().any(is_count))
}

/// What OpenTelemetry recorded of an observation.
#[derive(Default)]
struct Recorded {
    scope: Option<Scope>,
    resource: Map<String, Json>,
    attributes: Map<String, Json>,
}

impl Recorded {
    fn take(metadata: &mut Map<String, Json>) -> Self {
        let mut object = |name: &str| match metadata.remove(name) {
            Some(Json::Object(fields)) => fields,
            Some(other) => {
                metadata.insert(name.to_owned(), other);
                Map::new()
            }
            None => Map::new(),
        };
        let (mut scope, resource, attributes) = (object("scope"), object("resourceAttributes"), object("attributes"));
        let name = scope.get("name").and_then(Json::as_str).map(str::to_owned);
        let known = name.map(|name| Scope { version: take_text(&mut scope, &["version"]), name });
        if known.is_some() {
            scope.remove("name");
        }
        if !scope.is_empty() {
            metadata.insert("scope".to_owned(), Json::Object(scope));
        }
        Self { scope: known, resource, attributes }
    }
}

/// Fields that only repeat others or Langfuse's own bookkeeping.
const REPEATED: &[&str] = &[
    "createdAt",
    "updatedAt",
    "projectId",
    "internalModel",
    "internalModelId",
    "inputUsage",
    "outputUsage",
    "totalUsage",
    "inputCost",
    "outputCost",
    "latency",
];

fn span_id(text: &str) -> SpanId {
    let bytes = id_bytes(&Json::from(text), SpanId::BYTES).ok();
    bytes
        .and_then(|bytes| SpanId::from_slice(&bytes).ok())
        .unwrap_or_else(|| SpanId::derive(&[LangfuseExport.id().as_bytes(), text.as_bytes()]))
}

fn kind_of(kind: &str, said: &dyn Fn(&str) -> Option<Json>) -> SpanKind {
    let of_name = |name: &str| match name.to_ascii_uppercase().as_str() {
        "GENERATION" | "LLM" | "CHAT" => Some(SpanKind::Llm),
        "AGENT" | "INVOKE_AGENT" => Some(SpanKind::Agent),
        "TOOL" | "EXECUTE_TOOL" => Some(SpanKind::Tool),
        "CHAIN" => Some(SpanKind::Step),
        "RETRIEVER" => Some(SpanKind::Retrieval),
        "EMBEDDING" | "EMBEDDINGS" => Some(SpanKind::Embedding),
        "EVALUATOR" => Some(SpanKind::Evaluation),
        "GUARDRAIL" => Some(SpanKind::Guardrail),
        _ => None,
    };
    // A plain span may have been an agent or a tool where it was recorded.
    let recorded = ["openinference.span.kind", "gen_ai.operation.name"].iter().find_map(|name| said(name));
    of_name(kind).or_else(|| of_name(recorded?.as_str()?)).unwrap_or(SpanKind::Other)
}

/// Reads messages in any of the shapes instrumentations write; what has none of them is returned.
fn read_messages(
    value: Option<Json>,
    speaker: &str,
    said: &mut Vec<Message>,
    offered: &mut Vec<ToolDefinition>,
) -> Option<Payload> {
    let value = value.filter(|value| !is_blank(value))?;
    let Some(mut found) = structured(&value) else {
        let is_text = value.as_str().filter(|_| speaker == "assistant");
        if let Some(text) = is_text {
            said.push(messages::read(json!({"role": speaker, "content": text})).message);
            return None;
        }
        return Some(Payload::from_json(value));
    };
    // Requests and answers as the provider's interface has them.
    if let Some(tools) = found.get("tools") {
        offered.extend(tools::read_all(tools).0);
    }
    let instructions = found.pointer("/config/system_instruction").or_else(|| found.get("systemInstruction"));
    if let Some(text) = instructions.and_then(Json::as_str) {
        said.push(Message::text(arc_model::Role::System, text));
    }
    let inner = ["messages", "contents"].iter().find_map(|name| found.get(*name)).filter(|inner| inner.is_array());
    if let Some(inner) = inner {
        found = inner.clone();
    } else if let Some(Json::Array(choices)) = found.get_mut("choices").map(Json::take) {
        found = choices.into_iter().filter_map(|mut choice| choice.get_mut("message").map(Json::take)).collect();
    } else if let Some(content) = found.get("content").filter(|content| content.get("parts").is_some()) {
        found = content.clone();
    } else if let Some(prompt) = found.get("prompt").filter(|prompt| prompt.is_string()) {
        found = json!([{"role": speaker, "content": prompt}]);
    }
    let items = match found {
        Json::Array(items) => items,
        one => vec![one],
    };
    if let Some(calls) = items.iter().map(vercel_call).collect::<Option<Vec<_>>>().filter(|calls| !calls.is_empty()) {
        said.push(messages::read(json!({"role": speaker, "tool_calls": calls})).message);
        return None;
    }
    let mut read = Vec::new();
    for item in items {
        let definition = item.get("content").filter(|content| content.get("function").is_some());
        if let Some(tool) = definition.and_then(|definition| tools::read(definition.clone())) {
            offered.push(tool);
            continue;
        }
        let Some(message) = message_shape(item) else { return Some(Payload::from_json(value)) };
        read.push(messages::read(message).message);
    }
    said.append(&mut read);
    None
}

fn vercel_call(item: &Json) -> Option<Json> {
    let name = item.get("toolName")?;
    let arguments = item.get("input").or_else(|| item.get("args"));
    Some(json!({"id": item.get("toolCallId"), "name": name, "arguments": arguments}))
}

/// Returns an item as a message with a role; `None` when it is not one.
fn message_shape(item: Json) -> Option<Json> {
    let is_gemini = item.get("parts").and_then(Json::as_array).is_some_and(|parts| {
        let untyped = |part: &Json| part.get("type").is_none() && part.is_object();
        parts.iter().all(untyped)
    });
    if is_gemini {
        return Some(content_message(&item, "model"));
    }
    let Json::Object(mut fields) = item else { return None };
    if !fields.contains_key("role") {
        // LangChain's own messages say who speaks in `type`.
        if let Some(Json::Object(nested)) = fields.remove("message") {
            return message_shape(Json::Object(nested));
        }
        let speaker = fields.get("type").and_then(Json::as_str)?;
        let role = ["human", "ai", "system", "tool"].into_iter().find(|role| *role == speaker)?;
        fields.remove("type");
        fields.insert("role".to_owned(), Json::from(role));
    }
    if let Some(Json::Object(mut beside)) = fields.remove("additional_kwargs")
        && fields.get("tool_calls").is_none_or(is_blank)
        && let Some(calls) = beside.remove("tool_calls")
    {
        fields.insert("tool_calls".to_owned(), calls);
    }
    Some(Json::Object(fields))
}
