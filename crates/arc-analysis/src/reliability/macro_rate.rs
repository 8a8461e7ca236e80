//! Two figures that count every task the same, however often it was tried.
//!
//! *Macro* is the mean of the tasks' success rates; *pooled* is the share of all runs. They differ where
//! tasks were tried unequally often, and neither is wrong: pooled is what users met, macro what the
//! agent can do on the tasks there are. So each is named.

use arc_model::{Interval, Method};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::{interval::float, pass_k::Trials};

/// A mean over tasks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaskMean {
    /// The mean; every task counts the same.
    pub value: f64,
    /// Tasks it is over.
    pub tasks: u64,
    /// Student's t interval over tasks; `None` with fewer than two tasks, or when all are alike.
    pub interval: Option<Interval>,
}

/// Returns the mean of the tasks' success rates; `None` when no task has a trial of known outcome.
pub fn macro_success(tasks: &[Trials]) -> Option<TaskMean> {
    mean(tasks.iter().filter(|task| task.n > 0).map(|task| float(task.successes) / float(task.n)).collect())
}

/// Returns how often two trials of a task agree, whether they succeed or fail: 1 is an agent that always
/// does the same, ½ one that tosses a coin. `None` when no task was tried twice.
pub fn consistency(tasks: &[Trials]) -> Option<TaskMean> {
    let agree = |task: &Trials| {
        let pairs = |count: u64| float(count) * float(count.saturating_sub(1));
        (pairs(task.successes) + pairs(task.n - task.successes.min(task.n))) / pairs(task.n)
    };
    mean(tasks.iter().filter(|task| task.n > 1).map(agree).collect())
}

fn mean(mut values: Vec<f64>) -> Option<TaskMean> {
    values.sort_by(f64::total_cmp);
    let tasks = values.len() as u64;
    if tasks == 0 {
        return None;
    }
    let value = values.iter().sum::<f64>() / float(tasks);
    let squares: f64 = values.iter().map(|one| (one - value).powi(2)).sum();
    let interval = (tasks > 1 && squares > 1e-18).then(|| {
        let error = (squares / float(tasks - 1) / float(tasks)).sqrt();
        let t = StudentsT::new(0.0, 1.0, float(tasks - 1)).ok()?.inverse_cdf(0.975);
        let (low, high) = ((value - t * error).max(0.0), (value + t * error).min(1.0));
        Some(Interval { low, high, method: Method::StudentT })
    });
    Some(TaskMean { value, tasks, interval: interval.flatten() })
}
