//! Divisions of cost and time: sums by model, tool, agent and so on, kept while runs settle.
//!
//! `cost_days` has a row per day, agent and name, for questions about a time; `cost_totals` one per agent
//! and name, for all others, and alone for users and sessions. What a run adds is kept with it, so that it can be taken away again when it is settled anew.

use std::{collections::BTreeMap, sync::LazyLock};

use arc_model::{AgentName, CostDimension, CostSums, CostTally, ProjectId, Run, RunCosts, SessionId, UserId};
use arc_store::{CostQuery, StoreError, utc_day};
use rusqlite::{Connection, Row, params_from_iter, types::Value};

use super::error::while_trying;
use crate::sqlite::read::{list, verdict_name};

const ATTEMPTED: &str = "update the sums of cost";
const READ: &str = "read a division of cost";

/// Where a sum is kept: project, dimension, agent, day (where days are kept) and name.
type Key = (ProjectId, CostDimension, AgentName, Option<i64>, Option<String>);

/// What a transaction changes in the sums.
#[derive(Default)]
pub(super) struct Changes(BTreeMap<Key, Vec<i64>>);

impl Changes {
    /// Adds (`sign` 1) or takes away (`sign` -1) what a run adds.
    pub(super) fn count(&mut self, project: &ProjectId, run: &Run, costs: &RunCosts, sign: i64) {
        if run.is_running {
            return;
        }
        for part in &costs.parts {
            self.add(project, run, part.by, part.name.as_deref(), &part.sums, sign);
        }
        let whole = [
            (CostDimension::Version, run.agent.version.clone()),
            (CostDimension::User, run.user.as_ref().map(UserId::as_str).map(str::to_owned)),
            (CostDimension::Session, run.session.as_ref().map(SessionId::as_str).map(str::to_owned)),
            // Those by agent and by day are read from these.
            (CostDimension::Outcome, Some(verdict_name(run.outcome.verdict).to_owned())),
        ];
        for (by, name) in whole {
            self.add(project, run, by, name.as_deref(), &costs.whole, sign);
        }
    }

    fn add(
        &mut self,
        project: &ProjectId,
        run: &Run,
        by: CostDimension,
        name: Option<&str>,
        sums: &CostSums,
        sign: i64,
    ) {
        let numbers = sums.numbers();
        let day = (!by.is_all_time()).then(|| utc_day(run.at()).as_nanos());
        for day in day.map(Some).into_iter().chain([None]) {
            let key = (project.clone(), by, run.agent.name.clone(), day, name.map(str::to_owned));
            let known = self.0.entry(key).or_insert_with(|| vec![0; numbers.len()]);
            for (known, &number) in known.iter_mut().zip(&numbers) {
                *known = known.saturating_add(number.saturating_mul(sign));
            }
        }
    }

    /// Writes the changes; rows that count no run any more go.
    pub(super) fn write(&self, db: &Connection) -> Result<(), StoreError> {
        self.try_write(db).map_err(while_trying(ATTEMPTED))
    }

    fn try_write(&self, db: &Connection) -> rusqlite::Result<()> {
        for ((project, by, agent, day, name), numbers) in &self.0 {
            let sql = if day.is_some() { &*DAYS } else { &*TOTALS };
            let text = |text: &str| Value::Text(text.to_owned());
            let mut key = vec![text(project.as_str()), text(by.as_str()), text(agent.as_str())];
            key.extend(day.map(Value::Integer));
            key.extend([Value::Integer(name.is_some().into()), text(name.as_deref().unwrap_or(""))]);
            let values = key.iter().cloned().chain(numbers.iter().map(|&number| Value::Integer(number)));
            db.prepare_cached(&sql.add)?.execute(params_from_iter(values))?;
            db.prepare_cached(&sql.remove)?.execute(params_from_iter(key))?;
        }
        Ok(())
    }
}

/// The statements that keep a table.
struct Statements {
    add: String,
    remove: String,
}

static DAYS: LazyLock<Statements> =
    LazyLock::new(|| statements("cost_days", &["project", "dimension", "agent", "day", "has_name", "name"]));
static TOTALS: LazyLock<Statements> =
    LazyLock::new(|| statements("cost_totals", &["project", "dimension", "agent", "has_name", "name"]));

fn statements(table: &str, key: &[&str]) -> Statements {
    let columns: Vec<&str> = key.iter().chain(CostSums::NAMES).copied().collect();
    let places: Vec<String> = (1..=columns.len()).map(|place| format!("?{place}")).collect();
    // The casts stop a sum that overflows at the largest integer.
    let sums: Vec<String> =
        CostSums::NAMES.iter().map(|name| format!("{name} = CAST({name} + excluded.{name} AS INTEGER)")).collect();
    let is_key: Vec<String> = key.iter().zip(1..).map(|(name, place)| format!("{name} = ?{place}")).collect();
    Statements {
        add: format!(
            "INSERT INTO {table} ({}) VALUES ({}) ON CONFLICT DO UPDATE SET {}",
            columns.join(", "),
            places.join(", "),
            sums.join(", ")
        ),
        remove: format!("DELETE FROM {table} WHERE {} AND runs = 0", is_key.join(" AND ")),
    }
}

