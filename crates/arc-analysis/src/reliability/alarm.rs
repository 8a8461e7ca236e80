//! "Reliability dropped": an alarm that may be asked after every run, for ever, and still is false at
//! most so often.
//!
//! A test that is repeated after every run finds a drop sooner or later where there is none. This one
//! is an e-process: a bet against "as reliable as before" that starts with 1 and, while that is true,
//! is worth at most 1 on average whenever one stops. By Ville's inequality it ever reaches `2/α` with a
//! chance of at most `α/2` (A. Ramdas, P. Grünwald, V. Vovk, G. Shafer, *Game-theoretic statistics and
//! safe anytime-valid inference*, Statistical Science 38(4), 2023).
//!
//! - *Before* is what the agent itself has shown: a lower bound of its success rate (Clopper–Pearson,
//!   one-sided), computed after `min_runs` runs, twice as many, four times as many …, with error
//!   chances of α/4, α/8, α/16 …, together at most α/2. The highest bound so far holds.
//! - The bet is a mixture over how far the rate fell ([`FALLS`]) and when (each run has a share of the
//!   stake, [`weight`]): the sum over starting points of likelihood ratios, as Shiryaev and Roberts
//!   take it, with weights that sum to one.
//! - With both, an agent whose runs are independent and equally likely to succeed raises a false alarm
//!   with a chance of at most α over its whole life. After an alarm everything starts anew.
//!
//! Nothing is said before `min_runs` runs of known outcome. Runs of unknown outcome say nothing.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Beta, ContinuousCDF};

use super::interval::float;

/// What the rate may have fallen to, as shares of the bound it was above.
const FALLS: [f64; 5] = [0.9, 0.75, 0.6, 0.4, 0.1];

/// Spreads the stake over the runs: the larger, the slower it begins.
const SPREAD: f64 = 30.0;

/// How sure an alarm has to be, and when it may speak.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AlarmSettings {
    /// The chance of a false alarm over the whole life of an agent, at most.
    pub alpha: f64,
    /// Runs of known outcome before the first bound.
    pub min_runs: u64,
}

impl Default for AlarmSettings {
    fn default() -> Self {
        Self { alpha: 0.01, min_runs: 50 }
    }
}

/// How an agent fares, as far as the alarm has to know; small, and kept between runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// Runs of known outcome since the beginning, or since the last alarm.
    n: u64,
    /// Those that succeeded.
    successes: u64,
    /// How often a bound was computed.
    looks: u32,
    /// The rate it is held to; `None` until there are enough runs.
    bound: Option<f64>,
    /// Runs since the first bound.
    bets: u64,
    /// For each of [`FALLS`], the worth of the stakes that were put on it.
    worth: [f64; FALLS.len()],
    /// Runs since the estimated moment of the drop, of the leading bet.
    since: [u64; FALLS.len()],
    /// Successes among them.
    since_successes: [u64; FALLS.len()],
}

/// A drop that was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Drop {
    /// Runs of known outcome that it was compared with.
    pub baseline_n: u64,
    /// Those that succeeded.
    pub baseline_successes: u64,
    /// What the rate was at least, before.
    pub baseline_at_least: f64,
    /// Runs of known outcome since about when it dropped.
    pub recent_n: u64,
    /// Those that succeeded.
    pub recent_successes: u64,
    /// What the bet against "as before" is worth: how strong the evidence is.
    pub e_value: f64,
    /// The worth at which the alarm is raised.
    pub threshold: f64,
}

impl Default for Alarm {
    fn default() -> Self {
        Self {
            n: 0,
            successes: 0,
            looks: 0,
            bound: None,
            bets: 0,
            worth: [0.0; FALLS.len()],
            since: [0; FALLS.len()],
            since_successes: [0; FALLS.len()],
        }
    }
}

impl Alarm {
    /// Takes in a run of known outcome; returns the drop that it proves, if it does.
    pub fn observe(&mut self, succeeded: bool, settings: &AlarmSettings) -> Option<Drop> {
        let e_value = self.bound.map(|bound| self.bet(succeeded, bound));
        self.n += 1;
        self.successes += u64::from(succeeded);
        let threshold = 2.0 / settings.alpha;
        if let Some((e_value, bound)) = e_value.zip(self.bound).filter(|(worth, _)| *worth >= threshold) {
            let drop = self.drop(e_value, threshold, bound);
            *self = Self::default();
            return Some(drop);
        }
        // A bound is for the runs after those it was computed from.
        if self.n == settings.min_runs.max(1) << self.looks.min(40) {
            self.look(settings.alpha);
        }
        None
    }

    /// Returns the rate it is held to; `None` while there is not enough data.
    pub const fn bound(&self) -> Option<f64> {
        self.bound
    }

    /// Returns the runs of known outcome since the beginning, or since the last alarm.
    pub const fn runs(&self) -> u64 {
        self.n
    }

    /// Puts this run's share of the stake on each fall, and returns what all bets are worth now.
    fn bet(&mut self, succeeded: bool, bound: f64) -> f64 {
        self.bets += 1;
        let stake = weight(self.bets);
        let bets = FALLS.iter().zip(&mut self.worth).zip(self.since.iter_mut().zip(&mut self.since_successes));
        for ((fall, worth), (since, since_successes)) in bets {
            let fallen = bound * fall;
            let ratio = if succeeded { *fall } else { (1.0 - fallen) / (1.0 - bound).max(1e-12) };
            // When what was put down before is worth less than a new stake, the drop began here.
            if *worth <= stake {
                (*since, *since_successes) = (0, 0);
            }
            *since += 1;
            *since_successes += u64::from(succeeded);
            *worth = (*worth + stake) * ratio;
        }
        self.worth.iter().sum::<f64>() / float(FALLS.len() as u64) + unspent(self.bets)
    }

    fn look(&mut self, alpha: f64) {
        self.looks += 1;
        let error = alpha / 2.0 / float(1 << self.looks.min(40));
        let bound = lower_bound(self.successes, self.n, error);
        self.bound = Some(self.bound.unwrap_or(0.0).max(bound));
    }

    fn drop(&self, e_value: f64, threshold: f64, bound: f64) -> Drop {
        let leading = self.worth.iter().zip(self.since.iter().zip(&self.since_successes));
        let best = leading.max_by(|(one, _), (other, _)| one.total_cmp(other));
        let (recent_n, recent_successes) = best.map_or((0, 0), |(_, (n, successes))| (*n, *successes));
        Drop {
            baseline_n: self.n.saturating_sub(recent_n),
            baseline_successes: self.successes.saturating_sub(recent_successes),
            baseline_at_least: bound,
            recent_n,
            recent_successes,
            e_value,
            threshold,
        }
    }
}

/// Returns the share of the stake that the n-th run gets; all shares sum to one, and fall slowly enough
/// that a late drop is found almost as fast as an early one.
fn weight(run: u64) -> f64 {
    unspent(run - 1) - unspent(run)
}

/// Returns the share of the stake that is left after the n-th run.
fn unspent(run: u64) -> f64 {
    SPREAD.ln() / (float(run) + SPREAD).ln()
}

/// Returns the one-sided Clopper–Pearson bound: the share below which so many successes or more would
/// have a chance of less than `error`.
fn lower_bound(successes: u64, n: u64, error: f64) -> f64 {
    if successes == 0 {
        return 0.0;
    }
    let beta = Beta::new(float(successes), float(n - successes) + 1.0);
    beta.map_or(0.0, |beta| beta.inverse_cdf(error)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests;
