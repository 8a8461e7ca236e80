//! What frameworks cost in time and reliability, from the user's own runs.
//!
//! Runs are grouped by framework and version, each group with its n and intervals. [`Advice`] is given only where a
//! comparison supports it: on the tasks that both tried, or with many runs of either; the interval has to exclude zero,
//! and the p value is held against 5 % divided by the number of comparisons, as which the interval of a duration is widened.
//! Otherwise nothing is said.

use std::collections::BTreeMap;

use arc_model::{Interval, LeafId, Method, Rate, Run};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use crate::{
    compare::{self, Trial},
    reliability::{Latency, SIGNIFICANCE, float, latency, rate},
};

/// Fewest shared tasks for advice.
pub const ENOUGH_TASKS: u64 = 10;

/// Fewest runs of either framework for advice without shared tasks.
pub const MANY_RUNS: u64 = 100;

/// Failures listed of a framework.
const FAILURES: usize = 5;

/// What was measured of every framework, and what follows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Frameworks {
    /// Runs that were looked at; the latest.
    pub runs: u64,
    /// Of those, runs of which the framework is not known.
    pub unknown: u64,
    /// One per framework and version, the one with the most runs first.
    pub frameworks: Vec<FrameworkFigures>,
    /// What a comparison supports; empty where none does.
    pub advice: Vec<Advice>,
}

/// A framework at a version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FrameworkRef {
    /// Its id.
    pub id: String,
    /// Its version, where known.
    pub version: Option<String>,
}

impl std::fmt::Display for FrameworkRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{} {version}", self.id),
            None => f.write_str(&self.id),
        }
    }
}

/// What was measured of a framework.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FrameworkFigures {
    /// The framework.
    pub framework: FrameworkRef,
    /// Runs that ended.
    pub runs: u64,
    /// Those that succeeded, of those of known outcome.
    pub success: Rate,
    /// Time of a run in which neither a model nor a tool was at work, in milliseconds.
    pub overhead_ms: Option<MeanOf>,
    /// Tool calls of a run that repeat one that failed, with the same arguments.
    pub retries: Option<MeanOf>,
    /// How long runs took.
    pub latency_ms: Option<Latency>,
    /// The kinds of failure that most runs had; at most five.
    pub failures: Vec<FailureShare>,
}

/// A mean with the interval of Student's t.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MeanOf {
    /// The mean.
    pub mean: f64,
    /// Runs it is over.
    pub n: u64,
    /// Where it lies; `None` of one run, or of runs that are all equal.
    pub interval: Option<Interval>,
}

/// How many runs had a kind of failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FailureShare {
    /// The leaf of the taxonomy.
    pub leaf: LeafId,
    /// Runs with a finding of it.
    pub runs: Rate,
}

/// A difference between two frameworks that the runs support.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Advice {
    /// What is different.
    pub what: Compared,
    /// The framework that does better.
    pub better: FrameworkRef,
    /// The one that does worse.
    pub worse: FrameworkRef,
    /// By how much `better` is above `worse`: a share for success, milliseconds (below zero) for time.
    pub difference: f64,
    /// Where that lies; it excludes zero.
    pub interval: Interval,
    /// Tasks that both tried; zero when all runs are compared.
    pub shared_tasks: u64,
    /// Runs of `better`.
    pub better_runs: u64,
    /// Runs of `worse`.
    pub worse_runs: u64,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// How often runs succeed.
    Success,
    /// How long runs take.
    Duration,
}

/// Returns what these runs say of the frameworks they were made with; they may come in any order.
pub fn frameworks(runs: &[Run]) -> Frameworks {
    let ended: Vec<&Run> = runs.iter().filter(|run| !run.is_running).collect();
    let mut groups: BTreeMap<FrameworkRef, Vec<&Run>> = BTreeMap::new();
    for run in &ended {
        if let Some(id) = &run.framework.id {
            let framework = FrameworkRef { id: id.clone(), version: run.framework.version.clone() };
            groups.entry(framework).or_default().push(run);
        }
    }
    let mut figures: Vec<FrameworkFigures> = groups.iter().map(|(framework, runs)| measured(framework, runs)).collect();
    figures.sort_by_key(|one| std::cmp::Reverse(one.runs));
    let known: usize = groups.values().map(Vec::len).sum();
    Frameworks {
        runs: ended.len() as u64,
        unknown: (ended.len() - known) as u64,
        frameworks: figures,
        advice: advice(&groups),
    }
}

