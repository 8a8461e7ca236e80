//! The unit that is captured, stored and cited: one timed step of a run.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    Attributes, Message, NanoUsd, Payload, RunFacts, SpanId, Timestamp, ToolCall, ToolDefinition, TraceId, Usage,
};

/// One step of a run in canonical form, whatever format it came in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Span {
    /// The run it belongs to.
    pub trace_id: TraceId,
    /// Its id within the run.
    pub span_id: SpanId,
    /// The span it was started from; may name a span that never arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<SpanId>,
    /// A span may be written several times; the highest revision wins.
    #[serde(default)]
    pub revision: u64,
    /// What sort of step it is.
    pub kind: SpanKind,
    /// The name the emitter gave it.
    pub name: String,
    /// When it started; `None` for formats that record no times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    /// When it ended; `None` while it runs, and for formats that record no times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Timestamp>,
    /// Position in its source; orders spans whose start is equal or unknown.
    #[serde(default)]
    pub sequence: u32,
    /// Whether it went well, as far as the emitter said.
    #[serde(default)]
    pub status: Status,
    /// The model that was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelRef>,
    /// What was sent to the model. A message that several calls send is one value in memory where the reader saw that it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages_in: Vec<Arc<Message>>,
    /// What the model answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages_out: Vec<Arc<Message>>,
    /// Input that is not a message list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Payload>,
    /// Output that is not a message list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Payload>,
    /// The call a tool span carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolCall>,
    /// Tools the model could ask for; empty when none were recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools_offered: Vec<Arc<ToolDefinition>>,
    /// Tokens, as counted by the provider or estimated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What the emitter says the call cost; kept beside the cost we compute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_cost: Option<NanoUsd>,
    /// Why the model stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<FinishReason>,
    /// Nanoseconds from the request to the first token of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_first_token_ns: Option<u64>,
    /// Request parameters of a model call: temperature, maximum tokens and the like.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub parameters: Attributes,
    /// What this span says about the whole run.
    #[serde(default, skip_serializing_if = "RunFacts::is_empty")]
    pub facts: RunFacts,
    /// What happened at a moment during the span; exceptions are events named `exception`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<SpanEvent>,
    /// Spans of other runs this one relates to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<SpanLink>,
    /// The instrumentation that emitted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// Attributes nobody consumed, by their original name.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub attributes: Attributes,
    /// Attributes of the emitting process.
    #[serde(default, skip_serializing_if = "is_without_attributes")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub resource: Arc<Attributes>,
}

impl Span {
    /// Returns a span of which only the identity, the kind and the name are known.
    pub fn new(trace_id: TraceId, span_id: SpanId, kind: SpanKind, name: impl Into<String>) -> Self {
        Self {
            trace_id,
            span_id,
            parent_id: None,
            revision: 0,
            kind,
            name: name.into(),
            start: None,
            end: None,
            sequence: 0,
            status: Status::Unset,
            model: None,
            messages_in: Vec::new(),
            messages_out: Vec::new(),
            input: None,
            output: None,
            tool: None,
            tools_offered: Vec::new(),
            usage: None,
            reported_cost: None,
            finish_reason: None,
            time_to_first_token_ns: None,
            parameters: Attributes::new(),
            facts: RunFacts::default(),
            events: Vec::new(),
            links: Vec::new(),
            scope: None,
            attributes: Attributes::new(),
            resource: Arc::default(),
        }
    }

    /// Returns how long it took; `None` while it runs or when no times were recorded.
    pub fn duration_ns(&self) -> Option<u64> {
        self.end?.nanos_since(self.start?)
    }

    /// Returns whether it started at a known time and has not ended.
    pub fn is_running(&self) -> bool {
        self.start.is_some() && self.end.is_none()
    }
}

fn is_without_attributes(attributes: &Attributes) -> bool {
    attributes.is_empty()
}

/// Returns values that spans can share.
pub fn shared<T>(values: impl IntoIterator<Item = T>) -> Vec<Arc<T>> {
    values.into_iter().map(Arc::new).collect()
}

