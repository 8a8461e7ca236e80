//! How many more runs would decide, if they were like those there are.
//!
//! An answer for planning, not a promise: the next runs may be different, and the rate with them.

use arc_model::{Method, Rate};

use crate::reliability::{Cluster, clustered_error, float, wilson_of_share};

/// More than this many runs is as good as never.
const NEVER: u64 = 10_000_000;

/// The 97.5 % quantile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Returns how many more runs would take the interval to one side of `min`.
pub(super) fn of_share(rate: &Rate, clusters: &[Cluster], min: f64) -> Option<u64> {
    let share = rate.estimate?;
    if rate.interval?.method != Method::Wilson {
        return of_mean(rate.n, clustered_error(clusters)?, (share - min).abs());
    }
    // Tasks that repeat and agree count once each, so that many trials come with each new one.
    let count: u64 = clusters.iter().filter(|one| one.n > 0).map(|one| one.times).sum();
    let repeats = clusters.iter().any(|one| one.n >= 2 && one.times > 0) && count > 1;
    let (known, each) = if repeats { (count, float(rate.n) / float(count)) } else { (rate.n, 1.0) };
    let decides = |n: u64| {
        let interval = wilson_of_share(share, n);
        interval.low >= min || interval.high < min
    };
    let (mut low, mut high) = (known, known.max(1));
    while !decides(high) {
        (low, high) = (high, high.saturating_mul(2));
        if high > NEVER {
            return None;
        }
    }
    while low + 1 < high {
        let middle = low.midpoint(high);
        if decides(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(whole(float(high - known) * each))
}

/// Returns how many more of `n` runs would shrink an error to a distance; it falls with the root of n.
pub(super) fn of_mean(n: u64, error: f64, distance: f64) -> Option<u64> {
    let all = float(n) * (Z * error / distance).powi(2);
    (all.is_finite() && all <= float(NEVER)).then(|| whole(all - float(n)).max(1))
}

/// Returns the standard error of the mean of all trials, given the sum and count of each cluster;
/// `None` with fewer than two clusters or without any spread.
pub(super) fn error_of_mean(clusters: &[(f64, u64)], mean: f64) -> Option<f64> {
    let count = clusters.len() as u64;
    let n: u64 = clusters.iter().map(|(_, n)| n).sum();
    let squares: f64 = clusters.iter().map(|(sum, n)| (sum - mean * float(*n)).powi(2)).sum();
    if count < 2 || squares <= 0.0 {
        return None;
    }
    Some((float(count) / float(count - 1) * squares).sqrt() / float(n))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of runs below ten million")]
fn whole(runs: f64) -> u64 {
    runs.max(0.0).ceil() as u64
}
