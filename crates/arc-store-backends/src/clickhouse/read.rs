//! Reading single things: a trace, a run, changes. Figures are in [`super::figures`]. What waits is in [`super::lease`].

use std::collections::BTreeMap;

use arc_model::{ProjectId, Run, Span, SpanId, Trace, TraceId, Verdict};
use arc_store::{Change, ChangeSeq, StoreError};
use clickhouse::{Client, Row, RowOwned, RowRead};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::runtime::Handle;

use super::{
    error::{damaged, while_trying},
    rows::{self, DELETED, KEY, SegmentRow, kind, list, literal},
};
use crate::{
    remote::Ahead,
    segment::{self, Compressed, Place, SegmentCache, Segments},
};

/// Runs a query and returns every row.
pub(super) async fn query<T: RowOwned + RowRead>(
    db: &Client,
    attempted: &'static str,
    sql: &str,
) -> Result<Vec<T>, StoreError> {
    db.query_raw(sql).fetch_all().await.map_err(while_trying(attempted))
}

#[derive(Row, Deserialize)]
struct CountRow {
    count: u64,
}

/// Counts the rows of a table that meet a condition.
pub(super) async fn count(db: &Client, attempted: &'static str, table: &str, which: &str) -> Result<u64, StoreError> {
    let sql = format!("SELECT count() AS count FROM {table} WHERE {which}");
    let rows: Vec<CountRow> = query(db, attempted, &sql).await?;
    Ok(rows.first().map_or(0, |row| row.count))
}

/// Returns ClickHouse's time, in nanoseconds.
pub(super) async fn clock(db: &Client) -> Result<i64, StoreError> {
    let sql = "SELECT toUnixTimestamp64Nano(now64(9)) AS place";
    let rows: Vec<PlaceRow> = query(db, "read the time", sql).await?;
    Ok(rows.first().map_or(0, |row| row.place))
}

/// Returns a query for the records of traces that were not deleted since; of these traces, if a list of them or a query
/// is given.
pub(super) fn alive(names: Option<&str>) -> String {
    let only = names.map(|names| format!("(project, trace_id) IN {names}"));
    let only = only.as_deref().unwrap_or("true");
    format!(
        "(SELECT s.project AS project, s.trace_id AS trace_id, s.span_id AS span_id, s.revision AS revision, \
           s.hash AS hash, s.flags AS flags, s.received_at AS received_at, s.inserted_at AS inserted_at \
         FROM (SELECT project, trace_id, span_id, revision, hash, flags, received_at, inserted_at, life FROM spans \
           WHERE {only}) AS s LEFT JOIN (SELECT project, trace_id, tupleElement(max(trace), 1) AS died FROM settled \
           WHERE kind = {} AND agent = '' AND day = 0 AND name = '' AND place = 0 AND {only} \
           GROUP BY project, trace_id) AS d \
         ON s.project = d.project AND s.trace_id = d.trace_id WHERE s.life >= d.died)",
        kind::DEATH
    )
}

/// Where a span of a trace is.
#[derive(Row, Deserialize)]
pub(super) struct Stored {
    span_id: [u8; 8],
    kept: (u64, [u8; 16], i64, u32, u32),
}

impl Stored {
    /// Returns where its record is.
    fn place(&self) -> Place {
        let (_, _, segment, offset, length) = self.kept;
        Place { segment, offset, length }
    }

    /// Returns which span it is.
    pub(super) fn span(&self) -> Option<SpanId> {
        SpanId::from_bytes(self.span_id).ok()
    }
}

