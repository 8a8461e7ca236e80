//! OTLP logs: events about spans, as exporters send them, in protobuf and JSON.
//!
//! Only events of generative AI are read, by [`crate::log_event`]; other log records are counted and
//! left out, which the answer says. Not a wire of its own: a file of traces may hold logs as well.

use arc_model::{Attributes, Json, Place, Scope, SpanId, Timestamp, TraceId};
use serde_json::Map;

use super::{
    any_value, damaged_json, describe_json,
    otlp_protobuf::{self, Described},
    place,
    protobuf::{Fields, Malformed, check_frames, each_field, each_in},
    written_id::id_bytes,
};
use crate::{
    log_event::{self, Event},
    output::Output,
    read::value::{self, take, take_text},
};

/// The fields of a request in JSON that hold logs.
pub(crate) const REQUEST_FIELDS: &[&str] = &["resourceLogs", "resource_logs"];

/// Said of a record without the id of a span.
const NO_ID: &str = "(no id)";

/// Reads a request in protobuf; returns whether it was one. No bytes at all are a request without records.
pub(crate) fn decode_protobuf(bytes: &[u8], out: &mut Output) -> bool {
    let mut reader = Reader::default();
    let read = check_frames(bytes, &[1, 2, 2])
        .and_then(|_| each_in(bytes, 1, |index, resource_logs| reader.read_resource(resource_logs, index, out)));
    if let Err(problem) = read {
        otlp_protobuf::reject_request(problem, out);
        return false;
    }
    reader.finish(out);
    true
}

/// Reads a request in JSON; returns whether it was one.
pub(crate) fn decode_json(bytes: &[u8], out: &mut Output) -> bool {
    let value = match damaged_json::read(bytes, out) {
        Ok(value) => value,
        Err(problem) => {
            let found = format!("expected an OTLP request in JSON, but the body is not JSON: {problem}");
            out.rejected(Place::default(), found);
            return false;
        }
    };
    let described = describe_json(&value);
    let Json::Object(mut request) = value else {
        out.rejected(Place::default(), format!("expected an object with `resourceLogs`, found {described}"));
        return false;
    };
    // An empty object is a request without records.
    let is_empty = request.is_empty();
    match take(&mut request, REQUEST_FIELDS) {
        Some(logs) => read_json(logs, None, out),
        None if is_empty => {}
        None => {
            out.rejected(Place::default(), format!("expected an object with `resourceLogs`, found {described}"));
            return false;
        }
    }
    true
}

/// Reads the list under one of [`REQUEST_FIELDS`].
pub(crate) fn read_json(resource_logs: Json, line: Option<u64>, out: &mut Output) {
    let mut reader = Reader::default();
    for (index, logs) in items(resource_logs, &place(line, "/resourceLogs"), out).into_iter().enumerate() {
        let here = format!("/resourceLogs/{index}");
        let Json::Object(mut logs) = logs else {
            let found = describe_json(&logs);
            out.rejected(place(line, here), format!("expected an object with `scopeLogs`, found {found}"));
            continue;
        };
        let mut emitter = Emitter::default();
        if let Some(Json::Object(mut described)) = logs.remove("resource") {
            let written = take(&mut described, &["attributes"]);
            emitter.resource = any_value::attributes(written, &|| place(line, here.as_str()), out);
        }
        let scopes = take(&mut logs, &["scopeLogs", "scope_logs"]).unwrap_or_default();
        for (index, scope_logs) in items(scopes, &place(line, here.as_str()), out).into_iter().enumerate() {
            reader.read_json_scope(scope_logs, &mut emitter, line, &format!("{here}/scopeLogs/{index}"), out);
        }
    }
    reader.finish(out);
}

/// What the records of a scope have in common.
#[derive(Default)]
struct Emitter {
    resource: Attributes,
    scope: Option<Scope>,
}

/// Counts on the way what is left out.
#[derive(Default)]
struct Reader {
    records: u32,
    other: u64,
}

