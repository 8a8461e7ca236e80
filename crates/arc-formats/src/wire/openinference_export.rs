//! Span trees that tracing backends export: `{trace_id, spans: [{span_id, span_attributes, child_spans, …}]}`.
//!
//! Times are RFC 3339, durations ISO 8601, children are nested. Flat lists of the same records are read
//! too, and spans as Arize Phoenix writes them: as `{data: […]}`, in a list, or one in each line. Log records of a span become events of it. Every record becomes a span: of two different
//! records with one id the second gets an id of its own.

use std::{collections::BTreeMap, rc::Rc};

use arc_model::{Attributes, Json, Place, Scope, SpanEvent, SpanId, SpanLink, Timestamp, TraceId};
use serde_json::Map;

use super::{
    Match, Wire, describe_json, iso_duration, json_documents, phoenix_record, place, some_item, written_id::id_bytes,
};
use crate::{
    assemble,
    document::{Content, Document},
    output::Output,
    raw::{Extras, RawSpan, StatusCode, span_kind_number},
    read::value::{describe_kind, is_blank, structured, take, take_text},
};

/// The wire.
pub struct OpenInferenceExport;

impl Wire for OpenInferenceExport {
    fn id(&self) -> &'static str {
        "openinference-export"
    }

    fn name(&self) -> &'static str {
        "Exported span trees with `span_attributes`, and spans of Arize Phoenix"
    }

    fn expects(&self) -> &'static str {
        "an exported trace, `{trace_id, spans: [{span_id, span_attributes, child_spans, …}]}`, or spans \
         `{context: {trace_id, span_id}, span_kind, attributes, …}`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        if is_trace(value) || some_item(value, is_trace) {
            return Some(Match { score: 90, because: "its `spans` have `span_id` and `span_attributes`" });
        }
        if is_record(value) || some_item(value, is_record) {
            return Some(Match { score: 85, because: "its records have `span_id` and `span_attributes`" });
        }
        let spans = LISTS.iter().find_map(|name| value.get(*name)).unwrap_or(value);
        (phoenix_record::is_span(value) || some_item(spans, phoenix_record::is_span)).then_some(Match {
            score: 94,
            because: "its spans have a `span_kind` and a `context` with ids, as Phoenix writes",
        })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut seen = Seen::default();
        for (line, value) in json_documents(documents, out) {
            let at = At { line, ..At::default() };
            match value {
                Json::Array(items) => {
                    for (index, item) in items.into_iter().enumerate() {
                        read_item(item, &At { pointer: format!("/{index}"), ..at.clone() }, &mut seen, out);
                    }
                }
                item => read_item(item, &at, &mut seen, out),
            }
        }
    }
}

fn is_record(value: &Json) -> bool {
    value.get("span_id").is_some() && (value.get("span_attributes").is_some() || value.get("child_spans").is_some())
}

/// Fields that hold the list of spans; the second is that of Phoenix.
const LISTS: &[&str] = &["spans", "data"];

fn is_trace(value: &Json) -> bool {
    value.get("spans").is_some_and(|spans| some_item(spans, is_record))
}

/// Where the walk is, and what its surroundings say.
#[derive(Clone, Default)]
struct At {
    line: Option<u64>,
    pointer: String,
    /// The trace's id as the record around it has it.
    trace: Json,
    /// The span around this one: its id as written, and the id it has now.
    parent: Option<(SpanId, SpanId)>,
}

impl At {
    fn below(&self, step: &str) -> Self {
        Self { pointer: format!("{}{step}", self.pointer), ..self.clone() }
    }

    fn place(&self) -> Place {
        place(self.line, self.pointer.as_str())
    }
}

/// Where in the output the record with an id is, and how many have had that id.
type Seen = BTreeMap<(TraceId, SpanId), (usize, u64)>;

fn read_item(item: Json, at: &At, seen: &mut Seen, out: &mut Output) {
    let list = LISTS.iter().copied().find(|name| item.get(*name).is_some_and(Json::is_array));
    let (mut trace, list) = match (item, list) {
        (Json::Object(fields), Some(list)) => (fields, list),
        (record, _) => return read_record(record, at, seen, out),
    };
    let id = take(&mut trace, &["trace_id"]).unwrap_or(Json::Null);
    let at = At { trace: id, ..at.clone() };
    read_children(trace.remove(list), list, &at, seen, out);
    for (name, value) in &trace {
        if !is_blank(value) {
            out.note_once(at.place(), format!("the field `{name}` beside `{list}` is not read"));
        }
    }
}

