//! Compacting: segments that deleted runs referred to, rewritten without what nobody refers to any more.
//!
//! The same steps as in `crate::sqlite::compact`: begin a round, mark, sweep. Here appends of several programs are
//! under way when a round begins: each holds a shared lock from before it reads the round until its commit, and the
//! round begins under the exclusive one. So after it began, no append is committed that was packed before.
//! Several programs may compact at once: what one of them finds unreached stays unreached.

use std::{collections::BTreeMap, sync::Arc};

use arc_model::ProjectId;
use arc_store::{Compacted, StoreError};
use deadpool_postgres::{GenericClient, Transaction};
use tokio::runtime::Handle;

use super::{
    PostgresStore,
    append::trace_id,
    error::while_trying,
    names::Names,
    read::{self, get, query, texts},
};
use crate::{
    remote::compute,
    segment::{Blanked, Compressed, Marked, Marks, Reach, SegmentCache, blank},
};

const ATTEMPTED: &str = "compact the store";

/// Segments of one round; what is left waits for the next.
const SEGMENTS_IN_ROUND: i64 = 65_536;

/// Traces that are marked after one query.
const TRACES_AT_ONCE: i64 = 500;

/// Segments that are swept in one transaction.
const SEGMENTS_AT_ONCE: usize = 16;

/// Names the lock, among those of this schema.
const LOCK: &str = "hashtextextended('arc-eval rounds ' || current_schema(), 0)";

/// Returns which round of compacting the store is in.
pub(super) async fn round(db: &impl GenericClient) -> Result<i64, StoreError> {
    let rows = query(db, ATTEMPTED, "SELECT value FROM counters WHERE name = 'compaction'", &[]).await?;
    rows.first().map(|row| get(row, 0)).transpose().map(Option::unwrap_or_default)
}

/// Returns the round, which does not end before this transaction does.
pub(super) async fn hold_round(tx: &Transaction<'_>) -> Result<i64, StoreError> {
    let lock = format!("SELECT pg_advisory_xact_lock_shared({LOCK})");
    // Sent together, done one after the other: the round is read when the lock is held.
    let (locked, round) = tokio::join!(query(tx, ATTEMPTED, &lock, &[]), round(tx));
    locked.and(round)
}

/// Compacts what is stale by now.
pub(super) async fn compact(store: &PostgresStore) -> Result<Compacted, StoreError> {
    let mut all = Compacted::default();
    let until = round(&store.connect().await?).await?;
    loop {
        let left = stale(&store.connect().await?, until).await?;
        if left.is_empty() {
            return Ok(all);
        }
        let (round, stale) = begin_round(store, until).await?;
        let (marked, unreadable) = mark(store, stale).await?;
        all.unreadable += unreadable;
        for segments in marked.chunks(SEGMENTS_AT_ONCE) {
            all += sweep(store, round, segments).await?;
        }
        store.cache.clear();
    }
}

/// Returns segments that were noted as stale up to a round.
async fn stale(db: &impl GenericClient, until: i64) -> Result<Vec<i64>, StoreError> {
    let select = "SELECT segment FROM stale_segments WHERE round <= $1 ORDER BY segment LIMIT $2";
    query(db, ATTEMPTED, select, &[&until, &SEGMENTS_IN_ROUND]).await?.iter().map(|row| get(row, 0)).collect()
}

/// Begins a round, and returns its number and the segments to look through.
async fn begin_round(store: &PostgresStore, until: i64) -> Result<(i64, Vec<i64>), StoreError> {
    let failed = while_trying(ATTEMPTED);
    let mut db = store.connect().await?;
    let tx = db.transaction().await.map_err(&failed)?;
    query(&tx, ATTEMPTED, &format!("SELECT pg_advisory_xact_lock({LOCK})"), &[]).await?;
    let count = "UPDATE counters SET value = value + 1 WHERE name = 'compaction' RETURNING value";
    let rows = query(&tx, ATTEMPTED, count, &[]).await?;
    let round = rows.first().map(|row| get(row, 0)).transpose()?.unwrap_or_default();
    tx.commit().await.map_err(failed)?;
    let stale = stale(&db, until).await?;
    Ok((round, stale))
}

