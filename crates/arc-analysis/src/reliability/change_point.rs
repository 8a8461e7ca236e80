//! Since when the success rate is another: one change point in the sequence of an agent's runs.
//!
//! The likelihood ratio of "one rate before, another one from run k on" against "one rate", at the k where it is
//! largest (K. J. Worsley, *The power of likelihood ratio and cumulative sum tests for a change in a binomial
//! probability*, Biometrika 70(2), 1983). How large chance alone makes that largest ratio is found by putting the runs
//! into random orders, which holds for any number of runs and any rate; the p value counts the order observed as one
//! of them (B. Phipson and G. K. Smyth, *Permutation p-values should never be zero*, SAGMB 9(1), 2010). Without a
//! change the orders are equally likely, so a change is told falsely in at most 5 % of looks. Runs count as
//! independent. The generator is seeded: the same runs give the same p value.

use arc_model::{Rate, Run, Timestamp, TraceId, Verdict};
use serde::{Deserialize, Serialize};

use super::{
    Direction, SIGNIFICANCE,
    interval::{float, rate},
};
use crate::random::SplitMix64;

/// Fewest runs on either side of a change.
const SEGMENT: usize = 10;

/// Random orders that are tried.
const ORDERS: u64 = 999;

const SEED: u64 = 19_830_701;

/// Whether, and since when, the success rate is another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangePoint {
    /// Which way it changed; "no clear change" where chance explains it.
    pub direction: Direction,
    /// Runs of known outcome that were looked at.
    pub n: u64,
    /// How often chance alone would show a change as clear; `None` when there were too few runs.
    pub p_value: Option<f64>,
    /// When the first run after the change was; `None` without a clear change.
    pub since: Option<Timestamp>,
    /// That run.
    pub run: Option<TraceId>,
    /// The rate before it, of the runs that were looked at; of all of them without a clear change.
    pub before: Rate,
    /// The rate from it on; `None` without a clear change.
    pub after: Option<Rate>,
}

/// Returns since when the success rate of these runs is another; they may come in any order.
pub fn change_point(runs: &[Run]) -> ChangePoint {
    let mut known: Vec<(&Run, bool)> = runs
        .iter()
        .filter(|run| !run.is_running && run.outcome.verdict != Verdict::Unknown)
        .map(|run| (run, run.outcome.verdict == Verdict::Succeeded))
        .collect();
    known.sort_by_key(|(run, _)| (run.at(), run.trace_id));
    let mut outcomes: Vec<bool> = known.iter().map(|(_, succeeded)| *succeeded).collect();
    let all = successes(&outcomes);
    let n = outcomes.len() as u64;
    let none = |direction, p_value| ChangePoint {
        direction,
        n,
        p_value,
        since: None,
        run: None,
        before: rate(all, n),
        after: None,
    };
    let logs = Logs::up_to(outcomes.len());
    let Some((place, observed)) = logs.clearest(&outcomes) else { return none(Direction::NotEnoughData, None) };
    let (before, after) = outcomes.split_at(place);
    let (before, after) = (rate(successes(before), before.len() as u64), rate(successes(after), after.len() as u64));
    let p_value = chance_of(&logs, &mut outcomes, observed);
    if p_value >= SIGNIFICANCE {
        return none(Direction::NoClearChange, Some(p_value));
    }
    let rose = after.estimate > before.estimate;
    let first = known.get(place).map(|(run, _)| *run);
    ChangePoint {
        direction: if rose { Direction::Improving } else { Direction::Declining },
        n,
        p_value: Some(p_value),
        since: first.map(Run::at),
        run: first.map(|run| run.trace_id),
        before,
        after: Some(after),
    }
}

