//! Settling: runs, their findings and every figure that follows from them, in one insert into one table.
//!
//! ClickHouse has no transactions, but an insert of one block is stored as a whole or not at all, and one with a token
//! that was seen before is dropped. Both together make the table `settled` a log that any number of programs append to:
//! who settles reads the number of the last change, then what is stored of the runs, and inserts its rows with that
//! number as token. Of two programs that read the same number one comes first; the other finds the next numbers taken
//! and begins again. So sums are added to exactly what was read, numbers are given out in the order in which they
//! become visible, and an insert that was under way when its program died does no harm whenever it comes.
//!
//! A crash of the database between noting a token and storing its rows would leave a number nobody can take, so
//! after [`STUCK`] the next attempt has another token.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use arc_model::{LeafId, ProjectId, Run, RunCosts, TaskId, Timestamp, TraceId};
use arc_store::{Settled, StoreError};
use clickhouse::{Client, Row};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::{
    describe::describe,
    error::{damaged, unavailable, while_trying},
    read::{self, Name, from_json, verdict_number},
    rollup::{Changes, Severities},
    rows::{self, DELETED, SettledRow, kind, optional},
};
use crate::severities;

pub(super) const ATTEMPTED: &str = "settle runs";

/// Most runs in one insert.
const RUNS: usize = 1000;

/// How long a number that is not taken may refuse to be, before another token is tried.
const STUCK: Duration = Duration::from_secs(10);

/// How long to try in all.
const PATIENCE: Duration = Duration::from_mins(1);

/// What becomes one block.
enum Work<'a> {
    Settle(&'a [&'a Settled], Timestamp),
    Delete(&'a ProjectId, &'a [TraceId]),
}

/// Settles for one program.
pub(super) struct Settler {
    /// Tells this program's settlements from all others.
    program: String,
    number: AtomicU64,
    /// Programs may compete, the tasks of one need not.
    turn: Mutex<()>,
}

impl Settler {
    pub(super) fn new(program: String) -> Self {
        Self { program, number: AtomicU64::new(0), turn: Mutex::new(()) }
    }

    /// Stores runs in place of those settled before for the same traces.
    pub(super) async fn settle(&self, db: &Client, settled: &[Settled], now: Timestamp) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        // Of several of one trace the last is kept.
        let mut seen = BTreeSet::new();
        let mut last: Vec<&Settled> =
            settled.iter().rev().filter(|one| seen.insert((&one.project, one.run.trace_id))).collect();
        last.reverse();
        for part in last.chunks(RUNS) {
            self.store(db, &Work::Settle(part, now)).await?;
        }
        Ok(())
    }

    /// Deletes runs of a project, and what is stored of their traces, in one block.
    pub(super) async fn delete(&self, db: &Client, project: &ProjectId, traces: &[TraceId]) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        for part in traces.chunks(RUNS) {
            self.store(db, &Work::Delete(project, part)).await?;
        }
        Ok(())
    }

    /// Makes the settled traces of a project wait again, and returns how many.
    pub(super) async fn unsettle(&self, db: &Client, project: &ProjectId) -> Result<u64, StoreError> {
        let _turn = self.turn.lock().await;
        let waiting = settled_traces(db, project).await?;
        if waiting > 0 {
            let seq = read::last_number(db).await?;
            let mut again = db.insert::<SettledRow>("settled").await.map_err(while_trying(ATTEMPTED))?;
            let row = request(read::requests(db).await? + 1, project.as_str(), seq);
            again.write(&row).await.map_err(while_trying(ATTEMPTED))?;
            again.end().await.map_err(while_trying(ATTEMPTED))?;
        }
        Ok(waiting)
    }

    /// Takes the numbers after the last one.
    async fn store(&self, db: &Client, work: &Work<'_>) -> Result<(), StoreError> {
        let begun = Instant::now();
        let (mut refused_at, mut since, mut token) = (None, begun, 0);
        while begun.elapsed() < PATIENCE {
            let before = read::last_number(db).await?;
            if refused_at != Some(before) {
                (refused_at, since, token) = (Some(before), Instant::now(), 0);
            } else if since.elapsed() > STUCK {
                (since, token) = (Instant::now(), token + 1);
            }
            let nonce = self.nonce();
            let rows = match *work {
                Work::Settle(settled, now) => rows_of(db, settled, before, now).await?,
                Work::Delete(project, traces) => rows_that_delete(db, project, traces, before + 1).await?,
            };
            if rows.is_empty() {
                return Ok(());
            }
            insert(db, rows, &nonce, &format!("settled-{before}-{token}")).await?;
            if read::nonce(db, before + 1).await?.is_some_and(|taken| taken == nonce) {
                return Ok(());
            }
            // Another program was faster.
            tokio::time::sleep(Duration::from_millis(2 + self.number.load(Ordering::Relaxed) % 7)).await;
        }
        Err(unavailable(ATTEMPTED, "other programs settle all the time, so this one did not come to it"))
    }

    fn nonce(&self) -> String {
        format!("{:0>16.16}{:016x}", self.program, self.number.fetch_add(1, Ordering::Relaxed))
    }
}

