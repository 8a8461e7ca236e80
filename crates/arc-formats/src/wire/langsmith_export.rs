//! Exports of `LangSmith`: runs, `{id, run_type, inputs, outputs, trace_id, parent_run_id, …}`, one on each line, in a
//! list, or as trees with `child_runs`.
//!
//! A run of the type `llm` is a call of a model; its messages are those of whatever library was called. Counts of a run
//! above others are sums of theirs and stay among its attributes.

use arc_model::{
    AgentName, InputRule, Json, ModelRef, NanoUsd, Payload, Place, SessionId, Span, SpanId, SpanKind, Status, ToolCall,
    TraceId, Usage, UserId, shared,
};
use serde_json::Map;

use super::{Match, Wire, answers::time, describe_json, each_record, place, some_item, written_id::uuid_bytes};
use crate::{
    document::{Content, Document},
    output::Output,
    provider,
    read::{
        bodies::{find, of_langchain, unwrap_choice},
        messages, tools,
        value::{count, is_blank, number, take, take_text},
    },
};

/// The wire.
pub struct LangsmithExport;

impl Wire for LangsmithExport {
    fn id(&self) -> &'static str {
        "langsmith-export"
    }

    fn name(&self) -> &'static str {
        "Exports of LangSmith"
    }

    fn expects(&self) -> &'static str {
        "runs of LangSmith, `{id, run_type, inputs, outputs, trace_id, parent_run_id, …}`, flat or with `child_runs`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        let runs = value.get("runs").unwrap_or(value);
        (is_run(value) || some_item(runs, is_run))
            .then_some(Match { score: 92, because: "its records have a `run_type`, an `id` and inputs" })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        each_record(documents, out, |record, line, pointer, out| match record {
            Json::Object(mut fields) if fields.get("runs").is_some_and(Json::is_array) => {
                let Some(Json::Array(runs)) = fields.remove("runs") else { return };
                for (index, run) in runs.into_iter().enumerate() {
                    read_run(run, None, line, format!("{pointer}/runs/{index}"), out);
                }
            }
            run => read_run(run, None, line, pointer, out),
        });
    }
}

fn is_run(value: &Json) -> bool {
    let has = |name: &str| value.get(name).is_some();
    let has_text = |name: &str| value.get(name).is_some_and(Json::is_string);
    has_text("run_type") && has_text("id") && (has("inputs") || has("outputs") || has("start_time"))
}

/// The run around another, and the trace of both.
type Around = (TraceId, SpanId);

fn read_run(run: Json, around: Option<Around>, line: Option<u64>, pointer: String, out: &mut Output) {
    if !is_run(&run) {
        let found = describe_json(&run);
        out.rejected(place(line, pointer), format!("expected {}, found {found}", LangsmithExport.expects()));
        return;
    }
    let Json::Object(mut fields) = run else { return };
    let children = take(&mut fields, &["child_runs"]);
    let id = take_text(&mut fields, &["id"]).unwrap_or_default();
    let trace = take_text(&mut fields, &["trace_id"]);
    let trace_id = match (trace, around) {
        (Some(trace), _) => trace_id(&trace),
        (None, Some((trace, _))) => trace,
        // The first run of a trace lends it its id; the path to a run begins with it.
        (None, None) => trace_id(&first_of_path(&fields).unwrap_or_else(|| id.clone())),
    };
    let span_id = span_id(&id);
    let parent = take_text(&mut fields, &["parent_run_id"]).map(|id| self::span_id(&id));
    let here = Place { span: Some(id), ..place(line, pointer.as_str()) };
    let sequence = u32::try_from(out.spans.len()).unwrap_or(u32::MAX);
    let mut span = Span::new(trace_id, span_id, SpanKind::Other, String::new());
    span.parent_id = parent.or(around.map(|(_, parent)| parent)).filter(|parent| *parent != span_id);
    span.sequence = sequence;
    read_fields(&mut span, fields, &here, out);
    out.spans.push(span);
    if let Some(Json::Array(children)) = children {
        for (index, child) in children.into_iter().enumerate() {
            read_run(child, Some((trace_id, span_id)), line, format!("{pointer}/child_runs/{index}"), out);
        }
    }
}

fn first_of_path(fields: &Map<String, Json>) -> Option<String> {
    let path = fields.get("dotted_order").and_then(Json::as_str)?;
    let (_, id) = path.split('.').next()?.split_once('Z')?;
    Some(id.to_owned())
}

fn trace_id(text: &str) -> TraceId {
    let id = uuid_bytes(text).and_then(|bytes| TraceId::from_slice(&bytes).ok());
    id.unwrap_or_else(|| TraceId::derive(&[LangsmithExport.id().as_bytes(), text.as_bytes()]))
}

fn span_id(text: &str) -> SpanId {
    SpanId::derive(&[LangsmithExport.id().as_bytes(), text.as_bytes()])
}