/// Returns how often a random order of these outcomes has a split at least as clear as this.
fn chance_of(logs: &Logs, outcomes: &mut [bool], observed: f64) -> f64 {
    let mut random = SplitMix64(SEED);
    let mut as_clear = 0;
    for _ in 0..ORDERS {
        random.shuffle(outcomes);
        // Equally clear splits differ by rounding.
        as_clear += u64::from(logs.clearest(outcomes).is_some_and(|(_, ratio)| ratio >= observed - 1e-9));
    }
    float(as_clear + 1) / float(ORDERS + 1)
}

fn successes(outcomes: &[bool]) -> u64 {
    outcomes.iter().filter(|succeeded| **succeeded).count() as u64
}

/// Returns the place at which a split is clearest, with twice its log likelihood ratio; of equally clear ones the
/// first. `None` when there are not enough runs for two sides.
pub fn clearest(outcomes: &[bool]) -> Option<(usize, f64)> {
    Logs::up_to(outcomes.len()).clearest(outcomes)
}

/// `k ln k` for every count there can be: a thousand orders ask for them half a million times.
struct Logs(Vec<f64>);

impl Logs {
    fn up_to(n: usize) -> Self {
        let of = |count: u64| if count == 0 { 0.0 } else { float(count) * float(count).ln() };
        Self((0..=n as u64).map(of).collect())
    }

    fn clearest(&self, outcomes: &[bool]) -> Option<(usize, f64)> {
        let n = outcomes.len();
        if n < 2 * SEGMENT {
            return None;
        }
        let all = outcomes.iter().filter(|succeeded| **succeeded).count();
        let whole = self.likelihood(all, n);
        let mut before = 0;
        let mut best: Option<(usize, f64)> = None;
        for (index, succeeded) in outcomes.iter().enumerate() {
            let place = index + 1;
            before += usize::from(*succeeded);
            if place < SEGMENT || n - place < SEGMENT {
                continue;
            }
            let split = self.likelihood(before, place) + self.likelihood(all - before, n - place);
            let ratio = 2.0 * (split - whole);
            if best.is_none_or(|(_, known)| ratio > known + 1e-12) {
                best = Some((place, ratio));
            }
        }
        best
    }

    /// Returns the log likelihood of so many successes of n at their own rate.
    fn likelihood(&self, successes: usize, n: usize) -> f64 {
        let log = |count: usize| self.0.get(count).copied().unwrap_or_default();
        log(successes) + log(n - successes) - log(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(pattern: &[(usize, bool)]) -> Vec<bool> {
        pattern.iter().flat_map(|(count, succeeded)| std::iter::repeat_n(*succeeded, *count)).collect()
    }

    #[test]
    fn a_clean_break_is_found_where_it_is() {
        let mut broken = outcomes(&[(30, true), (20, false)]);
        let (place, ratio) = clearest(&broken).unwrap();
        assert_eq!(place, 30);
        assert!(chance_of(&Logs::up_to(50), &mut broken, ratio) <= 0.001 + 1e-12);
    }

    #[test]
    fn too_few_runs_say_nothing() {
        assert_eq!(clearest(&outcomes(&[(10, true), (9, false)])), None);
        assert_eq!(change_point(&[]).direction, Direction::NotEnoughData);
    }

    #[test]
    fn runs_that_are_all_alike_show_no_change() {
        let mut same = outcomes(&[(60, true)]);
        let (_, ratio) = clearest(&same).unwrap();
        assert!(ratio.abs() < 1e-9);
        assert!((chance_of(&Logs::up_to(60), &mut same, ratio) - 1.0).abs() < 1e-12);
    }

    /// Without a change, a change is told in about 5 % of sequences, not more.
    #[test]
    fn chance_alone_is_called_a_change_as_rarely_as_promised() {
        let mut random = SplitMix64(11);
        let mut told = 0;
        for _ in 0..200 {
            let mut sequence: Vec<bool> = (0..60).map(|_| random.below(10) < 8).collect();
            let (_, ratio) = clearest(&sequence).unwrap();
            told += u32::from(chance_of(&Logs::up_to(60), &mut sequence, ratio) < SIGNIFICANCE);
        }
        assert!(told <= 20, "{told} of 200");
    }
}
