//! Figures: equal to a count over the runs, whatever happened before.

use std::collections::BTreeMap;

use arc_model::{AgentFigures, Cost, CostLine, NanoUsd, TraceId};

use super::{
    Backend, Generator,
    make::{at, project, run, settled, trace_id},
};
use crate::Settled;

/// MUST equal what counting its settled runs would give.
pub async fn figures_equal_a_recount_of_the_runs(backend: &Backend) {
    for seed in 0..4 {
        let store = backend.open().await;
        let mut random = Generator::new(100 + seed);
        let mut latest: BTreeMap<TraceId, Settled> = BTreeMap::new();
        for _ in 0..25 {
            let batch: Vec<Settled> = (0..=random.below(6))
                .map(|_| {
                    let trace = trace_id(u8::try_from(random.below(25)).unwrap());
                    let (run, findings) = random.run(trace);
                    settled(run, findings)
                })
                .collect();
            store.settle(&batch).await;
            latest.extend(batch.into_iter().map(|settled| (settled.run.trace_id, settled)));
            let latest: Vec<Settled> = latest.values().cloned().collect();
            store.expect_figures(&latest).await;
        }
    }
}

/// An agent nobody knows has empty figures.
pub async fn an_agent_without_runs_has_no_figures(backend: &Backend) {
    let store = backend.open().await;
    store.settle(&[settled(run(1, "a", at(1)), Vec::new())]).await;
    assert_eq!(store.figures("b").await, AgentFigures::default());
}

/// An agent all of whose runs were settled anew for another is gone.
pub async fn a_run_that_changes_its_agent_leaves_the_old_one(backend: &Backend) {
    let store = backend.open().await;
    store.settle(&[settled(run(1, "a", at(1)), Vec::new()), settled(run(2, "b", at(2)), Vec::new())]).await;
    store.settle(&[settled(run(1, "b", at(1)), Vec::new())]).await;
    let agents = store.traces.agents(&project()).await.unwrap();
    assert_eq!(agents.iter().map(|agent| (agent.name.as_str(), agent.runs)).collect::<Vec<_>>(), [("b", 2)]);
    assert_eq!(store.figures("a").await, AgentFigures::default());
}

/// Version, domain and framework are those of the latest run; the most recently active agent comes first.
pub async fn an_agent_is_described_by_its_latest_run(backend: &Backend) {
    let store = backend.open().await;
    let described = |trace, agent, started, version: Option<&str>| {
        let mut run = run(trace, agent, at(started));
        run.agent.version = version.map(str::to_owned);
        run.domain.id = version.map(|version| format!("domain of {version}"));
        run.framework.id = None;
        settled(run, Vec::new())
    };
    store.settle(&[described(1, "a", 10, Some("1")), described(2, "a", 20, Some("2"))]).await;
    store.settle(&[described(3, "a", 15, Some("3")), described(4, "b", 15, None), described(5, "c", 30, None)]).await;
    let summary = |agent: &arc_model::AgentSummary| {
        (agent.name.as_str().to_owned(), agent.version.clone(), agent.domain.clone(), agent.last_run_at)
    };
    let agents = store.traces.agents(&project()).await.unwrap();
    let names: Vec<_> = agents.iter().map(|agent| agent.name.as_str()).collect();
    assert_eq!(names, ["c", "a", "b"]);
    let expected = ("a".to_owned(), Some("2".to_owned()), Some("domain of 2".to_owned()), at(20));
    assert_eq!(summary(&agents[1]), expected);
    // The latest run turns out to have been earlier; of two at one time, the one listed first counts.
    store.settle(&[described(2, "a", 5, Some("2")), described(1, "a", 15, Some("1"))]).await;
    let agents = store.traces.agents(&project()).await.unwrap();
    let version = if trace_id(1) < trace_id(3) { "1" } else { "3" };
    assert_eq!(agents.iter().map(|agent| agent.name.as_str()).collect::<Vec<_>>(), ["c", "a", "b"]);
    assert_eq!((agents[1].version.as_deref(), agents[1].last_run_at), (Some(version), at(15)));
}

/// Absurd amounts are counted as far as numbers go, and do not keep a run from being settled.
pub async fn figures_stop_at_the_largest_number(backend: &Backend) {
    let store = backend.open().await;
    let absurd: Vec<Settled> = (0..3)
        .map(|trace| {
            let mut run = run(trace, "a", at(1));
            let line = CostLine {
                price_row: "p".to_owned(),
                class: "input".to_owned(),
                tokens: u64::MAX,
                amount: NanoUsd(i64::MAX),
            };
            run.cost = Cost::from_lines(vec![line]);
            settled(run, Vec::new())
        })
        .collect();
    for settled in &absurd {
        store.settle(std::slice::from_ref(settled)).await;
    }
    store.expect_figures(&absurd).await;
}