impl Reader {
    fn read_resource(&mut self, message: &[u8], index: usize, out: &mut Output) -> Result<(), Malformed> {
        let here = format!("/resourceLogs/{index}");
        let resource = Described::resource(message, &here, out).attributes;
        let mut emitter = Emitter { resource, scope: None };
        each_in(message, 2, |index, scope_logs| {
            let here = format!("{here}/scopeLogs/{index}");
            (emitter.scope, _) = Described::scope(scope_logs, &here, out).into_scope();
            each_in(scope_logs, 2, |index, message| {
                let mut here = place(None, format!("{here}/logRecords/{index}"));
                here.span = Some(NO_ID.to_owned());
                let said = out.diagnostics.len();
                if let Err(problem) = self.read_record(message, &emitter, &mut here, out) {
                    out.diagnostics.truncate(said);
                    out.rejected(here, format!("this log record cannot be read: {problem}; it is left out"));
                }
                Ok(())
            })
        })
    }

    fn read_record(
        &mut self,
        message: &[u8],
        emitter: &Emitter,
        here: &mut Place,
        out: &mut Output,
    ) -> Result<(), Malformed> {
        let mut record = RecordFields::default();
        record.read(message)?;
        here.span = Some(otlp_protobuf::written_id(record.span_id));
        let mut attributes = Attributes::new();
        each_field(message, 6, |pair| otlp_protobuf::add_attribute(&mut attributes, pair, &|| here.clone(), out))?;
        let name = Some(record.event_name.to_owned()).filter(|name| !name.is_empty());
        let Some(name) = log_event::name(name, &attributes) else {
            self.other += 1;
            return Ok(());
        };
        let ids = || -> Result<(TraceId, SpanId), String> {
            let trace =
                TraceId::from_slice(record.trace_id).map_err(|problem| format!("`trace_id` is not valid: {problem}"));
            let span =
                SpanId::from_slice(record.span_id).map_err(|problem| format!("`span_id` is not valid: {problem}"));
            Ok((trace?, span?))
        };
        let time = [record.time, record.observed].into_iter().find(|nanos| *nanos != 0);
        let at = time.and_then(|nanos| i64::try_from(nanos).ok()).map(Timestamp::from_nanos);
        let body = otlp_protobuf::any_value(record.body, 0)?;
        self.push(ids(), Found { name, at, attributes, body }, emitter, here.clone(), out);
        Ok(())
    }

    fn read_json_scope(
        &mut self,
        scope_logs: Json,
        emitter: &mut Emitter,
        line: Option<u64>,
        here: &str,
        out: &mut Output,
    ) {
        let Json::Object(mut fields) = scope_logs else {
            let found = describe_json(&scope_logs);
            out.rejected(place(line, here), format!("expected an object with `logRecords`, found {found}"));
            return;
        };
        emitter.scope = match fields.remove("scope") {
            Some(Json::Object(mut described)) => {
                let name = take_text(&mut described, &["name"]).unwrap_or_default();
                scope(name, take_text(&mut described, &["version"]))
            }
            _ => None,
        };
        let records = take(&mut fields, &["logRecords", "log_records"]).unwrap_or_default();
        for (index, record) in items(records, &place(line, here), out).into_iter().enumerate() {
            let mut here = place(line, format!("{here}/logRecords/{index}"));
            here.span = Some(NO_ID.to_owned());
            match record {
                Json::Object(record) => self.read_json_record(record, emitter, here, out),
                other => out.rejected(here, format!("expected a log record, found {}", describe_json(&other))),
            }
        }
    }

