//! 95 % intervals of a share of trials, and the [`Rate`] that carries one.
//!
//! [`wilson`] is for independent trials, [`task_clustered`] for trials that repeat tasks: two trials
//! of one task tell less than trials of two tasks, so the naive interval is too narrow.

use arc_model::{Interval, Method, Rate};
use statrs::distribution::{Beta, ContinuousCDF, StudentsT};

/// The 97.5 % quantile of the standard normal distribution.
pub(super) const Z: f64 = 1.959_963_984_540_054;

/// Trials that belong together: the trials of one task, or one run that has no task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cluster {
    /// Trials that count.
    pub successes: u64,
    /// All trials with a known result.
    pub n: u64,
    /// How many clusters with these counts there are.
    pub times: u64,
}

/// Returns the rate of independent trials, with Wilson's interval.
pub fn rate(successes: u64, n: u64) -> Rate {
    Rate { successes, n, estimate: share(successes, n), interval: wilson(successes, n) }
}

/// Returns `successes / n`; `None` when `n` is zero.
pub(crate) fn share(successes: u64, n: u64) -> Option<f64> {
    (n > 0).then(|| float(successes) / float(n))
}

/// Returns Wilson's 95 % score interval; `None` when `n` is zero.
///
/// With `p = successes / n` and the normal quantile `z`, its ends are
/// `(p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n)`
/// (E. B. Wilson, *Probable inference, the law of succession, and statistical inference*, JASA 22,
/// 1927, pp. 209–212; recommended for small n, and as good as others for large, by Brown, Cai and
/// `DasGupta`, *Interval estimation for a binomial proportion*, Statistical Science 16(2), 2001).
pub fn wilson(successes: u64, n: u64) -> Option<Interval> {
    share(successes, n).map(|share| wilson_of_share(share, n))
}

/// Wilson's interval of a share that need not be a whole number of `n` trials; `n` must not be zero.
pub(crate) fn wilson_of_share(share: f64, n: u64) -> Interval {
    let n = float(n);
    let share = share.clamp(0.0, 1.0);
    let centre = share + Z * Z / (2.0 * n);
    let reach = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    // At a share of exactly 0 or 1 the interval ends there; rounding must not move that end.
    let low = if share <= 0.0 { 0.0 } else { (centre - reach) / scale };
    let high = if share >= 1.0 { 1.0 } else { (centre + reach) / scale };
    Interval { low: low.clamp(0.0, 1.0), high: high.clamp(0.0, 1.0), method: Method::Wilson }
}

/// Returns Jeffreys' 95 % interval; `None` when `n` is zero.
///
/// The middle 95 % of the Beta(x + ½, n − x + ½) posterior; at no or only successes it reaches the end
/// (Brown, Cai and `DasGupta`, 2001, as above, §4.1.1).
pub fn jeffreys(successes: u64, n: u64) -> Option<Interval> {
    let failures = n.checked_sub(successes).filter(|_| n > 0)?;
    let beta = Beta::new(float(successes) + 0.5, float(failures) + 0.5).ok()?;
    let low = if successes == 0 { 0.0 } else { beta.inverse_cdf(0.025) };
    let high = if failures == 0 { 1.0 } else { beta.inverse_cdf(0.975) };
    Some(Interval { low, high, method: Method::Jeffreys })
}

/// Returns the 95 % t interval of the pooled rate, robust against trials of one task being alike;
/// `None` with fewer than two clusters, or when all clusters have the same share.
///
/// With `m` clusters of `nᵢ` trials and `xᵢ` successes, and the pooled rate `p = Σxᵢ / Σnᵢ`:
/// `Var(p) = m/(m−1) · Σ(xᵢ − p·nᵢ)² / (Σnᵢ)²`, and the interval is `p ± t(0.975; m−1) · √Var(p)`,
/// clamped to [0, 1]. It is the variance of a ratio estimator under cluster sampling (W. G. Cochran,
/// *Sampling Techniques*, 3rd ed., 1977, chapters 6 and 9A) and the clustered standard error of
/// E. Miller, *Adding Error Bars to Evals*, arXiv:2411.00640 (there under "Clustered standard
/// errors"), with the small-sample factor `m/(m−1)`. When every task has the same number of trials
/// it is the t interval of the task means.
///
/// Clusters with equal shares have an observed variance of zero, and an interval of no width would
/// claim a certainty that a handful of tasks cannot give; hence `None` there.
pub fn task_clustered(clusters: &[Cluster]) -> Option<Interval> {
    let (successes, n, count) = totals(clusters);
    let (pooled, error) = (share(successes, n)?, clustered_error(clusters)?);
    let degrees = float(count - 1);
    let quantile = StudentsT::new(0.0, 1.0, degrees).ok()?.inverse_cdf(0.975);
    let low = (pooled - quantile * error).clamp(0.0, 1.0);
    let high = (pooled + quantile * error).clamp(0.0, 1.0);
    Some(Interval { low, high, method: Method::TaskClusteredT })
}

/// Returns the standard error of the pooled rate that [`task_clustered`] is made of; `None` where that is.
pub(crate) fn clustered_error(clusters: &[Cluster]) -> Option<f64> {
    let (successes, n, count) = totals(clusters);
    if count < 2 {
        return None;
    }
    let pooled = share(successes, n)?;
    let residual = |cluster: &Cluster| float(cluster.successes) - pooled * float(cluster.n);
    let squares: f64 = clusters.iter().map(|cluster| float(cluster.times) * residual(cluster).powi(2)).sum();
    // Rounding leaves about 1e-16 per trial where the shares are equal.
    if squares <= 1e-18 * float(n) {
        return None;
    }
    Some((float(count) / float(count - 1) * squares).sqrt() / float(n))
}

/// Returns the rate over all trials of these clusters, with the interval that suits them: Wilson's
/// when no cluster repeats or there is only one, else the task-clustered one.
///
/// When tasks repeat and all have the same share, Wilson's interval is taken with the number of
/// tasks as n: that is how much such trials tell at least, whatever their correlation.
pub fn clustered_rate(clusters: &[Cluster]) -> Rate {
    let (successes, n, count) = totals(clusters);
    let repeats = clusters.iter().any(|cluster| cluster.n >= 2 && cluster.times > 0);
    if !repeats || count < 2 {
        return rate(successes, n);
    }
    let estimate = share(successes, n);
    let interval = task_clustered(clusters).or_else(|| estimate.map(|share| wilson_of_share(share, count)));
    Rate { successes, n, estimate, interval }
}

/// Returns successes, trials and clusters; clusters without trials do not count.
fn totals(clusters: &[Cluster]) -> (u64, u64, u64) {
    clusters.iter().filter(|cluster| cluster.n > 0).fold((0, 0, 0), |(successes, n, count), cluster| {
        (successes + cluster.successes * cluster.times, n + cluster.n * cluster.times, count + cluster.times)
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts of runs stay far below 2^53")]
pub(crate) const fn float(count: u64) -> f64 {
    count as f64
}
