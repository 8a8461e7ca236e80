//! Pages of runs and findings, by keyset: a page costs the same wherever it is in the listing.
//!
//! Runs stand in the table newest first, so a page is read from its place on until it is full. Earlier versions of a
//! run stand beside it until they are merged, and are passed over before anything is compared with what is asked for.

use arc_model::{Finding, LeafId, ProjectId, Run, Timestamp};
use arc_store::{FindingQuery, Page, RunQuery, StoreError};
use clickhouse::{Client, Row};
use serde::Deserialize;

use super::{
    read::{self, from_json, settlements, trace_id, verdict_number},
    rows::{self, KEY, kind, literal, optional},
};
use crate::cursor::{AfterFinding, AfterRun};

#[derive(Row, Deserialize)]
struct Listed {
    place: i64,
    trace_id: [u8; 16],
    body: String,
    findings: Vec<String>,
}

impl Listed {
    fn key(&self) -> Result<AfterRun, StoreError> {
        Ok(AfterRun { at: Timestamp::from_nanos(!self.place), trace_id: trace_id(self.trace_id)? })
    }
}

/// A part of the listing of runs that is being put together.
struct Select {
    /// Holds for all versions of a run.
    of_place: Vec<String>,
    /// Holds for its newest.
    of_run: Vec<String>,
}

impl Select {
    fn new(project: &ProjectId) -> Self {
        let of_place = format!(
            "project = {} AND kind = {} AND agent = '' AND day = 0 AND name = ''",
            rows::project(project),
            kind::RUN
        );
        Self { of_place: vec![of_place], of_run: vec!["is_gone = 0".to_owned()] }
    }

    /// Starts after a run, or with it.
    fn from(&mut self, run: AfterRun, is_inclusive: bool) {
        let (place, comparison) = (!run.at.as_nanos(), if is_inclusive { ">=" } else { ">" });
        let id = literal(run.trace_id.as_bytes());
        self.of_place.push(format!("place >= {place} AND (place, trace_id) {comparison} ({place}, {id})"));
    }

    fn agent(&mut self, agent: &str) {
        self.of_run.push(format!("of_agent = {}", literal(agent.as_bytes())));
    }

    fn leaf(&mut self, leaf: &LeafId) {
        self.of_run.push(format!("has(leaves, {})", literal(leaf.as_str().as_bytes())));
    }

    /// Rows are in the order of the table, which ClickHouse reads no further than it has to; ordering them again would
    /// have it read them all.
    fn sql(&self, limit: u64) -> String {
        self.ordered(KEY, limit)
    }

    /// The same from the other end.
    fn oldest_first(&self, limit: u64) -> String {
        self.ordered(&format!("{} DESC", KEY.replace(", ", " DESC, ")), limit)
    }

    fn ordered(&self, key: &str, limit: u64) -> String {
        format!(
            "SELECT place, trace_id, body, findings FROM (SELECT place, trace_id, run.1 AS seq, run.2 AS is_gone, \
             run.3 AS of_agent, run.4 AS verdict, run.5 AS task, run.6 AS leaves, run.7 AS body, \
             run.8 AS findings FROM settled WHERE {} ORDER BY {key}, run.1 DESC \
             LIMIT 1 BY place, trace_id) WHERE {} LIMIT {limit}",
            self.of_place.join(" AND "),
            self.of_run.join(" AND ")
        )
    }
}

pub(super) async fn runs(db: &Client, project: &ProjectId, query: &RunQuery) -> Result<Page<Run>, StoreError> {
    check(query.limit)?;
    let mut select = Select::new(project);
    if let Some(after) = &query.after {
        select.from(AfterRun::parse(after)?, false);
    }
    // Places count downwards in time.
    if let Some(since) = query.since {
        select.of_place.push(format!("place <= {}", !since.as_nanos()));
    }
    if let Some(until) = query.until {
        select.of_place.push(format!("place > {}", !until.as_nanos()));
    }
    if let Some(agent) = &query.agent {
        select.agent(agent.as_str());
    }
    if let Some(verdict) = query.verdict {
        select.of_run.push(format!("verdict = {}", verdict_number(verdict)));
    }
    if let Some(task) = &query.task {
        select.of_run.push(format!("task = {}", literal(optional(Some(task.as_str())).as_bytes())));
    }
    if let Some(leaf) = &query.leaf {
        select.leaf(leaf);
    }
    let mut rows: Vec<Listed> = read::query(db, "list runs", &select.sql(u64::from(query.limit) + 1)).await?;
    let has_more = rows.len() > query.limit as usize;
    rows.truncate(query.limit as usize);
    let next = rows.last().filter(|_| has_more).map(|last| Ok::<_, StoreError>(last.key()?.to_cursor())).transpose()?;
    let items = rows.iter().map(|row| from_json(&row.body)).collect::<Result<_, _>>()?;
    Ok(Page { items, next })
}

