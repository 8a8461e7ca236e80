//! Searching text: words of settled runs in a table with an index of its own, which is filled in the background.
//!
//! The table holds words and nothing else: a hit's text is read from its segment. Rows of one indexing have a *version*
//! in common, drawn at random, and which version of a run is searchable is a row of `settled`, inserted after them. So a
//! run is searchable as it was until all of the new is there, whoever indexes it at the same time and wherever a program
//! dies; rows of another version are passed over.
//!
//! Which runs wait follows from the two rows a run has in `settled`, how it was settled and what of it is searchable. So
//! that not all of them are compared every time, a program remembers the number of a change up to which it found nothing
//! waiting.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_model::{AgentName, ProjectId, SpanId, Timestamp, Trace, TraceId};
use arc_store::{
    Indexed, Page, SearchHit, SearchQuery, StoreError,
    search::{Document, Excerpt, documents, excerpt, excerpt_in},
};
use clickhouse::{Client, Row};
use serde::Deserialize;
use tokio::runtime::Handle;

use super::{
    error::{damaged, while_trying},
    read::{self, NONCE, Name, query, trace_id},
    rows::{self, SEARCH_KEY, SearchRow, SettledRow, kind, list, literal},
};
use crate::{
    cursor::{AfterFinding, AfterRun},
    remote::compute,
    segment::SegmentCache,
};

const INDEX: &str = "index text";
const SEARCH: &str = "search text";

/// Rows of other versions that are read in vain at most, beyond what a page needs, before asking again.
const MORE: u64 = 64;

/// The number of a change up to which no run waits, as far as this program knows.
#[derive(Default)]
pub(super) struct Progress(AtomicU64);

#[derive(Row, Deserialize)]
struct Waiting {
    project: String,
    trace_id: [u8; 16],
    seq: u64,
    version: u64,
    has_text: bool,
}

/// Returns a query for the runs that wait among those settled after a change.
pub(super) fn waiting(after: u64) -> String {
    runs(after, "tupleElement(cell, 1) > tupleElement(text, 1)")
}

/// Returns a query for the runs that cannot be found: they wait, or cannot be read.
pub(super) fn unsearchable() -> String {
    runs(
        0,
        &format!("(tupleElement(cell, 1) > tupleElement(text, 1) OR bitAnd(tupleElement(text, 3), {UNREADABLE}) != 0)"),
    )
}

/// Returns a query for the runs that ended, were settled after a change, and of which this is true.
fn runs(after: u64, only: &str) -> String {
    let (trace, text) = (kind::TRACE, kind::TEXT);
    let since = if after == 0 {
        String::new()
    } else {
        format!(
            " AND (project, trace_id) IN (SELECT substring(tupleElement(latest, 2), {}), trace_id FROM settled \
             WHERE project = '' AND kind = {} AND agent = '' AND day = 0 AND name = '' AND place > {after})",
            NONCE + 1,
            kind::CHANGE
        )
    };
    format!(
        "SELECT project, trace_id, tupleElement(cell, 1) AS seq, rand64() AS version, \
           tupleElement(text, 2) > 0 AS has_text \
         FROM (SELECT project, trace_id, maxIf(trace, kind = {trace}) AS cell, maxIf(trace, kind = {text}) AS text \
           FROM settled WHERE kind IN ({trace}, {text}) AND agent = '' AND day = 0 AND name = '' AND place = 0{since} \
           GROUP BY project, trace_id) \
         WHERE tupleElement(cell, 3) = 0 AND {only}"
    )
}

