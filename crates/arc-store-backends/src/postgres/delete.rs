//! Deleting runs: chosen and looked through first, deleted in small transactions.
//!
//! What a run's spans refer to stays in its segments, which are noted as stale for [`super::compact`] to look
//! through. A trace that was written to after it was looked through is left to the next round.

use std::collections::{BTreeMap, BTreeSet};

use arc_model::{ProjectId, TraceId};
use arc_store::{Deleted, Selection, StoreError};
use deadpool_postgres::GenericClient;
use tokio::runtime::Handle;

use super::{
    PostgresStore,
    append::trace_id,
    costs,
    error::while_trying,
    listing::Value,
    names,
    read::{self, get, query},
    rollup,
    settle::take_old,
};
use crate::{
    remote::compute,
    segment::{Reach, SegmentCache},
};

const ATTEMPTED: &str = "delete runs";

/// Runs that are deleted in one transaction.
const RUNS_AT_ONCE: u64 = 100;

/// Spans after which a transaction takes no further run.
const SPANS_AT_ONCE: u64 = 5_000;

/// Deletes at most `limit` runs.
pub(super) async fn delete(
    store: &PostgresStore,
    project: &ProjectId,
    selection: &Selection,
    limit: u32,
) -> Result<Deleted, StoreError> {
    let mut all = Deleted::default();
    loop {
        let left = u64::from(limit).saturating_sub(all.runs).min(RUNS_AT_ONCE);
        let victims = victims(store, project, selection, left).await?;
        if victims.is_empty() {
            return Ok(all);
        }
        let deleted = delete_victims(store, project, &victims).await?;
        all.runs += deleted.runs;
        all.spans += deleted.spans;
    }
}

/// A run to delete.
#[derive(Default)]
struct Victim {
    /// The trace's key, and how far it was written when it was looked through.
    stored: Option<(i64, i64)>,
    spans: u64,
    /// The segments it refers to.
    segments: BTreeSet<i64>,
}

async fn victims(
    store: &PostgresStore,
    project: &ProjectId,
    selection: &Selection,
    limit: u64,
) -> Result<BTreeMap<TraceId, Victim>, StoreError> {
    let db = store.connect().await?;
    let mut chosen: Vec<TraceId> = Vec::new();
    for select in selects(project, selection, "trace_id") {
        let left = limit.saturating_sub(chosen.len() as u64);
        if left == 0 {
            break;
        }
        let sql = format!("{}{} LIMIT {left}", select.sql, select.order);
        for row in query(&db, ATTEMPTED, &sql, &select.values()).await? {
            chosen.push(trace_id(&row, 0)?);
        }
    }
    let mut victims = BTreeMap::new();
    let mut spans = 0;
    let cache = std::sync::Arc::new(SegmentCache::default());
    for trace in chosen {
        let (runtime, project, cache) = (Handle::current(), project.clone(), std::sync::Arc::clone(&cache));
        let db = store.connect().await?;
        let select = "SELECT key, writes FROM traces WHERE project = $1 AND trace_id = $2";
        let key = names::key(project.as_str());
        let rows = query(&db, ATTEMPTED, select, &[&key, &trace.as_bytes().as_slice()]).await?;
        let stored = rows.first().map(|row| Ok::<_, StoreError>((get(row, 0)?, get(row, 1)?))).transpose()?;
        let places = read::spans(&db, &project, trace).await?;
        let look_through = move || {
            let mut victim = Victim { stored, spans: places.len() as u64, segments: BTreeSet::new() };
            let mut reach = Reach::default();
            read::with_segments(&runtime, &db, &cache, &project, &places, |place, segments| {
                let reached = reach.record(place, segments, &mut |place| {
                    victim.segments.insert(place.segment);
                });
                match reached {
                    // A damaged record can go too; what it refers to is not known.
                    Err(StoreError::Corrupt { .. }) => Ok(()),
                    other => other,
                }
            })?;
            Ok(victim)
        };
        let victim = compute(ATTEMPTED, look_through).await?;
        spans += victim.spans;
        victims.insert(trace, victim);
        if spans >= SPANS_AT_ONCE {
            break;
        }
    }
    Ok(victims)
}

/// Counts the runs of a selection.
pub(super) async fn count(
    db: &impl GenericClient,
    project: &ProjectId,
    selection: &Selection,
) -> Result<u64, StoreError> {
    let mut all = 0;
    for select in selects(project, selection, "count(*)") {
        let rows = query(db, "count runs", &select.sql, &select.values()).await?;
        let count: i64 = rows.first().map(|row| get(row, 0)).transpose()?.unwrap_or_default();
        all += u64::try_from(count).unwrap_or(0);
    }
    Ok(all)
}

/// A statement that finds runs.
struct Select {
    sql: String,
    values: Vec<Value>,
    order: &'static str,
}

impl Select {
    fn values(&self) -> Vec<&(dyn tokio_postgres::types::ToSql + Sync)> {
        self.values.iter().map(|value| &**value as _).collect()
    }
}

