//! Span trees that `OpenInference` backends export: nested `child_spans`, durations in ISO 8601.

use crate::{
    document::{Content, Document},
    output::Output,
    wire::{Match, Wire},
};

/// The wire.
pub struct OpenInferenceExport;

impl Wire for OpenInferenceExport {
    fn id(&self) -> &'static str {
        "openinference-export"
    }

    fn name(&self) -> &'static str {
        "Exported span trees with `span_attributes`"
    }

    fn expects(&self) -> &'static str {
        "an exported trace, `{trace_id, spans: [{span_id, span_attributes, child_spans, …}]}`"
    }

    fn sniff(&self, _content: &Content<'_>) -> Option<Match> {
        None
    }

    fn decode(&self, _documents: Vec<Document<'_>>, _out: &mut Output) {}
}