/// Makes text of runs that wait searchable, those settled last first.
pub(super) async fn index(
    db: &Client,
    cache: &Arc<SegmentCache>,
    indexed: &Progress,
    limit: u32,
) -> Result<Indexed, StoreError> {
    let last = read::last_number(db).await?;
    let after = indexed.0.load(Ordering::Relaxed);
    if last == after {
        return Ok(Indexed::default());
    }
    let sql = format!("{} ORDER BY seq DESC LIMIT {limit}", waiting(after));
    let waiting: Vec<Waiting> = query(db, INDEX, &sql).await?;
    let (mut texts, mut done, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
    for run in &waiting {
        let name = (ProjectId::new(run.project.clone()), trace_id(run.trace_id)?);
        let mut state = if run.has_text { OUTDATED } else { 0 };
        if let Some(place) = place(db, &name, run.seq).await? {
            match documents_of(db, cache, &name).await {
                // What cannot be read cannot be found either, and is no reason for others to wait.
                Err(StoreError::Corrupt { .. }) => {
                    unreadable.push(name);
                    state |= UNREADABLE;
                }
                documents => texts.extend(rows_of(run, &place, documents?)),
            }
        }
        done.push(text_row(&run.project, run.trace_id, (run.seq, run.version, state)));
    }
    if !waiting.is_empty() {
        write(db, &texts, &done).await?;
    }
    if (waiting.len() as u64) < u64::from(limit) {
        indexed.0.fetch_max(last, Ordering::Relaxed);
    }
    Ok(Indexed { runs: waiting.len() as u64, unreadable })
}

/// In the row of what is searchable of a run: an earlier version of its text is to be removed.
pub(super) const OUTDATED: u8 = 1;
/// It was.
pub(super) const REMOVED: u8 = 2;
/// Added to one of these, or alone: its text cannot be read.
pub(super) const UNREADABLE: u8 = 4;

/// Returns the row that says as of which change which version of a run's text is searchable.
pub(super) fn text_row(project: &str, trace_id: [u8; 16], (seq, version, state): (u64, u64, u8)) -> SettledRow {
    let trace = (seq, version, state, 0, 0);
    SettledRow { project: project.to_owned(), kind: kind::TEXT, trace_id, trace, ..SettledRow::default() }
}

/// Inserts text first and then that it is searchable.
async fn write(db: &Client, texts: &[SearchRow], done: &[SettledRow]) -> Result<(), StoreError> {
    let failed = while_trying(INDEX);
    if !texts.is_empty() {
        let mut insert = db.insert::<SearchRow>("search_spans").await.map_err(&failed)?;
        for row in texts {
            insert.write(row).await.map_err(&failed)?;
        }
        insert.end().await.map_err(&failed)?;
    }
    let mut insert = db.insert::<SettledRow>("settled").await.map_err(&failed)?;
    for row in done {
        insert.write(row).await.map_err(&failed)?;
    }
    insert.end().await.map_err(failed)
}

/// When a run took place, and whose it is.
struct Placed {
    place: i64,
    agent: String,
}

/// Returns where a run stands; `None` when it was settled anew meanwhile, so that it waits for the next call.
async fn place(db: &Client, name: &Name, seq: u64) -> Result<Option<Placed>, StoreError> {
    let found = read::settlements(db, &read::names([name].into_iter())).await?;
    let Some(settled) = found.get(name).filter(|settled| settled.seq == seq) else { return Ok(None) };
    let runs = read::runs_at(db, &read::places([(name, settled.at)].into_iter())).await?;
    let run: Option<arc_model::Run> = runs.get(name).map(|row| read::from_json(&row.body)).transpose()?;
    Ok(run.map(|run| Placed { place: !settled.at, agent: run.agent.name.as_str().to_owned() }))
}

fn rows_of<'a>(
    run: &'a Waiting,
    placed: &'a Placed,
    documents: Vec<Document>,
) -> impl Iterator<Item = SearchRow> + use<'a> {
    (0..).zip(documents).map(move |(position, document)| SearchRow {
        project: run.project.clone(),
        place: placed.place,
        trace_id: run.trace_id,
        position,
        span_id: *document.span_id.as_bytes(),
        agent: placed.agent.clone(),
        seq: run.seq,
        version: run.version,
        words: document.words,
    })
}

async fn documents_of(db: &Client, cache: &Arc<SegmentCache>, name: &Name) -> Result<Vec<Document>, StoreError> {
    let (project, id) = (name.0.clone(), name.1);
    let spans = read::spans(db, &project, id).await?;
    if spans.is_empty() {
        return Ok(Vec::new());
    }
    let (runtime, db, cache) = (Handle::current(), db.clone(), Arc::clone(cache));
    let read = move || read::trace(&runtime, &db, &cache, &project, id, &spans).map(|trace| documents(&trace));
    compute(INDEX, read).await
}

