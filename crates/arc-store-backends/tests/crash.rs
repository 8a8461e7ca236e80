//! A process that dies loses nothing that was acknowledged, and leaves the file to the others.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking; its child tells by printing")]

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use arc_model::{Message, ProjectId, Role, Span, SpanId, SpanKind, Timestamp, TraceId};
use arc_store::TraceStore;
use arc_store_backends::sqlite::SqliteStore;

/// Names the database to a process that is to be killed.
const CHILD: &str = "ARC_EVAL_TEST_CRASH_CHILD";

const BATCH: usize = 20;

#[test]
fn what_a_killed_process_was_told_is_stored_is_stored() {
    if let Some(path) = std::env::var_os(CHILD) {
        write_until_killed(&path);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("arc.db");
    let ours = SqliteStore::open(&path).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for round in 0..3_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "what_a_killed_process_was_told_is_stored_is_stored", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut stored: Vec<u64> = Vec::new();
        for written in 0..(20 + round * 7) {
            // This process writes to the same file meanwhile.
            runtime.block_on(append(&ours, 1_000_000 + round * 1000 + written));
            stored.extend(lines.next().and_then(|line| acknowledged(&line.unwrap())));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        stored.extend(lines.filter_map(|line| acknowledged(&line.unwrap())));
        assert!(stored.len() > 5, "the child wrote too little: {stored:?}");
        let after = SqliteStore::open(&path).unwrap();
        for number in stored.into_iter().chain((0..20).map(|written| 1_000_000 + round * 1000 + written)) {
            for store in [&ours, &after] {
                let found = runtime.block_on(store.trace(&ProjectId::default(), trace_id(number))).unwrap();
                assert_eq!(found.map(|trace| trace.spans().len()), Some(BATCH), "trace {number}");
            }
        }
    }
}

/// Returns the trace a line of the child speaks of; what it was about to say when it died may be cut short.
fn acknowledged(line: &str) -> Option<u64> {
    line.rsplit_once("stored ")?.1.strip_suffix('.')?.parse().ok()
}

fn write_until_killed(path: &OsStr) -> ! {
    let store = SqliteStore::open(Path::new(path)).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let first = u64::from(std::process::id()) * 1_000_000_000;
    for number in first.. {
        runtime.block_on(append(&store, number));
        println!("stored {number}.");
    }
    unreachable!("the parent kills this process")
}

async fn append(store: &SqliteStore, trace: u64) {
    let spans: Vec<Span> = (0..BATCH)
        .map(|number| {
            let id = SpanId::derive(&[&number.to_le_bytes()]);
            let mut span = Span::new(trace_id(trace), id, SpanKind::Llm, "call");
            span.messages_in = vec![Message::text(Role::User, format!("{trace} {number} ").repeat(40)).into()];
            span
        })
        .collect();
    store.append(&ProjectId::default(), &spans, Timestamp::from_nanos(1)).await.unwrap();
}

fn trace_id(number: u64) -> TraceId {
    TraceId::derive(&[&number.to_le_bytes()])
}
