//! The sequence of changes, which live views follow.

use super::{
    Backend, Subject,
    make::{at, run, settled, trace_id},
};
use crate::{Change, ChangeSeq};

async fn settle(store: &Subject, traces: &[u8]) {
    let settled: Vec<_> = traces.iter().map(|trace| settled(run(*trace, "a", at(1)), Vec::new())).collect();
    store.settle(&settled).await;
}

async fn changes(store: &Subject, after: ChangeSeq) -> Vec<Change> {
    store.traces.changes(after, 100).await.unwrap()
}

/// Each settled run gets a new number, greater than all before.
pub async fn every_settled_run_gets_a_greater_number(backend: &Backend) {
    let store = backend.open().await;
    assert_eq!(store.traces.last_change().await.unwrap(), ChangeSeq(0));
    assert!(changes(&store, ChangeSeq(0)).await.is_empty());
    let mut last = ChangeSeq(0);
    for trace in 1..5 {
        settle(&store, &[trace, trace + 100]).await;
        let new = changes(&store, last).await;
        assert_eq!(
            new.iter().map(|change| change.run.trace_id).collect::<Vec<_>>(),
            [trace, trace + 100].map(trace_id)
        );
        assert!(last < new[0].seq && new[0].seq < new[1].seq);
        last = store.traces.last_change().await.unwrap();
        assert_eq!(last, new[1].seq);
    }
    assert!(changes(&store, last).await.is_empty());
    assert!(changes(&store, ChangeSeq(u64::MAX)).await.is_empty());
}

/// A run that was settled again appears once, at its newest number.
pub async fn a_run_settled_again_appears_once_at_its_newest_number(backend: &Backend) {
    let store = backend.open().await;
    settle(&store, &[1, 2, 3]).await;
    let before = store.traces.last_change().await.unwrap();
    settle(&store, &[1]).await;
    let order: Vec<_> = changes(&store, ChangeSeq(0)).await.iter().map(|change| change.run.trace_id).collect();
    assert_eq!(order, [2, 3, 1].map(trace_id));
    let new = changes(&store, before).await;
    assert_eq!(new.iter().map(|change| change.run.trace_id).collect::<Vec<_>>(), [trace_id(1)]);
    assert!(new[0].seq > before);
}

/// Returns changes in order, at most `limit`.
pub async fn changes_can_be_read_in_parts(backend: &Backend) {
    let store = backend.open().await;
    settle(&store, &(0..20).collect::<Vec<_>>()).await;
    let whole = changes(&store, ChangeSeq(0)).await;
    assert_eq!(whole.len(), 20);
    let mut parts: Vec<Change> = Vec::new();
    loop {
        let after = parts.last().map_or(ChangeSeq(0), |change| change.seq);
        let part = store.traces.changes(after, 3).await.unwrap();
        assert!(part.len() <= 3);
        if part.is_empty() {
            break;
        }
        parts.extend(part);
    }
    assert_eq!(parts, whole);
}
