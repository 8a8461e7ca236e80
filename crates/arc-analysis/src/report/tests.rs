//! The shape of the report, and what it says of given counts.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes snapshots this way")]

use arc_model::{DayTally, LeafTally, NanoUsd, TaskId, TaskTally, UnknownCost, UnpricedTally};
use expect_test::expect;

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn agent(runs: u64) -> AgentSummary {
    AgentSummary {
        name: AgentName::new("airline"),
        version: Some("2".into()),
        domain: None,
        framework: None,
        runs,
        succeeded: 0,
        failed: 0,
        last_run_at: at("2025-03-20T08:00:00Z"),
    }
}

fn leaf(leaf: &str, severity: Severity, runs: u64) -> LeafTally {
    LeafTally {
        leaf: leaf.into(),
        severity,
        runs,
        findings: runs,
        first_at: at("2025-03-19T00:00:00Z"),
        last_at: at("2025-03-20T00:00:00Z"),
        latest: TraceId::from_bytes([1; 16]).unwrap(),
    }
}

fn day(text: &str, known: (u64, u64), unknown: u64, priced: u64, cost: i64) -> DayTally {
    DayTally {
        day: at(&format!("{text}T00:00:00Z")),
        succeeded: known.0,
        failed: known.1,
        unknown,
        priced,
        cost: NanoUsd(cost),
        ..DayTally::default()
    }
}

fn report_of(figures: &AgentFigures) -> Report {
    report(&agent(0), figures, Catalog::builtin(), at("2025-03-20T12:00:00Z"))
}

fn print(recommendations: &[Recommendation]) -> String {
    let line = |item: &Recommendation| {
        let leaf = item.leaf.as_ref().map_or("-", LeafId::as_str);
        format!("{leaf}: {} ({})\n", item.text.split_inclusive([',', ':']).next().unwrap_or_default(), item.because)
    };
    recommendations.iter().map(line).collect()
}

