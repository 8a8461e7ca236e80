//! OTLP in JSON: requests of spans as collectors, SDKs and file exporters write them.
//!
//! A walk of its own over JSON values instead of a typed parse, so that one bad span never rejects
//! its batch; of a body that cannot be parsed, `damaged_json` says what can. Accepted beyond the specification: ids in base64, numbers as text and text as numbers,
//! enums by name, `snake_case` names, attributes as a plain object. Transport details are not kept:
//! flags and schema URLs of resources.

use std::{fmt, rc::Rc, sync::Arc};

use arc_model::{Attributes, Json, Place, Scope, SpanEvent, SpanId, SpanLink, Timestamp, TraceId};
use serde_json::Map;

use super::{
    Match, Wire, any_value, damaged_json, describe_json, json_documents, otlp_logs, place, some_item,
    written_id::id_bytes,
};
use crate::{
    assemble,
    document::{Content, Document},
    output::Output,
    raw::{Extras, RawSpan, StatusCode, span_kind_number},
    read::value::{self, take, take_text},
};

/// The wire.
pub struct OtlpJson;

const REQUEST_FIELDS: &[&str] = &["resourceSpans", "resource_spans", "batches"];
const OTHER_SIGNALS: &[&str] = &["resourceMetrics", "resource_metrics", "resourceProfiles"];
const SCOPE_FIELDS: &[&str] =
    &["scopeSpans", "scope_spans", "instrumentationLibrarySpans", "instrumentation_library_spans"];

impl Wire for OtlpJson {
    fn id(&self) -> &'static str {
        "otlp-json"
    }

    fn name(&self) -> &'static str {
        "OpenTelemetry traces, OTLP in JSON"
    }

    fn expects(&self) -> &'static str {
        "an OTLP request, an object with `resourceSpans`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        if is_request(value) || some_item(value, is_request) {
            return Some(Match { score: 100, because: "it has `resourceSpans`" });
        }
        let other_signal = is_other_signal(value) || some_item(value, is_other_signal);
        other_signal.then_some(Match { score: 90, because: "it has the logs, metrics or profiles of OTLP" })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        for (line, value) in json_documents(documents, out) {
            match value {
                Json::Array(requests) => {
                    for (index, request) in requests.into_iter().enumerate() {
                        read_request(request, &At { line, request: Some(index), ..At::default() }, out);
                    }
                }
                request => read_request(request, &At { line, ..At::default() }, out),
            }
        }
    }
}

/// Reads the body of an HTTP request; returns whether it was one.
pub(crate) fn decode_request(bytes: &[u8], out: &mut Output) -> bool {
    let value = match damaged_json::read(bytes, out) {
        Ok(value) => value,
        Err(problem) => {
            out.rejected(
                Place::default(),
                format!("expected an OTLP request in JSON, but the body is not JSON: {problem}"),
            );
            return false;
        }
    };
    // An empty object is a request without spans.
    let understood = is_request(&value) || value.as_object().is_some_and(Map::is_empty);
    if understood {
        read_request(value, &At::default(), out);
    } else {
        let found = describe_json(&value);
        out.rejected(Place::default(), format!("expected {}, found {found}", OtlpJson.expects()));
    }
    understood
}

fn has_list(value: &Json, names: &[&str]) -> bool {
    names.iter().any(|name| value.get(name).is_some_and(Json::is_array))
}

fn is_request(value: &Json) -> bool {
    has_list(value, REQUEST_FIELDS)
}

fn is_other_signal(value: &Json) -> bool {
    has_list(value, OTHER_SIGNALS) || has_list(value, otlp_logs::REQUEST_FIELDS)
}

/// Where in a request the walk is; its text is a JSON pointer.
#[derive(Debug, Clone, Copy, Default)]
struct At {
    line: Option<u64>,
    request: Option<usize>,
    resource: Option<usize>,
    scope: Option<usize>,
    span: Option<usize>,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = [
            ("/", self.request),
            ("/resourceSpans/", self.resource),
            ("/scopeSpans/", self.scope),
            ("/spans/", self.span),
        ];
        steps.into_iter().try_for_each(|(name, index)| index.map_or(Ok(()), |index| write!(f, "{name}{index}")))
    }
}

impl At {
    fn place(&self) -> Place {
        place(self.line, self.to_string())
    }

    fn span_place(&self, id: &str) -> Place {
        Place { span: Some(id.to_owned()), ..self.place() }
    }
}

