//! Appending: idempotent, free of order, all or nothing, and exact.

use std::{future::poll_fn, sync::Arc, task::Poll};

use arc_model::{ProjectId, Span, Trace};

use super::{
    Backend, Generator,
    make::{at, project, span, span_id, trace_id},
};
use crate::Appended;

/// MUST return every span exactly as it was appended.
pub async fn appended_spans_come_back_exactly(backend: &Backend) {
    let store = backend.open().await;
    let mut random = Generator::new(1);
    let traces: Vec<_> = (0..6).map(|_| random.trace_id()).collect();
    let spans: Vec<Span> = (0..150)
        .map(|_| {
            let trace = random.pick(&traces);
            random.span(trace)
        })
        .collect();
    for batch in spans.chunks(37) {
        assert_eq!(store.append(batch, at(10)).await, (batch.len() as u64, 0, 0));
    }
    for trace in traces {
        let expected: Vec<Span> = spans.iter().filter(|span| span.trace_id == trace).cloned().collect();
        store.expect(trace, &expected).await;
    }
}

/// Returns `None` when no span of a trace is stored.
pub async fn an_unknown_trace_is_absent(backend: &Backend) {
    let store = backend.open().await;
    store.append(&[span(1, 1)], at(10)).await;
    assert!(store.trace(trace_id(2)).await.is_none());
    assert!(store.run(trace_id(1)).await.is_none());
}

/// MUST be idempotent.
pub async fn appending_again_changes_nothing(backend: &Backend) {
    let store = backend.open().await;
    let mut random = Generator::new(2);
    let trace = random.trace_id();
    let spans: Vec<Span> = (0..20).map(|_| random.span(trace)).collect();
    assert_eq!(store.append(&spans, at(10)).await, (20, 0, 0));
    let waiting = store.waiting().await;
    assert_eq!(store.append(&spans, at(11)).await, (0, 0, 20));
    assert_eq!(store.append(&spans[5..7], at(12)).await, (0, 0, 2));
    assert_eq!(store.waiting().await, waiting);
    store.expect(trace, &spans).await;
}

/// Of several records of a span the highest revision is kept.
pub async fn the_highest_revision_is_kept_in_any_order(backend: &Backend) {
    let revision = |number: u64| {
        let mut record = span(1, 1);
        record.revision = number;
        record.name = format!("revision {number}");
        record
    };
    for order in
        [[0, 1, u64::MAX], [0, u64::MAX, 1], [1, 0, u64::MAX], [1, u64::MAX, 0], [u64::MAX, 0, 1], [u64::MAX, 1, 0]]
    {
        let one_by_one = backend.open().await;
        for number in order {
            one_by_one.append(&[revision(number)], at(10)).await;
        }
        one_by_one.expect(trace_id(1), &[revision(u64::MAX)]).await;
        let at_once = backend.open().await;
        at_once.append(&order.map(revision), at(10)).await;
        at_once.expect(trace_id(1), &[revision(u64::MAX)]).await;
    }
}

/// Of several records at one revision the one with the greatest content hash is kept.
pub async fn of_one_revision_the_same_record_is_kept_in_any_order(backend: &Backend) {
    let record = |number: usize| {
        let mut record = span(1, 1);
        record.name = format!("version {number}");
        record
    };
    let mut kept = Vec::new();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let one_by_one = backend.open().await;
        for number in order {
            one_by_one.append(&[record(number)], at(10)).await;
        }
        let at_once = backend.open().await;
        at_once.append(&order.map(record), at(10)).await;
        for store in [one_by_one, at_once] {
            kept.push(store.trace(trace_id(1)).await.unwrap().spans()[0].name.clone());
        }
    }
    kept.dedup();
    assert_eq!(kept.len(), 1, "the kept record depends on the order: {kept:?}");
}

