//! Deleting runs: one block of `settled`, after which nobody reads them.
//!
//! The block takes what runs added out of the sums, masks their rows, and says at which change they *died*. A record of
//! a span has the change at which its trace had last died when it was appended, its *life*; one with an earlier life
//! than the last is passed over by all readers. So a run is deleted whole, whatever is appended meanwhile, and what is
//! appended later begins anew. Rows and bodies go when the store is compacted ([`super::compact`]).

use arc_model::{ProjectId, TraceId};
use arc_store::{Deleted, Selection, StoreError};
use clickhouse::{Client, Row};
use serde::Deserialize;

use super::{
    ClickHouseStore, lease,
    read::{self, alive, query, trace_id},
    rows::{self, KEY, kind, list, literal},
};

const ATTEMPTED: &str = "delete runs";

/// Runs that are deleted in one block.
const RUNS_AT_ONCE: u64 = 200;

/// Deletes at most `limit` runs.
pub(super) async fn delete(
    store: &ClickHouseStore,
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
        let spans = spans(&store.db, project, &victims).await?;
        store.settler.delete(&store.db, project, &victims).await?;
        all.runs += victims.len() as u64;
        all.spans += spans;
    }
}

#[derive(Row, Deserialize)]
struct Victim {
    trace_id: [u8; 16],
}

async fn victims(
    store: &ClickHouseStore,
    project: &ProjectId,
    selection: &Selection,
    limit: u64,
) -> Result<Vec<TraceId>, StoreError> {
    let mut victims = Vec::new();
    for select in selects(store, project, selection).await? {
        let left = limit.saturating_sub(victims.len() as u64);
        if left == 0 {
            break;
        }
        let sql = format!("SELECT trace_id FROM ({select}) ORDER BY at, trace_id LIMIT {left}");
        let rows: Vec<Victim> = query(&store.db, ATTEMPTED, &sql).await?;
        for row in rows {
            victims.push(trace_id(row.trace_id)?);
        }
    }
    Ok(victims)
}

#[derive(Row, Deserialize)]
struct Count {
    count: u64,
}

/// Counts the runs of a selection.
pub(super) async fn count(
    store: &ClickHouseStore,
    project: &ProjectId,
    selection: &Selection,
) -> Result<u64, StoreError> {
    let mut all = 0;
    for select in selects(store, project, selection).await? {
        let rows: Vec<Count> =
            query(&store.db, "count runs", &format!("SELECT count() AS count FROM ({select})")).await?;
        all += rows.first().map_or(0, |row| row.count);
    }
    Ok(all)
}

/// Counts the spans of traces.
async fn spans(db: &Client, project: &ProjectId, traces: &[TraceId]) -> Result<u64, StoreError> {
    let names = names(project, traces);
    let sql =
        format!("SELECT count() AS count FROM (SELECT 1 FROM {} GROUP BY trace_id, span_id)", alive(Some(&names)));
    let rows: Vec<Count> = query(db, ATTEMPTED, &sql).await?;
    Ok(rows.first().map_or(0, |row| row.count))
}

fn names(project: &ProjectId, traces: &[TraceId]) -> String {
    let project = rows::project(project);
    list(traces.iter().map(|trace| format!("({project}, {})", literal(trace.as_bytes()))))
}

/// Returns queries for the runs of a selection and when they took place, which have none in common.
async fn selects(
    store: &ClickHouseStore,
    project: &ProjectId,
    selection: &Selection,
) -> Result<Vec<String>, StoreError> {
    let of = rows::project(project);
    let field = |name: &str, value: &str| {
        let value = literal(value.as_bytes());
        listed(&of, &format!("JSONType(body, '{name}') = 'String' AND JSONExtractString(body, '{name}') = {value}"))
    };
    Ok(match selection {
        Selection::Agent(agent) => {
            vec![listed(&of, &format!("of_agent = {}", literal(agent.as_str().as_bytes())))]
        }
        Selection::Session(session) => vec![field("session", session.as_str())],
        Selection::User(user) => vec![field("user", user.as_str())],
        Selection::Before(time) => {
            let time = time.as_nanos();
            let ended = settled(&of, &format!("tupleElement(cell, 3) = 0 AND tupleElement(cell, 5) < {time}"), "");
            let from = store.horizon.look(&store.db).await?;
            let never = format!(
                "SELECT trace_id, written AS at FROM ({}) \
                 WHERE project = {of} AND settled < writes AND NOT has_run AND written < {time}",
                lease::state(from)
            );
            vec![ended, never]
        }
        Selection::Runs(ids) if ids.is_empty() => Vec::new(),
        Selection::Runs(ids) => {
            let only = format!(" AND trace_id IN {}", rows::traces(ids.iter()));
            let known = settled(&of, "tupleElement(cell, 3) != 2", &only);
            let stored = format!("SELECT trace_id, toInt64(0) AS at FROM {}", alive(Some(&names(project, ids))));
            vec![format!("SELECT DISTINCT trace_id, toInt64(0) AS at FROM ({known} UNION ALL {stored})")]
        }
    })
}

/// Returns a query for runs by how they were settled.
fn settled(project: &str, which: &str, only: &str) -> String {
    format!(
        "SELECT trace_id, tupleElement(cell, 5) AS at FROM (SELECT trace_id, max(trace) AS cell FROM settled \
         WHERE project = {project} AND kind = {} AND agent = '' AND day = 0 AND name = '' AND place = 0{only} \
         GROUP BY trace_id) WHERE {which}",
        kind::TRACE
    )
}

/// Returns a query for runs by what the listing says.
fn listed(project: &str, which: &str) -> String {
    format!(
        "SELECT trace_id, bitNot(place) AS at FROM (SELECT place, trace_id, run.1 AS seq, run.2 AS is_gone, \
         run.3 AS of_agent, run.7 AS body FROM settled WHERE project = {project} AND kind = {} AND agent = '' AND day = 0 \
         AND name = '' ORDER BY {KEY}, run.1 DESC LIMIT 1 BY place, trace_id) WHERE is_gone = 0 AND {which}",
        kind::RUN
    )
}

/// Returns the change at which each of these traces died last, of those that did.
pub(super) async fn deaths(
    db: &Client,
    project: &ProjectId,
    traces: impl Iterator<Item = &TraceId>,
) -> Result<std::collections::HashMap<TraceId, u64>, StoreError> {
    #[derive(Row, Deserialize)]
    struct Died {
        trace_id: [u8; 16],
        died: u64,
    }
    let sql = format!(
        "SELECT trace_id, tupleElement(max(trace), 1) AS died FROM settled WHERE project = {} AND kind = {} \
         AND agent = '' AND day = 0 AND name = '' AND place = 0 AND trace_id IN {} GROUP BY trace_id",
        rows::project(project),
        kind::DEATH,
        rows::traces(traces)
    );
    let rows: Vec<Died> = read::query(db, "append spans", &sql).await?;
    rows.into_iter().map(|row| Ok((trace_id(row.trace_id)?, row.died))).collect()
}
