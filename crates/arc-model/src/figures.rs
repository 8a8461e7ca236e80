//! Counts over an agent's settled runs: what its figures are computed from, and all they need.

use serde::{Deserialize, Serialize};

use crate::{AgentName, LeafId, NanoUsd, Severity, TaskId, Timestamp, TraceId, UnknownCost};

/// An agent in a listing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentSummary {
    /// Its name.
    pub name: AgentName,
    /// The version of its latest run, where known.
    pub version: Option<String>,
    /// The domain of its latest run, where known.
    pub domain: Option<String>,
    /// The framework of its latest run, where known.
    pub framework: Option<String>,
    /// Settled runs, whatever their outcome; those still running are not among them.
    pub runs: u64,
    /// Runs that succeeded.
    pub succeeded: u64,
    /// Runs that failed.
    pub failed: u64,
    /// When its latest run was.
    pub last_run_at: Timestamp,
}

/// Counts over an agent's settled runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AgentFigures {
    /// One entry per task, ordered by task; `None` gathers runs without a task and comes first.
    pub tasks: Vec<TaskTally>,
    /// One entry per UTC day with runs, in order.
    pub days: Vec<DayTally>,
    /// One entry per leaf with findings, most runs first, ties by leaf.
    pub leaves: Vec<LeafTally>,
    /// Why runs could not be priced, most runs first.
    pub unpriced: Vec<UnpricedTally>,
}

/// Counts over the trials of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaskTally {
    /// The task.
    pub task: Option<TaskId>,
    /// Trials that succeeded.
    pub succeeded: u64,
    /// Trials that failed.
    pub failed: u64,
    /// Trials whose outcome nobody knows.
    pub unknown: u64,
}

/// Counts over the runs of a day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DayTally {
    /// Midnight UTC at which the day begins.
    pub day: Timestamp,
    /// Runs that succeeded.
    pub succeeded: u64,
    /// Runs that failed.
    pub failed: u64,
    /// Runs whose outcome nobody knows.
    pub unknown: u64,
    /// Runs that ended at their step limit.
    pub step_limit: u64,
    /// Runs that ended by a timeout.
    pub timeout: u64,
    /// Runs whose cost is known.
    pub priced: u64,
    /// What the priced runs cost together.
    pub cost: NanoUsd,
    /// Tool calls whose result is known to be an error or not.
    pub tool_calls_judged: u64,
    /// Of those judged, calls that were correct.
    pub tool_calls_correct: u64,
}

/// Counts over the findings of a leaf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeafTally {
    /// The leaf.
    pub leaf: LeafId,
    /// The worst severity among the findings.
    pub severity: Severity,
    /// Runs with at least one finding of it.
    pub runs: u64,
    /// Findings of it.
    pub findings: u64,
    /// When the first such run was.
    pub first_at: Timestamp,
    /// When the latest such run was.
    pub last_at: Timestamp,
    /// The latest run with a finding of it: where to look first.
    pub latest: TraceId,
}

/// Counts over the runs whose cost is unknown for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UnpricedTally {
    /// The reason.
    pub why: UnknownCost,
    /// Runs.
    pub runs: u64,
}
