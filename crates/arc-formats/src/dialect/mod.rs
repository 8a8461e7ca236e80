//! What the attributes of a span are called, one file for each convention.
//!
//! A dialect only reads: it says what it understood and from which attributes. Which dialect wins,
//! and what happens to the attributes, is decided in `assemble`, nowhere else.

use std::sync::Arc;

use arc_model::{
    Attributes, DiagnosticSeverity, FinishReason, Message, NanoUsd, Payload, RunFacts, SpanId, SpanKind, Timestamp,
    ToolDefinition, Usage,
};

pub use crate::read::attributes::{Found, Names};
use crate::{provider::ToolOutcome, raw::RawSpan};

pub mod arc_eval;
mod bodies;
mod exchanges;
pub mod google_adk;
pub mod laminar;
pub mod langfuse;
pub mod langsmith;
pub mod mcp;
pub mod mlflow;
pub mod openinference;
mod openinference_messages;
pub mod openllmetry;
pub mod otel_genai;
mod otel_messages;
pub mod pydantic_ai;
mod vector_search;
pub mod vercel_ai;

/// A convention for naming attributes.
pub trait Dialect: Sync {
    /// Returns the stable id, in kebab-case.
    fn id(&self) -> &'static str;

    /// Returns the name to show.
    fn name(&self) -> &'static str;

    /// Returns whether a span has attributes or events of this convention. MUST be cheap.
    fn speaks(&self, span: &RawSpan) -> bool;

    /// Returns what the span says in this convention. MUST be total; what it does not understand it
    /// leaves out, with a remark where someone should know.
    fn read(&self, span: &RawSpan) -> Reading;
}

/// What one dialect understood of a span. A field is `None` where it said nothing.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the fields are those of `arc_model::Span`")]
pub struct Reading {
    pub kind: Option<Found<SpanKind>>,
    pub provider: Option<Found<String>>,
    pub request_model: Option<Found<String>>,
    pub response_model: Option<Found<String>>,
    pub response_id: Option<Found<String>>,
    pub messages_in: Option<Found<Vec<Arc<Message>>>>,
    pub messages_out: Option<Found<Vec<Arc<Message>>>>,
    pub input: Option<Found<Payload>>,
    pub output: Option<Found<Payload>>,
    pub tool_name: Option<Found<String>>,
    pub tool_call_id: Option<Found<String>>,
    pub tool_arguments: Option<Found<Payload>>,
    pub tool_result: Option<Found<Payload>>,
    pub tools_offered: Option<Found<Vec<Arc<ToolDefinition>>>>,
    /// Counts as reported; whether the input is inclusive is settled by the assembler.
    pub usage: Option<Usage>,
    pub reported_cost: Option<Found<NanoUsd>>,
    pub finish_reason: Option<Found<FinishReason>>,
    pub time_to_first_token_ns: Option<Found<u64>>,
    pub parameters: Option<Found<Attributes>>,
    pub facts: Option<Found<RunFacts>>,
    pub error_kind: Option<Found<String>>,
    pub error_message: Option<Found<String>>,
    /// Whether the span failed, where nothing is said of the error's class.
    pub has_failed: bool,
    pub revision: Option<Found<u64>>,
    pub sequence: Option<Found<u32>>,
    /// Indices of events whose whole content is in the messages, should these be used.
    pub message_events: Vec<usize>,
    /// Attributes that say the messages again, should these be used.
    pub repeated: Names,
    /// Attributes that were used up, whichever dialect wins.
    pub consumed: Names,
    /// Attributes to add to the raw ones: what was found and has no field.
    pub attributes: Attributes,
    /// A name that says more than the emitter's.
    pub name: Option<String>,
    /// Tool calls of which only this span tells.
    pub derived_tools: Vec<DerivedTool>,
    /// What someone should know.
    pub remarks: Vec<Remark>,
}

/// A tool call that a model call's request shows, to be a span unless somebody recorded it.
#[derive(Debug, Clone, PartialEq)]
pub struct DerivedTool {
    /// The id that whoever recorded the call gave it too.
    pub span_id: SpanId,
    /// When the model had asked for it.
    pub start: Option<Timestamp>,
    /// What the request says of it.
    pub outcome: ToolOutcome,
}

/// Something noticed while reading attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// What became of it.
    pub severity: DiagnosticSeverity,
    /// What was found, what was expected, what to do.
    pub message: String,
    /// Whether it holds for every span like this one and is said only once.
    pub once: bool,
}

impl Reading {
    /// Remarks on a thing that was repaired.
    pub fn repaired(&mut self, message: impl Into<String>) {
        let message = message.into();
        self.remarks.push(Remark { severity: DiagnosticSeverity::Repaired, message, once: false });
    }

    /// Remarks on a thing that holds for many spans.
    pub fn note_once(&mut self, message: impl Into<String>) {
        self.remarks.push(Remark { severity: DiagnosticSeverity::Note, message: message.into(), once: true });
    }
}
