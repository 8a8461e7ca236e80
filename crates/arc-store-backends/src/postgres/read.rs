//! Reading single things: a trace, a run, an agent's figures, changes. What waits is in [`super::lease`].

use arc_model::{
    AgentFigures, AgentName, AgentSummary, DayTally, LeafId, LeafTally, NanoUsd, ProjectId, Run, Severity, Span,
    SpanId, TaskId, TaskTally, Timestamp, Trace, TraceId, UnknownCost, UnpricedTally, Verdict,
};
use arc_store::{Change, ChangeSeq, StoreError, reason_key};
use deadpool_postgres::{Client, GenericClient};
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio_postgres::{
    Row,
    types::{FromSql, ToSql},
};

use super::{
    append::{span_id, trace_id, unsigned},
    error::{damaged, while_trying},
    names::{self, Names},
};
use crate::{
    remote::Ahead,
    segment::{self, Compressed, Place, SegmentCache, Segments},
};

/// Where a span of a trace is.
pub(super) struct Stored {
    pub(super) span: SpanId,
    revision: u64,
    place: Place,
}

/// Finds the spans of a trace, in the order of storage, so that each segment is needed once.
pub(super) async fn spans(
    db: &impl GenericClient,
    project: &ProjectId,
    id: TraceId,
) -> Result<Vec<Stored>, StoreError> {
    let rows = query(
        db,
        "read a trace",
        include_str!("sql/spans.sql"),
        &[&names::key(project.as_str()), &id.as_bytes().as_slice()],
    )
    .await?;
    let stored = rows.iter().map(|row| {
        let number = |column| get::<i64>(row, column);
        let short = |column| u32::try_from(number(column)?).map_err(|error| damaged("read a trace", error));
        let place = Place { segment: number(2)?, offset: short(3)?, length: short(4)? };
        Ok(Stored { span: span_id(row, 0)?, revision: unsigned(number(1)?), place })
    });
    stored.collect()
}

/// Reads these spans of a trace. It waits for the database, so it MUST run where that may block.
pub(super) fn trace(
    runtime: &Handle,
    db: &Client,
    cache: &SegmentCache,
    project: &ProjectId,
    id: TraceId,
    stored: &[Stored],
) -> Result<Trace, StoreError> {
    let mut spans: Vec<Span> = Vec::with_capacity(stored.len());
    with_each(runtime, db, cache, project, stored, |Stored { span, revision, place }, segments| {
        spans.push(segment::decode(id, *span, *revision, *place, segments)?);
        Ok(())
    })?;
    Ok(Trace::new(id, spans))
}

