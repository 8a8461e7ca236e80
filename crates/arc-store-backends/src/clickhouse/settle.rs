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

use arc_model::{AgentName, LeafId, ProjectId, Run, RunCosts, TaskId, Timestamp, TraceId};
use arc_store::{Settled, StoreError};
use clickhouse::{Client, Row};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::{
    error::{damaged, unavailable, while_trying},
    listing,
    read::{self, LatestRun, Name, Seen, from_json, verdict_number},
    rollup::{self, Changes, Severities},
    rows::{self, SettledRow, kind, list, literal, optional},
};

const ATTEMPTED: &str = "settle runs";

/// Most runs in one insert.
const RUNS: usize = 1000;

/// How long a number that is not taken may refuse to be, before another token is tried.
const STUCK: Duration = Duration::from_secs(10);

/// How long to try in all.
const PATIENCE: Duration = Duration::from_mins(1);

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
            self.store(db, part, now).await?;
        }
        Ok(())
    }

    /// Makes the settled traces of a project wait again, and returns how many.
    pub(super) async fn unsettle(&self, db: &Client, project: &ProjectId) -> Result<u64, StoreError> {
        let _turn = self.turn.lock().await;
        let waiting = settled_traces(db, project).await?;
        if waiting > 0 {
            let seq = read::last_change(db).await?.0;
            let mut again = db.insert::<SettledRow>("settled").await.map_err(while_trying(ATTEMPTED))?;
            let row = request(read::requests(db).await? + 1, project.as_str(), seq);
            again.write(&row).await.map_err(while_trying(ATTEMPTED))?;
            again.end().await.map_err(while_trying(ATTEMPTED))?;
        }
        Ok(waiting)
    }

    /// Stores runs at the numbers after the last one.
    async fn store(&self, db: &Client, settled: &[&Settled], now: Timestamp) -> Result<(), StoreError> {
        let begun = Instant::now();
        let (mut refused_at, mut since, mut token) = (None, begun, 0);
        while begun.elapsed() < PATIENCE {
            let before = read::last_change(db).await?.0;
            if refused_at != Some(before) {
                (refused_at, since, token) = (Some(before), Instant::now(), 0);
            } else if since.elapsed() > STUCK {
                (since, token) = (Instant::now(), token + 1);
            }
            let nonce = self.nonce();
            let rows = rows_of(db, settled, before, now).await?;
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
struct Old {
    run: Run,
    leaves: BTreeMap<LeafId, Severities>,
}

/// Returns the rows that settle runs after the change `before`.
async fn rows_of(
    db: &Client,
    settled: &[&Settled],
    before: u64,
    now: Timestamp,
) -> Result<Vec<SettledRow>, StoreError> {
    let mut items: Vec<(Name, Item<'_>)> = Vec::with_capacity(settled.len());
    for (seq, settled) in (before + 1..).zip(settled) {
        // What is found in a run that goes on counts once it ended.
        let findings = if settled.run.is_running { &[][..] } else { &settled.findings };
        let leaves = rollup::leaves(findings);
        let findings = findings.iter().map(to_json).collect::<Result<_, _>>()?;
        items.push(((settled.project.clone(), settled.run.trace_id), Item { settled, seq, leaves, findings }));
    }
    let mut changes = Changes::default();
    let (old, stood) = take_old(db, &items, &mut changes).await?;
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
    rows.extend(describe(db, &items, &old).await?);
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
    items: &[(Name, Item<'_>)],
    changes: &mut Changes,
) -> Result<(BTreeMap<Name, Old>, BTreeMap<Name, u64>), StoreError> {
    let names = read::names(items.iter().map(|(name, _)| name));
    let found = read::settlements(db, &names).await?;
    let places = read::places(found.iter().map(|(name, settled)| (name, settled.at)));
    let runs = read::runs_at(db, &places).await?;
    let stood = found.into_iter().map(|(name, settled)| (name, settled.mark)).collect();
    let mut old = BTreeMap::new();
    for (name, row) in runs {
        let run: Run = from_json(&row.body)?;
        let findings: Vec<_> = row.findings.iter().map(|finding| from_json(finding)).collect::<Result<_, _>>()?;
        let leaves = rollup::leaves(&findings);
        let costs: RunCosts = from_json(&row.costs)?;
        changes.count(&name.0, &run, &leaves, -1)?;
        changes.count_costs(&name.0, &run, &costs, -1);
        old.insert(name, Old { run, leaves });
    }
    Ok((old, stood))
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

type Agent<'a> = (&'a ProjectId, &'a AgentName);

/// The runs of a settlement that an agent, or a kind of failure of one, loses and gets.
#[derive(Default)]
struct Moves<'a> {
    lost: Vec<&'a Run>,
    got: Vec<&'a Run>,
    seq: u64,
}

/// Returns the rows that say what the latest run of an agent is, and when its failures were first and last seen.
async fn describe(
    db: &Client,
    items: &[(Name, Item<'_>)],
    old: &BTreeMap<Name, Old>,
) -> Result<Vec<SettledRow>, StoreError> {
    let mut moves: BTreeMap<(Agent<'_>, Option<&LeafId>), Moves<'_>> = BTreeMap::new();
    for (name, item) in items {
        let run = &item.settled.run;
        for leaf in std::iter::once(None).chain(item.leaves.keys().map(Some)) {
            let moves = moves.entry(((&name.0, &run.agent.name), leaf)).or_default();
            moves.got.push(run);
            moves.seq = moves.seq.max(item.seq);
        }
        if let Some(old) = old.get(name) {
            for leaf in std::iter::once(None).chain(old.leaves.keys().map(Some)) {
                let moves = moves.entry(((&name.0, &old.run.agent.name), leaf)).or_default();
                moves.lost.push(&old.run);
                moves.seq = moves.seq.max(item.seq);
            }
        }
    }
    let agents: BTreeSet<String> = moves
        .keys()
        .map(|((project, agent), _)| format!("({}, {})", rows::project(project), literal(agent.as_str().as_bytes())))
        .collect();
    let known = described(db, &list(agents.into_iter())).await?;
    let mut rows = Vec::with_capacity(moves.len());
    for (((project, agent), leaf), moves) in &moves {
        let (project, agent) = (*project, agent.as_str());
        let kind = if leaf.is_some() { kind::LEAF } else { kind::AGENT };
        let name = leaf.map_or("", LeafId::as_str);
        let known = known.get(&(project.as_str().to_owned(), kind, agent.to_owned(), name.to_owned()));
        let known = known.map(String::as_str).filter(|text| !text.is_empty());
        let others = items.iter().filter(|((of, _), _)| of == project).map(|((_, trace), _)| trace);
        let others = rows::traces(others);
        let text = match leaf {
            None => latest_run(db, project, agent, known, moves, &others).await?,
            Some(leaf) => seen(db, project, agent, leaf, known, moves, &others).await?,
        };
        rows.push(SettledRow {
            project: project.as_str().to_owned(),
            kind,
            agent: agent.to_owned(),
            name: name.to_owned(),
            latest: (moves.seq, text),
            ..SettledRow::default()
        });
    }
    Ok(rows)
}

/// Orders runs as listings have them, the first last.
fn rank(at: i64, trace: TraceId) -> (i64, std::cmp::Reverse<TraceId>) {
    (at, std::cmp::Reverse(trace))
}

fn rank_of(run: &Run) -> (i64, std::cmp::Reverse<TraceId>) {
    rank(run.at().as_nanos(), run.trace_id)
}

/// Returns what an agent is described by from now on; nothing when it has no runs any more.
async fn latest_run(
    db: &Client,
    project: &ProjectId,
    agent: &str,
    known: Option<&str>,
    moves: &Moves<'_>,
    others: &str,
) -> Result<String, StoreError> {
    let known: Option<LatestRun> = known.map(from_json).transpose()?;
    let is_lost = |latest: &LatestRun| moves.lost.iter().any(|run| run.trace_id == latest.trace_id);
    let got = moves.got.iter().max_by_key(|run| rank_of(run)).map(|run| LatestRun::of(run));
    let by_rank = |one: &LatestRun| rank(one.at, one.trace_id);
    let latest = match known {
        Some(known) if is_lost(&known) && got.as_ref().is_none_or(|got| by_rank(got) < by_rank(&known)) => {
            let stored = listing::latest(db, project, agent, None, others).await?;
            stored.as_ref().map(LatestRun::of).into_iter().chain(got).max_by_key(by_rank)
        }
        Some(known) if is_lost(&known) => got,
        known => known.into_iter().chain(got).max_by_key(by_rank),
    };
    latest.map_or(Ok(String::new()), |latest| to_json(&latest))
}

/// Returns when a kind of failure was seen, as of now; nothing when no run has it any more.
async fn seen(
    db: &Client,
    project: &ProjectId,
    agent: &str,
    leaf: &LeafId,
    known: Option<&str>,
    moves: &Moves<'_>,
    others: &str,
) -> Result<String, StoreError> {
    let known: Option<Seen> = known.map(from_json).transpose()?;
    let first = moves.got.iter().map(|run| run.at().as_nanos()).min();
    let last = moves.got.iter().map(|run| rank_of(run)).max();
    let (first, last) = match known {
        None => (first, last),
        Some(known) => {
            let known_last = rank(known.last_at, known.latest);
            let loses_last = moves.lost.iter().any(|run| run.trace_id == known.latest);
            let last = if loses_last && last.is_none_or(|last| last < known_last) {
                let stored = listing::latest(db, project, agent, Some(leaf), others).await?;
                last.max(stored.as_ref().map(rank_of))
            } else if loses_last {
                last
            } else {
                last.max(Some(known_last))
            };
            let loses_first = moves.lost.iter().any(|run| run.at().as_nanos() == known.first_at);
            let first = if loses_first && first.is_none_or(|first| first > known.first_at) {
                let stored = listing::first_at(db, project, agent, leaf, others).await?;
                first.into_iter().chain(stored).min()
            } else {
                first.into_iter().chain((!loses_first).then_some(known.first_at)).min()
            };
            (first, last)
        }
    };
    match (first, last) {
        (Some(first_at), Some((last_at, std::cmp::Reverse(latest)))) => to_json(&Seen { first_at, last_at, latest }),
        _ => Ok(String::new()),
    }
}

#[derive(Row, Deserialize)]
struct Description {
    project: String,
    kind: u8,
    agent: String,
    name: String,
    text: String,
}

/// Returns what is stored about agents and their failures.
async fn described(db: &Client, agents: &str) -> Result<BTreeMap<(String, u8, String, String), String>, StoreError> {
    let sql = format!(
        "SELECT project, kind, agent, name, tupleElement(max(latest), 2) AS text FROM settled WHERE kind IN ({}, {}) \
         AND (project, agent) IN {} GROUP BY project, kind, agent, name",
        kind::AGENT,
        kind::LEAF,
        agents
    );
    let rows: Vec<Description> = read::query(db, ATTEMPTED, &sql).await?;
    Ok(rows.into_iter().map(|row| ((row.project, row.kind, row.agent, row.name), row.text)).collect())
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

fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| damaged(ATTEMPTED, error))
}
