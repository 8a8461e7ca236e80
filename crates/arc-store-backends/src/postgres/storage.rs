//! How much the database holds, and giving free room back.

use arc_model::Timestamp;
use arc_store::{Storage, StoreError};
use deadpool_postgres::{Client, GenericClient};

use super::{
    error::while_trying,
    read::{get, query},
};

const MEASURE: &str = "measure the store";

/// Most blocks of a table that are looked at to tell how full it is.
pub(super) const BLOCKS: i64 = 1024;

/// Returns the bytes of segments and of the rows of all other tables, with what their indexes have of the same share.
///
/// A table stays as large as it was when rows are deleted, and what PostgreSQL itself counts about rows comes late or is set
/// back by `VACUUM`. So rows are counted here: of a table of up to `most` blocks all, of a larger one those in about so
/// many blocks at random. They are the same blocks each time, so that the size falls with what is deleted between two calls.
pub(super) async fn used_bytes(db: &impl GenericClient, most: i64) -> Result<u64, StoreError> {
    // The lengths of segments are known without reading the data.
    let mut parts = vec!["SELECT coalesce(sum(octet_length(data)), 0)::int8 FROM segments".to_owned()];
    for row in query(db, MEASURE, include_str!("sql/tables.sql"), &[]).await? {
        let (name, blocks): (&str, i64) = (get(&row, 0)?, get(&row, 1)?);
        let (table, total, columns): (i64, i64, &str) = (get(&row, 2)?, get(&row, 3)?, get(&row, 4)?);
        if blocks > 0 {
            let percent = format!("100.0 * least(1, {most}.0 / {blocks})");
            parts.push(format!(
                "SELECT least({total}, coalesce(sum({columns}), 0) * greatest(1, {blocks} / {most}.0) * {total} / {table})::int8 \
                 FROM {name} TABLESAMPLE SYSTEM ({percent}) REPEATABLE (0)"
            ));
        }
    }
    let sql = format!("SELECT sum(bytes)::int8 FROM ({}) AS part (bytes)", parts.join(" UNION ALL "));
    // Its text is another one each time, so it is not kept with the prepared ones.
    let row = db.query_one(&sql, &[]).await.map_err(while_trying(MEASURE))?;
    Ok(u64::try_from(get::<i64>(&row, 0)?).unwrap_or(0))
}

pub(super) async fn storage(db: &impl GenericClient) -> Result<Storage, StoreError> {
    let oldest = query(db, MEASURE, "SELECT min(at) FROM runs", &[]).await?;
    let oldest: Option<i64> = oldest.first().map(|row| get(row, 0)).transpose()?.flatten();
    Ok(Storage {
        used_bytes: used_bytes(db, BLOCKS).await?,
        free_bytes: 0,
        runs: number(db, "SELECT count(*) FROM runs").await?,
        spans: number(db, "SELECT count(*) FROM spans").await?,
        oldest_at: oldest.map(Timestamp::from_nanos),
        unsearchable_runs: number(db, "SELECT count(*) FROM runs WHERE text_waits OR text_is_unreadable").await?,
    })
}

async fn number(db: &impl GenericClient, sql: &str) -> Result<u64, StoreError> {
    let rows = query(db, MEASURE, sql, &[]).await?;
    let number: i64 = rows.first().map(|row| get(row, 0)).transpose()?.unwrap_or_default();
    Ok(u64::try_from(number).unwrap_or(0))
}

/// Writes the large tables anew; who reads or writes them waits meanwhile.
pub(super) async fn vacuum(db: &Client) -> Result<(), StoreError> {
    for table in ["segments", "spans", "search_spans", "runs", "findings", "traces"] {
        // No transaction may be open, so it cannot be prepared with others.
        let vacuum = format!("VACUUM (FULL, ANALYZE) {table}");
        db.batch_execute(&vacuum).await.map_err(while_trying("give free room back"))?;
    }
    Ok(())
}
