//! The rollups: counts that settling adds to and takes from, so that figures never read runs.
//!
//! What a run contributes is a pure function of the run and its findings, so taking away what the
//! old run contributed and adding the new one's keeps every count equal to `arc_store::recount`.
//! Firsts and latests cannot be taken away; they are looked up in an index where they may have changed.

use std::collections::BTreeMap;

use arc_model::{AgentName, Cost, LeafId, ProjectId, Run, TaskId, Termination, Timestamp, Verdict};
use arc_store::{StoreError, utc_day};
use rusqlite::{Connection, Params, params};

use super::error::{damaged, while_trying};

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
    pub(super) fn write(&self, connection: &Connection) -> Result<(), StoreError> {
        self.try_write(connection).map_err(while_trying(ATTEMPTED))
    }

    fn try_write(&self, db: &Connection) -> rusqlite::Result<()> {
        for (((project, agent), task), [succeeded, failed, unknown]) in &self.tasks {
            let (project, agent) = (project.as_str(), agent.as_str());
            let (has_task, task) = (task.is_some(), task.as_ref().map_or("", TaskId::as_str));
            let values = params![project, agent, has_task, task, succeeded, failed, unknown];
            execute(db, include_str!("sql/add_task.sql"), values)?;
            execute(db, include_str!("sql/drop_task.sql"), params![project, agent, has_task, task])?;
        }
        for (((project, agent), day), [succeeded, failed, unknown, steps, timeout, priced, cost, judged, correct]) in
            &self.days
        {
            let (project, agent, day) = (project.as_str(), agent.as_str(), day.as_nanos());
            let values =
                params![project, agent, day, succeeded, failed, unknown, steps, timeout, priced, cost, judged, correct];
            execute(db, include_str!("sql/add_day.sql"), values)?;
            execute(db, include_str!("sql/drop_day.sql"), params![project, agent, day])?;
        }
        for (((project, agent), why), [runs]) in &self.unpriced {
            let key = params![project.as_str(), agent.as_str(), why];
            execute(db, include_str!("sql/add_unpriced.sql"), params![project.as_str(), agent.as_str(), why, runs])?;
            execute(db, include_str!("sql/drop_unpriced.sql"), key)?;
        }
        for (((project, agent), leaf), [runs, low, medium, high, critical]) in &self.leaves {
            let (project, agent, leaf) = (project.as_str(), agent.as_str(), leaf.as_str());
            let values = params![project, agent, leaf, runs, low, medium, high, critical];
            execute(db, include_str!("sql/add_leaf.sql"), values)?;
            execute(db, include_str!("sql/drop_leaf.sql"), params![project, agent, leaf])?;
            execute(db, include_str!("sql/refresh_leaf.sql"), params![project, agent, leaf])?;
        }
        for ((project, agent), [runs, succeeded, failed]) in &self.agents {
            let (project, agent) = (project.as_str(), agent.as_str());
            execute(db, include_str!("sql/add_agent.sql"), params![project, agent, runs, succeeded, failed])?;
            execute(db, include_str!("sql/drop_agent.sql"), params![project, agent])?;
            execute(db, include_str!("sql/refresh_agent.sql"), params![project, agent])?;
        }
        Ok(())
    }
}

fn execute(connection: &Connection, sql: &str, values: impl Params) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(values)
}

fn add<const N: usize>(counts: &mut [i64; N], more: [i64; N], sign: i64) {
    for (count, more) in counts.iter_mut().zip(more) {
        *count = count.saturating_add(more.saturating_mul(sign));
    }
}

fn clamped(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
