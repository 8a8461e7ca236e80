use std::fmt::Write as _;

use crate::Server;

/// A run with eight tool calls, the first ones failing as often as said.
fn steps(errors: usize, end: &str) -> String {
    let mut lines = format!("agent shop agent=shop @0s {end}\n");
    for step in 0..8 {
        let error = if step < errors { " !timeout" } else { " -> 1" };
        writeln!(lines, "  tool t {{n: {step}}} @{step}s +900ms{error}").unwrap();
    }
    lines
}

#[tokio::test]
async fn a_run_that_goes_on_is_warned_of_when_the_agents_own_runs_support_it() {
    let server = Server::empty().await;
    for number in 0..90 {
        let failed = number % 3 == 0;
        let claim = if failed { "+20s failed by check" } else { "+20s ok by check" };
        server.ingest_number(number, &steps(usize::from(failed) * 2, claim)).await;
    }
    server.app.settle_all(&arc_model::ProjectId::default()).await.unwrap();
    server.ingest_number(200, &steps(2, "running")).await;
    server.app.settle_due().await.unwrap();
    let list = server.json("/api/v1/warnings").await;
    let warned = &list["warnings"][0];
    assert_eq!((&warned["agent"], &warned["warning"]["is_warned"]), (&"shop".into(), &true.into()), "{list:#}");
    assert_eq!(list["agents"][0]["backtest"]["state"], "better", "{list:#}");
    assert!(list["agents"][0]["backtest"]["false_alarms"]["n"].as_u64().unwrap() > 0, "{list:#}");
}

#[tokio::test]
async fn without_enough_runs_it_is_said_why_nothing_is_said() {
    let server = Server::empty().await;
    server.ingest_number(1, &steps(2, "running")).await;
    server.app.settle_due().await.unwrap();
    let list = server.json("/api/v1/warnings").await;
    assert_eq!(list["warnings"], serde_json::json!([]));
    let why = "0 runs of known outcome with steps; 60 are needed";
    assert_eq!(list["agents"][0]["backtest"]["why"], why, "{list:#}");
}
