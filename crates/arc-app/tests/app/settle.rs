//! From spans to runs and reports.

use std::time::Duration;

use arc_model::{AgentName, TraceId};

use crate::{in_memory, project, runs, spans, trace_id, verdicts};

const QUIET: Duration = Duration::from_millis(300);
const WATCH: Duration = Duration::from_secs(1);
const IDLE: Duration = Duration::from_mins(10);

#[tokio::test]
async fn a_run_settles_once_its_root_ended_and_it_was_quiet() {
    let (app, clock) = in_memory().await;
    app.ingest(&project(), spans('1', "agent shop agent=shop @0s +2s ok by check")).await.unwrap();
    assert_eq!(app.settle_due().await.unwrap(), 0);
    clock.pass(QUIET);
    assert_eq!(app.settle_due().await.unwrap(), 1);
    assert_eq!(verdicts(&app).await, "shop: succeeded");
    assert_eq!(app.settle_due().await.unwrap(), 0);

    let report = app.report(&project(), &AgentName::from("shop")).await.unwrap().unwrap();
    assert_eq!((report.reliability.success.successes, report.reliability.success.n), (1, 1));
    assert!(report.reliability.success.interval.is_some());
    assert_eq!(app.report(&project(), &AgentName::from("other")).await.unwrap(), None);
}

#[tokio::test]
async fn a_run_without_an_end_settles_when_idle_and_again_when_it_ends() {
    let (app, clock) = in_memory().await;
    app.ingest(&project(), spans('1', "agent shop agent=shop @0s running")).await.unwrap();
    clock.pass(QUIET);
    assert_eq!(app.settle_due().await.unwrap(), 0);
    clock.pass(IDLE);
    assert_eq!(app.settle_due().await.unwrap(), 1);
    assert_eq!(app.settle_due().await.unwrap(), 0);
    assert!(!runs(&app).await[0].is_running);
    assert_eq!(counted(&app).await, (1, 1));

    let mut ended = spans('1', "agent shop agent=shop @0s +9s failed by check");
    ended[0].revision = 1;
    app.ingest(&project(), ended).await.unwrap();
    clock.pass(QUIET);
    assert_eq!(app.settle_due().await.unwrap(), 1);
    assert_eq!(verdicts(&app).await, "shop: failed");
    assert!(!runs(&app).await[0].is_running);
}

/// Runs of the agent `shop` as the listing and the report count them.
async fn counted(app: &arc_app::App) -> (u64, u64) {
    let report = app.report(&project(), &AgentName::from("shop")).await.unwrap().unwrap();
    let agents = app.agents(&project()).await.unwrap();
    (agents.first().unwrap().runs, report.reliability.runs)
}

#[tokio::test]
async fn a_run_shows_while_it_runs_and_counts_once_it_ended() {
    let (app, clock) = in_memory().await;
    let start = "agent shop agent=shop @0s running";
    app.ingest(&project(), spans('1', start)).await.unwrap();
    clock.pass(WATCH);
    assert_eq!(app.settle_due().await.unwrap(), 1);
    assert_eq!(app.settle_due().await.unwrap(), 0);
    assert!(runs(&app).await[0].is_running);
    assert_eq!(counted(&app).await, (0, 0));
    let report = app.report(&project(), &AgentName::from("shop")).await.unwrap().unwrap();
    assert_eq!((report.reliability.success.estimate, report.cost.per_run, report.issues.len()), (None, None, 0));

    app.ingest(&project(), spans('1', &format!("{start}\n  tool search @1s +1s !timeout"))).await.unwrap();
    clock.pass(WATCH);
    assert_eq!(app.settle_due().await.unwrap(), 1);
    let detail = app.run(&project(), trace_id('1')).await.unwrap().unwrap();
    assert_eq!((detail.run.is_running, detail.spans.len(), detail.findings.len()), (true, 2, 0));
    assert_eq!(counted(&app).await, (0, 0));

    let mut ended = spans('1', "agent shop agent=shop @0s +3s ok by check");
    ended[0].revision = 1;
    app.ingest(&project(), ended).await.unwrap();
    clock.pass(QUIET);
    assert_eq!(app.settle_due().await.unwrap(), 1);
    let detail = app.run(&project(), trace_id('1')).await.unwrap().unwrap();
    assert_eq!((detail.run.is_running, detail.findings.is_empty()), (false, false));
    assert_eq!((verdicts(&app).await.as_str(), counted(&app).await), ("shop: succeeded", (1, 1)));
}

