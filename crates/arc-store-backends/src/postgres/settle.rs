//! Settling: runs, their findings and every figure that follows from them, in one transaction.
//!
//! The first statement locks the counter of changes until the commit, so transactions that settle
//! take turns, over all programs: a change is visible when all with lower numbers are, and the
//! figures are added up by one at a time.

use std::collections::BTreeMap;

use arc_model::{LeafId, ProjectId, SessionId, TaskId, Timestamp, TraceId, UserId};
use arc_store::{Settled, StoreError};
use deadpool_postgres::{GenericClient, Transaction};
use serde::Serialize;

use super::{
    append::{bits, trace_id},
    costs,
    error::{damaged, while_trying},
    names::{self, Names},
    read::{from_json, verdict_name},
    rollup::{Changes, Severities},
};
use crate::severities;

const ATTEMPTED: &str = "settle runs";

/// A run as the tables have it.
struct Item<'a> {
    settled: &'a Settled,
    project: String,
    agent: String,
    body: String,
    costs: String,
    seq: i64,
    key: i64,
    leaves: BTreeMap<LeafId, Severities>,
    findings: Vec<String>,
}

/// Stores runs in place of those settled before for the same traces.
pub(super) async fn settle(tx: &Transaction<'_>, settled: &[Settled], now: Timestamp) -> Result<(), StoreError> {
    let failed = while_trying(ATTEMPTED);
    let mut items = items(settled)?;
    let count = "UPDATE counters SET value = value + $1 WHERE name = 'change' RETURNING value";
    let count = tx.prepare_cached(count).await.map_err(&failed)?;
    let last = tx.query_one(&count, &[&bits(settled.len() as u64)]).await.map_err(&failed)?;
    let before: i64 = last.try_get::<_, i64>(0).map_err(&failed)? - bits(settled.len() as u64);
    for item in items.values_mut() {
        item.seq += before;
    }
    drop_deleted(tx, &mut items).await?;
    if items.is_empty() {
        return Ok(());
    }
    let names = items.values().flat_map(|item| {
        let run = &item.settled.run;
        let own = [item.settled.project.as_str(), run.agent.name.as_str()];
        let optional = [
            run.task.as_ref().map(TaskId::as_str),
            run.session.as_ref().map(SessionId::as_str),
            run.user.as_ref().map(UserId::as_str),
        ];
        own.into_iter().chain(optional.into_iter().flatten()).chain(item.leaves.keys().map(LeafId::as_str))
    });
    let names: Vec<&str> = names.collect();
    names::keep(tx, names.into_iter()).await?;

    let (mut changes, mut costs) = (Changes::default(), costs::Changes::default());
    let projects: Vec<&str> = items.values().map(|item| item.project.as_str()).collect();
    let traces: Vec<&[u8]> = items.keys().map(|(_, trace)| trace.as_bytes().as_slice()).collect();
    take_old(tx, &projects, &traces, &mut changes, &mut costs).await?;
    put_runs(tx, &mut items, now).await?;
    put_findings(tx, &items).await?;
    for item in items.values() {
        changes.count(&item.settled.project, &item.settled.run, &item.leaves, 1)?;
        costs.count(&item.settled.project, &item.settled.run, &item.settled.costs, 1);
    }
    mark(tx, &items, now).await?;
    changes.write(tx).await?;
    costs.write(tx).await
}

/// Returns the runs to store, by trace, in the order in which everybody locks traces. Of several of one trace
/// the last is kept.
fn items(settled: &[Settled]) -> Result<BTreeMap<(String, TraceId), Item<'_>>, StoreError> {
    let mut items = BTreeMap::new();
    for (position, settled) in (1..).zip(settled) {
        // What is found in a run that goes on counts once it ended.
        let findings = if settled.run.is_running { &[][..] } else { &settled.findings };
        let project = names::key(settled.project.as_str());
        let item = Item {
            settled,
            project: project.clone(),
            agent: names::key(settled.run.agent.name.as_str()),
            body: to_json(&settled.run)?,
            costs: to_json(&settled.costs)?,
            seq: position,
            key: 0,
            leaves: severities::leaves(findings),
            findings: findings.iter().map(to_json).collect::<Result<_, _>>()?,
        };
        items.insert((project, settled.run.trace_id), item);
    }
    Ok(items)
}

type Items<'a> = BTreeMap<(String, TraceId), Item<'a>>;

/// Leaves out runs whose traces were deleted after they were read for analysis. Who deletes takes the same turn, so none
/// is deleted after this.
async fn drop_deleted(tx: &Transaction<'_>, items: &mut Items<'_>) -> Result<(), StoreError> {
    let marked: Vec<((String, TraceId), i64)> = items
        .iter()
        .filter(|(_, item)| item.settled.mark.0 > 0)
        .map(|(name, item)| (name.clone(), bits(item.settled.mark.0)))
        .collect();
    if marked.is_empty() {
        return Ok(());
    }
    let failed = while_trying(ATTEMPTED);
    let projects: Vec<&str> = marked.iter().map(|((project, _), _)| project.as_str()).collect();
    let traces: Vec<&[u8]> = marked.iter().map(|((_, trace), _)| trace.as_bytes().as_slice()).collect();
    let select = tx.prepare_cached(include_str!("sql/writes.sql")).await.map_err(&failed)?;
    let mut writes: BTreeMap<i64, i64> = BTreeMap::new();
    for row in tx.query(&select, &[&projects, &traces]).await.map_err(&failed)? {
        writes.insert(row.try_get(0).map_err(&failed)?, row.try_get(1).map_err(&failed)?);
    }
    for (number, (name, mark)) in (1..).zip(&marked) {
        if writes.get(&number).is_none_or(|writes| writes < mark) {
            items.remove(name);
        }
    }
    Ok(())
}

