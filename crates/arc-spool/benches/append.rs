//! What a record costs the thread that records it: `cargo bench -p arc-spool`.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark that cannot run should stop")]

use std::time::Duration;

use arc_spool::{Context, Delivery, Kind, Options, Record, Spool, Writer};

fn main() {
    divan::main();
}

fn record<'a>(context: &'a Context, payload: &'a [u8]) -> Record<'a> {
    let kind = Kind::SpanPart;
    Record { kind, root: false, context, trace_id: [1; 16], span_id: [2; 8], time_unix_ns: 1, payload }
}

/// A protobuf `Span` with nothing but a trace state of so many bytes.
fn a_span(bytes: usize) -> Vec<u8> {
    let [low, high, ..] = bytes.to_le_bytes();
    let mut span = vec![3 << 3 | 2, low | 0x80, (high << 1) | (low >> 7)];
    span.resize(bytes + 3, b'x');
    span
}

/// One record at a time, into a new spool.
#[divan::bench(args = [100, 1_000, 10_000, 100_000], sample_size = 100, sample_count = 200)]
fn append(bencher: divan::Bencher<'_, '_>, bytes: usize) {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::new(Options::new(dir.path()));
    let (context, payload) = (Context::new(Vec::new(), Vec::new()), vec![b'x'; bytes]);
    writer.append(&record(&context, &payload));
    bencher.bench_local(|| writer.append(&record(&context, &payload)));
}

/// The same when nothing fits any more.
#[divan::bench(args = [1_000])]
fn append_to_a_full_spool(bencher: divan::Bencher<'_, '_>, bytes: usize) {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::new(Options { limit_bytes: 20_000, ..Options::new(dir.path()) });
    let (context, payload) = (Context::new(Vec::new(), Vec::new()), vec![b'x'; bytes]);
    bencher.bench_local(|| writer.append(&record(&context, &payload)));
}

/// Ten thousand finished spans of two records, merged and committed.
#[divan::bench(args = [1_000], sample_count = 5, sample_size = 1)]
fn drain_10_000_spans(bencher: divan::Bencher<'_, '_>, bytes: usize) {
    let written = || {
        let dir = tempfile::tempdir().unwrap();
        let writer = Writer::new(Options::new(dir.path()));
        let (context, payload) = (Context::new(Vec::new(), Vec::new()), a_span(bytes));
        for span in 0..10_000_u64 {
            for kind in [Kind::SpanStart, Kind::SpanEnd] {
                writer.append(&Record { kind, span_id: span.to_be_bytes(), ..record(&context, &payload) });
            }
        }
        dir
    };
    bencher.with_inputs(written).bench_local_refs(|dir| {
        let spool = Spool::open(dir.path());
        let mut drain = spool.drain(&spool.processes().unwrap()[0].id).unwrap().unwrap().with_grace(Duration::ZERO);
        while let Some(batch) = drain.next(4 << 20).unwrap() {
            drain.commit(&batch, &Delivery::stored()).unwrap();
        }
    });
}
