//! The rollups: counts that settling adds to and takes from, so that figures never read runs.
//!
//! What a run contributes is a pure function of the run and its findings, so taking away what the
//! old run contributed and adding the new one's keeps every count equal to `arc_store::recount`.
//! Firsts and latests cannot be taken away; they are looked up in an index where they may have changed.

use std::collections::BTreeMap;

use arc_model::{AgentName, Cost, LeafId, ProjectId, Run, TaskId, Termination, Timestamp, Verdict};
use arc_store::{StoreError, utc_day};
use deadpool_postgres::Transaction;
use tokio_postgres::{Error, types::ToSql};

use super::{
    error::{damaged, while_trying},
    names,
};

const ATTEMPTED: &str = "update the figures";

/// How many findings of each severity, from low to critical.
pub(super) type Severities = [i64; 4];

type Agent = (ProjectId, AgentName);

/// What a transaction changes in the rollups.
#[derive(Default)]
pub(super) struct Changes {
    /// Runs, succeeded, failed.
    agents: BTreeMap<Agent, [i64; 3]>,
    /// Succeeded, failed, unknown.
    tasks: BTreeMap<(Agent, Option<TaskId>), [i64; 3]>,
    /// The columns of `agent_days` in order.
    days: BTreeMap<(Agent, Timestamp), [i64; 9]>,
    /// Runs, then findings by severity.
    leaves: BTreeMap<(Agent, LeafId), [i64; 5]>,
    /// Runs by the reason's JSON.
    unpriced: BTreeMap<(Agent, String), [i64; 1]>,
}

impl Changes {
    /// Adds (`sign` 1) or takes away (`sign` -1) what a run contributes.
    pub(super) fn count(
        &mut self,
        project: &ProjectId,
        run: &Run,
        leaves: &BTreeMap<LeafId, Severities>,
        sign: i64,
    ) -> Result<(), StoreError> {
        let agent = (project.clone(), run.agent.name.clone());
        if run.is_running {
            // It counts nowhere, but its agent is listed.
            self.agents.entry(agent).or_default();
            return Ok(());
        }
        let [succeeded, failed, unknown] = match run.outcome.verdict {
            Verdict::Succeeded => [1, 0, 0],
            Verdict::Failed => [0, 1, 0],
            Verdict::Unknown => [0, 0, 1],
        };
        add(self.agents.entry(agent.clone()).or_default(), [1, succeeded, failed], sign);
        let task = (agent.clone(), run.task.clone());
        add(self.tasks.entry(task).or_default(), [succeeded, failed, unknown], sign);
        let day = [
            succeeded,
            failed,
            unknown,
            i64::from(run.termination == Some(Termination::StepLimit)),
            i64::from(run.termination == Some(Termination::Timeout)),
            i64::from(run.cost.known().is_some()),
            run.cost.known().map_or(0, |cost| cost.0),
            clamped(run.tool_calls_judged),
            clamped(run.tool_calls_correct),
        ];
        add(self.days.entry((agent.clone(), utc_day(run.at()))).or_default(), day, sign);
        for (leaf, [low, medium, high, critical]) in leaves {
            let counts = [1, *low, *medium, *high, *critical];
            add(self.leaves.entry((agent.clone(), leaf.clone())).or_default(), counts, sign);
        }
        if let Cost::Unknown { why, .. } = &run.cost {
            let why = serde_json::to_string(why).map_err(|error| damaged(ATTEMPTED, error))?;
            add(self.unpriced.entry((agent, why)).or_default(), [1], sign);
        }
        Ok(())
    }

    /// Writes the changes; rows that count nothing any more go.
    pub(super) async fn write(&self, tx: &Transaction<'_>) -> Result<(), StoreError> {
        names::keep(tx, self.unpriced.keys().map(|(_, why)| why.as_str())).await?;
        self.try_write(tx).await.map_err(while_trying(ATTEMPTED))
    }

