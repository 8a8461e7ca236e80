//! Reading single things: a trace, a run, what waits, an agent's figures, changes.

use arc_model::{
    AgentFigures, AgentName, AgentSummary, DayTally, LeafId, LeafTally, NanoUsd, ProjectId, Run, Severity, Span,
    SpanId, TaskId, TaskTally, Timestamp, Trace, TraceId, UnknownCost, UnpricedTally, Verdict,
};
use arc_store::{Change, ChangeSeq, StoreError, Unsettled, WriteMark, reason_key};
use rusqlite::{
    Connection, OptionalExtension, Params, Row, params,
    types::{Type, Value},
};
use serde::de::DeserializeOwned;

use super::{
    append::{trace_key, unsigned},
    error::{damaged, while_trying},
    packed::RUN,
};
use crate::segment::{self, Compressed, Place, SegmentCache, Segments};

pub(super) fn trace(
    db: &Connection,
    cache: &SegmentCache,
    project: &ProjectId,
    id: TraceId,
) -> Result<Option<Trace>, StoreError> {
    let failed = while_trying("read a trace");
    let Some(key) = trace_key(db, project, id).map_err(&failed)? else { return Ok(None) };
    let mut load = |segment: i64| segment_of(db, project, segment);
    let mut segments = Segments::new(cache, &mut load);
    // In the order of storage, so that each segment is needed once.
    let mut select = db
        .prepare_cached(
            "SELECT span_id, revision, segment, offset, length FROM spans WHERE trace = ?1 ORDER BY segment, offset",
        )
        .map_err(&failed)?;
    let mut rows = select.query([key]).map_err(&failed)?;
    let mut spans: Vec<Span> = Vec::new();
    while let Some(row) = rows.next().map_err(&failed)? {
        let (span, revision, place) = span_row(row).map_err(&failed)?;
        spans.push(segment::decode(id, span, revision, place, &mut segments)?);
    }
    Ok(Some(Trace::new(id, spans)))
}

/// Loads a segment of a project.
pub(super) fn segment_of(db: &Connection, project: &ProjectId, id: i64) -> Result<Option<Compressed>, StoreError> {
    let failed = while_trying("read a segment");
    let select = "SELECT raw_bytes, data FROM segments WHERE id = ?1 AND project = ?2";
    let mut select = db.prepare_cached(select).map_err(&failed)?;
    let row = select.query_row(params![id, project.as_str()], |row| {
        Ok(Compressed { raw_bytes: unsigned_size(row.get(0)?), data: row.get(1)? })
    });
    row.optional().map_err(failed)
}

/// Reads one span; `None` when it is not stored.
pub(super) fn span(
    db: &Connection,
    cache: &SegmentCache,
    project: &ProjectId,
    trace: TraceId,
    span: SpanId,
) -> Result<Option<Span>, StoreError> {
    let failed = while_trying("read a span");
    let Some(key) = trace_key(db, project, trace).map_err(&failed)? else { return Ok(None) };
    let mut select = db
        .prepare_cached(
            "SELECT span_id, revision, segment, offset, length FROM spans WHERE trace = ?1 AND span_id = ?2",
        )
        .map_err(&failed)?;
    let found = select.query_row(params![key, span.as_bytes()], span_row).optional().map_err(&failed)?;
    let Some((span, revision, place)) = found else { return Ok(None) };
    let mut load = |segment: i64| segment_of(db, project, segment);
    segment::decode(trace, span, revision, place, &mut Segments::new(cache, &mut load)).map(Some)
}

fn span_row(row: &Row<'_>) -> rusqlite::Result<(SpanId, u64, Place)> {
    let span = SpanId::from_bytes(row.get(0)?).map_err(|error| conversion(0, Type::Blob, error))?;
    let place = Place { segment: row.get(2)?, offset: row.get(3)?, length: row.get(4)? };
    Ok((span, unsigned(row.get(1)?), place))
}

