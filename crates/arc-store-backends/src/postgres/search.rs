//! Searching text: words of settled runs in an inverted index, which is filled in the background.
//!
//! The index holds words and nothing else: a hit's text is read from its segment.

use arc_model::{AgentName, ProjectId, SpanId, Timestamp, TraceId};
use arc_store::{
    Page, SearchHit, SearchQuery, StoreError,
    search::{Document, Excerpt, Indexed, documents, excerpt, excerpt_in},
};
use tokio::runtime::Handle;

use super::{
    PostgresStore,
    append::{span_id, trace_id},
    error::while_trying,
    listing::Value,
    names::{self, Names},
    read::{self, get, query, texts},
};
use crate::{
    cursor::{AfterFinding, AfterRun},
    remote::compute,
};

const INDEX: &str = "index text";
const SEARCH: &str = "search text";

/// A run that waits, as the tables have it.
struct Waiting {
    run: i64,
    seq: i64,
    project: String,
    agent: String,
    at: i64,
    trace: TraceId,
}

/// Makes text of runs that wait searchable, those settled last first.
pub(super) async fn index(store: &PostgresStore, limit: u32) -> Result<Indexed, StoreError> {
    const SELECT: &str = "SELECT key, seq, project, agent, at, trace_id FROM runs WHERE text_waits \
                          ORDER BY seq DESC LIMIT $1";
    let failed = while_trying(INDEX);
    let mut db = store.connect().await?;
    let rows = query(&db, INDEX, SELECT, &[&i64::from(limit)]).await?;
    let names = Names::of(&db, texts(&rows, 2)?.into_iter()).await?;
    let (mut waiting, mut unreadable) = (Vec::new(), Vec::new());
    for row in &rows {
        let (project, agent): (String, String) = (get(row, 2)?, get(row, 3)?);
        let project_id = ProjectId::new(names.whole(project.clone())?);
        let run = Waiting {
            run: get(row, 0)?,
            seq: get(row, 1)?,
            project,
            agent,
            at: get(row, 4)?,
            trace: trace_id(row, 5)?,
        };
        let documents = match documents_of(store, project_id.clone(), run.trace).await {
            // What cannot be read cannot be found either, and is no reason for others to wait.
            Err(StoreError::Corrupt { .. }) => {
                unreadable.push((project_id, run.trace));
                None
            }
            other => Some(other?),
        };
        waiting.push((run, documents));
    }
    if waiting.is_empty() {
        return Ok(Indexed::default());
    }
    let tx = db.transaction().await.map_err(&failed)?;
    for (run, documents) in &waiting {
        // Locks the run: it is not settled anew meanwhile. One that was already waits for the next call.
        let done =
            "UPDATE runs SET text_waits = false, text_is_unreadable = $3 WHERE key = $1 AND seq = $2 RETURNING key";
        if query(&tx, INDEX, done, &[&run.run, &run.seq, &documents.is_none()]).await?.is_empty() {
            continue;
        }
        query(&tx, INDEX, "DELETE FROM search_spans WHERE run = $1", &[&run.run]).await?;
        for (position, document) in (0i64..).zip(documents.iter().flatten()) {
            let span = document.span_id.as_bytes().as_slice();
            let trace = run.trace.as_bytes().as_slice();
            query(
                &tx,
                INDEX,
                include_str!("sql/insert_search_span.sql"),
                &[&run.run, &position, &run.project, &run.agent, &run.at, &trace, &span, &document.words],
            )
            .await?;
        }
    }
    tx.commit().await.map_err(failed)?;
    Ok(Indexed { runs: waiting.len() as u64, unreadable })
}

async fn documents_of(store: &PostgresStore, project: ProjectId, trace: TraceId) -> Result<Vec<Document>, StoreError> {
    let db = store.connect().await?;
    let spans = read::spans(&db, &project, trace).await?;
    if spans.is_empty() {
        return Ok(Vec::new());
    }
    let (runtime, cache) = (Handle::current(), std::sync::Arc::clone(&store.cache));
    compute(INDEX, move || read::trace(&runtime, &db, &cache, &project, trace, &spans).map(|trace| documents(&trace)))
        .await
}