#[derive(Row, Deserialize)]
struct HitRow {
    place: i64,
    trace_id: [u8; 16],
    position: u32,
    span_id: [u8; 8],
    agent: String,
    version: u64,
}

struct Hit {
    after: AfterFinding,
    span: SpanId,
    agent: AgentName,
}

impl Hit {
    fn of(row: &HitRow) -> Result<Self, StoreError> {
        let run = AfterRun { at: Timestamp::from_nanos(!row.place), trace_id: trace_id(row.trace_id)? };
        let span = SpanId::from_bytes(row.span_id).map_err(|error| damaged(SEARCH, error))?;
        let after = AfterFinding { run, position: row.position.into() };
        Ok(Self { after, span, agent: AgentName::new(row.agent.clone()) })
    }
}

/// Returns a page of hits.
pub(super) async fn search(
    db: &Client,
    cache: &Arc<SegmentCache>,
    project: &ProjectId,
    asked: &SearchQuery,
) -> Result<Page<SearchHit>, StoreError> {
    let words = asked.words()?;
    let limit = asked.limit as usize;
    let mut hits = hits(db, project, asked, &words).await?;
    let has_more = hits.len() > limit;
    hits.truncate(limit);
    let next = hits.last().filter(|_| has_more).map(|hit| hit.after.to_hit_cursor());
    let wanted = hits.iter().map(|hit| (hit.after.run.trace_id, hit.span));
    let mut excerpts = excerpts_of(db, cache, project, wanted, &words).await?;
    let mut items = Vec::with_capacity(hits.len());
    for Hit { after, span, agent } in hits {
        let AfterRun { at, trace_id } = after.run;
        // What it said when it was indexed may have been replaced.
        let Some(excerpt) = excerpts.remove(&(trace_id, span)) else { continue };
        items.push(SearchHit { trace_id, span_id: span, agent, at, excerpt });
    }
    Ok(Page { items, next })
}

/// Returns the hits of a page and one more, if there is one.
async fn hits(db: &Client, project: &ProjectId, asked: &SearchQuery, words: &[String]) -> Result<Vec<Hit>, StoreError> {
    if asked.limit == 0 {
        return Err(StoreError::Invalid("a page of at most zero items".to_owned()));
    }
    let mut only = vec![format!("project = {}", rows::project(project))];
    only.extend(words.iter().map(|word| format!("has(words, {})", literal(word.as_bytes()))));
    if let Some(agent) = &asked.agent {
        only.push(format!("agent = {}", literal(agent.as_str().as_bytes())));
    }
    // Places count downwards in time.
    if let Some(since) = asked.since {
        only.push(format!("place <= {}", !since.as_nanos()));
    }
    if let Some(until) = asked.until {
        only.push(format!("place > {}", !until.as_nanos()));
    }
    let only = only.join(" AND ");
    let mut beyond =
        asked.after.as_ref().map(AfterFinding::parse_hit).transpose()?.map(|AfterFinding { run, position }| {
            let (place, id) = (!run.at.as_nanos(), literal(run.trace_id.as_bytes()));
            format!(" AND place >= {place} AND (place, trace_id, toInt64(position)) > ({place}, {id}, {position})")
        });
    let wanted = asked.limit as usize + 1;
    let most = u64::from(asked.limit) + 1 + MORE;
    let mut hits = Vec::new();
    loop {
        let sql = format!(
            "SELECT place, trace_id, position, span_id, agent, version FROM search_spans WHERE {only}{} \
             ORDER BY {SEARCH_KEY} LIMIT {most}",
            beyond.unwrap_or_default()
        );
        let rows: Vec<HitRow> = query(db, SEARCH, &sql).await?;
        let current = versions(db, project, &rows).await?;
        for row in rows.iter().filter(|row| current.get(&row.trace_id) == Some(&row.version)) {
            hits.push(Hit::of(row)?);
        }
        let last = rows.last().filter(|_| hits.len() < wanted && rows.len() as u64 >= most);
        let Some(HitRow { place, trace_id, position, version, .. }) = last else {
            hits.truncate(wanted);
            return Ok(hits);
        };
        let id = literal(trace_id);
        beyond = Some(format!(
            " AND place >= {place} AND (place, trace_id, position, version) > ({place}, {id}, {position}, {version})"
        ));
    }
}

