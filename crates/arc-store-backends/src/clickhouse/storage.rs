//! How much the database holds.

use arc_model::Timestamp;
use arc_store::{Storage, StoreError};
use clickhouse::{Client, Row};
use serde::Deserialize;

use super::{
    error::while_trying,
    read::{alive, query},
    rows::{DELETED, kind},
    schema::Local,
    search,
};

const ATTEMPTED: &str = "measure the store";

#[derive(Row, Deserialize)]
struct Number {
    number: u64,
}

async fn number(db: &Client, sql: &str) -> Result<u64, StoreError> {
    let rows: Vec<Number> = query(db, ATTEMPTED, sql).await?;
    Ok(rows.first().map_or(0, |row| row.number))
}

/// Returns the bytes of the parts that are in use; on a cluster of one replica of each shard.
pub(super) async fn used_bytes(db: &Client, local: &Local) -> Result<u64, StoreError> {
    number(db, &local.used_bytes()).await
}

#[derive(Row, Deserialize)]
struct Runs {
    runs: u64,
    oldest: i64,
}

pub(super) async fn storage(db: &Client, local: &Local) -> Result<Storage, StoreError> {
    let runs = format!(
        "SELECT count() AS runs, min(tupleElement(cell, 5)) AS oldest FROM (SELECT max(trace) AS cell FROM settled \
         WHERE kind = {} AND agent = '' AND day = 0 AND name = '' AND place = 0 GROUP BY project, trace_id) \
         WHERE tupleElement(cell, 3) != {DELETED}",
        kind::TRACE
    );
    let runs: Vec<Runs> = query(db, ATTEMPTED, &runs).await?;
    let runs = runs.first().filter(|found| found.runs > 0);
    let spans =
        format!("SELECT count() AS number FROM (SELECT 1 FROM {} GROUP BY project, trace_id, span_id)", alive(None));
    Ok(Storage {
        used_bytes: used_bytes(db, local).await?,
        free_bytes: 0,
        runs: runs.map_or(0, |found| found.runs),
        spans: number(db, &spans).await?,
        oldest_at: runs.map(|found| Timestamp::from_nanos(found.oldest)),
        unsearchable_runs: number(db, &format!("SELECT count() AS number FROM ({})", search::unsearchable())).await?,
    })
}

/// Merges the parts of the large tables, so that each value stands in one of them.
pub(super) async fn vacuum(db: &Client, local: &Local) -> Result<(), StoreError> {
    for table in ["segments", "spans", "search_spans", "settled"] {
        db.query_raw(&local.merge(table)).execute().await.map_err(while_trying("give free room back"))?;
    }
    Ok(())
}
