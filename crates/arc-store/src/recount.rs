//! What figures mean: the count over runs that every rollup must equal.

use std::{cmp::Reverse, collections::BTreeMap};

use arc_model::{
    AgentFigures, Cost, DayTally, Finding, LeafId, LeafTally, Run, Severity, TaskId, TaskTally, Termination, Timestamp,
    TraceId, UnknownCost, UnpricedTally, Verdict,
};

const DAY_NANOS: i64 = 86_400_000_000_000;

/// Where counts stop: databases count in 64 bits with a sign.
const LARGEST: u64 = i64::MAX.unsigned_abs();

/// Returns midnight UTC of the day a time lies in.
pub const fn utc_day(at: Timestamp) -> Timestamp {
    Timestamp::from_nanos(at.as_nanos().div_euclid(DAY_NANOS).saturating_mul(DAY_NANOS))
}

/// Counts an agent's settled runs, each given with its findings, in any order.
///
/// This is the definition of [`TraceStore::figures`](crate::TraceStore::figures), for stores to be
/// compared with and for runs that are in no store. A run that is running counts nowhere until it
/// ended. Counts and costs stop at 2⁶³ - 1.
pub fn recount<'a>(runs: impl IntoIterator<Item = (&'a Run, &'a [Finding])>) -> AgentFigures {
    let mut tasks: BTreeMap<Option<&TaskId>, TaskTally> = BTreeMap::new();
    let mut days: BTreeMap<Timestamp, DayTally> = BTreeMap::new();
    let mut leaves: BTreeMap<&LeafId, Leaf> = BTreeMap::new();
    let mut unpriced: BTreeMap<String, UnpricedTally> = BTreeMap::new();
    for (run, findings) in runs.into_iter().filter(|(run, _)| !run.is_running) {
        let task = tasks.entry(run.task.as_ref()).or_insert_with(|| TaskTally {
            task: run.task.clone(),
            succeeded: 0,
            failed: 0,
            unknown: 0,
        });
        *by_verdict(run.outcome.verdict, [&mut task.succeeded, &mut task.failed, &mut task.unknown]) += 1;
        let day = utc_day(run.at());
        count_day(days.entry(day).or_insert_with(|| DayTally { day, ..DayTally::default() }), run);
        if let Cost::Unknown { why, .. } = &run.cost {
            let tally = unpriced.entry(reason_key(why)).or_insert_with(|| UnpricedTally { why: why.clone(), runs: 0 });
            tally.runs += 1;
        }
        let mut counts: BTreeMap<&LeafId, (u64, Severity)> = BTreeMap::new();
        for finding in findings {
            let (count, worst) = counts.entry(finding.leaf()).or_insert((0, finding.severity()));
            *count += 1;
            *worst = finding.severity().max(*worst);
        }
        for (leaf, (findings, severity)) in counts {
            leaves.entry(leaf).or_default().count(run, findings, severity);
        }
    }
    let mut leaves: Vec<LeafTally> =
        leaves.into_iter().filter_map(|(leaf, counted)| counted.tally(leaf.clone())).collect();
    leaves.sort_by_key(|tally| Reverse(tally.runs));
    let mut unpriced: Vec<UnpricedTally> = unpriced.into_values().collect();
    unpriced.sort_by_key(|tally| Reverse(tally.runs));
    AgentFigures { tasks: tasks.into_values().collect(), days: days.into_values().collect(), leaves, unpriced }
}

/// Returns the text by which reasons with equally many runs are ordered.
pub fn reason_key(why: &UnknownCost) -> String {
    why.to_string()
}

fn by_verdict<T>(verdict: Verdict, [succeeded, failed, unknown]: [T; 3]) -> T {
    match verdict {
        Verdict::Succeeded => succeeded,
        Verdict::Failed => failed,
        Verdict::Unknown => unknown,
    }
}

fn count_day(day: &mut DayTally, run: &Run) {
    *by_verdict(run.outcome.verdict, [&mut day.succeeded, &mut day.failed, &mut day.unknown]) += 1;
    day.step_limit += u64::from(run.termination == Some(Termination::StepLimit));
    day.timeout += u64::from(run.termination == Some(Termination::Timeout));
    if let Some(cost) = run.cost.known() {
        day.priced += 1;
        day.cost = day.cost + cost;
    }
    day.tool_calls_judged = day.tool_calls_judged.saturating_add(run.tool_calls_judged).min(LARGEST);
    day.tool_calls_correct = day.tool_calls_correct.saturating_add(run.tool_calls_correct).min(LARGEST);
}

/// The runs with findings of a leaf, as far as they were counted.
#[derive(Default)]
struct Leaf {
    runs: u64,
    findings: u64,
    worst: Option<Severity>,
    first_at: Option<Timestamp>,
    /// Of runs at the same time, the smaller trace id is listed first.
    latest: Option<(Timestamp, Reverse<TraceId>)>,
}

impl Leaf {
    fn count(&mut self, run: &Run, findings: u64, severity: Severity) {
        self.runs += 1;
        self.findings += findings;
        self.worst = self.worst.max(Some(severity));
        self.first_at = Some(self.first_at.map_or(run.at(), |first| first.min(run.at())));
        self.latest = self.latest.max(Some((run.at(), Reverse(run.trace_id))));
    }

    fn tally(self, leaf: LeafId) -> Option<LeafTally> {
        let (last_at, Reverse(latest)) = self.latest?;
        Some(LeafTally {
            leaf,
            severity: self.worst?,
            runs: self.runs,
            findings: self.findings,
            first_at: self.first_at?,
            last_at,
            latest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_also_before_1970() {
        let day = |text| utc_day(Timestamp::parse(text).unwrap()).to_string();
        assert_eq!(day("2025-03-19T00:00:00Z"), "2025-03-19T00:00:00Z");
        assert_eq!(day("2025-03-19T23:59:59.999999999Z"), "2025-03-19T00:00:00Z");
        assert_eq!(day("1969-12-31T12:00:00Z"), "1969-12-31T00:00:00Z");
    }

    #[test]
    fn nothing_to_count_gives_no_figures() {
        assert_eq!(recount([]), AgentFigures::default());
    }
}
