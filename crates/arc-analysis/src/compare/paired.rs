//! Tasks that both versions tried, compared task by task.
//!
//! The test asks whether the versions are alike *on these tasks*: were they, the trials of a task
//! could be dealt to either version, so given how many of a task's trials succeeded, the candidate's
//! share of them is hypergeometric, independently from task to task. The chance of the total number
//! of successes is computed exactly: the conditional test of A. Agresti, *Categorical Data Analysis*,
//! 3rd ed., 2013, §6.4 ("exact tests of conditional independence"). With one trial on either side of
//! every task it is `McNemar`'s exact test. The interval asks about *tasks like these*: it resamples
//! tasks.

use std::collections::BTreeMap;

use arc_model::{Interval, TaskId};
use serde::{Deserialize, Serialize};
use statrs::function::{erf::erfc, factorial::ln_binomial};

use super::{ByTask, Change, bootstrap::mean_interval, known, too_few};
use crate::reliability::float;

/// Beyond so many steps of the exact computation, the normal approximation is as good.
const EXACT_STEPS: u64 = 20_000_000;

/// The test behind a comparison of shared tasks; two-sided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PairedTest {
    /// `McNemar`'s exact test: every task has one trial on either side.
    McnemarExact,
    /// The exact test of conditional independence given the task.
    StratifiedExact,
    /// Its normal approximation (Mantel–Haenszel, without continuity correction).
    MantelHaenszel,
}

/// What the shared tasks say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Paired {
    /// Tasks of which both have a trial of known outcome.
    pub tasks: u64,
    /// The baseline's trials of them with known outcome.
    pub baseline_trials: u64,
    /// The candidate's trials of them with known outcome.
    pub candidate_trials: u64,
    /// Mean over these tasks of the baseline's success rate: every task counts the same.
    pub baseline_macro: f64,
    /// Mean over these tasks of the candidate's success rate.
    pub candidate_macro: f64,
    /// `candidate_macro − baseline_macro`.
    pub difference: f64,
    /// Where the difference lies for tasks like these; `None` when all tasks differ alike.
    pub interval: Option<Interval>,
    /// Tasks on which the candidate succeeds more often.
    pub better_tasks: u64,
    /// Tasks on which the candidate succeeds less often.
    pub worse_tasks: u64,
    /// The test.
    pub test: PairedTest,
    /// How often chance alone would show a difference as large as this on these tasks.
    pub p_value: f64,
    /// What follows.
    pub change: Change,
}

/// A task's trials of known outcome on both sides.
#[derive(Debug, Clone, Copy)]
struct Pair {
    before: (u64, u64),
    after: (u64, u64),
}

impl Pair {
    fn difference(&self) -> f64 {
        share(self.after) - share(self.before)
    }

    /// The numbers of successes the candidate can have, given those of both together.
    const fn support(&self) -> (u64, u64) {
        let successes = self.before.0 + self.after.0;
        let most = if successes < self.after.1 { successes } else { self.after.1 };
        (successes.saturating_sub(self.before.1), most)
    }
}

fn share((successes, n): (u64, u64)) -> f64 {
    float(successes) / float(n)
}

