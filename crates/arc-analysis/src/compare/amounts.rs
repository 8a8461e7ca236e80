//! What a run costs and how long it takes: two means and the difference, with an interval.
//!
//! Where both tried the same tasks the difference is the mean over shared tasks, resampled by task;
//! otherwise it is that of all runs, with Welch's t interval (B. L. Welch, Biometrika 34, 1947).

use std::collections::BTreeMap;

use arc_model::{Interval, Method, TaskId};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::{Change, Trial, bootstrap::mean_interval};
use crate::reliability::float;

/// A mean over runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Runs it is over.
    pub runs: u64,
}

/// Two means and their difference. Less is better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Difference {
    /// Over the baseline's runs.
    pub baseline: Mean,
    /// Over the candidate's runs.
    pub candidate: Mean,
    /// Tasks that both tried and that the difference is the mean over; zero when it is that of all runs.
    pub shared_tasks: u64,
    /// By how much the candidate is above the baseline.
    pub difference: f64,
    /// Where that lies; `None` with too few runs or tasks.
    pub interval: Option<Interval>,
    /// What follows from the interval; better is less.
    pub change: Change,
}

/// Compares an amount; `None` unless both have runs of which it is known.
pub(super) fn difference(
    before: &[Trial],
    after: &[Trial],
    amount: impl Fn(&Trial) -> Option<f64>,
) -> Option<Difference> {
    let amounts = |trials: &[Trial]| sorted(trials.iter().filter_map(&amount).collect());
    let (all_before, all_after) = (amounts(before), amounts(after));
    let (baseline, candidate) = (mean(&all_before)?, mean(&all_after)?);
    let (tasks_before, tasks_after) = (by_task(before, &amount), by_task(after, &amount));
    let shared: Vec<f64> = tasks_before
        .iter()
        .filter_map(|(task, before)| Some(mean(tasks_after.get(task)?)?.mean - mean(before)?.mean))
        .collect();
    let (difference, interval) = match mean(&shared) {
        Some(of_shared) => (of_shared.mean, mean_interval(&shared)),
        None => (candidate.mean - baseline.mean, welch(&all_before, &all_after)),
    };
    let change = match interval {
        Some(interval) if interval.high < 0.0 => Change::Better,
        Some(interval) if interval.low > 0.0 => Change::Worse,
        Some(_) => Change::NoClearChange,
        None => Change::NotEnoughData,
    };
    Some(Difference { baseline, candidate, shared_tasks: shared.len() as u64, difference, interval, change })
}

fn by_task(trials: &[Trial], amount: impl Fn(&Trial) -> Option<f64>) -> BTreeMap<&TaskId, Vec<f64>> {
    let mut tasks: BTreeMap<&TaskId, Vec<f64>> = BTreeMap::new();
    for trial in trials {
        if let (Some(task), Some(amount)) = (&trial.task, amount(trial)) {
            tasks.entry(task).or_default().push(amount);
        }
    }
    tasks
}

/// Sums go by size, so that the order of arrival does not matter in the last digit either.
fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn mean(values: &[f64]) -> Option<Mean> {
    let values = sorted(values.to_vec());
    let runs = values.len() as u64;
    (runs > 0).then(|| Mean { mean: values.iter().sum::<f64>() / float(runs), runs })
}

fn welch(before: &[f64], after: &[f64]) -> Option<Interval> {
    let spread = |values: &[f64]| -> Option<(f64, f64, f64)> {
        let Mean { mean, runs } = mean(values)?;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (runs > 1).then(|| (mean, squares / float(runs - 1) / float(runs), float(runs - 1)))
    };
    let ((mean1, error1, degrees1), (mean2, error2, degrees2)) = (spread(before)?, spread(after)?);
    let error = error1 + error2;
    if error <= 0.0 {
        return None;
    }
    let degrees = error * error / (error1 * error1 / degrees1 + error2 * error2 / degrees2);
    let reach = StudentsT::new(0.0, 1.0, degrees).ok()?.inverse_cdf(0.975) * error.sqrt();
    Some(Interval { low: mean2 - mean1 - reach, high: mean2 - mean1 + reach, method: Method::WelchT })
}