/// Finds the spans of a trace, in the order of storage, so that each segment is needed once.
pub(super) async fn spans(db: &Client, project: &ProjectId, id: TraceId) -> Result<Vec<Stored>, StoreError> {
    let (project, trace) = (rows::project(project), literal(id.as_bytes()));
    let died = format!(
        "(SELECT tupleElement(max(trace), 1) FROM settled WHERE project = {project} AND kind = {} AND agent = '' \
         AND day = 0 AND name = '' AND place = 0 AND trace_id = {trace})",
        kind::DEATH
    );
    let sql = format!(
        "SELECT span_id, max((revision, hash, segment, offset, length)) AS kept FROM spans \
         WHERE project = {project} AND trace_id = {trace} AND life >= {died} GROUP BY span_id \
         ORDER BY tupleElement(kept, 3), tupleElement(kept, 4)"
    );
    query(db, "read a trace", &sql).await
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
    let wanted = stored.iter().map(|stored| stored.kept.2).collect();
    with_segments(runtime, db, cache, project, wanted, |segments| {
        let mut spans: Vec<Span> = Vec::with_capacity(stored.len());
        for one in stored {
            let span = SpanId::from_bytes(one.span_id).map_err(|error| damaged("read a span id", error))?;
            spans.push(segment::decode(id, span, one.kept.0, one.place(), segments)?);
        }
        Ok(Trace::new(id, spans))
    })
}

/// Looks into segments, of which these are wanted one after the other. It waits for the database, so it MUST run where
/// that may block.
pub(super) fn with_segments<T>(
    runtime: &Handle,
    db: &Client,
    cache: &SegmentCache,
    project: &ProjectId,
    wanted: Vec<i64>,
    look: impl FnOnce(&mut Segments<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut ahead = Ahead::of(wanted);
    let mut load = |segment| ahead.load(segment, |numbers| runtime.block_on(segments(db, project, numbers)));
    look(&mut Segments::new(cache, &mut load))
}

async fn segments(
    db: &Client,
    project: &ProjectId,
    numbers: &[i64],
) -> Result<impl Iterator<Item = (i64, Compressed)> + use<>, StoreError> {
    let sql = format!(
        "SELECT id, project, raw_bytes, data, version FROM segments WHERE id IN {} AND project = {}",
        list(numbers.iter().map(ToString::to_string)),
        rows::project(project)
    );
    let rows: Vec<SegmentRow> = query(db, "read a segment", &sql).await?;
    Ok(rows.into_iter().map(|row| {
        let raw_bytes = usize::try_from(row.raw_bytes).unwrap_or(0);
        (row.id, Compressed { raw_bytes, data: row.data.0 })
    }))
}

/// A trace of a project, as its key in queries about several.
pub(super) type Name = (ProjectId, TraceId);

#[derive(Row, Deserialize)]
struct SettlementRow {
    project: String,
    trace_id: [u8; 16],
    /// As in [`rows::TraceCell`].
    cell: rows::TraceCell,
}

/// Returns names as a list for [`settlements`].
pub(super) fn names<'a>(names: impl Iterator<Item = &'a Name>) -> String {
    list(names.map(|(project, trace)| format!("({}, {})", rows::project(project), literal(trace.as_bytes()))))
}

/// How a trace was settled.
#[derive(Clone, Copy)]
pub(super) struct Settlement {
    /// The number of the change.
    pub(super) seq: u64,
    /// When its run took place.
    pub(super) at: i64,
    /// How much of it was settled as ended.
    pub(super) mark: u64,
}

/// Looks up how traces were settled.
pub(super) async fn settlements(db: &Client, names: &str) -> Result<BTreeMap<Name, Settlement>, StoreError> {
    let sql = format!(
        "SELECT project, trace_id, max(trace) AS cell FROM settled WHERE kind = {} AND agent = '' AND day = 0 \
         AND name = '' AND place = 0 AND (project, trace_id) IN {names} GROUP BY project, trace_id \
         HAVING tupleElement(cell, 3) != {DELETED}",
        kind::TRACE
    );
    let rows: Vec<SettlementRow> = query(db, "find settled runs", &sql).await?;
    let found = rows.into_iter().map(|row| {
        let (seq, mark, is_running, _, at) = row.cell;
        let mark = if is_running == 0 { mark } else { 0 };
        Ok(((ProjectId::new(row.project), trace_id(row.trace_id)?), Settlement { seq, at, mark }))
    });
    found.collect()
}

