//! How much the database holds, and giving free room back.

use arc_model::Timestamp;
use arc_store::{Storage, StoreError};
use deadpool_postgres::{Client, GenericClient};

use super::{
    error::while_trying,
    read::{get, query},
};

const MEASURE: &str = "measure the store";

/// Returns the bytes of segments as they are, and of all other tables with the room they have.
pub(super) async fn used_bytes(db: &impl GenericClient) -> Result<u64, StoreError> {
    number(db, include_str!("sql/used_bytes.sql")).await
}

pub(super) async fn storage(db: &impl GenericClient) -> Result<Storage, StoreError> {
    let oldest = query(db, MEASURE, "SELECT min(at) FROM runs", &[]).await?;
    let oldest: Option<i64> = oldest.first().map(|row| get(row, 0)).transpose()?.flatten();
    Ok(Storage {
        used_bytes: used_bytes(db).await?,
        free_bytes: 0,
        runs: number(db, "SELECT count(*) FROM runs").await?,
        spans: number(db, "SELECT count(*) FROM spans").await?,
        oldest_at: oldest.map(Timestamp::from_nanos),
        unsearchable_runs: number(db, "SELECT count(*) FROM runs WHERE text_waits").await?,
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