/// What sort of step a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SpanKind {
    /// An agent's turn or whole run.
    Agent,
    /// A call of a language model.
    Llm,
    /// A tool call that was carried out.
    Tool,
    /// A search in a knowledge base.
    Retrieval,
    /// A call of an embedding model.
    Embedding,
    /// A re-ordering of search results.
    Rerank,
    /// A fixed sequence of steps.
    Workflow,
    /// A step of a workflow or an agent loop.
    Step,
    /// A check that may stop the run.
    Guardrail,
    /// A judgement of another span.
    Evaluation,
    /// Anything else.
    #[default]
    Other,
}

impl SpanKind {
    /// Every kind, in the order of declaration.
    pub const ALL: [Self; 11] = [
        Self::Agent,
        Self::Llm,
        Self::Tool,
        Self::Retrieval,
        Self::Embedding,
        Self::Rerank,
        Self::Workflow,
        Self::Step,
        Self::Guardrail,
        Self::Evaluation,
        Self::Other,
    ];

    /// Returns the kind's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Llm => "llm",
            Self::Tool => "tool",
            Self::Retrieval => "retrieval",
            Self::Embedding => "embedding",
            Self::Rerank => "rerank",
            Self::Workflow => "workflow",
            Self::Step => "step",
            Self::Guardrail => "guardrail",
            Self::Evaluation => "evaluation",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for SpanKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for SpanKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// Whether a span went well, as far as the emitter said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Status {
    /// The emitter said nothing.
    #[default]
    Unset,
    /// The emitter said it went well.
    Ok,
    /// It failed.
    Error {
        /// The class of the error: an exception type, an HTTP status, `timeout`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// The error's message, empty when there was none.
        message: String,
    },
}

impl Status {
    /// Returns whether it is an error.
    pub const fn is_error(&self) -> bool {
        matches!(self, Self::Error { .. })
    }
}

/// The model a span called.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelRef {
    /// Who serves it, in OpenTelemetry's spelling: `openai`, `anthropic`, `gcp.gemini`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The model that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// The provider's id of the answer; tells two records of one call apart from two calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_id: Option<String>,
}

impl ModelRef {
    /// Returns the model that answered, else the one asked for.
    pub fn name(&self) -> Option<&str> {
        self.response.as_deref().or(self.request.as_deref())
    }
}

/// Why a model stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// It was done.
    Stop,
    /// It reached a limit on the answer's length.
    Length,
    /// It asked for tools.
    ToolCall,
    /// The provider withheld the rest.
    ContentFilter,
    /// The provider failed.
    Error,
    /// A reason we do not know, as it was written.
    #[serde(untagged)]
    Other(String),
}

impl FinishReason {
    /// Returns the reason a provider's word names.
    pub fn from_text(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "stop" | "end_turn" | "stop_sequence" | "completed" | "complete" | "eos" => Self::Stop,
            "length" | "max_tokens" | "max_output_tokens" | "model_context_window_exceeded" => Self::Length,
            "tool_call" | "tool_calls" | "tool_use" | "tool-calls" | "function_call" => Self::ToolCall,
            "content_filter" | "content-filter" | "safety" | "refusal" => Self::ContentFilter,
            "error" | "failed" => Self::Error,
            _ => Self::Other(text.to_owned()),
        }
    }

    /// Returns the reason's name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCall => "tool_call",
            Self::ContentFilter => "content_filter",
            Self::Error => "error",
            Self::Other(text) => text,
        }
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for FinishReason {}

// Written out because the derived schema takes the unknown reason for an object.
#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for FinishReason {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some(
                "Why a model stopped: `stop`, `length`, `tool_call`, `content_filter`, `error`, or a reason as it was \
                 written.",
            ))
            .into()
    }
}

/// The instrumentation that emitted a span.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Scope {
    /// Its name, such as `openinference.instrumentation.smolagents`.
    pub name: String,
    /// Its version, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Something that happened at a moment during a span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SpanEvent {
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// What; OpenTelemetry names exceptions `exception`.
    pub name: String,
    /// Details; an exception has `exception.type`, `exception.message`, `exception.stacktrace`.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub attributes: Attributes,
}

/// A relation to a span of another run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SpanLink {
    /// The other run.
    pub trace_id: TraceId,
    /// The span in it.
    pub span_id: SpanId,
    /// Details.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub attributes: Attributes,
}
