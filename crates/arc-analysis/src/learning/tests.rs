use arc_catalog::Catalog;
use arc_model::{Run, Severity, Timestamp, Verdict, sketch};
use proptest::prelude::*;

use super::*;
use crate::{
    Context, analyse,
    issues::{Issue, sightings},
};

const NOON: &str = "2026-03-02T12:00:00Z";

fn run(number: u32, lines: &str) -> (arc_model::Trace, Run, Vec<arc_model::Finding>) {
    let trace = sketch::parse(&format!("trace {number:032x} at {NOON}\n{lines}")).unwrap();
    let context = Context {
        received_at: Timestamp::parse(NOON).unwrap(),
        agent: None,
        is_running: false,
        checks: crate::checks::Checks::default(),
    };
    let analysis = analyse(&trace, &context, Catalog::builtin());
    (trace, analysis.run, analysis.findings)
}

fn draft(lines: &str) -> Result<Scenario, &'static str> {
    let (trace, run, findings) = run(1, lines);
    let seen = sightings(&trace, &run, &findings);
    let issue = Issue::new(&seen[0].strand, &seen[0].fingerprint, "Tool call failed");
    Scenario::draft(&trace, &run, &issue, &seen[0], run.at())
}

const BOOKING: &str = r#"
agent shop agent=shop version=3 "Book  seat 4A" @0s +4s failed by check
  tool find {q: "4A"} @0s +1s -> {seat: "4A", free: true}
  tool book {seat: "4A"} @1s +1s !timeout "no answer after 500 ms"
  tool mail {to: "x"} @2s +1s -> "sent"
"#;

