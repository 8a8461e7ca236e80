//! Pages of runs and findings, by keyset: a page costs the same wherever it is in the listing.

use arc_model::{Finding, ProjectId, Run, Timestamp};
use arc_store::{FindingQuery, Page, RunQuery, StoreError};
use rusqlite::{Connection, params_from_iter, types::Value};

use super::{
    error::while_trying,
    packed::{RUN, json},
    read::{list, trace_id, verdict_name},
};
use crate::cursor::{AfterFinding, AfterRun};

pub(super) fn runs(db: &Connection, project: &ProjectId, query: &RunQuery) -> Result<Page<Run>, StoreError> {
    let select = select_runs(project, query)?;
    let rows = list(db, &select.sql, params_from_iter(select.values), |row| {
        let after = AfterRun { at: Timestamp::from_nanos(row.get(0)?), trace_id: trace_id(row, 1)? };
        Ok((after, row.get(2)?))
    })
    .map_err(while_trying("list runs"))?;
    page(rows, query.limit, |stored| RUN.read(stored), AfterRun::to_cursor)
}

pub(super) fn findings(
    db: &Connection,
    project: &ProjectId,
    query: &FindingQuery,
) -> Result<Page<Finding>, StoreError> {
    let select = select_findings(project, query)?;
    let rows = list(db, &select.sql, params_from_iter(select.values), |row| {
        let run = AfterRun { at: Timestamp::from_nanos(row.get(0)?), trace_id: trace_id(row, 1)? };
        Ok((AfterFinding { run, position: row.get(3)? }, row.get(2)?))
    })
    .map_err(while_trying("list findings"))?;
    page(rows, query.limit, json, AfterFinding::to_cursor)
}

/// Makes a page of rows of which one more was asked for than fit.
fn page<K: Copy, T>(
    mut rows: Vec<(K, Value)>,
    limit: u32,
    read: impl Fn(&Value) -> Result<T, StoreError>,
    cursor: impl Fn(K) -> arc_store::Cursor,
) -> Result<Page<T>, StoreError> {
    let limit = limit as usize;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| has_more).map(|(key, _)| cursor(*key));
    let items = rows.iter().map(|(_, body)| read(body)).collect::<Result<_, _>>()?;
    Ok(Page { items, next })
}

/// A query that is being put together. Text from outside only ever becomes a value.
pub(super) struct Select {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

impl Select {
    fn new(sql: &str, project: &ProjectId) -> Self {
        let mut select = Self { sql: sql.to_owned(), values: Vec::new() };
        select.push(" ?", project.as_str().to_owned());
        select
    }

    /// Adds SQL with one `?` for the value.
    fn push(&mut self, sql: &str, value: impl Into<Value>) {
        self.sql.push_str(sql);
        self.values.push(value.into());
    }

    fn push_if(&mut self, sql: &str, value: Option<impl Into<Value>>) {
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
}

pub(super) fn select_runs(project: &ProjectId, query: &RunQuery) -> Result<Select, StoreError> {
    let RunQuery { agent, verdict, task, leaf, since, until, after, limit } = query;
    // With a leaf, its index gives the order; CROSS JOIN keeps the planner from starting at the runs.
    let (from, key) = match leaf {
        Some(_) => ("run_leaves AS l CROSS JOIN runs AS r ON r.key = l.run", "l"),
        None => ("runs AS r", "r"),
    };
    let sql =
        format!("SELECT {key}.at, {key}.trace_id, coalesce(r.packed_body, r.body) FROM {from} WHERE {key}.project =");
    let mut select = Select::new(&sql, project);
    select.push_if(" AND l.leaf = ?", leaf.as_ref().map(|leaf| leaf.as_str().to_owned()));
    select.push_if(" AND r.agent = ?", agent.as_ref().map(|agent| agent.as_str().to_owned()));
    select.push_if(" AND r.task = ?", task.as_ref().map(|task| task.as_str().to_owned()));
    select.push_if(" AND r.verdict = ?", verdict.map(|verdict| verdict_name(verdict).to_owned()));
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

pub(super) fn select_findings(project: &ProjectId, query: &FindingQuery) -> Result<Select, StoreError> {
    let FindingQuery { trace_id, agent, leaf, after, limit } = query;
    let mut select = Select::new("SELECT at, trace_id, body, position FROM findings WHERE project =", project);
    if let Some(trace) = trace_id {
        // By the run, whose findings are stored together.
        select.push(" AND run = (SELECT key FROM runs WHERE project = ?", project.as_str().to_owned());
        select.push(" AND trace_id = ?)", trace.as_bytes().to_vec());
    }
    select.push_if(" AND agent = ?", agent.as_ref().map(|agent| agent.as_str().to_owned()));
    select.push_if(" AND leaf = ?", leaf.as_ref().map(|leaf| leaf.as_str().to_owned()));
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
