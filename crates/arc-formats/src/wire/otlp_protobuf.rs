//! OTLP in protobuf: the bodies that exporters send.
//!
//! A span is read from the bytes into its raw form without a message in between. The numbers of the fields are those of
//! <https://github.com/open-telemetry/opentelemetry-proto>.

use std::{collections::btree_map::Entry, rc::Rc, sync::Arc};

use arc_model::{Attributes, Json, Place, Scope, SpanEvent, SpanId, SpanLink, Timestamp, TraceId};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    Match, Wire, place,
    protobuf::{Field, Fields, Malformed, check_frames, each_field, each_in},
};
use crate::{
    assemble,
    document::{Content, Document},
    output::Output,
    raw::{Extras, RawSpan, StatusCode},
};

/// How deep lists and maps may be nested in an attribute.
const DEEPEST_VALUE: u32 = 48;

/// For how many spans room is made before they are read: an empty one takes two bytes on the wire.
const MOST_RESERVED: usize = 1_000;

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
    // ResourceSpans: resource = 1, scope_spans = 2, schema_url = 3.
    let outline =
        Fields::of(bytes).each(|field| Fields::of(only(field, &[1])?).each(|field| only(field, &[1, 2, 3]).map(drop)));
    outline.is_ok() && bytes.len() > 2
}

fn only<'a>(field: Field<'a>, numbers: &[u64]) -> Result<&'a [u8], Malformed> {
    if numbers.contains(&field.number) { field.bytes() } else { Err(Malformed::Number) }
}

/// Reads a request; returns whether it was one. No bytes at all are a request without spans.
pub(crate) fn decode_request(bytes: &[u8], out: &mut Output) -> bool {
    let read = check_frames(bytes, &[1, 2, 2]).and_then(|count| {
        out.spans.reserve(count.min(MOST_RESERVED));
        each_in(bytes, 1, |index, resource_spans| read_resource(resource_spans, index, out))
    });
    read.map_err(|problem| reject_request(problem, out)).is_ok()
}

pub(super) fn reject_request(problem: Malformed, out: &mut Output) {
    let found = format!("expected the protobuf of an OTLP request, but it cannot be read: {problem}");
    out.rejected(Place::default(), found);
}

/// What a resource or a scope says of itself.
#[derive(Default)]
pub(super) struct Described {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) attributes: Attributes,
}

impl Described {
    /// Returns the resource of the spans or records in a message.
    pub(super) fn resource(message: &[u8], here: &str, out: &mut Output) -> Self {
        Self::read(message, "resource", here, out, |read, field, out| match field.number {
            1 => add_attribute(&mut read.attributes, field, &|| place(None, here), out),
            _ => Ok(()),
        })
    }

    /// Returns the scope of the spans or records in a message.
    pub(super) fn scope(message: &[u8], here: &str, out: &mut Output) -> Self {
        Self::read(message, "scope", here, out, |read, field, out| {
            match field.number {
                1 => field.text()?.clone_into(&mut read.name),
                2 => field.text()?.clone_into(&mut read.version),
                3 => add_attribute(&mut read.attributes, field, &|| place(None, here), out)?,
                _ => {}
            }
            Ok(())
        })
    }

    /// Reads what field 1 of a message describes.
    fn read(
        message: &[u8],
        name: &str,
        here: &str,
        out: &mut Output,
        add: impl Fn(&mut Self, Field<'_>, &mut Output) -> Result<(), Malformed>,
    ) -> Self {
        let mut read = Self::default();
        let whole =
            each_in(message, 1, |_, described| Fields::of(described).each(|field| add(&mut read, field, &mut *out)));
        if let Err(problem) = whole {
            out.repaired(
                place(None, here),
                format!("the {name} cannot be read: {problem}; what it sent is without it"),
            );
            return Self::default();
        }
        read
    }

    pub(super) fn into_scope(self) -> (Option<Scope>, Attributes) {
        let version = Some(self.version).filter(|version| !version.is_empty());
        let known = !self.name.is_empty() || version.is_some();
        (known.then_some(Scope { name: self.name, version }), self.attributes)
    }
}

/// What the spans of a scope have in common.
struct Emitter {
    resource: Arc<Attributes>,
    scope: Option<Scope>,
    scope_attributes: Attributes,
    schema_url: String,
}

fn read_resource(message: &[u8], index: usize, out: &mut Output) -> Result<(), Malformed> {
    let here = format!("/resourceSpans/{index}");
    let resource = Arc::new(Described::resource(message, &here, out).attributes);
    each_in(message, 2, |index, scope_spans| {
        let here = format!("{here}/scopeSpans/{index}");
        let (scope, scope_attributes) = Described::scope(scope_spans, &here, out).into_scope();
        let mut emitter =
            Emitter { resource: Arc::clone(&resource), scope, scope_attributes, schema_url: String::new() };
        // The frames are checked, so from here on nothing fails but what concerns one span.
        each_field(scope_spans, 3, |url| {
            emitter.schema_url = url.bytes().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
            Ok(())
        })?;
        each_in(scope_spans, 2, |index, message| {
            let mut span = SpanFields::default();
            let framed = span.read(message);
            let here = || {
                let mut place = place(None, format!("{here}/spans/{index}"));
                place.span = Some(written_id(span.span_id));
                place
            };
            let said = out.diagnostics.len();
            if let Err(problem) = framed.and_then(|()| span.push(message, &emitter, &here, out)) {
                out.diagnostics.truncate(said);
                out.rejected(here(), format!("this span cannot be read: {problem}; it is left out"));
            }
            Ok(())
        })
    })
}

/// The fields of a span that are there once.
#[derive(Default)]
struct SpanFields<'a> {
    trace_id: &'a [u8],
    span_id: &'a [u8],
    parent_span_id: &'a [u8],
    trace_state: &'a str,
    name: &'a str,
    kind: i64,
    start: u64,
    end: u64,
    status: i64,
    status_message: &'a str,
    dropped_attributes: u64,
    dropped_events: u64,
    dropped_links: u64,
}

