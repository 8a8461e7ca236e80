//! Will the agent finish its task every time: success rate, pass^k, grade, trend, tool accuracy.
//!
//! Everything is computed from counts ([`AgentFigures`]), never from traces, and no figure hides
//! how much data it rests on. Start at [`reliability`]; the statistics are in the modules below it.

mod alarm;
mod change_point;
mod grade;
mod interval;
mod judged;
mod logistic;
mod macro_rate;
mod pass_k;
mod recent;
mod tool_calls;
mod trend;
mod warning;

#[cfg(test)]
mod tests;

use arc_model::{AgentFigures, Interval, Rate, TaskTally, Timestamp};
use serde::{Deserialize, Serialize};

pub use alarm::{Alarm, AlarmSettings, Drop};
pub use change_point::{ChangePoint, change_point, clearest};
pub use grade::{Grade, Letter, grade};
pub use interval::{Cluster, clustered_rate, jeffreys, rate, task_clustered, wilson};
pub use judged::{Corrected, Judged, Verdicts, judged, prediction_powered, rogan_gladen};
pub use macro_rate::{TaskMean, consistency, macro_success};
pub use pass_k::{PassAtK, Trials, pass_at_k, pass_hat_k};
pub use recent::{Ending, Latency, Quantile, RECENT_RUNS, Recent, quantile, recent};
pub use tool_calls::{ToolUse, ToolUseScore, tool_use};
pub use trend::{Direction, ENOUGH_RUNS, SIGNIFICANCE, Trend, TrendTest, compare, trend};

pub use warning::{Backtest, Forecast, Skill, Warning};

pub(crate) use interval::{clustered_error, float, wilson_of_share};
pub(crate) use recent::latency;

/// The largest k that pass^k and pass@k are given for.
pub const MAX_K: u64 = 8;

/// How reliable an agent is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reliability {
    /// Settled runs, whatever their outcome.
    pub runs: u64,
    /// Runs whose outcome nobody knows; they count in no rate.
    pub unknown_outcomes: u64,
    /// Runs that succeeded among those of known outcome. The interval respects that trials of one
    /// task are alike, where tasks repeat.
    pub success: Rate,
    /// The same with the interval that takes all runs for independent.
    pub success_naive: Rate,
    /// The same with Jeffreys' interval, which suits small counts and also takes runs for independent.
    #[serde(default)]
    pub success_jeffreys: Option<Interval>,
    /// The mean of the tasks' success rates, where `success` pools all runs; `None` without a task.
    #[serde(default)]
    pub success_macro: Option<TaskMean>,
    /// How often two trials of a task agree; `None` when no task was tried twice.
    #[serde(default)]
    pub consistency: Option<TaskMean>,
    /// How many tasks were tried.
    pub tasks: TaskCount,
    /// The letter of `success`; `None` when no outcome is known.
    pub grade: Option<Grade>,
    /// The chance that k tries of a task all succeed.
    pub pass_hat_k: Vec<PassAtK>,
    /// The chance that at least one of k tries of a task succeeds.
    pub pass_at_k: Vec<PassAtK>,
    /// Whether the figures for different k are over different tasks, because some have fewer than k
    /// trials: then a change from one k to the next may be that of the tasks.
    #[serde(default)]
    pub tasks_change_with_k: bool,
    /// This week against the week before.
    pub trend: Trend,
    /// Tool calls that succeeded with arguments that fit their schema, among those that can be judged.
    pub tool_accuracy: Rate,
    /// Runs that ended at their step limit.
    pub step_limit_failures: u64,
    /// Runs that ended by a timeout.
    pub timeout_failures: u64,
}

/// How many tasks were tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaskCount {
    /// Tasks with a run.
    pub count: u64,
    /// Tasks with at least two trials of known outcome.
    pub repeated: u64,
}

/// Returns how reliable the agent with these counts is.
pub fn reliability(figures: &AgentFigures, now: Timestamp) -> Reliability {
    let (mut succeeded, mut failed, mut unknown) = (0, 0, 0);
    for task in &figures.tasks {
        succeeded += task.succeeded;
        failed += task.failed;
        unknown += task.unknown;
    }
    let success = clustered_rate(&clusters(&figures.tasks));
    let trials: Vec<Trials> = named(&figures.tasks).map(trials).collect();
    let longest = trials.iter().map(|task| task.n).max().unwrap_or(0).min(MAX_K);
    let days = figures.days.iter();
    let (correct, judged) =
        days.fold((0, 0), |sum, day| (sum.0 + day.tool_calls_correct, sum.1 + day.tool_calls_judged));
    Reliability {
        runs: succeeded + failed + unknown,
        unknown_outcomes: unknown,
        success,
        success_naive: rate(succeeded, succeeded + failed),
        success_jeffreys: jeffreys(succeeded, succeeded + failed),
        success_macro: macro_success(&trials),
        consistency: consistency(&trials),
        tasks: TaskCount {
            count: count(trials.len()),
            repeated: count(trials.iter().filter(|task| task.n >= 2).count()),
        },
        grade: grade(&success),
        tasks_change_with_k: trials.iter().any(|task| task.n > 0 && task.n < longest),
        pass_hat_k: (1..=longest).filter_map(|k| pass_hat_k(&trials, k)).collect(),
        pass_at_k: (1..=longest).filter_map(|k| pass_at_k(&trials, k)).collect(),
        trend: trend(figures, now),
        tool_accuracy: rate(correct, judged),
        step_limit_failures: figures.days.iter().map(|day| day.step_limit).sum(),
        timeout_failures: figures.days.iter().map(|day| day.timeout).sum(),
    }
}

fn named(tasks: &[TaskTally]) -> impl Iterator<Item = &TaskTally> {
    tasks.iter().filter(|task| task.task.is_some())
}

const fn trials(task: &TaskTally) -> Trials {
    Trials { successes: task.succeeded, n: task.succeeded + task.failed }
}

/// A task is a cluster; a run without a task is one of its own.
fn clusters(tasks: &[TaskTally]) -> Vec<Cluster> {
    let mut clusters = Vec::with_capacity(tasks.len() + 1);
    for task in tasks {
        if task.task.is_some() {
            clusters.push(Cluster { successes: task.succeeded, n: task.succeeded + task.failed, times: 1 });
        } else {
            clusters.push(Cluster { successes: 1, n: 1, times: task.succeeded });
            clusters.push(Cluster { successes: 0, n: 1, times: task.failed });
        }
    }
    clusters
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}
