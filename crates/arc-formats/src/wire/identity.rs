//! Ids for records that bring none: derived from content, so that importing a file again is idempotent.

use std::collections::BTreeMap;

use arc_model::{Json, SpanId, TraceId};

/// Derives ids for the records of one source.
#[derive(Default)]
pub(crate) struct Identities {
    seen: BTreeMap<TraceId, u64>,
}

impl Identities {
    /// Returns the id of a record; the n-th of equal records gets an id of its own, since two equal
    /// runs are two runs.
    pub(crate) fn of(&mut self, format: &str, record: &Json) -> TraceId {
        let mut bytes = Vec::new();
        write_canonical(record, &mut bytes);
        let first = TraceId::derive(&[format.as_bytes(), &bytes]);
        let count = self.seen.entry(first).or_insert(0);
        *count += 1;
        match *count {
            1 => first,
            nth => TraceId::derive(&[first.as_bytes(), &nth.to_le_bytes()]),
        }
    }
}

/// Returns the id of a step of a run.
pub(crate) fn span_id(trace_id: TraceId, sequence: u32) -> SpanId {
    SpanId::derive(&[trace_id.as_bytes(), &sequence.to_le_bytes()])
}

/// Writes a value so that equal values give equal bytes, however their fields are ordered.
fn write_canonical(value: &Json, bytes: &mut Vec<u8>) {
    match value {
        Json::Object(fields) => {
            let sorted: BTreeMap<&String, &Json> = fields.iter().collect();
            bytes.push(b'{');
            for (name, value) in sorted {
                write_text(name, bytes);
                write_canonical(value, bytes);
            }
            bytes.push(b'}');
        }
        Json::Array(items) => {
            bytes.push(b'[');
            for item in items {
                write_canonical(item, bytes);
            }
            bytes.push(b']');
        }
        Json::String(text) => write_text(text, bytes),
        scalar => {
            bytes.extend_from_slice(scalar.to_string().as_bytes());
            bytes.push(b',');
        }
    }
}

fn write_text(text: &str, bytes: &mut Vec<u8>) {
    bytes.push(b'"');
    bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}
