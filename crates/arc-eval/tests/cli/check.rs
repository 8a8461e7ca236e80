//! `arc-eval check`, and checks in `arc-eval.toml`.

use expect_test::expect;
use serde_json::json;

use crate::{
    Home,
    fixture::{Run, SIX_RUNS, otlp},
};

const TWO: &str = r#"
[[check]]
id = "no-second-parcel"
kind = "forbidden"
tool = "track_parcel"
where = [{ at = "/parcel", equals = 8 }]

[[check]]
id = "cheap"
kind = "budget"
task = "re*"
max_dollars = 0.001
max_steps = 9
"#;

#[test]
fn checks_over_runs_carry_their_n_and_interval_and_one_that_fails_is_exit_1() {
    let home = Home::new("check-list");
    home.write("arc-eval.toml", TWO);
    home.write("runs.json", otlp(&SIX_RUNS));
    home.run(&["import", "runs.json"]).ok();
    expect![[r#"
        exit 1
        --- stdout
        shop checks over the latest 6 runs
          failed   cheap (budget): passed 0.0 % of 6 runs (0.0 – 56.1 %)
                   run 06060606060606060606060606060606: it cost $0.0035, at most $0.001 are allowed
                   run 05050505050505050505050505050505: it cost $0.0035, at most $0.001 are allowed
                   run 04040404040404040404040404040404: it cost $0.0035, at most $0.001 are allowed
          passed   no-second-parcel (forbidden): passed 100.0 % of 6 runs (43.9 – 100.0 %)
        --- stderr
    "#]]
    .assert_eq(&home.run(&["check", "--junit", "j.xml"]).all());
    let junit = std::fs::read_to_string(home.path("j.xml")).unwrap();
    assert!(junit.contains("tests=\"2\" failures=\"1\"") && junit.contains("name=\"cheap\""), "{junit}");
    let checked = home.run(&["check", "--json"]);
    let checked: serde_json::Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!(checked.pointer("/checks/1/passed/n"), Some(&json!(6)));
    assert!(checked.pointer("/checks/1/passed/interval/low").is_some(), "{checked:#}");
}

#[test]
fn a_run_shows_each_check_with_its_evidence() {
    let home = Home::new("check-run");
    home.write("arc-eval.toml", TWO);
    home.write("runs.json", otlp(&[Run::good(1, "refund")]));
    home.run(&["import", "runs.json"]).ok();
    expect![[r#"
        exit 1
        --- stdout
        Run 01010101010101010101010101010101 of shop
          passed   no-second-parcel (forbidden)
          failed   cheap (budget): it cost $0.0035, at most $0.001 are allowed
                   span 0000000000000001: $0.0035
        --- stderr
    "#]]
    .assert_eq(&home.run(&["check", &Run::good(1, "refund").trace_id()]).all());
    let other = home.run(&["check", &Run::good(9, "refund").trace_id()]);
    assert_eq!(other.code, Some(2), "{other:#?}");
}

#[test]
fn a_failed_check_decides_the_outcome_and_is_a_finding() {
    let home = Home::new("check-debug");
    home.write("arc-eval.toml", TWO);
    home.write("runs.json", otlp(&[Run { succeeded: None, ..Run::good(1, "refund") }]));
    let report = home.run(&["debug", "--input", "runs.json", "--json"]).json();
    assert_eq!(report.pointer("/reliability/success/n"), Some(&json!(1)), "{report:#}");
    assert_eq!(report.pointer("/issues/0/leaf"), Some(&json!("check-failed")), "{report:#}");
}

#[test]
fn a_check_that_cannot_be_used_is_told_with_file_line_and_key() {
    let home = Home::new("check-wrong");
    home.write("mine.toml", "port = 9000\n\n[[check]]\nid = \"x\"\nkind = \"output\"\nregex = \"(\"\n");
    let ran = home.run(&["--config", "mine.toml", "check"]);
    assert_eq!(ran.code, Some(2));
    expect![[r#"
        error: mine.toml: line 6: check `x`: `regex`: `(` is no regular expression: unclosed group
    "#]]
    .assert_eq(&ran.stderr);
}

#[test]
fn without_checks_the_command_says_how_to_declare_one() {
    let home = Home::new("check-none");
    home.write("runs.json", otlp(&[Run::good(1, "refund")]));
    let ran = home.run(&["check", "--input", "runs.json"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.stderr.contains("[[check]]"), "{ran:#?}");
}

#[test]
fn the_checks_of_the_guide_can_be_used() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/checks.md");
    let text = std::fs::read_to_string(guide).unwrap();
    let checks = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let home = Home::new("check-guide");
    home.write("arc-eval.toml", checks);
    home.write("runs.json", otlp(&[Run { agent: "shop", ..Run::good(1, "refund-1") }]));
    let checked = home.run(&["check", "--input", "runs.json", "--json"]);
    let checked: serde_json::Value = serde_json::from_str(&checked.stdout).unwrap_or_else(|_| panic!("{checked:#?}"));
    assert_eq!(checked.pointer("/checks").and_then(|checks| checks.as_array()).map(Vec::len), Some(6), "{checked:#}");
}
