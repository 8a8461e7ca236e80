//! Learning from failures: scenarios drafted from real runs, what an agent masters of them, and how fast it gets better.
//!
//! Start at [`Scenario::draft`] (a case made of the run in which an issue was first seen), then [`mastery`] and
//! [`curriculum`] (which scenario to try next, and why), then [`history`] and [`velocity`]. All of it is computed from
//! what runs showed; nothing is assumed about a scenario that was never tried but a prior that is stated.

mod curriculum;
mod scenario;
#[cfg(test)]
mod tests;
mod velocity;

pub use curriculum::{Lesson, Mastery, MasteryState, TARGET, curriculum, mastery};
pub use scenario::{
    FixedResult, NOT_RECORDED, Provenance, Scenario, ScenarioCheck, ScenarioState, Verified, VersionTrials, input_key,
};
pub use velocity::{History, Pace, Velocity, VersionHistory, WeekHistory, history, velocity};

use arc_model::{AgentName, Run};
use serde::{Deserialize, Serialize};

/// What an agent learnt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Learning {
    /// The agent.
    pub agent: AgentName,
    /// Its current version: that of its latest run.
    pub version: Option<String>,
    /// How it did, by version and by week.
    pub history: History,
    /// Runs that the history is made of: the latest ones, 1,000 at most.
    pub runs: u64,
    /// Whether it gets better.
    pub velocity: Velocity,
    /// Scenarios that the current version masters.
    pub mastered: u64,
    /// Scenarios that the trials do not tell about yet.
    pub learning: u64,
    /// Scenarios that it does not master yet.
    pub not_yet: u64,
    /// Scenarios in the order in which to try them, each with the reason.
    pub next: Vec<Lesson>,
}

/// Puts together what an agent learnt from its latest runs and its scenarios.
pub fn learn(agent: &AgentName, version: Option<&str>, runs: &[Run], scenarios: &[Scenario]) -> Learning {
    let next = curriculum(scenarios, version);
    let history = history(runs);
    let of = |state| next.iter().map(|lesson| u64::from(lesson.mastery.state == state)).sum();
    Learning {
        agent: agent.clone(),
        version: version.map(str::to_owned),
        velocity: velocity(&history),
        runs: history.versions.iter().map(|version| version.runs).sum(),
        history,
        mastered: of(MasteryState::Mastered),
        learning: of(MasteryState::Learning),
        not_yet: of(MasteryState::NotYet),
        next,
    }
}