/// A batch with several records of a span counts like appending them one by one.
pub async fn a_batch_counts_like_single_appends(backend: &Backend) {
    let revision = |number: u64| {
        let mut record = span(1, 1);
        record.revision = number;
        record
    };
    let records = [revision(1), revision(1), revision(3), revision(2), span(1, 2)];
    let at_once = backend.open().await;
    assert_eq!(at_once.append(&records, at(10)).await, (2, 1, 2));
    let one_by_one = backend.open().await;
    let mut total = (0, 0, 0);
    for record in records {
        let (new, updated, unchanged) = one_by_one.append(&[record], at(10)).await;
        total = (total.0 + new, total.1 + updated, total.2 + unchanged);
    }
    assert_eq!(total, (2, 1, 2));
}

/// MUST accept spans without an end, without a start, and with a parent that never arrives.
pub async fn spans_without_times_or_a_known_parent_are_kept(backend: &Backend) {
    let store = backend.open().await;
    let mut spans = [span(1, 1), span(1, 2), span(1, 3), span(1, 4), span(1, 5)];
    spans[0].end = None;
    spans[1].start = None;
    (spans[2].start, spans[2].end) = (None, None);
    spans[3].parent_id = Some(span_id(99));
    spans[4].parent_id = Some(spans[4].span_id);
    assert_eq!(store.append(&spans, at(10)).await, (5, 0, 0));
    store.expect(trace_id(1), &spans).await;
}

/// MUST be all or nothing.
pub async fn an_abandoned_append_leaves_all_or_nothing(backend: &Backend) {
    let store = backend.open().await;
    for (number, polls) in [0, 1, 2, 3, 1, 1].into_iter().enumerate() {
        let number = u8::try_from(number).unwrap();
        let spans: Vec<Span> = (0..200).map(|index| span(number, index)).collect();
        let project = project();
        let mut append = store.traces.append(&project, &spans, at(10));
        let mut left = polls;
        poll_fn(|context| {
            if left == 0 {
                return Poll::Ready(());
            }
            left -= 1;
            append.as_mut().poll(context).map(|_| ())
        })
        .await;
        drop(append);
        // Every write before this one is done with when it returns, one way or the other.
        store.append(&[span(200, number)], at(11)).await;
        let stored = store.trace(trace_id(number)).await.map_or(0, |trace| trace.spans().len());
        assert!(stored == 0 || stored == 200, "{stored} of 200 spans are stored");
        assert_eq!(store.append(&spans, at(12)).await.1, 0);
        store.expect(trace_id(number), &spans).await;
    }
}

/// A batch may be empty.
pub async fn appending_nothing_changes_nothing(backend: &Backend) {
    let store = backend.open().await;
    assert_eq!(store.append(&[], at(10)).await, (0, 0, 0));
    assert!(store.waiting().await.is_empty());
}

/// Spans that a store reads itself are stored like any, each in its project.
pub async fn spans_that_are_read_by_the_store_are_stored(backend: &Backend) {
    let store = backend.open().await;
    let other = ProjectId::new("other");
    let read = {
        let other = other.clone();
        let spans = move || {
            let (here, there) = (vec![span(1, 1), span(1, 2), span(1, 1)], vec![span(2, 1)]);
            vec![(project(), here), (other.clone(), there), (ProjectId::new("empty"), Vec::new())]
        };
        Arc::new(spans)
    };
    let counts = async |now| -> Vec<(ProjectId, u64, u64)> {
        let all = store.traces.append_read(read.clone(), now).await.unwrap();
        let counted = |(project, appended): (_, Result<Appended, _>)| {
            let appended = appended.unwrap();
            (project, appended.new, appended.unchanged)
        };
        all.into_iter().map(counted).collect()
    };
    let empty = ProjectId::new("empty");
    assert_eq!(counts(at(10)).await, [(project(), 2, 1), (other.clone(), 1, 0), (empty.clone(), 0, 0)]);
    assert_eq!(counts(at(11)).await, [(project(), 0, 3), (other.clone(), 0, 1), (empty, 0, 0)]);
    store.expect(trace_id(1), &[span(1, 1), span(1, 2)]).await;
    assert_eq!(store.trace(trace_id(2)).await, None);
    let there = store.traces.trace(&other, trace_id(2)).await.unwrap();
    assert_eq!(there, Some(Trace::new(trace_id(2), [span(2, 1)])));
}
