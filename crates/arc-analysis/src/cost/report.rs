//! What a division of cost says in figures: per run, per success, retries, time. Pure, from sums.

use arc_model::{AgentName, CostDimension, CostSums, CostTally, NanoUsd, Timestamp};
use serde::{Deserialize, Serialize};

use crate::reliability::float;

/// How cost and time divide, and what follows for runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CostReport {
    /// By what it is divided.
    pub by: CostDimension,
    /// The agent it is about; `null` is all of them.
    pub agent: Option<AgentName>,
    /// The first UTC day it is about; `null` is from the beginning.
    pub since: Option<Timestamp>,
    /// Everything together.
    pub total: CostSums,
    /// What follows from the total.
    pub figures: CostRatios,
    /// The lines of the division, the dearest first; of a division by tool the line without a name is what was
    /// paid for calls that asked for no tool.
    pub lines: Vec<CostTally>,
    /// Whether there are more lines than were asked for.
    pub is_cut: bool,
}

/// Amounts and times per run, and shares. `null` where a part of it is not known.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CostRatios {
    /// Cost of all runs by the number of runs.
    pub per_run: Option<NanoUsd>,
    /// Cost of all runs, failed ones included, by the number of those that succeeded.
    pub per_success: Option<NanoUsd>,
    /// What the runs that succeeded cost.
    pub succeeded_cost: Option<NanoUsd>,
    /// What the runs that failed cost.
    pub failed_cost: Option<NanoUsd>,
    /// What the calls cost that sent what their run had sent before.
    pub repeated_cost: Option<NanoUsd>,
    /// Mean time of a run, in nanoseconds.
    pub run_ns: Option<u64>,
    /// Share of the time of runs in which they waited for a model.
    pub model_time: Option<f64>,
    /// Share of the time of runs in which they waited for a tool or a search.
    pub tool_time: Option<f64>,
    /// Share of the time of runs that is neither.
    pub other_time: Option<f64>,
    /// Mean time to the first token of an answer, in nanoseconds.
    pub first_token_ns: Option<u64>,
    /// What emitters say their calls cost, less what these calls cost by the prices here.
    pub reported_difference: Option<NanoUsd>,
    /// The difference in words.
    pub reported_explained: Option<String>,
}

/// Returns the report of a division; `outcomes` is the division of the same runs by outcome.
pub fn cost_report(
    (by, agent, since): (CostDimension, Option<AgentName>, Option<Timestamp>),
    mut lines: Vec<CostTally>,
    limit: usize,
    outcomes: &[CostTally],
) -> CostReport {
    let mut total = CostSums::default();
    for outcome in outcomes {
        total.add(&outcome.sums);
    }
    let is_cut = lines.len() > limit;
    lines.truncate(limit);
    CostReport { by, agent, since, figures: ratios(&total, outcomes), total, lines, is_cut }
}

fn ratios(total: &CostSums, outcomes: &[CostTally]) -> CostRatios {
    let of = |name: &str| {
        let found = outcomes.iter().find(|outcome| outcome.name.as_deref() == Some(name))?;
        found.sums.known_cost().filter(|_| found.sums.calls > 0)
    };
    // Runs without a recorded model call have no known cost.
    let known = total.known_cost().filter(|_| total.priced_runs == total.runs);
    let per = |count: u64| NanoUsd::from_usd(known?.as_usd() / float(count)).filter(|_| count > 0);
    let mean = |sum: u64, count: u64| sum.checked_div(count);
    let share = |part: u64| (total.time_ns > 0).then(|| float(part) / float(total.time_ns));
    let waited = total.model_ns.saturating_add(total.tool_ns);
    let amount = |nanos: u64| NanoUsd(i64::try_from(nanos).unwrap_or(i64::MAX));
    let difference = (total.reported_calls > 0).then(|| amount(total.reported_cost) - amount(total.reported_cost_here));
    CostRatios {
        per_run: per(total.runs),
        per_success: per(total.succeeded),
        succeeded_cost: of("succeeded"),
        failed_cost: of("failed"),
        repeated_cost: known.filter(|_| total.calls > 0).map(|_| amount(total.repeated_cost)),
        run_ns: mean(total.time_ns, total.timed),
        model_time: share(total.model_ns),
        tool_time: share(total.tool_ns),
        other_time: share(total.time_ns.saturating_sub(waited)),
        first_token_ns: mean(total.first_token_ns, total.first_token_calls),
        reported_difference: difference,
        reported_explained: difference.map(|difference| explained(difference, total)),
    }
}

