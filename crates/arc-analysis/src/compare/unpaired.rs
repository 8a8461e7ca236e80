//! Runs that cannot be paired by task: two shares beside each other.
//!
//! The test is that of the trend, Fisher's exact or the z test of two proportions; the interval of
//! the difference is Newcombe's, from the two Wilson intervals (R. G. Newcombe, *Interval estimation
//! for the difference between independent proportions*, Statistics in Medicine 17, 1998, method 10).
//! Different tasks may simply be harder, which no test on them can tell.

use arc_model::{Interval, Method, Rate, Verdict};
use serde::{Deserialize, Serialize};

use super::{Change, Trial};
use crate::reliability::{self, Direction, TrendTest, rate};

/// What the runs say that have no partner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Unpaired {
    /// The baseline's runs.
    pub baseline: Rate,
    /// The candidate's runs.
    pub candidate: Rate,
    /// `candidate − baseline`.
    pub difference: f64,
    /// Where the difference lies; takes all runs for independent.
    pub interval: Option<Interval>,
    /// The test; `None` when there is not enough data for one.
    pub test: Option<TrendTest>,
    /// How often chance alone would show a difference as large as this.
    pub p_value: Option<f64>,
    /// What follows.
    pub change: Change,
}

/// Compares two heaps of runs; `None` when either has no known outcome.
pub(super) fn unpaired<'a>(
    before: impl Iterator<Item = &'a Trial>,
    after: impl Iterator<Item = &'a Trial>,
) -> Option<Unpaired> {
    let (baseline, candidate) = (share(before), share(after));
    let difference = candidate.estimate? - baseline.estimate?;
    let trend = reliability::compare(candidate, baseline);
    let change = match trend.direction {
        Direction::Improving => Change::Better,
        Direction::Declining => Change::Worse,
        Direction::NoClearChange => Change::NoClearChange,
        Direction::NotEnoughData => Change::NotEnoughData,
    };
    let interval = newcombe(&baseline, &candidate);
    Some(Unpaired { baseline, candidate, difference, interval, test: trend.test, p_value: trend.p_value, change })
}

fn share<'a>(trials: impl Iterator<Item = &'a Trial>) -> Rate {
    let (mut successes, mut n) = (0, 0);
    for trial in trials {
        successes += u64::from(trial.verdict == Verdict::Succeeded);
        n += u64::from(trial.verdict != Verdict::Unknown);
    }
    rate(successes, n)
}

/// Returns Newcombe's interval of `after − before`.
pub(crate) fn newcombe(before: &Rate, after: &Rate) -> Option<Interval> {
    let (p1, p2) = (after.estimate?, before.estimate?);
    let (one, two) = (after.interval?, before.interval?);
    let reach = |a: f64, b: f64| (a * a + b * b).sqrt();
    let difference = p1 - p2;
    Some(Interval {
        low: (difference - reach(p1 - one.low, two.high - p2)).max(-1.0),
        high: (difference + reach(one.high - p1, p2 - two.low)).min(1.0),
        method: Method::Newcombe,
    })
}