    async fn try_write(&self, tx: &Transaction<'_>) -> Result<(), Error> {
        let (projects, agents) = columns(self.tasks.keys().map(|(agent, _)| agent));
        let has_task: Vec<bool> = self.tasks.keys().map(|(_, task)| task.is_some()).collect();
        let tasks = self.tasks.keys().map(|(_, task)| names::key(task.as_ref().map_or("", TaskId::as_str)));
        let tasks: Vec<String> = tasks.collect();
        let [succeeded, failed, unknown] = transpose(self.tasks.values());
        execute(
            tx,
            include_str!("sql/add_tasks.sql"),
            &[&projects, &agents, &has_task, &tasks, &succeeded, &failed, &unknown],
        )
        .await?;
        execute(tx, include_str!("sql/drop_tasks.sql"), &[&projects, &agents, &has_task, &tasks]).await?;

        let (projects, agents) = columns(self.days.keys().map(|(agent, _)| agent));
        let days: Vec<i64> = self.days.keys().map(|(_, day)| day.as_nanos()).collect();
        let [succeeded, failed, unknown, steps, timeout, priced, cost, judged, correct] = transpose(self.days.values());
        let values: &[&(dyn ToSql + Sync)] = &[
            &projects, &agents, &days, &succeeded, &failed, &unknown, &steps, &timeout, &priced, &cost, &judged,
            &correct,
        ];
        execute(tx, include_str!("sql/add_days.sql"), values).await?;
        execute(tx, include_str!("sql/drop_days.sql"), &[&projects, &agents, &days]).await?;

        let (projects, agents) = columns(self.unpriced.keys().map(|(agent, _)| agent));
        let why: Vec<String> = self.unpriced.keys().map(|(_, why)| names::key(why)).collect();
        let [runs] = transpose(self.unpriced.values());
        execute(tx, include_str!("sql/add_unpriced.sql"), &[&projects, &agents, &why, &runs]).await?;
        execute(tx, include_str!("sql/drop_unpriced.sql"), &[&projects, &agents, &why]).await?;

        let (projects, agents) = columns(self.leaves.keys().map(|(agent, _)| agent));
        let leaves: Vec<String> = self.leaves.keys().map(|(_, leaf)| names::key(leaf.as_str())).collect();
        let [runs, low, medium, high, critical] = transpose(self.leaves.values());
        execute(
            tx,
            include_str!("sql/add_leaves.sql"),
            &[&projects, &agents, &leaves, &runs, &low, &medium, &high, &critical],
        )
        .await?;
        execute(tx, include_str!("sql/drop_leaves.sql"), &[&projects, &agents, &leaves]).await?;
        execute(tx, include_str!("sql/refresh_leaves.sql"), &[&projects, &agents, &leaves]).await?;

        let (projects, agents) = columns(self.agents.keys());
        let [runs, succeeded, failed] = transpose(self.agents.values());
        let values: &[&(dyn ToSql + Sync)] = &[&projects, &agents, &runs, &succeeded, &failed];
        execute(tx, include_str!("sql/add_agents.sql"), values).await?;
        execute(tx, include_str!("sql/drop_agents.sql"), &[&projects, &agents]).await?;
        execute(tx, include_str!("sql/refresh_agents.sql"), &[&projects, &agents]).await
    }
}

/// Runs a statement over columns, unless they are empty.
async fn execute(tx: &Transaction<'_>, sql: &str, columns: &[&(dyn ToSql + Sync)]) -> Result<(), Error> {
    let statement = tx.prepare_cached(sql).await?;
    tx.execute(&statement, columns).await.map(drop)
}

fn columns<'a>(agents: impl Iterator<Item = &'a Agent>) -> (Vec<String>, Vec<String>) {
    agents.map(|(project, agent)| (names::key(project.as_str()), names::key(agent.as_str()))).unzip()
}

fn transpose<'a, const N: usize>(rows: impl Iterator<Item = &'a [i64; N]>) -> [Vec<i64>; N] {
    let mut columns = [const { Vec::new() }; N];
    for row in rows {
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(*value);
        }
    }
    columns
}

fn add<const N: usize>(counts: &mut [i64; N], more: [i64; N], sign: i64) {
    for (count, more) in counts.iter_mut().zip(more) {
        *count = count.saturating_add(more.saturating_mul(sign));
    }
}

fn clamped(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
