//! Settling: a run, its findings and every figure that follows from them, in one transaction.

use std::collections::BTreeMap;

use arc_model::{Finding, LeafId, ProjectId, Run, RunCosts, SessionId, TaskId, Timestamp, TraceId, UserId};
use arc_store::{Settled, StoreError};
use rusqlite::{Connection, OptionalExtension, params, types::Value};
use serde::Serialize;

use super::{
    append::bits,
    costs,
    error::{damaged, while_trying},
    packed::{COSTS, RUN},
    read::verdict_name,
    rollup::{Changes, Severities},
};
use crate::severities;

const ATTEMPTED: &str = "settle runs";

/// Stores runs in place of those settled before for the same traces.
pub(super) fn settle(connection: &Connection, settled: &[Settled], now: Timestamp) -> Result<(), StoreError> {
    let (mut changes, mut costs) = (Changes::default(), costs::Changes::default());
    for item in settled {
        // What is found in a run that goes on counts once it ended.
        let findings = if item.run.is_running { &[][..] } else { &item.findings };
        if was_deleted(connection, item)? {
            continue;
        }
        let leaves = severities::leaves(findings);
        if let Some(old) = Old::take(connection, &item.project, item.run.trace_id)? {
            old.uncount(&item.project, &mut changes, &mut costs)?;
        }
        let key = put_run(connection, item, now)?;
        put_findings(connection, key, item, findings, &leaves)?;
        changes.count(&item.project, &item.run, &leaves, 1)?;
        costs.count(&item.project, &item.run, &item.costs, 1);
        mark(connection, item, now).map_err(while_trying(ATTEMPTED))?;
    }
    changes.write(connection)?;
    costs.write(connection)
}

/// Whether the trace was deleted after it was read for analysis.
fn was_deleted(connection: &Connection, item: &Settled) -> Result<bool, StoreError> {
    if item.mark.0 == 0 {
        return Ok(false);
    }
    let read = || -> rusqlite::Result<Option<i64>> {
        let mut select = connection.prepare_cached("SELECT writes FROM traces WHERE project = ?1 AND trace_id = ?2")?;
        let values = params![item.project.as_str(), item.run.trace_id.as_bytes()];
        select.query_row(values, |row| row.get(0)).optional()
    };
    let writes = read().map_err(while_trying(ATTEMPTED))?;
    Ok(writes.is_none_or(|writes| writes < bits(item.mark.0)))
}

/// What was settled before.
pub(super) struct Old {
    pub(super) key: i64,
    run: Run,
    leaves: BTreeMap<LeafId, Severities>,
    /// How its cost divides; `None` of a run from before that was kept.
    costs: Option<RunCosts>,
}

impl Old {
    /// Reads the old run and deletes its findings; the run itself is written over.
    pub(super) fn take(
        connection: &Connection,
        project: &ProjectId,
        trace: TraceId,
    ) -> Result<Option<Self>, StoreError> {
        let failed = while_trying(ATTEMPTED);
        let mut select = connection.prepare_cached(include_str!("sql/stored_run.sql")).map_err(&failed)?;
        let found: Option<(i64, Value, Option<Value>)> = select
            .query_row(params![project.as_str(), trace.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()
            .map_err(&failed)?;
        let Some((key, body, costs)) = found else { return Ok(None) };
        let leaves = take_leaves(connection, key).map_err(&failed)?;
        connection
            .prepare_cached("DELETE FROM findings WHERE run = ?1")
            .and_then(|mut delete| delete.execute([key]))
            .map_err(&failed)?;
        let costs = costs.map(|costs| COSTS.read(&costs)).transpose()?;
        Ok(Some(Self { key, run: RUN.read(&body)?, leaves, costs }))
    }

    /// Takes away what it adds to the figures.
    pub(super) fn uncount(
        &self,
        project: &ProjectId,
        changes: &mut Changes,
        costs: &mut costs::Changes,
    ) -> Result<(), StoreError> {
        changes.count(project, &self.run, &self.leaves, -1)?;
        if let Some(divided) = &self.costs {
            costs.count(project, &self.run, divided, -1);
        }
        Ok(())
    }
}

fn take_leaves(connection: &Connection, run: i64) -> rusqlite::Result<BTreeMap<LeafId, Severities>> {
    let mut delete = connection
        .prepare_cached("DELETE FROM run_leaves WHERE run = ?1 RETURNING leaf, low, medium, high, critical")?;
    let leaves = delete.query_map([run], |row| {
        let leaf: String = row.get(0)?;
        Ok((LeafId::new(leaf), [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]))
    })?;
    leaves.collect()
}

fn put_run(connection: &Connection, item: &Settled, now: Timestamp) -> Result<i64, StoreError> {
    let (body, costs) = (RUN.pack(&item.run)?, COSTS.pack(&item.costs)?);
    let run = &item.run;
    let put = || -> rusqlite::Result<i64> {
        let seq: i64 = connection
            .prepare_cached("UPDATE counters SET value = value + 1 WHERE name = 'change' RETURNING value")?
            .query_row([], |row| row.get(0))?;
        connection.prepare_cached(include_str!("sql/put_run.sql"))?.query_row(
            params![
                item.project.as_str(),
                run.trace_id.as_bytes(),
                run.agent.name.as_str(),
                run.task.as_ref().map(TaskId::as_str),
                verdict_name(run.outcome.verdict),
                run.at().as_nanos(),
                seq,
                now.as_nanos(),
                run.agent.version,
                run.domain.id,
                run.framework.id,
                body,
                costs,
                run.session.as_ref().map(SessionId::as_str),
                run.user.as_ref().map(UserId::as_str),
                run.is_running,
            ],
            |row| row.get(0),
        )
    };
    put().map_err(while_trying(ATTEMPTED))
}

fn put_findings(
    connection: &Connection,
    key: i64,
    item: &Settled,
    findings: &[Finding],
    leaves: &BTreeMap<LeafId, Severities>,
) -> Result<(), StoreError> {
    let failed = while_trying(ATTEMPTED);
    let (project, agent) = (item.project.as_str(), item.run.agent.name.as_str());
    let (at, trace) = (item.run.at().as_nanos(), item.run.trace_id);
    let mut insert = connection.prepare_cached(include_str!("sql/insert_finding.sql")).map_err(&failed)?;
    for (position, finding) in findings.iter().enumerate() {
        let position = bits(position as u64);
        let body = to_json(finding)?;
        insert
            .execute(params![key, position, project, agent, finding.leaf().as_str(), at, trace.as_bytes(), body])
            .map_err(&failed)?;
    }
    let mut insert = connection.prepare_cached(include_str!("sql/insert_run_leaf.sql")).map_err(&failed)?;
    for (leaf, [low, medium, high, critical]) in leaves {
        insert
            .execute(params![key, leaf.as_str(), project, agent, at, trace.as_bytes(), low, medium, high, critical])
            .map_err(&failed)?;
    }
    Ok(())
}

/// Remembers how much of the trace the run has seen, and when.
fn mark(connection: &Connection, item: &Settled, now: Timestamp) -> rusqlite::Result<usize> {
    let (trace, mark) = (item.run.trace_id, bits(item.mark.0));
    let values = params![item.project.as_str(), trace.as_bytes(), mark, item.run.is_running, now.as_nanos()];
    connection.prepare_cached(include_str!("sql/mark_trace.sql"))?.execute(values)
}

fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| damaged(ATTEMPTED, error))
}