fn read_fields(span: &mut Span, mut fields: Map<String, Json>, here: &Place, out: &mut Output) {
    let kind = take_text(&mut fields, &["run_type"]).unwrap_or_default();
    span.name = take_text(&mut fields, &["name"]).unwrap_or_else(|| kind.clone());
    span.kind = kind_of(&kind, span.parent_id.is_none());
    span.start = take(&mut fields, &["start_time"]).as_ref().and_then(time_of);
    span.end = take(&mut fields, &["end_time"]).as_ref().and_then(time_of);
    span.revision = u64::from(span.end.is_some());
    if let Some(message) = take_text(&mut fields, &["error"]) {
        let kind = message.split('(').next().filter(|kind| is_class(kind)).map(str::to_owned);
        span.status = Status::Error { kind, message };
    } else if fields.get("status").and_then(Json::as_str) == Some("success") {
        span.status = Status::Ok;
    }
    fields.remove("status");
    read_metadata(span, &mut fields);
    let (inputs, outputs) = (take(&mut fields, &["inputs"]), take(&mut fields, &["outputs"]));
    match span.kind {
        SpanKind::Llm => read_call(span, inputs, outputs, &mut fields, here, out),
        SpanKind::Tool => {
            let id =
                outputs.as_ref().and_then(|outputs| outputs.pointer("/output/tool_call_id")).and_then(Json::as_str);
            span.tool = Some(ToolCall {
                id: id.map(str::to_owned),
                name: span.name.clone(),
                arguments: inputs
                    .filter(|value| !is_blank(value))
                    .map(|value| Payload::from_json(only(value, "input"))),
                result: outputs.filter(|value| !is_blank(value)).map(|value| Payload::from_json(result_of(value))),
            });
        }
        _ => {
            span.input = inputs.filter(|value| !is_blank(value)).map(Payload::from_json);
            span.output = outputs.filter(|value| !is_blank(value)).map(Payload::from_json);
        }
    }
    for repeated in REPEATED {
        fields.remove(*repeated);
    }
    fields.retain(|_, value| !is_blank(value));
    span.attributes.extend(fields);
}

/// Fields that only say again how runs hang together, or how `LangSmith` shows them.
const REPEATED: &[&str] = &[
    "dotted_order",
    "execution_order",
    "child_run_ids",
    "direct_child_run_ids",
    "parent_run_ids",
    "child_execution_order",
    "app_path",
    "manifest_id",
    "serialized",
    "inputs_preview",
    "outputs_preview",
    "last_queued_at",
    "in_dataset",
    "share_token",
    "trace_tier",
];

/// Times without an offset are of UTC, with blanks or a `T`.
fn time_of(written: &Json) -> Option<arc_model::Timestamp> {
    let text = written.as_str().map(|text| Json::from(text.trim().replacen(' ', "T", 1)));
    match (text, written) {
        (Some(text), _) => time(&text),
        // Milliseconds since 1970, as its JavaScript client writes them.
        (None, Json::Number(millis)) => millis.as_i64().map(arc_model::Timestamp::from_millis),
        (None, _) => None,
    }
}