fn read_request(request: Json, at: &At, out: &mut Output) {
    let Json::Object(mut request) = request else {
        out.rejected(at.place(), format!("expected {}, found {}", OtlpJson.expects(), describe_json(&request)));
        return;
    };
    let known = REQUEST_FIELDS
        .iter()
        .chain(OTHER_SIGNALS)
        .chain(otlp_logs::REQUEST_FIELDS)
        .any(|field| request.contains_key(*field));
    if !known && !request.is_empty() {
        let found = describe_json(&Json::Object(request));
        out.rejected(at.place(), format!("expected {}, found {found}", OtlpJson.expects()));
        return;
    }
    for signal in OTHER_SIGNALS {
        if request.remove(*signal).is_some() {
            out.rejected(at.place(), format!("`{signal}` is not read: only traces and logs are, send `resourceSpans`"));
        }
    }
    if let Some(logs) = take(&mut request, otlp_logs::REQUEST_FIELDS) {
        otlp_logs::read_json(logs, at.line, out);
    }
    for (index, resource_spans) in list(take(&mut request, REQUEST_FIELDS), at, out).into_iter().enumerate() {
        read_resource(resource_spans, &At { resource: Some(index), ..*at }, out);
    }
    note_unknown(&request, "request", at, out);
}

fn read_resource(resource_spans: Json, at: &At, out: &mut Output) {
    let Json::Object(mut fields) = resource_spans else {
        out.rejected(
            at.place(),
            format!("expected an object with `scopeSpans`, found {}", describe_json(&resource_spans)),
        );
        return;
    };
    let mut resource = Attributes::new();
    if let Some(Json::Object(mut described)) = fields.remove("resource") {
        resource = any_value::attributes(take(&mut described, &["attributes"]), &|| at.place(), out);
        for ignored in ["droppedAttributesCount", "dropped_attributes_count", "entityRefs", "entity_refs"] {
            described.remove(ignored);
        }
        note_unknown(&described, "resource", at, out);
    }
    let resource = Arc::new(resource);
    for (index, scope_spans) in list(take(&mut fields, SCOPE_FIELDS), at, out).into_iter().enumerate() {
        read_scope(scope_spans, &resource, &At { scope: Some(index), ..*at }, out);
    }
    fields.remove("schemaUrl");
    fields.remove("schema_url");
    note_unknown(&fields, "resourceSpans", at, out);
}

/// What the spans of a scope have in common.
struct Emitter<'a> {
    resource: &'a Arc<Attributes>,
    scope: Option<Scope>,
    scope_attributes: Attributes,
    schema_url: String,
}

fn read_scope(scope_spans: Json, resource: &Arc<Attributes>, at: &At, out: &mut Output) {
    let Json::Object(mut fields) = scope_spans else {
        out.rejected(at.place(), format!("expected an object with `spans`, found {}", describe_json(&scope_spans)));
        return;
    };
    let described = take(&mut fields, &["scope", "instrumentationLibrary", "instrumentation_library"]);
    let mut emitter = Emitter { resource, scope: None, scope_attributes: Attributes::new(), schema_url: String::new() };
    if let Some(Json::Object(mut scope)) = described {
        let name = take_text(&mut scope, &["name"]).unwrap_or_default();
        let version = take_text(&mut scope, &["version"]);
        emitter.scope = (!name.is_empty() || version.is_some()).then_some(Scope { name, version });
        emitter.scope_attributes = any_value::attributes(take(&mut scope, &["attributes"]), &|| at.place(), out);
    }
    emitter.schema_url = take_text(&mut fields, &["schemaUrl", "schema_url"]).unwrap_or_default();
    for (index, span) in list(fields.remove("spans"), at, out).into_iter().enumerate() {
        read_span(span, &emitter, &At { span: Some(index), ..*at }, out);
    }
    note_unknown(&fields, "scopeSpans", at, out);
}

/// Said of a span whose record has no id at all.
const NO_ID: &str = "(no id)";

