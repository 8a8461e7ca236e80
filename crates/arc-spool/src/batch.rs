//! What a drain gives: whole spans, grouped by whose they are.

use std::sync::Arc;

use crate::{merge::put_bytes, record::Context};

/// Spans that were read and are not committed yet.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The spans, by whose they are.
    pub groups: Vec<Group>,
    /// What is to be added to the account when the batch is committed.
    pub(crate) tally: Tally,
    /// Up to where it goes.
    pub(crate) position: Position,
}

/// Spans of one context.
#[derive(Debug, Clone)]
pub struct Group {
    /// Whose they are; empty when the record that said so is damaged.
    pub context: Arc<Context>,
    /// The spans, in the order in which they were first mentioned.
    pub spans: Vec<MergedSpan>,
}

/// A span with everything that is known of it so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedSpan {
    /// The run's id.
    pub trace_id: [u8; 16],
    /// The span's id.
    pub span_id: [u8; 8],
    /// Whether it is the root of a run.
    pub root: bool,
    /// Whether it runs or ended.
    pub progress: Progress,
    /// Whether its beginning is there. It is not when the record is damaged, or when something was said about a span long
    /// after it ended: then the bytes only add to what was delivered before.
    pub whole: bool,
    /// How many records it was merged from. Also in its attribute `arc_eval.revision`: the highest has everything.
    pub revision: u64,
    /// An OTLP protobuf `Span`.
    pub bytes: Vec<u8>,
}

/// How far a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It has no end yet, and comes again when there is more of it.
    Running,
    /// It ended, by its own account.
    Ended,
    /// It ended only because its process died.
    Closed,
}

/// A place in the files of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Position {
    pub(crate) generation: u32,
    pub(crate) offset: u64,
}

/// What was counted while a batch was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) runs_started: u64,
    pub(crate) runs_ended: u64,
    pub(crate) runs_closed: u64,
    pub(crate) records: u64,
    pub(crate) damages: u64,
    pub(crate) records_damaged: u64,
}

impl Batch {
    /// Returns all spans.
    pub fn spans(&self) -> impl Iterator<Item = &MergedSpan> {
        self.groups.iter().flat_map(|group| &group.spans)
    }

    /// Returns how many runs end in it.
    pub fn runs_ended(&self) -> u64 {
        self.tally.runs_ended
    }

    /// Returns in how many places the files were damaged.
    pub fn damages(&self) -> u64 {
        self.tally.damages
    }

    /// Returns the batch as an OTLP protobuf `ExportTraceServiceRequest`.
    pub fn to_otlp(&self) -> Vec<u8> {
        otlp_request(&self.groups)
    }
}

/// Returns spans as an OTLP protobuf `ExportTraceServiceRequest`.
pub fn otlp_request(groups: &[Group]) -> Vec<u8> {
    let mut request = Vec::new();
    for group in groups {
        let spans: usize = group.spans.iter().map(|span| span.bytes.len() + 8).sum();
        let mut scope_spans = Vec::with_capacity(spans + group.context.scope().len() + 8);
        if !group.context.scope().is_empty() {
            put_bytes(1, group.context.scope(), &mut scope_spans);
        }
        for span in &group.spans {
            put_bytes(2, &span.bytes, &mut scope_spans);
        }
        let mut resource_spans = Vec::with_capacity(scope_spans.len() + group.context.resource().len() + 16);
        put_bytes(1, group.context.resource(), &mut resource_spans);
        put_bytes(2, &scope_spans, &mut resource_spans);
        put_bytes(1, &resource_spans, &mut request);
    }
    request
}