/// Reads runs and takes them out of the figures, and deletes their findings; returns their keys and traces. The runs
/// themselves are left to the caller.
pub(super) async fn take_old(
    tx: &Transaction<'_>,
    projects: &[&str],
    traces: &[&[u8]],
    changes: &mut Changes,
    costs: &mut costs::Changes,
) -> Result<Vec<(i64, TraceId)>, StoreError> {
    let failed = while_trying(ATTEMPTED);
    let select = tx.prepare_cached(include_str!("sql/old_runs.sql")).await.map_err(&failed)?;
    let rows = tx.query(&select, &[&projects, &traces]).await.map_err(&failed)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let keys = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>().map_err(&failed)?;
    let mut leaves = take_leaves(tx, &keys).await?;
    let delete = tx.prepare_cached("DELETE FROM findings WHERE run = ANY($1::int8[])").await.map_err(&failed)?;
    tx.execute(&delete, &[&keys]).await.map_err(&failed)?;
    let projects = rows.iter().map(|row| row.try_get(1)).collect::<Result<Vec<&str>, _>>().map_err(&failed)?;
    let names = Names::of(tx, projects.iter().copied()).await?;
    let mut taken = Vec::with_capacity(rows.len());
    for ((row, key), project) in rows.iter().zip(keys).zip(projects) {
        taken.push((key, trace_id(row, 4)?));
        let project = ProjectId::new(names.whole(project.to_owned())?);
        let run = from_json(row.try_get(2).map_err(&failed)?)?;
        changes.count(&project, &run, &leaves.remove(&key).unwrap_or_default(), -1)?;
        costs.count(&project, &run, &from_json(row.try_get(3).map_err(&failed)?)?, -1);
    }
    Ok(taken)
}

async fn take_leaves(
    tx: &Transaction<'_>,
    runs: &[i64],
) -> Result<BTreeMap<i64, BTreeMap<LeafId, Severities>>, StoreError> {
    const DELETE: &str =
        "DELETE FROM run_leaves WHERE run = ANY($1::int8[]) RETURNING run, leaf, low, medium, high, critical";
    let failed = while_trying(ATTEMPTED);
    let delete = tx.prepare_cached(DELETE).await.map_err(&failed)?;
    let rows = tx.query(&delete, &[&runs]).await.map_err(&failed)?;
    let keys = rows.iter().map(|row| row.try_get(1)).collect::<Result<Vec<&str>, _>>().map_err(&failed)?;
    let names = Names::of(tx, keys.iter().copied()).await?;
    let mut leaves: BTreeMap<i64, BTreeMap<LeafId, Severities>> = BTreeMap::new();
    for (row, leaf) in rows.iter().zip(keys) {
        let number = |column| row.try_get::<_, i64>(column).map_err(&failed);
        let severities = [number(2)?, number(3)?, number(4)?, number(5)?];
        leaves.entry(number(0)?).or_default().insert(LeafId::new(names.whole(leaf.to_owned())?), severities);
    }
    Ok(leaves)
}

