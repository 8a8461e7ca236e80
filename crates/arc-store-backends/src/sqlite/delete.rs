//! Deleting runs: chosen and looked through by a reader, deleted by the writer in small transactions.
//!
//! What a run's spans refer to stays in its segments, which are noted as stale for [`super::compact`] to look
//! through. A trace that was written to after it was looked through is left to the next round.

use std::collections::BTreeSet;

use arc_model::{ProjectId, TraceId};
use arc_store::{Deleted, Selection, StoreError};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter, types::Value};

use super::{
    SqliteStore,
    append::trace_key,
    costs,
    error::while_trying,
    read::{list, segment_of, trace_id},
    rollup, search,
    settle::Old,
};
use crate::segment::{Place, Reach, SegmentCache, Segments};

const ATTEMPTED: &str = "delete runs";

/// Spans after which a transaction takes no further run.
const SPANS_AT_ONCE: u64 = 5_000;

/// Deletes at most `limit` runs.
pub(super) async fn delete(
    store: &SqliteStore,
    project: &ProjectId,
    selection: &Selection,
    limit: u32,
) -> Result<Deleted, StoreError> {
    let mut all = Deleted::default();
    loop {
        let left = u64::from(limit).saturating_sub(all.runs);
        let (of, which) = (project.clone(), selection.clone());
        let find = move |db: &Connection, _: &super::Reading| victims(db, &of, &which, left);
        let victims = store.read(ATTEMPTED, find).await?;
        if victims.is_empty() {
            return Ok(all);
        }
        let project = project.clone();
        let deleted = store.writer.write(move |db| delete_victims(db, &project, &victims)).await?;
        all.runs += deleted.runs;
        all.spans += deleted.spans;
    }
}

/// A run to delete.
struct Victim {
    trace: TraceId,
    /// The trace's key, and how far it was written when it was looked through.
    stored: Option<(i64, i64)>,
    spans: u64,
    /// The segments it refers to.
    segments: BTreeSet<i64>,
}

fn victims(db: &Connection, project: &ProjectId, selection: &Selection, limit: u64) -> Result<Vec<Victim>, StoreError> {
    let mut victims = Vec::new();
    let mut spans = 0;
    let cache = SegmentCache::default();
    for trace in chosen(db, project, selection, limit)? {
        let victim = look_through(db, &cache, project, trace)?;
        spans += victim.spans;
        victims.push(victim);
        if spans >= SPANS_AT_ONCE {
            break;
        }
    }
    Ok(victims)
}

/// Returns the runs of a selection, the oldest first, then traces that were never analysed.
fn chosen(db: &Connection, project: &ProjectId, selection: &Selection, limit: u64) -> Result<Vec<TraceId>, StoreError> {
    let failed = while_trying(ATTEMPTED);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut found = Vec::new();
    for select in selects(project, selection, "trace_id") {
        let left = limit - i64::try_from(found.len()).unwrap_or(i64::MAX);
        if left <= 0 {
            break;
        }
        let sql = format!("{}{} LIMIT {left}", select.sql, select.order);
        found.extend(list(db, &sql, params_from_iter(select.values), |row| trace_id(row, 0)).map_err(&failed)?);
    }
    Ok(found)
}

/// Counts the runs of a selection.
pub(super) fn count(db: &Connection, project: &ProjectId, selection: &Selection) -> Result<u64, StoreError> {
    let mut all = 0;
    for select in selects(project, selection, "count(*)") {
        let count = db
            .prepare_cached(&select.sql)
            .and_then(|mut sql| sql.query_row(params_from_iter(select.values), |row| row.get::<_, i64>(0)));
        all += u64::try_from(count.map_err(while_trying("count runs"))?).unwrap_or(0);
    }
    Ok(all)
}

/// A statement that finds runs.
pub(super) struct Select {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
    pub(super) order: &'static str,
}