/// Returns a page of hits.
pub(super) async fn search(
    store: &PostgresStore,
    project: &ProjectId,
    query: &SearchQuery,
) -> Result<Page<SearchHit>, StoreError> {
    let words = query.words()?;
    let limit = query.limit as usize;
    let mut rows = rows(store, project, query, &words).await?;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| has_more).map(|row| row.after.to_hit_cursor());
    let mut items = Vec::new();
    for Row { after, span, agent } in rows {
        let AfterRun { at, trace_id } = after.run;
        let mut excerpt = excerpt_of(store, project, trace_id, span, &words).await;
        if matches!(excerpt, Err(StoreError::Corrupt { .. })) {
            // One that was deleted and compacted since its words were found is not there when it is looked for again.
            excerpt = excerpt_of(store, project, trace_id, span, &words).await;
        }
        let excerpt = match excerpt {
            Err(StoreError::Corrupt { .. }) => Some(Excerpt::unreadable()),
            other => other?,
        };
        // What it said when it was indexed may have been replaced.
        let Some(excerpt) = excerpt else { continue };
        items.push(SearchHit { trace_id, span_id: span, agent, at, excerpt });
    }
    Ok(Page { items, next })
}

async fn excerpt_of(
    store: &PostgresStore,
    project: &ProjectId,
    id: TraceId,
    span: SpanId,
    words: &[String],
) -> Result<Option<Excerpt>, StoreError> {
    let db = store.connect().await?;
    let spans = read::spans(&db, project, id).await?;
    let (runtime, cache, words) = (Handle::current(), std::sync::Arc::clone(&store.cache), words.to_vec());
    let project = project.clone();
    let find = move || {
        let read = |spans: &[read::Stored]| read::trace(&runtime, &db, &cache, &project, id, spans);
        let Some(own) = spans.iter().find(|stored| stored.span == span) else { return Ok(None) };
        let excerpt = read(std::slice::from_ref(own))?.span(span).and_then(|span| excerpt(span, &words));
        if excerpt.is_some() {
            return Ok(excerpt);
        }
        // It may stand in what arrived apart from the span.
        Ok(excerpt_in(read(&spans)?, span, &words))
    };
    compute(SEARCH, find).await
}

struct Row {
    after: AfterFinding,
    span: SpanId,
    agent: AgentName,
}

async fn rows(
    store: &PostgresStore,
    project: &ProjectId,
    asked: &SearchQuery,
    words: &[String],
) -> Result<Vec<Row>, StoreError> {
    if asked.limit == 0 {
        return Err(StoreError::Invalid("a page of at most zero items".to_owned()));
    }
    // Words are letters and digits, so nothing in them is an expression.
    let wanted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let mut values: Vec<Value> = vec![Box::new(names::key(project.as_str())), Box::new(wanted.join(" & "))];
    let mut sql = include_str!("sql/search.sql").trim_end().to_owned();
    let mut add = |condition: &str, value: Value| {
        values.push(value);
        sql.push_str(&condition.replace('?', &format!("${}", values.len())));
    };
    if let Some(agent) = &asked.agent {
        add(" AND agent = ?", Box::new(names::key(agent.as_str())));
    }
    if let Some(since) = asked.since {
        add(" AND at >= ?", Box::new(since.as_nanos()));
    }
    if let Some(until) = asked.until {
        add(" AND at < ?", Box::new(until.as_nanos()));
    }
    if let Some(cursor) = &asked.after {
        let AfterFinding { run: AfterRun { at, trace_id }, position } = AfterFinding::parse_hit(cursor)?;
        add(" AND at <= ?", Box::new(at.as_nanos()));
        add(" AND (at < ?", Box::new(at.as_nanos()));
        add(" OR trace_id > ?", Box::new(trace_id.as_bytes().to_vec()));
        add(" OR (trace_id = ?", Box::new(trace_id.as_bytes().to_vec()));
        add(" AND position > ?))", Box::new(position));
    }
    add(" ORDER BY at DESC, trace_id, position LIMIT ?", Box::new(i64::from(asked.limit) + 1));
    let values: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> = values.iter().map(|value| &**value as _).collect();
    let db = store.connect().await?;
    let rows = query(&db, SEARCH, &sql, &values).await?;
    let names = Names::of(&db, texts(&rows, 4)?.into_iter()).await?;
    let rows = rows.iter().map(|row| {
        let run = AfterRun { at: Timestamp::from_nanos(get(row, 0)?), trace_id: trace_id(row, 1)? };
        let after = AfterFinding { run, position: get(row, 2)? };
        Ok(Row { after, span: span_id(row, 3)?, agent: AgentName::new(names.whole(get(row, 4)?)?) })
    });
    rows.collect()
}