/// A run as it is stored.
#[derive(Row, Deserialize)]
pub(super) struct StoredRun {
    project: String,
    trace_id: [u8; 16],
    pub(super) seq: u64,
    pub(super) body: String,
    pub(super) findings: Vec<String>,
    pub(super) costs: String,
}

/// Returns names of runs with their times as a list for [`runs_at`].
pub(super) fn places<'a>(places: impl Iterator<Item = (&'a Name, i64)>) -> String {
    let place = |((project, trace), at): (&'a Name, i64)| {
        format!("({}, {}, {})", rows::project(project), !at, literal(trace.as_bytes()))
    };
    places.map(place).collect::<Vec<_>>().join(", ")
}

/// Reads runs at these places.
pub(super) async fn runs_at(db: &Client, places: &str) -> Result<BTreeMap<Name, StoredRun>, StoreError> {
    if places.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = format!(
        "SELECT project, trace_id, tupleElement(kept, 1) AS seq, tupleElement(kept, 7) AS body, tupleElement(kept, 8) AS findings, tupleElement(kept, 9) AS costs \
         FROM (SELECT project, trace_id, max(run) AS kept FROM settled WHERE kind = {} AND agent = '' AND day = 0 \
         AND name = '' AND (project, place, trace_id) IN ({}) GROUP BY project, place, trace_id) WHERE tupleElement(kept, 2) = 0",
        kind::RUN,
        places
    );
    let rows: Vec<StoredRun> = query(db, "read runs", &sql).await?;
    let found = rows.into_iter().map(|row| Ok(((ProjectId::new(row.project.clone()), trace_id(row.trace_id)?), row)));
    found.collect()
}

pub(super) async fn run(db: &Client, project: &ProjectId, id: TraceId) -> Result<Option<Run>, StoreError> {
    let name = (project.clone(), id);
    let found = settlements(db, &names([&name].into_iter())).await?;
    let runs = runs_at(db, &places(found.iter().map(|(name, settled)| (name, settled.at)))).await?;
    runs.get(&name).map(|row| from_json(&row.body)).transpose()
}

#[derive(Row, Deserialize)]
struct Changed {
    seq: i64,
    trace_id: [u8; 16],
    text: String,
}

pub(super) async fn changes(db: &Client, after: ChangeSeq, limit: u32) -> Result<Vec<Change>, StoreError> {
    let mut after = i64::try_from(after.0).unwrap_or(i64::MAX);
    let mut all = Vec::new();
    let limit = limit as usize;
    while all.len() < limit {
        let sql = format!(
            "SELECT place AS seq, trace_id, latest.2 AS text FROM settled WHERE project = '' AND kind = {} \
             AND agent = '' AND day = 0 AND name = '' AND place > {after} AND trace_id != {} ORDER BY {KEY} LIMIT {}",
            kind::CHANGE,
            literal(&NO_TRACE),
            limit.saturating_add(1)
        );
        let rows: Vec<Changed> = query(db, "read changes", &sql).await?;
        let is_last = rows.len() <= limit;
        let Some(last) = rows.last() else { break };
        after = last.seq;
        let changed = rows.iter().map(|row| {
            let project = row.text.get(NONCE..).unwrap_or_default();
            Ok((row.seq.unsigned_abs(), (ProjectId::new(project), trace_id(row.trace_id)?)))
        });
        let changed: Vec<(u64, Name)> = changed.collect::<Result<_, StoreError>>()?;
        let found = settlements(db, &names(changed.iter().map(|(_, name)| name))).await?;
        // One that was settled again appears at its newest number.
        let newest: Vec<(u64, &Name, i64)> = changed
            .iter()
            .filter_map(|(seq, name)| {
                found.get(name).filter(|newest| newest.seq == *seq).map(|newest| (*seq, name, newest.at))
            })
            .take(limit - all.len())
            .collect();
        let runs = runs_at(db, &places(newest.iter().map(|(_, name, at)| (*name, *at)))).await?;
        for (seq, name, _) in newest {
            // Settled again since: its newer number is still to come.
            let Some(row) = runs.get(name).filter(|row| row.seq == seq) else { continue };
            all.push(Change { seq: ChangeSeq(seq), project: name.0.clone(), run: from_json(&row.body)? });
        }
        if is_last {
            break;
        }
    }
    Ok(all)
}

