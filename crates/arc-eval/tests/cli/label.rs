//! `arc-eval label`, and rules for judges in `arc-eval.toml`.

use serde_json::json;

use crate::{
    Home,
    fixture::{Run, otlp},
};

#[test]
fn what_a_person_says_outranks_a_check_and_the_last_word_counts() {
    let home = Home::new("label");
    let run = Run::good(1, "refund");
    home.write("runs.json", otlp(&[run]));
    home.run(&["import", "runs.json"]).ok();
    let told = home.run(&["label", &run.trace_id(), "fail", "--note", "wrong parcel"]);
    assert_eq!(told.stdout, format!("run {} failed, says a person\n", run.trace_id()), "{told:#?}");
    let by_judge =
        home.run(&["label", &run.trace_id(), "pass", "--source", "judge", "--score", "0.9", "--json"]).json();
    assert_eq!(by_judge.pointer("/outcome/verdict"), Some(&json!("failed")));
    assert_eq!(by_judge.pointer("/outcome/claims").and_then(|claims| claims.as_array()).map(Vec::len), Some(3));
    let again = home.run(&["label", &run.trace_id(), "pass"]);
    assert_eq!(again.stdout, format!("run {} succeeded, says a person\n", run.trace_id()));
    let report = home.run(&["debug", "--json"]).json();
    assert_eq!(report.pointer("/recent/judged/judged/n"), Some(&json!(1)));
    let refused = report.pointer("/recent/judged/rogan_gladen/why").and_then(|why| why.as_str()).unwrap();
    assert_eq!(refused, "1 judged runs have a person's label as well; 30 are needed");
    // A label has no time of its own, so the run did not last until it was labelled.
    assert_eq!(report.pointer("/recent/latency_ms/p50/value"), Some(&json!(1000.0)));
}

#[test]
fn a_run_that_is_not_there_cannot_be_labelled() {
    let home = Home::new("label-none");
    home.write("runs.json", otlp(&[Run::good(1, "refund")]));
    home.run(&["import", "runs.json"]).ok();
    assert_eq!(home.run(&["label", &Run::good(2, "refund").trace_id(), "pass"]).code, Some(2));
    assert_eq!(home.run(&["label", &Run::good(1, "refund").trace_id(), "perhaps"]).code, Some(2));
}

#[test]
fn a_rule_for_a_judge_that_says_nothing_is_told_with_its_line() {
    let home = Home::new("label-rule");
    home.write("arc-eval.toml", "[[judge]]\nevaluation = \"correctness\"\n");
    let ran = home.run(&["debug"]);
    assert_eq!(ran.code, Some(2));
    let told = "line 1: judge `correctness`: `pass_at_least` or `pass_labels` is missing";
    assert!(ran.stderr.contains(told), "{ran:#?}");
}

#[test]
fn the_rules_of_the_guide_can_be_used() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/labels.md");
    let text = std::fs::read_to_string(guide).unwrap();
    let rules = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let home = Home::new("label-guide");
    home.write("arc-eval.toml", rules);
    home.write("runs.json", otlp(&[Run::good(1, "refund")]));
    home.run(&["debug", "--input", "runs.json"]).ok();
}
