//! Reading single things: a trace, a run, an agent's figures, changes. What waits is in [`super::lease`].

use std::collections::{BTreeMap, HashMap};

use arc_model::{
    AgentFigures, AgentName, AgentSummary, DayTally, LeafId, LeafTally, NanoUsd, ProjectId, Run, Severity, Span,
    SpanId, TaskId, TaskTally, Timestamp, Trace, TraceId, UnpricedTally, Verdict,
};
use arc_store::{Change, ChangeSeq, StoreError, reason_key};
use clickhouse::{Client, Row, RowOwned, RowRead};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::runtime::Handle;

use super::{
    error::{damaged, while_trying},
    rows::{self, KEY, SegmentRow, Sums, kind, list, literal},
};
use crate::segment::{self, Compressed, Place, SegmentCache, Segments};

/// Segments fetched at once, ahead of their use: at most 16 MB uncompressed.
const AHEAD: usize = 64;

/// Runs a query and returns every row.
pub(super) async fn query<T: RowOwned + RowRead>(
    db: &Client,
    attempted: &'static str,
    sql: &str,
) -> Result<Vec<T>, StoreError> {
    db.query_raw(sql).fetch_all().await.map_err(while_trying(attempted))
}

/// Where a span of a trace is.
#[derive(Row, Deserialize)]
pub(super) struct Stored {
    span_id: [u8; 8],
    kept: (u64, [u8; 16], i64, u32, u32),
}

impl Stored {
    /// Returns which span it is.
    pub(super) fn span(&self) -> Option<SpanId> {
        SpanId::from_bytes(self.span_id).ok()
    }
}

