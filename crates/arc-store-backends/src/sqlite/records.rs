//! Records: documents with a version, ordered by rank, found by tag.

use arc_model::ProjectId;
use arc_store::{Expected, Page, Record, RecordContent, RecordOrder, RecordQuery, RecordWrite, StoreError};
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter, types::Value};

use super::{
    append::unsigned,
    error::while_trying,
    read::{from_json, list as rows_of},
};
use crate::cursor::AfterRecord;

const ATTEMPTED: &str = "write records";

/// Writes and removes records, unless what is expected of one does not hold; returns whether it did.
pub(super) fn write(db: &Connection, project: &ProjectId, writes: &[RecordWrite]) -> Result<bool, StoreError> {
    let mut known = Vec::with_capacity(writes.len());
    for write in writes {
        let found = find(db, project, &write.collection, &write.id)?;
        let holds = match (write.expected, &found) {
            (Expected::Any, _) | (Expected::Absent, None) => true,
            (Expected::Version(expected), Some(found)) => found.version == expected,
            (Expected::Absent, Some(_)) | (Expected::Version(_), None) => false,
        };
        if !holds {
            return Ok(false);
        }
        known.push(found);
    }
    for (write, known) in writes.iter().zip(known) {
        if let Some(known) = &known {
            remove(db, project, &write.collection, known)?;
        }
        if let Some(content) = &write.content {
            insert(db, project, write, content, known.map_or(1, |known| known.version.saturating_add(1)))?;
        }
    }
    Ok(true)
}

fn insert(
    db: &Connection,
    project: &ProjectId,
    write: &RecordWrite,
    content: &RecordContent,
    version: u64,
) -> Result<(), StoreError> {
    const RECORD: &str = "INSERT INTO records (project, collection, id, version, rank, tags, body) \
                          VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    const TAG: &str = "INSERT INTO record_tags (project, collection, tag, rank, id) VALUES (?1, ?2, ?3, ?4, ?5)";
    let failed = while_trying(ATTEMPTED);
    let RecordContent { rank, tags, body } = content;
    let RecordWrite { collection, id, .. } = write;
    let version = i64::try_from(version).unwrap_or(i64::MAX);
    let list = serde_json::to_string(tags).map_err(|error| StoreError::Invalid(format!("tags: {error}")))?;
    let mut insert = db.prepare_cached(RECORD).map_err(&failed)?;
    insert.execute(params![project.as_str(), collection, id, version, rank, list, body]).map_err(&failed)?;
    let mut insert = db.prepare_cached(TAG).map_err(&failed)?;
    for tag in tags {
        insert.execute(params![project.as_str(), collection, tag, rank, id]).map_err(&failed)?;
    }
    Ok(())
}

fn remove(db: &Connection, project: &ProjectId, collection: &str, known: &Record) -> Result<(), StoreError> {
    const RECORD: &str = "DELETE FROM records WHERE project = ?1 AND collection = ?2 AND id = ?3";
    const TAG: &str = "DELETE FROM record_tags \
                       WHERE project = ?1 AND collection = ?2 AND tag = ?3 AND rank = ?4 AND id = ?5";
    let failed = while_trying(ATTEMPTED);
    let mut delete = db.prepare_cached(RECORD).map_err(&failed)?;
    delete.execute(params![project.as_str(), collection, known.id]).map_err(&failed)?;
    let mut delete = db.prepare_cached(TAG).map_err(&failed)?;
    for tag in &known.tags {
        delete.execute(params![project.as_str(), collection, tag, known.rank, known.id]).map_err(&failed)?;
    }
    Ok(())
}

/// Returns those of these records that are there, ordered by id.
pub(super) fn by_id(
    db: &Connection,
    project: &ProjectId,
    collection: &str,
    ids: &[String],
) -> Result<Vec<Record>, StoreError> {
    let mut ids: Vec<&String> = ids.iter().collect();
    ids.sort_unstable();
    ids.dedup();
    let found = ids.into_iter().map(|id| find(db, project, collection, id));
    found.filter_map(Result::transpose).collect()
}

fn find(db: &Connection, project: &ProjectId, collection: &str, id: &str) -> Result<Option<Record>, StoreError> {
    const SELECT: &str = "SELECT id, version, rank, tags, body FROM records \
                          WHERE project = ?1 AND collection = ?2 AND id = ?3";
    let failed = while_trying("read records");
    let mut select = db.prepare_cached(SELECT).map_err(&failed)?;
    let found = select.query_row(params![project.as_str(), collection, id], read).optional().map_err(failed)?;
    found.map(parse).transpose()
}

/// Returns a page of records.
pub(super) fn list(db: &Connection, project: &ProjectId, query: &RecordQuery) -> Result<Page<Record>, StoreError> {
    let (sql, values) = select(project, query)?;
    let rows = rows_of(db, &sql, params_from_iter(values), read).map_err(while_trying("list records"))?;
    let mut items = rows.into_iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let limit = query.limit as usize;
    let has_more = items.len() > limit;
    items.truncate(limit);
    let cursor = |last: &Record| AfterRecord { order: query.order, rank: last.rank, id: last.id.clone() }.to_cursor();
    let next = items.last().filter(|_| has_more).map(cursor);
    Ok(Page { items, next })
}

pub(super) fn select(project: &ProjectId, query: &RecordQuery) -> Result<(String, Vec<Value>), StoreError> {
    let RecordQuery { collection, tags, order, after, limit } = query;
    if *limit == 0 {
        return Err(StoreError::Invalid("a page of at most zero items".to_owned()));
    }
    // With a tag, its index gives the order; CROSS JOIN keeps the planner from starting at the records.
    let (from, key) = match tags.first() {
        Some(_) => (
            "record_tags AS t CROSS JOIN records AS r \
             ON r.project = t.project AND r.collection = t.collection AND r.id = t.id",
            "t",
        ),
        None => ("records AS r", "r"),
    };
    let mut sql = vec![format!(
        "SELECT r.id, r.version, r.rank, r.tags, r.body FROM {from} WHERE {key}.project = ? AND {key}.collection = ?"
    )];
    let mut values: Vec<Value> = vec![project.as_str().to_owned().into(), collection.clone().into()];
    for (position, tag) in tags.iter().enumerate() {
        sql.push(match position {
            0 => " AND t.tag = ?".to_owned(),
            _ => " AND EXISTS (SELECT 1 FROM record_tags AS o WHERE o.project = t.project \
                 AND o.collection = t.collection AND o.tag = ? AND o.rank = t.rank AND o.id = t.id)"
                .to_owned(),
        });
        values.push(tag.clone().into());
    }
    let (before, after_tie, down, up) = match order {
        RecordOrder::HighestFirst => ("<", ">", "DESC", "ASC"),
        RecordOrder::LowestFirst => (">", "<", "ASC", "DESC"),
    };
    if let Some(cursor) = after {
        let AfterRecord { rank, id, .. } = AfterRecord::parse(cursor, *order)?;
        sql.push(format!(" AND {key}.rank {before}= ? AND ({key}.rank {before} ? OR {key}.id {after_tie} ?)"));
        values.extend([rank.into(), rank.into(), id.into()]);
    }
    sql.push(format!(" ORDER BY {key}.rank {down}, {key}.id {up} LIMIT ?"));
    values.push((i64::from(*limit) + 1).into());
    Ok((sql.concat(), values))
}

type Columns = (String, i64, i64, String, String);

fn read(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
}

fn parse((id, version, rank, tags, body): Columns) -> Result<Record, StoreError> {
    Ok(Record { id, version: unsigned(version), rank, tags: from_json(&tags)?, body })
}
