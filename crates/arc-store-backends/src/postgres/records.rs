//! Records: documents with a version, ordered by rank, found by tag.

use arc_model::ProjectId;
use arc_store::{Expected, Page, Record, RecordContent, RecordOrder, RecordQuery, RecordWrite, StoreError};
use deadpool_postgres::{GenericClient, Transaction};
use tokio_postgres::{Row, types::ToSql};

use super::{
    append::unsigned,
    names,
    read::{from_json, get, query as rows_of},
};
use crate::cursor::AfterRecord;

const ATTEMPTED: &str = "write records";

/// Writes and removes records, unless what is expected of one does not hold; returns whether it did. What was written
/// until then is the caller's to undo.
pub(super) async fn write(
    tx: &Transaction<'_>,
    project: &ProjectId,
    writes: &[RecordWrite],
) -> Result<bool, StoreError> {
    let project = names::key(project.as_str());
    // One after the other, in their order: two writers never wait for each other.
    for write in writes {
        if !write_one(tx, &project, write).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn write_one(tx: &Transaction<'_>, project: &str, write: &RecordWrite) -> Result<bool, StoreError> {
    let RecordWrite { collection, id, expected, content } = write;
    loop {
        let Some(known) = lock(tx, project, collection, id).await? else {
            let Some(content) = content else { return Ok(!matches!(expected, Expected::Version(_))) };
            return match expected {
                Expected::Version(_) => Ok(false),
                _ if insert(tx, project, write, content).await? => Ok(true),
                Expected::Absent => Ok(false),
                // Somebody made it since it was looked for; now it is there.
                Expected::Any => continue,
            };
        };
        let holds = match expected {
            Expected::Any => true,
            Expected::Absent => false,
            Expected::Version(version) => *version == known.version,
        };
        if holds {
            replace(tx, project, write, &known).await?;
        }
        return Ok(holds);
    }
}

/// Returns a record, and keeps other writers from it until the transaction ends.
async fn lock(tx: &Transaction<'_>, project: &str, collection: &str, id: &str) -> Result<Option<Record>, StoreError> {
    const SELECT: &str = "SELECT id, version, rank, tags, body FROM records \
                          WHERE project = $1 AND collection = $2 AND id = $3 FOR UPDATE";
    let rows = rows_of(tx, ATTEMPTED, SELECT, &[&project, &collection, &id]).await?;
    rows.first().map(parse).transpose()
}

/// Makes a record; returns whether it was not there.
async fn insert(
    tx: &Transaction<'_>,
    project: &str,
    write: &RecordWrite,
    content: &RecordContent,
) -> Result<bool, StoreError> {
    const INSERT: &str = "INSERT INTO records (project, collection, id, version, rank, tags, body) \
                          VALUES ($1, $2, $3, 1, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING version";
    let (tags, body) = (json(&content.tags)?, names::escape(&content.body));
    let values: &[&(dyn ToSql + Sync)] = &[&project, &write.collection, &write.id, &content.rank, &tags, &body];
    let is_new = !rows_of(tx, ATTEMPTED, INSERT, values).await?.is_empty();
    if is_new {
        tag(tx, project, write, content).await?;
    }
    Ok(is_new)
}

/// Replaces or removes a record that is locked.
async fn replace(tx: &Transaction<'_>, project: &str, write: &RecordWrite, known: &Record) -> Result<(), StoreError> {
    const UNTAG: &str = "DELETE FROM record_tags WHERE project = $1 AND collection = $2 \
                         AND tag = ANY($3::text[]) AND rank = $4 AND id = $5";
    const UPDATE: &str = "UPDATE records SET version = version + 1, rank = $4, tags = $5, body = $6 \
                          WHERE project = $1 AND collection = $2 AND id = $3";
    const DELETE: &str = "DELETE FROM records WHERE project = $1 AND collection = $2 AND id = $3";
    let RecordWrite { collection, id, content, .. } = write;
    if !known.tags.is_empty() {
        let tags: Vec<String> = known.tags.iter().map(|tag| names::key(tag)).collect();
        rows_of(tx, ATTEMPTED, UNTAG, &[&project, collection, &tags, &known.rank, id]).await?;
    }
    let Some(content) = content else {
        return rows_of(tx, ATTEMPTED, DELETE, &[&project, collection, id]).await.map(drop);
    };
    let (tags, body) = (json(&content.tags)?, names::escape(&content.body));
    rows_of(tx, ATTEMPTED, UPDATE, &[&project, collection, id, &content.rank, &tags, &body]).await?;
    tag(tx, project, write, content).await
}

async fn tag(
    tx: &Transaction<'_>,
    project: &str,
    write: &RecordWrite,
    content: &RecordContent,
) -> Result<(), StoreError> {
    const TAG: &str = "INSERT INTO record_tags (project, collection, tag, rank, id) \
                       SELECT $1, $2, tag, $4, $5 FROM unnest($3::text[]) AS tag";
    if content.tags.is_empty() {
        return Ok(());
    }
    let tags: Vec<String> = content.tags.iter().map(|tag| names::key(tag)).collect();
    rows_of(tx, ATTEMPTED, TAG, &[&project, &write.collection, &tags, &content.rank, &write.id]).await.map(drop)
}

/// Returns those of these records that are there, ordered by id.
pub(super) async fn by_id(
    db: &impl GenericClient,
    project: &ProjectId,
    collection: &str,
    ids: &[String],
) -> Result<Vec<Record>, StoreError> {
    const SELECT: &str = "SELECT id, version, rank, tags, body FROM records \
                          WHERE project = $1 AND collection = $2 AND id = ANY($3::text[]) ORDER BY id";
    // No record has a name with a character that this database cannot store.
    let ids: Vec<&String> = ids.iter().filter(|id| !id.contains('\0')).collect();
    let values: &[&(dyn ToSql + Sync)] = &[&names::key(project.as_str()), &names::escape(collection), &ids];
    let rows = rows_of(db, "read records", SELECT, values).await?;
    rows.iter().map(parse).collect()
}

/// Returns a page of records.
pub(super) async fn list(
    db: &impl GenericClient,
    project: &ProjectId,
    query: &RecordQuery,
) -> Result<Page<Record>, StoreError> {
    let (sql, values) = select(project, query)?;
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
    let rows = rows_of(db, "list records", &sql, &values).await?;
    let mut items = rows.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let limit = query.limit as usize;
    let has_more = items.len() > limit;
    items.truncate(limit);
    let cursor = |last: &Record| AfterRecord { order: query.order, rank: last.rank, id: last.id.clone() }.to_cursor();
    let next = items.last().filter(|_| has_more).map(cursor);
    Ok(Page { items, next })
}

type Value = Box<dyn ToSql + Sync + Send>;

fn select(project: &ProjectId, query: &RecordQuery) -> Result<(String, Vec<Value>), StoreError> {
    let RecordQuery { collection, tags, order, after, limit } = query;
    if *limit == 0 {
        return Err(StoreError::Invalid("a page of at most zero items".to_owned()));
    }
    // With a tag, its index gives the order.
    let (from, key) = match tags.first() {
        Some(_) => (
            "record_tags AS t JOIN records AS r \
             ON r.project = t.project AND r.collection = t.collection AND r.id = t.id",
            "t",
        ),
        None => ("records AS r", "r"),
    };
    let mut sql = vec![format!(
        "SELECT r.id, r.version, r.rank, r.tags, r.body FROM {from} WHERE {key}.project = $1 AND {key}.collection = $2"
    )];
    let mut values: Vec<Value> =
        vec![Box::new(names::key(project.as_str())), Box::new(names::escape(collection).into_owned())];
    for (position, tag) in tags.iter().enumerate() {
        values.push(Box::new(names::key(tag)));
        let number = values.len();
        sql.push(match position {
            0 => format!(" AND t.tag = ${number}"),
            _ => format!(
                " AND EXISTS (SELECT 1 FROM record_tags AS o WHERE o.project = t.project \
                 AND o.collection = t.collection AND o.tag = ${number} AND o.rank = t.rank AND o.id = t.id)"
            ),
        });
    }
    let (before, after_tie, down, up) = match order {
        RecordOrder::HighestFirst => ("<", ">", "DESC", "ASC"),
        RecordOrder::LowestFirst => (">", "<", "ASC", "DESC"),
    };
    if let Some(cursor) = after {
        let AfterRecord { rank, id, .. } = AfterRecord::parse(cursor, *order)?;
        values.extend([Box::new(rank) as Value, Box::new(names::escape(&id).into_owned())]);
        let (rank, id) = (values.len() - 1, values.len());
        sql.push(format!(
            " AND {key}.rank {before}= ${rank} AND ({key}.rank {before} ${rank} OR {key}.id {after_tie} ${id})"
        ));
    }
    values.push(Box::new(i64::from(*limit) + 1));
    sql.push(format!(" ORDER BY {key}.rank {down}, {key}.id {up} LIMIT ${}", values.len()));
    Ok((sql.concat(), values))
}

fn parse(row: &Row) -> Result<Record, StoreError> {
    let (version, tags): (i64, &str) = (get(row, 1)?, get(row, 3)?);
    Ok(Record {
        id: get(row, 0)?,
        version: unsigned(version),
        rank: get(row, 2)?,
        tags: from_json(tags)?,
        body: names::unescape(get(row, 4)?),
    })
}

fn json(tags: &[String]) -> Result<String, StoreError> {
    serde_json::to_string(tags).map_err(|error| StoreError::Invalid(format!("tags: {error}")))
}