/// Compares the tasks that both tried; `None` when there is none.
pub(super) fn paired(before: &ByTask<'_>, after: &ByTask<'_>) -> Option<Paired> {
    let counts = |tasks: &ByTask<'_>| -> BTreeMap<TaskId, (u64, u64)> {
        let counted = tasks.iter().map(|(task, trials)| ((*task).clone(), known(trials)));
        counted.filter(|(_, (_, n))| *n > 0).collect()
    };
    let (before, after) = (counts(before), counts(after));
    let pairs: Vec<Pair> = before
        .iter()
        .filter_map(|(task, counts)| after.get(task).map(|after| Pair { before: *counts, after: *after }))
        .collect();
    if pairs.is_empty() {
        return None;
    }
    let differences: Vec<f64> = pairs.iter().map(Pair::difference).collect();
    let mean = |of: &dyn Fn(&Pair) -> f64| pairs.iter().map(of).sum::<f64>() / float(pairs.len() as u64);
    let (baseline_macro, candidate_macro) = (mean(&|pair| share(pair.before)), mean(&|pair| share(pair.after)));
    let difference = candidate_macro - baseline_macro;
    let (baseline_trials, candidate_trials) =
        pairs.iter().fold((0, 0), |sum, pair| (sum.0 + pair.before.1, sum.1 + pair.after.1));
    let (test, p_value, excess) = test(&pairs);
    let change =
        if too_few(baseline_trials, candidate_trials) { Change::NotEnoughData } else { Change::of(excess, p_value) };
    Some(Paired {
        tasks: pairs.len() as u64,
        baseline_trials,
        candidate_trials,
        baseline_macro,
        candidate_macro,
        difference,
        interval: mean_interval(&differences),
        better_tasks: differences.iter().filter(|one| **one > 0.0).count() as u64,
        worse_tasks: differences.iter().filter(|one| **one < 0.0).count() as u64,
        test,
        p_value,
        change,
    })
}

/// Returns the test, its p value, and by how much the candidate's successes exceed what was to be expected.
fn test(pairs: &[Pair]) -> (PairedTest, f64, f64) {
    let (mut mean, mut variance, mut observed, mut span, mut steps) = (0.0, 0.0, 0_u64, 0_u64, 0_u64);
    for pair in pairs {
        let (all, marked) = (float(pair.before.1 + pair.after.1), float(pair.before.0 + pair.after.0));
        let drawn = float(pair.after.1);
        mean += drawn * marked / all;
        if all > 1.0 {
            variance += drawn * (marked / all) * (1.0 - marked / all) * (all - drawn) / (all - 1.0);
        }
        let (low, high) = pair.support();
        observed += pair.after.0 - low;
        steps = steps.saturating_add((span + 1).saturating_mul(high - low + 1));
        span += high - low;
    }
    let lows: u64 = pairs.iter().map(|pair| pair.support().0).sum();
    let excess = float(observed + lows) - mean;
    if variance <= 0.0 {
        return (PairedTest::StratifiedExact, 1.0, 0.0);
    }
    if steps > EXACT_STEPS {
        let p_value = erfc((excess / variance.sqrt()).abs() / std::f64::consts::SQRT_2);
        return (PairedTest::MantelHaenszel, p_value, excess);
    }
    let once = pairs.iter().all(|pair| pair.before.1 == 1 && pair.after.1 == 1);
    let test = if once { PairedTest::McnemarExact } else { PairedTest::StratifiedExact };
    (test, exact(pairs, usize::try_from(observed).unwrap_or(usize::MAX)), excess)
}

/// Returns the chance of all totals that are at most as likely as the one observed.
fn exact(pairs: &[Pair], observed: usize) -> f64 {
    // The distribution of the total, counted from its smallest possible value.
    let mut total = vec![1.0];
    for pair in pairs {
        let (low, high) = pair.support();
        if low == high {
            continue;
        }
        let marked = pair.before.0 + pair.after.0;
        let all = ln_binomial(pair.before.1 + pair.after.1, marked);
        let chance = |x: u64| (ln_binomial(pair.after.1, x) + ln_binomial(pair.before.1, marked - x) - all).exp();
        let chances: Vec<f64> = (low..=high).map(chance).collect();
        let mut next = vec![0.0; total.len() + chances.len() - 1];
        for (start, weight) in total.iter().enumerate() {
            for (slot, chance) in next.iter_mut().skip(start).zip(&chances) {
                *slot += weight * chance;
            }
        }
        total = next;
    }
    let limit = total.get(observed).copied().unwrap_or(0.0) * (1.0 + 1e-7);
    total.iter().filter(|chance| **chance <= limit).sum::<f64>().min(1.0)
}
