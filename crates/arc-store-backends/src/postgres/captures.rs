//! The ledger of what was captured: a row per source, and old rows folded into one.

use arc_model::{Capture, CaptureKind, ProjectId, Timestamp};
use arc_store::StoreError;
use deadpool_postgres::{GenericClient, Transaction};
use tokio_postgres::types::ToSql;

use super::{
    error::{damaged, while_trying},
    names,
    read::{get, query},
};

const ATTEMPTED: &str = "write the capture ledger";

/// The source into which old ones are folded.
const EARLIER: &str = "earlier";

/// Keeps other writers out until the transaction ends: entries are read, changed and written back.
async fn lock(tx: &Transaction<'_>) -> Result<(), StoreError> {
    tx.batch_execute("LOCK TABLE captures IN SHARE ROW EXCLUSIVE MODE").await.map_err(while_trying(ATTEMPTED))
}

/// Replaces what is known of these sources, but for when they were first heard of.
pub(super) async fn put(tx: &Transaction<'_>, project: &ProjectId, captures: &[Capture]) -> Result<(), StoreError> {
    lock(tx).await?;
    for capture in captures {
        let known = find(tx, project, &capture.source).await?;
        let first_at = known.map_or(capture.first_at, |known| known.first_at.min(capture.first_at));
        write(tx, project, &Capture { first_at, ..capture.clone() }).await?;
    }
    Ok(())
}

/// Adds to what is known of these sources.
pub(super) async fn add(tx: &Transaction<'_>, project: &ProjectId, captures: &[Capture]) -> Result<(), StoreError> {
    lock(tx).await?;
    for capture in captures {
        let sum = match find(tx, project, &capture.source).await? {
            Some(mut known) => {
                known.add(capture);
                known
            }
            None => capture.clone(),
        };
        write(tx, project, &sum).await?;
    }
    Ok(())
}

/// Returns every source, the latest news first.
pub(super) async fn list(db: &impl GenericClient, project: &ProjectId) -> Result<Vec<Capture>, StoreError> {
    const SELECT: &str = "SELECT body FROM captures WHERE project = $1 ORDER BY last_at DESC, source";
    bodies(db, SELECT, &[&names::key(project.as_str())]).await
}

/// Folds what ended into one source, but for the latest ones.
pub(super) async fn fold(tx: &Transaction<'_>, project: &ProjectId, keep: u32) -> Result<(), StoreError> {
    const OLD: &str = "SELECT body FROM captures WHERE project = $1 AND is_ended \
                       ORDER BY last_at DESC, source OFFSET $2";
    const DELETE: &str = "DELETE FROM captures WHERE project = $1 AND source = ANY($2::text[])";
    lock(tx).await?;
    let key = names::key(project.as_str());
    let old: Vec<Capture> = bodies(tx, OLD, &[&key, &i64::from(keep)]).await?;
    if old.is_empty() {
        return Ok(());
    }
    let mut sum = match find(tx, project, EARLIER).await? {
        Some(sum) => sum,
        None => Capture::new(EARLIER, CaptureKind::Earlier, EARLIER, Timestamp::from_nanos(i64::MAX)),
    };
    for capture in &old {
        // The first one says when it began.
        sum.last_at = if sum.first_at.as_nanos() == i64::MAX { capture.last_at } else { sum.last_at };
        sum.add(capture);
    }
    let sources: Vec<String> = old.iter().map(|capture| names::key(&capture.source)).collect();
    query(tx, ATTEMPTED, DELETE, &[&key, &sources]).await?;
    sum.is_ended = true;
    write(tx, project, &sum).await
}

async fn find(tx: &Transaction<'_>, project: &ProjectId, source: &str) -> Result<Option<Capture>, StoreError> {
    let select = "SELECT body FROM captures WHERE project = $1 AND source = $2";
    let found = bodies(tx, select, &[&names::key(project.as_str()), &names::key(source)]).await?;
    Ok(found.into_iter().next())
}

async fn write(tx: &Transaction<'_>, project: &ProjectId, capture: &Capture) -> Result<(), StoreError> {
    const WRITE: &str = "INSERT INTO captures (project, source, last_at, is_ended, body) VALUES ($1, $2, $3, $4, $5) \
                         ON CONFLICT (project, source) DO UPDATE SET \
                         last_at = excluded.last_at, is_ended = excluded.is_ended, body = excluded.body";
    let body = serde_json::to_string(capture).map_err(|error| StoreError::Invalid(format!("capture: {error}")))?;
    let is_ended = capture.is_ended && capture.kind == CaptureKind::Process;
    let (project, source) = (names::key(project.as_str()), names::key(&capture.source));
    let values: &[&(dyn ToSql + Sync)] = &[&project, &source, &capture.last_at.as_nanos(), &is_ended, &body];
    query(tx, ATTEMPTED, WRITE, values).await.map(drop)
}

async fn bodies(
    db: &impl GenericClient,
    select: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Capture>, StoreError> {
    let rows = query(db, "read the capture ledger", select, values).await?;
    rows.iter().map(|row| parse(get(row, 0)?)).collect()
}

fn parse(body: &str) -> Result<Capture, StoreError> {
    serde_json::from_str(body).map_err(|error| damaged("read the capture ledger", error))
}
