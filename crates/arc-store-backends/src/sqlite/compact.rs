//! Compacting: segments that deleted runs referred to, rewritten without what nobody refers to any more.
//!
//! In four steps, of which only the short ones are transactions of the writer:
//! 1. *Begin a round.* From its commit on, every append is packed without the bodies that were remembered before, so
//!    what is stored from now on refers to nothing older than the round.
//! 2. *Mark.* Readers go through all traces, a few at a time, and note what they reach in stale segments. A trace that
//!    comes or changes meanwhile reaches nothing new in them.
//! 3. *Sweep.* The writer blanks or removes a few segments at a time. A blanked segment keeps its number and its
//!    places, so readers at work are not disturbed.
//! 4. What was stale when the round began is stale no longer.
//!
//! A round reads all records once, so its cost grows with the store, not with what was deleted.

use arc_model::ProjectId;
use arc_store::{Compacted, StoreError};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Reading, SqliteStore,
    delete::places,
    error::while_trying,
    read::{list, segment_of},
};
use crate::segment::{Blanked, Compressed, Marked, Marks, Reach, SegmentCache, Segments, blank};

const ATTEMPTED: &str = "compact the store";

/// Segments of one round; what is left waits for the next.
const SEGMENTS_IN_ROUND: i64 = 65_536;

/// Traces that are marked in one read.
const TRACES_AT_ONCE: i64 = 500;

/// Segments that are swept in one transaction.
const SEGMENTS_AT_ONCE: usize = 16;

/// Returns which round of compacting the store is in.
pub(super) fn round(db: &Connection) -> Result<i64, StoreError> {
    db.prepare_cached("SELECT value FROM counters WHERE name = 'compaction'")
        .and_then(|mut select| select.query_row([], |row| row.get(0)))
        .map_err(while_trying(ATTEMPTED))
}

/// Compacts until nothing is stale.
pub(super) async fn compact(store: &SqliteStore) -> Result<Compacted, StoreError> {
    let mut all = Compacted::default();
    // What becomes stale after this call is for the next one.
    let until = store.read(ATTEMPTED, |db, _| round(db)).await?;
    loop {
        let left = store.read(ATTEMPTED, move |db, _| stale(db, until)).await?;
        if left.is_empty() {
            return Ok(all);
        }
        let (round, stale) = store.writer.write(move |db| begin_round(db, until)).await?;
        let (marked, unreadable) = mark(store, stale).await?;
        all.unreadable += unreadable;
        for segments in marked.chunks(SEGMENTS_AT_ONCE) {
            let segments = segments.to_vec();
            all += store.writer.write(move |db| sweep(db, round, &segments)).await?;
        }
        store.reading.cache.clear();
    }
}

/// Returns segments that were noted as stale up to a round.
fn stale(db: &Connection, until: i64) -> Result<Vec<i64>, StoreError> {
    let select = "SELECT segment FROM stale_segments WHERE round <= ?1 ORDER BY segment LIMIT ?2";
    list(db, select, [until, SEGMENTS_IN_ROUND], |row| row.get(0)).map_err(while_trying(ATTEMPTED))
}

/// Begins a round, and returns its number and the segments to look through.
fn begin_round(db: &Connection, until: i64) -> Result<(i64, Vec<i64>), StoreError> {
    db.execute("UPDATE counters SET value = value + 1 WHERE name = 'compaction'", [])
        .map_err(while_trying(ATTEMPTED))?;
    Ok((round(db)?, stale(db, until)?))
}

/// Returns what is reached in stale segments, and how many records could not be read.
async fn mark(store: &SqliteStore, stale: Vec<i64>) -> Result<(Marked, u64), StoreError> {
    let mut marks = Marks::of(stale);
    let mut after = i64::MIN;
    let cache = std::sync::Arc::new(SegmentCache::default());
    loop {
        let cache = std::sync::Arc::clone(&cache);
        let step = move |db: &Connection, _: &Reading| {
            let last = mark_some(db, &cache, after, &mut marks)?;
            Ok((last, marks))
        };
        let (last, marked) = store.read(ATTEMPTED, step).await?;
        marks = marked;
        match last {
            Some(last) => after = last,
            None => return Ok(marks.finish()),
        }
    }
}

/// Marks what the traces with the next keys reach; returns the last key, `None` if there was none.
fn mark_some(db: &Connection, cache: &SegmentCache, after: i64, marks: &mut Marks) -> Result<Option<i64>, StoreError> {
    let failed = while_trying(ATTEMPTED);
    let select = "SELECT key, project FROM traces WHERE key > ?1 ORDER BY key LIMIT ?2";
    let traces: Vec<(i64, String)> =
        list(db, select, params![after, TRACES_AT_ONCE], |row| Ok((row.get(0)?, row.get(1)?))).map_err(&failed)?;
    for (trace, project) in &traces {
        let project = ProjectId::new(project.clone());
        let mut load = |segment: i64| segment_of(db, &project, segment);
        let mut segments = Segments::new(cache, &mut load);
        let mut reach = Reach::default();
        for place in places(db, *trace).map_err(&failed)? {
            marks.record(&mut reach, place, &mut segments)?;
        }
    }
    Ok(traces.last().map(|(key, _)| *key))
}

/// Removes or blanks segments, and notes that they are stale no longer, unless runs were deleted since the round began.
fn sweep(db: &Connection, round: i64, segments: &[(i64, Vec<(u32, u32)>)]) -> Result<Compacted, StoreError> {
    let failed = while_trying(ATTEMPTED);
    let mut swept = Compacted::default();
    for (id, kept) in segments {
        let mut select = db.prepare_cached("SELECT raw_bytes, data FROM segments WHERE id = ?1").map_err(&failed)?;
        let found = select.query_row([id], |row| {
            Ok(Compressed { raw_bytes: usize::try_from(row.get::<_, i64>(0)?).unwrap_or(0), data: row.get(1)? })
        });
        if let Some(stored) = found.optional().map_err(&failed)? {
            let before = stored.data.len() as u64;
            if kept.is_empty() {
                db.execute("DELETE FROM segments WHERE id = ?1", [id]).map_err(&failed)?;
                swept.removed += 1;
                swept.freed_bytes += before;
            } else {
                match blank(&stored, kept, *id)? {
                    Blanked::New(blanked) => {
                        db.execute("UPDATE segments SET data = ?2 WHERE id = ?1", params![id, blanked.data])
                            .map_err(&failed)?;
                        swept.rewritten += 1;
                        swept.freed_bytes += before.saturating_sub(blanked.data.len() as u64);
                    }
                    Blanked::Same => {}
                    Blanked::Unreadable => swept.unreadable += 1,
                }
            }
        }
        let done = "DELETE FROM stale_segments WHERE segment = ?1 AND round < ?2";
        db.execute(done, [*id, round]).map_err(&failed)?;
    }
    Ok(swept)
}
