//! Settling: runs with their findings, the last one of a trace in place of all before.

use arc_model::AgentFigures;

use super::{
    Backend, Generator, Subject,
    make::{at, project, settled, span, trace_id},
};
use crate::{ChangeSeq, FindingQuery, RunQuery, Settled};

fn random(random: &mut Generator, trace: u8) -> Settled {
    let (run, findings) = random.run(trace_id(trace));
    settled(run, findings)
}

async fn check(store: &Subject, expected: &[Settled]) {
    for settled in expected {
        assert_eq!(store.run(settled.run.trace_id).await.as_ref(), Some(&settled.run));
        let query = FindingQuery { trace_id: Some(settled.run.trace_id), limit: 100, ..FindingQuery::default() };
        assert_eq!(store.findings(&query).await, settled.findings);
    }
}

/// Returns a settled run as it was stored.
pub async fn a_settled_run_comes_back_exactly(backend: &Backend) {
    let store = backend.open().await;
    let mut generator = Generator::new(8);
    let all: Vec<Settled> = (0..30).map(|trace| random(&mut generator, trace)).collect();
    store.settle(&all).await;
    check(&store, &all).await;
}

/// Replaces what was settled before for the same traces.
pub async fn settling_again_replaces_the_run_and_its_findings(backend: &Backend) {
    let store = backend.open().await;
    let mut generator = Generator::new(9);
    let first: Vec<Settled> = (0..10).map(|trace| random(&mut generator, trace)).collect();
    store.settle(&first).await;
    let second: Vec<Settled> = (0..5).map(|trace| random(&mut generator, trace)).collect();
    store.settle(&second).await;
    check(&store, &second).await;
    check(&store, &first[5..]).await;
    let expected = second.iter().chain(&first[5..]).map(|settled| settled.findings.len()).sum::<usize>();
    let all = store.findings(&FindingQuery { limit: 1000, ..FindingQuery::default() }).await;
    assert_eq!(all.len(), expected);
}

/// A run can be settled whatever is stored of its trace.
pub async fn a_run_without_stored_spans_can_be_settled(backend: &Backend) {
    let store = backend.open().await;
    let alone = random(&mut Generator::new(10), 1);
    store.settle(std::slice::from_ref(&alone)).await;
    check(&store, &[alone]).await;
    assert!(store.waiting().await.is_empty());
    store.append(&[span(1, 1)], at(10)).await;
    assert_eq!(store.waiting().await.len(), 1);
}

/// Runs of one call are stored in order.
pub async fn of_two_runs_of_one_trace_the_last_is_kept(backend: &Backend) {
    let store = backend.open().await;
    let mut generator = Generator::new(11);
    let twice = [random(&mut generator, 1), random(&mut generator, 1), random(&mut generator, 2)];
    store.settle(&twice).await;
    check(&store, &twice[1..]).await;
    store.expect_figures(&twice[1..]).await;
    let ended = twice[1..].iter().filter(|settled| !settled.run.is_running).count();
    let agents = store.traces.agents(&project()).await.unwrap();
    assert_eq!(agents.iter().map(|agent| agent.runs).sum::<u64>(), ended as u64);
}

/// A run that is running is listed, but MUST NOT enter a figure; its findings are not stored.
pub async fn a_running_run_is_listed_and_counts_once_it_ended(backend: &Backend) {
    let store = backend.open().await;
    let (mut ended, findings) = Generator::new(12).run_with_findings(trace_id(1));
    ended.agent.name = "a".into();
    let mut running = ended.clone();
    running.is_running = true;
    for _ in 0..2 {
        store.settle(&[settled(running.clone(), findings.clone())]).await;
        check(&store, &[settled(running.clone(), Vec::new())]).await;
        assert_eq!(store.runs(&RunQuery { limit: 10, ..RunQuery::default() }).await, [running.clone()]);
        assert_eq!(store.traces.changes(ChangeSeq(0), 10).await.unwrap().len(), 1);
        assert_eq!(store.figures("a").await, AgentFigures::default());
        let agents = store.traces.agents(&project()).await.unwrap();
        let counts = agents.iter().map(|agent| (agent.name.as_str(), agent.runs, agent.last_run_at));
        assert_eq!(counts.collect::<Vec<_>>(), [("a", 0, running.at())]);

        store.settle(&[settled(ended.clone(), findings.clone())]).await;
        check(&store, &[settled(ended.clone(), findings.clone())]).await;
        store.expect_figures(&[settled(ended.clone(), findings.clone())]).await;
    }
    running.agent.name = "b".into();
    store.settle(&[settled(running, Vec::new())]).await;
    let agents = store.traces.agents(&project()).await.unwrap();
    assert_eq!(agents.iter().map(|agent| (agent.name.as_str(), agent.runs)).collect::<Vec<_>>(), [("b", 0)]);
}