/// Finds the spans of a trace, in the order of storage, so that each segment is needed once.
pub(super) async fn spans(db: &Client, project: &ProjectId, id: TraceId) -> Result<Vec<Stored>, StoreError> {
    let sql = format!(
        "SELECT span_id, max((revision, hash, segment, offset, length)) AS kept FROM spans \
         WHERE project = {} AND trace_id = {} GROUP BY span_id ORDER BY tupleElement(kept, 3), tupleElement(kept, 4)",
        rows::project(project),
        literal(id.as_bytes())
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
    let mut wanted: Vec<i64> = stored.iter().map(|stored| stored.kept.2).collect();
    wanted.dedup();
    let mut fetched: HashMap<i64, Compressed> = HashMap::new();
    let mut load = |segment: i64| {
        if let Some(found) = fetched.remove(&segment) {
            return Ok(Some(found));
        }
        let from = wanted.partition_point(|wanted| *wanted < segment);
        let ahead = wanted.iter().skip(from).take(AHEAD).copied().filter(|ahead| *ahead != segment);
        let numbers: Vec<i64> = ahead.chain([segment]).collect();
        fetched.extend(runtime.block_on(segments(db, project, &numbers))?);
        Ok(fetched.remove(&segment))
    };
    let mut segments = Segments::new(cache, &mut load);
    let mut spans: Vec<Span> = Vec::with_capacity(stored.len());
    for Stored { span_id, kept: (revision, _, segment, offset, length) } in stored {
        let span = SpanId::from_bytes(*span_id).map_err(|error| damaged("read a span id", error))?;
        let place = Place { segment: *segment, offset: *offset, length: *length };
        spans.push(segment::decode(id, span, *revision, place, &mut segments)?);
    }
    Ok(Trace::new(id, spans))
}

async fn segments(
    db: &Client,
    project: &ProjectId,
    numbers: &[i64],
) -> Result<impl Iterator<Item = (i64, Compressed)>, StoreError> {
    let sql = format!(
        "SELECT id, project, raw_bytes, data FROM segments WHERE id IN {} AND project = {}",
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
         AND name = '' AND place = 0 AND (project, trace_id) IN {names} GROUP BY project, trace_id",
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
             AND agent = '' AND day = 0 AND name = '' AND place > {after} ORDER BY {KEY} LIMIT {}",
            kind::CHANGE,
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

pub(super) async fn last_change(db: &Client) -> Result<ChangeSeq, StoreError> {
    let sql = format!(
        "SELECT place FROM settled WHERE project = '' AND kind = {} AND agent = '' AND day = 0 AND name = '' \
         ORDER BY {} DESC LIMIT 1",
        kind::CHANGE,
        KEY.replace(", ", " DESC, ")
    );
    let rows: Vec<PlaceRow> = query(db, "read the last change", &sql).await?;
    Ok(ChangeSeq(rows.first().map_or(0, |row| row.place.unsigned_abs())))
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

#[derive(Row, Deserialize)]
struct AgentRow {
    agent: String,
    totals: Sums,
    text: String,
}

pub(super) async fn agents(db: &Client, project: &ProjectId) -> Result<Vec<AgentSummary>, StoreError> {
    let sql = format!(
        "SELECT agent, sumMap(sums) AS totals, tupleElement(max(latest), 2) AS text FROM settled WHERE project = {} AND kind = {} \
         GROUP BY agent",
        rows::project(project),
        kind::AGENT
    );
    let rows: Vec<AgentRow> = query(db, "list agents", &sql).await?;
    let mut agents = Vec::with_capacity(rows.len());
    for AgentRow { agent, totals, text } in rows {
        // All its runs are another agent's now.
        if text.is_empty() {
            continue;
        }
        let latest: LatestRun = from_json(&text)?;
        agents.push(AgentSummary {
            name: AgentName::new(agent),
            version: latest.version,
            domain: latest.domain,
            framework: latest.framework,
            runs: count(&totals, 0),
            succeeded: count(&totals, 1),
            failed: count(&totals, 2),
            last_run_at: Timestamp::from_nanos(latest.at),
        });
    }
    agents.sort_by(|a, b| b.last_run_at.cmp(&a.last_run_at).then_with(|| a.name.cmp(&b.name)));
    Ok(agents)
}

#[derive(Row, Deserialize)]
struct FigureRow {
    kind: u8,
    day: i64,
    name: String,
    totals: Sums,
    text: String,
}

pub(super) async fn figures(db: &Client, project: &ProjectId, agent: &AgentName) -> Result<AgentFigures, StoreError> {
    let sql = format!(
        "SELECT kind, day, name, sumMap(sums) AS totals, tupleElement(max(latest), 2) AS text FROM settled WHERE project = {} \
         AND kind IN ({}, {}, {}, {}) AND agent = {} GROUP BY kind, day, name ORDER BY kind, day, name",
        rows::project(project),
        kind::TASK,
        kind::DAY,
        kind::LEAF,
        kind::UNPRICED,
        literal(agent.as_str().as_bytes())
    );
    let rows: Vec<FigureRow> = query(db, "read an agent's figures", &sql).await?;
    let mut figures = AgentFigures::default();
    for FigureRow { kind, day, name, totals, text } in rows {
        // Sums that are nothing again are left out.
        if totals.values().all(|sum| *sum == 0) {
            continue;
        }
        let sum = |place| count(&totals, place);
        match kind {
            kind::TASK => figures.tasks.push(TaskTally {
                task: rows::read_optional(&name).map(TaskId::new),
                succeeded: sum(0),
                failed: sum(1),
                unknown: sum(2),
            }),
            kind::DAY => figures.days.push(DayTally {
                day: Timestamp::from_nanos(day),
                succeeded: sum(0),
                failed: sum(1),
                unknown: sum(2),
                step_limit: sum(3),
                timeout: sum(4),
                priced: sum(5),
                cost: NanoUsd(clamped(&totals, 6)),
                tool_calls_judged: sum(7),
                tool_calls_correct: sum(8),
            }),
            kind::LEAF => figures.leaves.push(leaf(name, sum(0), [sum(1), sum(2), sum(3), sum(4)], &text)?),
            _ => figures.unpriced.push(UnpricedTally { why: from_json(&name)?, runs: sum(0) }),
        }
    }
    figures.leaves.sort_by(|a, b| b.runs.cmp(&a.runs).then_with(|| a.leaf.cmp(&b.leaf)));
    figures.unpriced.sort_by_cached_key(|tally| (std::cmp::Reverse(tally.runs), reason_key(&tally.why)));
    Ok(figures)
}

fn leaf(name: String, runs: u64, severities: [u64; 4], text: &str) -> Result<LeafTally, StoreError> {
    let worst = severities.iter().rposition(|count| *count > 0).unwrap_or(0);
    let severity = match worst {
        3 => Severity::Critical,
        2 => Severity::High,
        1 => Severity::Medium,
        _ => Severity::Low,
    };
    let seen: Seen = from_json(text)?;
    Ok(LeafTally {
        leaf: LeafId::new(name),
        severity,
        runs,
        findings: severities.iter().sum(),
        first_at: Timestamp::from_nanos(seen.first_at),
        last_at: Timestamp::from_nanos(seen.last_at),
        latest: seen.latest,
    })
}

/// Returns a sum as far as numbers go.
pub(super) fn clamped(sums: &Sums, place: u8) -> i64 {
    let sum = sums.get(&place).copied().unwrap_or(0);
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}

fn count(sums: &Sums, place: u8) -> u64 {
    u64::try_from(clamped(sums, place)).unwrap_or(0)
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
