//! Exports of `MLflow`: traces, `{info, data: {spans: [{name, span_id, attributes, …}]}}`, as `Trace.to_json` and
//! `mlflow traces get` write them, of version 2 and 3.
//!
//! A span is a span of OpenTelemetry whose attributes are written as JSON texts; the dialect `mlflow` reads them.

use std::rc::Rc;

use arc_model::{Attributes, Json, Place, SpanEvent, SpanId, Timestamp, TraceId};
use serde_json::Map;

use super::{Match, Wire, describe_json, each_record, place, some_item, written_id::id_bytes};
use crate::{
    assemble,
    document::{Content, Document},
    output::Output,
    raw::{RawSpan, StatusCode},
    read::value::{count, is_blank, structured, take, take_text, unquoted},
};

/// The wire.
pub struct MlflowExport;

impl Wire for MlflowExport {
    fn id(&self) -> &'static str {
        "mlflow-export"
    }

    fn name(&self) -> &'static str {
        "Exports of MLflow"
    }

    fn expects(&self) -> &'static str {
        "a trace of MLflow, `{info: {trace_id or request_id, …}, data: {spans: [{name, attributes, …}]}}`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        (is_trace(value) || some_item(value, is_trace))
            .then_some(Match { score: 93, because: "it has `info` and `data.spans`, as MLflow writes traces" })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        each_record(documents, out, read_trace);
    }
}

fn is_trace(value: &Json) -> bool {
    let is_span = |span: &Json| {
        span.get("attributes").is_some_and(Json::is_object)
            && (span.get("span_id").is_some() || span.get("context").is_some())
    };
    value.get("info").is_some_and(Json::is_object)
        && value.pointer("/data/spans").is_some_and(|spans| some_item(spans, is_span))
}

fn read_trace(trace: Json, line: Option<u64>, pointer: String, out: &mut Output) {
    if !is_trace(&trace) {
        let found = describe_json(&trace);
        out.rejected(place(line, pointer), format!("expected {}, found {found}", MlflowExport.expects()));
        return;
    }
    let Json::Object(mut trace) = trace else { return };
    let info = match trace.remove("info") {
        Some(Json::Object(info)) => info,
        _ => Map::new(),
    };
    let Some(Json::Array(spans)) = trace.get_mut("data").and_then(|data| data.get_mut("spans")).map(Json::take) else {
        return;
    };
    let named =
        ["trace_id", "request_id"].iter().find_map(|name| info.get(*name)?.as_str()).unwrap_or_default().to_owned();
    // The first span without a parent is the run's.
    let mut about = Some(about(info));
    for (index, span) in spans.into_iter().enumerate() {
        let mut here = place(line, format!("{pointer}/data/spans/{index}"));
        let Json::Object(fields) = span else {
            out.rejected(here, format!("expected a span, found {}", describe_json(&span)));
            continue;
        };
        if let Some(raw) = read_span(fields, &named, &mut about, &mut here, out) {
            assemble::push(raw, &|| here.clone(), out);
        }
    }
}

/// What the trace's own record says, by the names under which its first span has it.
fn about(mut info: Map<String, Json>) -> Attributes {
    let mut about = Attributes::new();
    for name in ["trace_metadata", "request_metadata", "tags"] {
        let Some(Json::Object(entries)) = info.remove(name) else { continue };
        about.extend(entries);
    }
    // A size, a copy of the spans' inputs, and where MLflow keeps the trace.
    for name in ["mlflow.traceInputs", "mlflow.traceOutputs", "mlflow.traceSpans", "mlflow.artifactLocation"] {
        about.remove(name);
    }
    if let Some(assessments) = info.remove("assessments").filter(|list| !is_blank(list)) {
        about.insert("trace.assessments".to_owned(), assessments);
    }
    about.retain(|_, value| !is_blank(value));
    about
}

