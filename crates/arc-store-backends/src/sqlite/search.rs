//! Searching text: words of settled runs in an index of FTS5, which is filled in the background.
//!
//! The index holds words and nothing else: a hit's text is read from its segment. Every searchable span also has a
//! word that stands for its project and one for its agent, so the index itself finds what they have in common with
//! what is asked, and reads it in order: a page costs what it shows, not what matches.

use arc_model::{AgentName, ProjectId, SpanId, Timestamp, TraceId};
use arc_store::{
    Page, SearchHit, SearchQuery, StoreError,
    search::{Document, Excerpt, documents, excerpt, excerpt_in},
};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    error::while_trying,
    read::{self, list, trace_id},
};
use crate::{cursor::AfterHit, segment::SegmentCache};

const INDEX: &str = "index text";
const SEARCH: &str = "search text";

/// Numbers a millisecond has for its spans.
const NUMBERS: i64 = 1 << 20;

/// Times beyond these, in milliseconds, count as these.
const FARTHEST: i64 = 1 << 42;

/// What is searchable of a run.
pub(super) struct Text {
    run: i64,
    /// Tells whether it was settled anew meanwhile.
    seq: i64,
    at: Timestamp,
    scope: [String; 2],
    /// `None` where it cannot be read.
    documents: Option<Vec<Document>>,
}

/// Runs that cannot be read.
type Unreadable = Vec<(ProjectId, TraceId)>;

/// In `runs.text_waits`, of a run that ended: its text cannot be read. 1 is one that waits, 0 any other.
const UNREADABLE: i64 = 2;

/// Reads the text of runs that wait, those settled last first.
///
/// Also returns those that cannot be read.
pub(super) fn waiting(
    db: &Connection,
    cache: &SegmentCache,
    limit: u32,
) -> Result<(Vec<Text>, Unreadable), StoreError> {
    const SELECT: &str = "SELECT key, seq, at, project, agent, trace_id FROM runs WHERE text_waits = 1 \
                          ORDER BY seq DESC LIMIT ?1";
    let rows = list(db, SELECT, [limit], |row| {
        let project = ProjectId::new(row.get::<_, String>(3)?);
        let agent = AgentName::new(row.get::<_, String>(4)?);
        let at = Timestamp::from_nanos(row.get(2)?);
        Ok((row.get(0)?, row.get(1)?, at, project, agent, trace_id(row, 5)?))
    });
    let (mut texts, mut unreadable) = (Vec::new(), Vec::new());
    for (run, seq, at, project, agent, trace) in rows.map_err(while_trying(INDEX))? {
        let documents = match read::trace(db, cache, &project, trace) {
            Ok(trace) => Some(trace.as_ref().map(documents).unwrap_or_default()),
            // What cannot be read cannot be found either, and is no reason for others to wait.
            Err(StoreError::Corrupt { .. }) => {
                unreadable.push((project.clone(), trace));
                None
            }
            Err(error) => return Err(error),
        };
        texts.push(Text { run, seq, at, scope: [of_project(&project), of_agent(&project, &agent)], documents });
    }
    // The index is written in the order of its numbers.
    texts.sort_by_key(|text| text.at);
    Ok((texts, unreadable))
}

/// Returns the word that stands for a project. No text contains it: `§` is no letter.
fn of_project(project: &ProjectId) -> String {
    format!("§{}", short_hash(&[project.as_str()]))
}

/// Returns the word that stands for an agent.
fn of_agent(project: &ProjectId, agent: &AgentName) -> String {
    format!("§{}", short_hash(&[project.as_str(), agent.as_str()]))
}

fn short_hash(names: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for name in names {
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
    }
    hasher.finalize().to_hex().chars().take(16).collect()
}

/// Makes text searchable, in place of what was searchable of the same runs.
pub(super) fn index(db: &Connection, texts: &[Text]) -> Result<u64, StoreError> {
    for text in texts {
        index_run(db, text).map_err(while_trying(INDEX))?;
    }
    Ok(texts.len() as u64)
}

/// Makes the text of a run searchable, unless it was settled anew meanwhile: then it waits for the next call.
fn index_run(db: &Connection, text: &Text) -> rusqlite::Result<()> {
    let mut done = db.prepare_cached("UPDATE runs SET text_waits = ?3 WHERE key = ?1 AND seq = ?2")?;
    let state = if text.documents.is_some() { 0 } else { UNREADABLE };
    if done.execute(params![text.run, text.seq, state])? == 0 {
        return Ok(());
    }
    forget(db, text.run)?;
    let documents = text.documents.as_deref().unwrap_or_default();
    let Some(first) = numbers(db, text.at, documents.len())? else { return Ok(()) };
    let mut put_span = db.prepare_cached("INSERT INTO search_spans (id, run, span_id) VALUES (?1, ?2, ?3)")?;
    let mut put_text = db.prepare_cached("INSERT INTO search_text (rowid, words) VALUES (?1, ?2)")?;
    let mut last = first;
    for (id, document) in (first..).zip(documents.iter().rev()) {
        let words: Vec<&str> =
            text.scope.iter().map(String::as_str).chain(document.words.iter().map(String::as_str)).collect();
        put_span.execute(params![id, text.run, document.span_id.as_bytes()])?;
        put_text.execute(params![id, words.join(" ")])?;
        last = id;
    }
    db.prepare_cached("INSERT INTO search_runs (run, first, last) VALUES (?1, ?2, ?3)")?
        .execute(params![text.run, first, last])?;
    Ok(())
}

