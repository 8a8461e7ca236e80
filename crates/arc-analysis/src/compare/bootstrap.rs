//! Intervals of a mean over tasks, by resampling tasks: the cluster bootstrap.
//!
//! The percentile interval with the levels widened for few tasks, as t is wider than the normal
//! ("expanded percentile": T. Hesterberg, *What teachers should know about the bootstrap*, The
//! American Statistician 69(4), 2015, §4.1). The generator is fixed (`SplitMix64`, seeded with
//! [`SEED`]), so the same runs give the same interval, in whatever order they came.

use arc_model::{Interval, Method};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use crate::{random::SplitMix64, reliability::float};

/// Resamples taken, unless there are very many tasks.
pub const RESAMPLES: u64 = 9_999;

/// The seed of the generator.
pub const SEED: u64 = 20_240_611;

/// Values drawn at most: with very many tasks fewer resamples are as good.
const DRAWS: u64 = 20_000_000;

/// Fewest resamples.
const FEWEST: u64 = 999;

/// The 97.5 % level.
const LEVEL: f64 = 0.975;

/// Returns the 95 % interval of the mean of one value per task; `None` with fewer than two tasks, or
/// when all are equal: an interval of no width would claim a certainty that they cannot give.
pub(crate) fn mean_interval(values: &[f64]) -> Option<Interval> {
    let count = values.len() as u64;
    let first = *values.first()?;
    if count < 2 || values.iter().all(|value| (value - first).abs() <= 1e-12 * first.abs().max(1e-12)) {
        return None;
    }
    let mut values = values.to_vec();
    // The order of the tasks must not matter.
    values.sort_by(f64::total_cmp);
    let mut random = SplitMix64(SEED);
    let resamples = (DRAWS / count).clamp(FEWEST, RESAMPLES);
    let mut means: Vec<f64> = (0..resamples)
        .map(|_| (0..count).filter_map(|_| values.get(random.below(count))).sum::<f64>() / float(count))
        .collect();
    means.sort_by(f64::total_cmp);
    let tail = tail(count)?;
    Some(Interval { low: at(&means, tail)?, high: at(&means, 1.0 - tail)?, method: Method::ClusterBootstrap })
}

/// Returns the share of resamples to leave out at either end.
fn tail(count: u64) -> Option<f64> {
    let t = StudentsT::new(0.0, 1.0, float(count - 1)).ok()?.inverse_cdf(LEVEL);
    Some(Normal::standard().cdf(-(float(count) / float(count - 1)).sqrt() * t))
}

/// Returns the value below which this share of the sorted values lies.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length is a place in it")]
fn at(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = (float(last as u64) * share).round() as usize;
    sorted.get(place.min(last)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_many_tasks_the_interval_is_that_of_the_normal_distribution() {
        let values: Vec<f64> = (0..400).map(|i| f64::from(i % 2)).collect();
        let interval = mean_interval(&values).unwrap();
        assert!((interval.low - 0.451).abs() < 0.004 && (interval.high - 0.549).abs() < 0.004, "{interval:?}");
    }

    #[test]
    fn one_task_or_equal_tasks_have_no_interval() {
        assert_eq!(mean_interval(&[]), None);
        assert_eq!(mean_interval(&[1.0]), None);
        assert_eq!(mean_interval(&[0.1 + 0.2, 0.3, 0.3]), None);
    }
}
