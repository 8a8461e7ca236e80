//! Pages of runs and findings, by keyset: a page costs the same wherever it is in the listing.

use arc_model::{Finding, ProjectId, Run, Timestamp};
use arc_store::{FindingQuery, Page, RunQuery, StoreError};
use deadpool_postgres::GenericClient;
use tokio_postgres::types::ToSql;

use super::{
    append::trace_id,
    names,
    read::{from_json, get, query as run_query, verdict_name},
};
use crate::cursor::{AfterFinding, AfterRun};

pub(super) async fn runs(
    db: &impl GenericClient,
    project: &ProjectId,
    query: &RunQuery,
) -> Result<Page<Run>, StoreError> {
    let select = select_runs(project, query)?;
    let mut rows = Vec::new();
    for row in run_query(db, "list runs", &select.sql, &select.values()).await? {
        let after = AfterRun { at: Timestamp::from_nanos(get(&row, 0)?), trace_id: trace_id(&row, 1)? };
        rows.push((after, get::<String>(&row, 2)?));
    }
    page(rows, query.limit, AfterRun::to_cursor)
}

pub(super) async fn findings(
    db: &impl GenericClient,
    project: &ProjectId,
    query: &FindingQuery,
) -> Result<Page<Finding>, StoreError> {
    let select = select_findings(project, query)?;
    let mut rows = Vec::new();
    for row in run_query(db, "list findings", &select.sql, &select.values()).await? {
        let run = AfterRun { at: Timestamp::from_nanos(get(&row, 0)?), trace_id: trace_id(&row, 1)? };
        rows.push((AfterFinding { run, position: get(&row, 3)? }, get::<String>(&row, 2)?));
    }
    page(rows, query.limit, AfterFinding::to_cursor)
}

/// Makes a page of rows of which one more was asked for than fit.
fn page<K: Copy, T: serde::de::DeserializeOwned>(
    mut rows: Vec<(K, String)>,
    limit: u32,
    cursor: impl Fn(K) -> arc_store::Cursor,
) -> Result<Page<T>, StoreError> {
    let limit = limit as usize;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| has_more).map(|(key, _)| cursor(*key));
    let items = rows.iter().map(|(_, body)| from_json(body)).collect::<Result<_, _>>()?;
    Ok(Page { items, next })
}

pub(super) type Value = Box<dyn ToSql + Sync + Send>;

/// A query that is being put together. Text from outside only ever becomes a value.
struct Select {
    sql: String,
    values: Vec<Value>,
}

impl Select {
    fn new(sql: &str, project: &ProjectId) -> Self {
        let mut select = Self { sql: sql.to_owned(), values: Vec::new() };
        select.push(" ?", names::key(project.as_str()));
        select
    }

    /// Adds SQL with one `?`, which becomes the number of the value.
    fn push(&mut self, sql: &str, value: impl ToSql + Sync + Send + 'static) {
        self.values.push(Box::new(value));
        self.sql.push_str(&sql.replace('?', &format!("${}", self.values.len())));
    }

    fn push_if(&mut self, sql: &str, value: Option<impl ToSql + Sync + Send + 'static>) {
        if let Some(value) = value {
            self.push(sql, value);
        }
    }

    fn limit(mut self, limit: u32) -> Result<Self, StoreError> {
        if limit == 0 {
            return Err(StoreError::Invalid("a page of at most zero items".to_owned()));
        }
        self.push(" LIMIT ?", i64::from(limit) + 1);
        Ok(self)
    }

    fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect()
    }
}

fn select_runs(project: &ProjectId, query: &RunQuery) -> Result<Select, StoreError> {
    let RunQuery { agent, verdict, task, leaf, since, until, after, limit } = query;
    // With a leaf, its index gives the order.
    let (from, key) = match leaf {
        Some(_) => ("run_leaves AS l JOIN runs AS r ON r.key = l.run", "l"),
        None => ("runs AS r", "r"),
    };
    let sql = format!("SELECT {key}.at, {key}.trace_id, r.body FROM {from} WHERE {key}.project =");
    let mut select = Select::new(&sql, project);
    select.push_if(" AND l.leaf = ?", leaf.as_ref().map(|leaf| names::key(leaf.as_str())));
    select.push_if(" AND r.agent = ?", agent.as_ref().map(|agent| names::key(agent.as_str())));
    select.push_if(" AND r.task = ?", task.as_ref().map(|task| names::key(task.as_str())));
    select.push_if(" AND r.verdict = ?", verdict.map(verdict_name));
    select.push_if(&format!(" AND {key}.at >= ?"), since.map(Timestamp::as_nanos));
    select.push_if(&format!(" AND {key}.at < ?"), until.map(Timestamp::as_nanos));
    if let Some(cursor) = after {
        let AfterRun { at, trace_id } = AfterRun::parse(cursor)?;
        select.push(&format!(" AND {key}.at <= ?"), at.as_nanos());
        select.push(&format!(" AND ({key}.at < ?"), at.as_nanos());
        select.push(&format!(" OR {key}.trace_id > ?)"), trace_id.as_bytes().to_vec());
    }
    select.sql.extend([" ORDER BY ", key, ".at DESC, ", key, ".trace_id"]);
    select.limit(*limit)
}

fn select_findings(project: &ProjectId, query: &FindingQuery) -> Result<Select, StoreError> {
    let FindingQuery { trace_id, agent, leaf, after, limit } = query;
    let mut select = Select::new("SELECT at, trace_id, body, position FROM findings WHERE project =", project);
    if let Some(trace) = trace_id {
        // By the run, whose findings are stored together.
        select.push(" AND run = (SELECT key FROM runs WHERE project = ?", names::key(project.as_str()));
        select.push(" AND trace_id = ?)", trace.as_bytes().to_vec());
    }
    select.push_if(" AND agent = ?", agent.as_ref().map(|agent| names::key(agent.as_str())));
    select.push_if(" AND leaf = ?", leaf.as_ref().map(|leaf| names::key(leaf.as_str())));
    if let Some(cursor) = after {
        let AfterFinding { run: AfterRun { at, trace_id }, position } = AfterFinding::parse(cursor)?;
        select.push(" AND at <= ?", at.as_nanos());
        select.push(" AND (at < ?", at.as_nanos());
        select.push(" OR trace_id > ?", trace_id.as_bytes().to_vec());
        select.push(" OR (trace_id = ?", trace_id.as_bytes().to_vec());
        select.push(" AND position > ?))", position);
    }
    select.sql.push_str(" ORDER BY at DESC, trace_id, position");
    select.limit(*limit)
}
