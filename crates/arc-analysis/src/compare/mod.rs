//! Two versions of an agent against each other: did it get better, worse, dearer, slower, and where.
//!
//! What is compared like with like are tasks that both tried ([`paired`]): the trials of a task are
//! alike, so a difference within tasks says more than one between two heaps of runs. Tasks that only
//! one of them tried are compared as two shares ([`unpaired`]), and said to be. Which tasks changed is
//! in [`tasks`], cost and time in [`amounts`]; intervals of differences come from [`bootstrap`].
//!
//! Not here: this week against the week before, which is `reliability::trend`. Start at [`compare`].

mod amounts;
mod bootstrap;
mod paired;
mod tasks;
mod unpaired;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use arc_model::{NanoUsd, Rate, Run, TaskId, TraceId, Verdict};
use serde::{Deserialize, Serialize};

pub use amounts::{Difference, Mean};
pub use bootstrap::{RESAMPLES, SEED};
pub use paired::{Paired, PairedTest};
pub use tasks::{TaskChange, TaskResult};
pub use unpaired::Unpaired;
pub(crate) use unpaired::newcombe;

use crate::reliability::{Cluster, ENOUGH_RUNS, SIGNIFICANCE, clustered_rate};

/// What a comparison needs to know of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// The run.
    pub run: TraceId,
    /// The task it is a trial of.
    pub task: Option<TaskId>,
    /// Whether it succeeded.
    pub verdict: Verdict,
    /// What it cost, where known.
    pub cost: Option<NanoUsd>,
    /// How long it took, where known.
    pub duration_ms: Option<f64>,
}

impl From<&Run> for Trial {
    fn from(run: &Run) -> Self {
        Self {
            run: run.trace_id,
            task: run.task.clone(),
            verdict: run.outcome.verdict,
            cost: run.cost.known(),
            duration_ms: run.duration_ms.filter(|ms| ms.is_finite() && *ms >= 0.0),
        }
    }
}

/// Which way it went from the baseline to the candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The candidate succeeds more often, p < 0.05.
    Better,
    /// The candidate succeeds less often, p < 0.05.
    Worse,
    /// The difference, if any, may be chance.
    NoClearChange,
    /// One of the two has fewer than five runs of known outcome to compare.
    NotEnoughData,
}

impl Change {
    /// Judges a difference by its p value.
    fn of(difference: f64, p_value: f64) -> Self {
        match p_value < SIGNIFICANCE {
            true if difference > 0.0 => Self::Better,
            true if difference < 0.0 => Self::Worse,
            _ => Self::NoClearChange,
        }
    }
}

/// One of the two that are compared, over all its runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Side {
    /// What it is called.
    pub name: String,
    /// Runs that ended, whatever their outcome.
    pub runs: u64,
    /// Runs whose outcome nobody knows; they count in no rate.
    pub unknown_outcomes: u64,
    /// Runs that succeeded among those of known outcome, pooled over all tasks.
    pub success: Rate,
}

/// A baseline and a candidate, and what is different.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Comparison {
    /// What is compared with.
    pub baseline: Side,
    /// What is compared.
    pub candidate: Side,
    /// The answer: from the shared tasks where there are any, else from all runs.
    pub change: Change,
    /// Tasks that both tried; `None` when there is none.
    pub paired: Option<Paired>,
    /// Runs of tasks that only one of them tried, and runs without a task; `None` unless both have some.
    pub unpaired: Option<Unpaired>,
    /// Tasks that always succeeded and now always fail.
    pub newly_failing: Vec<TaskChange>,
    /// Tasks that always failed and now always succeed.
    pub newly_passing: Vec<TaskChange>,
    /// Tasks of which the candidate sometimes succeeds and sometimes fails.
    pub flaky: Vec<TaskChange>,
    /// What a run costs, in nano-dollars; `None` unless both have runs of known cost.
    pub cost_nano_usd: Option<Difference>,
    /// How long a run takes, in milliseconds; `None` unless both have runs of known duration.
    pub duration_ms: Option<Difference>,
    /// The seed of the generator behind the bootstrap intervals: the same runs give the same figures.
    pub seed: u64,
}

