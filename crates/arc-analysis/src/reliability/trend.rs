//! Whether the success rate changed from the week before to this week. An arrow needs a test.
//!
//! The windows are those of `crate::window`. Fisher's exact test is used when a cell of the 2×2
//! table is expected to hold fewer than five runs, else the z test of two proportions with the
//! pooled variance; both are two-sided. Runs count as independent: daily counts do not say which
//! task a run tried.

use arc_model::{AgentFigures, Rate, Timestamp};
use serde::{Deserialize, Serialize};
use statrs::function::{erf::erfc, factorial::ln_binomial};

use super::interval::{float, rate, share};
use crate::window::weeks;

/// Fewer runs than this in either window are not enough to say anything.
pub const ENOUGH_RUNS: u64 = 5;

/// A change is told when chance alone would show one as large less often than this.
pub const SIGNIFICANCE: f64 = 0.05;

/// Which way a rate moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// It rose, p < 0.05.
    Improving,
    /// It fell, p < 0.05.
    Declining,
    /// The difference, if any, may be chance.
    NoClearChange,
    /// One of the windows has fewer than five runs of known outcome.
    NotEnoughData,
}

/// The test that compared two rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TrendTest {
    /// Fisher's exact test, two-sided.
    FisherExact,
    /// The z test of two proportions with pooled variance, two-sided.
    PooledZ,
}

/// The change of the success rate from one week to the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Trend {
    /// Which way it moves.
    pub direction: Direction,
    /// The test; `None` when there was not enough data for one.
    pub test: Option<TrendTest>,
    /// How often chance alone would show a difference as large as this.
    pub p_value: Option<f64>,
    /// Today and the six days before.
    pub recent: Rate,
    /// The seven days before those.
    pub before: Rate,
    /// `recent − before` in percentage points; `None` when either is unknown.
    pub change_points: Option<f64>,
}

/// Returns how the success rate changed from the week before to this one.
pub fn trend(figures: &AgentFigures, now: Timestamp) -> Trend {
    let (recent, before) = weeks(figures, now);
    compare(rate(recent.succeeded, recent.known()), rate(before.succeeded, before.known()))
}

/// Returns the change between two windows.
pub fn compare(recent: Rate, before: Rate) -> Trend {
    let difference = recent.estimate.zip(before.estimate).map(|(recent, before)| recent - before);
    let mut trend = Trend {
        direction: Direction::NotEnoughData,
        test: None,
        p_value: None,
        recent,
        before,
        change_points: difference.map(|difference| difference * 100.0),
    };
    let Some(difference) = difference.filter(|_| recent.n >= ENOUGH_RUNS && before.n >= ENOUGH_RUNS) else {
        return trend;
    };
    let (test, p_value) = test(&recent, &before);
    trend.direction = match p_value < SIGNIFICANCE {
        true if difference > 0.0 => Direction::Improving,
        true => Direction::Declining,
        false => Direction::NoClearChange,
    };
    trend.test = Some(test);
    trend.p_value = Some(p_value);
    trend
}

fn test(one: &Rate, other: &Rate) -> (TrendTest, f64) {
    let pooled = share(one.successes + other.successes, one.n + other.n).unwrap_or(0.0);
    let expected = float(one.n.min(other.n)) * pooled.min(1.0 - pooled);
    if expected < 5.0 {
        return (TrendTest::FisherExact, fisher_exact(one.successes, one.n, other.successes, other.n));
    }
    let variance = pooled * (1.0 - pooled) * (1.0 / float(one.n) + 1.0 / float(other.n));
    let difference = one.estimate.unwrap_or(pooled) - other.estimate.unwrap_or(pooled);
    (TrendTest::PooledZ, erfc(difference.abs() / variance.sqrt() / std::f64::consts::SQRT_2))
}

/// Returns the two-sided p value of Fisher's exact test: the chance of all tables with the same
/// margins that are at most as likely as this one (A. Agresti, *Categorical Data Analysis*, 3rd ed.,
/// 2013, chapter 3).
fn fisher_exact(successes: u64, n: u64, other_successes: u64, other_n: u64) -> f64 {
    let (all, marked) = (n + other_n, successes + other_successes);
    let ln_chance = |x: u64| ln_binomial(n, x) + ln_binomial(other_n, marked - x) - ln_binomial(all, marked);
    let observed = ln_chance(successes);
    // Equally likely tables differ by rounding; R and SciPy allow the same relative slack.
    let total: f64 = (marked.saturating_sub(other_n)..=marked.min(n))
        .map(ln_chance)
        .filter(|&chance| chance <= observed + 1e-7)
        .map(f64::exp)
        .sum();
    total.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fisher's tea taster (in Agresti), the twins of R's `fisher.test`, the whales of `SciPy`'s,
    /// and the studying students of Wikipedia's article.
    #[test]
    fn fishers_test_gives_the_published_p_values() {
        for ((successes, n, other, other_n), p) in [
            ((3, 4, 1, 4), 0.485_714),
            ((2, 17, 10, 13), 0.000_537),
            ((8, 10, 1, 6), 0.034_965),
            ((1, 10, 11, 14), 0.002_759),
        ] {
            let computed = fisher_exact(successes, n, other, other_n);
            assert!((computed - p).abs() < 1e-6, "{computed} is not {p}");
        }
    }
}
