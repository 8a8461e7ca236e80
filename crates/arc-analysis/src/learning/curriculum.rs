//! What an agent masters, and what to try next.
//!
//! Of each scenario the chance that the agent's current version passes has a Beta posterior, from Jeffreys' prior
//! Beta(½, ½) and the runs that tried it. A scenario is *mastered* when the chance is at least [`TARGET`] with a
//! probability of at least 90 %, *not yet* when it is below [`TARGET`] with at least 90 %, and *learning* in between.
//! The next one to try is the one whose trial is expected to tell most about that question, weighed by severity.

use arc_model::Severity;
use serde::{Deserialize, Serialize};
use statrs::distribution::{Beta, ContinuousCDF};

use super::scenario::{Scenario, ScenarioState};
use crate::reliability::float;

/// The chance of passing from which on a scenario counts as mastered.
pub const TARGET: f64 = 0.8;
/// How probable that must be.
const SURE: f64 = 0.9;

/// Whether an agent can do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MasteryState {
    /// It passes at least 80 % of the time, as far as can be told with 90 % certainty.
    Mastered,
    /// The trials do not tell yet.
    Learning,
    /// It passes less than 80 % of the time, as far as can be told with 90 % certainty.
    NotYet,
}

/// What is known about the chance of passing a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Mastery {
    /// Whether the agent can do it.
    pub state: MasteryState,
    /// Runs of the current version that passed.
    pub passed: u64,
    /// Runs of the current version that tried it.
    pub n: u64,
    /// The mean of the posterior.
    pub mean: f64,
    /// Its 2.5 % quantile.
    pub low: f64,
    /// Its 97.5 % quantile.
    pub high: f64,
    /// How probable it is that the chance of passing is at least 80 %.
    pub probability: f64,
}

/// A scenario with what is known about it, and why to try it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Lesson {
    /// The scenario's id.
    pub scenario: String,
    /// What happens in it, in a line.
    pub title: String,
    /// How bad the failure is.
    pub severity: Severity,
    /// What is known.
    pub mastery: Mastery,
    /// Bits that one more trial is expected to tell about whether it is mastered.
    pub information: f64,
    /// The information times the weight of the severity: what lessons are ordered by.
    pub worth: f64,
    /// Why to try it next, in a sentence.
    pub reason: String,
}

/// Returns what trials tell about the chance of passing; `None` only for counts no machine reaches.
pub fn mastery(passed: u64, failed: u64) -> Option<Mastery> {
    let (a, b) = (float(passed) + 0.5, float(failed) + 0.5);
    let beta = Beta::new(a, b).ok()?;
    let probability = at_least_target(a, b)?;
    let state = if probability >= SURE {
        MasteryState::Mastered
    } else if probability <= 1.0 - SURE {
        MasteryState::NotYet
    } else {
        MasteryState::Learning
    };
    let (low, high) = (beta.inverse_cdf(0.025), beta.inverse_cdf(0.975));
    Some(Mastery { state, passed, n: passed.saturating_add(failed), mean: a / (a + b), low, high, probability })
}

/// Orders the scenarios of an agent by what trying them next is worth, the most valuable first, ties by id.
///
/// `version` is the agent's current one: only its runs count, because what an older version could do says little.
/// Retired scenarios are left out.
pub fn curriculum(scenarios: &[Scenario], version: Option<&str>) -> Vec<Lesson> {
    let active = scenarios.iter().filter(|scenario| scenario.state != ScenarioState::Retired);
    let mut lessons: Vec<Lesson> = active.filter_map(|scenario| lesson(scenario, version)).collect();
    lessons.sort_by(|a, b| b.worth.total_cmp(&a.worth).then_with(|| a.scenario.cmp(&b.scenario)));
    lessons
}

fn lesson(scenario: &Scenario, version: Option<&str>) -> Option<Lesson> {
    let of_version = scenario.trials.iter().find(|trials| trials.version.as_deref() == version);
    let (passed, failed) = of_version.map_or((0, 0), |trials| (trials.passed, trials.failed));
    let mastery = mastery(passed, failed)?;
    let information = expected_information(passed, failed)?;
    let worth = information * weight(scenario.severity);
    Some(Lesson {
        scenario: scenario.id.clone(),
        title: scenario.title.clone(),
        severity: scenario.severity,
        reason: reason(&mastery, information, scenario.severity),
        mastery,
        information,
        worth,
    })
}

/// Returns the expected reduction, in bits, of the uncertainty whether the chance is at least [`TARGET`].
fn expected_information(passed: u64, failed: u64) -> Option<f64> {
    let (a, b) = (float(passed) + 0.5, float(failed) + 0.5);
    let pass = a / (a + b);
    let now = entropy(at_least_target(a, b)?);
    let then = pass * entropy(at_least_target(a + 1.0, b)?) + (1.0 - pass) * entropy(at_least_target(a, b + 1.0)?);
    // Never negative but for rounding.
    Some((now - then).max(0.0))
}

fn at_least_target(a: f64, b: f64) -> Option<f64> {
    // The upper tail by symmetry, which does not lose digits.
    Beta::new(b, a).ok().map(|mirrored| mirrored.cdf(1.0 - TARGET))
}

fn entropy(p: f64) -> f64 {
    let term = |p: f64| if p <= 0.0 { 0.0 } else { -p * p.log2() };
    term(p) + term(1.0 - p)
}

const fn weight(severity: Severity) -> f64 {
    match severity {
        Severity::Low => 1.0,
        Severity::Medium => 2.0,
        Severity::High => 4.0,
        Severity::Critical => 8.0,
    }
}

fn reason(mastery: &Mastery, information: f64, severity: Severity) -> String {
    let severity = match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    };
    let tried = match (mastery.n, mastery.passed) {
        (0, _) => "this version has not tried it".to_owned(),
        (n, passed) => format!("this version passed {passed} of {n}"),
    };
    let known = match mastery.state {
        MasteryState::Mastered => "it is mastered, as far as can be told",
        MasteryState::NotYet => "it is not mastered yet",
        MasteryState::Learning => "that does not tell yet whether it is mastered",
    };
    format!(
        "{tried}: {known}; one more trial is expected to tell {information:.2} bits, and the severity is {severity}"
    )
}
