//! What the cases are written with: plain spans and runs, and ways to look at a store.

use std::{future::poll_fn, task::Poll};

use arc_model::{AgentFigures, Finding, ProjectId, Run, RunCosts, Span, SpanId, SpanKind, Timestamp, Trace, TraceId};

use super::{BoxFuture, Generator, Subject};
use crate::{FindingQuery, Page, RunQuery, Settled, Unsettled, WriteMark, recount};

pub(super) fn project() -> ProjectId {
    ProjectId::default()
}

/// A point in time, in seconds.
pub(super) const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

pub(super) const FOREVER: Timestamp = Timestamp::from_nanos(i64::MAX);
pub(super) const NEVER: Timestamp = Timestamp::from_nanos(i64::MIN);

pub(super) fn trace_id(number: u8) -> TraceId {
    TraceId::derive(&[&[number]])
}

pub(super) fn span_id(number: u8) -> SpanId {
    SpanId::derive(&[&[number]])
}

/// A root that ran from second 1 to second 2.
pub(super) fn span(trace: u8, span: u8) -> Span {
    let mut made = Span::new(trace_id(trace), span_id(span), SpanKind::Step, format!("step {span}"));
    made.start = Some(at(1));
    made.end = Some(at(2));
    made.sequence = u32::from(span);
    made
}

/// A run of an agent with nothing else to say.
pub(super) fn run(trace: u8, agent: &str, started_at: Timestamp) -> Run {
    let (mut run, _) = Generator::new(0).run(trace_id(trace));
    run.agent.name = agent.into();
    run.started_at = Some(started_at);
    run.is_running = false;
    run
}

pub(super) fn settled(run: Run, findings: Vec<Finding>) -> Settled {
    Settled { project: project(), mark: WriteMark(0), run, findings, costs: RunCosts::default() }
}

impl Subject {
    /// Appends to the default project and returns counts as (new, updated, unchanged).
    pub(super) async fn append(&self, spans: &[Span], now: Timestamp) -> (u64, u64, u64) {
        let appended = self.traces.append(&project(), spans, now).await.unwrap();
        (appended.new, appended.updated, appended.unchanged)
    }

    pub(super) async fn trace(&self, id: TraceId) -> Option<Trace> {
        self.traces.trace(&project(), id).await.unwrap()
    }

    /// Checks that a trace holds exactly these spans.
    pub(super) async fn expect(&self, id: TraceId, spans: &[Span]) {
        let expected = Trace::new(id, spans.iter().cloned());
        let found = self.trace(id).await.expect("the trace is stored");
        assert_eq!(found.spans().len(), expected.spans().len());
        for (found, expected) in found.spans().iter().zip(expected.spans()) {
            assert_eq!(found, expected);
        }
    }

    /// Returns the unsettled traces whatever their state.
    pub(super) async fn waiting(&self) -> Vec<Unsettled> {
        self.traces.unsettled(FOREVER, FOREVER, NEVER, 1000).await.unwrap()
    }

    /// Returns the traces that are due, running ones aside.
    pub(super) async fn due(&self, root_ended_before: Timestamp, idle_before: Timestamp) -> Vec<TraceId> {
        let due = self.traces.unsettled(root_ended_before, idle_before, NEVER, 1000).await.unwrap();
        assert!(due.iter().all(|unsettled| !unsettled.is_running));
        due.into_iter().map(|unsettled| unsettled.trace_id).collect()
    }

    /// Returns the running traces that are due.
    pub(super) async fn due_running(&self, seen_before: Timestamp) -> Vec<Unsettled> {
        let due = self.traces.unsettled(NEVER, NEVER, seen_before, 1000).await.unwrap();
        assert!(due.iter().all(|unsettled| unsettled.is_running));
        due
    }

    pub(super) async fn settle(&self, settled: &[Settled]) {
        self.traces.settle(settled, at(100)).await.unwrap();
    }

    pub(super) async fn run(&self, id: TraceId) -> Option<Run> {
        self.traces.run(&project(), id).await.unwrap()
    }

    pub(super) async fn figures(&self, agent: &str) -> AgentFigures {
        self.traces.figures(&project(), &agent.into()).await.unwrap()
    }

    /// Returns all runs a query asks for, page by page.
    pub(super) async fn runs(&self, query: &RunQuery) -> Vec<Run> {
        let mut query = query.clone();
        let mut runs = Vec::new();
        loop {
            let page = self.traces.runs(&project(), &query).await.unwrap();
            query.after = check_page(&page, query.limit);
            runs.extend(page.items);
            if query.after.is_none() {
                return runs;
            }
        }
    }

    /// Returns all findings a query asks for, page by page.
    pub(super) async fn findings(&self, query: &FindingQuery) -> Vec<Finding> {
        let mut query = query.clone();
        let mut findings = Vec::new();
        loop {
            let page = self.traces.findings(&project(), &query).await.unwrap();
            query.after = check_page(&page, query.limit);
            findings.extend(page.items);
            if query.after.is_none() {
                return findings;
            }
        }
    }

    /// Checks agents and figures against a count over what was settled.
    pub(super) async fn expect_figures(&self, settled: &[Settled]) {
        let mut names: Vec<_> = settled.iter().map(|settled| settled.run.agent.name.clone()).collect();
        names.sort();
        names.dedup();
        let agents = self.traces.agents(&project()).await.unwrap();
        let mut found: Vec<_> = agents.iter().map(|agent| agent.name.clone()).collect();
        found.sort();
        assert_eq!(found, names);
        for agent in agents {
            let runs: Vec<_> = settled.iter().filter(|settled| settled.run.agent.name == agent.name).collect();
            let ended = runs.iter().filter(|settled| !settled.run.is_running).count();
            let expected = recount(runs.iter().map(|settled| (&settled.run, settled.findings.as_slice())));
            assert_eq!(self.figures(agent.name.as_str()).await, expected, "{}", agent.name);
            assert_eq!(agent.runs, ended as u64);
            assert_eq!(agent.succeeded, expected.tasks.iter().map(|task| task.succeeded).sum::<u64>());
            assert_eq!(agent.failed, expected.tasks.iter().map(|task| task.failed).sum::<u64>());
        }
    }
}

fn check_page<T>(page: &Page<T>, limit: u32) -> Option<crate::Cursor> {
    let length = u32::try_from(page.items.len()).unwrap();
    assert!(length <= limit, "a page of {length} items, limited to {limit}");
    assert!(page.next.is_none() || length == limit, "a page of {length} items before the end, limited to {limit}");
    page.next.clone()
}

/// Runs futures at once and returns when all are done.
pub(super) async fn join_all<T: Send>(futures: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    let mut waiting: Vec<_> = futures.into_iter().map(|future| (Some(future), None)).collect();
    poll_fn(move |context| {
        let mut is_pending = false;
        for (future, output) in &mut waiting {
            let Some(running) = future else { continue };
            match running.as_mut().poll(context) {
                Poll::Ready(value) => (*future, *output) = (None, Some(value)),
                Poll::Pending => is_pending = true,
            }
        }
        if is_pending {
            return Poll::Pending;
        }
        Poll::Ready(waiting.iter_mut().filter_map(|(_, output)| output.take()).collect())
    })
    .await
}