fn read_span(span: Json, emitter: &Emitter<'_>, at: &At, out: &mut Output) {
    let Json::Object(mut fields) = span else {
        out.rejected(at.span_place(NO_ID), format!("expected a span, found {}", describe_json(&span)));
        return;
    };
    let written = take(&mut fields, &["spanId", "span_id"]).unwrap_or(Json::Null);
    let name_of_span = written.as_str().filter(|text| !text.is_empty()).unwrap_or(NO_ID);
    let here = at.span_place(name_of_span);
    let span_id = match id_bytes(&written, SpanId::BYTES).map(|bytes| SpanId::from_slice(&bytes)) {
        Ok(Ok(id)) => id,
        Ok(Err(problem)) => return reject_id(&here, "spanId", &problem.to_string(), out),
        Err(problem) => return reject_id(&here, "spanId", &problem, out),
    };
    let written = take(&mut fields, &["traceId", "trace_id"]).unwrap_or(Json::Null);
    let trace_id = match id_bytes(&written, TraceId::BYTES).map(|bytes| TraceId::from_slice(&bytes)) {
        Ok(Ok(id)) => id,
        Ok(Err(problem)) => return reject_id(&here, "traceId", &problem.to_string(), out),
        Err(problem) => return reject_id(&here, "traceId", &problem, out),
    };
    let parent_id = parent(take(&mut fields, &["parentSpanId", "parent_span_id"]), &here, out);
    let mut time = |names: &[&str], out: &mut Output| {
        let written = take(&mut fields, names)?;
        timestamp(&written, names, &here, out)
    };
    let start = time(&["startTimeUnixNano", "start_time_unix_nano"], out);
    let end = time(&["endTimeUnixNano", "end_time_unix_nano"], out);
    let (status, status_message) = read_status(take(&mut fields, &["status"]), &here, out);
    let mut raw = RawSpan {
        trace_id,
        span_id,
        parent_id,
        name: take_text(&mut fields, &["name"]).unwrap_or_default(),
        start,
        end,
        status,
        status_message,
        attributes: any_value::attributes(take(&mut fields, &["attributes"]), &|| here.clone(), out),
        events: events(take(&mut fields, &["events"]), at, &here, out),
        links: links(take(&mut fields, &["links"]), at, &here, out),
        scope: emitter.scope.clone(),
        resource: Arc::clone(emitter.resource),
        seen: Rc::clone(&out.seen),
        position: u32::try_from(out.spans.len()).unwrap_or(u32::MAX),
    };
    raw.keep_extras(&extras(&mut fields, emitter));
    fields.remove("flags");
    note_unknown(&fields, "span", at, out);
    assemble::push(raw, &|| here.clone(), out);
}

fn reject_id(here: &Place, field: &str, problem: &str, out: &mut Output) {
    out.rejected(here.clone(), format!("`{field}` is not valid: {problem}; the span is left out"));
}

fn extras<'a>(fields: &mut Map<String, Json>, emitter: &'a Emitter<'_>) -> Extras<'a> {
    let kind = match take(fields, &["kind"]) {
        Some(Json::String(name)) => name.trim().parse().unwrap_or_else(|_| span_kind_number(&name)),
        other => other.and_then(|kind| kind.as_i64()).unwrap_or_default(),
    };
    let trace_state = take_text(fields, &["traceState", "trace_state"]).unwrap_or_default();
    let mut count = |names: &[&str]| take(fields, names).as_ref().and_then(value::count).unwrap_or_default();
    Extras {
        kind,
        trace_state: trace_state.into(),
        scope_schema_url: &emitter.schema_url,
        scope_attributes: &emitter.scope_attributes,
        dropped_attributes: count(&["droppedAttributesCount", "dropped_attributes_count"]),
        dropped_events: count(&["droppedEventsCount", "dropped_events_count"]),
        dropped_links: count(&["droppedLinksCount", "dropped_links_count"]),
    }
}

/// A parent that cannot be read makes an orphan, not a rejected span.
fn parent(written: Option<Json>, here: &Place, out: &mut Output) -> Option<SpanId> {
    let written = written.filter(|value| !value.is_null() && value.as_str() != Some(""))?;
    match id_bytes(&written, SpanId::BYTES) {
        // All zeros mean that there is no parent.
        Ok(bytes) => SpanId::from_slice(&bytes).ok(),
        Err(problem) => {
            out.repaired(here.clone(), format!("`parentSpanId` is not valid: {problem}; the span has no parent now"));
            None
        }
    }
}

fn timestamp(written: &Json, names: &[&str], here: &Place, out: &mut Output) -> Option<Timestamp> {
    if written.is_null() || written.as_str() == Some("") {
        return None;
    }
    let nanos = value::count(written).and_then(|nanos| i64::try_from(nanos).ok());
    match nanos {
        // OTLP writes an unset time as zero.
        Some(0) => None,
        Some(nanos) => Some(Timestamp::from_nanos(nanos)),
        None => {
            let field = names.first().copied().unwrap_or_default();
            let expected = "expected nanoseconds since 1970 in 63 bits";
            out.repaired(here.clone(), format!("`{field}` is not a time: {expected}; the time is unknown now"));
            None
        }
    }
}

