//! What only this backend promises: the file, its lock, its indexes.

mod file;
mod plans;
mod schemas;
mod writing;

use std::path::{Path, PathBuf};

use arc_model::{Message, ProjectId, Role, Span, SpanId, SpanKind, Timestamp, TraceId};
use arc_store::{Appended, TraceStore};
use tempfile::TempDir;

use super::SqliteStore;

/// A folder that lasts as long as a test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path).unwrap()
}

fn project() -> ProjectId {
    ProjectId::default()
}

fn now() -> Timestamp {
    Timestamp::from_millis(1000)
}

fn trace_id(number: u64) -> TraceId {
    TraceId::derive(&[&number.to_le_bytes()])
}

fn spans(trace: u64, count: u64) -> Vec<Span> {
    let make = |number: u64| {
        let mut span = Span::new(
            trace_id(trace),
            SpanId::derive(&[&number.to_le_bytes()]),
            SpanKind::Llm,
            format!("call {number}"),
        );
        span.messages_in = vec![Message::text(Role::User, format!("question {trace} {number} ").repeat(50)).into()];
        span
    };
    (0..count).map(make).collect()
}

async fn append(store: &SqliteStore, spans: &[Span]) -> Appended {
    store.append(&project(), spans, now()).await.unwrap()
}

async fn stored(store: &SqliteStore, trace: u64) -> usize {
    store.trace(&project(), trace_id(trace)).await.unwrap().map_or(0, |trace| trace.spans().len())
}