impl<'a> SpanFields<'a> {
    fn read(&mut self, message: &'a [u8]) -> Result<(), Malformed> {
        Fields::of(message).each(|field| {
            match field.number {
                1 => self.trace_id = field.bytes()?,
                2 => self.span_id = field.bytes()?,
                3 => self.trace_state = field.text()?,
                4 => self.parent_span_id = field.bytes()?,
                5 => self.name = field.text()?,
                6 => self.kind = field.varint()?.cast_signed(),
                7 => self.start = field.fixed64()?,
                8 => self.end = field.fixed64()?,
                10 => self.dropped_attributes = field.varint()?,
                12 => self.dropped_events = field.varint()?,
                14 => self.dropped_links = field.varint()?,
                15 => Fields::of(field.bytes()?).each(|field| {
                    match field.number {
                        2 => self.status_message = field.text()?,
                        3 => self.status = field.varint()?.cast_signed(),
                        _ => {}
                    }
                    Ok(())
                })?,
                _ => {}
            }
            Ok(())
        })
    }

    /// Reads the rest and adds the span to the output.
    fn push(&self, message: &[u8], emitter: &Emitter, here: Here<'_>, out: &mut Output) -> Result<(), Malformed> {
        let (span_id, trace_id) = match (SpanId::from_slice(self.span_id), TraceId::from_slice(self.trace_id)) {
            (Ok(span_id), Ok(trace_id)) => (span_id, trace_id),
            (Err(problem), _) => {
                out.rejected(here(), format!("`span_id` is not valid: {problem}; the span is left out"));
                return Ok(());
            }
            (_, Err(problem)) => {
                out.rejected(here(), format!("`trace_id` is not valid: {problem}; the span is left out"));
                return Ok(());
            }
        };
        let mut raw = RawSpan {
            trace_id,
            span_id,
            parent_id: self.parent(here, out),
            name: self.name.to_owned(),
            start: timestamp(self.start, "start_time_unix_nano", here, out),
            end: timestamp(self.end, "end_time_unix_nano", here, out),
            status: StatusCode::from_number(self.status),
            status_message: self.status_message.to_owned(),
            attributes: Attributes::new(),
            events: Vec::new(),
            links: Vec::new(),
            scope: emitter.scope.clone(),
            resource: Arc::clone(&emitter.resource),
            seen: Rc::clone(&out.seen),
            position: u32::try_from(out.spans.len()).unwrap_or(u32::MAX),
        };
        Fields::of(message).each(|field| {
            match field.number {
                9 => add_attribute(&mut raw.attributes, field, here, out)?,
                11 => raw.events.push(read_event(field.bytes()?, here, out)?),
                13 => raw.links.extend(read_link(field.bytes()?, here, out)?),
                _ => {}
            }
            Ok(())
        })?;
        raw.keep_extras(&Extras {
            kind: self.kind,
            trace_state: self.trace_state.into(),
            scope_schema_url: &emitter.schema_url,
            scope_attributes: &emitter.scope_attributes,
            dropped_attributes: self.dropped_attributes,
            dropped_events: self.dropped_events,
            dropped_links: self.dropped_links,
        });
        assemble::push(raw, here, out);
        Ok(())
    }

    fn parent(&self, here: Here<'_>, out: &mut Output) -> Option<SpanId> {
        match self.parent_span_id.len() {
            0 => None,
            // All zeros mean that there is no parent.
            SpanId::BYTES => SpanId::from_slice(self.parent_span_id).ok(),
            found => {
                let problem = format!("expected {} bytes, found {found}", SpanId::BYTES);
                out.repaired(here(), format!("`parent_span_id` is not valid: {problem}; the span has no parent now"));
                None
            }
        }
    }
}

/// Says where something is, should anybody have to know.
pub(super) type Here<'a> = &'a dyn Fn() -> Place;