/// Whether a text is the name of a class of errors, as in `ValueError('no')`.
fn is_class(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn kind_of(kind: &str, is_root: bool) -> SpanKind {
    match kind {
        "llm" => SpanKind::Llm,
        "tool" => SpanKind::Tool,
        "retriever" => SpanKind::Retrieval,
        "embedding" => SpanKind::Embedding,
        "chain" if is_root => SpanKind::Agent,
        "chain" | "parser" | "prompt" => SpanKind::Step,
        _ => SpanKind::Other,
    }
}

/// Takes what the run's metadata says of the run as a whole, and which model was asked with what.
fn read_metadata(span: &mut Span, fields: &mut Map<String, Json>) {
    let Some(Json::Object(mut extra)) = fields.remove("extra") else { return };
    let mut invocation = match extra.remove("invocation_params") {
        Some(Json::Object(invocation)) => invocation,
        _ => Map::new(),
    };
    if let Some(Json::Object(mut metadata)) = extra.remove("metadata") {
        span.facts.session =
            take_text(&mut metadata, &["session_id", "thread_id", "conversation_id"]).map(SessionId::new);
        span.facts.user = take_text(&mut metadata, &["user_id"]).map(UserId::new);
        span.facts.agent = take_text(&mut metadata, &["lc_agent_name", "agent_name"]).map(AgentName::new);
        if span.kind == SpanKind::Llm {
            let provider = take_text(&mut metadata, &["ls_provider"]);
            span.model = Some(ModelRef {
                provider: provider.map(|name| crate::read::provider::canonical(&name)),
                request: take_text(&mut metadata, &["ls_model_name"])
                    .or_else(|| take_text(&mut invocation, &["model", "model_name"])),
                ..ModelRef::default()
            })
            .filter(|model| *model != ModelRef::default());
            for (from, to) in [("ls_temperature", "temperature"), ("ls_max_tokens", "max_tokens")] {
                if let Some(value) = metadata.remove(from).filter(|value| !is_blank(value)) {
                    span.parameters.insert(to.to_owned(), value);
                }
            }
        }
        span.attributes.extend(metadata.into_iter().map(|(name, value)| (format!("metadata.{name}"), value)));
    }
    if let Some(list) = invocation.remove("tools").or_else(|| invocation.remove("functions")) {
        span.tools_offered = shared(tools::read_all(&list).0);
    }
    for (name, value) in invocation.into_iter().filter(|(name, value)| !is_blank(value) && !name.starts_with('_')) {
        span.parameters.entry(name).or_insert(value);
    }
    extra.remove("runtime");
    span.attributes.extend(extra.into_iter().map(|(name, value)| (format!("extra.{name}"), value)));
    span.attributes.retain(|_, value| !is_blank(value));
}

fn read_call(
    span: &mut Span,
    inputs: Option<Json>,
    outputs: Option<Json>,
    fields: &mut Map<String, Json>,
    here: &Place,
    out: &mut Output,
) {
    span.usage = usage(fields).or_else(|| outputs.as_ref().and_then(usage_in));
    if span.usage.is_some() {
        for counted in
            ["prompt_tokens", "completion_tokens", "total_tokens", "prompt_token_details", "completion_token_details"]
        {
            fields.remove(counted);
        }
    }
    span.reported_cost =
        fields.get("total_cost").and_then(number).filter(|cost| *cost > 0.0).and_then(NanoUsd::from_usd);
    if let Some(model) = outputs.as_ref().and_then(model_in) {
        span.model.get_or_insert_default().response = Some(model);
    }
    for (body, is_input) in [(inputs, true), (outputs, false)] {
        let Some(body) = body.filter(|body| !is_blank(body)) else { continue };
        let found = find(body.clone()).or_else(|| body.get("output").cloned().and_then(find));
        let Some(found) = found else {
            let payload = Some(Payload::from_json(body));
            if is_input {
                span.input = payload;
            } else {
                span.output = payload;
            }
            continue;
        };
        for (index, item) in found.into_iter().enumerate() {
            let read = messages::read(of_langchain(unwrap_choice(item)));
            if let Some(problem) = read.problem {
                out.repaired(
                    here.clone(),
                    format!("message {index}: {problem}; it is kept as one of an unknown speaker"),
                );
            }
            for lost in read.beside.lost {
                out.note_once(here.clone(), format!("`{lost}` in parts of messages is not read"));
            }
            if is_input {
                span.messages_in.push(read.message.into());
            } else {
                span.finish_reason = span.finish_reason.take().or(read.finish_reason);
                span.messages_out.push(read.message.into());
            }
        }
    }
}

/// Counts of the run, whose input includes what was cached.
fn usage(fields: &Map<String, Json>) -> Option<Usage> {
    let at = |name: &str| fields.get(name).and_then(count);
    let detail = |list: &str, name: &str| fields.get(list).and_then(|list| list.get(name)).and_then(count);
    let usage = Usage {
        input: at("prompt_tokens"),
        output: at("completion_tokens"),
        cache_read: detail("prompt_token_details", "cache_read"),
        cache_write: detail("prompt_token_details", "cache_creation"),
        reasoning: detail("completion_token_details", "reasoning"),
        input_rule: InputRule::Inclusive,
        ..Usage::default()
    };
    Some(usage).filter(|usage| usage.input.is_some_and(|n| n > 0) || usage.output.is_some_and(|n| n > 0))
}

/// Finds counts in the answer: of the message, of the provider, or of `LangChain` beside the generations.
fn usage_in(outputs: &Json) -> Option<Usage> {
    let message = outputs.pointer("/generations/0/0/message").or_else(|| outputs.get("output"))?;
    let counts = of_langchain(message.clone()).get("usage").cloned();
    let beside =
        ["/llm_output/token_usage", "/llm_output/usage", "/usage"].iter().find_map(|at| outputs.pointer(at).cloned());
    counts.or(beside).as_ref().and_then(provider::usage::of)
}

fn model_in(outputs: &Json) -> Option<String> {
    let message = outputs.pointer("/generations/0/0/message").cloned().map(of_langchain);
    let of_message = message.and_then(|message| message.get("model").cloned());
    let beside = ["/llm_output/model_name", "/model"].iter().find_map(|at| outputs.pointer(at).cloned());
    of_message.or(beside)?.as_str().map(str::to_owned)
}

/// Returns the only field of an object if it has this name; any other value is returned as it is.
fn only(value: Json, name: &str) -> Json {
    match value {
        Json::Object(mut fields) if fields.len() == 1 => fields.remove(name).unwrap_or(Json::Object(fields)),
        other => other,
    }
}

/// What a tool returned: its message's content, where it is a message of `LangChain`.
fn result_of(value: Json) -> Json {
    let output = only(value, "output");
    match of_langchain(output) {
        Json::Object(mut fields) if fields.get("role").and_then(Json::as_str) == Some("tool") => {
            fields.remove("content").unwrap_or_default()
        }
        other => other,
    }
}