/// Trials by task; the runs without a task are not among them.
type ByTask<'a> = BTreeMap<&'a TaskId, Vec<&'a Trial>>;

/// Compares a candidate with a baseline, each given with its name and its runs in any order.
pub fn compare(baseline: (&str, &[Trial]), candidate: (&str, &[Trial])) -> Comparison {
    let (before, after) = (by_task(baseline.1), by_task(candidate.1));
    let paired = paired::paired(&before, &after);
    let is_shared = |trial: &Trial| {
        let tried = |tasks: &ByTask<'_>, task: &TaskId| tasks.get(task).is_some_and(|trials| known(trials).1 > 0);
        trial.task.as_ref().is_some_and(|task| tried(&before, task) && tried(&after, task))
    };
    let unpaired = unpaired::unpaired(
        baseline.1.iter().filter(|trial| !is_shared(trial)),
        candidate.1.iter().filter(|trial| !is_shared(trial)),
    );
    let changes = tasks::changes(&before, &after);
    let pick = |wanted: fn(&TaskChange) -> bool| changes.iter().filter(|one| wanted(one)).cloned().collect();
    Comparison {
        change: match (&paired, &unpaired) {
            (Some(paired), _) => paired.change,
            (None, Some(unpaired)) => unpaired.change,
            (None, None) => Change::NotEnoughData,
        },
        newly_failing: pick(TaskChange::is_newly_failing),
        newly_passing: pick(TaskChange::is_newly_passing),
        flaky: pick(TaskChange::is_flaky),
        cost_nano_usd: amounts::difference(baseline.1, candidate.1, |trial| trial.cost.map(nanos)),
        duration_ms: amounts::difference(baseline.1, candidate.1, |trial| trial.duration_ms),
        baseline: side(baseline, &before),
        candidate: side(candidate, &after),
        paired,
        unpaired,
        seed: SEED,
    }
}

fn side((name, trials): (&str, &[Trial]), tasks: &ByTask<'_>) -> Side {
    let cluster = |(successes, n), times| Cluster { successes, n, times };
    let mut clusters: Vec<_> = tasks.values().map(|trials| cluster(known(trials), 1)).collect();
    let loose: Vec<&Trial> = trials.iter().filter(|trial| trial.task.is_none()).collect();
    let (successes, n) = known(&loose);
    clusters.extend([cluster((1, 1), successes), cluster((0, 1), n - successes)]);
    let success = clustered_rate(&clusters);
    let runs = trials.len() as u64;
    Side { name: name.to_owned(), runs, unknown_outcomes: runs.saturating_sub(success.n), success }
}

fn by_task(trials: &[Trial]) -> ByTask<'_> {
    let mut tasks = ByTask::new();
    for trial in trials {
        if let Some(task) = &trial.task {
            tasks.entry(task).or_default().push(trial);
        }
    }
    tasks
}

/// Returns how many trials succeeded, and of how many the outcome is known.
fn known(trials: &[&Trial]) -> (u64, u64) {
    trials.iter().fold((0, 0), |(successes, n), trial| match trial.verdict {
        Verdict::Succeeded => (successes + 1, n + 1),
        Verdict::Failed => (successes, n + 1),
        Verdict::Unknown => (successes, n),
    })
}

/// Returns whether two counts are too few to say anything.
const fn too_few(before: u64, after: u64) -> bool {
    before < ENOUGH_RUNS || after < ENOUGH_RUNS
}

#[expect(clippy::cast_precision_loss, reason = "the cost of a run stays far below 2^53 nano-dollars")]
const fn nanos(cost: NanoUsd) -> f64 {
    cost.0 as f64
}
