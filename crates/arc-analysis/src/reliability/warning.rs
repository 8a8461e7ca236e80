//! Will a run that goes on fail: a small model of the agent's own runs, and whether it may speak.
//!
//! The model sees what is known at a step (how many steps, errors, repeated calls, tokens, and how long it took beside
//! the agent's own runs at that step) and nothing of what came after. It is a logistic regression with a penalty on
//! its weights. It speaks only if a backtest says so: learnt on the earlier runs, it must predict the later ones better
//! than the agent's failure rate does (the Brier skill, with a bootstrap interval over runs above zero). The threshold
//! is chosen on the earlier runs too, so that false-alarm rate and lead time are those of runs it never saw.

use arc_model::{Prefix, Rate, Run, Verdict};
use serde::{Deserialize, Serialize};

use super::{
    interval::{float, rate, share},
    logistic::Logistic,
};
use crate::random::SplitMix64;

/// Fewest runs of known outcome to learn and test on.
const ENOUGH: usize = 60;

/// Fewest runs of either outcome in each part of the backtest.
const OF_EACH: usize = 8;

/// Part of the runs that the backtest learns from: the earlier ones.
const EARLIER: f64 = 0.7;

/// Most successful runs among the earlier ones that would have been warned of.
const FALSE_ALARMS: f64 = 0.1;

const RESAMPLES: u64 = 999;
const SEED: u64 = 19_500_101;
const FEATURES: usize = 7;

/// Whether warnings are given for an agent, and how good they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Backtest {
    /// They are: on later runs they were better than the base rate.
    Better(Skill),
    /// They are not.
    Silent {
        /// Why.
        why: String,
        /// How it did, where that was tried.
        skill: Option<Skill>,
    },
}

/// How well the later runs were predicted from the earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Skill {
    /// Runs it was learnt from.
    pub learnt_from: u64,
    /// Later runs it was tried on.
    pub tried_on: u64,
    /// `1 − Brier score / Brier score of the base rate`: 0 is as good as knowing the failure rate only, 1 is perfect.
    pub brier_skill: f64,
    /// Where it lies, 95 %, by resampling the later runs.
    pub low: f64,
    /// The other end.
    pub high: f64,
    /// The chance at which it warns.
    pub threshold: f64,
    /// Later runs that succeeded and were warned of.
    pub false_alarms: Rate,
    /// Later runs that failed and were warned of before their end.
    pub caught: Rate,
    /// Half of the failures it warned of had at least so much time left, in milliseconds; `None` without times.
    pub lead_ms: Option<f64>,
    /// Half of them had at least so many steps left, as far as noted.
    pub lead_steps: Option<f64>,
}

/// A chance of failure that may be shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Warning {
    /// How likely the run is to fail, as its agent's runs went so far.
    pub chance: f64,
    /// Whether that is above the threshold at which few successful runs are.
    pub is_warned: bool,
    /// What it is told from.
    pub seen: Prefix,
}

/// A model of an agent's runs that may speak, or the reason why it may not.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// How it did.
    pub backtest: Backtest,
    model: Option<Model>,
}

/// A run to learn from: what was known at its steps, and how it ended.
struct Example<'a> {
    prefixes: &'a [Prefix],
    failed: bool,
    duration_ms: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
struct Model {
    logistic: Logistic<FEATURES>,
    /// Times at each noted step, sorted.
    times: Vec<(u32, Vec<f64>)>,
    threshold: f64,
}

