//! How much the file holds, and giving free room back.

use arc_model::Timestamp;
use arc_store::{Storage, StoreError};
use rusqlite::Connection;

use super::error::while_trying;

const MEASURE: &str = "measure the store";

pub(super) fn used_bytes(db: &Connection) -> Result<u64, StoreError> {
    let (used, _) = pages(db)?;
    Ok(used)
}

pub(super) fn storage(db: &Connection) -> Result<Storage, StoreError> {
    let (used_bytes, free_bytes) = pages(db)?;
    let number = |sql: &str| -> Result<u64, StoreError> {
        let number = db.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(while_trying(MEASURE))?;
        Ok(u64::try_from(number).unwrap_or(0))
    };
    let oldest: Option<i64> =
        db.query_row("SELECT min(at) FROM runs", [], |row| row.get(0)).map_err(while_trying(MEASURE))?;
    Ok(Storage {
        used_bytes,
        free_bytes,
        runs: number("SELECT count(*) FROM runs")?,
        spans: number("SELECT count(*) FROM spans")?,
        oldest_at: oldest.map(Timestamp::from_nanos),
        unsearchable_runs: number("SELECT count(*) FROM runs WHERE text_waits <> 0")?,
    })
}

/// Returns the bytes of pages in use and of free ones.
fn pages(db: &Connection) -> Result<(u64, u64), StoreError> {
    let pragma = |name: &str| -> Result<u64, StoreError> {
        let number = db.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(while_trying(MEASURE))?;
        Ok(u64::try_from(number).unwrap_or(0))
    };
    let (size, all, free) = (pragma("page_size")?, pragma("page_count")?, pragma("freelist_count")?);
    Ok((size * all.saturating_sub(free), size * free))
}

/// Writes the file anew without free pages and deleted words; writers wait meanwhile.
pub(super) fn vacuum(db: &Connection) -> Result<(), StoreError> {
    let failed = while_trying("give free room back");
    db.execute_batch("INSERT INTO search_text (search_text) VALUES ('optimize'); VACUUM;").map_err(&failed)?;
    // The log holds the whole file once more until it is emptied; a reader at work may keep it from that.
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)
}
