//! OTLP in protobuf: the bodies that exporters send.

use std::{rc::Rc, sync::Arc};

use arc_model::{Attributes, Json, Place, Scope, SpanEvent, SpanId, SpanLink, Timestamp, TraceId};
use base64::{Engine, engine::general_purpose::STANDARD};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status},
};
use prost::Message;

use super::{Match, Wire, place};
use crate::{
    assemble,
    document::{Content, Document},
    output::Output,
    raw::{Extras, RawSpan, StatusCode},
};

/// The wire.
pub struct OtlpProtobuf;

impl Wire for OtlpProtobuf {
    fn id(&self) -> &'static str {
        "otlp-protobuf"
    }

    fn name(&self) -> &'static str {
        "OpenTelemetry traces, OTLP in protobuf"
    }

    fn expects(&self) -> &'static str {
        "the protobuf of an OTLP request"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Bytes(bytes) = content else { return None };
        is_framed_request(bytes).then_some(Match { score: 80, because: "it is framed like an OTLP request" })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        for document in documents {
            match document.content {
                Content::Bytes(bytes) => {
                    decode_request(bytes, out);
                }
                Content::Json(_) => out.rejected(place(document.line, ""), "expected protobuf, found JSON"),
            }
        }
    }
}

/// Returns whether the bytes are one or more messages of field 1, each a sequence of fields: the
/// outline of a request, which other data has by chance only when it is tiny.
pub(crate) fn is_framed_request(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let [0x0a, after @ ..] = rest {
        let Some((inside, behind)) = delimited(after) else { return false };
        // ResourceSpans: resource = 1, scope_spans = 2 (1000 before 2022), schema_url = 3.
        let mut inside = inside;
        while let [0x0a | 0x12 | 0x1a, after @ ..] = inside {
            let Some((_, behind)) = delimited(after) else { return false };
            inside = behind;
        }
        if !inside.is_empty() {
            return false;
        }
        rest = behind;
    }
    rest.is_empty() && bytes.len() > 2
}

/// Splits off what a length says, and what follows it.
fn delimited(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0_usize;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return bytes.get(index + 1..)?.split_at_checked(length);
        }
    }
    None
}

/// Reads a request; returns whether it was one. No bytes at all are a request without spans.
pub(crate) fn decode_request(bytes: &[u8], out: &mut Output) -> bool {
    let problem = match ExportTraceServiceRequest::decode(bytes) {
        Ok(request) => {
            for (index, resource_spans) in request.resource_spans.into_iter().enumerate() {
                read_resource(resource_spans, index, out);
            }
            return true;
        }
        Err(problem) => problem,
    };
    // One bad span, a text that is not UTF-8 perhaps, must not reject the others.
    if let Ok(request) = LooseRequest::decode(bytes) {
        for (index, resource_spans) in request.resource_spans.into_iter().enumerate() {
            read_resource(resource_spans.tighten(index, out), index, out);
        }
        return true;
    }
    let found = format!("expected the protobuf of an OTLP request, but it cannot be read: {problem}");
    out.rejected(Place::default(), found);
    false
}

