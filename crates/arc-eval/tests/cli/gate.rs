//! `arc-eval gate`.

use serde_json::{Value, json};

use crate::{
    Home,
    fixture::{Run, otlp},
};

fn good(count: u8) -> Vec<Run> {
    (1..=count).map(|number| Run::good(number, "")).collect()
}

#[test]
fn an_interval_above_the_limit_passes() {
    let home = Home::new("gate-pass");
    home.write("runs.json", otlp(&good(40)));
    home.run(&["import", "runs.json"]).ok();
    let page = home.run(&["gate", "--min-reliability", "0.9", "--max-cost", "0.01"]);
    assert_eq!(page.code, Some(1), "{page:#?}");
    // Equal costs have no spread, so no interval.
    assert!(page.stdout.contains("not yet known  mean cost of a run at most $0.01"), "{page:#?}");
    let page = home.run(&["gate", "--min-reliability", "0.9", "--max-p95-ms", "5000"]);
    assert_eq!(page.code, Some(1), "{page:#?}");
    assert!(page.stdout.contains("met            success rate at least 90.0 %"), "{page:#?}");
    assert!(page.stdout.contains("more runs like these would decide it"), "{page:#?}");
    assert_eq!(home.run(&["gate", "--min-reliability", "0.9"]).code, Some(0));
}

#[test]
fn what_is_not_yet_known_fails_and_says_how_many_runs_are_missing() {
    let home = Home::new("gate-unknown");
    home.write("runs.json", otlp(&good(10)));
    let ran = home.run(&[
        "gate",
        "--input",
        "runs.json",
        "--min-reliability",
        "0.9",
        "--junit",
        "j.xml",
        "--sarif",
        "s.json",
    ]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.stdout.contains("about 25 more runs like these would decide it"), "{ran:#?}");
    let junit = std::fs::read_to_string(home.path("j.xml")).unwrap();
    assert!(junit.contains("tests=\"1\" failures=\"1\"") && junit.contains("type=\"not-yet-known\""), "{junit}");
    let sarif: Value = serde_json::from_slice(&std::fs::read(home.path("s.json")).unwrap()).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "min-reliability");
    assert_eq!(sarif["runs"][0]["results"][0]["level"], "warning");
}

#[test]
fn an_interval_below_the_limit_fails() {
    let home = Home::new("gate-fail");
    let runs: Vec<Run> = (1..=20).map(|number| Run::bad(number, "")).collect();
    home.write("runs.json", otlp(&runs));
    let ran = home.run(&["gate", "--input", "runs.json", "--min-reliability", "0.9", "--json"]);
    assert_eq!(ran.code, Some(1));
    let judged: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&judged["verdict"], &judged["checks"][0]["more_runs"]), (&json!("not_met"), &json!(null)));
}

#[test]
fn a_gate_without_a_limit_or_with_a_bad_one_is_a_mistake() {
    let home = Home::new("gate-usage");
    assert_eq!(home.run(&["gate"]).code, Some(2));
    assert_eq!(home.run(&["gate", "--min-reliability", "90"]).code, Some(2));
}

#[test]
fn without_runs_nothing_is_shown_to_be_good_enough() {
    let home = Home::new("gate-empty");
    let ran = home.run(&["gate", "--min-reliability", "0.9", "--json"]);
    let judged: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (ran.code, &judged["verdict"], &judged["checks"][0]["estimate"]),
        (Some(1), &json!("not_yet_known"), &json!(null))
    );
}