fn read_children(children: Option<Json>, field: &str, at: &At, seen: &mut Seen, out: &mut Output) {
    match children {
        None | Some(Json::Null) => {}
        Some(Json::Array(records)) => {
            for (index, record) in records.into_iter().enumerate() {
                read_record(record, &at.below(&format!("/{field}/{index}")), seen, out);
            }
        }
        Some(other) => {
            out.rejected(at.place(), format!("`{field}` is no list of spans but {}", describe_json(&other)));
        }
    }
}

fn read_record(record: Json, at: &At, seen: &mut Seen, out: &mut Output) {
    let record = match record {
        Json::Object(fields) if phoenix_record::is_fields(&fields) => Json::Object(phoenix_record::to_record(fields)),
        record => record,
    };
    let Json::Object(mut fields) = record else {
        let place = Place { span: Some(NO_ID.to_owned()), ..at.place() };
        out.rejected(place, format!("expected a span, found {}", describe_json(&record)));
        return;
    };
    let children = fields.remove("child_spans");
    let written = take(&mut fields, &["span_id"]).unwrap_or(Json::Null);
    let here = Place { span: Some(written.as_str().unwrap_or(NO_ID).to_owned()), ..at.place() };
    let trace = take(&mut fields, &["trace_id"]).filter(|id| !is_blank(id)).unwrap_or_else(|| at.trace.clone());
    let ids = id(&written, "span_id", SpanId::BYTES, SpanId::from_slice)
        .and_then(|span_id| Ok((span_id, id(&trace, "trace_id", TraceId::BYTES, TraceId::from_slice)?)));
    let (span_id, trace_id) = match ids {
        Ok(ids) => ids,
        Err(problem) => {
            out.rejected(here, format!("{problem}; the span is left out"));
            // Its children are spans of their own.
            return read_children(children, "child_spans", &At { trace, ..at.clone() }, seen, out);
        }
    };
    let parent_id = parent(take(&mut fields, &["parent_span_id"]), at, &here, out);
    let raw = read_span(fields, (trace_id, span_id, parent_id), &here, out);
    assemble::push(raw, &|| here.clone(), out);
    let now = settle_identity(trace_id, span_id, here, seen, out);
    let at = At { parent: Some((span_id, now)), trace, ..at.clone() };
    read_children(children, "child_spans", &at, seen, out);
}

/// Said of a span whose record has no id at all.
const NO_ID: &str = "(no id)";

fn id<T>(
    written: &Json,
    field: &str,
    length: usize,
    from: impl Fn(&[u8]) -> Result<T, arc_model::IdError>,
) -> Result<T, String> {
    let bytes = id_bytes(written, length).map_err(|problem| format!("`{field}` is not valid: {problem}"))?;
    from(&bytes).map_err(|problem| format!("`{field}` is not valid: {problem}"))
}

fn parent(written: Option<Json>, at: &At, here: &Place, out: &mut Output) -> Option<SpanId> {
    let around = at.parent.map(|(_, now)| now);
    let Some(written) = written.filter(|id| !is_blank(id)) else { return around };
    match id(&written, "parent_span_id", SpanId::BYTES, SpanId::from_slice) {
        // The span around it may have got another id.
        Ok(parent) => Some(at.parent.filter(|(written, _)| *written == parent).map_or(parent, |(_, now)| now)),
        Err(problem) => {
            let kept = if around.is_some() { "the span around it is its parent" } else { "the span has no parent" };
            out.repaired(here.clone(), format!("{problem}; {kept} now"));
            around
        }
    }
}

/// Compares the span that was just added with an earlier one of its id. The same record again is
/// kept once; another record gets an id of its own, since every record is a span.
fn settle_identity(trace_id: TraceId, span_id: SpanId, here: Place, seen: &mut Seen, out: &mut Output) -> SpanId {
    let Some(last) = out.spans.len().checked_sub(1) else { return span_id };
    let (first, count) = seen.entry((trace_id, span_id)).or_insert((last, 0));
    *count += 1;
    if *count == 1 {
        return span_id;
    }
    let sequence = out.spans.get(*first).map(|span| span.sequence).unwrap_or_default();
    let Some(mut span) = out.spans.pop() else { return span_id };
    let own = std::mem::replace(&mut span.sequence, sequence);
    if out.spans.get(*first) == Some(&span) {
        out.note(here, "this span is recorded twice with the same content; it is kept once");
        return span_id;
    }
    span.sequence = own;
    span.span_id = SpanId::derive(&[span_id.as_bytes(), &count.to_le_bytes()]);
    let now = span.span_id;
    span.attributes.insert("export.span_id".to_owned(), Json::from(span_id.to_string()));
    out.spans.push(span);
    out.repaired(here, format!("another span of this trace has this id; this one is kept with the id {now}"));
    now
}

