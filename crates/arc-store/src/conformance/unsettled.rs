//! Which traces wait to be analysed, and when they are due.

use arc_model::{ProjectId, Span};

use super::{
    Backend, Subject,
    make::{FOREVER, NEVER, at, project, run, settled, span, span_id, trace_id},
};
use crate::{Settled, StoreError, Unsettled};

fn settled_at(unsettled: &Unsettled) -> Settled {
    let mut settled = settled(run(1, "a", at(1)), Vec::new());
    settled.run.trace_id = unsettled.trace_id;
    settled.mark = unsettled.mark;
    settled
}

async fn settle_all(store: &Subject) {
    for unsettled in store.waiting().await {
        store.settle(&[settled_at(&unsettled)]).await;
    }
}

/// Returns traces that were written to since they were last settled.
pub async fn a_trace_waits_until_it_is_settled(backend: &Backend) {
    let store = backend.open().await;
    store.append(&[span(1, 1), span(1, 2)], at(10)).await;
    let waiting = store.waiting().await;
    assert_eq!(waiting.len(), 1);
    assert_eq!((&waiting[0].project, waiting[0].trace_id), (&ProjectId::default(), trace_id(1)));
    assert_eq!(waiting[0].received_at, at(10));
    settle_all(&store).await;
    assert!(store.waiting().await.is_empty());
    store.append(&[span(1, 3)], at(20)).await;
    assert_eq!(store.waiting().await.len(), 1);
    settle_all(&store).await;
    assert!(store.waiting().await.is_empty());
}

/// A trace with an ended root qualifies when its last write is at or before `root_ended_before`.
pub async fn a_trace_with_an_ended_root_is_due_when_it_is_quiet(backend: &Backend) {
    let store = backend.open().await;
    let mut child = span(1, 2);
    (child.parent_id, child.end) = (Some(span_id(1)), None);
    store.append(&[child, span(1, 1)], at(10)).await;
    assert!(store.due(at(9), at(9)).await.is_empty());
    assert_eq!(store.due(at(10), at(0)).await, [trace_id(1)]);
    // Idle is due as well, should somebody give a later time for it.
    assert_eq!(store.due(at(0), at(10)).await, [trace_id(1)]);
}

/// Any trace qualifies when its last write is at or before `idle_before`.
pub async fn a_trace_without_an_ended_root_is_due_when_it_is_idle(backend: &Backend) {
    let store = backend.open().await;
    let mut root = span(1, 1);
    root.end = None;
    store.append(&[root.clone()], at(10)).await;
    assert!(store.due(FOREVER, at(9)).await.is_empty());
    assert_eq!(store.due(at(0), at(10)).await, [trace_id(1)]);
    (root.end, root.revision) = (Some(at(2)), 1);
    store.append(&[root], at(11)).await;
    assert_eq!(store.due(at(11), at(0)).await, [trace_id(1)]);
}

/// A trace with no times at all qualifies when its last write is at or before `root_ended_before`.
pub async fn a_trace_without_times_is_due_when_it_is_quiet(backend: &Backend) {
    let store = backend.open().await;
    let timeless = |number| {
        let mut made = span(1, number);
        (made.start, made.end) = (None, None);
        made
    };
    store.append(&[timeless(1), timeless(2)], at(10)).await;
    assert_eq!(store.due(at(10), at(0)).await, [trace_id(1)]);
    let mut running = span(1, 3);
    running.end = None;
    store.append(&[running.clone()], at(11)).await;
    assert!(store.due(FOREVER, at(0)).await.is_empty());
    (running.start, running.revision) = (None, 1);
    store.append(&[running], at(12)).await;
    assert_eq!(store.due(at(12), at(0)).await, [trace_id(1)]);
}

/// A root is a span that names no parent; one whose parent has not arrived is waited for.
pub async fn an_orphan_that_ended_is_not_an_ended_root(backend: &Backend) {
    let store = backend.open().await;
    let mut child = span(1, 2);
    child.parent_id = Some(span_id(1));
    store.append(&[child], at(10)).await;
    assert!(store.due(FOREVER, at(9)).await.is_empty());
    store.append(&[span(1, 1)], at(11)).await;
    assert_eq!(store.due(FOREVER, at(0)).await, [trace_id(1)]);
}

/// Only the kept record of a span counts.
pub async fn a_root_that_runs_again_is_not_ended(backend: &Backend) {
    let store = backend.open().await;
    store.append(&[span(1, 1)], at(10)).await;
    let mut reopened = span(1, 1);
    (reopened.end, reopened.revision) = (None, 1);
    store.append(&[reopened], at(11)).await;
    assert!(store.due(FOREVER, at(0)).await.is_empty());
    store.append(&[span(1, 1)], at(12)).await;
    assert!(store.due(FOREVER, at(0)).await.is_empty());
}