impl Forecast {
    /// Learns from an agent's runs, which may come in any order.
    pub fn learn(runs: &[Run]) -> Self {
        let mut known: Vec<&Run> = runs
            .iter()
            .filter(|run| !run.is_running && run.outcome.verdict != Verdict::Unknown && !run.prefixes.is_empty())
            .collect();
        known.sort_by_key(|run| (run.at(), run.trace_id));
        let examples: Vec<Example<'_>> = known
            .iter()
            .map(|run| Example {
                prefixes: &run.prefixes,
                failed: run.outcome.verdict == Verdict::Failed,
                duration_ms: run.duration_ms,
            })
            .collect();
        let silent = |why: String, skill| Self { backtest: Backtest::Silent { why, skill }, model: None };
        if examples.len() < ENOUGH {
            let n = examples.len();
            return silent(format!("{n} runs of known outcome with steps; {ENOUGH} are needed"), None);
        }
        let (earlier, later) = examples.split_at(part(examples.len(), EARLIER));
        for (name, runs) in [("earlier", earlier), ("later", later)] {
            let failed = runs.iter().filter(|run| run.failed).count();
            if failed < OF_EACH || runs.len() - failed < OF_EACH {
                let n = runs.len();
                return silent(
                    format!(
                        "of the {n} {name} runs {failed} failed; {OF_EACH} that did and {OF_EACH} that did not are needed"
                    ),
                    None,
                );
            }
        }
        let skill = Model::learn(earlier).and_then(|model| model.skill_on(earlier, later));
        let Some(skill) = skill else { return silent("the earlier runs give no stable model".to_owned(), None) };
        if skill.low <= 0.0 {
            let why = "on later runs it was not clearly better than the failure rate alone".to_owned();
            return silent(why, Some(skill));
        }
        // What speaks has learnt from all runs; how good it is was measured without the later ones.
        match Model::learn(&examples) {
            Some(model) => {
                let model = Model { threshold: skill.threshold, ..model };
                Self { backtest: Backtest::Better(skill), model: Some(model) }
            }
            None => silent("the runs give no stable model".to_owned(), Some(skill)),
        }
    }