fn read_span(
    mut fields: Map<String, Json>,
    trace: &str,
    about: &mut Option<Attributes>,
    here: &mut Place,
    out: &mut Output,
) -> Option<RawSpan> {
    // Version 2 keeps the ids in `context`.
    if let Some(Json::Object(context)) = fields.remove("context") {
        fields.extend(context);
    }
    let written = take(&mut fields, &["span_id"]).unwrap_or_default();
    here.span = written.as_str().map(str::to_owned);
    let span_id = match id(&written, SpanId::BYTES).map(|bytes| SpanId::from_slice(&bytes)) {
        Ok(Ok(id)) => id,
        Ok(Err(problem)) => {
            out.rejected(here.clone(), format!("`span_id` is not valid: {problem}; the span is left out"));
            return None;
        }
        Err(problem) => {
            out.rejected(here.clone(), format!("`span_id` is not valid: {problem}; the span is left out"));
            return None;
        }
    };
    let written = take(&mut fields, &["trace_id"]).unwrap_or_default();
    let trace_id = id(&written, TraceId::BYTES).ok().and_then(|bytes| TraceId::from_slice(&bytes).ok());
    // A trace of MLflow has an id of its own, `tr-` before the digits.
    let trace_id = trace_id.or_else(|| {
        let digits = Json::from(trace.strip_prefix("tr-").unwrap_or(trace));
        id(&digits, TraceId::BYTES).ok().and_then(|bytes| TraceId::from_slice(&bytes).ok())
    });
    let trace_id = trace_id.unwrap_or_else(|| TraceId::derive(&[MlflowExport.id().as_bytes(), trace.as_bytes()]));
    let parent = take(&mut fields, &["parent_span_id", "parent_id"]).filter(|id| !is_blank(id));
    let parent_id = parent.and_then(|parent| SpanId::from_slice(&id(&parent, SpanId::BYTES).ok()?).ok());
    let (status, status_message) = status(&mut fields);
    let mut attributes: Attributes = match fields.remove("attributes") {
        Some(Json::Object(attributes)) => attributes.into_iter().map(|(name, value)| (name, plain(&value))).collect(),
        _ => Attributes::new(),
    };
    for repeated in ["mlflow.traceRequestId", "mlflow.spanLogLevel"] {
        attributes.remove(repeated);
    }
    if parent_id.is_none() {
        for (name, value) in about.take().unwrap_or_default() {
            attributes.entry(name).or_insert(value);
        }
    }
    let events = match fields.remove("events") {
        Some(Json::Array(events)) => events.into_iter().filter_map(event).collect(),
        _ => Vec::new(),
    };
    let mut nanos = |names: &[&str]| take(&mut fields, names).as_ref().and_then(nanos);
    Some(RawSpan {
        trace_id,
        span_id,
        parent_id,
        start: nanos(&["start_time_unix_nano", "start_time_ns", "start_time"]),
        end: nanos(&["end_time_unix_nano", "end_time_ns", "end_time"]),
        name: take_text(&mut fields, &["name"]).unwrap_or_default(),
        status,
        status_message,
        attributes,
        events,
        links: Vec::new(),
        scope: None,
        resource: Attributes::new().into(),
        seen: Rc::clone(&out.seen),
        position: u32::try_from(out.spans.len()).unwrap_or(u32::MAX),
    })
}

/// Ids are hexadecimal, with or without `0x`, or base64.
fn id(written: &Json, length: usize) -> Result<Vec<u8>, String> {
    match written.as_str().and_then(|text| text.strip_prefix("0x")) {
        Some(digits) => id_bytes(&Json::from(digits), length),
        None => id_bytes(written, length),
    }
}

fn nanos(written: &Json) -> Option<Timestamp> {
    count(written).and_then(|nanos| i64::try_from(nanos).ok()).map(Timestamp::from_nanos)
}

fn status(fields: &mut Map<String, Json>) -> (StatusCode, String) {
    let (code, message) = match fields.remove("status") {
        Some(Json::Object(mut status)) => {
            (take(&mut status, &["code", "status_code"]), take_text(&mut status, &["message"]))
        }
        other => (take(fields, &["status_code"]).or(other), take_text(fields, &["status_message"])),
    };
    let code = code.as_ref().and_then(Json::as_str).and_then(StatusCode::from_text).unwrap_or_default();
    (code, message.unwrap_or_default())
}

/// An attribute is JSON written as a text; what is no JSON is a text itself.
fn plain(value: &Json) -> Json {
    structured(value).unwrap_or_else(|| unquoted(value))
}

fn event(event: Json) -> Option<SpanEvent> {
    let Json::Object(mut event) = event else { return None };
    let name = take_text(&mut event, &["name"]).unwrap_or_default();
    let at = take(&mut event, &["time_unix_nano", "timestamp"]).as_ref().and_then(nanos);
    let attributes = match event.remove("attributes") {
        Some(Json::Object(attributes)) => attributes.into_iter().collect(),
        _ => Attributes::new(),
    };
    Some(SpanEvent { at, name, attributes })
}
