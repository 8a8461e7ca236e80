//! Something that somebody should look at now: raised once, kept, and sent on.

use serde::{Deserialize, Serialize};

use crate::{AgentName, Timestamp, TraceId};

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// An agent succeeds less often than it did.
    ReliabilityDropped,
    /// A budget is used up, or nearly.
    BudgetReached,
    /// Nothing: somebody tries whether alerts arrive.
    Test,
}

/// The figures behind "reliability dropped".
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReliabilityDrop {
    /// Runs of known outcome that it was compared with.
    pub baseline_n: u64,
    /// Those that succeeded.
    pub baseline_successes: u64,
    /// What the success rate was at least, before.
    pub baseline_at_least: f64,
    /// Runs of known outcome since about when it dropped.
    pub recent_n: u64,
    /// Those that succeeded.
    pub recent_successes: u64,
    /// How strong the evidence is: what a bet against "as before" is worth.
    pub e_value: f64,
    /// The worth at which an alert is raised.
    pub threshold: f64,
    /// The chance of a false alarm over the whole life of an agent, at most.
    pub alpha: f64,
}

/// An attempt to send an alert on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Delivery {
    /// Where to: `webhook`, `slack`, `email`.
    pub channel: String,
    /// When.
    pub at: Timestamp,
    /// Why it did not arrive; `None` when it was accepted.
    pub error: Option<String>,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Alert {
    /// Its id: the same news has the same id, whoever raises it.
    pub id: String,
    /// What it is about.
    pub kind: AlertKind,
    /// The agent; `all agents` where it is about all of them.
    pub agent: AgentName,
    /// When it was raised.
    pub raised_at: Timestamp,
    /// The news in one line.
    pub title: String,
    /// What was seen, and what to do.
    pub text: String,
    /// The run that raised it; `None` for a budget and a test.
    pub run: Option<TraceId>,
    /// The figures of a drop of reliability.
    pub drop: Option<ReliabilityDrop>,
    /// Attempts to send it on.
    pub deliveries: Vec<Delivery>,
}
