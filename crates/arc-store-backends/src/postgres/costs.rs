//! Divisions of cost and time: sums by model, tool, agent and so on, kept while runs settle.
//!
//! `cost_days` has a row per agent, day and name; `cost_totals` one per agent and name, for users and
//! sessions. What a run adds is kept with it, so that it can be taken away again when it is settled anew.

use std::{cmp::Reverse, collections::BTreeMap, sync::LazyLock};

use arc_model::{
    AgentName, CostDimension, CostSums, CostTally, ProjectId, Run, RunCosts, SessionId, Timestamp, UserId,
};
use arc_store::{CostQuery, StoreError, utc_day};
use deadpool_postgres::{GenericClient, Transaction};
use tokio_postgres::{Row, types::ToSql};

use super::{
    names::{self, Names},
    read::{get, query as run_query, texts, verdict_name},
};

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
            self.add(project, run, part.by, part.name.clone(), &part.sums, sign);
        }
        let whole = [
            (CostDimension::Version, run.agent.version.clone()),
            (CostDimension::User, run.user.as_ref().map(UserId::as_str).map(str::to_owned)),
            (CostDimension::Session, run.session.as_ref().map(SessionId::as_str).map(str::to_owned)),
            // Those by agent and by day are read from these.
            (CostDimension::Outcome, Some(verdict_name(run.outcome.verdict).to_owned())),
        ];
        for (by, name) in whole {
            self.add(project, run, by, name, &costs.whole, sign);
        }
    }

    fn add(
        &mut self,
        project: &ProjectId,
        run: &Run,
        by: CostDimension,
        name: Option<String>,
        sums: &CostSums,
        sign: i64,
    ) {
        let day = (!by.is_all_time()).then(|| utc_day(run.at()).as_nanos());
        let key = (project.clone(), by, run.agent.name.clone(), day, name);
        let numbers = sums.numbers();
        let known = self.0.entry(key).or_insert_with(|| vec![0; numbers.len()]);
        for (known, number) in known.iter_mut().zip(numbers) {
            *known = known.saturating_add(number.saturating_mul(sign));
        }
    }

    /// Writes the changes; rows that count no run any more go.
    pub(super) async fn write(&self, tx: &Transaction<'_>) -> Result<(), StoreError> {
        names::keep(tx, self.0.keys().filter_map(|(.., name)| name.as_deref())).await?;
        let (days, totals): (Vec<_>, Vec<_>) = self.0.iter().partition(|((.., day, _), _)| day.is_some());
        for (rows, sql) in [(days, &*DAYS), (totals, &*TOTALS)] {
            if rows.is_empty() {
                continue;
            }
            let (key, sums) = columns(&rows);
            let all: Vec<&(dyn ToSql + Sync)> = key.iter().chain(&sums).map(|column| &**column as _).collect();
            run_query(tx, ATTEMPTED, &sql.add, &all).await?;
            let key: Vec<&(dyn ToSql + Sync)> = key.iter().map(|column| &**column as _).collect();
            run_query(tx, ATTEMPTED, &sql.remove, &key).await?;
        }
        Ok(())
    }
}

type Column = Box<dyn ToSql + Sync + Send>;

/// Returns the columns of the key and those of the sums.
fn columns(rows: &[(&Key, &Vec<i64>)]) -> (Vec<Column>, Vec<Column>) {
    let texts =
        |text: fn(&Key) -> String| -> Column { Box::new(rows.iter().map(|(key, _)| text(key)).collect::<Vec<_>>()) };
    let mut key = vec![
        texts(|(project, ..)| names::key(project.as_str())),
        texts(|(_, by, ..)| by.as_str().to_owned()),
        texts(|(_, _, agent, ..)| names::key(agent.as_str())),
    ];
    let days: Vec<i64> = rows.iter().filter_map(|((.., day, _), _)| *day).collect();
    if !days.is_empty() {
        key.push(Box::new(days));
    }
    key.push(Box::new(rows.iter().map(|((.., name), _)| name.is_some()).collect::<Vec<bool>>()));
    key.push(texts(|(.., name)| names::key(name.as_deref().unwrap_or(""))));
    let sum = |place: usize| -> Column {
        Box::new(rows.iter().map(|(_, sums)| sums.get(place).copied().unwrap_or(0)).collect::<Vec<i64>>())
    };
    (key, (0..CostSums::NAMES.len()).map(sum).collect())
}

/// The statements that keep a table.
struct Statements {
    add: String,
    remove: String,
}

static DAYS: LazyLock<Statements> = LazyLock::new(|| {
    let key = [("project", "text"), ("dimension", "text"), ("agent", "text"), ("day", "int8"), ("has_name", "bool")];
    statements("cost_days", &key)
});
static TOTALS: LazyLock<Statements> = LazyLock::new(|| {
    let key = [("project", "text"), ("dimension", "text"), ("agent", "text"), ("has_name", "bool")];
    statements("cost_totals", &key)
});