fn read_event(message: &[u8], here: Here<'_>, out: &mut Output) -> Result<SpanEvent, Malformed> {
    let mut event = SpanEvent { at: None, name: String::new(), attributes: Attributes::new() };
    let mut dropped = 0;
    Fields::of(message).each(|field| {
        match field.number {
            1 => event.at = timestamp(field.fixed64()?, "time_unix_nano", here, out),
            2 => field.text()?.clone_into(&mut event.name),
            3 => add_attribute(&mut event.attributes, field, here, out)?,
            4 => dropped = field.varint()?,
            _ => {}
        }
        Ok(())
    })?;
    keep_dropped(&mut event.attributes, dropped);
    Ok(event)
}

fn read_link(message: &[u8], here: Here<'_>, out: &mut Output) -> Result<Option<SpanLink>, Malformed> {
    let (mut trace_id, mut span_id): (&[u8], &[u8]) = (&[], &[]);
    let (mut trace_state, mut dropped) = ("", 0);
    let mut attributes = Attributes::new();
    Fields::of(message).each(|field| {
        match field.number {
            1 => trace_id = field.bytes()?,
            2 => span_id = field.bytes()?,
            3 => trace_state = field.text()?,
            4 => add_attribute(&mut attributes, field, here, out)?,
            5 => dropped = field.varint()?,
            _ => {}
        }
        Ok(())
    })?;
    let (Ok(trace_id), Ok(span_id)) = (TraceId::from_slice(trace_id), SpanId::from_slice(span_id)) else {
        let ids = format!("trace {}, span {}", hex(trace_id), hex(span_id));
        out.repaired(here(), format!("a link to {ids} has no valid ids; it is left out"));
        return Ok(None);
    };
    if !trace_state.is_empty() {
        attributes.insert("otel.trace_state".to_owned(), Json::from(trace_state));
    }
    keep_dropped(&mut attributes, dropped);
    Ok(Some(SpanLink { trace_id, span_id, attributes }))
}

fn keep_dropped(attributes: &mut Attributes, dropped: u64) {
    if dropped > 0 {
        attributes.insert("otel.dropped_attributes_count".to_owned(), Json::from(dropped));
    }
}

fn timestamp(nanos: u64, field: &str, here: Here<'_>, out: &mut Output) -> Option<Timestamp> {
    // OTLP writes an unset time as zero.
    if nanos == 0 {
        return None;
    }
    let time = i64::try_from(nanos).ok().map(Timestamp::from_nanos);
    if time.is_none() {
        let expected = "expected nanoseconds since 1970 in 63 bits";
        out.repaired(here(), format!("`{field}` is not a time: {expected}; the time is unknown now"));
    }
    time
}

/// Reads a `KeyValue`.
pub(super) fn add_attribute(
    attributes: &mut Attributes,
    pair: Field<'_>,
    here: Here<'_>,
    out: &mut Output,
) -> Result<(), Malformed> {
    let (key, value) = key_value(pair.bytes()?, 0)?;
    match attributes.entry(key.to_owned()) {
        Entry::Vacant(free) => drop(free.insert(value)),
        Entry::Occupied(mut known) => {
            if known.insert(value) != *known.get() {
                out.repaired(here(), format!("the attribute `{key}` is there twice; the later one is kept"));
            }
        }
    }
    Ok(())
}

fn key_value(pair: &[u8], depth: u32) -> Result<(&str, Json), Malformed> {
    let (mut key, mut value) = ("", Json::Null);
    Fields::of(pair).each(|field| {
        match field.number {
            1 => key = field.text()?,
            2 => value = any_value(field.bytes()?, depth)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((key, value))
}

/// Reads an `AnyValue`.
pub(super) fn any_value(message: &[u8], depth: u32) -> Result<Json, Malformed> {
    if depth > DEEPEST_VALUE {
        return Err(Malformed::Depth);
    }
    let mut value = Json::Null;
    Fields::of(message).each(|field| {
        value = match field.number {
            1 => Json::String(field.text()?.to_owned()),
            2 => Json::Bool(field.varint()? != 0),
            // 8 is an index into a table that only profiles have.
            3 | 8 => Json::from(field.varint()?.cast_signed()),
            4 => double(f64::from_bits(field.fixed64()?)),
            5 => {
                let mut items = Vec::new();
                each_in(field.bytes()?, 1, |_, item| {
                    items.push(any_value(item, depth + 1)?);
                    Ok(())
                })?;
                Json::Array(items)
            }
            6 => {
                let mut fields = serde_json::Map::new();
                each_in(field.bytes()?, 1, |_, pair| {
                    let (key, value) = key_value(pair, depth + 1)?;
                    fields.insert(key.to_owned(), value);
                    Ok(())
                })?;
                Json::Object(fields)
            }
            // As JSON has it.
            7 => Json::String(STANDARD.encode(field.bytes()?)),
            _ => return Ok(()),
        };
        Ok(())
    })?;
    Ok(value)
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

pub(super) fn written_id(bytes: &[u8]) -> String {
    if bytes.is_empty() { "(no id)".to_owned() } else { hex(bytes) }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
