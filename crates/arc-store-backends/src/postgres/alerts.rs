//! Alerts, and what background work remembers.

use arc_model::{Alert, Delivery, ProjectId};
use arc_store::StoreError;
use deadpool_postgres::{GenericClient, Transaction};

use super::{
    error::while_trying,
    names,
    read::{from_json, get, query},
};

const ATTEMPTED: &str = "write an alert";

/// Stores an alert unless it is there; returns whether it was new.
pub(super) async fn add(tx: &Transaction<'_>, project: &ProjectId, alert: &Alert) -> Result<bool, StoreError> {
    const INSERT: &str = "INSERT INTO alerts (project, id, raised_at, body, deliveries) VALUES ($1, $2, $3, $4, $5) \
                          ON CONFLICT DO NOTHING";
    let failed = while_trying(ATTEMPTED);
    names::keep(tx, [project.as_str()].into_iter()).await?;
    let body = json(&Alert { deliveries: Vec::new(), ..alert.clone() })?;
    let (project, id) = (names::key(project.as_str()), names::key(&alert.id));
    let insert = tx.prepare_cached(INSERT).await.map_err(&failed)?;
    let raised_at = alert.raised_at.as_nanos();
    let added = tx.execute(&insert, &[&project, &id, &raised_at, &body, &json(&alert.deliveries)?]).await;
    Ok(added.map_err(failed)? > 0)
}

/// Replaces the attempts to send an alert on.
pub(super) async fn put_deliveries(
    db: &impl GenericClient,
    project: &ProjectId,
    id: &str,
    attempts: &[Delivery],
) -> Result<(), StoreError> {
    const UPDATE: &str = "UPDATE alerts SET deliveries = $3 WHERE project = $1 AND id = $2";
    let (project, id) = (names::key(project.as_str()), names::key(id));
    query(db, ATTEMPTED, UPDATE, &[&project, &id, &json(attempts)?]).await.map(drop)
}

/// Returns alerts, the latest first.
pub(super) async fn list(db: &impl GenericClient, project: &ProjectId, limit: u32) -> Result<Vec<Alert>, StoreError> {
    const SELECT: &str = "SELECT body, deliveries FROM alerts WHERE project = $1 ORDER BY raised_at DESC, id LIMIT $2";
    let rows = query(db, "list alerts", SELECT, &[&names::key(project.as_str()), &i64::from(limit)]).await?;
    let alerts = rows.iter().map(|row| {
        let alert: Alert = from_json(get(row, 0)?)?;
        Ok(Alert { deliveries: from_json(get(row, 1)?)?, ..alert })
    });
    alerts.collect()
}

/// Keeps a text under a name.
pub(super) async fn put_note(
    db: &impl GenericClient,
    project: &ProjectId,
    name: &str,
    text: &str,
) -> Result<(), StoreError> {
    const PUT: &str = "INSERT INTO notes (project, name, text) VALUES ($1, $2, $3) \
                       ON CONFLICT (project, name) DO UPDATE SET text = excluded.text";
    let (project, name) = (names::key(project.as_str()), names::key(name));
    query(db, "write a note", PUT, &[&project, &name, &names::escape(text)]).await.map(drop)
}

/// Returns what is kept under a name.
pub(super) async fn note(
    db: &impl GenericClient,
    project: &ProjectId,
    name: &str,
) -> Result<Option<String>, StoreError> {
    const SELECT: &str = "SELECT text FROM notes WHERE project = $1 AND name = $2";
    let rows = query(db, "read a note", SELECT, &[&names::key(project.as_str()), &names::key(name)]).await?;
    rows.first().map(|row| get(row, 0).map(names::unescape)).transpose()
}

fn json(value: &(impl serde::Serialize + ?Sized)) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Invalid(format!("alert: {error}")))
}