/// A request whose spans are still bytes.
#[derive(Clone, PartialEq, prost::Message)]
struct LooseRequest {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<LooseResourceSpans>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct LooseResourceSpans {
    #[prost(bytes = "vec", tag = "1")]
    resource: Vec<u8>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<LooseScopeSpans>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct LooseScopeSpans {
    #[prost(bytes = "vec", tag = "1")]
    scope: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    spans: Vec<Vec<u8>>,
    #[prost(bytes = "vec", tag = "3")]
    schema_url: Vec<u8>,
}

/// The id of a span the rest of which cannot be read.
#[derive(Clone, PartialEq, prost::Message)]
struct SpanIdOnly {
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
}

impl LooseResourceSpans {
    /// Reads what can be read and rejects each span that cannot.
    fn tighten(self, index: usize, out: &mut Output) -> ResourceSpans {
        let here = format!("/resourceSpans/{index}");
        let resource = part(&self.resource, "resource", &here, out);
        let mut tight = ResourceSpans { resource: Some(resource), ..ResourceSpans::default() };
        for (index, loose) in self.scope_spans.into_iter().enumerate() {
            let here = format!("{here}/scopeSpans/{index}");
            let mut scope_spans =
                ScopeSpans { scope: Some(part(&loose.scope, "scope", &here, out)), ..ScopeSpans::default() };
            scope_spans.schema_url = String::from_utf8_lossy(&loose.schema_url).into_owned();
            for (index, bytes) in loose.spans.iter().enumerate() {
                match Span::decode(bytes.as_slice()) {
                    Ok(span) => scope_spans.spans.push(span),
                    Err(problem) => {
                        let id = SpanIdOnly::decode(bytes.as_slice()).map(|only| only.span_id).unwrap_or_default();
                        let mut place = place(None, format!("{here}/spans/{index}"));
                        place.span = Some(written_id(&id));
                        out.rejected(place, format!("this span cannot be read: {problem}; it is left out"));
                    }
                }
            }
            tight.scope_spans.push(scope_spans);
        }
        tight
    }
}

pub(super) fn part<T: Message + Default>(bytes: &[u8], name: &str, here: &str, out: &mut Output) -> T {
    T::decode(bytes).unwrap_or_else(|problem| {
        out.repaired(place(None, here), format!("the {name} cannot be read: {problem}; its spans are without it"));
        T::default()
    })
}

pub(super) fn written_id(bytes: &[u8]) -> String {
    if bytes.is_empty() { "(no id)".to_owned() } else { hex(bytes) }
}

fn read_resource(resource_spans: ResourceSpans, index: usize, out: &mut Output) {
    let here = format!("/resourceSpans/{index}");
    let resource = resource_spans.resource.unwrap_or_default();
    let resource = Arc::new(attributes(resource.attributes, &|| place(None, here.as_str()), out));
    for (index, scope_spans) in resource_spans.scope_spans.into_iter().enumerate() {
        read_scope(scope_spans, &resource, &format!("{here}/scopeSpans/{index}"), out);
    }
}

fn read_scope(scope_spans: ScopeSpans, resource: &Arc<Attributes>, here: &str, out: &mut Output) {
    let described = scope_spans.scope.unwrap_or_default();
    let scope_attributes = attributes(described.attributes, &|| place(None, here), out);
    let version = Some(described.version).filter(|version| !version.is_empty());
    let known = !described.name.is_empty() || version.is_some();
    let scope = known.then_some(Scope { name: described.name, version });
    for (index, mut span) in scope_spans.spans.into_iter().enumerate() {
        let mut here = place(None, format!("{here}/spans/{index}"));
        here.span = Some(written_id(&span.span_id));
        let (span_id, trace_id) = match (SpanId::from_slice(&span.span_id), TraceId::from_slice(&span.trace_id)) {
            (Ok(span_id), Ok(trace_id)) => (span_id, trace_id),
            (Err(problem), _) => {
                out.rejected(here, format!("`span_id` is not valid: {problem}; the span is left out"));
                continue;
            }
            (_, Err(problem)) => {
                out.rejected(here, format!("`trace_id` is not valid: {problem}; the span is left out"));
                continue;
            }
        };
        let extras = Extras {
            kind: i64::from(span.kind),
            trace_state: std::mem::take(&mut span.trace_state),
            scope_schema_url: &scope_spans.schema_url,
            scope_attributes: &scope_attributes,
            dropped_attributes: u64::from(span.dropped_attributes_count),
            dropped_events: u64::from(span.dropped_events_count),
            dropped_links: u64::from(span.dropped_links_count),
        };
        let mut raw = read_span(span, trace_id, span_id, here, out);
        raw.scope.clone_from(&scope);
        raw.resource = Arc::clone(resource);
        raw.keep_extras(&extras);
        assemble::push(raw, out);
    }
}

fn read_span(span: Span, trace_id: TraceId, span_id: SpanId, here: Place, out: &mut Output) -> RawSpan {
    let place = || here.clone();
    let parent_id = match span.parent_span_id.len() {
        0 => None,
        // All zeros mean that there is no parent.
        SpanId::BYTES => SpanId::from_slice(&span.parent_span_id).ok(),
        found => {
            let problem = format!("expected {} bytes, found {found}", SpanId::BYTES);
            out.repaired(place(), format!("`parent_span_id` is not valid: {problem}; the span has no parent now"));
            None
        }
    };
    let Status { code, message, .. } = span.status.unwrap_or_default();
    RawSpan {
        trace_id,
        span_id,
        parent_id,
        name: span.name,
        start: timestamp(span.start_time_unix_nano, "start_time_unix_nano", &here, out),
        end: timestamp(span.end_time_unix_nano, "end_time_unix_nano", &here, out),
        status: StatusCode::from_number(i64::from(code)),
        status_message: message,
        attributes: attributes(span.attributes, &place, out),
        events: (span.events.into_iter())
            .map(|event| SpanEvent {
                at: timestamp(event.time_unix_nano, "time_unix_nano", &here, out),
                name: event.name,
                attributes: with_dropped(attributes(event.attributes, &place, out), event.dropped_attributes_count),
            })
            .collect(),
        links: span.links.into_iter().filter_map(|link| read_link(link, &here, out)).collect(),
        scope: None,
        resource: Arc::default(),
        seen: Rc::clone(&out.seen),
        position: u32::try_from(out.spans.len()).unwrap_or(u32::MAX),
        place: here,
    }
}

fn read_link(
    link: opentelemetry_proto::tonic::trace::v1::span::Link,
    here: &Place,
    out: &mut Output,
) -> Option<SpanLink> {
    let (Ok(trace_id), Ok(span_id)) = (TraceId::from_slice(&link.trace_id), SpanId::from_slice(&link.span_id)) else {
        let ids = format!("trace {}, span {}", hex(&link.trace_id), hex(&link.span_id));
        out.repaired(here.clone(), format!("a link to {ids} has no valid ids; it is left out"));
        return None;
    };
    let mut attributes = attributes(link.attributes, &|| here.clone(), out);
    if !link.trace_state.is_empty() {
        attributes.insert("otel.trace_state".to_owned(), Json::from(link.trace_state));
    }
    Some(SpanLink { trace_id, span_id, attributes: with_dropped(attributes, link.dropped_attributes_count) })
}

fn with_dropped(mut attributes: Attributes, dropped: u32) -> Attributes {
    if dropped > 0 {
        attributes.insert("otel.dropped_attributes_count".to_owned(), Json::from(dropped));
    }
    attributes
}

fn timestamp(nanos: u64, field: &str, here: &Place, out: &mut Output) -> Option<Timestamp> {
    // OTLP writes an unset time as zero.
    if nanos == 0 {
        return None;
    }
    let time = i64::try_from(nanos).ok().map(Timestamp::from_nanos);
    if time.is_none() {
        let expected = "expected nanoseconds since 1970 in 63 bits";
        out.repaired(here.clone(), format!("`{field}` is not a time: {expected}; the time is unknown now"));
    }
    time
}

pub(super) fn attributes(pairs: Vec<KeyValue>, at: &dyn Fn() -> Place, out: &mut Output) -> Attributes {
    let mut attributes = Attributes::new();
    for KeyValue { key, value, .. } in pairs {
        let value = any_value(value);
        if attributes.get(&key).is_some_and(|known| *known != value) {
            out.repaired(at(), format!("the attribute `{key}` is there twice; the later one is kept"));
        }
        attributes.insert(key, value);
    }
    attributes
}

pub(super) fn any_value(value: Option<AnyValue>) -> Json {
    match value.and_then(|value| value.value) {
        None => Json::Null,
        Some(Value::StringValue(text)) => Json::String(text),
        Some(Value::BoolValue(truth)) => Json::Bool(truth),
        Some(Value::IntValue(number)) => Json::from(number),
        Some(Value::DoubleValue(number)) => double(number),
        Some(Value::ArrayValue(array)) => {
            Json::Array(array.values.into_iter().map(|value| any_value(Some(value))).collect())
        }
        Some(Value::KvlistValue(list)) => {
            Json::Object(list.values.into_iter().map(|pair| (pair.key, any_value(pair.value))).collect())
        }
        // As JSON has it.
        Some(Value::BytesValue(bytes)) => Json::String(STANDARD.encode(bytes)),
        // An index into a table that only profiles have.
        Some(Value::StringValueStrindex(index)) => Json::from(index),
    }
}

/// What JSON has no number for is the text that protobuf's own JSON uses.
fn double(number: f64) -> Json {
    if number.is_nan() {
        Json::from("NaN")
    } else if number.is_infinite() {
        Json::from(if number > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        Json::from(number)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for digit in [byte >> 4, byte & 0xf] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
        text
    })
}