#[test]
fn an_agent_without_runs_has_a_report_without_claims() {
    let report = report_of(&AgentFigures::default());
    let json = serde_json::to_string(&report).unwrap();
    expect![[r#"{"agent":{"name":"airline","version":"2","domain":null,"framework":null},"generated_at":"2025-03-20T12:00:00Z","reliability":{"runs":0,"unknown_outcomes":0,"success":{"successes":0,"n":0,"estimate":null,"interval":null},"success_naive":{"successes":0,"n":0,"estimate":null,"interval":null},"success_jeffreys":null,"success_macro":null,"consistency":null,"tasks":{"count":0,"repeated":0},"grade":null,"pass_hat_k":[],"pass_at_k":[],"tasks_change_with_k":false,"trend":{"direction":"not_enough_data","test":null,"p_value":null,"recent":{"successes":0,"n":0,"estimate":null,"interval":null},"before":{"successes":0,"n":0,"estimate":null,"interval":null},"change_points":null},"tool_accuracy":{"successes":0,"n":0,"estimate":null,"interval":null},"step_limit_failures":0,"timeout_failures":0},"recent":null,"cost":{"per_run":null,"priced_runs":0,"runs":0,"unpriced":[],"weekly_change":null,"projected_month":null},"issues":[],"recommendations":[]}"#]].assert_eq(&json);
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}

#[test]
#[expect(clippy::too_many_lines, reason = "the shape is what is tested")]
fn the_shape_is_the_one_that_the_page_and_the_api_were_promised() {
    let figures = AgentFigures {
        tasks: vec![
            TaskTally { task: Some(TaskId::new("a")), succeeded: 2, failed: 0, unknown: 0 },
            TaskTally { task: Some(TaskId::new("b")), succeeded: 1, failed: 1, unknown: 1 },
        ],
        days: vec![day("2025-03-20", (3, 1), 1, 5, 65_000_000)],
        leaves: vec![leaf("tool-error", Severity::Medium, 2)],
        unpriced: Vec::new(),
    };
    expect![[r#"
        {
          "agent": {
            "name": "airline",
            "version": "2",
            "domain": null,
            "framework": null
          },
          "generated_at": "2025-03-20T12:00:00Z",
          "reliability": {
            "runs": 5,
            "unknown_outcomes": 1,
            "success": {
              "successes": 3,
              "n": 4,
              "estimate": 0.75,
              "interval": {
                "low": 0.0,
                "high": 1.0,
                "method": "task_clustered_t"
              }
            },
            "success_naive": {
              "successes": 3,
              "n": 4,
              "estimate": 0.75,
              "interval": {
                "low": 0.3006418425824019,
                "high": 0.9544127391902995,
                "method": "wilson"
              }
            },
            "success_jeffreys": {
              "low": 0.28375167956341235,
              "high": 0.9715291049128533,
              "method": "jeffreys"
            },
            "success_macro": {
              "value": 0.75,
              "tasks": 2,
              "interval": {
                "low": 0.0,
                "high": 1.0,
                "method": "student_t"
              }
            },
            "consistency": {
              "value": 0.5,
              "tasks": 2,
              "interval": {
                "low": 0.0,
                "high": 1.0,
                "method": "student_t"
              }
            },
            "tasks": {
              "count": 2,
              "repeated": 2
            },
            "grade": {
              "letter": "C",
              "provisional": true
            },
            "pass_hat_k": [
              {
                "k": 1,
                "value": 0.75,
                "tasks": 2
              },
              {
                "k": 2,
                "value": 0.5,
                "tasks": 2
              }
            ],
            "pass_at_k": [
              {
                "k": 1,
                "value": 0.75,
                "tasks": 2
              },
              {
                "k": 2,
                "value": 1.0,
                "tasks": 2
              }
            ],
            "tasks_change_with_k": false,
            "trend": {
              "direction": "not_enough_data",
              "test": null,
              "p_value": null,
              "recent": {
                "successes": 3,
                "n": 4,
                "estimate": 0.75,
                "interval": {
                  "low": 0.3006418425824019,
                  "high": 0.9544127391902995,
                  "method": "wilson"
                }
              },
              "before": {
                "successes": 0,
                "n": 0,
                "estimate": null,
                "interval": null
              },
              "change_points": null
            },
            "tool_accuracy": {
              "successes": 0,
              "n": 0,
              "estimate": null,
              "interval": null
            },
            "step_limit_failures": 0,
            "timeout_failures": 0
          },
          "recent": null,
          "cost": {
            "per_run": 13000000,
            "priced_runs": 5,
            "runs": 5,
            "unpriced": [],
            "weekly_change": null,
            "projected_month": {
              "amount": 1950000000,
              "runs_per_day": 5.0,
              "days_observed": 1.0
            }
          },
          "issues": [
            {
              "leaf": "tool-error",
              "title": "Tool call failed",
              "severity": "medium",
              "runs": {
                "successes": 2,
                "n": 5,
                "estimate": 0.4,
                "interval": {
                  "low": 0.11762077423264786,
                  "high": 0.769275718723987,
                  "method": "wilson"
                }
              },
              "findings": 2,
              "first_at": "2025-03-19T00:00:00Z",
              "last_at": "2025-03-20T00:00:00Z",
              "latest": "01010101010101010101010101010101"
            }
          ],
          "recommendations": [
            {
              "leaf": "tool-error",
              "text": "Look at the errors by tool: retry those that pass, check arguments before the call for those that do not, and return an error the model can act on.",
              "because": "Tool call failed: in 2 of 5 runs"
            },
            {
              "leaf": null,
              "text": "Report whether each run succeeded (record_outcome in the Python SDK, or the attribute arc_eval.outcome.verdict): a run that merely returned counts in no rate.",
              "because": "the outcome of 1 of 5 runs is unknown"
            }
          ]
        }"#]].assert_eq(&serde_json::to_string_pretty(&report_of(&figures)).unwrap());
}

#[test]
fn issues_come_by_severity_then_by_runs() {
    let figures = AgentFigures {
        days: vec![day("2025-03-20", (5, 5), 0, 10, 0)],
        leaves: vec![
            leaf("tool-error", Severity::Medium, 9),
            leaf("step-limit", Severity::Critical, 1),
            leaf("output-truncated", Severity::Medium, 9),
            leaf("repeated-call-loop", Severity::High, 2),
        ],
        tasks: vec![TaskTally { task: None, succeeded: 5, failed: 5, unknown: 0 }],
        unpriced: Vec::new(),
    };
    let report = report_of(&figures);
    let order: Vec<_> = report.issues.iter().map(|issue| issue.leaf.as_str()).collect();
    assert_eq!(order, ["step-limit", "repeated-call-loop", "output-truncated", "tool-error"]);
    assert_eq!(report.issues[0].runs, rate(1, 10));
    expect![[r#"
        step-limit: Read where the last steps went before raising the limit: (Stopped at the step limit: in 1 of 10 runs)
        repeated-call-loop: Stop after the second identical call and tell the model that the result will not change, (Same call again and again: in 2 of 10 runs)
        output-truncated: Raise the output limit of this call, (Answer cut off: in 9 of 10 runs)
    "#]].assert_eq(&print(&report.recommendations));
}

#[test]
fn a_gap_in_the_data_keeps_a_place_among_the_recommendations() {
    let figures = AgentFigures {
        tasks: vec![TaskTally { task: None, succeeded: 0, failed: 0, unknown: 200 }],
        days: vec![day("2025-03-20", (0, 0), 200, 0, 0)],
        leaves: vec![
            leaf("tool-error", Severity::Medium, 30),
            leaf("output-truncated", Severity::Medium, 20),
            leaf("empty-result-used", Severity::Medium, 10),
        ],
        unpriced: vec![UnpricedTally { why: UnknownCost::NoUsage, runs: 200 }],
    };
    expect![[r#"
        tool-error: Look at the errors by tool: (Tool call failed: in 30 of 200 runs)
        output-truncated: Raise the output limit of this call, (Answer cut off: in 20 of 200 runs)
        -: Report whether each run succeeded (record_outcome in the Python SDK, (the outcome of 200 of 200 runs is unknown)
    "#]].assert_eq(&print(&report_of(&figures).recommendations));
    let quiet = AgentFigures { leaves: Vec::new(), ..figures };
    expect![[r#"
        -: Report whether each run succeeded (record_outcome in the Python SDK, (the outcome of 200 of 200 runs is unknown)
        -: Record token counts with each model call (gen_ai.usage.input_tokens and output_tokens; for streams of OpenAI's API, (200 of 200 runs have no cost: token counts were not recorded)
    "#]].assert_eq(&print(&report_of(&quiet).recommendations));
}

#[test]
fn a_leaf_that_the_taxonomy_does_not_know_is_an_issue_without_advice() {
    let figures = AgentFigures {
        tasks: vec![TaskTally { task: None, succeeded: 1, failed: 0, unknown: 0 }],
        leaves: vec![leaf("from-a-later-version", Severity::Low, 1)],
        ..AgentFigures::default()
    };
    let report = report_of(&figures);
    assert_eq!(report.issues[0].title, "from-a-later-version");
    assert_eq!(report.recommendations, []);
}

#[test]
fn a_few_unknown_outcomes_are_not_worth_a_recommendation() {
    let of = |unknown| {
        let tasks = vec![TaskTally { task: None, succeeded: 100 - unknown, failed: 0, unknown }];
        report_of(&AgentFigures { tasks, ..AgentFigures::default() }).recommendations.len()
    };
    assert_eq!((of(9), of(10)), (0, 1));
}

#[test]
fn cost_is_the_mean_of_the_priced_runs() {
    let figures = AgentFigures {
        days: vec![day("2025-03-19", (2, 1), 1, 3, 100), day("2025-03-20", (1, 0), 0, 0, 0)],
        unpriced: vec![UnpricedTally { why: UnknownCost::NoUsage, runs: 2 }],
        ..AgentFigures::default()
    };
    let cost = report_of(&figures).cost;
    assert_eq!((cost.per_run, cost.priced_runs, cost.runs), (Some(NanoUsd(33)), 3, 5));
    assert_eq!(cost.unpriced, figures.unpriced);
    // Two runs of this week have no price, so a month cannot be projected.
    assert_eq!(cost.projected_month, None);
}

#[test]
fn without_a_priced_run_there_is_no_cost_per_run() {
    let figures = AgentFigures { days: vec![day("2025-03-20", (1, 1), 0, 0, 0)], ..AgentFigures::default() };
    let cost = report_of(&figures).cost;
    assert_eq!((cost.per_run, cost.weekly_change, cost.projected_month), (None, None, None));
}

#[test]
fn the_weekly_change_compares_mean_costs_per_run() {
    let before = day("2025-03-10", (2, 0), 0, 2, 2_000);
    let recent = day("2025-03-20", (4, 0), 0, 4, 3_520);
    let both = AgentFigures { days: vec![before, recent.clone()], ..AgentFigures::default() };
    let change = report_of(&both).cost.weekly_change.unwrap();
    assert!((change.ratio - -0.12).abs() < 1e-12, "{change:?}");
    assert_eq!((change.recent_runs, change.before_runs), (4, 2));

    let only_recent = AgentFigures { days: vec![recent], ..AgentFigures::default() };
    assert_eq!(report_of(&only_recent).cost.weekly_change, None);
}

/// Now is noon of the 20th: 2.5 days after the first day with runs began.
#[test]
fn a_month_is_projected_from_the_pace_of_this_week() {
    let days = vec![day("2025-03-18", (5, 0), 0, 5, 500_000_000), day("2025-03-20", (5, 0), 0, 5, 500_000_000)];
    let month = report_of(&AgentFigures { days, ..AgentFigures::default() }).cost.projected_month.unwrap();
    assert_eq!(month.amount, NanoUsd(12_000_000_000));
    assert!((month.runs_per_day - 4.0).abs() < 1e-12 && (month.days_observed - 2.5).abs() < 1e-12, "{month:?}");
}