/// Returns what is reached in stale segments, and how many records could not be read.
async fn mark(store: &PostgresStore, stale: Vec<i64>) -> Result<(Marked, u64), StoreError> {
    const SELECT: &str = "SELECT key, project, trace_id FROM traces WHERE key > $1 ORDER BY key LIMIT $2";
    let mut marks = Marks::of(stale);
    let mut after = i64::MIN;
    let cache = Arc::new(SegmentCache::default());
    loop {
        let db = store.connect().await?;
        let rows = query(&db, ATTEMPTED, SELECT, &[&after, &TRACES_AT_ONCE]).await?;
        let Some(last) = rows.last() else { return Ok(marks.finish()) };
        after = get(last, 0)?;
        let names = Names::of(&db, texts(&rows, 1)?.into_iter()).await?;
        drop(db);
        for row in &rows {
            let project = ProjectId::new(names.whole(get(row, 1)?)?);
            let db = store.connect().await?;
            let places = read::spans(&db, &project, trace_id(row, 2)?).await?;
            let (runtime, cache) = (Handle::current(), Arc::clone(&cache));
            marks = compute(ATTEMPTED, move || {
                let mut reach = Reach::default();
                read::with_segments(&runtime, &db, &cache, &project, &places, |place, segments| {
                    marks.record(&mut reach, place, segments)
                })?;
                Ok(marks)
            })
            .await?;
        }
    }
}

/// Removes or blanks segments, and notes that they are stale no longer, unless runs were deleted since the round began.
async fn sweep(
    store: &PostgresStore,
    round: i64,
    segments: &[(i64, Vec<(u32, u32)>)],
) -> Result<Compacted, StoreError> {
    const SELECT: &str = "SELECT id, raw_bytes, data FROM segments WHERE id = ANY($1::int8[]) ORDER BY id FOR UPDATE";
    let failed = while_trying(ATTEMPTED);
    let mut swept = Compacted::default();
    let mut db = store.connect().await?;
    let tx = db.transaction().await.map_err(&failed)?;
    let ids: Vec<i64> = segments.iter().map(|(id, _)| *id).collect();
    let kept: BTreeMap<i64, &Vec<(u32, u32)>> = segments.iter().map(|(id, kept)| (*id, kept)).collect();
    for row in query(&tx, ATTEMPTED, SELECT, &[&ids]).await? {
        let id: i64 = get(&row, 0)?;
        let Some(kept) = kept.get(&id) else { continue };
        let raw_bytes = usize::try_from(get::<i64>(&row, 1)?).unwrap_or(0);
        let stored = Compressed { raw_bytes, data: get(&row, 2)? };
        let before = stored.data.len() as u64;
        if kept.is_empty() {
            query(&tx, ATTEMPTED, "DELETE FROM segments WHERE id = $1", &[&id]).await?;
            swept.removed += 1;
            swept.freed_bytes += before;
        } else {
            match blank(&stored, kept, id)? {
                Blanked::New(blanked) => {
                    query(&tx, ATTEMPTED, "UPDATE segments SET data = $2 WHERE id = $1", &[&id, &blanked.data]).await?;
                    swept.rewritten += 1;
                    swept.freed_bytes += before.saturating_sub(blanked.data.len() as u64);
                }
                Blanked::Same => {}
                Blanked::Unreadable => swept.unreadable += 1,
            }
        }
    }
    let done = "DELETE FROM stale_segments WHERE segment = ANY($1::int8[]) AND round < $2";
    query(&tx, ATTEMPTED, done, &[&ids, &round]).await?;
    tx.commit().await.map_err(failed)?;
    Ok(swept)
}
