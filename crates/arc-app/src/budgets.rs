//! Budgets: how far each is used, and an alert when it is nearly, or wholly.
//!
//! What is spent is read from the sums that are kept while runs settle. An alert's id follows from the budget, its time
//! and its level, so whoever raises it, it is raised once. Start at [`App::budgets`].

use std::collections::BTreeSet;

use arc_analysis::cost::{BudgetLevel, BudgetState, budget_state, period};
use arc_catalog::Budget;
use arc_model::{Alert, AlertKind, CostDimension, CostSums, ProjectId, Timestamp};
use arc_store::{CostQuery, RunQuery};

use crate::{App, AppError, app::lock};

/// Models, or outcomes, of which the sums are read.
const LINES: u32 = 500;
/// Runs read at once where a budget is for a user.
const PAGE: u32 = 500;

/// Between two looks at the budgets of users: their runs are read, not sums.
const PAUSE_NS: u64 = 60_000_000_000;

/// Projects whose users' budgets are to be looked at, and when that was last done.
#[derive(Debug, Default)]
pub(crate) struct UserBudgets {
    projects: BTreeSet<ProjectId>,
    looked_at: Option<Timestamp>,
}

impl App {
    /// Returns how far each budget of a project is used now.
    pub async fn budgets(&self, project: &ProjectId) -> Result<Vec<BudgetState>, AppError> {
        self.states(project, true).await
    }

    /// Returns the same, with or without those of users, for which runs are read.
    async fn states(&self, project: &ProjectId, of_users: bool) -> Result<Vec<BudgetState>, AppError> {
        let now = self.now();
        let mut states = Vec::new();
        for budget in self.inner.catalog.budgets().iter().filter(|budget| of_users || budget.user.is_none()) {
            let is_here = budget.project.as_deref().is_none_or(|named| named == project.as_str());
            let Some((from, until)) = period(budget.per, now).filter(|_| is_here) else { continue };
            let sums = match &budget.user {
                Some(user) => self.spent_by_user(project, budget, user, (from, until)).await?,
                None => self.spent(project, budget, from).await?,
            };
            states.push(budget_state(budget, (from, until), &sums));
        }
        Ok(states)
    }

    /// Raises an alert for each budget of these projects that is used up, or nearly.
    ///
    /// Does nothing on a store that keeps no alerts.
    pub(crate) async fn watch_budgets(&self, projects: &BTreeSet<ProjectId>) -> Result<(), AppError> {
        if self.inner.catalog.budgets().is_empty() {
            return Ok(());
        }
        let now = self.now();
        let due = {
            let mut waiting = lock(&self.inner.user_budgets);
            waiting.projects.extend(projects.iter().cloned());
            let is_due = waiting.looked_at.is_none_or(|at| now.nanos_since(at).is_none_or(|age| age >= PAUSE_NS));
            if is_due && !waiting.projects.is_empty() {
                waiting.looked_at = Some(now);
                std::mem::take(&mut waiting.projects)
            } else {
                BTreeSet::new()
            }
        };
        for project in projects.union(&due) {
            for state in self.states(project, due.contains(project)).await? {
                if state.level >= BudgetLevel::Warned {
                    self.raise(project, alert(&state, now), now).await?;
                }
            }
        }
        Ok(())
    }

    /// Returns the sums of the calls that count for a budget since a UTC midnight.
    async fn spent(&self, project: &ProjectId, budget: &Budget, from: Timestamp) -> Result<CostSums, AppError> {
        let by = if budget.model.is_some() { CostDimension::Model } else { CostDimension::Outcome };
        let agent = budget.agent.as_deref().map(Into::into);
        let query = CostQuery { by, agent, since: Some(from), limit: LINES };
        let mut sums = CostSums::default();
        for line in self.inner.traces.costs(project, &query).await? {
            if budget.fits_model(line.name.as_deref()) {
                sums.add(&line.sums);
            }
        }
        Ok(sums)
    }

    /// Returns the same for a user, of whom there are no sums by day: from the runs.
    async fn spent_by_user(
        &self,
        project: &ProjectId,
        budget: &Budget,
        user: &str,
        (since, until): (Timestamp, Timestamp),
    ) -> Result<CostSums, AppError> {
        let mut sums = CostSums::default();
        let mut query = RunQuery {
            agent: budget.agent.as_deref().map(Into::into),
            since: Some(since),
            until: Some(until),
            limit: PAGE,
            ..RunQuery::default()
        };
        loop {
            let page = self.inner.traces.runs(project, &query).await?;
            for run in page.items.iter().filter(|run| !run.is_running) {
                if run.user.as_ref().is_none_or(|named| named.as_str() != user) {
                    continue;
                }
                let (cost, unknown) = match &run.cost {
                    arc_model::Cost::Known { total, .. } => (*total, 0),
                    arc_model::Cost::Unknown { at_least, .. } => (*at_least, 1),
                };
                let cost = u64::try_from(cost.0).unwrap_or(0);
                sums.add(&CostSums { runs: 1, cost, unpriced_calls: unknown, ..CostSums::default() });
            }
            let Some(next) = page.next else { return Ok(sums) };
            query.after = Some(next);
        }
    }
}

fn alert(state: &BudgetState, now: Timestamp) -> Alert {
    let is_exceeded = state.level == BudgetLevel::Exceeded;
    let (title, level) = if is_exceeded { ("is used up", "exceeded") } else { ("is nearly used up", "warned") };
    let at_least = if state.unpriced_calls > 0 { "at least " } else { "" };
    let unknown = match state.unpriced_calls {
        0 => String::new(),
        1 => " One call has no known cost and is not in it.".to_owned(),
        calls => format!(" {calls} calls have no known cost and are not in it."),
    };
    Alert {
        id: format!("budget-{}-{}-{level}", state.name, state.from),
        kind: AlertKind::BudgetReached,
        agent: state.agent.as_deref().unwrap_or("all agents").into(),
        raised_at: now,
        title: format!("The budget {} {title}", state.name),
        text: format!(
            "Since {} {at_least}{} of {} a {} was spent, {:.0} %.{unknown} See where it goes: arc-eval cost --since {}.",
            state.from,
            state.spent,
            state.limit,
            state.per,
            state.share * 100.0,
            state.from,
        ),
        run: None,
        drop: None,
        deliveries: Vec::new(),
    }
}
