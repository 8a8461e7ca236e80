//! What is known about a run once it settled: the row that lists and figures are made of.

use serde::{Deserialize, Serialize};

use crate::{
    AgentRef, CheckResult, Cost, Detection, LeafId, Outcome, SessionId, SpanId, SpanKind, TaskId, Termination,
    Timestamp, TraceId, UserId,
};

/// The settled summary of one trace; everything in it follows from the trace alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Run {
    /// The trace it summarises.
    pub trace_id: TraceId,
    /// The agent that ran.
    pub agent: AgentRef,
    /// The task it is a trial of.
    pub task: Option<TaskId>,
    /// Which trial of the task.
    pub trial: Option<u32>,
    /// The conversation.
    pub session: Option<SessionId>,
    /// The end user.
    pub user: Option<UserId>,
    /// When the first span started; `None` for formats that record no times.
    pub started_at: Option<Timestamp>,
    /// When its first span arrived here.
    pub received_at: Timestamp,
    /// Time from the first start to the last end.
    pub duration_ms: Option<f64>,
    /// Whether it goes on. Until it ends, or is left alone for so long that it is taken to have ended,
    /// its outcome and cost are unknown, it has no findings, and no figure counts it.
    pub is_running: bool,
    /// Whether it succeeded, with every claim.
    pub outcome: Outcome,
    /// How it ended, where known.
    pub termination: Option<Termination>,
    /// How far it was when its process died; `None` unless it ended that way.
    pub death: Option<ProcessDeath>,
    /// What ended it, where an error did: the message of the exception or the failed root.
    pub error: Option<String>,
    /// What its model calls cost.
    pub cost: Cost,
    /// Input tokens of the leaf model calls; `None` when a call did not report them.
    pub input_tokens: Option<u64>,
    /// Output tokens of the leaf model calls; `None` when a call did not report them.
    pub output_tokens: Option<u64>,
    /// Spans.
    pub span_count: u64,
    /// Leaf model calls.
    pub llm_calls: u64,
    /// Tool calls.
    pub tool_calls: u64,
    /// Tool calls whose result is known to be an error or not.
    pub tool_calls_judged: u64,
    /// Of those judged, calls that succeeded with arguments that fit their schema.
    pub tool_calls_correct: u64,
    /// The models called, by name.
    pub models: Vec<String>,
    /// The framework the agent is built with.
    pub framework: Detection,
    /// The domain the agent works in.
    pub domain: Detection,
    /// Findings by leaf.
    pub findings: Vec<LeafCount>,
    /// What the checks that apply to it came to, in the order in which they are declared.
    #[serde(default)]
    pub checks: Vec<CheckResult>,
    /// How far it was after its first, second, fourth … step.
    #[serde(default)]
    pub prefixes: Vec<Prefix>,
    /// Time in which neither a model nor a tool was at work; `None` when times were not recorded.
    #[serde(default)]
    pub overhead_ms: Option<f64>,
    /// Tool calls that repeat one that failed, with the same arguments.
    #[serde(default)]
    pub retries: u64,
    /// The beginning of what was asked.
    pub input_preview: Option<String>,
    /// The beginning of what was answered.
    pub output_preview: Option<String>,
}

impl Run {
    /// Returns the time to sort and bucket by: when it started, else when it arrived.
    pub fn at(&self) -> Timestamp {
        self.started_at.unwrap_or(self.received_at)
    }
}

/// How far a run was when its process died.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProcessDeath {
    /// The innermost step that was cut short; `None` when the run was between two steps.
    pub during: Option<CutShort>,
    /// The name of the last step that was completed; `None` when there was none.
    pub after: Option<String>,
    /// The code with which the process exited, where known.
    pub exit_code: Option<u32>,
    /// The signal that ended it, where known.
    pub signal: Option<u32>,
}

/// A step that had begun and never ended by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CutShort {
    /// Its span.
    pub span_id: SpanId,
    /// What sort of step it is.
    pub kind: SpanKind,
    /// Its name.
    pub name: String,
}

/// How far a run was at one of its steps; a step is a model call or a tool call.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Prefix {
    /// Steps begun.
    pub steps: u32,
    /// Time since the run began; `None` when times were not recorded.
    pub elapsed_ms: Option<f64>,
    /// Those of them that failed.
    pub errors: u32,
    /// Tool calls among them that repeat an earlier one with the same arguments.
    pub repeated: u32,
    /// Tokens of the model calls among them, in and out; `None` when a call did not report them.
    pub tokens: Option<u64>,
}

/// How many findings a run has of a leaf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeafCount {
    /// The leaf.
    pub leaf: LeafId,
    /// Findings of it.
    pub count: u64,
}