/// Longest untouched first, at most `limit`.
pub async fn the_longest_untouched_trace_comes_first(backend: &Backend) {
    let store = backend.open().await;
    for (trace, now) in [(1, 10), (2, 30), (3, 20), (4, 40)] {
        let mut root = span(trace, 1);
        if trace % 2 == 0 {
            root.end = None;
        }
        store.append(&[root], at(now)).await;
    }
    store.append(&[span(1, 2)], at(25)).await;
    let order = [3, 1, 2, 4].map(trace_id);
    assert_eq!(store.due(FOREVER, FOREVER).await, order);
    let limited = store.traces.unsettled(FOREVER, FOREVER, NEVER, 3).await.unwrap();
    assert_eq!(limited.iter().map(|unsettled| unsettled.trace_id).collect::<Vec<_>>(), order[..3]);
    assert_eq!(store.due(at(25), at(30)).await, order[..3]);
}

/// `received_at` is when the first span arrived.
pub async fn a_trace_keeps_the_time_it_arrived(backend: &Backend) {
    let store = backend.open().await;
    for now in [10, 20, 30] {
        store.append(&[span(1, u8::try_from(now).unwrap())], at(now)).await;
        let waiting = store.waiting().await;
        assert_eq!(waiting[0].received_at, at(10));
        store.settle(&[settled_at(&waiting[0])]).await;
    }
}

/// MUST leave a trace unsettled that was appended to after the mark was read; the run is stored all the same.
pub async fn an_append_after_the_mark_was_read_keeps_a_trace_unsettled(backend: &Backend) {
    let store = backend.open().await;
    store.append(&[span(1, 1)], at(10)).await;
    let read = store.waiting().await.remove(0);
    // In the same instant, so that only the mark tells.
    store.append(&[span(1, 2)], at(10)).await;
    store.settle(&[settled_at(&read)]).await;
    assert!(store.run(trace_id(1)).await.is_some());
    let again = store.waiting().await;
    assert_eq!(again.len(), 1);
    assert!(again[0].mark > read.mark);
    store.settle(&[settled_at(&again[0])]).await;
    assert!(store.waiting().await.is_empty());
}

/// A span already stored does not mark its trace as unsettled.
pub async fn an_unchanged_append_leaves_a_trace_settled(backend: &Backend) {
    let store = backend.open().await;
    let mut newer: Span = span(1, 1);
    newer.revision = 2;
    store.append(&[newer.clone(), span(1, 2)], at(10)).await;
    settle_all(&store).await;
    assert_eq!(store.append(&[newer.clone(), span(1, 2)], at(20)).await, (0, 0, 2));
    assert_eq!(store.append(&[span(1, 1)], at(20)).await, (0, 0, 1));
    assert!(store.waiting().await.is_empty());
    newer.revision = 3;
    assert_eq!(store.append(&[newer], at(20)).await, (0, 1, 0));
    assert_eq!(store.waiting().await.len(), 1);
}

/// Two programs may analyse one trace: if the run of the older reading comes last, the trace is analysed again.
pub async fn a_run_that_saw_less_than_an_earlier_one_leaves_its_trace_unsettled(backend: &Backend) {
    let store = backend.open().await;
    store.append(&[span(1, 1)], at(10)).await;
    let early = store.waiting().await.remove(0);
    store.append(&[span(1, 2)], at(11)).await;
    let late = store.waiting().await.remove(0);
    store.settle(&[settled_at(&late)]).await;
    assert!(store.waiting().await.is_empty());
    store.settle(&[settled_at(&early)]).await;
    assert_eq!(store.waiting().await, [late]);
}

/// A root that has not ended.
fn running(trace: u8) -> Span {
    let mut root = span(trace, 1);
    root.end = None;
    root
}

async fn settle_running(store: &Subject, unsettled: &Unsettled, now: i64) {
    let mut settled = settled_at(unsettled);
    settled.run.is_running = true;
    store.traces.settle(&[settled], at(now)).await.unwrap();
}