    /// Returns how likely a run is to fail that is this far; `None` where nothing may be said.
    pub fn warning(&self, run: &Run) -> Option<Warning> {
        let (model, seen) = (self.model.as_ref()?, *run.prefixes.last()?);
        let chance = model.chance(&seen);
        Some(Warning { chance, is_warned: chance >= model.threshold, seen })
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length is a place in it")]
fn part(n: usize, share: f64) -> usize {
    (float(n as u64) * share).round() as usize
}

impl Model {
    fn learn(examples: &[Example<'_>]) -> Option<Self> {
        let mut times: Vec<(u32, Vec<f64>)> = Vec::new();
        for prefix in examples.iter().flat_map(|run| run.prefixes) {
            let Some(ms) = prefix.elapsed_ms.filter(|ms| ms.is_finite()) else { continue };
            match times.iter_mut().find(|(steps, _)| *steps == prefix.steps) {
                Some((_, known)) => known.push(ms),
                None => times.push((prefix.steps, vec![ms])),
            }
        }
        for (_, known) in &mut times {
            known.sort_by(f64::total_cmp);
        }
        let mut model = Self { logistic: Logistic::default(), times, threshold: 1.0 };
        // A run counts once, however many of its steps are noted.
        let rows: Vec<([f64; FEATURES], bool, f64)> = examples
            .iter()
            .flat_map(|run| {
                let weight = 1.0 / float(run.prefixes.len() as u64);
                run.prefixes.iter().map(move |prefix| (prefix, run.failed, weight))
            })
            .map(|(prefix, failed, weight)| (model.features(prefix), failed, weight))
            .collect();
        model.logistic = Logistic::fit(&rows)?;
        Some(model)
    }

    fn features(&self, prefix: &Prefix) -> [f64; FEATURES] {
        let steps = f64::from(prefix.steps.max(1));
        [
            f64::from(prefix.steps).ln_1p(),
            f64::from(prefix.errors).ln_1p(),
            f64::from(prefix.errors) / steps,
            f64::from(prefix.repeated).ln_1p(),
            // Unknown is no small number: it has a weight of its own.
            prefix.tokens.map_or(0.0, |tokens| float(tokens).ln_1p()),
            f64::from(u8::from(prefix.tokens.is_none())),
            self.place_in_time(prefix),
        ]
    }

    /// Returns how slow the run is beside the agent's runs at the same step, from 0 to 1; ½ when that is not known.
    fn place_in_time(&self, prefix: &Prefix) -> f64 {
        let known = self.times.iter().find(|(steps, _)| *steps == prefix.steps);
        let faster = |ms: f64, known: &[f64]| known.partition_point(|one| *one < ms) as u64;
        match (prefix.elapsed_ms, known) {
            (Some(ms), Some((_, known))) => share(faster(ms, known), known.len() as u64).unwrap_or(0.5),
            _ => 0.5,
        }
    }

    fn chance(&self, prefix: &Prefix) -> f64 {
        self.logistic.chance(&self.features(prefix))
    }

    /// Returns the highest chance of a run at any noted step.
    fn highest(&self, run: &Example<'_>) -> f64 {
        run.prefixes.iter().map(|prefix| self.chance(prefix)).fold(0.0, f64::max)
    }

    /// Tries the model on later runs.
    fn skill_on(&self, earlier: &[Example<'_>], later: &[Example<'_>]) -> Option<Skill> {
        let failed = earlier.iter().filter(|run| run.failed).count() as u64;
        let base = share(failed, earlier.len() as u64)?;
        // Of each run: the mean error of the model over its steps, and that of the base rate.
        let errors: Vec<(f64, f64)> = later
            .iter()
            .map(|run| {
                let target = f64::from(u8::from(run.failed));
                let of_steps = run.prefixes.iter().map(|prefix| (self.chance(prefix) - target).powi(2));
                (of_steps.sum::<f64>() / float(run.prefixes.len() as u64), (base - target).powi(2))
            })
            .collect();
        let skill = |model: f64, base: f64| (base > 0.0).then(|| 1.0 - model / base);
        let (model, of_base) = errors.iter().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let (low, high) = resampled(&errors, skill)?;
        let mut successes: Vec<f64> = earlier.iter().filter(|run| !run.failed).map(|run| self.highest(run)).collect();
        successes.sort_by(f64::total_cmp);
        let place = part(successes.len(), 1.0 - FALSE_ALARMS).min(successes.len().checked_sub(1)?);
        // Above every chance that the allowed share of successful runs reached.
        let threshold = successes.get(place)? + 1e-9;
        let warned = |failed: bool| {
            let runs = later.iter().filter(move |run| run.failed == failed);
            let n = runs.clone().count() as u64;
            rate(runs.filter(|run| self.warned_at(run, threshold).is_some()).count() as u64, n)
        };
        let caught = later.iter().filter(|run| run.failed);
        let leads: Vec<(Option<f64>, f64)> = caught
            .filter_map(|run| {
                let at = self.warned_at(run, threshold)?;
                let ms = run.duration_ms.zip(at.elapsed_ms).map(|(whole, at)| (whole - at).max(0.0));
                Some((ms, f64::from(run.prefixes.last()?.steps - at.steps)))
            })
            .collect();
        Some(Skill {
            learnt_from: earlier.len() as u64,
            tried_on: later.len() as u64,
            brier_skill: skill(model, of_base)?,
            low,
            high,
            threshold,
            false_alarms: warned(false),
            caught: warned(true),
            lead_ms: median(leads.iter().filter_map(|lead| lead.0).collect()),
            lead_steps: median(leads.iter().map(|lead| lead.1).collect()),
        })
    }

    /// Returns the first noted step at which a run was warned of.
    fn warned_at<'a>(&self, run: &Example<'a>, threshold: f64) -> Option<&'a Prefix> {
        run.prefixes.iter().find(|prefix| self.chance(prefix) >= threshold)
    }
}

/// Returns the middle 95 % of the skill over resampled runs.
fn resampled(errors: &[(f64, f64)], skill: impl Fn(f64, f64) -> Option<f64>) -> Option<(f64, f64)> {
    let mut random = SplitMix64(SEED);
    let n = errors.len() as u64;
    let mut skills: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| {
            let drawn = (0..n).filter_map(|_| errors.get(random.below(n)));
            let (model, base) = drawn.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            skill(model, base)
        })
        .collect();
    skills.sort_by(f64::total_cmp);
    let last = skills.len().checked_sub(1)?;
    Some((*skills.get(part(last, 0.025))?, *skills.get(part(last, 0.975))?))
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests;