async fn put_runs(tx: &Transaction<'_>, items: &mut Items<'_>, now: Timestamp) -> Result<(), StoreError> {
    let failed = while_trying(ATTEMPTED);
    let texts = |text: fn(&Item<'_>) -> Option<String>| -> Vec<Option<String>> { items.values().map(text).collect() };
    let escaped = |text: &Option<String>| text.as_deref().map(|text| names::escape(text).into_owned());
    let projects = texts(|item| Some(item.project.clone()));
    let traces: Vec<&[u8]> = items.keys().map(|(_, trace)| trace.as_bytes().as_slice()).collect();
    let agents = texts(|item| Some(item.agent.clone()));
    let tasks = texts(|item| item.settled.run.task.as_ref().map(|task| names::key(task.as_str())));
    let verdicts = texts(|item| Some(verdict_name(item.settled.run.outcome.verdict).to_owned()));
    let at: Vec<i64> = items.values().map(|item| item.settled.run.at().as_nanos()).collect();
    let seqs: Vec<i64> = items.values().map(|item| item.seq).collect();
    let versions: Vec<_> = items.values().map(|item| escaped(&item.settled.run.agent.version)).collect();
    let domains: Vec<_> = items.values().map(|item| escaped(&item.settled.run.domain.id)).collect();
    let frameworks: Vec<_> = items.values().map(|item| escaped(&item.settled.run.framework.id)).collect();
    let sessions = texts(|item| item.settled.run.session.as_ref().map(|session| names::key(session.as_str())));
    let users = texts(|item| item.settled.run.user.as_ref().map(|user| names::key(user.as_str())));
    let running: Vec<bool> = items.values().map(|item| item.settled.run.is_running).collect();
    let bodies: Vec<&str> = items.values().map(|item| item.body.as_str()).collect();
    let costs: Vec<&str> = items.values().map(|item| item.costs.as_str()).collect();
    let put = tx.prepare_cached(include_str!("sql/put_runs.sql")).await.map_err(&failed)?;
    let rows = tx
        .query(
            &put,
            &[
                &projects,
                &traces,
                &agents,
                &tasks,
                &verdicts,
                &at,
                &seqs,
                &now.as_nanos(),
                &versions,
                &domains,
                &frameworks,
                &bodies,
                &costs,
                &sessions,
                &users,
                &running,
            ],
        )
        .await
        .map_err(&failed)?;
    let keys: BTreeMap<i64, i64> =
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, _>>().map_err(failed)?;
    for item in items.values_mut() {
        item.key = *keys.get(&item.seq).ok_or_else(|| damaged(ATTEMPTED, "a run was not stored"))?;
    }
    Ok(())
}

async fn put_findings(tx: &Transaction<'_>, items: &Items<'_>) -> Result<(), StoreError> {
    let failed = while_trying(ATTEMPTED);
    let (mut findings, mut leaves) = (Columns::default(), Columns::default());
    let (mut positions, mut bodies) = (Vec::new(), Vec::new());
    let [mut low, mut medium, mut high, mut critical] = [const { Vec::<i64>::new() }; 4];
    for item in items.values().filter(|item| !item.findings.is_empty()) {
        for ((position, finding), body) in (0..).zip(&item.settled.findings).zip(&item.findings) {
            findings.push(item, finding.leaf());
            positions.push(position);
            bodies.push(body.as_str());
        }
        for (leaf, severities) in &item.leaves {
            leaves.push(item, leaf);
            low.push(severities[0]);
            medium.push(severities[1]);
            high.push(severities[2]);
            critical.push(severities[3]);
        }
    }
    if bodies.is_empty() {
        return Ok(());
    }
    let Columns { runs, projects, agents, names, at, traces } = findings;
    let insert = tx.prepare_cached(include_str!("sql/insert_findings.sql")).await.map_err(&failed)?;
    let positions: Vec<i64> = positions;
    tx.execute(&insert, &[&runs, &positions, &projects, &agents, &names, &at, &traces, &bodies])
        .await
        .map_err(&failed)?;
    let Columns { runs, projects, agents, names, at, traces } = leaves;
    let insert = tx.prepare_cached(include_str!("sql/insert_run_leaves.sql")).await.map_err(&failed)?;
    tx.execute(&insert, &[&runs, &names, &projects, &agents, &at, &traces, &low, &medium, &high, &critical])
        .await
        .map(drop)
        .map_err(failed)
}

/// What the rows of findings and of leaves begin with.
#[derive(Default)]
struct Columns<'a> {
    runs: Vec<i64>,
    projects: Vec<&'a str>,
    agents: Vec<&'a str>,
    names: Vec<String>,
    at: Vec<i64>,
    traces: Vec<&'a [u8]>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, item: &'a Item<'_>, leaf: &LeafId) {
        self.runs.push(item.key);
        self.projects.push(&item.project);
        self.agents.push(&item.agent);
        self.names.push(names::key(leaf.as_str()));
        self.at.push(item.settled.run.at().as_nanos());
        self.traces.push(item.settled.run.trace_id.as_bytes());
    }
}

/// Remembers how much of the traces the runs have seen, and when.
async fn mark(tx: &Transaction<'_>, items: &Items<'_>, now: Timestamp) -> Result<(), StoreError> {
    let failed = while_trying(ATTEMPTED);
    let projects: Vec<&str> = items.values().map(|item| item.project.as_str()).collect();
    let traces: Vec<&[u8]> = items.keys().map(|(_, trace)| trace.as_bytes().as_slice()).collect();
    let lock = tx.prepare_cached(include_str!("sql/find_traces.sql")).await.map_err(&failed)?;
    // The trace's key, and the number of the run among these.
    let rows = tx.query(&lock, &[&projects, &traces]).await.map_err(&failed)?;
    let all: Vec<&Item<'_>> = items.values().collect();
    let (mut keys, mut marks, mut running) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let (key, number): (i64, i64) = (row.try_get(0).map_err(&failed)?, row.try_get(1).map_err(&failed)?);
        let item = usize::try_from(number - 1).ok().and_then(|number| all.get(number));
        let item = item.ok_or_else(|| damaged(ATTEMPTED, "a trace was not asked for"))?;
        keys.push(key);
        marks.push(bits(item.settled.mark.0));
        running.push(item.settled.run.is_running);
    }
    let mark = tx.prepare_cached(include_str!("sql/mark_traces.sql")).await.map_err(&failed)?;
    tx.execute(&mark, &[&keys, &marks, &running, &now.as_nanos()]).await.map(drop).map_err(failed)
}

fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| damaged(ATTEMPTED, error))
}
