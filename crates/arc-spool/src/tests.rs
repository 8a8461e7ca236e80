//! What the spool promises, told by writing and draining. No process is started here; see `tests/` for those.

use std::{path::Path, time::Duration};

use crate::{
    Batch, Context, Delivery, Drain, Kind, MergedSpan, Options, ProcessEnd, Progress, Record, Spool, Writer, merge,
};

mod basics;
mod bound;
mod damage;

/// A record in a line: `start root 1/1 name`.
struct Said<'a> {
    kind: Kind,
    root: bool,
    trace: u8,
    span: u8,
    time: u64,
    payload: &'a [u8],
}

fn said(kind: Kind, trace: u8, span: u8, time: u64, payload: &[u8]) -> Said<'_> {
    Said { kind, root: span == 1, trace, span, time, payload }
}

fn append(writer: &Writer, context: &Context, said: &Said<'_>) -> crate::Appended {
    writer.append(&Record {
        kind: said.kind,
        root: said.root,
        context,
        trace_id: [said.trace; 16],
        span_id: [said.span; 8],
        time_unix_ns: said.time,
        payload: said.payload,
    })
}

/// A protobuf `Span` with a name and an attribute.
fn named(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    merge::put_bytes(5, name.as_bytes(), &mut bytes);
    merge::put_text("value", value, &mut bytes);
    bytes
}

fn a_context() -> Context {
    Context::new(b"resource".to_vec(), b"scope".to_vec())
}

fn only_drain(dir: &Path) -> Drain {
    let spool = Spool::open(dir);
    let [process] = spool.processes().unwrap().try_into().unwrap();
    spool.drain(&process.id).unwrap().expect("nobody else drains").with_grace(Duration::ZERO)
}

fn all(drain: &mut Drain) -> Vec<MergedSpan> {
    let mut spans = Vec::new();
    while let Some(batch) = drain.next(1 << 20).unwrap() {
        spans.extend(batch.spans().cloned());
        drain.commit(&batch, &Delivery::stored()).unwrap();
    }
    spans
}

/// A span in a line.
fn told(span: &MergedSpan) -> String {
    let name = merge::name(&span.bytes).unwrap_or_else(|| "?".to_owned());
    let state = match span.progress {
        Progress::Closed => "closed",
        Progress::Ended => "ended",
        Progress::Running => "open",
    };
    let value = merge::text_attribute(&span.bytes, "value").unwrap_or_default();
    let value: String = value.chars().take(10).collect();
    format!("{}/{} {name} {state} r{} {value}", span.trace_id[0], span.span_id[0], span.revision)
}

fn lines(batch: &Batch) -> Vec<String> {
    batch.spans().map(told).collect()
}
