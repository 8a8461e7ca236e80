//! Limits that are met, not met and not yet known.

use arc_model::{Cost, Timestamp, sketch};
use proptest::prelude::*;

use super::*;
use crate::{Context, analyse, checks::Checks};

fn run(number: u32, line: &str) -> Run {
    let text = format!("trace {:032x} at 2026-03-02T12:00:00Z\nagent shop agent=shop {line}\n", number + 1);
    let trace = sketch::parse(&text).unwrap();
    let context =
        Context { received_at: Timestamp::from_millis(0), agent: None, is_running: false, checks: Checks::default() };
    analyse(&trace, &context, arc_catalog::Catalog::builtin()).run
}

fn outcomes(succeeded: u32, failed: u32) -> Vec<Run> {
    let good = (0..succeeded).map(|number| run(number, "@0s +1s ok by check"));
    good.chain((0..failed).map(|number| run(succeeded + number, "@0s +9s failed by check"))).collect()
}

fn reliable(runs: &[Run], min: f64) -> Check {
    let limits = Limits { min_reliability: Some(min), ..Limits::default() };
    judge(runs, &limits).checks.remove(0)
}

#[test]
fn nine_of_ten_do_not_show_nine_of_ten() {
    let check = reliable(&outcomes(9, 1), 0.9);
    assert_eq!((check.verdict, check.n), (GateVerdict::NotYetKnown, 10));
    // No number of runs at exactly the limit decides.
    assert_eq!(check.more_runs, None);
}

#[test]
fn thirty_five_good_runs_show_ninety_percent_and_thirty_four_do_not() {
    assert_eq!(reliable(&outcomes(35, 0), 0.9).verdict, GateVerdict::Met);
    let check = reliable(&outcomes(34, 0), 0.9);
    assert_eq!((check.verdict, check.more_runs), (GateVerdict::NotYetKnown, Some(1)));
    assert_eq!(reliable(&outcomes(10, 0), 0.9).more_runs, Some(25));
}

#[test]
fn a_rate_clearly_below_the_limit_is_not_met() {
    let check = reliable(&outcomes(5, 15), 0.9);
    assert_eq!((check.verdict, check.more_runs), (GateVerdict::NotMet, None));
}

#[test]
fn without_a_known_outcome_nothing_is_known() {
    let runs: Vec<Run> = (0..3).map(|number| run(number, "@0s +1s")).collect();
    for runs in [&runs[..], &[]] {
        let check = reliable(runs, 0.5);
        assert_eq!((check.verdict, check.estimate, check.more_runs), (GateVerdict::NotYetKnown, None, None));
        assert_eq!(check.unknown, runs.len() as u64);
    }
}

#[test]
fn trials_of_few_tasks_say_less_than_as_many_tasks() {
    let mut runs = Vec::new();
    for number in 0..60 {
        let outcome = if number % 6 == 0 { "failed" } else { "ok" };
        runs.push(run(number, &format!("task=t{} @0s +1s {outcome} by check", number % 6)));
    }
    // One task always fails, five never do: 50 of 60, yet only six tasks.
    let check = reliable(&runs, 0.6);
    assert_eq!((check.verdict, check.estimate), (GateVerdict::NotYetKnown, Some(50.0 / 60.0)));
    assert!(check.more_runs.is_some_and(|more| more > 40), "{check:?}");
    assert_eq!(reliable(&outcomes(50, 10), 0.6).verdict, GateVerdict::Met);
}

#[test]
fn the_time_limit_is_a_limit_of_ninety_five_percent_of_the_runs() {
    let judged = |runs: &[Run], max| {
        judge(runs, &Limits { max_p95_ms: Some(max), ..Limits::default() }).checks.remove(0).verdict
    };
    // Good runs take one second, failed ones nine.
    assert_eq!(judged(&outcomes(100, 0), 1_000.0), GateVerdict::Met);
    assert_eq!(judged(&outcomes(80, 20), 1_000.0), GateVerdict::NotMet);
    assert_eq!(judged(&outcomes(20, 1), 1_000.0), GateVerdict::NotYetKnown);
    assert_eq!(judged(&outcomes(20, 1), 10_000.0), GateVerdict::NotYetKnown);
}

#[test]
fn a_cost_that_is_not_known_is_not_within_a_limit() {
    let limits = Limits { max_cost: Some(NanoUsd(1_000_000_000)), ..Limits::default() };
    let check = judge(&outcomes(50, 0), &limits).checks.remove(0);
    assert_eq!((check.verdict, check.n, check.unknown), (GateVerdict::NotYetKnown, 0, 50));
}

#[test]
fn a_mean_cost_is_judged_by_its_interval() {
    let priced = |n: u32| -> Vec<Run> {
        let one = |number| Run {
            // One or three millionths of a dollar: two on average.
            cost: Cost::Known { total: NanoUsd(if number % 2 == 0 { 1_000 } else { 3_000 }), lines: Vec::new() },
            ..run(number, "@0s +1s")
        };
        (0..n).map(one).collect()
    };
    let judged =
        |runs: &[Run], max| judge(runs, &Limits { max_cost: Some(NanoUsd(max)), ..Limits::default() }).checks.remove(0);
    assert_eq!(judged(&priced(40), 2_400).verdict, GateVerdict::Met);
    assert_eq!(judged(&priced(40), 1_600).verdict, GateVerdict::NotMet);
    let close = judged(&priced(40), 2_100);
    assert_eq!((close.verdict, close.estimate), (GateVerdict::NotYetKnown, Some(2_000.0)));
    // 1.96 · 1,000 / √n falls below 100 at n = 385.
    assert!(close.more_runs.is_some_and(|more| (340..360).contains(&more)), "{close:?}");
    // Of one run in ten the cost is not known, and it may be any.
    let mut partly = priced(40);
    partly.extend((40..45).map(|number| run(number, "@0s +1s")));
    assert_eq!(judged(&partly, 2_400).verdict, GateVerdict::NotYetKnown);
}

#[test]
fn the_worst_limit_decides() {
    let limits = Limits { min_reliability: Some(0.5), max_p95_ms: Some(1.0), max_cost: None };
    let gate = judge(&outcomes(100, 0), &limits);
    assert_eq!((gate.verdict, gate.checks.len()), (GateVerdict::NotMet, 2));
    assert_eq!(judge(&outcomes(100, 0), &Limits::default()).verdict, GateVerdict::NotYetKnown);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Turning a failure into a success never makes the verdict worse.
    #[test]
    fn better_runs_never_lower_the_verdict(succeeded in 0u32..40, failed in 1u32..40, min in 0.05f64..0.99) {
        let worse = reliable(&outcomes(succeeded, failed), min).verdict;
        let better = reliable(&outcomes(succeeded + 1, failed - 1), min).verdict;
        prop_assert!(better <= worse, "{better:?} {worse:?}");
    }

    /// With as many more runs as were asked for, at the same rate, it is decided.
    #[test]
    fn the_runs_that_are_asked_for_suffice(succeeded in 0u32..30, failed in 0u32..30, min in 0.05f64..0.99) {
        let check = reliable(&outcomes(succeeded, failed), min);
        if let (Some(more), Some(share)) = (check.more_runs, check.estimate) {
            let interval = crate::reliability::wilson_of_share(share, check.n + more);
            prop_assert!(interval.low >= min || interval.high < min);
        }
    }
}
