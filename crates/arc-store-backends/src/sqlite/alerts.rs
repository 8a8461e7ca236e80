//! Alerts, and what background work remembers.

use arc_model::{Alert, Delivery, ProjectId};
use arc_store::StoreError;
use rusqlite::{Connection, OptionalExtension, params};

use super::{error::while_trying, read::from_json};

const ATTEMPTED: &str = "write an alert";

/// Stores an alert unless it is there; returns whether it was new.
pub(super) fn add(db: &Connection, project: &ProjectId, alert: &Alert) -> Result<bool, StoreError> {
    const INSERT: &str = "INSERT INTO alerts (project, id, raised_at, body, deliveries) VALUES (?1, ?2, ?3, ?4, ?5) \
                          ON CONFLICT DO NOTHING";
    let body = json(&Alert { deliveries: Vec::new(), ..alert.clone() })?;
    let deliveries = json(&alert.deliveries)?;
    let values = params![project.as_str(), alert.id, alert.raised_at.as_nanos(), body, deliveries];
    Ok(db.execute(INSERT, values).map_err(while_trying(ATTEMPTED))? > 0)
}

/// Replaces the attempts to send an alert on.
pub(super) fn put_deliveries(
    db: &Connection,
    project: &ProjectId,
    id: &str,
    attempts: &[Delivery],
) -> Result<(), StoreError> {
    const UPDATE: &str = "UPDATE alerts SET deliveries = ?3 WHERE project = ?1 AND id = ?2";
    let values = params![project.as_str(), id, json(attempts)?];
    db.execute(UPDATE, values).map(drop).map_err(while_trying(ATTEMPTED))
}

/// Returns alerts, the latest first.
pub(super) fn list(db: &Connection, project: &ProjectId, limit: u32) -> Result<Vec<Alert>, StoreError> {
    const SELECT: &str = "SELECT body, deliveries FROM alerts WHERE project = ?1 ORDER BY raised_at DESC, id LIMIT ?2";
    let failed = while_trying("list alerts");
    let mut select = db.prepare_cached(SELECT).map_err(&failed)?;
    let pair = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
    let rows = select.query_map(params![project.as_str(), limit], pair).map_err(&failed)?;
    let mut alerts = Vec::new();
    for row in rows {
        let (body, deliveries) = row.map_err(&failed)?;
        alerts.push(Alert { deliveries: from_json(&deliveries)?, ..from_json(&body)? });
    }
    Ok(alerts)
}

/// Keeps a text under a name.
pub(super) fn put_note(db: &Connection, project: &ProjectId, name: &str, text: &str) -> Result<(), StoreError> {
    const PUT: &str = "INSERT OR REPLACE INTO notes (project, name, text) VALUES (?1, ?2, ?3)";
    db.execute(PUT, params![project.as_str(), name, text]).map(drop).map_err(while_trying("write a note"))
}

/// Returns what is kept under a name.
pub(super) fn note(db: &Connection, project: &ProjectId, name: &str) -> Result<Option<String>, StoreError> {
    const SELECT: &str = "SELECT text FROM notes WHERE project = ?1 AND name = ?2";
    let found = db.query_row(SELECT, params![project.as_str(), name], |row| row.get(0));
    found.optional().map_err(while_trying("read a note"))
}

fn json(value: &(impl serde::Serialize + ?Sized)) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Invalid(format!("alert: {error}")))
}
