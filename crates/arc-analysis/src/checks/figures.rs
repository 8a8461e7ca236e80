//! What each check came to over many runs.

use std::collections::BTreeMap;

use arc_model::{CallCounts, CheckId, CheckState, Rate, Run, TaskId, TraceId};
use serde::{Deserialize, Serialize};

use crate::reliability::{Cluster, clustered_rate};

/// Runs that are named where a check failed.
const NAMED: usize = 20;

/// What a check came to over the runs it applies to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckFigures {
    /// The check.
    pub check: CheckId,
    /// What sort of check it is.
    pub kind: String,
    /// Runs that passed, among those of which it is known. The interval respects that trials of one task are alike.
    pub passed: Rate,
    /// Runs that failed.
    pub failed: u64,
    /// Runs of which it is not known; they are in no rate.
    pub unknown: u64,
    /// Why, by reason, the most frequent first.
    pub unknown_why: Vec<UnknownCheck>,
    /// How the calls fitted, of checks of the kinds `tools` and `arguments`; missing where none was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<CallFigures>,
    /// The latest runs that failed, the latest first; at most twenty.
    pub failed_runs: Vec<FailedCheck>,
}

/// How the calls of tools fitted what a check expects of them. Calls of one run, and trials of one task, are alike, which the
/// intervals respect; a rate without anything to divide by is unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallFigures {
    /// Calls that were expected, of those that were made.
    pub precision: Rate,
    /// Calls that were made, of those that were expected.
    pub recall: Rate,
    /// Calls in the expected order, of those that were made as expected, where the order matters.
    pub order: Rate,
    /// Calls whose arguments are as declared, of those whose arguments are known.
    pub arguments: Rate,
}

impl CallFigures {
    /// Sums up counts, each of a task or of a run without one.
    fn of(alike: &[&CallCounts]) -> Option<Self> {
        let rate = |of: &dyn Fn(&CallCounts) -> (u64, u64)| {
            let clusters = alike.iter().map(|counts| of(counts)).filter(|(_, n)| *n > 0);
            clustered_rate(&clusters.map(|(successes, n)| Cluster { successes, n, times: 1 }).collect::<Vec<_>>())
        };
        let is_counted = alike.iter().any(|counts| !counts.is_nothing());
        is_counted.then(|| Self {
            precision: rate(&|counts| (counts.matched, counts.made)),
            recall: rate(&|counts| (counts.matched, counts.expected)),
            order: rate(&|counts| (counts.in_order, counts.ordered)),
            arguments: rate(&|counts| (counts.fitting, counts.judged)),
        })
    }
}

/// A reason for which a check is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UnknownCheck {
    /// The reason.
    pub why: String,
    /// Runs.
    pub runs: u64,
}

/// A run in which a check failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FailedCheck {
    /// The run.
    pub run: TraceId,
    /// What is not as declared.
    pub why: String,
}

#[derive(Default)]
struct Tally<'a> {
    kind: &'a str,
    tasks: BTreeMap<&'a TaskId, (u64, u64)>,
    alone: (u64, u64),
    unknown: BTreeMap<&'a str, u64>,
    calls: BTreeMap<Result<&'a TaskId, TraceId>, CallCounts>,
    failed: Vec<(&'a Run, &'a str)>,
}

/// Returns the figures of each check, in order of its name. The order of the runs does not matter.
pub fn check_figures(runs: &[Run]) -> Vec<CheckFigures> {
    let mut tallies: BTreeMap<&CheckId, Tally<'_>> = BTreeMap::new();
    for run in runs {
        for result in &run.checks {
            let tally = tallies.entry(&result.check).or_default();
            tally.kind = &result.kind;
            // Trials of one task are alike.
            add(tally.calls.entry(run.task.as_ref().ok_or(run.trace_id)).or_default(), &result.calls);
            let passed = match &result.state {
                CheckState::Unknown { why } => {
                    *tally.unknown.entry(why).or_default() += 1;
                    continue;
                }
                CheckState::Passed => true,
                CheckState::Failed { why, .. } => {
                    tally.failed.push((run, why));
                    false
                }
            };
            let counts = match &run.task {
                Some(task) => tally.tasks.entry(task).or_default(),
                None => &mut tally.alone,
            };
            counts.0 += u64::from(passed);
            counts.1 += 1;
        }
    }
    tallies.into_iter().map(|(check, tally)| figures(check, tally)).collect()
}

fn add(sum: &mut CallCounts, counts: &CallCounts) {
    let CallCounts { expected, made, matched, ordered, in_order, judged, fitting } = counts;
    sum.expected += expected;
    sum.made += made;
    sum.matched += matched;
    sum.ordered += ordered;
    sum.in_order += in_order;
    sum.judged += judged;
    sum.fitting += fitting;
}

fn figures(check: &CheckId, tally: Tally<'_>) -> CheckFigures {
    let mut clusters: Vec<Cluster> =
        tally.tasks.values().map(|&(successes, n)| Cluster { successes, n, times: 1 }).collect();
    let (passed, n) = tally.alone;
    clusters.push(Cluster { successes: 1, n: 1, times: passed });
    clusters.push(Cluster { successes: 0, n: 1, times: n - passed });
    let mut failed = tally.failed;
    failed.sort_by_key(|(run, _)| (std::cmp::Reverse(run.at()), run.trace_id));
    let mut unknown_why: Vec<UnknownCheck> =
        tally.unknown.iter().map(|(why, runs)| UnknownCheck { why: (*why).to_owned(), runs: *runs }).collect();
    unknown_why.sort_by_key(|one| std::cmp::Reverse(one.runs));
    let named = failed.iter().take(NAMED);
    CheckFigures {
        check: check.clone(),
        kind: tally.kind.to_owned(),
        passed: clustered_rate(&clusters),
        failed: failed.len() as u64,
        unknown: unknown_why.iter().map(|one| one.runs).sum(),
        unknown_why,
        calls: CallFigures::of(&tally.calls.values().collect::<Vec<_>>()),
        failed_runs: named.map(|(run, why)| FailedCheck { run: run.trace_id, why: (*why).to_owned() }).collect(),
    }
}
