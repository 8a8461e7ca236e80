//! The sums: what settling adds and takes away, so that figures never read runs.
//!
//! What a run contributes is a pure function of the run and its findings, so adding the opposite of what the old run
//! contributed and what the new one does keeps every sum equal to `arc_store::recount`. ClickHouse adds up rows with
//! the same key when it merges, and readers add up the rest. Sums have 128 bits, so they never stop short.

use std::collections::BTreeMap;

use arc_model::{
    Cost, CostDimension, CostSums, LeafId, ProjectId, Run, RunCosts, SessionId, TaskId, Termination, UserId, Verdict,
};
use arc_store::{StoreError, utc_day};

use super::{
    error::damaged,
    read::verdict_name,
    rows::{SettledRow, Sums, kind, optional},
};

/// How many findings of each severity, from low to critical.
pub(super) type Severities = [i128; 4];

/// Where a sum is kept: project, kind, agent, day and name.
type Key = (String, u8, String, i64, String);

/// What a settlement changes in the sums.
#[derive(Default)]
pub(super) struct Changes(BTreeMap<Key, Sums>);

impl Changes {
    /// Adds (`sign` 1) or takes away (`sign` -1) what a run contributes.
    pub(super) fn count(
        &mut self,
        project: &ProjectId,
        run: &Run,
        leaves: &BTreeMap<LeafId, Severities>,
        sign: i128,
    ) -> Result<(), StoreError> {
        if run.is_running {
            return Ok(());
        }
        let agent = run.agent.name.as_str();
        let mut add = |kind: u8, day: i64, name: String, sums: &[i128]| {
            let key = (project.as_str().to_owned(), kind, agent.to_owned(), day, name);
            self.add(key, sums.iter().copied(), sign);
        };
        let [succeeded, failed, unknown] = match run.outcome.verdict {
            Verdict::Succeeded => [1, 0, 0],
            Verdict::Failed => [0, 1, 0],
            Verdict::Unknown => [0, 0, 1],
        };
        add(kind::AGENT, 0, String::new(), &[1, succeeded, failed]);
        add(kind::TASK, 0, optional(run.task.as_ref().map(TaskId::as_str)), &[succeeded, failed, unknown]);
        let day = [
            succeeded,
            failed,
            unknown,
            i128::from(run.termination == Some(Termination::StepLimit)),
            i128::from(run.termination == Some(Termination::Timeout)),
            i128::from(run.cost.known().is_some()),
            run.cost.known().map_or(0, |cost| cost.0.into()),
            i128::from(run.tool_calls_judged),
            i128::from(run.tool_calls_correct),
        ];
        add(kind::DAY, utc_day(run.at()).as_nanos(), String::new(), &day);
        for (leaf, [low, medium, high, critical]) in leaves {
            add(kind::LEAF, 0, leaf.as_str().to_owned(), &[1, *low, *medium, *high, *critical]);
        }
        if let Cost::Unknown { why, .. } = &run.cost {
            let why = serde_json::to_string(why).map_err(|error| damaged("update the figures", error))?;
            add(kind::UNPRICED, 0, why, &[1]);
        }
        Ok(())
    }

    /// Adds or takes away how the cost and time of a run divide.
    pub(super) fn count_costs(&mut self, project: &ProjectId, run: &Run, costs: &RunCosts, sign: i128) {
        if run.is_running {
            return;
        }
        for part in &costs.parts {
            self.add_costs(project, run, part.by, part.name.as_deref(), &part.sums, sign);
        }
        let whole = [
            (CostDimension::Version, run.agent.version.as_deref()),
            (CostDimension::User, run.user.as_ref().map(UserId::as_str)),
            (CostDimension::Session, run.session.as_ref().map(SessionId::as_str)),
            // Those by agent and by day are read from these.
            (CostDimension::Outcome, Some(verdict_name(run.outcome.verdict))),
        ];
        for (by, name) in whole {
            self.add_costs(project, run, by, name, &costs.whole, sign);
        }
    }

    fn add_costs(
        &mut self,
        project: &ProjectId,
        run: &Run,
        by: CostDimension,
        name: Option<&str>,
        sums: &CostSums,
        sign: i128,
    ) {
        let day = if by.is_all_time() { 0 } else { utc_day(run.at()).as_nanos() };
        let agent = run.agent.name.as_str().to_owned();
        let key = (project.as_str().to_owned(), kind::of_costs(by), agent, day, optional(name));
        self.add(key, sums.numbers().into_iter().map(i128::from), sign);
    }

    fn add(&mut self, key: Key, sums: impl Iterator<Item = i128>, sign: i128) {
        let known = self.0.entry(key).or_default();
        for (place, sum) in (0..).zip(sums).filter(|(_, sum)| *sum != 0) {
            *known.entry(place).or_default() += sum * sign;
        }
    }

    /// Returns the rows that change the sums.
    pub(super) fn into_rows(self) -> impl Iterator<Item = SettledRow> {
        self.0.into_iter().filter_map(|((project, kind, agent, day, name), mut sums)| {
            sums.retain(|_, sum| *sum != 0);
            let row = SettledRow { project, kind, agent, day, name, sums, ..SettledRow::default() };
            (!row.sums.is_empty()).then_some(row)
        })
    }
}