fn explained(difference: NanoUsd, total: &CostSums) -> String {
    let (calls, all) = (total.reported_calls, total.calls);
    if difference == NanoUsd::ZERO {
        return format!("{calls} of {all} calls came with a cost, and it is the one computed here");
    }
    let cached = if total.cached_tokens > 0 {
        "; some of their tokens were cached, which emitters often bill in full"
    } else {
        ""
    };
    let than = if difference > NanoUsd::ZERO { "more" } else { "less" };
    format!(
        "emitters say {} {than} for the {calls} of {all} calls that came with a cost: they price by another table, date \
         or contract{cached}",
        if difference > NanoUsd::ZERO { difference } else { NanoUsd::ZERO - difference }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(name: &str, sums: CostSums) -> CostTally {
        CostTally { name: Some(name.to_owned()), agent: None, sums }
    }

    fn sums(runs: u64, succeeded: u64, cost: u64) -> CostSums {
        CostSums {
            runs,
            succeeded,
            failed: runs - succeeded,
            priced_runs: runs,
            calls: runs,
            cost,
            ..CostSums::default()
        }
    }

    fn report(outcomes: &[CostTally]) -> CostReport {
        cost_report((CostDimension::Outcome, None, None), outcomes.to_vec(), 10, outcomes)
    }

    #[test]
    fn failed_runs_are_paid_for_by_those_that_succeed() {
        let found = report(&[tally("succeeded", sums(4, 4, 400)), tally("failed", sums(6, 0, 1_600))]);
        let figures = found.figures;
        assert_eq!((figures.per_run, figures.per_success), (Some(NanoUsd(200)), Some(NanoUsd(500))));
        assert_eq!((figures.succeeded_cost, figures.failed_cost), (Some(NanoUsd(400)), Some(NanoUsd(1_600))));
        assert_eq!(found.total.cost, 2_000);
    }

    #[test]
    fn one_unpriced_call_makes_what_needs_it_unknown() {
        let unpriced = CostSums { unpriced_calls: 1, priced_runs: 5, ..sums(6, 0, 1_600) };
        let figures = report(&[tally("succeeded", sums(4, 4, 400)), tally("failed", unpriced)]).figures;
        assert_eq!((figures.per_run, figures.per_success, figures.failed_cost), (None, None, None));
        assert_eq!(figures.succeeded_cost, Some(NanoUsd(400)));
        assert_eq!(report(&[]).figures, CostRatios::default());
    }

    #[test]
    fn shares_of_time_sum_to_the_whole() {
        let timed = CostSums { time_ns: 10, timed: 2, model_ns: 4, tool_ns: 3, ..sums(2, 2, 0) };
        let figures = report(&[tally("succeeded", timed)]).figures;
        assert_eq!((figures.model_time, figures.tool_time, figures.other_time), (Some(0.4), Some(0.3), Some(0.3)));
        assert_eq!(figures.run_ns, Some(5));
    }

    #[test]
    fn what_emitters_say_stands_beside_with_the_difference() {
        let said = CostSums { reported_cost: 5_000, reported_cost_here: 4_000, reported_calls: 1, ..sums(1, 1, 4_000) };
        let figures = report(&[tally("succeeded", said)]).figures;
        assert_eq!(figures.reported_difference, Some(NanoUsd(1_000)));
        assert!(figures.reported_explained.unwrap().starts_with("emitters say $0.000001 more for the 1 of 1 calls"));
    }
}
