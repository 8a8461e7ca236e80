//! Queries and pages. Every listing has a total order, so pages concatenate to the whole.

use arc_model::{AgentName, CostDimension, LeafId, ProjectId, Run, TaskId, Timestamp, TraceId, Verdict};
use serde::{Deserialize, Serialize};

/// A place in a listing; opaque to everybody but the store that gave it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// A piece of a listing.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items, in the listing's order.
    pub items: Vec<T>,
    /// Where the rest starts; `None` at the end.
    pub next: Option<Cursor>,
}

/// Which runs to list: newest first by [`Run::at`], ties by trace id, the smaller first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunQuery {
    /// Only runs of this agent.
    pub agent: Option<AgentName>,
    /// Only runs with this outcome.
    pub verdict: Option<Verdict>,
    /// Only trials of this task.
    pub task: Option<TaskId>,
    /// Only runs with a finding of this leaf.
    pub leaf: Option<LeafId>,
    /// Only runs at or after this time.
    pub since: Option<Timestamp>,
    /// Only runs before this time.
    pub until: Option<Timestamp>,
    /// Continue here.
    pub after: Option<Cursor>,
    /// At most this many, at least one; a store MAY return fewer only at the end.
    pub limit: u32,
}

/// Which findings to list: newest run first, then in the order of the run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FindingQuery {
    /// Only findings of this run.
    pub trace_id: Option<TraceId>,
    /// Only findings in runs of this agent.
    pub agent: Option<AgentName>,
    /// Only findings of this leaf.
    pub leaf: Option<LeafId>,
    /// Continue here.
    pub after: Option<Cursor>,
    /// At most this many, at least one; a store MAY return fewer only at the end.
    pub limit: u32,
}

/// Which division of cost and time to read: the dearest first, ties by name, then by agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostQuery {
    /// By what to divide.
    pub by: CostDimension,
    /// Only runs of this agent.
    pub agent: Option<AgentName>,
    /// Only runs of the UTC day in which this lies, and later ones. Not for divisions of which only sums over
    /// all time are kept ([`CostDimension::is_all_time`]).
    pub since: Option<Timestamp>,
    /// At most this many lines.
    pub limit: u32,
}

/// The number of a change; grows by each settled run, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChangeSeq(pub u64);

/// A run that was settled or settled anew.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its number.
    pub seq: ChangeSeq,
    /// The project.
    pub project: ProjectId,
    /// The run as it is now.
    pub run: Run,
}
