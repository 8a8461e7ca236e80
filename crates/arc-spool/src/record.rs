//! What is written: facts about spans, and whose spans they are.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

/// What a record says about its span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It started. Written before the wrapped call begins.
    SpanStart,
    /// There is more to say about it.
    SpanPart,
    /// It ended. A part may still follow (an outcome that is known later).
    SpanEnd,
}

/// One fact about a span.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// What it says.
    pub kind: Kind,
    /// Whether the span is the root of a run: then its start starts a run and its end ends it.
    pub root: bool,
    /// Whose span it is.
    pub context: &'a Context,
    /// The run's id.
    pub trace_id: [u8; 16],
    /// The span's id.
    pub span_id: [u8; 8],
    /// When this was said, in nanoseconds since 1970. The last one of a process is when it was last seen alive.
    pub time_unix_ns: u64,
    /// An OTLP protobuf `Span`, or the part of one that is new. The first part has ids, name and start time.
    pub payload: &'a [u8],
}

/// Whose spans they are: an OTLP protobuf `Resource` and an `InstrumentationScope` (empty where there is none). Make it
/// once and clone it: a file holds each context once, however many spans refer to it.
#[derive(Debug, Clone)]
pub struct Context(Arc<Described>);

#[derive(Debug)]
struct Described {
    id: u32,
    resource: Vec<u8>,
    scope: Vec<u8>,
}

impl Context {
    /// Describes a context; each call makes a new one.
    pub fn new(resource: Vec<u8>, scope: Vec<u8>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(Arc::new(Described { id, resource, scope }))
    }

    /// Returns its number, unique in the process.
    pub(crate) fn id(&self) -> u32 {
        self.0.id
    }

    /// Returns the protobuf `Resource`.
    pub fn resource(&self) -> &[u8] {
        &self.0.resource
    }

    /// Returns the protobuf `InstrumentationScope`.
    pub fn scope(&self) -> &[u8] {
        &self.0.scope
    }
}

/// How a process says goodbye. One that says nothing was killed, crashed, or left by `_exit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessEnd {
    /// It exits with this code.
    Exited(i32),
    /// It exits in an orderly way, with a code that it does not know.
    AtExit,
}
