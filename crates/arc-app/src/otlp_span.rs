//! Spans that this program makes itself, as OTLP writes them: their ids, and short names for their attributes.

use arc_model::{SpanId, Timestamp, TraceId};
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{Status, status::StatusCode},
};

/// Returns ids that nobody else has.
pub(crate) fn random_ids(now: Timestamp) -> (TraceId, SpanId) {
    let mut random = [0; TraceId::BYTES + SpanId::BYTES];
    // Without the system's randomness the time still tells calls of this process apart.
    let _ = getrandom::fill(&mut random);
    let parts: [&[u8]; 2] = [&random, &now.as_nanos().to_le_bytes()];
    (TraceId::derive(&parts), SpanId::derive(&parts))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

pub(crate) fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

pub(crate) fn bytes(key: &str, value: &[u8]) -> KeyValue {
    attribute(key, Value::BytesValue(value.to_vec()))
}

pub(crate) fn flag(key: &str, value: bool) -> KeyValue {
    attribute(key, Value::BoolValue(value))
}

pub(crate) fn number(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

pub(crate) fn failed(message: String) -> Status {
    Status { code: StatusCode::Error.into(), message }
}

/// OTLP has no time before 1970.
pub(crate) fn unsigned(at: Timestamp) -> u64 {
    u64::try_from(at.as_nanos()).unwrap_or_default()
}