type Ids = (TraceId, SpanId, Option<SpanId>);

fn read_span(mut fields: Map<String, Json>, ids: Ids, here: &Place, out: &mut Output) -> RawSpan {
    let (trace_id, span_id, parent_id) = ids;
    let start = time(&mut fields, &["timestamp", "start_time"], here, out);
    let end = time(&mut fields, &["end_time"], here, out);
    let end = end.or_else(|| Some(start?.plus_nanos(duration(&mut fields, here, out)?)));
    let status = take_text(&mut fields, &["status_code"]).unwrap_or_default();
    let status = StatusCode::from_text(&status).unwrap_or_else(|| {
        out.repaired(here.clone(), "the status code is none of Unset, Ok and Error; it counts as unset");
        StatusCode::Unset
    });
    let mut resource = object(take(&mut fields, &["resource_attributes"]), "resource_attributes", here, out);
    if let Some(service) = take_text(&mut fields, &["service_name"]) {
        resource.entry("service.name".to_owned()).or_insert_with(|| Json::from(service));
    }
    let scope = take_text(&mut fields, &["scope_name"]);
    let version = take_text(&mut fields, &["scope_version"]);
    let mut events = Vec::new();
    for event in list(take(&mut fields, &["events"]), "events", here, out) {
        events.push(read_event(event, here, out));
    }
    for log in list(take(&mut fields, &["logs"]), "logs", here, out) {
        events.push(read_log(log, &resource, here, out));
    }
    let links = list(take(&mut fields, &["links"]), "links", here, out);
    let mut raw = RawSpan {
        trace_id,
        span_id,
        parent_id,
        name: take_text(&mut fields, &["span_name", "name"]).unwrap_or_default(),
        start,
        end,
        status,
        status_message: take_text(&mut fields, &["status_message"]).unwrap_or_default(),
        attributes: object(take(&mut fields, &["span_attributes"]), "span_attributes", here, out),
        events,
        links: links.into_iter().filter_map(|link| read_link(link, here, out)).collect(),
        scope: scope.map(|name| Scope { name, version }),
        resource: resource.into(),
        seen: Rc::clone(&out.seen),
        position: u32::try_from(out.spans.len()).unwrap_or(u32::MAX),
    };
    raw.keep_extras(&Extras {
        kind: take_text(&mut fields, &["span_kind"]).map(|kind| span_kind_number(&kind)).unwrap_or_default(),
        trace_state: take_text(&mut fields, &["trace_state"]).unwrap_or_default().into(),
        scope_schema_url: "",
        scope_attributes: &Attributes::new(),
        dropped_attributes: 0,
        dropped_events: 0,
        dropped_links: 0,
    });
    for (name, value) in fields.into_iter().filter(|(_, value)| !is_blank(value)) {
        raw.attributes.entry(name).or_insert(value);
    }
    raw
}

fn time(fields: &mut Map<String, Json>, names: &[&str], here: &Place, out: &mut Output) -> Option<Timestamp> {
    let written = take(fields, names).filter(|value| !is_blank(value))?;
    let time = match &written {
        Json::String(text) => Timestamp::parse(text),
        number => number.as_i64().map(since_1970),
    };
    if time.is_none() {
        let field = names.first().copied().unwrap_or_default();
        out.repaired(here.clone(), format!("`{field}` is not an RFC 3339 time; the time is unknown now"));
    }
    time
}

/// Returns a time that is a number. Data frames are written in milliseconds unless told otherwise; how large it is tells
/// the unit, since a time of our days is of 10^9 seconds.
const fn since_1970(number: i64) -> Timestamp {
    let to_nanos = match number.unsigned_abs().checked_ilog10() {
        None | Some(..=10) => 1_000_000_000,
        Some(..=13) => 1_000_000,
        Some(..=16) => 1_000,
        Some(_) => 1,
    };
    Timestamp::from_nanos(number.saturating_mul(to_nanos))
}