/// Inserts rows, the changes among them with a nonce, as one block.
async fn insert(db: &Client, rows: Vec<SettledRow>, nonce: &str, token: &str) -> Result<(), StoreError> {
    let failed = while_trying(ATTEMPTED);
    let insert = db.insert::<SettledRow>("settled").await.map_err(&failed)?;
    let mut insert = insert.with_setting("insert_deduplicate", "1").with_setting("insert_deduplication_token", token);
    for mut row in rows {
        if row.kind == kind::CHANGE {
            row.latest.1.insert_str(0, nonce);
        }
        insert.write(&row).await.map_err(&failed)?;
    }
    insert.end().await.map_err(failed)
}

/// A run that is settled now, and what is stored of it.
struct Item<'a> {
    settled: &'a Settled,
    seq: u64,
    leaves: BTreeMap<LeafId, Severities>,
    findings: Vec<String>,
}

/// A run as it was settled before.
pub(super) struct Old {
    pub(super) run: Run,
    pub(super) leaves: BTreeMap<LeafId, Severities>,
}

/// Returns the rows that settle runs after the change `before`.
async fn rows_of(
    db: &Client,
    settled: &[&Settled],
    before: u64,
    now: Timestamp,
) -> Result<Vec<SettledRow>, StoreError> {
    let mut items: Vec<(Name, Item<'_>)> = Vec::with_capacity(settled.len());
    let writes = writes(db, settled).await?;
    // A trace that has less than was analysed of it was deleted meanwhile.
    let is_stored = |one: &&&Settled| {
        let writes = writes.get(&(one.project.clone(), one.run.trace_id));
        one.mark.0 <= writes.copied().unwrap_or(0)
    };
    for (seq, settled) in (before + 1..).zip(settled.iter().filter(is_stored)) {
        // What is found in a run that goes on counts once it ended.
        let findings = if settled.run.is_running { &[][..] } else { &settled.findings };
        let leaves = severities::leaves(findings);
        let findings = findings.iter().map(to_json).collect::<Result<_, _>>()?;
        items.push(((settled.project.clone(), settled.run.trace_id), Item { settled, seq, leaves, findings }));
    }
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let mut changes = Changes::default();
    let (old, stood) = take_old(db, &read::names(items.iter().map(|(name, _)| name)), &mut changes).await?;
    let mut rows = Vec::with_capacity(items.len() * 6);
    for (name, item) in &items {
        let Settled { project, run, costs, .. } = item.settled;
        changes.count(project, run, &item.leaves, 1)?;
        changes.count_costs(project, run, costs, 1);
        if let Some(old) = old.get(name).filter(|old| old.run.at() != run.at()) {
            rows.push(gone(name, old.run.at(), item.seq));
        }
        rows.extend(own_rows(name, item, now)?);
    }
    let traces = items.iter().map(|(name, item)| (name, item.seq)).collect();
    let got: Vec<_> = items.iter().map(|(name, item)| (name, &item.settled.run, &item.leaves)).collect();
    rows.extend(describe(db, &traces, &got, &old).await?);
    rows.extend(changes.into_rows());
    let falls_back = |(name, item): &(Name, Item<'_>)| {
        let mark = if item.settled.run.is_running { 0 } else { item.settled.mark.0 };
        stood.get(name).is_some_and(|stood| mark < *stood)
    };
    if items.iter().any(falls_back) {
        // The trace waits again though nothing was written, so programs must look further back than they otherwise do.
        rows.push(request(read::requests(db).await? + 1, "", 0));
    }
    Ok(rows)
}

/// Reads the runs that were settled before, and takes them out of the sums; also returns how far each trace was settled.
async fn take_old(
    db: &Client,
    names: &str,
    changes: &mut Changes,
) -> Result<(BTreeMap<Name, Old>, BTreeMap<Name, u64>), StoreError> {
    let found = read::settlements(db, names).await?;
    let places = read::places(found.iter().map(|(name, settled)| (name, settled.at)));
    let runs = read::runs_at(db, &places).await?;
    let stood = found.into_iter().map(|(name, settled)| (name, settled.mark)).collect();
    let mut old = BTreeMap::new();
    for (name, row) in runs {
        let run: Run = from_json(&row.body)?;
        let findings: Vec<_> = row.findings.iter().map(|finding| from_json(finding)).collect::<Result<_, _>>()?;
        let leaves = severities::leaves(&findings);
        let costs: RunCosts = from_json(&row.costs)?;
        changes.count(&name.0, &run, &leaves, -1)?;
        changes.count_costs(&name.0, &run, &costs, -1);
        old.insert(name, Old { run, leaves });
    }
    Ok((old, stood))
}

#[derive(Row, Deserialize)]
struct Writes {
    project: String,
    trace_id: [u8; 16],
    count: u64,
}

/// Returns how far the traces of runs are written, of those of which something was analysed.
async fn writes(db: &Client, settled: &[&Settled]) -> Result<BTreeMap<Name, u64>, StoreError> {
    let analysed = settled.iter().filter(|one| one.mark.0 > 0);
    let names: Vec<Name> = analysed.map(|one| (one.project.clone(), one.run.trace_id)).collect();
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = format!(
        "SELECT project, trace_id, count() AS count FROM {} GROUP BY project, trace_id",
        read::alive(Some(&read::names(names.iter())))
    );
    let rows: Vec<Writes> = read::query(db, ATTEMPTED, &sql).await?;
    rows.into_iter().map(|row| Ok(((ProjectId::new(row.project), read::trace_id(row.trace_id)?), row.count))).collect()
}

/// Returns the rows that delete runs, and what is stored of their traces, at a change.
async fn rows_that_delete(
    db: &Client,
    project: &ProjectId,
    traces: &[TraceId],
    seq: u64,
) -> Result<Vec<SettledRow>, StoreError> {
    let names: Vec<Name> = traces.iter().map(|trace| (project.clone(), *trace)).collect();
    let mut changes = Changes::default();
    let (old, _) = take_old(db, &read::names(names.iter()), &mut changes).await?;
    let now = read::clock(db).await?;
    let mut rows = vec![SettledRow {
        kind: kind::CHANGE,
        place: i64::try_from(seq).map_err(|error| damaged(ATTEMPTED, error))?,
        trace_id: read::NO_TRACE,
        latest: (seq, String::new()),
        ..SettledRow::default()
    }];
    for name in &names {
        rows.extend(old.get(name).map(|old| gone(name, old.run.at(), seq)));
        // In the order of what they say: it is settled no longer, it has died, its text cannot be found.
        let cells = [
            (kind::TRACE, (seq, 0, DELETED, now, 0)),
            (kind::DEATH, (seq, 0, 0, now, 0)),
            (kind::TEXT, (seq, 0, 0, 0, 0)),
        ];
        rows.extend(cells.map(|(kind, trace)| SettledRow {
            project: project.as_str().to_owned(),
            kind,
            trace_id: *name.1.as_bytes(),
            trace,
            ..SettledRow::default()
        }));
    }
    let traces = names.iter().map(|name| (name, seq)).collect();
    rows.extend(describe(db, &traces, &[], &old).await?);
    rows.extend(changes.into_rows());
    Ok(rows)
}

/// Returns the row by which programs know that traces wait again: those of a project up to a change, and others.
fn request(number: u64, project: &str, until: u64) -> SettledRow {
    SettledRow {
        kind: kind::AGAIN,
        name: project.to_owned(),
        place: i64::try_from(number).unwrap_or(i64::MAX),
        trace: (until, number, 0, 0, 0),
        ..SettledRow::default()
    }
}

/// Returns the row that says that a run no longer took place at a time.
fn gone((project, trace): &Name, at: Timestamp, seq: u64) -> SettledRow {
    let run = (seq, 1, String::new(), 0, String::new(), Vec::new(), String::new(), Vec::new(), String::new());
    SettledRow {
        project: project.as_str().to_owned(),
        kind: kind::RUN,
        place: !at.as_nanos(),
        trace_id: *trace.as_bytes(),
        run,
        ..SettledRow::default()
    }
}

/// Returns the rows a run has for itself: in the listing, by its trace, and among the changes.
fn own_rows((project, trace): &Name, item: &Item<'_>, now: Timestamp) -> Result<[SettledRow; 3], StoreError> {
    let run = &item.settled.run;
    let (project, trace_id, at) = (project.as_str(), *trace.as_bytes(), run.at().as_nanos());
    let cell = (
        item.seq,
        0,
        run.agent.name.as_str().to_owned(),
        verdict_number(run.outcome.verdict),
        optional(run.task.as_ref().map(TaskId::as_str)),
        item.leaves.keys().map(|leaf| leaf.as_str().to_owned()).collect(),
        to_json(run)?,
        item.findings.clone(),
        to_json(&item.settled.costs)?,
    );
    let place = i64::try_from(item.seq).map_err(|error| damaged(ATTEMPTED, error))?;
    Ok([
        SettledRow {
            project: project.to_owned(),
            kind: kind::RUN,
            place: !at,
            trace_id,
            run: cell,
            ..SettledRow::default()
        },
        SettledRow {
            project: project.to_owned(),
            kind: kind::TRACE,
            trace_id,
            trace: (item.seq, item.settled.mark.0, u8::from(run.is_running), now.as_nanos(), at),
            ..SettledRow::default()
        },
        SettledRow {
            kind: kind::CHANGE,
            place,
            trace_id,
            latest: (item.seq, project.to_owned()),
            ..SettledRow::default()
        },
    ])
}

#[derive(Row, Deserialize)]
struct Count {
    count: u64,
}

/// Returns how many traces of a project are settled.
async fn settled_traces(db: &Client, project: &ProjectId) -> Result<u64, StoreError> {
    let of = rows::project(project);
    let bound = format!(
        "(SELECT tupleElement(max(trace), 1) FROM settled WHERE project = '' AND kind = {} AND name = {of})",
        kind::AGAIN
    );
    let sql = format!(
        "SELECT count() AS count FROM (SELECT trace_id, max(trace) AS cell FROM settled WHERE project = {of} AND kind = {} \
         AND trace_id IN (SELECT trace_id FROM spans WHERE project = {of}) GROUP BY trace_id) \
         WHERE tupleElement(cell, 2) > 0 AND tupleElement(cell, 3) = 0 AND tupleElement(cell, 1) > {bound}",
        kind::TRACE
    );
    let rows: Vec<Count> = read::query(db, "unsettle traces", &sql).await?;
    Ok(rows.first().map_or(0, |row| row.count))
}

pub(super) fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| damaged(ATTEMPTED, error))
}
