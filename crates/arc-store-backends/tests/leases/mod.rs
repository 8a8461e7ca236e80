//! How two programs on one database share out what is due.

use std::time::Duration;

use arc_model::{Timestamp, TraceId};
use arc_store::TraceStore;

/// Of ten traces that are due, each is given to one of two programs until its lease expires.
pub(crate) async fn are_kept(first: &impl TraceStore, second: &impl TraceStore, lease: Duration) {
    let given = due(first, 6).await;
    let rest = due(second, 100).await;
    assert_eq!((given.len(), rest.len()), (6, 4));
    assert!(given.iter().all(|trace| !rest.contains(trace)));
    // Who has a lease is given the trace again.
    assert_eq!(due(first, 100).await, given);
    tokio::time::sleep(lease + Duration::from_millis(200)).await;
    assert_eq!(due(second, 100).await.len(), 10);
    assert!(due(first, 100).await.is_empty());
}

async fn due(store: &impl TraceStore, limit: u32) -> Vec<TraceId> {
    let end = Timestamp::from_nanos(i64::MAX);
    let due = store.unsettled(end, end, end, limit).await.unwrap();
    due.into_iter().map(|unsettled| unsettled.trace_id).collect()
}