/// Returns the first of so many free numbers that follow each other, at the time of a run or soon after.
fn numbers(db: &Connection, at: Timestamp, count: usize) -> rusqlite::Result<Option<i64>> {
    let count = i64::try_from(count).unwrap_or(i64::MAX).min(NUMBERS);
    if count == 0 {
        return Ok(None);
    }
    let mut start = at_number(at);
    let mut select = db.prepare_cached("SELECT max(id) FROM search_spans WHERE id >= ?1 AND id < ?2")?;
    loop {
        let last: Option<i64> = select.query_row([start, start + NUMBERS], |row| row.get(0))?;
        let first = last.map_or(start, |last| last + 1);
        if first + count <= start + NUMBERS {
            return Ok(Some(first));
        }
        start += NUMBERS;
    }
}

/// Returns the first number of a time.
fn at_number(at: Timestamp) -> i64 {
    at.as_nanos().div_euclid(1_000_000).clamp(-FARTHEST, FARTHEST) * NUMBERS
}

/// Makes a run unsearchable.
pub(super) fn forget(db: &Connection, run: i64) -> rusqlite::Result<()> {
    let mut take = db.prepare_cached("DELETE FROM search_runs WHERE run = ?1 RETURNING first, last")?;
    let numbers = take.query_row([run], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((first, last)): Option<(i64, i64)> = numbers else { return Ok(()) };
    db.prepare_cached("DELETE FROM search_spans WHERE id BETWEEN ?1 AND ?2")?.execute([first, last])?;
    let mut delete = db.prepare_cached("DELETE FROM search_text WHERE rowid = ?1")?;
    for id in first..=last {
        delete.execute([id])?;
    }
    Ok(())
}

/// Returns a page of hits.
pub(super) fn search(
    db: &Connection,
    cache: &SegmentCache,
    project: &ProjectId,
    query: &SearchQuery,
) -> Result<Page<SearchHit>, StoreError> {
    let words = query.words()?;
    let rows = rows(db, project, query, &words)?;
    let limit = query.limit as usize;
    let next = rows.get(limit).and_then(|_| rows.get(limit - 1)).map(|row| AfterHit(row.id).to_cursor());
    let mut items = Vec::new();
    for row in rows.into_iter().take(limit) {
        let read = || excerpt_of(db, cache, project, &row, &words);
        // One that was deleted and compacted since its words were found is not there when it is looked for again.
        let excerpt = match read().or_else(|_| read()) {
            Err(StoreError::Corrupt { .. }) => Some(Excerpt::unreadable()),
            other => other?,
        };
        // What it said when it was indexed may have been replaced.
        let Some(excerpt) = excerpt else { continue };
        items.push(SearchHit { trace_id: row.trace, span_id: row.span, agent: row.agent, at: row.at, excerpt });
    }
    Ok(Page { items, next })
}

fn excerpt_of(
    db: &Connection,
    cache: &SegmentCache,
    project: &ProjectId,
    row: &Row,
    words: &[String],
) -> Result<Option<Excerpt>, StoreError> {
    let Some(span) = read::span(db, cache, project, row.trace, row.span)? else { return Ok(None) };
    if let Some(excerpt) = excerpt(&span, words) {
        return Ok(Some(excerpt));
    }
    // It may stand in what arrived apart from the span.
    let trace = read::trace(db, cache, project, row.trace)?;
    Ok(trace.and_then(|trace| excerpt_in(trace, row.span, words)))
}

struct Row {
    id: i64,
    trace: TraceId,
    span: SpanId,
    agent: AgentName,
    at: Timestamp,
}

fn rows(db: &Connection, project: &ProjectId, query: &SearchQuery, words: &[String]) -> Result<Vec<Row>, StoreError> {
    if query.limit == 0 {
        return Err(StoreError::Invalid("a page of at most zero items".to_owned()));
    }
    let before = query.after.as_ref().map(AfterHit::parse).transpose()?;
    let until = query.until.map_or(i64::MAX, at_number);
    let before = before.map_or(until, |AfterHit(id)| id.min(until));
    let since = query.since.map_or(i64::MIN, at_number);
    let mut wanted = vec![of_project(project)];
    wanted.extend(query.agent.as_ref().map(|agent| of_agent(project, agent)));
    wanted.extend(words.iter().cloned());
    // Words are letters and digits, so nothing in them is an expression.
    let wanted: Vec<String> = wanted.iter().map(|word| format!("\"{word}\"")).collect();
    let values = params![wanted.join(" AND "), since, before, i64::from(query.limit) + 1];
    list(db, include_str!("sql/search.sql"), values, |row| {
        let span = SpanId::from_bytes(row.get(2)?).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Blob, Box::new(error))
        })?;
        Ok(Row {
            id: row.get(0)?,
            trace: trace_id(row, 1)?,
            span,
            agent: AgentName::new(row.get::<_, String>(3)?),
            at: Timestamp::from_nanos(row.get(4)?),
        })
    })
    .map_err(while_trying(SEARCH))
}
