//! Damage: what cannot be read is said to be so, and keeps nothing else from being read, found or removed.

use arc_model::{Message, Role, Span, SpanKind};

use super::{
    Backend, Generator, Subject,
    make::{at, project, run, settled, span, span_id, trace_id},
};
use crate::{Compacted, Deleted, SearchQuery, Selection, StoreError, search::Excerpt};

/// Returns model calls of a run, each with what was said before it.
fn calls(random: &mut Generator, trace: u8) -> Vec<Span> {
    let mut history = arc_model::shared([]);
    let calls = (0..5).map(|turn| {
        history.push(Message::text(Role::User, format!("{trace} {turn} {}", random.words(60))).into());
        let mut call = span(trace, turn);
        call.kind = SpanKind::Llm;
        call.messages_in.clone_from(&history);
        call
    });
    calls.collect()
}

impl Subject {
    async fn is_unreadable(&self, trace: u8) -> bool {
        matches!(self.traces.trace(&project(), trace_id(trace)).await, Err(StoreError::Corrupt { .. }))
    }
}

/// What others refer to stays, what nobody refers to goes, and what cannot be read is counted.
pub async fn compacting_goes_on_where_records_cannot_be_read(backend: &Backend) {
    let store = backend.open().await;
    let Some(damage) = &store.damage else { return };
    let mut random = Generator::new(64);
    let [lost, mut shares, kept, gone] = [1, 2, 3, 4].map(|trace| calls(&mut random, trace));
    store.append(&lost, at(1)).await;
    damage().await;
    // It begins with what the lost one said, so what it refers to is not known to the end.
    for call in &mut shares {
        call.messages_in = lost[4].messages_in.iter().chain(call.messages_in.iter()).cloned().collect();
    }
    store.append(&shares, at(1)).await;
    store.append(&[kept.clone(), gone].concat(), at(1)).await;
    assert!(store.is_unreadable(1).await && store.is_unreadable(2).await);
    store.delete(Selection::Runs(vec![trace_id(4)])).await;
    let compacted = store.traces.compact().await.unwrap();
    assert!(compacted.freed_bytes > 0 && compacted.unreadable >= 6, "{compacted:?}");
    store.expect(trace_id(3), &kept).await;
    assert_eq!(store.traces.compact().await.unwrap(), Compacted::default(), "it is compact");
    // The damaged ones can be deleted too.
    for trace in [1, 2] {
        assert_eq!(store.delete(Selection::Runs(vec![trace_id(trace)])).await, Deleted { runs: 1, spans: 5 });
        store.traces.compact().await.unwrap();
    }
    store.expect(trace_id(3), &kept).await;
    assert_eq!(store.traces.compact().await.unwrap(), Compacted::default(), "it is compact");
}

/// A span that cannot be read is found by its words, without a text; a run that cannot be read when it is indexed is told of
/// and stays one that cannot be found.
pub async fn searching_goes_on_where_records_cannot_be_read(backend: &Backend) {
    let store = backend.open().await;
    let Some(damage) = &store.damage else { return };
    let keep = async |trace: u8| {
        let mut call = span(trace, 1);
        call.messages_in = vec![Message::text(Role::User, format!("needle {trace}")).into()];
        store.append(&[call], at(10)).await;
        store.settle(&[settled(run(trace, "a", at(trace.into())), Vec::new())]).await;
    };
    let query = SearchQuery { text: "needle".to_owned(), limit: 10, ..SearchQuery::default() };
    let hits = async || {
        let page = store.traces.search(&project(), &query).await.unwrap();
        page.items.into_iter().map(|hit| (hit.trace_id, hit.span_id, hit.excerpt.field)).collect::<Vec<_>>()
    };
    keep(1).await;
    keep(4).await;
    assert_eq!(store.traces.index_text(10).await.unwrap().runs, 2);
    // Nothing of it is in memory any more after that.
    store.delete(Selection::Runs(vec![trace_id(4)])).await;
    store.traces.compact().await.unwrap();
    keep(2).await;
    damage().await;
    keep(3).await;
    let indexed = store.traces.index_text(10).await.unwrap();
    assert_eq!((indexed.runs, indexed.unreadable), (2, vec![(project(), trace_id(2))]));
    assert_eq!(store.traces.index_text(10).await.unwrap().runs, 0);
    assert_eq!(store.traces.storage().await.unwrap().unsearchable_runs, 1);
    let unreadable = Excerpt::unreadable().field;
    let found = [(trace_id(3), span_id(1), "user".to_owned()), (trace_id(1), span_id(1), unreadable)];
    assert_eq!(hits().await, found);
    // One that was searchable and cannot be read when it is indexed anew is not found any more, and counts.
    keep(1).await;
    assert_eq!(store.traces.index_text(10).await.unwrap().unreadable, [(project(), trace_id(1))]);
    assert_eq!(store.traces.storage().await.unwrap().unsearchable_runs, 2);
    store.traces.compact().await.unwrap();
    assert_eq!(store.traces.storage().await.unwrap().unsearchable_runs, 2);
    assert_eq!(hits().await, found[..1]);
    store.delete(Selection::Runs(vec![trace_id(1), trace_id(2)])).await;
    assert_eq!(store.traces.storage().await.unwrap().unsearchable_runs, 0);
}