/// Returns the statements that find the runs of a selection, which are disjoint.
fn selects(project: &ProjectId, selection: &Selection, what: &str) -> Vec<Select> {
    const ORDER: &str = " ORDER BY at, trace_id";
    let project = names::key(project.as_str());
    let by = |column: &str, value: &str| {
        let sql = format!("SELECT {what} FROM runs WHERE project = $1 AND {column} = $2");
        vec![Select { sql, values: vec![Box::new(project.clone()), Box::new(names::key(value))], order: ORDER }]
    };
    match selection {
        Selection::Agent(agent) => by("agent", agent.as_str()),
        Selection::Session(session) => by("session", session.as_str()),
        Selection::User(user) => by("user_id", user.as_str()),
        Selection::Before(time) => {
            let values = || -> Vec<Value> { vec![Box::new(project.clone()), Box::new(time.as_nanos())] };
            let sql = format!("SELECT {what} FROM runs WHERE project = $1 AND at < $2 AND NOT is_running");
            let never = format!(
                "SELECT {what} FROM traces WHERE settled < writes AND project = $1 AND written_at < $2 \
                 AND NOT EXISTS (SELECT FROM runs WHERE runs.project = traces.project \
                 AND runs.trace_id = traces.trace_id)"
            );
            let never = Select { sql: never, values: values(), order: " ORDER BY written_at, key" };
            vec![Select { sql, values: values(), order: ORDER }, never]
        }
        Selection::Runs(ids) => {
            let ids: Vec<Vec<u8>> = ids.iter().map(|id| id.as_bytes().to_vec()).collect();
            let sql = format!(
                "SELECT {what} FROM (SELECT trace_id FROM traces WHERE project = $1 AND trace_id = ANY($2::bytea[]) \
                 UNION SELECT trace_id FROM runs WHERE project = $1 AND trace_id = ANY($2::bytea[])) AS named"
            );
            vec![Select { sql, values: vec![Box::new(project), Box::new(ids)], order: " ORDER BY trace_id" }]
        }
    }
}

async fn delete_victims(
    store: &PostgresStore,
    project: &ProjectId,
    victims: &BTreeMap<TraceId, Victim>,
) -> Result<Deleted, StoreError> {
    let failed = while_trying(ATTEMPTED);
    let mut db = store.connect().await?;
    let tx = db.transaction().await.map_err(&failed)?;
    // Takes its turn among those that settle, so that figures are added up by one at a time.
    tx.execute("SELECT value FROM counters WHERE name = 'change' FOR UPDATE", &[]).await.map_err(&failed)?;
    let name = names::key(project.as_str());
    let ids: Vec<&[u8]> = victims.keys().map(|trace| trace.as_bytes().as_slice()).collect();
    let mut stored: BTreeMap<TraceId, (i64, i64)> = BTreeMap::new();
    for row in query(&tx, ATTEMPTED, include_str!("sql/lock_victims.sql"), &[&name, &ids]).await? {
        stored.insert(trace_id(&row, 0)?, (get(&row, 1)?, get(&row, 2)?));
    }
    let unchanged: Vec<(&TraceId, &Victim)> =
        victims.iter().filter(|(trace, victim)| stored.get(trace).copied() == victim.stored).collect();
    let ids: Vec<&[u8]> = unchanged.iter().map(|(trace, _)| trace.as_bytes().as_slice()).collect();
    let (mut changes, mut costs) = (rollup::Changes::default(), costs::Changes::default());
    let projects = vec![name.as_str(); ids.len()];
    let runs = take_old(&tx, &projects, &ids, &mut changes, &mut costs).await?;
    let gone: BTreeSet<TraceId> = runs.iter().map(|(_, trace)| *trace).collect();
    let runs: Vec<i64> = runs.iter().map(|(key, _)| *key).collect();
    let traces: Vec<i64> = unchanged.iter().filter_map(|(_, victim)| victim.stored.map(|(key, _)| key)).collect();
    let segments: BTreeSet<i64> = unchanged.iter().flat_map(|(_, victim)| victim.segments.iter().copied()).collect();
    let segments: Vec<i64> = segments.into_iter().collect();
    for (sql, keys) in [
        ("DELETE FROM search_spans WHERE run = ANY($1::int8[])", &runs),
        ("DELETE FROM runs WHERE key = ANY($1::int8[])", &runs),
        ("DELETE FROM spans WHERE trace = ANY($1::int8[])", &traces),
        ("DELETE FROM traces WHERE key = ANY($1::int8[])", &traces),
        (include_str!("sql/note_stale.sql"), &segments),
    ] {
        query(&tx, ATTEMPTED, sql, &[keys]).await?;
    }
    changes.write(&tx).await?;
    costs.write(&tx).await?;
    tx.commit().await.map_err(failed)?;
    let is_gone = |trace: &TraceId, victim: &Victim| victim.stored.is_some() || gone.contains(trace);
    let deleted: Vec<_> = unchanged.iter().filter(|(trace, victim)| is_gone(trace, victim)).collect();
    let spans = deleted.iter().map(|(_, victim)| victim.spans).sum();
    Ok(Deleted { runs: deleted.len() as u64, spans })
}