    fn read_json_record(
        &mut self,
        mut record: Map<String, Json>,
        emitter: &Emitter,
        mut here: Place,
        out: &mut Output,
    ) {
        let span = take(&mut record, &["spanId", "span_id"]).unwrap_or_default();
        if let Some(text) = span.as_str().filter(|text| !text.is_empty()) {
            here.span = Some(text.to_owned());
        }
        let attributes = any_value::attributes(take(&mut record, &["attributes"]), &|| here.clone(), out);
        let name = take_text(&mut record, &["eventName", "event_name"]).filter(|name| !name.is_empty());
        let Some(name) = log_event::name(name, &attributes) else {
            self.other += 1;
            return;
        };
        let trace = take(&mut record, &["traceId", "trace_id"]).unwrap_or_default();
        let ids = || -> Result<(TraceId, SpanId), String> {
            let not_valid = |field: &str, problem: &str| format!("`{field}` is not valid: {problem}");
            let bytes = id_bytes(&trace, TraceId::BYTES).map_err(|problem| not_valid("traceId", &problem))?;
            let trace = TraceId::from_slice(&bytes).map_err(|problem| not_valid("traceId", &problem.to_string()))?;
            let bytes = id_bytes(&span, SpanId::BYTES).map_err(|problem| not_valid("spanId", &problem))?;
            let span = SpanId::from_slice(&bytes).map_err(|problem| not_valid("spanId", &problem.to_string()))?;
            Ok((trace, span))
        };
        let times = [["timeUnixNano", "time_unix_nano"], ["observedTimeUnixNano", "observed_time_unix_nano"]];
        let at = times.iter().find_map(|names| {
            let nanos = value::count(&take(&mut record, names)?).filter(|nanos| *nanos != 0)?;
            i64::try_from(nanos).ok().map(Timestamp::from_nanos)
        });
        let body = any_value::any_value(record.remove("body").unwrap_or_default());
        self.push(ids(), Found { name, at, attributes, body }, emitter, here, out);
    }

    fn push(
        &mut self,
        ids: Result<(TraceId, SpanId), String>,
        found: Found,
        emitter: &Emitter,
        here: Place,
        out: &mut Output,
    ) {
        let position = self.records;
        self.records = self.records.saturating_add(1);
        let (trace_id, about) = match ids {
            Ok(ids) => ids,
            Err(problem) => {
                out.rejected(here, format!("{problem}; the event belongs to no span and is left out"));
                return;
            }
        };
        let Found { name, at, attributes, body } = found;
        let (scope, resource) = (emitter.scope.clone(), emitter.resource.clone());
        let event = Event { trace_id, about, name, at, attributes, body, scope, resource, position, place: here };
        log_event::push(event, out);
    }

    fn finish(self, out: &mut Output) {
        if self.other > 0 {
            let what = if self.other == 1 { "log record is no event" } else { "log records are no events" };
            let count = self.other;
            out.rejected(Place::default(), format!("{count} {what} of generative AI and not stored"));
        }
    }
}

/// A record of a known event.
struct Found {
    name: String,
    at: Option<Timestamp>,
    attributes: Attributes,
    body: Json,
}

fn scope(name: String, version: Option<String>) -> Option<Scope> {
    let version = version.filter(|version| !version.is_empty());
    (!name.is_empty() || version.is_some()).then_some(Scope { name, version })
}

/// Returns a list; nothing, when there is none.
fn items(written: Json, here: &Place, out: &mut Output) -> Vec<Json> {
    match written {
        Json::Null => Vec::new(),
        Json::Array(items) => items,
        other => {
            out.rejected(here.clone(), format!("expected a list, found {}", describe_json(&other)));
            Vec::new()
        }
    }
}

/// The fields of a record that are there once.
#[derive(Default)]
struct RecordFields<'a> {
    time: u64,
    observed: u64,
    body: &'a [u8],
    trace_id: &'a [u8],
    span_id: &'a [u8],
    event_name: &'a str,
}

impl<'a> RecordFields<'a> {
    fn read(&mut self, message: &'a [u8]) -> Result<(), Malformed> {
        Fields::of(message).each(|field| {
            match field.number {
                1 => self.time = field.fixed64()?,
                5 => self.body = field.bytes()?,
                9 => self.trace_id = field.bytes()?,
                10 => self.span_id = field.bytes()?,
                11 => self.observed = field.fixed64()?,
                12 => self.event_name = field.text()?,
                _ => {}
            }
            Ok(())
        })
    }
}