/// Visits these records with the segments of their project. It waits for the database, so it MUST run where that may
/// block.
pub(super) fn with_segments(
    runtime: &Handle,
    db: &Client,
    cache: &SegmentCache,
    project: &ProjectId,
    stored: &[Stored],
    mut visit: impl FnMut(Place, &mut Segments<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    with_each(runtime, db, cache, project, stored, |stored, segments| visit(stored.place, segments))
}

fn with_each(
    runtime: &Handle,
    db: &Client,
    cache: &SegmentCache,
    project: &ProjectId,
    stored: &[Stored],
    mut visit: impl FnMut(&Stored, &mut Segments<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let project = names::key(project.as_str());
    let mut ahead = Ahead::of(stored.iter().map(|stored| stored.place.segment).collect());
    let mut load = |segment| ahead.load(segment, |numbers| runtime.block_on(segments(db, &project, numbers)));
    let mut segments = Segments::new(cache, &mut load);
    stored.iter().try_for_each(|stored| visit(stored, &mut segments))
}

async fn segments(db: &Client, project: &str, numbers: &[i64]) -> Result<Vec<(i64, Compressed)>, StoreError> {
    const SELECT: &str = "SELECT id, raw_bytes, data FROM segments WHERE id = ANY($1::int8[]) AND project = $2";
    let rows = query(db, "read a segment", SELECT, &[&numbers, &project]).await?;
    let segments = rows.iter().map(|row| {
        let raw_bytes = usize::try_from(get::<i64>(row, 1)?).unwrap_or(0);
        Ok((get(row, 0)?, Compressed { raw_bytes, data: get(row, 2)? }))
    });
    segments.collect()
}

pub(super) async fn run(db: &impl GenericClient, project: &ProjectId, id: TraceId) -> Result<Option<Run>, StoreError> {
    let select = "SELECT body FROM runs WHERE project = $1 AND trace_id = $2";
    let key = names::key(project.as_str());
    let rows = query(db, "read a run", select, &[&key, &id.as_bytes().as_slice()]).await?;
    rows.first().map(|row| from_json(get(row, 0)?)).transpose()
}

pub(super) async fn changes(db: &impl GenericClient, after: ChangeSeq, limit: u32) -> Result<Vec<Change>, StoreError> {
    // A number beyond those PostgreSQL can count to has nothing after it.
    let after = i64::try_from(after.0).unwrap_or(i64::MAX);
    let select = "SELECT seq, project, body FROM runs WHERE seq > $1 ORDER BY seq LIMIT $2";
    let rows = query(db, "read changes", select, &[&after, &i64::from(limit)]).await?;
    let names = Names::of(db, texts(&rows, 1)?.into_iter()).await?;
    let changes = rows.iter().map(|row| {
        let project = ProjectId::new(names.whole(get(row, 1)?)?);
        Ok(Change { seq: ChangeSeq(unsigned(get(row, 0)?)), project, run: from_json(get(row, 2)?)? })
    });
    changes.collect()
}

pub(super) async fn last_change(db: &impl GenericClient) -> Result<ChangeSeq, StoreError> {
    let select = "SELECT value FROM counters WHERE name = 'change'";
    let rows = query(db, "read the last change", select, &[]).await?;
    let row = rows.first().ok_or_else(|| damaged("read the last change", "the counter is missing"))?;
    Ok(ChangeSeq(unsigned(get(row, 0)?)))
}

pub(super) async fn agents(db: &impl GenericClient, project: &ProjectId) -> Result<Vec<AgentSummary>, StoreError> {
    let rows = query(db, "list agents", include_str!("sql/agents.sql"), &[&names::key(project.as_str())]).await?;
    let names = Names::of(db, texts(&rows, 0)?.into_iter()).await?;
    let optional = |row, column| Ok(get::<Option<String>>(row, column)?.map(names::unescape));
    let agents = rows.iter().map(|row| {
        Ok(AgentSummary {
            name: AgentName::new(names.whole(get(row, 0)?)?),
            version: optional(row, 1)?,
            domain: optional(row, 2)?,
            framework: optional(row, 3)?,
            runs: unsigned(get(row, 4)?),
            succeeded: unsigned(get(row, 5)?),
            failed: unsigned(get(row, 6)?),
            last_run_at: Timestamp::from_nanos(get(row, 7)?),
        })
    });
    agents.collect()
}

/// MUST be in a transaction that sees one state of the database.
pub(super) async fn figures(
    db: &impl GenericClient,
    project: &ProjectId,
    agent: &AgentName,
) -> Result<AgentFigures, StoreError> {
    const ATTEMPTED: &str = "read an agent's figures";
    let (project, agent) = (names::key(project.as_str()), names::key(agent.as_str()));
    let of: &[&(dyn ToSql + Sync)] = &[&project, &agent];
    let rows = query(db, ATTEMPTED, include_str!("sql/tasks.sql"), of).await?;
    let names = Names::of(db, texts(&rows, 1)?.into_iter()).await?;
    let tasks = rows.iter().map(|row| task(row, &names)).collect::<Result<_, _>>()?;
    let rows = query(db, ATTEMPTED, include_str!("sql/days.sql"), of).await?;
    let days = rows.iter().map(day).collect::<Result<_, _>>()?;
    let rows = query(db, ATTEMPTED, include_str!("sql/leaves.sql"), of).await?;
    let names = Names::of(db, texts(&rows, 0)?.into_iter()).await?;
    let leaves = rows.iter().map(|row| leaf(row, &names)).collect::<Result<_, _>>()?;
    let why = "SELECT why, runs FROM agent_unpriced WHERE project = $1 AND agent = $2";
    let rows = query(db, ATTEMPTED, why, of).await?;
    let names = Names::of(db, texts(&rows, 0)?.into_iter()).await?;
    let unpriced = rows.iter().map(|row| {
        let why: UnknownCost = from_json(&names.whole(get(row, 0)?)?)?;
        Ok(UnpricedTally { why, runs: unsigned(get(row, 1)?) })
    });
    let mut unpriced = unpriced.collect::<Result<Vec<_>, StoreError>>()?;
    unpriced.sort_by_cached_key(|tally| (std::cmp::Reverse(tally.runs), reason_key(&tally.why)));
    Ok(AgentFigures { tasks, days, leaves, unpriced })
}

fn task(row: &Row, names: &Names) -> Result<TaskTally, StoreError> {
    let has_task: bool = get(row, 0)?;
    let task = names.whole(get(row, 1)?)?;
    Ok(TaskTally {
        task: has_task.then(|| TaskId::new(task)),
        succeeded: unsigned(get(row, 2)?),
        failed: unsigned(get(row, 3)?),
        unknown: unsigned(get(row, 4)?),
    })
}

fn day(row: &Row) -> Result<DayTally, StoreError> {
    Ok(DayTally {
        day: Timestamp::from_nanos(get(row, 0)?),
        succeeded: unsigned(get(row, 1)?),
        failed: unsigned(get(row, 2)?),
        unknown: unsigned(get(row, 3)?),
        step_limit: unsigned(get(row, 4)?),
        timeout: unsigned(get(row, 5)?),
        priced: unsigned(get(row, 6)?),
        cost: NanoUsd(get(row, 7)?),
        tool_calls_judged: unsigned(get(row, 8)?),
        tool_calls_correct: unsigned(get(row, 9)?),
    })
}

fn leaf(row: &Row, names: &Names) -> Result<LeafTally, StoreError> {
    let count = |column| get(row, column).map(unsigned);
    let counts: [u64; 4] = [count(2)?, count(3)?, count(4)?, count(5)?];
    let worst = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
    let severity = match worst {
        3 => Severity::Critical,
        2 => Severity::High,
        1 => Severity::Medium,
        _ => Severity::Low,
    };
    Ok(LeafTally {
        leaf: LeafId::new(names.whole(get(row, 0)?)?),
        severity,
        runs: count(1)?,
        findings: counts.iter().sum(),
        first_at: Timestamp::from_nanos(get(row, 6)?),
        last_at: Timestamp::from_nanos(get(row, 7)?),
        latest: trace_id(row, 8)?,
    })
}

/// Runs a query and returns every row.
pub(super) async fn query(
    db: &impl GenericClient,
    attempted: &'static str,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, StoreError> {
    let failed = while_trying(attempted);
    let statement = db.prepare_cached(sql).await.map_err(&failed)?;
    db.query(&statement, values).await.map_err(failed)
}

/// Reads a value of a row.
pub(super) fn get<'r, T: FromSql<'r>>(row: &'r Row, column: usize) -> Result<T, StoreError> {
    row.try_get(column).map_err(|error| damaged("read a stored row", error))
}

/// Reads a column of text.
pub(super) fn texts(rows: &[Row], column: usize) -> Result<Vec<&str>, StoreError> {
    rows.iter().map(|row| get(row, column)).collect()
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
