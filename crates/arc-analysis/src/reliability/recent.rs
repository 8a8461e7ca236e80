//! What the latest runs tell that counts do not: how long they took, how they ended, and whether a
//! failed call was made good. Over a bounded number of runs, which is named.

use arc_model::{Rate, Run, Termination, Verdict};
use serde::{Deserialize, Serialize};
use statrs::distribution::{Binomial, DiscreteCDF};

use super::{
    ChangePoint, Judged, change_point,
    interval::{float, rate},
    judged,
};

/// How many of an agent's latest runs are looked at.
pub const RECENT_RUNS: u32 = 500;

/// How the latest runs went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Recent {
    /// Runs looked at: the latest that ended, at most five hundred.
    pub runs: u64,
    /// How long they took; `None` when no duration is known.
    pub latency_ms: Option<Latency>,
    /// How they ended, of those of which that is known; the most frequent first.
    pub endings: Vec<Ending>,
    /// Runs that succeeded although a tool call failed or had wrong arguments, of those of known outcome
    /// in which one did.
    pub recovered: Rate,
    /// Since when the success rate is another; `None` where that was not looked at.
    #[serde(default)]
    pub change: Option<ChangePoint>,
    /// What a judge's verdicts come to, corrected for its errors; `None` when no run was judged.
    #[serde(default)]
    pub judged: Option<Judged>,
}

/// How long runs took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Latency {
    /// Runs of known duration.
    pub n: u64,
    /// Half of the runs are faster.
    pub p50: Quantile,
    /// Nineteen of twenty are faster.
    pub p95: Quantile,
    /// Ninety-nine of a hundred are faster.
    pub p99: Quantile,
}

/// A quantile of a sample, with the 95 % interval of order statistics, which holds for any distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Quantile {
    /// The smallest value that so many runs do not exceed.
    pub value: f64,
    /// Where the interval begins; `None` when the sample is too small to say.
    pub low: Option<f64>,
    /// Where it ends; `None` when the sample is too small to say.
    pub high: Option<f64>,
}

/// A way in which runs ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ending {
    /// The way.
    pub termination: Termination,
    /// Runs that ended so.
    pub runs: Rate,
}

/// Returns what these runs tell, in any order; `None` without a run that ended.
pub fn recent(runs: &[Run]) -> Option<Recent> {
    let ended: Vec<&Run> = runs.iter().filter(|run| !run.is_running).collect();
    if ended.is_empty() {
        return None;
    }
    let times = ended.iter().filter_map(|run| run.duration_ms).filter(|ms| ms.is_finite() && *ms >= 0.0);
    let failed_call = ended.iter().filter(|run| run.tool_calls_judged > run.tool_calls_correct);
    let known: Vec<Verdict> =
        failed_call.map(|run| run.outcome.verdict).filter(|verdict| *verdict != Verdict::Unknown).collect();
    let recovered = known.iter().filter(|verdict| **verdict == Verdict::Succeeded).count() as u64;
    Some(Recent {
        runs: ended.len() as u64,
        latency_ms: latency(times.collect()),
        endings: endings(&ended),
        recovered: rate(recovered, known.len() as u64),
        change: Some(change_point(runs)),
        judged: judged(ended.iter().copied()),
    })
}

fn endings(runs: &[&Run]) -> Vec<Ending> {
    let mut terminations: Vec<Termination> = runs.iter().filter_map(|run| run.termination).collect();
    let n = terminations.len() as u64;
    terminations.sort_unstable();
    let groups = terminations.chunk_by(PartialEq::eq);
    let mut endings: Vec<Ending> = groups
        .filter_map(|group| Some(Ending { termination: *group.first()?, runs: rate(group.len() as u64, n) }))
        .collect();
    endings.sort_by_key(|ending| std::cmp::Reverse(ending.runs.successes));
    endings
}

pub(crate) fn latency(mut times: Vec<f64>) -> Option<Latency> {
    times.sort_by(f64::total_cmp);
    Some(Latency {
        n: times.len() as u64,
        p50: quantile(&times, 0.5)?,
        p95: quantile(&times, 0.95)?,
        p99: quantile(&times, 0.99)?,
    })
}

/// Returns a quantile of sorted values; `None` of none.
///
/// How many of n values lie below the true quantile is binomial, so the interval between two of them
/// covers it with a known chance (W. J. Conover, *Practical Nonparametric Statistics*, 3rd ed., 1999, §3.2).
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length is a place in it")]
pub fn quantile(sorted: &[f64], share: f64) -> Option<Quantile> {
    let n = sorted.len() as u64;
    // 95 % of 20 is 19, not 19.000000000000004.
    let place = ((float(n) * share - 1e-9).ceil().max(1.0) as usize).min(sorted.len());
    let value = *sorted.get(place.checked_sub(1)?)?;
    let below = Binomial::new(share, n).ok()?;
    // The most values that are below with a chance of at most 2.5 %, and the same from above.
    let low = (0..n).take_while(|count| below.cdf(*count) <= 0.025).count();
    let high = (0..n).find(|count| below.sf(*count) <= 0.025);
    Some(Quantile {
        value,
        low: low.checked_sub(1).and_then(|place| sorted.get(place).copied()),
        high: high.and_then(|count| sorted.get(count as usize).copied()),
    })
}
