//! The vocabulary of arc-eval: what every other crate talks about. No IO, no clock, no randomness.
//!
//! Reading order: [`Span`] is the unit that is captured and stored, [`Trace`] the tree of one run,
//! [`Run`] what is known about it once it settled ([`Outcome`], [`Cost`], findings).
//! [`Finding`] and [`Evidence`] are claims about a run; [`Rate`] is the only way to state a share.
//! [`sketch`] is the one-line-per-span notation that tests, documentation and the command line use.
//!
//! Three rules shape the types: unknown is a value, every rate carries its n and an interval, and
//! a finding without evidence cannot be constructed.

mod agent;
mod alert;
mod attributes;
mod capture;
mod check;
mod costs;
mod diagnostic;
mod figures;
mod finding;
mod id;
mod message;
mod money;
mod outcome;
mod rate;
mod run;
pub mod sketch;
mod span;
pub mod supplement;
mod time;
mod tool;
mod trace;
pub mod treated;
mod usage;

pub use agent::{AgentName, AgentRef, Detection, RunFacts};
pub use alert::{Alert, AlertKind, Delivery, ReliabilityDrop};
pub use attributes::{Attributes, Json, Payload};
pub use capture::{Capture, CaptureCounts, CaptureKind, CaptureRuns, Rejected, RejectedUnit};
pub use check::{CallCounts, CheckId, CheckResult, CheckState};
pub use costs::{CostDimension, CostPart, CostSums, CostTally, RunCosts};
pub use diagnostic::{Diagnostic, Place, Severity as DiagnosticSeverity};
pub use figures::{AgentFigures, AgentSummary, DayTally, LeafTally, TaskTally, UnpricedTally};
pub use finding::{Cause, Confidence, Evidence, Field, Finding, FindingId, LeafId, Severity};
pub use id::{IdError, ProjectId, SessionId, SpanId, TaskId, TraceId, UserId};
pub use message::{Message, Part, Role};
pub use money::{Cost, CostLine, NanoUsd, UnknownCost};
pub use outcome::{Outcome, OutcomeClaim, OutcomeSource, Termination, Verdict};
pub use rate::{Interval, Method, Rate};
pub use run::{CutShort, LeafCount, Prefix, ProcessDeath, Run};
pub use span::{FinishReason, ModelRef, Scope, Span, SpanEvent, SpanKind, SpanLink, Status, shared};
pub use time::{Clock, Timestamp};
pub use tool::{ToolCall, ToolDefinition};
pub use trace::Trace;
pub use usage::{InputRule, Usage, UsageSource};
