//! Runs that were deleted: what they contributed goes with them, and so do the scenarios that hold their content.

use std::collections::BTreeSet;

use arc_analysis::issues::{Contribution, IssueState, Part};
use arc_model::{ProjectId, Timestamp, TraceId};
use arc_store::{RecordOrder, RecordQuery, Selection, StoreError};

use super::{ISSUES, RUNS, TRIES, place_of};
use crate::{
    App, AppError,
    records::{self, put},
    scenarios::{SCENARIOS, place_of as scenario_place_of},
};

/// Contributions read at once.
const PAGE: u32 = 200;
/// What an issue says whose scenario went with its run.
const DELETED: &str = "the run it was made from was deleted";

impl App {
    /// Takes back what runs of a selection contributed that are not stored any more.
    pub(crate) async fn forget_deleted(&self, project: &ProjectId, selection: &Selection) -> Result<(), AppError> {
        if let Selection::Runs(ids) = selection {
            for id in ids {
                self.forget_run(project, *id).await?;
            }
            return Ok(());
        }
        let end = if let Selection::Before(end) = selection { *end } else { Timestamp::from_nanos(i64::MAX) };
        let mut query = RecordQuery {
            collection: RUNS.to_owned(),
            order: RecordOrder::LowestFirst,
            limit: PAGE,
            ..RecordQuery::default()
        };
        loop {
            let page = match self.kept_page::<Contribution>(project, &query).await {
                Err(AppError::Store(StoreError::Unsupported(_))) => return Ok(()),
                other => other?,
            };
            for run in page.items.iter().filter(|run| run.at < end) {
                self.forget_run(project, run.trace_id).await?;
            }
            query.after = page.next.filter(|_| page.items.last().is_some_and(|last| last.at < end));
            if query.after.is_none() {
                return Ok(());
            }
        }
    }

    /// Takes back what a run contributed, unless it is still stored.
    async fn forget_run(&self, project: &ProjectId, id: TraceId) -> Result<(), AppError> {
        for _ in 0..TRIES {
            let key = id.to_string();
            let before = match self.kept::<Contribution>(project, RUNS, &key).await {
                Err(AppError::Store(StoreError::Unsupported(_))) => return Ok(()),
                other => other?,
            };
            let Some(before) = before else { return Ok(()) };
            if self.inner.traces.run(project, id).await?.is_some() {
                return Ok(());
            }
            let after = Contribution { sightings: Vec::new(), trials: Vec::new(), ..before.value.clone() };
            let mut book = self.book(project, Some(&before.value), &after, &BTreeSet::new()).await?;
            let mut writes = vec![records::removal(RUNS, &key, &before)];
            let mut gone = BTreeSet::new();
            for (scenario_id, kept) in &book.scenarios {
                if kept.value.provenance.trace_id == id {
                    gone.insert(scenario_id.clone());
                    writes.push(records::removal(SCENARIOS, scenario_id, kept));
                    continue;
                }
                let mut scenario = kept.value.clone();
                for trial in before.value.trials.iter().filter(|trial| trial.scenario == *scenario_id) {
                    scenario.remove_trial(before.value.version.as_deref(), trial.passed);
                }
                let (rank, tags) = scenario_place_of(&scenario);
                writes.push(put(SCENARIOS, scenario_id, Some(kept), rank, tags, &scenario)?);
            }
            let issues: Vec<String> = book.issues.keys().cloned().collect();
            for issue_id in issues {
                let strands: BTreeSet<String> = before
                    .value
                    .sightings
                    .iter()
                    .filter(|sighting| book.issue_of(sighting) == issue_id)
                    .map(|sighting| sighting.strand.clone())
                    .collect();
                let Some(part) = Part::of(&before.value, |sighting| strands.contains(&sighting.strand)) else {
                    continue;
                };
                let Some(kept) = book.issues.get(&issue_id) else { continue };
                let mut issue = kept.value.clone();
                if issue.remove(&part) {
                    self.look_again(project, &mut issue, id, None).await?;
                }
                if issue.scenario.as_ref().is_some_and(|scenario| gone.contains(scenario)) {
                    (issue.scenario, issue.no_scenario) = (None, Some(DELETED.to_owned()));
                }
                let (rank, tags) = place_of(&issue);
                writes.push(if issue.runs == 0 && issue.state == IssueState::Open {
                    records::removal(ISSUES, &issue_id, kept)
                } else {
                    put(ISSUES, &issue_id, Some(kept), rank, tags, &issue)?
                });
            }
            if self.inner.registry.write_records(project, &writes).await? {
                return Ok(());
            }
        }
        Err(records::too_contended("forget a deleted run"))
    }
}