/// Characters at the beginning of the text of a change that tell settlements apart; the project follows.
pub(super) const NONCE: usize = 32;

#[derive(Row, Deserialize)]
struct PlaceRow {
    place: i64,
}

/// The trace of a change that is a deletion.
pub(super) const NO_TRACE: [u8; 16] = [0; 16];

/// Returns the number of the last change of a run.
pub(super) async fn last_change(db: &Client) -> Result<ChangeSeq, StoreError> {
    last(db, &format!(" AND trace_id != {}", literal(&NO_TRACE))).await.map(ChangeSeq)
}

/// Returns the last number that is taken, also by a deletion.
pub(super) async fn last_number(db: &Client) -> Result<u64, StoreError> {
    last(db, "").await
}

async fn last(db: &Client, only: &str) -> Result<u64, StoreError> {
    let sql = format!(
        "SELECT place FROM settled WHERE project = '' AND kind = {} AND agent = '' AND day = 0 AND name = ''{only} \
         ORDER BY {} DESC LIMIT 1",
        kind::CHANGE,
        KEY.replace(", ", " DESC, ")
    );
    let rows: Vec<PlaceRow> = query(db, "read the last change", &sql).await?;
    Ok(rows.first().map_or(0, |row| row.place.unsigned_abs()))
}

/// Returns what the first of these numbers says, which is who took it.
pub(super) async fn nonce(db: &Client, seq: u64) -> Result<Option<String>, StoreError> {
    #[derive(Row, Deserialize)]
    struct Text {
        text: String,
    }
    let sql = format!(
        "SELECT latest.2 AS text FROM settled WHERE project = '' AND kind = {} AND agent = '' AND day = 0 \
         AND name = '' AND place = {seq} LIMIT 1",
        kind::CHANGE
    );
    let rows: Vec<Text> = query(db, "settle runs", &sql).await?;
    Ok(rows.into_iter().next().map(|row| row.text.chars().take(NONCE).collect()))
}

/// Returns the number of the last request to analyse traces again.
pub(super) async fn requests(db: &Client) -> Result<u64, StoreError> {
    #[derive(Row, Deserialize)]
    struct Request {
        number: u64,
    }
    let sql = format!(
        "SELECT max(tupleElement(trace, 2)) AS number FROM settled WHERE project = '' AND kind = {}",
        kind::AGAIN
    );
    let rows: Vec<Request> = query(db, "find unsettled traces", &sql).await?;
    Ok(rows.first().map_or(0, |row| row.number))
}

/// What an agent is described by: its latest run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct LatestRun {
    pub(super) at: i64,
    pub(super) trace_id: TraceId,
    pub(super) version: Option<String>,
    pub(super) domain: Option<String>,
    pub(super) framework: Option<String>,
}

impl LatestRun {
    pub(super) fn of(run: &Run) -> Self {
        Self {
            at: run.at().as_nanos(),
            trace_id: run.trace_id,
            version: run.agent.version.clone(),
            domain: run.domain.id.clone(),
            framework: run.framework.id.clone(),
        }
    }
}

/// When a kind of failure was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) first_at: i64,
    pub(super) last_at: i64,
    pub(super) latest: TraceId,
}

pub(super) fn trace_id(bytes: [u8; 16]) -> Result<TraceId, StoreError> {
    TraceId::from_bytes(bytes).map_err(|error| damaged("read a trace id", error))
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

/// Returns the number by which a verdict is stored.
pub(super) const fn verdict_number(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Unknown => 0,
        Verdict::Succeeded => 1,
        Verdict::Failed => 2,
    }
}