/// A trace that was never settled is due when its first write is at or before `seen_before`.
pub async fn a_running_trace_is_due_once_its_first_write_is_past(backend: &Backend) {
    let store = backend.open().await;
    let mut orphan = span(2, 2);
    orphan.parent_id = Some(span_id(1));
    store.append(&[running(1), orphan, span(3, 1)], at(10)).await;
    let mut timeless = span(4, 1);
    (timeless.start, timeless.end) = (None, None);
    store.append(&[timeless], at(10)).await;
    let mut late = span(1, 2);
    late.parent_id = Some(span_id(1));
    store.append(&[late], at(12)).await;
    assert!(store.due_running(at(9)).await.is_empty());
    let due: Vec<_> = store.due_running(at(10)).await.iter().map(|unsettled| unsettled.trace_id).collect();
    assert_eq!(due, [2, 1].map(trace_id), "longest untouched first; ended roots and timeless traces are not running");
    // One that was left idle runs no longer, and is returned once.
    let due = store.traces.unsettled(NEVER, at(10), at(10), 1000).await.unwrap();
    let due: Vec<_> = due.iter().map(|unsettled| (unsettled.trace_id, unsettled.is_running)).collect();
    assert_eq!(due.len(), 4);
    assert!(due.contains(&(trace_id(1), true)) && due.contains(&(trace_id(2), false)));
}

/// However often it is written to, a running trace is due so often and no more, and only if written to.
pub async fn a_running_trace_is_due_at_most_so_often(backend: &Backend) {
    let store = backend.open().await;
    store.append(&[running(1)], at(10)).await;
    settle_running(&store, &store.due_running(at(10)).await[0], 20).await;
    assert!(store.due_running(FOREVER).await.is_empty(), "nothing new was written");
    for second in 21..30 {
        let mut child = span(1, u8::try_from(second).unwrap());
        child.parent_id = Some(span_id(1));
        store.append(&[child], at(second)).await;
        assert!(store.due_running(at(19)).await.is_empty());
        assert_eq!(store.due_running(at(20)).await.len(), 1);
    }
    settle_running(&store, &store.due_running(at(20)).await[0], 30).await;
    assert!(store.due_running(FOREVER).await.is_empty());
}

/// MUST leave its trace unsettled: when it ends or is idle, it is due, also without another write.
pub async fn a_running_run_leaves_its_trace_unsettled(backend: &Backend) {
    let store = backend.open().await;
    store.append(&[running(1), running(2)], at(10)).await;
    for unsettled in store.due_running(at(10)).await {
        settle_running(&store, &unsettled, 20).await;
    }
    store.append(&[Span { end: Some(at(2)), revision: 1, ..running(1) }], at(21)).await;
    assert!(store.due(at(20), at(9)).await.is_empty());
    assert_eq!(store.due(at(21), at(9)).await, [trace_id(1)]);
    assert_eq!(store.due(at(21), at(10)).await, [2, 1].map(trace_id));
    // Who read a trace before it was idle may settle it after who read it when it was.
    let idle = store.traces.unsettled(NEVER, at(10), NEVER, 10).await.unwrap().remove(0);
    store.settle(&[settled_at(&idle)]).await;
    assert_eq!(store.due(at(21), at(10)).await, [trace_id(1)]);
    settle_running(&store, &idle, 22).await;
    assert_eq!(store.due(at(21), at(10)).await, [2, 1].map(trace_id));
    settle_all(&store).await;
    assert!(store.waiting().await.is_empty());
}

/// Makes every settled trace of a project wait again; runs stay what they are until then.
pub async fn a_trace_that_is_unsettled_waits_again_and_its_run_stays(backend: &Backend) {
    let store = backend.open().await;
    store.append(&[span(1, 1), span(2, 1)], at(10)).await;
    settle_all(&store).await;
    match store.traces.unsettle(&ProjectId::new("theirs")).await {
        Err(StoreError::Unsupported(_)) => return,
        theirs => assert_eq!(theirs.unwrap(), 0),
    }
    assert_eq!(store.waiting().await, []);
    assert_eq!(store.traces.unsettle(&project()).await.unwrap(), 2);
    assert_eq!(store.waiting().await.len(), 2);
    assert!(store.run(trace_id(1)).await.is_some());
    settle_all(&store).await;
    assert_eq!(store.waiting().await, []);
}

/// A trace that was set aside is due again once it is written to, and no other one is passed over for it.
pub async fn a_trace_that_was_set_aside_is_due_once_it_is_written_to(backend: &Backend) {
    let store = backend.open().await;
    store.append(&[span(1, 1)], at(10)).await;
    let waiting = store.waiting().await;
    store.traces.set_aside(&waiting[0]).await.unwrap();
    store.append(&[span(2, 1)], at(10)).await;
    assert!(store.due(at(10), at(10)).await.contains(&trace_id(2)));
    store.append(&[span(1, 2)], at(20)).await;
    let due = store.waiting().await;
    assert_eq!(due.iter().map(|unsettled| unsettled.trace_id).collect::<Vec<_>>(), [trace_id(2), trace_id(1)]);
    store.settle(&[settled_at(&due[1])]).await;
    assert_eq!(store.waiting().await.len(), 1);
}