fn unsigned_size(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

pub(super) fn unsettled(
    db: &Connection,
    root_ended_before: Timestamp,
    idle_before: Timestamp,
    seen_before: Timestamp,
    limit: u32,
) -> Result<Vec<Unsettled>, StoreError> {
    let failed = while_trying("find unsettled traces");
    // Every trace qualifies when it is idle, one with an ended root also earlier.
    let ready = root_ended_before.max(idle_before).as_nanos();
    let values = params![ready, idle_before.as_nanos(), seen_before.as_nanos(), limit];
    list(db, include_str!("sql/unsettled.sql"), values, |row| {
        Ok(Unsettled {
            project: ProjectId::new(row.get::<_, String>(0)?),
            trace_id: trace_id(row, 1)?,
            received_at: Timestamp::from_nanos(row.get(2)?),
            mark: WriteMark(unsigned(row.get(3)?)),
            is_running: row.get(4)?,
        })
    })
    .map_err(failed)
}

pub(super) fn run(db: &Connection, project: &ProjectId, id: TraceId) -> Result<Option<Run>, StoreError> {
    let read = || {
        let mut select =
            db.prepare_cached("SELECT coalesce(packed_body, body) FROM runs WHERE project = ?1 AND trace_id = ?2")?;
        select.query_row(params![project.as_str(), id.as_bytes()], |row| row.get(0)).optional()
    };
    read().map_err(while_trying("read a run"))?.map(|body| RUN.read(&body)).transpose()
}

pub(super) fn changes(db: &Connection, after: ChangeSeq, limit: u32) -> Result<Vec<Change>, StoreError> {
    // A number beyond those SQLite can count to has nothing after it.
    let after = i64::try_from(after.0).unwrap_or(i64::MAX);
    let rows: Vec<(i64, String, Value)> = list(
        db,
        "SELECT seq, project, coalesce(packed_body, body) FROM runs WHERE seq > ?1 ORDER BY seq LIMIT ?2",
        params![after, limit],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )
    .map_err(while_trying("read changes"))?;
    let changes = rows.into_iter().map(|(seq, project, body)| {
        Ok(Change { seq: ChangeSeq(unsigned(seq)), project: ProjectId::new(project), run: RUN.read(&body)? })
    });
    changes.collect()
}

pub(super) fn last_change(db: &Connection) -> Result<ChangeSeq, StoreError> {
    db.prepare_cached("SELECT value FROM counters WHERE name = 'change'")
        .and_then(|mut select| select.query_row([], |row| row.get(0)))
        .map(|value| ChangeSeq(unsigned(value)))
        .map_err(while_trying("read the last change"))
}

pub(super) fn agents(db: &Connection, project: &ProjectId) -> Result<Vec<AgentSummary>, StoreError> {
    list(db, include_str!("sql/agents.sql"), [project.as_str()], |row| {
        Ok(AgentSummary {
            name: AgentName::new(row.get::<_, String>(0)?),
            version: row.get(1)?,
            domain: row.get(2)?,
            framework: row.get(3)?,
            runs: unsigned(row.get(4)?),
            succeeded: unsigned(row.get(5)?),
            failed: unsigned(row.get(6)?),
            last_run_at: Timestamp::from_nanos(row.get(7)?),
        })
    })
    .map_err(while_trying("list agents"))
}

pub(super) fn figures(db: &Connection, project: &ProjectId, agent: &AgentName) -> Result<AgentFigures, StoreError> {
    let failed = while_trying("read an agent's figures");
    let of = params![project.as_str(), agent.as_str()];
    let tasks = list(db, include_str!("sql/tasks.sql"), of, task).map_err(&failed)?;
    let days = list(db, include_str!("sql/days.sql"), of, day).map_err(&failed)?;
    let leaves = list(db, include_str!("sql/leaves.sql"), of, leaf).map_err(&failed)?;
    let why = "SELECT why, runs FROM agent_unpriced WHERE project = ?1 AND agent = ?2";
    let unpriced: Vec<(String, i64)> = list(db, why, of, |row| Ok((row.get(0)?, row.get(1)?))).map_err(&failed)?;
    let unpriced = unpriced.into_iter().map(|(why, runs)| {
        let why: UnknownCost = from_json(&why)?;
        Ok(UnpricedTally { why, runs: unsigned(runs) })
    });
    let mut unpriced = unpriced.collect::<Result<Vec<_>, StoreError>>()?;
    unpriced.sort_by_cached_key(|tally| (std::cmp::Reverse(tally.runs), reason_key(&tally.why)));
    Ok(AgentFigures { tasks, days, leaves, unpriced })
}

fn task(row: &Row<'_>) -> rusqlite::Result<TaskTally> {
    let has_task: bool = row.get(0)?;
    let task: String = row.get(1)?;
    Ok(TaskTally {
        task: has_task.then(|| TaskId::new(task)),
        succeeded: unsigned(row.get(2)?),
        failed: unsigned(row.get(3)?),
        unknown: unsigned(row.get(4)?),
    })
}

fn day(row: &Row<'_>) -> rusqlite::Result<DayTally> {
    Ok(DayTally {
        day: Timestamp::from_nanos(row.get(0)?),
        succeeded: unsigned(row.get(1)?),
        failed: unsigned(row.get(2)?),
        unknown: unsigned(row.get(3)?),
        step_limit: unsigned(row.get(4)?),
        timeout: unsigned(row.get(5)?),
        priced: unsigned(row.get(6)?),
        cost: NanoUsd(row.get(7)?),
        tool_calls_judged: unsigned(row.get(8)?),
        tool_calls_correct: unsigned(row.get(9)?),
    })
}

fn leaf(row: &Row<'_>) -> rusqlite::Result<LeafTally> {
    let counts: [u64; 4] = [unsigned(row.get(2)?), unsigned(row.get(3)?), unsigned(row.get(4)?), unsigned(row.get(5)?)];
    let worst = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
    let severity = match worst {
        3 => Severity::Critical,
        2 => Severity::High,
        1 => Severity::Medium,
        _ => Severity::Low,
    };
    Ok(LeafTally {
        leaf: LeafId::new(row.get::<_, String>(0)?),
        severity,
        runs: unsigned(row.get(1)?),
        findings: counts.iter().sum(),
        first_at: Timestamp::from_nanos(row.get(6)?),
        last_at: Timestamp::from_nanos(row.get(7)?),
        latest: trace_id(row, 8)?,
    })
}

pub(super) fn trace_id(row: &Row<'_>, column: usize) -> rusqlite::Result<TraceId> {
    TraceId::from_bytes(row.get(column)?).map_err(|error| conversion(column, Type::Blob, error))
}

fn conversion(column: usize, stored: Type, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, stored, Box::new(error))
}

/// Runs a query and reads every row.
pub(super) fn list<T>(
    db: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    db.prepare_cached(sql)?.query_map(values, read)?.collect()
}

/// Reads a stored run, finding or reason.
pub(super) fn from_json<T: DeserializeOwned>(body: &str) -> Result<T, StoreError> {
    segment::from_json(body.as_bytes()).map_err(|error| damaged("read a stored row", error))
}

pub(super) const fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Succeeded => "succeeded",
        Verdict::Failed => "failed",
        Verdict::Unknown => "unknown",
    }
}