pub(super) async fn findings(
    db: &Client,
    project: &ProjectId,
    query: &FindingQuery,
) -> Result<Page<Finding>, StoreError> {
    check(query.limit)?;
    let after = query.after.as_ref().map(AfterFinding::parse).transpose()?;
    let mut select = Select::new(project);
    select.of_run.push("notEmpty(leaves)".to_owned());
    if let Some(after) = after {
        select.from(after.run, true);
    }
    if let Some(id) = query.trace_id {
        let name = (project.clone(), id);
        let Some(settled) = settlements(db, &read::names([&name].into_iter())).await?.remove(&name) else {
            return Ok(Page { items: Vec::new(), next: None });
        };
        select.of_place.push(format!("place = {} AND trace_id = {}", !settled.at, literal(id.as_bytes())));
    }
    if let Some(agent) = &query.agent {
        select.agent(agent.as_str());
    }
    if let Some(leaf) = &query.leaf {
        select.leaf(leaf);
    }
    // Each run but the one to continue in has at least one, and one more than asked for is looked for.
    let rows: Vec<Listed> = read::query(db, "list findings", &select.sql(u64::from(query.limit) + 2)).await?;
    let mut items: Vec<(AfterFinding, Finding)> = Vec::new();
    for row in &rows {
        let run = row.key()?;
        for (position, body) in (0..).zip(&row.findings) {
            let is_passed = after.is_some_and(|after| after.run == run && position <= after.position);
            if is_passed || items.len() > query.limit as usize {
                continue;
            }
            let finding: Finding = from_json(body)?;
            if query.leaf.as_ref().is_none_or(|leaf| leaf == finding.leaf()) {
                items.push((AfterFinding { run, position }, finding));
            }
        }
    }
    let has_more = items.len() > query.limit as usize;
    items.truncate(query.limit as usize);
    let next = items.last().filter(|_| has_more).map(|(key, _)| key.to_cursor());
    Ok(Page { items: items.into_iter().map(|(_, finding)| finding).collect(), next })
}

fn check(limit: u32) -> Result<(), StoreError> {
    if limit == 0 {
        Err(StoreError::Invalid("a page has at least one item; ask for more than none".to_owned()))
    } else {
        Ok(())
    }
}

/// Returns the latest run of an agent, with a finding of a leaf if one is given, other than these.
pub(super) async fn latest(
    db: &Client,
    project: &ProjectId,
    agent: &str,
    leaf: Option<&LeafId>,
    others: &str,
) -> Result<Option<Run>, StoreError> {
    let mut select = Select::new(project);
    select.agent(agent);
    if let Some(leaf) = leaf {
        select.leaf(leaf);
    }
    select.of_run.push(format!("trace_id NOT IN {others}"));
    let rows: Vec<Listed> = read::query(db, "settle runs", &select.sql(1)).await?;
    rows.first().map(|row| from_json(&row.body)).transpose()
}

/// Returns the time of the first run of an agent with a finding of a leaf, other than these.
pub(super) async fn first_at(
    db: &Client,
    project: &ProjectId,
    agent: &str,
    leaf: &LeafId,
    others: &str,
) -> Result<Option<i64>, StoreError> {
    let mut select = Select::new(project);
    select.agent(agent);
    select.leaf(leaf);
    select.of_run.push(format!("trace_id NOT IN {others}"));
    let rows: Vec<Listed> = read::query(db, "settle runs", &select.oldest_first(1)).await?;
    Ok(rows.first().map(|row| !row.place))
}
