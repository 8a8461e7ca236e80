//! Divisions of cost and time: sums by model, tool, agent and so on, which [`super::rollup`] keeps.

use arc_model::{AgentName, CostDimension, CostSums, CostTally, ProjectId, Timestamp};
use arc_store::{CostQuery, StoreError, utc_day};
use clickhouse::{Client, Row};
use serde::Deserialize;

use super::{
    figures::clamped,
    read::query as run_query,
    rows::{self, Sums, kind, literal, read_optional},
};

#[derive(Row, Deserialize)]
struct Line {
    of: String,
    whose: String,
    totals: Sums,
}

/// Reads a division.
pub(super) async fn read(db: &Client, project: &ProjectId, query: &CostQuery) -> Result<Vec<CostTally>, StoreError> {
    let by = query.by;
    if by.is_all_time() && query.since.is_some() {
        return Err(StoreError::Invalid(format!("cost by {by} is kept over all time only; ask without a time")));
    }
    // Times are written like all others, so that lines of one cost are in the order of their names.
    let of = match by {
        CostDimension::Agent => "concat('=', agent)",
        CostDimension::Day => "toString(day)",
        _ => "name",
    };
    let whose = if by.is_all_time() { "agent" } else { "''" };
    let mut only = vec![format!("project = {} AND kind = {}", rows::project(project), kind::of_costs(by))];
    if let Some(agent) = &query.agent {
        only.push(format!("agent = {}", literal(agent.as_str().as_bytes())));
    }
    if let Some(since) = query.since {
        only.push(format!("day >= {}", utc_day(since).as_nanos()));
    }
    let (runs, cost) = (position("runs"), position("cost"));
    let sql = format!(
        "SELECT {of} AS of, {whose} AS whose, sumMap(sums) AS totals FROM settled WHERE {} GROUP BY of, whose \
         HAVING totals[{runs}] > 0 ORDER BY least(totals[{cost}], {}) DESC, {}, whose LIMIT {}",
        only.join(" AND "),
        i64::MAX,
        if by == CostDimension::Day { "toInt64(of)" } else { "of" },
        query.limit
    );
    let lines: Vec<Line> = run_query(db, "read a division of cost", &sql).await?;
    let tallies = lines.into_iter().map(|Line { of, whose, totals }| {
        let name = match by {
            CostDimension::Day => of.parse().ok().map(|day| Timestamp::from_nanos(day).to_string()),
            _ => read_optional(&of).map(str::to_owned),
        };
        let numbers: Vec<i64> = (0..).zip(CostSums::NAMES).map(|(place, _)| clamped(&totals, place)).collect();
        let agent = by.is_all_time().then(|| AgentName::new(whose));
        CostTally { name, agent, sums: CostSums::from_numbers(&numbers) }
    });
    Ok(tallies.collect())
}

/// Returns the position of a sum among all.
fn position(name: &str) -> usize {
    CostSums::NAMES.iter().position(|known| *known == name).unwrap_or(usize::from(u8::MAX))
}
