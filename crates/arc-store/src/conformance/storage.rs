//! How much is stored.

use arc_model::{Message, Role};

use super::{
    Backend, Generator,
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

/// The bytes in use fall with what is deleted, about as much as was deleted: a store that counts by pages counts those that are
/// partly used.
pub async fn used_bytes_fall_with_what_is_deleted(backend: &Backend) {
    let store = backend.open().await;
    let used = || async { store.traces.used_bytes().await.unwrap() };
    let mut random = Generator::new(71);
    let numbers: Vec<u8> = (0..200).collect();
    for some in numbers.chunks(10) {
        let call = |(number, step): (u8, u8)| {
            let mut call = span(number, step);
            // Small, so that most of what spans take is not in their texts.
            call.messages_in = vec![Message::text(Role::User, random.words(20)).into()];
            call
        };
        let spans: Vec<_> = some.iter().flat_map(|&number| (0..40).map(move |step| (number, step))).map(call).collect();
        store.append(&spans, at(1)).await;
        let runs = some.iter().map(|&number| settled(run(number, "a", at(i64::from(number))), Vec::new()));
        store.settle(&runs.collect::<Vec<_>>()).await;
    }
    store.traces.compact().await.unwrap();
    let full = used().await;
    for (kept, before) in [(0.6, 80), (0.3, 140), (0.05, 190)] {
        store.delete(Selection::Before(at(before))).await;
        store.traces.compact().await.unwrap();
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more")]
        let share = used().await as f64 / full as f64;
        assert!((kept - 0.15..kept + 0.3).contains(&share), "{share} of {full} bytes are left, and {kept} of the runs");
    }
}