/// Reads a division.
pub(super) fn read(db: &Connection, project: &ProjectId, query: &CostQuery) -> Result<Vec<CostTally>, StoreError> {
    if query.by.is_all_time() {
        if query.since.is_some() {
            let by = query.by;
            return Err(StoreError::Invalid(format!("cost by {by} is kept over all time only; ask without a time")));
        }
        return dearest(db, project, query);
    }
    let (sql, values) = select_sums(project, query, true);
    let summed = list(db, &sql, params_from_iter(values), |row| tally(row, false));
    let tallies = match summed {
        // A sum that no integer holds: add up here, where sums stop.
        Err(error) if error.to_string().contains("overflow") => {
            let (sql, values) = select_sums(project, query, false);
            list(db, &sql, params_from_iter(values), |row| tally(row, false)).map_err(while_trying(READ))?
        }
        other => other.map_err(while_trying(READ))?,
    };
    let mut lines: BTreeMap<Option<String>, CostSums> = BTreeMap::new();
    for tally in tallies {
        let name = match query.by {
            CostDimension::Day => tally.name.and_then(|day| Some(day_name(day.parse().ok()?))),
            _ => tally.name,
        };
        lines.entry(name).or_default().add(&tally.sums);
    }
    let mut tallies: Vec<CostTally> =
        lines.into_iter().map(|(name, sums)| CostTally { name, agent: None, sums }).collect();
    tallies.sort_by_key(|tally| std::cmp::Reverse(tally.sums.cost));
    tallies.truncate(usize::try_from(query.limit).unwrap_or(usize::MAX));
    Ok(tallies)
}

fn day_name(day: i64) -> String {
    arc_model::Timestamp::from_nanos(day).to_string()
}

/// Returns the statement that reads the sums of a division, added up by name or row by row.
pub(super) fn select_sums(project: &ProjectId, query: &CostQuery, summed: bool) -> (String, Vec<Value>) {
    let (dimension, has_name, name) = match query.by {
        CostDimension::Agent => (CostDimension::Outcome, "1", "agent"),
        CostDimension::Day => (CostDimension::Outcome, "1", "CAST(day AS TEXT)"),
        other => (other, "has_name", "name"),
    };
    let sums: Vec<String> =
        CostSums::NAMES.iter().map(|sum| if summed { format!("sum({sum})") } else { (*sum).to_owned() }).collect();
    let is_by_day = query.since.is_some() || query.by == CostDimension::Day;
    let table = if is_by_day { "cost_days" } else { "cost_totals" };
    let mut sql =
        format!("SELECT {has_name}, {name}, {} FROM {table} WHERE project = ? AND dimension = ?", sums.join(", "));
    let mut values = vec![Value::Text(project.as_str().to_owned()), Value::Text(dimension.as_str().to_owned())];
    if let Some(agent) = &query.agent {
        sql.push_str(" AND agent = ?");
        values.push(Value::Text(agent.as_str().to_owned()));
    }
    if let Some(since) = query.since {
        sql.push_str(" AND day >= ?");
        values.push(Value::Integer(utc_day(since).as_nanos()));
    }
    if summed {
        // Days are in the order of the table.
        sql.push_str(if query.by == CostDimension::Day { " GROUP BY day" } else { " GROUP BY 1, 2" });
    }
    (sql, values)
}

fn dearest(db: &Connection, project: &ProjectId, query: &CostQuery) -> Result<Vec<CostTally>, StoreError> {
    let (sql, values) = select_dearest(project, query);
    list(db, &sql, params_from_iter(values), |row| tally(row, true)).map_err(while_trying(READ))
}

/// Returns the statement that lists the dearest users or sessions.
pub(super) fn select_dearest(project: &ProjectId, query: &CostQuery) -> (String, Vec<Value>) {
    let of_agent = if query.agent.is_some() { " AND agent = ?" } else { "" };
    let sql = format!(
        "SELECT has_name, name, {}, agent FROM cost_totals WHERE project = ? AND dimension = ?{of_agent} \
         ORDER BY cost DESC, has_name, name, agent LIMIT ?",
        CostSums::NAMES.join(", ")
    );
    let mut values = vec![Value::Text(project.as_str().to_owned()), Value::Text(query.by.as_str().to_owned())];
    values.extend(query.agent.as_ref().map(|agent| Value::Text(agent.as_str().to_owned())));
    values.push(Value::Integer(query.limit.into()));
    (sql, values)
}

fn tally(row: &Row<'_>, has_agent: bool) -> rusqlite::Result<CostTally> {
    let has_name: bool = row.get(0)?;
    let name: String = row.get(1)?;
    let numbers = (0..CostSums::NAMES.len()).map(|place| row.get(place + 2)).collect::<rusqlite::Result<Vec<i64>>>()?;
    let agent = if has_agent { Some(AgentName::new(row.get::<_, String>(CostSums::NAMES.len() + 2)?)) } else { None };
    Ok(CostTally { name: has_name.then_some(name), agent, sums: CostSums::from_numbers(&numbers) })
}
