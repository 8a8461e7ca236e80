use std::fmt::Write as _;

use arc_catalog::Catalog;
use arc_model::{Timestamp, sketch};

use super::*;
use crate::{Context, analyse, checks::Checks};

/// A run of so many steps, of which so many tool calls fail, that succeeds or fails.
fn run(number: usize, errors: usize, failed: bool, is_running: bool) -> Run {
    let day = number / 24;
    let (month, day, hour) = (1 + day / 28, 1 + day % 28, number % 24);
    let head = format!("trace {:032x} at 2026-{month:02}-{day:02}T{hour:02}:00:00Z\n", number + 1);
    let claim = if failed { "failed" } else { "ok" };
    let mut text = format!("{head}agent shop agent=shop @0s +20s {claim} by check\n");
    for step in 0..8 {
        let error = if step < errors { " !timeout" } else { " -> 1" };
        writeln!(text, "  llm m in=10 out=1 @{step}s +100ms\n  tool t {{n: {step}}} @{step}s +900ms{error}").unwrap();
    }
    let trace = sketch::parse(&text).unwrap();
    let context = Context { received_at: Timestamp::default(), agent: None, is_running, checks: Checks::default() };
    analyse(&trace, &context, Catalog::builtin()).run
}

/// Runs of which every third fails, with errors early on in those that do, as often as `told` says.
fn runs(count: usize, told: impl Fn(usize, bool) -> usize) -> Vec<Run> {
    (0..count)
        .map(|number| (number, number % 3 == 0))
        .map(|(number, failed)| run(number, told(number, failed), failed, false))
        .collect()
}

#[test]
fn a_step_that_is_noted_knows_only_what_was_before_it_and_is_not_the_end() {
    let run = run(0, 1, true, false);
    let noted: Vec<(u32, u32)> = run.prefixes.iter().map(|prefix| (prefix.steps, prefix.errors)).collect();
    assert_eq!(noted, [(1, 0), (2, 1), (4, 1), (8, 1)]);
    assert_eq!(run.prefixes[1].elapsed_ms, Some(900.0));
    assert_eq!(run.prefixes[2].tokens, Some(22));
}

#[test]
fn errors_that_come_before_failures_are_warned_of_with_lead_time_and_false_alarms() {
    let history = runs(90, |number, failed| usize::from(failed) * 2 + usize::from(number % 10 == 1));
    let forecast = Forecast::learn(&history);
    let Backtest::Better(skill) = forecast.backtest else { panic!("{:?}", forecast.backtest) };
    assert!(skill.low > 0.0 && skill.brier_skill <= 1.0, "{skill:?}");
    assert_eq!((skill.learnt_from, skill.tried_on), (63, 27));
    assert!(skill.false_alarms.estimate.unwrap() <= 0.25 && skill.caught.estimate.unwrap() > 0.8, "{skill:?}");
    assert!(skill.lead_ms.unwrap() > 10_000.0 && skill.lead_steps.unwrap() > 0.0, "{skill:?}");
    let half_way = |number, errors| {
        let mut run = run(number, errors, false, true);
        run.prefixes.pop();
        run
    };
    let (bad, good) = (half_way(200, 3), half_way(201, 0));
    let (bad, good) = (forecast.warning(&bad).unwrap(), forecast.warning(&good).unwrap());
    assert!(bad.is_warned && !good.is_warned && bad.chance > 0.5 && good.chance < 0.3, "{bad:?} {good:?}");
}

#[test]
fn what_says_nothing_about_failures_stays_silent_and_says_why() {
    let forecast = Forecast::learn(&runs(90, |number, _| number % 2));
    let Backtest::Silent { why, skill } = &forecast.backtest else { panic!("{:?}", forecast.backtest) };
    assert_eq!(why, "on later runs it was not clearly better than the failure rate alone");
    assert!(skill.unwrap().low <= 0.0);
    assert_eq!(forecast.warning(&run(200, 3, false, true)), None);
}

#[test]
fn too_few_runs_and_too_few_failures_are_named() {
    let why = |runs: &[Run]| match Forecast::learn(runs).backtest {
        Backtest::Silent { why, .. } => why,
        Backtest::Better(skill) => panic!("{skill:?}"),
    };
    assert_eq!(why(&runs(12, |_, _| 0)), "12 runs of known outcome with steps; 60 are needed");
    let good: Vec<Run> = (0..80).map(|number| run(number, 0, false, false)).collect();
    assert_eq!(why(&good), "of the 56 earlier runs 0 failed; 8 that did and 8 that did not are needed");
}

#[test]
fn the_order_in_which_runs_arrive_does_not_matter() {
    let history = runs(70, |_, failed| usize::from(failed));
    let mut reversed = history.clone();
    reversed.reverse();
    assert_eq!(Forecast::learn(&history), Forecast::learn(&reversed));
}
