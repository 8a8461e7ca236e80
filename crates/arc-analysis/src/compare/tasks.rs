//! Which tasks changed, each with the runs that show it.

use arc_model::{TaskId, TraceId, Verdict};
use serde::{Deserialize, Serialize};

use super::{ByTask, Trial, known};

/// Runs named per task and side; more are counted.
const RUNS_NAMED: usize = 5;

/// How a version fares on a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaskResult {
    /// Trials that succeeded.
    pub succeeded: u64,
    /// Trials that failed.
    pub failed: u64,
    /// Some of these trials, the failed ones first.
    pub runs: Vec<TraceId>,
}

impl TaskResult {
    fn of(trials: &[&Trial]) -> Self {
        let (succeeded, n) = known(trials);
        let mut named: Vec<_> = trials.iter().filter(|trial| trial.verdict != Verdict::Unknown).collect();
        named.sort_by_key(|trial| (trial.verdict != Verdict::Failed, trial.run));
        let runs = named.into_iter().take(RUNS_NAMED).map(|trial| trial.run).collect();
        Self { succeeded, failed: n - succeeded, runs }
    }

    const fn always_succeeds(&self) -> bool {
        self.succeeded > 0 && self.failed == 0
    }

    const fn always_fails(&self) -> bool {
        self.failed > 0 && self.succeeded == 0
    }
}

/// A task that both tried, or that the candidate is not sure of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaskChange {
    /// The task.
    pub task: TaskId,
    /// The baseline on it; no trials when only the candidate tried it.
    pub baseline: TaskResult,
    /// The candidate on it.
    pub candidate: TaskResult,
}

impl TaskChange {
    pub(super) const fn is_newly_failing(&self) -> bool {
        self.baseline.always_succeeds() && self.candidate.always_fails()
    }

    pub(super) const fn is_newly_passing(&self) -> bool {
        self.baseline.always_fails() && self.candidate.always_succeeds()
    }

    pub(super) const fn is_flaky(&self) -> bool {
        self.candidate.succeeded > 0 && self.candidate.failed > 0
    }
}

/// Returns every task of the candidate beside the baseline's trials of it, ordered by task.
pub(super) fn changes(before: &ByTask<'_>, after: &ByTask<'_>) -> Vec<TaskChange> {
    let result = |trials: Option<&Vec<&Trial>>| TaskResult::of(trials.map_or(&[], Vec::as_slice));
    let change = |(task, trials): (&&TaskId, &Vec<&Trial>)| TaskChange {
        task: (*task).clone(),
        baseline: result(before.get(*task)),
        candidate: result(Some(trials)),
    };
    after.iter().map(change).collect()
}