#[derive(Row, Deserialize)]
struct Version {
    trace_id: [u8; 16],
    version: u64,
}

/// Returns which version of each run is searchable.
async fn versions(db: &Client, project: &ProjectId, rows: &[HitRow]) -> Result<BTreeMap<[u8; 16], u64>, StoreError> {
    if rows.is_empty() {
        return Ok(BTreeMap::new());
    }
    let traces: BTreeSet<&[u8; 16]> = rows.iter().map(|row| &row.trace_id).collect();
    let sql = format!(
        "SELECT trace_id, tupleElement(max(trace), 2) AS version FROM settled WHERE project = {} AND kind = {} \
         AND agent = '' AND day = 0 AND name = '' AND place = 0 AND trace_id IN {} GROUP BY trace_id",
        rows::project(project),
        kind::TEXT,
        list(traces.into_iter().map(|trace| literal(trace)))
    );
    let rows: Vec<Version> = query(db, SEARCH, &sql).await?;
    Ok(rows.into_iter().map(|row| (row.trace_id, row.version)).collect())
}

/// Returns what single spans of several traces show of these words.
async fn excerpts_of(
    db: &Client,
    cache: &Arc<SegmentCache>,
    project: &ProjectId,
    wanted: impl Iterator<Item = (TraceId, SpanId)>,
    words: &[String],
) -> Result<BTreeMap<(TraceId, SpanId), Excerpt>, StoreError> {
    let mut traces: BTreeMap<TraceId, BTreeSet<SpanId>> = BTreeMap::new();
    for (trace, span) in wanted {
        traces.entry(trace).or_default().insert(span);
    }
    let mut stored = Vec::with_capacity(traces.len());
    for (trace, wanted) in traces {
        stored.push((trace, wanted, read::spans(db, project, trace).await?));
    }
    let (runtime, client, cache, of) = (Handle::current(), db.clone(), Arc::clone(cache), project.clone());
    let words = words.to_vec();
    let find = move || {
        let (mut found, mut unreadable) = (BTreeMap::new(), BTreeSet::new());
        for (id, wanted, places) in stored {
            let read = |places: &[read::Stored]| read::trace(&runtime, &client, &cache, &of, id, places);
            for span in wanted {
                match excerpt_of(&places, span, read, &words) {
                    Err(StoreError::Corrupt { .. }) => {
                        found.insert((id, span), Excerpt::unreadable());
                        unreadable.insert(id);
                    }
                    other => found.extend(other?.map(|excerpt| ((id, span), excerpt))),
                }
            }
        }
        Ok((found, unreadable))
    };
    let (mut found, unreadable) = compute(SEARCH, find).await?;
    // One that was deleted and compacted since its words were found is not there when it is looked for again.
    for id in unreadable {
        if read::spans(db, project, id).await?.is_empty() {
            found.retain(|(trace, _), _| *trace != id);
        }
    }
    Ok(found)
}

fn excerpt_of(
    places: &[read::Stored],
    span: SpanId,
    read: impl Fn(&[read::Stored]) -> Result<Trace, StoreError>,
    words: &[String],
) -> Result<Option<Excerpt>, StoreError> {
    let Some(own) = places.iter().find(|place| place.span() == Some(span)) else { return Ok(None) };
    let excerpt = read(std::slice::from_ref(own))?.span(span).and_then(|span| excerpt(span, words));
    if excerpt.is_some() {
        return Ok(excerpt);
    }
    // It may stand in what arrived apart from the span.
    Ok(excerpt_in(read(places)?, span, words))
}