fn duration(fields: &mut Map<String, Json>, here: &Place, out: &mut Output) -> Option<i64> {
    let written = take(fields, &["duration"]).filter(|value| !is_blank(value))?;
    let nanos = written.as_str().and_then(iso_duration::nanoseconds).filter(|nanos| *nanos >= 0);
    if nanos.is_none() {
        out.repaired(
            here.clone(),
            format!("`duration` is {written}, not an ISO 8601 duration such as PT1.5S; the end is unknown now"),
        );
    }
    nanos
}

/// Returns an object, given as one or as text; anything else is kept under the field's name.
fn object(written: Option<Json>, field: &str, here: &Place, out: &mut Output) -> Attributes {
    match written.as_ref().and_then(structured) {
        Some(Json::Object(fields)) => fields.into_iter().collect(),
        _ => match written.filter(|value| !is_blank(value)) {
            Some(value) => {
                out.repaired(here.clone(), format!("`{field}` is {}, not an object", describe_kind(&value)));
                Attributes::from([(field.to_owned(), value)])
            }
            None => Attributes::new(),
        },
    }
}

fn list(written: Option<Json>, field: &str, here: &Place, out: &mut Output) -> Vec<Json> {
    match written {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::Array(items)) => items,
        Some(other) => {
            out.repaired(here.clone(), format!("`{field}` is {}, not a list; it is left out", describe_kind(&other)));
            Vec::new()
        }
    }
}

fn read_event(event: Json, here: &Place, out: &mut Output) -> SpanEvent {
    let Json::Object(mut fields) = event else {
        return SpanEvent {
            at: None,
            name: String::new(),
            attributes: Attributes::from([("event".to_owned(), event)]),
        };
    };
    let at = time(&mut fields, &["Timestamp", "timestamp", "time"], here, out);
    let name = take_text(&mut fields, &["Name", "name"]).unwrap_or_default();
    let mut attributes = object(take(&mut fields, &["Attributes", "attributes"]), "attributes", here, out);
    attributes.extend(fields.into_iter().filter(|(_, value)| !is_blank(value)));
    SpanEvent { at, name, attributes }
}

/// Reads a log record as an event named `log`, without what it repeats of its span.
fn read_log(log: Json, resource: &Attributes, here: &Place, out: &mut Output) -> SpanEvent {
    let mut event = read_event(log, here, out);
    if event.name.is_empty() {
        "log".clone_into(&mut event.name);
    }
    for repeated in ["trace_id", "span_id", "trace_flags"] {
        event.attributes.remove(repeated);
    }
    let same_service = event.attributes.get("service_name") == resource.get("service.name");
    let same_resource = match event.attributes.get("resource_attributes") {
        Some(Json::Object(fields)) => fields.iter().all(|(name, value)| resource.get(name) == Some(value)),
        _ => false,
    };
    event.attributes.retain(|name, _| match name.as_str() {
        "service_name" => !same_service,
        "resource_attributes" => !same_resource,
        _ => true,
    });
    event
}

fn read_link(link: Json, here: &Place, out: &mut Output) -> Option<SpanLink> {
    let mut fields = match link {
        Json::Object(fields) => fields,
        other => {
            out.repaired(here.clone(), format!("a link is {}, not an object; it is left out", describe_kind(&other)));
            return None;
        }
    };
    let trace = take(&mut fields, &["TraceId", "trace_id"]).unwrap_or(Json::Null);
    let span = take(&mut fields, &["SpanId", "span_id"]).unwrap_or(Json::Null);
    let ids = id(&trace, "trace_id", TraceId::BYTES, TraceId::from_slice)
        .and_then(|trace_id| Ok((trace_id, id(&span, "span_id", SpanId::BYTES, SpanId::from_slice)?)));
    match ids {
        Ok((trace_id, span_id)) => {
            let mut attributes = object(take(&mut fields, &["Attributes", "attributes"]), "attributes", here, out);
            attributes.extend(fields.into_iter().filter(|(_, value)| !is_blank(value)));
            Some(SpanLink { trace_id, span_id, attributes })
        }
        Err(problem) => {
            out.repaired(here.clone(), format!("a link is left out: {problem}"));
            None
        }
    }
}
