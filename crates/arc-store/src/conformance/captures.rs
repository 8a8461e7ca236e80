//! The ledger of what was captured.

use arc_model::{Capture, CaptureKind, CaptureRuns, ProjectId, RejectedUnit};

use super::{Backend, make::at};

fn process(source: &str, seen: i64, started: u64) -> Capture {
    let mut capture = Capture::new(source, CaptureKind::Process, "agent.py \0 ü", at(seen));
    capture.host = Some("host".into());
    capture.pid = Some(u32::MAX);
    capture.runs = Some(CaptureRuns { started, stored: started, cut_short: 1, rejected: 0, dropped: 0, unsampled: 2 });
    capture.counts.reject(RejectedUnit::Span, "no id", 2);
    capture.gap_at = Some(at(seen));
    capture
}

fn ended(source: &str, seen: i64, started: u64) -> Capture {
    Capture { is_ended: true, ..process(source, seen, started) }
}

/// MUST be idempotent: counts are absolute, and the earliest `first_at` is kept.
pub async fn what_became_of_a_source_is_replaced(backend: &Backend) {
    let store = backend.open().await;
    let project = ProjectId::default();
    assert!(store.registry.captures(&project).await.unwrap().is_empty());
    store.registry.put_captures(&project, &[process("a", 10, 3), process("b", 20, 1)]).await.unwrap();
    for _ in 0..2 {
        store.registry.put_captures(&project, &[process("a", 30, 5)]).await.unwrap();
        store.registry.put_captures(&project, &[]).await.unwrap();
        let expected = [Capture { first_at: at(10), ..process("a", 30, 5) }, process("b", 20, 1)];
        assert_eq!(store.registry.captures(&project).await.unwrap(), expected);
    }
}

/// Adds to what became of sources; one that is not known is made.
pub async fn what_became_of_a_source_adds_up(backend: &Backend) {
    let store = backend.open().await;
    let project = ProjectId::default();
    let mut sum = process("a", 10, 3);
    store.registry.add_captures(&project, &[sum.clone()]).await.unwrap();
    for more in [process("a", 30, 4), process("a", 5, 1)] {
        store.registry.add_captures(&project, std::slice::from_ref(&more)).await.unwrap();
        sum.add(&more);
    }
    assert_eq!(store.registry.captures(&project).await.unwrap(), [sum]);
}

/// The one with the latest news first, ties by id; each project has its own.
pub async fn sources_are_listed_by_their_latest_news(backend: &Backend) {
    let store = backend.open().await;
    let (ours, theirs) = (ProjectId::new("ours"), ProjectId::new("theirs"));
    let captures = [process("b", 10, 1), process("c", 20, 1), process("a", 10, 1)];
    store.registry.put_captures(&ours, &captures).await.unwrap();
    store.registry.put_captures(&theirs, &[process("b", 10, 9)]).await.unwrap();
    let listed = store.registry.captures(&ours).await.unwrap();
    assert_eq!(listed.iter().map(|capture| capture.source.as_str()).collect::<Vec<_>>(), ["c", "a", "b"]);
    assert_eq!(store.registry.captures(&theirs).await.unwrap(), [process("b", 10, 9)]);
}

/// All processes that ended, but the `keep` latest; sums over all sources stay what they are.
pub async fn old_sources_are_folded_into_one(backend: &Backend) {
    let store = backend.open().await;
    let (project, other) = (ProjectId::default(), ProjectId::new("other"));
    let mut exporter = Capture::new("otlp", CaptureKind::Exporter, "shop", at(1));
    exporter.counts.spans_stored = 7;
    let captures = [ended("a", 10, 1), ended("b", 20, 2), ended("c", 30, 4), process("d", 1, 8), exporter];
    for project in [&project, &other] {
        store.registry.put_captures(project, &captures).await.unwrap();
    }
    for keep in [5, 1, 1] {
        store.registry.fold_captures(&project, keep).await.unwrap();
    }
    let left = store.registry.captures(&project).await.unwrap();
    assert_eq!(left.iter().map(|capture| capture.source.as_str()).collect::<Vec<_>>(), ["c", "earlier", "d", "otlp"]);
    let earlier = &left[1];
    assert_eq!((earlier.kind, earlier.first_at, earlier.last_at), (CaptureKind::Earlier, at(10), at(20)));
    assert_eq!((earlier.gap_at, earlier.runs.unwrap().started), (Some(at(20)), 3));
    assert_eq!(earlier.counts.spans_rejected(), 4);
    store.registry.fold_captures(&project, 0).await.unwrap();
    let left = store.registry.captures(&project).await.unwrap();
    let started: u64 = left.iter().filter_map(|capture| capture.runs).map(|runs| runs.started).sum();
    assert_eq!((left.len(), started), (3, 15));
    assert_eq!(store.registry.captures(&other).await.unwrap().len(), 5);
}