#[test]
fn a_scenario_is_the_real_input_with_what_tools_returned_until_the_failure() {
    let scenario = draft(BOOKING.trim_start()).unwrap();
    assert_eq!(
        (scenario.input.as_str(), scenario.state, scenario.is_cut),
        ("Book  seat 4A", ScenarioState::Draft, false)
    );
    let results: Vec<_> =
        scenario.tool_results.iter().map(|fixed| (fixed.tool.as_str(), fixed.result.as_deref())).collect();
    assert_eq!(
        results,
        [("find", Some(r#"{"free":true,"seat":"4A"}"#)), ("book", Some("timeout: no answer after 500 ms"))]
    );
    assert!(
        matches!(&scenario.checks[..], [ScenarioCheck::NoFinding { place, .. }, ScenarioCheck::Succeeds] if place == "book")
    );
    assert_eq!(scenario.provenance.version.as_deref(), Some("3"));
    assert_eq!(scenario.trials[0].failed, 1);
    // One of each input, agent and failure, whatever the white space.
    let other = draft(&BOOKING.trim_start().replace("Book  seat", "Book seat")).unwrap();
    assert_eq!(scenario.id, other.id);
    let other = draft(&BOOKING.trim_start().replace("seat 4A\"", "seat 5B\"")).unwrap();
    assert_ne!(scenario.id, other.id);
}

#[test]
fn of_a_run_whose_content_was_withheld_no_scenario_is_made() {
    for input in ["", "\"blake3:0123456789abcdef\""] {
        let lines = BOOKING.trim_start().replace("\"Book  seat 4A\"", input);
        assert_eq!(draft(&lines), Err(NOT_RECORDED), "{input}");
    }
    // What stands for a removed e-mail address stays removed.
    let lines = BOOKING.trim_start().replace("Book  seat 4A", "Write to [email]");
    assert_eq!(draft(&lines).unwrap().input, "Write to [email]");
}

#[test]
fn a_trial_passes_when_the_failure_is_gone_and_the_run_did_not_fail() {
    let mut scenario = draft(BOOKING.trim_start()).unwrap();
    assert_eq!(scenario.judge(Verdict::Succeeded, false), Some(true));
    assert_eq!(scenario.judge(Verdict::Succeeded, true), Some(false));
    assert_eq!(scenario.judge(Verdict::Failed, false), Some(false));
    assert_eq!(scenario.judge(Verdict::Unknown, false), None);
    scenario.checks.pop();
    assert_eq!(scenario.judge(Verdict::Unknown, false), Some(true));
}

#[test]
fn trials_are_counted_by_version_and_taken_back() {
    let mut scenario = draft(BOOKING.trim_start()).unwrap();
    let before = scenario.clone();
    let later = Timestamp::parse("2026-03-03T00:00:00Z").unwrap();
    scenario.add_trial(Some("4"), true, later);
    scenario.add_trial(Some("4"), false, later);
    assert_eq!(scenario.trials[1], VersionTrials { version: Some("4".into()), passed: 1, failed: 1, last_at: later });
    scenario.remove_trial(Some("4"), true);
    scenario.remove_trial(Some("4"), false);
    assert_eq!(scenario, before);
}

/// In closed form: Beta(½, ½) is the arcsine distribution, and Beta(½, 3/2) has F(x) = 2/π (asin √x + √(x(1−x))).
#[test]
fn the_posterior_agrees_with_closed_forms() {
    let arcsine = |x: f64| 2.0 / std::f64::consts::PI * x.sqrt().asin();
    let skew = |x: f64| arcsine(x) + 2.0 / std::f64::consts::PI * (x * (1.0 - x)).sqrt();
    let close = |mastery: Mastery, expected: f64| assert!((mastery.probability - expected).abs() < 1e-9, "{mastery:?}");
    close(mastery(0, 0).unwrap(), 1.0 - arcsine(0.8));
    close(mastery(0, 1).unwrap(), 1.0 - skew(0.8));
    close(mastery(1, 0).unwrap(), skew(0.2));
}

#[test]
fn what_is_mastered_is_told_from_what_is_not_and_from_what_nobody_knows() {
    let state = |passed, failed| mastery(passed, failed).unwrap().state;
    assert_eq!(state(0, 0), MasteryState::Learning);
    assert_eq!(state(0, 1), MasteryState::NotYet);
    assert_eq!(state(3, 1), MasteryState::Learning);
    assert_eq!(state(8, 0), MasteryState::Mastered);
    assert_eq!(state(40, 30), MasteryState::NotYet);
}

fn scenario(id: &str, severity: Severity, passed: u64, failed: u64) -> Scenario {
    let mut scenario = draft(BOOKING.trim_start()).unwrap();
    let at = scenario.provenance.at;
    (scenario.id, scenario.severity) = (id.to_owned(), severity);
    scenario.trials = vec![VersionTrials { version: Some("3".into()), passed, failed, last_at: at }];
    scenario
}

#[test]
fn the_next_lesson_is_the_one_that_tells_most_about_what_matters_most() {
    let mut retired = scenario("z", Severity::Critical, 0, 0);
    retired.state = ScenarioState::Retired;
    let scenarios = [
        scenario("mastered", Severity::High, 60, 0),
        scenario("open", Severity::High, 2, 0),
        scenario("same-but-low", Severity::Low, 2, 0),
        retired,
    ];
    let lessons = curriculum(&scenarios, Some("3"));
    assert_eq!(
        lessons.iter().map(|lesson| lesson.scenario.as_str()).collect::<Vec<_>>(),
        ["open", "same-but-low", "mastered"]
    );
    assert!(
        lessons[0].reason.starts_with("this version passed 2 of 2: that does not tell yet"),
        "{}",
        lessons[0].reason
    );
    // A new version has tried none of them.
    let fresh = curriculum(&scenarios, Some("4"));
    assert!(fresh.iter().all(|lesson| lesson.mastery.n == 0 && lesson.mastery.state == MasteryState::Learning));
}

fn week(index: i64, succeeded: u64, n: u64) -> WeekHistory {
    let week = Timestamp::parse("2026-03-02T00:00:00Z").unwrap().plus_nanos(index * 7 * 86_400_000_000_000);
    WeekHistory { week, runs: n, success: crate::reliability::rate(succeeded, n) }
}

/// 2, 5 and 8 of 10: the slope is 0.3, and slope / standard error the Cochran-Armitage statistic √7.2.
#[test]
fn the_weekly_trend_agrees_with_a_worked_example() {
    let history = History { versions: Vec::new(), weeks: vec![week(0, 2, 10), week(1, 5, 10), week(2, 8, 10)] };
    let found = velocity(&history);
    let (change, low) = (found.change.unwrap(), found.low.unwrap());
    assert!((change - 0.3).abs() < 1e-12 && found.pace == Pace::Improving && found.per == "week", "{found:?}");
    let statistic = change / ((change - low) / 1.959_963_984_540_054);
    assert!((statistic * statistic - 7.2).abs() < 1e-9, "{statistic}");
}

#[test]
fn where_nothing_changed_nothing_is_claimed() {
    let weeks = vec![week(0, 8, 10), week(1, 7, 10), week(2, 8, 10)];
    assert_eq!(velocity(&History { versions: Vec::new(), weeks }).pace, Pace::NoClearChange);
    let found = velocity(&History::default());
    assert_eq!((found.pace, found.change), (Pace::NotEnoughData, None));
}

#[test]
fn two_versions_are_compared_with_each_other() {
    let runs: Vec<Run> = (0..40)
        .map(|number: u32| {
            let (version, outcome) = match number {
                0..20 => ("1", if number.is_multiple_of(2) { "ok" } else { "failed" }),
                _ => ("2", if number.is_multiple_of(10) { "failed" } else { "ok" }),
            };
            run(number + 1, &format!("agent a agent=a version={version} @{number}s +1s {outcome} by check\n")).1
        })
        .collect();
    let history = history(&runs);
    assert_eq!(history.versions.iter().map(|one| one.success.successes).collect::<Vec<_>>(), [10, 18]);
    assert_eq!(history.weeks.len(), 1);
    let found = velocity(&history);
    assert_eq!((found.pace, found.per.as_str()), (Pace::Improving, "version"));
    assert!((found.change.unwrap() - 0.4).abs() < 1e-12 && found.low.unwrap() > 0.0);
    let mut reversed = runs.clone();
    reversed.reverse();
    assert_eq!(super::history(&reversed), history);
}

proptest! {
    #[test]
    fn one_more_pass_never_lowers_mastery_and_one_more_failure_never_raises_it(passed in 0_u64..300, failed in 0_u64..300) {
        let now = mastery(passed, failed).unwrap();
        prop_assert!(mastery(passed + 1, failed).unwrap().probability >= now.probability - 1e-9);
        prop_assert!(mastery(passed, failed + 1).unwrap().probability <= now.probability + 1e-9);
        prop_assert!((0.0..=1.0).contains(&now.probability) && now.low <= now.mean && now.mean <= now.high + 1e-12);
    }

    #[test]
    fn a_lesson_is_worth_something_and_no_more_than_a_bit_times_its_weight(passed in 0_u64..50, failed in 0_u64..50) {
        let scenarios = [scenario("a", Severity::Critical, passed, failed)];
        let lessons = curriculum(&scenarios, Some("3"));
        prop_assert!((0.0..=1.0).contains(&lessons[0].information), "{:?}", lessons[0]);
        prop_assert!(lessons[0].worth <= 8.0);
    }
}
