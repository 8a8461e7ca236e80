//! Intervals of paired differences, robust against calls of one run being alike.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::reliability::float;

/// The 97.5 % quantile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Pairs of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cluster {
    /// Pairs where the new one is better.
    pub better: u64,
    /// Pairs where it is worse.
    pub worse: u64,
    /// All pairs.
    pub n: u64,
}

/// A value with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Returns the difference of two paired shares, new minus old, with its 95 % interval; `None` without pairs.
///
/// The interval is Tango's score interval (T. Tango, *Equivalence test and confidence interval for the difference in
/// proportions for the paired-sample design*, Statistics in Medicine 17, 1998, pp. 891–908), which holds its level where
/// few or no pairs differ. Pairs of one run are alike, so the counts are first divided by the design effect, the ratio
/// of the variance between runs to that of independent pairs (J. N. K. Rao and A. J. Scott, *A simple method for the
/// analysis of clustered binary data*, Biometrics 48, 1992, pp. 577–585), and Student's quantile of runs − 1 degrees
/// takes the normal one's place. Where all pairs agree there is no such ratio: a run then counts as one pair.
pub fn difference(clusters: &[Cluster]) -> Option<Estimate> {
    let clusters: Vec<&Cluster> = clusters.iter().filter(|cluster| cluster.n > 0).collect();
    let sum = |of: fn(&Cluster) -> u64| float(clusters.iter().map(|cluster| of(cluster)).sum());
    let (better, worse, n) = (sum(|c| c.better), sum(|c| c.worse), sum(|c| c.n));
    let runs = float(clusters.len() as u64);
    if n < 1.0 {
        return None;
    }
    let value = (better - worse) / n;
    let independent = ((better + worse) / n - value * value) / n;
    let repeats = clusters.iter().any(|cluster| cluster.n > 1);
    let (effect, quantile) = match repeats {
        false => (1.0, Z),
        true if runs < 2.0 || independent <= 1e-15 => (n / runs, Z),
        true => {
            let squares: f64 = clusters
                .iter()
                .map(|cluster| float(cluster.better) - float(cluster.worse) - value * float(cluster.n))
                .map(|residual| residual * residual)
                .sum();
            let between = runs / (runs - 1.0) * squares / (n * n);
            ((between / independent).max(1.0), student(runs - 1.0))
        }
    };
    let (low, high) = tango(better / effect, worse / effect, n / effect, quantile);
    Some(Estimate { value, low, high })
}

/// Returns the mean of values that come in runs, with the 95 % t interval over runs; `None` with fewer than two runs.
///
/// The variance is that of a ratio estimator under cluster sampling (W. G. Cochran, *Sampling Techniques*, 3rd ed.,
/// 1977, chapter 6), as for shares in `reliability`.
pub fn mean(runs: &[Vec<f64>]) -> Option<Estimate> {
    let runs: Vec<&Vec<f64>> = runs.iter().filter(|values| !values.is_empty()).collect();
    let n = float(runs.iter().map(|values| values.len() as u64).sum());
    let count = float(runs.len() as u64);
    if count < 2.0 {
        return None;
    }
    let value = runs.iter().flat_map(|values| values.iter()).sum::<f64>() / n;
    let squares: f64 =
        runs.iter().map(|values| (values.iter().sum::<f64>() - value * float(values.len() as u64)).powi(2)).sum();
    let reach = student(count - 1.0) * (count / (count - 1.0) * squares).sqrt() / n;
    Some(Estimate { value, low: value - reach, high: value + reach })
}

/// Returns how many independent pairs it takes to show that nothing is worse by more than the margin, if this share of
/// them differs; `None` when no number would do.
pub fn calls_needed(margin: f64, differing: f64) -> Option<u64> {
    if !(margin > 0.0 && margin < 1.0) || differing >= margin {
        return None;
    }
    // With no difference the interval's end is −z²/(n + z²).
    let without = Z * Z * (1.0 - margin) / margin;
    let with = Z * Z * differing * (1.0 - differing) / (margin - differing).powi(2);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and the cast saturates")]
    Some(without.max(with).floor() as u64 + 1)
}

fn student(degrees: f64) -> f64 {
    StudentsT::new(0.0, 1.0, degrees).map_or(f64::INFINITY, |t| t.inverse_cdf(0.975))
}

/// Returns where Tango's score statistic is plus and minus the quantile.
fn tango(better: f64, worse: f64, n: f64, quantile: f64) -> (f64, f64) {
    let value = (better - worse) / n;
    // The share of worse pairs that is most likely given the difference solves a quadratic equation.
    let score = |delta: f64| {
        let linear = -better - worse + (2.0 * n - better + worse) * delta;
        let constant = -worse * delta * (1.0 - delta);
        let share = ((linear * linear - 8.0 * n * constant).max(0.0).sqrt() - linear) / (4.0 * n);
        let variance = n * (2.0 * share + delta * (1.0 - delta));
        let distance = better - worse - n * delta;
        if variance > 1e-12 { distance / variance.sqrt() } else { distance.signum() * f64::INFINITY }
    };
    // The statistic falls as the difference grows.
    let cross = |mut low: f64, mut high: f64, level: f64| {
        for _ in 0..100 {
            let middle = f64::midpoint(low, high);
            if score(middle) > level { low = middle } else { high = middle }
        }
        f64::midpoint(low, high)
    };
    let low = if value <= -1.0 { -1.0 } else { cross(-1.0, value, quantile) };
    let high = if value >= 1.0 { 1.0 } else { cross(value, 1.0, -quantile) };
    (low, high)
}
