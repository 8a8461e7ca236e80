//! Reading sums: agents and what their figures are computed from.

use arc_model::{
    AgentFigures, AgentName, AgentSummary, DayTally, LeafId, LeafTally, NanoUsd, ProjectId, Severity, TaskId,
    TaskTally, Timestamp, UnpricedTally,
};
use arc_store::{StoreError, reason_key};
use clickhouse::{Client, Row};
use serde::Deserialize;

use super::{
    read::{LatestRun, Seen, from_json, query},
    rows::{self, Sums, kind, literal},
};

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
