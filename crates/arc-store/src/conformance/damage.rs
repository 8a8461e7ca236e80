//! Damage: what cannot be read is said to be so, and keeps nothing else from being read, found or removed.

use arc_model::{Message, Role, Span, SpanKind};

use super::{
    Backend, Generator, Subject,
    make::{at, project, span, trace_id},
};
use crate::{Compacted, Deleted, Selection, StoreError};

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