fn read_status(status: Option<Json>, here: &Place, out: &mut Output) -> (StatusCode, String) {
    let Some(Json::Object(mut status)) = status else { return (StatusCode::Unset, String::new()) };
    let message = take_text(&mut status, &["message"]).unwrap_or_default();
    let code = match take(&mut status, &["code"]) {
        None | Some(Json::Null) => StatusCode::Unset,
        Some(Json::String(name)) => match name.trim().parse() {
            Ok(number) => StatusCode::from_number(number),
            Err(_) => StatusCode::from_text(&name).unwrap_or_else(|| {
                out.repaired(here.clone(), "the status code is none of UNSET, OK and ERROR; it counts as unset");
                StatusCode::Unset
            }),
        },
        Some(number) => StatusCode::from_number(number.as_i64().unwrap_or_default()),
    };
    (code, message)
}

fn events(written: Option<Json>, at: &At, here: &Place, out: &mut Output) -> Vec<SpanEvent> {
    let mut events = Vec::new();
    for event in list(written, at, out) {
        let Json::Object(mut fields) = event else {
            out.repaired(here.clone(), format!("expected an event, found {}; it is left out", describe_json(&event)));
            continue;
        };
        let names = ["timeUnixNano", "time_unix_nano"];
        let at_time = take(&mut fields, &names).and_then(|written| timestamp(&written, &names, here, out));
        let mut attributes = any_value::attributes(take(&mut fields, &["attributes"]), &|| here.clone(), out);
        keep_dropped(&mut attributes, &mut fields);
        events.push(SpanEvent { at: at_time, name: take_text(&mut fields, &["name"]).unwrap_or_default(), attributes });
    }
    events
}

fn links(written: Option<Json>, at: &At, here: &Place, out: &mut Output) -> Vec<SpanLink> {
    let mut links = Vec::new();
    for link in list(written, at, out) {
        let Json::Object(mut fields) = link else {
            out.repaired(here.clone(), format!("expected a link, found {}; it is left out", describe_json(&link)));
            continue;
        };
        let trace = take(&mut fields, &["traceId", "trace_id"]).unwrap_or(Json::Null);
        let span = take(&mut fields, &["spanId", "span_id"]).unwrap_or(Json::Null);
        let trace_id = id_bytes(&trace, TraceId::BYTES).ok().and_then(|bytes| TraceId::from_slice(&bytes).ok());
        let span_id = id_bytes(&span, SpanId::BYTES).ok().and_then(|bytes| SpanId::from_slice(&bytes).ok());
        let (Some(trace_id), Some(span_id)) = (trace_id, span_id) else {
            out.repaired(
                here.clone(),
                format!("a link to trace {trace}, span {span} has no valid ids; it is left out"),
            );
            continue;
        };
        let mut attributes = any_value::attributes(take(&mut fields, &["attributes"]), &|| here.clone(), out);
        keep_dropped(&mut attributes, &mut fields);
        if let Some(state) = take_text(&mut fields, &["traceState", "trace_state"]) {
            attributes.insert("otel.trace_state".to_owned(), Json::from(state));
        }
        links.push(SpanLink { trace_id, span_id, attributes });
    }
    links
}

fn keep_dropped(attributes: &mut Attributes, fields: &mut Map<String, Json>) {
    let dropped = take(fields, &["droppedAttributesCount", "dropped_attributes_count"]);
    if let Some(count) = dropped.as_ref().and_then(value::count).filter(|&count| count > 0) {
        attributes.insert("otel.dropped_attributes_count".to_owned(), Json::from(count));
    }
}

/// Returns a list; nothing, when there is none.
fn list(written: Option<Json>, at: &At, out: &mut Output) -> Vec<Json> {
    match written {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::Array(items)) => items,
        Some(other) => {
            out.rejected(at.place(), format!("expected a list, found {}", describe_json(&other)));
            Vec::new()
        }
    }
}

fn note_unknown(fields: &Map<String, Json>, owner: &str, at: &At, out: &mut Output) {
    for (name, value) in fields {
        if !value::is_blank(value) {
            out.note_once(at.place(), format!("the field `{name}` of a {owner} is not part of OTLP and is not read"));
        }
    }
}