#[tokio::test]
async fn a_run_that_is_only_watched_is_settled_once_more_when_it_is_idle() {
    let (app, clock) = in_memory().await;
    app.ingest(&project(), spans('1', "agent shop agent=shop @0s running")).await.unwrap();
    clock.pass(WATCH);
    assert_eq!(app.settle_due().await.unwrap(), 1);
    clock.pass(IDLE);
    assert_eq!(app.settle_due().await.unwrap(), 1);
    assert!(!runs(&app).await[0].is_running);
    assert_eq!((counted(&app).await, app.settle_due().await.unwrap()), ((1, 1), 0));
}

#[tokio::test]
async fn a_run_that_writes_all_the_time_is_analysed_once_a_second() {
    let (app, clock) = in_memory().await;
    let mut settled = 0;
    for written in 1..=100 {
        let lines = format!("agent shop agent=shop @0s running{}", "\n  step s @0s +1s".repeat(written));
        app.ingest(&project(), spans('1', &lines)).await.unwrap();
        clock.pass(Duration::from_millis(100));
        settled += app.settle_due().await.unwrap();
    }
    assert_eq!(settled, 10);
}

#[tokio::test]
async fn a_late_span_settles_its_run_anew() {
    let (app, clock) = in_memory().await;
    let all = spans('1', "agent shop agent=shop @0s +2s\n  tool search @1s +1s !timeout");
    app.ingest(&project(), all[..1].to_vec()).await.unwrap();
    clock.pass(QUIET);
    app.settle_due().await.unwrap();
    let before = app.run(&project(), trace_id('1')).await.unwrap().unwrap();
    assert_eq!((before.run.span_count, before.findings.len()), (1, 0));

    app.ingest(&project(), all.clone()).await.unwrap();
    clock.pass(QUIET);
    assert_eq!(app.settle_due().await.unwrap(), 1);
    let after = app.run(&project(), trace_id('1')).await.unwrap().unwrap();
    assert_eq!((after.run.span_count, after.spans), (2, all));
    assert!(!after.findings.is_empty());
    assert_eq!(after.run.received_at, before.run.received_at);
    assert_eq!(app.agents(&project()).await.unwrap()[0].runs, 1);
}

#[tokio::test]
async fn sending_spans_again_changes_nothing() {
    let (app, clock) = in_memory().await;
    let all = spans('1', "agent shop agent=shop @0s +2s ok by check\n  tool search @1s +1s");
    assert_eq!(app.ingest(&project(), all.clone()).await.unwrap().new, 2);
    clock.pass(QUIET);
    app.settle_due().await.unwrap();
    let seq = app.last_change().await.unwrap();

    assert_eq!(app.ingest(&project(), all).await.unwrap().unchanged, 2);
    clock.pass(QUIET);
    assert_eq!(app.settle_due().await.unwrap(), 0);
    assert_eq!(app.last_change().await.unwrap(), seq);
}

#[tokio::test]
async fn settling_a_project_leaves_the_others_alone() {
    let (app, _) = in_memory().await;
    let other = arc_app::App::project("other").unwrap();
    // More traces of the other project than one look at the store returns, and all of them older.
    for number in 1..100_u8 {
        let mut one = spans('1', "agent shop agent=shop @0s running");
        one[0].trace_id = TraceId::from_bytes([number; 16]).unwrap();
        app.ingest(&other, one).await.unwrap();
    }
    app.ingest(&project(), spans('1', "agent shop agent=shop @0s running")).await.unwrap();
    assert_eq!(app.settle_all(&project()).await.unwrap(), 1);
    assert_eq!(verdicts(&app).await, "shop: unknown");
    assert!(app.agents(&other).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_overview_takes_the_most_recently_active_agent() {
    let (app, _) = in_memory().await;
    let overview = app.overview(&project(), None).await.unwrap();
    assert_eq!((overview.agents.len(), overview.report), (0, None));

    app.ingest(&project(), spans('1', "agent early agent=early @0s +1s")).await.unwrap();
    app.ingest(&project(), spans('2', "agent late agent=late @5s +1s")).await.unwrap();
    app.settle_all(&project()).await.unwrap();
    let overview = app.overview(&project(), None).await.unwrap();
    assert_eq!(overview.agents, [AgentName::from("late"), AgentName::from("early")]);
    assert_eq!(overview.report.unwrap().agent.name, AgentName::from("late"));
    let unknown = app.overview(&project(), Some(&AgentName::from("nobody"))).await.unwrap();
    assert_eq!((unknown.agents.len(), unknown.report), (2, None));
}
