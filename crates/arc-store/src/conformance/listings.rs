//! Listings: filtered, in a total order, and the same whatever the size of the pages.

use std::cmp::Reverse;

use arc_model::{Finding, Run, Verdict};

use super::{
    Backend, Generator, Subject,
    make::{at, project, run, settled, trace_id},
};
use crate::{Cursor, FindingQuery, RunQuery, Settled, StoreError};

/// Settles random runs and returns them as a listing has them.
async fn listed(store: &Subject, seed: u64) -> Vec<Settled> {
    let mut random = Generator::new(seed);
    let mut all: Vec<Settled> = (0..80)
        .map(|trace| {
            let (run, findings) = random.run(trace_id(trace));
            settled(run, findings)
        })
        .collect();
    random.shuffle(&mut all);
    for part in all.chunks(9) {
        store.settle(part).await;
    }
    all.sort_by_key(|settled| (Reverse(settled.run.at()), settled.run.trace_id));
    all
}

/// Pages MUST concatenate to the whole listing.
pub async fn pages_of_runs_concatenate_to_the_whole(backend: &Backend) {
    let store = backend.open().await;
    let expected: Vec<Run> = listed(&store, 20).await.into_iter().map(|settled| settled.run).collect();
    for limit in [1, 2, 7, 79, 80, 81, u32::MAX] {
        let query = RunQuery { limit, ..RunQuery::default() };
        assert_eq!(store.runs(&query).await, expected, "pages of {limit}");
    }
}

/// Filters are combined.
pub async fn runs_are_filtered_by_everything_at_once(backend: &Backend) {
    let store = backend.open().await;
    let all = listed(&store, 21).await;
    let mut random = Generator::new(22);
    let mut matches = 0;
    for round in 0..150 {
        let example = random.pick(&all);
        let mut query = RunQuery { limit: [1, 3, 100][round % 3], ..RunQuery::default() };
        query.agent = random.one_in(3).then(|| example.run.agent.name.clone());
        query.verdict = random.one_in(3).then(|| random.pick(&[Verdict::Succeeded, Verdict::Failed, Verdict::Unknown]));
        query.task = example.run.task.clone().filter(|_| random.one_in(3));
        query.leaf = example.findings.first().map(|finding| finding.leaf().clone()).filter(|_| random.one_in(2));
        query.since = random.one_in(3).then(|| example.run.at());
        query.until = random.one_in(3).then(|| random.pick(&all).run.at());
        let expected: Vec<Run> =
            all.iter().filter(|settled| is_asked_for(settled, &query)).map(|settled| settled.run.clone()).collect();
        matches += expected.len();
        assert_eq!(store.runs(&query).await, expected, "{query:?}");
    }
    assert!(matches > 500, "the filters leave too little to compare");
}

fn is_asked_for(settled: &Settled, query: &RunQuery) -> bool {
    let run = &settled.run;
    query.agent.as_ref().is_none_or(|agent| *agent == run.agent.name)
        && query.verdict.is_none_or(|verdict| verdict == run.outcome.verdict)
        && query.task.as_ref().is_none_or(|task| Some(task) == run.task.as_ref())
        && query.leaf.as_ref().is_none_or(|leaf| settled.findings.iter().any(|finding| finding.leaf() == leaf))
        && query.since.is_none_or(|since| run.at() >= since)
        && query.until.is_none_or(|until| run.at() < until)
}

/// Newest run first, then in the order of the run.
pub async fn pages_of_findings_concatenate_to_the_whole(backend: &Backend) {
    let store = backend.open().await;
    let all = listed(&store, 23).await;
    let agents = [None, Some("planner".into()), Some("nobody".into())];
    let leaves = [None, Some("tool-error".into()), Some("retry-loop".into())];
    for (agent, leaf) in agents.iter().flat_map(|agent| leaves.iter().map(move |leaf| (agent, leaf))) {
        let runs = all.iter().filter(|settled| agent.as_ref().is_none_or(|agent| *agent == settled.run.agent.name));
        let expected: Vec<Finding> = runs
            .flat_map(|settled| settled.findings.iter())
            .filter(|finding| leaf.as_ref().is_none_or(|leaf| leaf == finding.leaf()))
            .cloned()
            .collect();
        for limit in [1, 4, 1000] {
            let query = FindingQuery { agent: agent.clone(), leaf: leaf.clone(), limit, ..FindingQuery::default() };
            assert_eq!(store.findings(&query).await, expected, "{query:?}");
        }
    }
    for settled in &all {
        let trace_id = Some(settled.run.trace_id);
        let query = FindingQuery { trace_id, limit: 2, ..FindingQuery::default() };
        assert_eq!(store.findings(&query).await, settled.findings);
    }
}

/// A cursor is a place, not a count.
pub async fn a_run_settled_between_pages_repeats_nothing(backend: &Backend) {
    let store = backend.open().await;
    let runs: Vec<Settled> = (1..=4).map(|trace| settled(run(trace, "a", at(trace.into())), Vec::new())).collect();
    store.settle(&runs).await;
    let mut query = RunQuery { limit: 2, ..RunQuery::default() };
    let first = store.traces.runs(&project(), &query).await.unwrap();
    store.settle(&[settled(run(5, "a", at(5)), Vec::new())]).await;
    query.after = first.next;
    let second = store.traces.runs(&project(), &query).await.unwrap();
    let traces: Vec<_> = first.items.iter().chain(&second.items).map(|run| run.trace_id).collect();
    assert_eq!(traces, [4, 3, 2, 1].map(trace_id));
    assert_eq!(second.next, None);
}

/// A cursor the store did not give out is refused.
pub async fn a_foreign_cursor_is_invalid(backend: &Backend) {
    let store = backend.open().await;
    store.settle(&[settled(run(1, "a", at(1)), Vec::new())]).await;
    for text in ["", "0", "nonsense", "' OR 1=1 --", "\0", "🙂", &"9".repeat(5000)] {
        let after = Some(Cursor(text.to_owned()));
        let query = RunQuery { after: after.clone(), limit: 1, ..RunQuery::default() };
        assert!(matches!(store.traces.runs(&project(), &query).await, Err(StoreError::Invalid(_))), "{text}");
        let query = FindingQuery { after, limit: 1, ..FindingQuery::default() };
        assert!(matches!(store.traces.findings(&project(), &query).await, Err(StoreError::Invalid(_))), "{text}");
    }
}

/// A page of at most nothing would never end a listing.
pub async fn a_page_of_nothing_is_invalid(backend: &Backend) {
    let store = backend.open().await;
    let runs = store.traces.runs(&project(), &RunQuery::default()).await;
    assert!(matches!(runs, Err(StoreError::Invalid(_))));
    let findings = store.traces.findings(&project(), &FindingQuery::default()).await;
    assert!(matches!(findings, Err(StoreError::Invalid(_))));
}
