//! The ledger of what was captured: a row per source, and old rows folded into one.

use arc_model::{Capture, CaptureKind, ProjectId, Timestamp};
use arc_store::StoreError;
use rusqlite::{Connection, OptionalExtension, params};

use super::error::{damaged, while_trying};

const ATTEMPTED: &str = "write the capture ledger";

/// The source into which old ones are folded.
const EARLIER: &str = "earlier";

/// Replaces what is known of these sources, but for when they were first heard of.
pub(super) fn put(db: &Connection, project: &ProjectId, captures: &[Capture]) -> Result<(), StoreError> {
    for capture in captures {
        let known = find(db, project, &capture.source)?;
        let first_at = known.map_or(capture.first_at, |known| known.first_at.min(capture.first_at));
        write(db, project, &Capture { first_at, ..capture.clone() })?;
    }
    Ok(())
}

/// Adds to what is known of these sources.
pub(super) fn add(db: &Connection, project: &ProjectId, captures: &[Capture]) -> Result<(), StoreError> {
    for capture in captures {
        let sum = match find(db, project, &capture.source)? {
            Some(mut known) => {
                known.add(capture);
                known
            }
            None => capture.clone(),
        };
        write(db, project, &sum)?;
    }
    Ok(())
}

/// Returns every source, the latest news first.
pub(super) fn list(db: &Connection, project: &ProjectId) -> Result<Vec<Capture>, StoreError> {
    const SELECT: &str = "SELECT body FROM captures WHERE project = ?1 ORDER BY last_at DESC, source";
    bodies(db, SELECT, params![project.as_str()])
}

/// Folds what ended into one source, but for the latest ones.
pub(super) fn fold(db: &Connection, project: &ProjectId, keep: u32) -> Result<(), StoreError> {
    const OLD: &str = "SELECT body FROM captures WHERE project = ?1 AND is_ended = 1 \
                       ORDER BY last_at DESC, source LIMIT -1 OFFSET ?2";
    let old: Vec<Capture> = bodies(db, OLD, params![project.as_str(), keep])?;
    if old.is_empty() {
        return Ok(());
    }
    let mut sum = match find(db, project, EARLIER)? {
        Some(sum) => sum,
        None => Capture::new(EARLIER, CaptureKind::Earlier, EARLIER, Timestamp::from_nanos(i64::MAX)),
    };
    for capture in &old {
        // The first one says when it began.
        sum.last_at = if sum.first_at.as_nanos() == i64::MAX { capture.last_at } else { sum.last_at };
        sum.add(capture);
        let delete = "DELETE FROM captures WHERE project = ?1 AND source = ?2";
        let mut delete = db.prepare_cached(delete).map_err(while_trying(ATTEMPTED))?;
        delete.execute(params![project.as_str(), capture.source]).map_err(while_trying(ATTEMPTED))?;
    }
    sum.is_ended = true;
    write(db, project, &sum)
}

fn find(db: &Connection, project: &ProjectId, source: &str) -> Result<Option<Capture>, StoreError> {
    let failed = while_trying(ATTEMPTED);
    let mut select =
        db.prepare_cached("SELECT body FROM captures WHERE project = ?1 AND source = ?2").map_err(&failed)?;
    let body: Option<String> =
        select.query_row(params![project.as_str(), source], |row| row.get(0)).optional().map_err(&failed)?;
    body.as_deref().map(parse).transpose()
}

fn write(db: &Connection, project: &ProjectId, capture: &Capture) -> Result<(), StoreError> {
    const WRITE: &str = "INSERT OR REPLACE INTO captures (project, source, last_at, is_ended, body) \
                         VALUES (?1, ?2, ?3, ?4, ?5)";
    let failed = while_trying(ATTEMPTED);
    let body = serde_json::to_string(capture).map_err(|error| StoreError::Invalid(format!("capture: {error}")))?;
    let is_ended = capture.is_ended && capture.kind == CaptureKind::Process;
    let mut insert = db.prepare_cached(WRITE).map_err(&failed)?;
    let values = params![project.as_str(), capture.source, capture.last_at.as_nanos(), is_ended, body];
    insert.execute(values).map(drop).map_err(failed)
}

fn bodies(db: &Connection, select: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<Capture>, StoreError> {
    let failed = while_trying("read the capture ledger");
    let mut select = db.prepare_cached(select).map_err(&failed)?;
    let rows = select.query_map(values, |row| row.get::<_, String>(0)).map_err(&failed)?;
    let mut captures = Vec::new();
    for body in rows {
        captures.push(parse(&body.map_err(&failed)?)?);
    }
    Ok(captures)
}

fn parse(body: &str) -> Result<Capture, StoreError> {
    serde_json::from_str(body).map_err(|error| damaged("read the capture ledger", error))
}
