//! `arc-eval debug`.

use expect_test::expect;
use serde_json::json;

use crate::{
    Home,
    fixture::{Run, SIX_RUNS, otlp},
};

#[test]
fn the_report_is_a_card() {
    let home = Home::new("debug-card");
    home.write("runs.json", otlp(&SIX_RUNS));
    home.run(&["import", "runs.json"]).ok();
    expect![[r#"
        exit 0
        --- stdout
        ━━━ shop Performance ━━━
        version unknown · framework unknown · domain unknown

        Reliability    ████████████░░░░░░░░░░░░  50.0 %  grade F (provisional)
                       95 % interval 0.0 – 100.0 % (clustered by task)
                       n = 6 runs of 3 tasks
        Tries (k)             1       2
          all succeed    50.0 %  33.3 %  pass^k
          one succeeds   50.0 %  66.7 %  pass@k
          tasks               3       3
        Mean of tasks  50.0 % (0.0 – 100.0 %), each of 3 tasks counted once
        Consistency    66.7 % of two tries agree
        Trend          not enough data: this week n = 0, the week before n = 0
        Tool accuracy  50.0 % of 6 calls (18.8 – 81.2 %)
        Time           p50 1.0 s, p95 1.0 s, p99 1.0 s of the latest 6 runs
        Recovery       0.0 % of 3 runs (0.0 – 56.1 %) with a failed tool call succeeded

        Cost per run   $0.0035  mean of 6 runs

        Issues found: 1
          medium   Tool call failed: 50.0 % of 6 runs (18.8 – 81.2 %)
                   tool-error · 3 findings · look at run 06060606060606060606060606060606

        What to do
          1. Look at the errors by tool: retry those that pass, check arguments before the call for those that do not, and return an error the model can act on.
             because Tool call failed: in 3 of 6 runs

        Next
          arc-eval trace 06060606060606060606060606060606  the latest run with the first issue
          arc-eval serve                                   the same in a browser, live
        --- stderr
    "#]].assert_eq(&home.run(&["debug"]).all());
}

#[test]
fn the_same_data_is_printed_as_json() {
    let home = Home::new("debug-json");
    home.write("runs.json", otlp(&SIX_RUNS));
    home.run(&["import", "runs.json"]).ok();
    let overview = home.run(&["debug", "--json"]).json();
    let at =
        |pointer: &str| overview.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {overview:#}")).clone();
    assert_eq!(at("/agents/0/name"), "shop");
    assert_eq!((at("/agents/0/succeeded"), at("/agents/0/failed")), (json!(3), json!(3)));
    assert_eq!(at("/agent/name"), "shop");
    assert_eq!(at("/reliability/success/estimate"), 0.5);
    assert_eq!(at("/reliability/success/interval/method"), "task_clustered_t");
    let values = |list: &str| {
        let list = at(list);
        list.as_array().unwrap().iter().map(|one| one["value"].as_f64().unwrap()).collect::<Vec<_>>()
    };
    // Two of three tasks succeed at least once in two tries, one always does.
    assert_eq!(values("/reliability/pass_hat_k"), [0.5, 1.0 / 3.0]);
    assert_eq!(values("/reliability/pass_at_k"), [0.5, 2.0 / 3.0]);
    // 1,000 tokens at $2.50 and 100 at $10 per million.
    assert_eq!(at("/cost/per_run"), 3_500_000);
    assert_eq!(at("/issues/0/leaf"), "tool-error");
    assert_eq!(at("/issues/0/runs/successes"), 3);
    assert_eq!(at("/issues/0/latest"), SIX_RUNS[5].trace_id());
}

#[test]
fn files_can_be_analysed_without_storing_them() {
    let home = Home::new("debug-input");
    home.write("runs.json", otlp(&SIX_RUNS));
    let from_file = home.run(&["debug", "--input", "runs.json", "--json"]).json();
    assert_eq!(from_file["reliability"]["runs"], 6);
    assert_eq!(home.run(&["debug", "--json"]).json(), json!({"agents": []}));
}

#[test]
fn files_beside_an_unreadable_one_are_said_to_be_shown_not_stored() {
    let home = Home::new("debug-input-beside");
    home.write("runs.json", otlp(&SIX_RUNS));
    let said = home.run(&["debug", "--input", "runs.json", "--input", "missing.json", "--json"]).all();
    assert!(said.contains("error: nothing could be read from missing.json; the report is on the others\n"), "{said}");
    assert!(!said.contains("stored"), "{said}");
}

#[test]
fn an_empty_store_says_how_to_get_the_first_run() {
    expect![[r#"
        exit 0
        --- stdout
        --- stderr
        no runs yet. To get the first:
          arc-eval import FILE|DIR     traces you already have
          arc-eval debug --input FILE  the same without storing them
          arc-eval serve               then run an agent that sends to it:
                                       from agent_eval.trace import ArcTracer; agent = ArcTracer("my-agent").trace_agent(agent)
    "#]].assert_eq(&Home::new("debug-empty").run(&["debug"]).all());
}

#[test]
fn an_agent_nobody_knows_is_told_with_those_there_are() {
    let home = Home::new("debug-agent");
    let other = Run { agent: "courier", ..Run::good(9, "deliver") };
    home.write("runs.json", otlp(&[SIX_RUNS[0], other]));
    home.run(&["import", "runs.json"]).ok();
    expect![[r#"
        exit 2
        --- stdout
        --- stderr
        error: no settled runs of an agent named `bank`; there are courier, shop
    "#]]
    .assert_eq(&home.run(&["debug", "--agent", "bank"]).all());
    // Without a name the most recently active agent is shown, and the other is mentioned.
    let card = home.run(&["debug"]).ok();
    assert!(card.starts_with("━━━ courier Performance ━━━\n") && card.contains("Other agents shop"), "{card}");
}

#[test]
fn an_outcome_nobody_knows_counts_in_no_rate() {
    let home = Home::new("debug-unknown");
    home.write("runs.json", otlp(&[Run { succeeded: None, ..Run::good(1, "refund") }]));
    let overview = home.run(&["debug", "--input", "runs.json", "--json"]).json();
    assert_eq!(overview["reliability"]["unknown_outcomes"], 1);
    assert_eq!(overview["reliability"]["success"]["estimate"], json!(null));
    let card = home.run(&["debug", "--input", "runs.json"]).ok();
    assert!(card.contains("Reliability    unknown"), "{card}");
}

#[test]
fn bad_input_fails_although_a_report_is_printed() {
    let home = Home::new("debug-bad");
    home.write("runs/a.json", otlp(&SIX_RUNS));
    home.write("runs/b.json", "nothing");
    let ran = home.run(&["debug", "--input", "runs", "--json"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stdout.contains("\"reliability\"") && ran.stderr.contains("runs/b.json"), "{ran:#?}");
}