fn measured(framework: &FrameworkRef, runs: &[&Run]) -> FrameworkFigures {
    use arc_model::Verdict::{Succeeded, Unknown};
    let known = runs.iter().filter(|run| run.outcome.verdict != Unknown).count() as u64;
    let succeeded = runs.iter().filter(|run| run.outcome.verdict == Succeeded).count() as u64;
    let mut leaves: BTreeMap<&LeafId, u64> = BTreeMap::new();
    for count in runs.iter().flat_map(|run| &run.findings) {
        *leaves.entry(&count.leaf).or_default() += 1;
    }
    let n = runs.len() as u64;
    let mut failures: Vec<FailureShare> =
        leaves.into_iter().map(|(leaf, count)| FailureShare { leaf: leaf.clone(), runs: rate(count, n) }).collect();
    failures.sort_by_key(|one| std::cmp::Reverse(one.runs.successes));
    failures.truncate(FAILURES);
    let is_time = |ms: &f64| ms.is_finite() && *ms >= 0.0;
    let with_tools = runs.iter().filter(|run| run.tool_calls > 0);
    FrameworkFigures {
        framework: framework.clone(),
        runs: n,
        success: rate(succeeded, known),
        overhead_ms: mean(runs.iter().filter_map(|run| run.overhead_ms).filter(is_time).collect()),
        retries: mean(with_tools.map(|run| float(run.retries)).collect()),
        latency_ms: latency(runs.iter().filter_map(|run| run.duration_ms).filter(is_time).collect()),
        failures,
    }
}

fn mean(mut values: Vec<f64>) -> Option<MeanOf> {
    // The order of the runs must not matter.
    values.sort_by(f64::total_cmp);
    let n = values.len() as u64;
    if n == 0 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / float(n);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let t = n.checked_sub(1).filter(|degrees| *degrees > 0 && squares > 0.0).and_then(|degrees| {
        let t = StudentsT::new(0.0, 1.0, float(degrees)).ok()?.inverse_cdf(0.975);
        Some(t * (squares / float(degrees) / float(n)).sqrt())
    });
    let interval = t.map(|reach| Interval { low: mean - reach, high: mean + reach, method: Method::StudentT });
    Some(MeanOf { mean, n, interval })
}

/// Compares every two groups, and says what is clear.
fn advice(groups: &BTreeMap<FrameworkRef, Vec<&Run>>) -> Vec<Advice> {
    let trials: Vec<(&FrameworkRef, Vec<Trial>)> = groups
        .iter()
        .map(|(framework, runs)| (framework, runs.iter().map(|run| Trial::from(*run)).collect()))
        .collect();
    let pairs = trials.len() * trials.len().saturating_sub(1) / 2;
    // Two things are compared of every pair.
    let significance = SIGNIFICANCE / float((2 * pairs).max(1) as u64);
    let mut advice = Vec::new();
    for (index, (one, before)) in trials.iter().enumerate() {
        for (other, after) in trials.iter().skip(index + 1) {
            let comparison = compare::compare((&one.id, before), (&other.id, after));
            let runs = (before.len() as u64, after.len() as u64);
            let success = success_of(&comparison, significance);
            let duration = duration_of(&comparison, significance);
            advice.extend(success.map(|found| told(Compared::Success, (one, other), runs, found)));
            advice.extend(duration.map(|found| told(Compared::Duration, (one, other), runs, found)));
        }
    }
    advice
}

/// A difference of the second from the first, with its interval and the tasks it is over.
type Found = (f64, Interval, u64);

fn success_of(comparison: &compare::Comparison, significance: f64) -> Option<Found> {
    let found = match (&comparison.paired, &comparison.unpaired) {
        (Some(paired), _) if paired.tasks >= ENOUGH_TASKS => {
            (paired.p_value < significance).then_some((paired.difference, paired.interval?, paired.tasks))
        }
        // Tasks that both tried are a better answer than all runs, even where they are few.
        (Some(_), _) | (None, None) => None,
        (None, Some(all)) => {
            let is_large = all.baseline.n >= MANY_RUNS && all.candidate.n >= MANY_RUNS;
            let is_clear = all.p_value.is_some_and(|p| p < significance);
            (is_large && is_clear).then_some((all.difference, all.interval?, 0))
        }
    };
    found.filter(excludes_zero)
}