fn statements(table: &str, key: &[(&str, &str)]) -> Statements {
    let key: Vec<(&str, &str)> = key.iter().copied().chain([("name", "text")]).collect();
    let columns: Vec<(&str, &str)> =
        key.iter().copied().chain(CostSums::NAMES.iter().map(|name| (*name, "int8"))).collect();
    let names = |columns: &[(&str, &str)]| columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let places = |columns: &[(&str, &str)]| {
        let places: Vec<String> = (1..).zip(columns).map(|(place, (_, kind))| format!("${place}::{kind}[]")).collect();
        places.join(", ")
    };
    // Sums stop at the largest number.
    let sums: Vec<String> = CostSums::NAMES
        .iter()
        .map(|name| format!("{name} = least({}, stored.{name}::numeric + excluded.{name})::int8", i64::MAX))
        .collect();
    let is_key: Vec<String> = key
        .iter()
        .map(|(name, kind)| {
            let collation = if *kind == "text" { " COLLATE \"C\"" } else { "" };
            format!("stored.{name} = changed.{name}{collation}")
        })
        .collect();
    Statements {
        add: format!(
            "INSERT INTO {table} AS stored ({}) SELECT * FROM unnest({}) ON CONFLICT ({}) DO UPDATE SET {}",
            names(&columns),
            places(&columns),
            names(&key),
            sums.join(", ")
        ),
        remove: format!(
            "DELETE FROM {table} AS stored USING unnest({}) AS changed ({}) WHERE {} AND stored.runs = 0",
            places(&key),
            names(&key),
            is_key.join(" AND ")
        ),
    }
}

/// Reads a division.
pub(super) async fn read(
    db: &impl GenericClient,
    project: &ProjectId,
    query: &CostQuery,
) -> Result<Vec<CostTally>, StoreError> {
    if query.by.is_all_time() {
        if query.since.is_some() {
            let by = query.by;
            return Err(StoreError::Invalid(format!("cost by {by} is kept over all time only; ask without a time")));
        }
        return totals(db, project, query).await;
    }
    let (dimension, has_name, name) = match query.by {
        CostDimension::Agent => (CostDimension::Outcome, "true", "agent"),
        CostDimension::Day => (CostDimension::Outcome, "true", "day::text"),
        other => (other, "has_name", "name"),
    };
    let sums: Vec<String> =
        CostSums::NAMES.iter().map(|sum| format!("least({}, sum({sum}))::int8", i64::MAX)).collect();
    let sql = format!(
        "SELECT {has_name}, {name}, {} FROM cost_days WHERE project = $1 AND dimension = $2 \
         AND ($3::text IS NULL OR agent = $3) AND day >= $4 GROUP BY 1, 2",
        sums.join(", ")
    );
    let agent = query.agent.as_ref().map(|agent| names::key(agent.as_str()));
    let since = query.since.map_or(i64::MIN, |since| utc_day(since).as_nanos());
    let rows = run_query(db, READ, &sql, &[&names::key(project.as_str()), &dimension.as_str(), &agent, &since]).await?;
    let names = Names::of(db, texts(&rows, 1)?.into_iter()).await?;
    let mut tallies = rows.iter().map(|row| tally(row, &names, None)).collect::<Result<Vec<_>, _>>()?;
    if query.by == CostDimension::Day {
        for tally in &mut tallies {
            let day = tally.name.as_deref().and_then(|day| day.parse().ok());
            tally.name = day.map(|day| Timestamp::from_nanos(day).to_string());
        }
    }
    tallies.sort_by(|a, b| (Reverse(a.sums.cost), &a.name).cmp(&(Reverse(b.sums.cost), &b.name)));
    tallies.truncate(usize::try_from(query.limit).unwrap_or(usize::MAX));
    Ok(tallies)
}

async fn totals(db: &impl GenericClient, project: &ProjectId, query: &CostQuery) -> Result<Vec<CostTally>, StoreError> {
    let of_agent = if query.agent.is_some() { " AND agent = $4" } else { "" };
    let sql = format!(
        "SELECT has_name, name, {}, agent FROM cost_totals WHERE project = $1 AND dimension = $2{of_agent} \
         ORDER BY cost DESC, has_name, name, agent LIMIT $3",
        CostSums::NAMES.join(", ")
    );
    let (project, agent) = (names::key(project.as_str()), query.agent.as_ref().map(|agent| names::key(agent.as_str())));
    let (by, limit) = (query.by.as_str(), i64::from(query.limit));
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&project, &by, &limit];
    if let Some(agent) = &agent {
        values.push(agent);
    }
    let rows = run_query(db, READ, &sql, &values).await?;
    let agent = CostSums::NAMES.len() + 2;
    let names = Names::of(db, texts(&rows, 1)?.into_iter().chain(texts(&rows, agent)?)).await?;
    rows.iter().map(|row| tally(row, &names, Some(agent))).collect()
}

fn tally(row: &Row, names: &Names, agent: Option<usize>) -> Result<CostTally, StoreError> {
    let has_name: bool = get(row, 0)?;
    let name = names.whole(get(row, 1)?)?;
    let numbers = (0..CostSums::NAMES.len()).map(|place| get(row, place + 2)).collect::<Result<Vec<i64>, _>>()?;
    let agent = agent.map(|column| Ok(AgentName::new(names.whole(get(row, column)?)?))).transpose()?;
    Ok(CostTally { name: has_name.then_some(name), agent, sums: CostSums::from_numbers(&numbers) })
}
