//! Whether an agent is good enough to be released: limits, each met, not met or not yet known.
//!
//! The interval decides, not the estimate: nine of ten runs do not show that an agent succeeds nine
//! times of ten. What is not yet known says how many more runs would decide it at the present rate.
//! Start at [`judge`]; a new limit is a field of [`Limits`] and a function beside [`reliability`].

mod more_runs;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use arc_model::{Interval, Method, NanoUsd, Run, TaskId, Verdict};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::reliability::{Cluster, clustered_rate, float};

/// The share of runs that `max_p95_ms` is about.
const P95: f64 = 0.95;

/// A mean over fewer of the runs than this does not stand for all of them.
const MOST: f64 = 0.95;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Limits {
    /// The success rate is at least this share.
    pub min_reliability: Option<f64>,
    /// The mean cost of a run is at most this.
    pub max_cost: Option<NanoUsd>,
    /// 95 % of the runs take at most this long.
    pub max_p95_ms: Option<f64>,
}

/// Whether a limit is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GateVerdict {
    /// The whole interval is on the right side of the limit.
    Met,
    /// The interval reaches across the limit, or there is none.
    NotYetKnown,
    /// The whole interval is on the wrong side of the limit.
    NotMet,
}

/// One limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Check {
    /// Which limit: `min-reliability`, `max-cost`, `max-p95-ms`.
    pub id: String,
    /// The limit, in the unit of the estimate.
    pub limit: f64,
    /// Whether it is kept.
    pub verdict: GateVerdict,
    /// What was measured: a share, nano-dollars, or the share of runs within the time.
    pub estimate: Option<f64>,
    /// Where it lies.
    pub interval: Option<Interval>,
    /// Runs it is from.
    pub n: u64,
    /// Runs of which it is not known.
    pub unknown: u64,
    /// How many more runs would decide it if they were like these; `None` when it is decided or no
    /// number of such runs would.
    pub more_runs: Option<u64>,
}

/// All limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Gate {
    /// The worst of the checks.
    pub verdict: GateVerdict,
    /// Runs that ended.
    pub runs: u64,
    /// Every limit that was asked for.
    pub checks: Vec<Check>,
}

/// Judges runs, given in any order, by these limits. Runs that are still running count nowhere.
pub fn judge(runs: &[Run], limits: &Limits) -> Gate {
    let ended: Vec<&Run> = runs.iter().filter(|run| !run.is_running).collect();
    let checks: Vec<Check> = [
        limits.min_reliability.map(|min| reliability(&ended, min)),
        limits.max_cost.map(|max| cost(&ended, max)),
        limits.max_p95_ms.map(|max| p95(&ended, max)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let verdict = checks.iter().map(|check| check.verdict).max().unwrap_or(GateVerdict::NotYetKnown);
    Gate { verdict, runs: ended.len() as u64, checks }
}

fn reliability(runs: &[&Run], min: f64) -> Check {
    let succeeded = |run: &Run| match run.outcome.verdict {
        Verdict::Succeeded => Some(true),
        Verdict::Failed => Some(false),
        Verdict::Unknown => None,
    };
    share_check("min-reliability", min, min, runs, succeeded)
}

/// The 95th percentile is within the limit exactly when 95 % of the runs are.
fn p95(runs: &[&Run], max: f64) -> Check {
    let within = |run: &Run| run.duration_ms.filter(|ms| ms.is_finite()).map(|ms| ms <= max);
    share_check("max-p95-ms", max, P95, runs, within)
}

/// Checks that the share of runs that hold is at least `min`.
fn share_check(id: &str, limit: f64, min: f64, runs: &[&Run], holds: impl Fn(&Run) -> Option<bool>) -> Check {
    let mut tasks: BTreeMap<&TaskId, (u64, u64)> = BTreeMap::new();
    let mut loose = (0, 0);
    for run in runs {
        let Some(holds) = holds(run) else { continue };
        let counts = run.task.as_ref().map_or(&mut loose, |task| tasks.entry(task).or_default());
        counts.0 += u64::from(holds);
        counts.1 += 1;
    }
    let mut clusters: Vec<Cluster> =
        tasks.into_values().map(|(successes, n)| Cluster { successes, n, times: 1 }).collect();
    clusters.push(Cluster { successes: 1, n: 1, times: loose.0 });
    clusters.push(Cluster { successes: 0, n: 1, times: loose.1 - loose.0 });
    let rate = clustered_rate(&clusters);
    let verdict = match rate.interval {
        Some(interval) if interval.low >= min => GateVerdict::Met,
        Some(interval) if interval.high < min => GateVerdict::NotMet,
        _ => GateVerdict::NotYetKnown,
    };
    Check {
        id: id.to_owned(),
        limit,
        verdict,
        estimate: rate.estimate,
        interval: rate.interval,
        n: rate.n,
        unknown: (runs.len() as u64).saturating_sub(rate.n),
        more_runs: if verdict == GateVerdict::NotYetKnown { more_runs::of_share(&rate, &clusters, min) } else { None },
    }
}

#[expect(clippy::cast_precision_loss, reason = "the cost of a run stays far below 2^53 nano-dollars")]
fn cost(runs: &[&Run], max: NanoUsd) -> Check {
    let limit = max.0 as f64;
    let mut tasks: BTreeMap<(Option<&TaskId>, usize), (f64, u64)> = BTreeMap::new();
    for (number, run) in runs.iter().enumerate() {
        let Some(cost) = run.cost.known() else { continue };
        // A run without a task is a cluster of its own.
        let key = (run.task.as_ref(), if run.task.is_some() { 0 } else { number });
        let sums = tasks.entry(key).or_default();
        sums.0 += cost.0 as f64;
        sums.1 += 1;
    }
    let clusters: Vec<(f64, u64)> = tasks.into_values().collect();
    let n: u64 = clusters.iter().map(|(_, n)| n).sum();
    let unknown = (runs.len() as u64).saturating_sub(n);
    let estimate = (n > 0).then(|| clusters.iter().map(|(sum, _)| sum).sum::<f64>() / float(n));
    let error = estimate.and_then(|mean| more_runs::error_of_mean(&clusters, mean));
    let interval = estimate.zip(error).and_then(|(mean, error)| {
        let degrees = float(clusters.len() as u64 - 1);
        let reach = StudentsT::new(0.0, 1.0, degrees).ok()?.inverse_cdf(0.975) * error;
        Some(Interval { low: (mean - reach).max(0.0), high: mean + reach, method: Method::StudentT })
    });
    let stands_for_all = float(n) >= MOST * float(runs.len() as u64);
    let verdict = match interval.filter(|_| stands_for_all) {
        Some(interval) if interval.high <= limit => GateVerdict::Met,
        Some(interval) if interval.low > limit => GateVerdict::NotMet,
        _ => GateVerdict::NotYetKnown,
    };
    let more_runs = estimate.zip(error).filter(|_| stands_for_all && verdict == GateVerdict::NotYetKnown);
    Check {
        id: "max-cost".to_owned(),
        limit,
        verdict,
        estimate,
        interval,
        n,
        unknown,
        more_runs: more_runs.and_then(|(mean, error)| more_runs::of_mean(n, error, (mean - limit).abs())),
    }
}