/// The interval is that of 95 %, made as wide as the significance asks of a mean that is about normally distributed.
fn duration_of(comparison: &compare::Comparison, significance: f64) -> Option<Found> {
    let time = comparison.duration_ms.as_ref()?;
    let normal = Normal::standard();
    let factor = normal.inverse_cdf(1.0 - significance / 2.0) / normal.inverse_cdf(1.0 - SIGNIFICANCE / 2.0);
    let widened = |interval: Interval| Interval {
        low: time.difference + (interval.low - time.difference) * factor,
        high: time.difference + (interval.high - time.difference) * factor,
        method: interval.method,
    };
    let is_large = time.baseline.runs >= MANY_RUNS && time.candidate.runs >= MANY_RUNS;
    let is_enough = time.shared_tasks >= ENOUGH_TASKS || (time.shared_tasks == 0 && is_large);
    is_enough.then_some((time.difference, widened(time.interval?), time.shared_tasks)).filter(excludes_zero)
}

fn excludes_zero((_, interval, _): &Found) -> bool {
    interval.low > 0.0 || interval.high < 0.0
}

fn told(
    what: Compared,
    (one, other): (&FrameworkRef, &FrameworkRef),
    (runs, other_runs): (u64, u64),
    (difference, interval, shared_tasks): Found,
) -> Advice {
    let higher_is_better = what == Compared::Success;
    let other_is_better = (difference > 0.0) == higher_is_better;
    // The difference is that of the second from the first.
    let turned = |interval: Interval| Interval { low: -interval.high, high: -interval.low, method: interval.method };
    let (better, worse, difference, interval) = if other_is_better {
        ((other, other_runs), (one, runs), difference, interval)
    } else {
        ((one, runs), (other, other_runs), -difference, turned(interval))
    };
    Advice {
        what,
        better: better.0.clone(),
        worse: worse.0.clone(),
        difference,
        interval,
        shared_tasks,
        better_runs: better.1,
        worse_runs: worse.1,
    }
}

#[cfg(test)]
mod tests {
    use arc_catalog::Catalog;
    use arc_model::{Timestamp, sketch};

    use super::*;
    use crate::{Context, analyse, checks::Checks};

    fn run(number: u32, framework: &str, task: u32, succeeded: bool, seconds: u32) -> Run {
        let claim = if succeeded { "ok" } else { "failed" };
        let text = format!(
            "trace {:032x}\nagent a agent=a framework={framework} task={task} @0s +{seconds}s {claim} by check\n  tool t {{}} @0s +1s -> 1\n",
            number + 1
        );
        let context =
            Context { received_at: Timestamp::default(), agent: None, is_running: false, checks: Checks::default() };
        analyse(&sketch::parse(&text).unwrap(), &context, Catalog::builtin()).run
    }

    /// Runs of two frameworks on the same tasks; the second fails every task whose number it divides.
    fn runs(tasks: u32, fails_every: u32) -> Vec<Run> {
        (0..tasks)
            .flat_map(|task| {
                let jitter = task % 3;
                [
                    run(2 * task, "langgraph", task, true, 4 + jitter),
                    run(2 * task + 1, "crewai", task, task % fails_every != 0, 6 + jitter + task % 2),
                ]
            })
            .collect()
    }

    #[test]
    fn a_framework_is_measured_with_n_and_intervals() {
        let found = frameworks(&runs(6, 2));
        assert_eq!((found.runs, found.unknown, found.frameworks.len()), (12, 0, 2));
        let crewai = found.frameworks.iter().find(|one| one.framework.id == "crewai").unwrap();
        assert_eq!((crewai.success.successes, crewai.success.n), (3, 6));
        let overhead = crewai.overhead_ms.unwrap();
        assert!(overhead.n == 6 && overhead.interval.unwrap().low > 0.0, "{overhead:?}");
        assert!(crewai.retries.unwrap().mean.abs() < f64::EPSILON);
    }

    #[test]
    fn advice_needs_enough_shared_tasks_and_a_clear_difference() {
        assert_eq!(frameworks(&runs(6, 1)).advice, []);
        let clear = frameworks(&runs(30, 2)).advice;
        let success = clear.iter().find(|one| one.what == Compared::Success).unwrap();
        assert_eq!((success.better.id.as_str(), success.shared_tasks), ("langgraph", 30));
        assert!(success.difference > 0.0 && success.interval.low > 0.0, "{success:?}");
        let time = clear.iter().find(|one| one.what == Compared::Duration).unwrap();
        assert!(time.better.id == "langgraph" && time.difference < 0.0 && time.interval.high < 0.0, "{time:?}");
        assert!(frameworks(&runs(30, 29)).advice.iter().all(|one| one.what == Compared::Duration));
    }

    #[test]
    fn nothing_is_measured_without_runs() {
        assert_eq!(frameworks(&[]), Frameworks::default());
    }
}