/// Returns the statements that find the runs of a selection, which are disjoint.
pub(super) fn selects(project: &ProjectId, selection: &Selection, what: &str) -> Vec<Select> {
    const ORDER: &str = " ORDER BY at, trace_id";
    let project = Value::Text(project.as_str().to_owned());
    let by = |column: &str, value: &str| {
        let sql = format!("SELECT {what} FROM runs WHERE project = ? AND {column} = ?");
        vec![Select { sql, values: vec![project.clone(), Value::Text(value.to_owned())], order: ORDER }]
    };
    match selection {
        Selection::Agent(agent) => by("agent", agent.as_str()),
        Selection::Session(session) => by("session", session.as_str()),
        Selection::User(user) => by("user", user.as_str()),
        Selection::Before(time) => {
            let values = vec![project.clone(), Value::Integer(time.as_nanos())];
            let sql = format!("SELECT {what} FROM runs WHERE project = ? AND at < ? AND is_running = 0");
            let mut selects = vec![Select { sql, values: values.clone(), order: ORDER }];
            // The conditions of the partial indexes: a trace that was never analysed is in one of them.
            for (index, condition) in [
                ("traces_ready", "(ended_roots > 0 OR timed_spans = 0)"),
                ("traces_waiting", "NOT (ended_roots > 0 OR timed_spans = 0)"),
            ] {
                let sql = format!(
                    "SELECT {what} FROM traces INDEXED BY {index} WHERE settled < writes AND {condition} \
                     AND project = ? AND written_at < ? AND NOT EXISTS (SELECT 1 FROM runs \
                     WHERE runs.project = traces.project AND runs.trace_id = traces.trace_id)"
                );
                selects.push(Select { sql, values: values.clone(), order: " ORDER BY written_at, key" });
            }
            selects
        }
        Selection::Runs(ids) => {
            // A few hundred at a time: a statement takes so many values.
            let ids = ids.iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
            let select = |ids: &[&TraceId]| {
                let marks = vec!["?"; ids.len()].join(", ");
                let sql = format!(
                    "SELECT {what} FROM (SELECT trace_id FROM traces WHERE project = ? AND trace_id IN ({marks}) \
                     UNION SELECT trace_id FROM runs WHERE project = ? AND trace_id IN ({marks}))"
                );
                let ids = || ids.iter().map(|id| Value::Blob(id.as_bytes().to_vec()));
                let values = [project.clone()].into_iter().chain(ids()).chain([project.clone()]).chain(ids());
                Select { sql, values: values.collect(), order: " ORDER BY trace_id" }
            };
            ids.chunks(500).map(select).collect()
        }
    }
}

/// Finds out what a run refers to.
fn look_through(
    db: &Connection,
    cache: &SegmentCache,
    project: &ProjectId,
    trace: TraceId,
) -> Result<Victim, StoreError> {
    let failed = while_trying(ATTEMPTED);
    let mut victim = Victim { trace, stored: None, spans: 0, segments: BTreeSet::new() };
    let Some(key) = trace_key(db, project, trace).map_err(&failed)? else { return Ok(victim) };
    victim.stored = Some((key, writes(db, key).map_err(&failed)?.unwrap_or(0)));
    let mut load = |segment: i64| segment_of(db, project, segment);
    let mut segments = Segments::new(cache, &mut load);
    let mut reach = Reach::default();
    for place in places(db, key).map_err(&failed)? {
        victim.spans += 1;
        let reached = reach.record(place, &mut segments, &mut |place| {
            victim.segments.insert(place.segment);
        });
        // A damaged record can go too; what it refers to is not known.
        if let Err(error) = reached
            && !matches!(error, StoreError::Corrupt { .. })
        {
            return Err(error);
        }
    }
    Ok(victim)
}

/// Returns where the records of a trace are, in the order of storage.
pub(super) fn places(db: &Connection, trace: i64) -> rusqlite::Result<Vec<Place>> {
    let select = "SELECT segment, offset, length FROM spans WHERE trace = ?1 ORDER BY segment, offset";
    list(db, select, [trace], |row| Ok(Place { segment: row.get(0)?, offset: row.get(1)?, length: row.get(2)? }))
}

fn writes(db: &Connection, trace: i64) -> rusqlite::Result<Option<i64>> {
    let mut select = db.prepare_cached("SELECT writes FROM traces WHERE key = ?1")?;
    select.query_row([trace], |row| row.get(0)).optional()
}

fn delete_victims(db: &Connection, project: &ProjectId, victims: &[Victim]) -> Result<Deleted, StoreError> {
    let failed = while_trying(ATTEMPTED);
    let (mut changes, mut costs) = (rollup::Changes::default(), costs::Changes::default());
    let mut deleted = Deleted::default();
    for victim in victims {
        let key = trace_key(db, project, victim.trace).map_err(&failed)?;
        let now = match key {
            Some(key) => writes(db, key).map_err(&failed)?.map(|writes| (key, writes)),
            None => None,
        };
        if now != victim.stored {
            continue;
        }
        let old = Old::take(db, project, victim.trace)?;
        if old.is_none() && key.is_none() {
            continue;
        }
        if let Some(old) = old {
            old.uncount(project, &mut changes, &mut costs)?;
            search::forget(db, old.key).map_err(&failed)?;
            execute(db, "DELETE FROM runs WHERE key = ?1", old.key).map_err(&failed)?;
        }
        if let Some(key) = key {
            execute(db, "DELETE FROM spans WHERE trace = ?1", key).map_err(&failed)?;
            execute(db, "DELETE FROM traces WHERE key = ?1", key).map_err(&failed)?;
        }
        for segment in &victim.segments {
            execute(db, include_str!("sql/note_stale.sql"), *segment).map_err(&failed)?;
        }
        deleted.runs += 1;
        deleted.spans += victim.spans;
    }
    changes.write(db)?;
    costs.write(db)?;
    Ok(deleted)
}

fn execute(db: &Connection, sql: &str, key: i64) -> rusqlite::Result<usize> {
    db.prepare_cached(sql)?.execute(params![key])
}
