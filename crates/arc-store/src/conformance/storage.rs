//! How much is stored.

use super::{
    Backend,
    make::{at, run, settled, span, trace_id},
};
use crate::Selection;

/// Runs, spans, the oldest run and bytes, before and after deleting.
pub async fn runs_spans_and_bytes_are_counted(backend: &Backend) {
    let store = backend.open().await;
    let storage = || async { store.traces.storage().await.unwrap() };
    let empty = storage().await;
    assert_eq!((empty.runs, empty.spans, empty.oldest_at, empty.unsearchable_runs), (0, 0, None, 0));
    for number in 1..=3 {
        store.append(&[span(number, 1), span(number, 2)], at(10)).await;
        store.settle(&[settled(run(number, "a", at(i64::from(number) - 2)), Vec::new())]).await;
    }
    let full = storage().await;
    assert_eq!((full.runs, full.spans, full.oldest_at, full.unsearchable_runs), (3, 6, Some(at(-1)), 3));
    assert!(full.used_bytes > 0 && full.used_bytes >= empty.used_bytes);
    assert_eq!(store.traces.used_bytes().await.unwrap(), full.used_bytes);
    store.delete(Selection::Runs(vec![trace_id(1)])).await;
    let left = storage().await;
    assert_eq!((left.runs, left.spans, left.oldest_at, left.unsearchable_runs), (2, 4, Some(at(0)), 2));
}
