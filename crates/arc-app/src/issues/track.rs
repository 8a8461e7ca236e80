//! Following the change feed: what each run that settles says about issues and scenarios.
//!
//! What a run contributed is kept beside the issues it went into. When it settles again, the old contribution is taken
//! back and the new one added, in one transaction, so counts stay right however often that happens and whoever does it.

use std::collections::{BTreeMap, BTreeSet};

use arc_analysis::{
    issues::{Contribution, Family, Issue, IssueState, Part, Sighting, TrialOf, sightings},
    learning::{Scenario, ScenarioState, Verified},
};
use arc_model::{ProjectId, Run, Trace, TraceId};
use arc_store::{ChangeSeq, FindingQuery, RecordOrder, RecordQuery, RecordWrite, StoreError};

use super::{FAMILIES, ISSUES, IssueChange, IssueNews, RUNS, TRIES, place_of, tag_of_strand};
use crate::{
    App, AppError,
    records::{self, Kept, put},
    scenarios::{SCENARIOS, place_of as scenario_place_of},
};

/// Changes read at once.
const BATCH: u32 = 100;
/// Batches read before other background work has its turn.
const BATCHES: u32 = 20;
/// Where the position in the change feed is kept.
const POSITION: &str = "issues";
/// Findings of a run that are looked at.
const FINDINGS: u32 = 500;

/// What is known before a run's contribution changes it.
pub(super) struct Book {
    families: BTreeMap<String, Option<Kept<Family>>>,
    /// Families as they become.
    changed: BTreeMap<String, Family>,
    pub(super) issues: BTreeMap<String, Kept<Issue>>,
    pub(super) scenarios: BTreeMap<String, Kept<Scenario>>,
}

impl App {
    /// Counts the runs that settled since this was last done, a bounded number; returns whether there may be more.
    ///
    /// Does nothing on a store that keeps no records.
    pub(crate) async fn watch_issues(&self) -> Result<bool, AppError> {
        let (home, registry) = (ProjectId::default(), &self.inner.registry);
        let position = match registry.note(&home, POSITION).await {
            Err(StoreError::Unsupported(_)) => return Ok(false),
            other => other?,
        };
        let mut after = ChangeSeq(position.and_then(|text| text.parse().ok()).unwrap_or_default());
        for _ in 0..BATCHES {
            if after >= *self.inner.newest.borrow() || self.tasks().is_stopping() {
                return Ok(false);
            }
            let changes = self.changes(after, BATCH).await?;
            let Some(last) = changes.last() else { return Ok(false) };
            for change in &changes {
                self.track_run(&change.project, &change.run).await?;
            }
            after = last.seq;
            registry.put_note(&home, POSITION, &after.0.to_string()).await?;
        }
        Ok(true)
    }

    /// Counts every run that settled until now: for a program that does not stay.
    pub async fn catch_up_issues(&self) -> Result<(), AppError> {
        self.publish().await?;
        while self.watch_issues().await? {}
        Ok(())
    }

    /// Replaces what a run contributes.
    async fn track_run(&self, project: &ProjectId, run: &Run) -> Result<(), AppError> {
        for _ in 0..TRIES {
            // Read first: who writes after this was read makes the write below fail.
            let before = self.kept::<Contribution>(project, RUNS, &run.trace_id.to_string()).await?;
            let (mut after, trace) = self.contribution(project, run).await?;
            let candidates = self.scenarios_tried(project, run, trace.as_ref()).await?;
            if before.is_none() && after.sightings.is_empty() && candidates.is_empty() {
                return Ok(());
            }
            let mut book = self.book(project, before.as_ref().map(|kept| &kept.value), &after, &candidates).await?;
            let (writes, news) =
                self.account(project, run, trace.as_ref(), before.as_ref(), &mut after, &mut book).await?;
            if writes.is_empty() {
                return Ok(());
            }
            match self.inner.registry.write_records(project, &writes).await {
                Err(StoreError::Unsupported(_)) => return Ok(()),
                done => {
                    if done? {
                        self.tell(news);
                        return Ok(());
                    }
                }
            }
        }
        Err(records::too_contended("count a run's issues"))
    }

    fn tell(&self, news: Vec<IssueNews>) {
        for one in news {
            let (id, title) = (&one.issue.id, &one.issue.title);
            match one.change {
                IssueChange::New => tracing::info!(issue.id = id, project.id = %one.project, "new issue: {title}"),
                IssueChange::Regressed => {
                    tracing::warn!(issue.id = id, project.id = %one.project, "an issue that was fixed is back: {title}");
                }
            }
            // Nobody following is no failure.
            let _ = self.inner.issues.send(one);
        }
    }

    /// Returns what a run says now, with its trace where anything went wrong in it.
    async fn contribution(&self, project: &ProjectId, run: &Run) -> Result<(Contribution, Option<Trace>), AppError> {
        let mut contribution = Contribution {
            trace_id: run.trace_id,
            agent: run.agent.name.clone(),
            version: run.agent.version.clone(),
            at: run.at(),
            sightings: Vec::new(),
            trials: Vec::new(),
        };
        if run.is_running || run.findings.is_empty() {
            return Ok((contribution, None));
        }
        let query = FindingQuery { trace_id: Some(run.trace_id), limit: FINDINGS, ..FindingQuery::default() };
        let findings = self.findings(project, &query).await?.items;
        let trace = match self.whole_trace(project, run.trace_id).await {
            // What cannot be read was told of when it was settled.
            Ok(None) | Err(StoreError::Corrupt { .. }) => return Ok((contribution, None)),
            other => other?,
        };
        if let Some(trace) = &trace {
            contribution.sightings = sightings(trace, run, &findings);
        }
        Ok((contribution, trace))
    }

    /// Reads everything that a contribution may change.
    pub(super) async fn book(
        &self,
        project: &ProjectId,
        before: Option<&Contribution>,
        after: &Contribution,
        candidates: &BTreeSet<String>,
    ) -> Result<Book, AppError> {
        let all = || before.into_iter().flat_map(|run| &run.sightings).chain(&after.sightings);
        let ids: BTreeSet<String> = all().map(|sighting| sighting.family.clone()).collect();
        let ids: Vec<String> = ids.into_iter().collect();
        let mut known = self.kept_all::<Family>(project, FAMILIES, &ids).await?;
        let families = ids.into_iter().map(|id| (id.clone(), known.remove(&id))).collect();
        let mut book = Book { families, changed: BTreeMap::new(), issues: BTreeMap::new(), scenarios: BTreeMap::new() };
        let issues: BTreeSet<String> = all().map(|sighting| book.issue_of(sighting)).collect();
        book.issues = self.kept_all(project, ISSUES, &issues.into_iter().collect::<Vec<_>>()).await?;
        let tried = before.into_iter().flat_map(|run| &run.trials).map(|trial| trial.scenario.clone());
        let scenarios: BTreeSet<String> = tried.chain(candidates.iter().cloned()).collect();
        book.scenarios = self.kept_all(project, SCENARIOS, &scenarios.into_iter().collect::<Vec<_>>()).await?;
        Ok(book)
    }

    /// Works out what has to be written, and what is news.
    async fn account(
        &self,
        project: &ProjectId,
        run: &Run,
        trace: Option<&Trace>,
        before: Option<&Kept<Contribution>>,
        after: &mut Contribution,
        book: &mut Book,
    ) -> Result<(Vec<RecordWrite>, Vec<IssueNews>), AppError> {
        let (mut writes, mut news) = (Vec::new(), Vec::new());
        let mut scenarios: BTreeMap<String, Scenario> =
            book.scenarios.iter().map(|(id, kept)| (id.clone(), kept.value.clone())).collect();
        let mut touched: BTreeSet<String> = BTreeSet::new();
        let was = before.map(|kept| kept.value.clone());
        let seen: Vec<(String, Sighting)> =
            after.sightings.iter().map(|sighting| (book.issue_of(sighting), sighting.clone())).collect();
        self.try_scenarios(run, was.as_ref(), after, &seen, &mut scenarios, &mut touched);

        let mut issues: BTreeSet<String> = seen.iter().map(|(issue, _)| issue.clone()).collect();
        issues.extend(was.iter().flat_map(|run| &run.sightings).map(|sighting| book.issue_of(sighting)));
        for id in issues {
            let part = |run: &Contribution, book: &mut Book| {
                let mine: BTreeSet<String> = run
                    .sightings
                    .iter()
                    .filter(|sighting| book.issue_of(sighting) == id)
                    .map(|sighting| sighting.strand.clone())
                    .collect();
                Part::of(run, |sighting| mine.contains(&sighting.strand))
            };
            let (old, new) = (was.as_ref().and_then(|run| part(run, book)), part(after, book));
            if old == new {
                continue;
            }
            let kept = book.issues.get(&id);
            let mut issue = match (kept, &new) {
                (Some(kept), _) => kept.value.clone(),
                (None, Some(_)) => {
                    let Some((_, first)) = seen.iter().find(|(issue, _)| *issue == id) else { continue };
                    let leaf = self.inner.catalog.leaf(first.fingerprint.leaf.as_str());
                    let title = leaf.map_or(first.fingerprint.leaf.as_str(), |leaf| leaf.title.as_str());
                    Issue::new(&id, &first.fingerprint, title)
                }
                (None, None) => continue,
            };
            let must_look = old.as_ref().is_some_and(|old| issue.remove(old));
            let regressed = new.as_ref().is_some_and(|new| issue.add(new));
            if must_look {
                self.look_again(project, &mut issue, run.trace_id, new.as_ref()).await?;
            }
            if let (Some(trace), true) = (trace, issue.scenario.is_none() && issue.no_scenario.is_none()) {
                self.draft(project, trace, run, &mut issue, &seen, after, &mut scenarios, &mut touched, book).await?;
            }
            let is_gone = issue.runs == 0 && issue.state == IssueState::Open;
            let (rank, tags) = place_of(&issue);
            match (is_gone, kept_of(book, &id)) {
                (true, Some(kept)) => writes.push(records::removal(ISSUES, &id, kept)),
                (true, None) => {}
                (false, kept) => writes.push(put(ISSUES, &id, kept, rank, tags, &issue)?),
            }
            let change = match (book.issues.contains_key(&id), regressed) {
                (false, _) => Some(IssueChange::New),
                (true, true) => Some(IssueChange::Regressed),
                (true, false) => None,
            };
            news.extend(change.map(|change| IssueNews { project: project.clone(), change, issue }));
        }
        writes.extend(rest(run, before, after, book, &scenarios, &touched)?);
        Ok((writes, news))
    }

    /// Counts a run as a trial of the scenarios it tried, instead of those it tried as it was before.
    #[expect(clippy::unused_self, reason = "it reads like its neighbours")]
    fn try_scenarios(
        &self,
        run: &Run,
        was: Option<&Contribution>,
        after: &mut Contribution,
        seen: &[(String, Sighting)],
        scenarios: &mut BTreeMap<String, Scenario>,
        touched: &mut BTreeSet<String>,
    ) {
        let old = was.map(|run| run.trials.clone()).unwrap_or_default();
        if !run.is_running {
            for (id, scenario) in scenarios.iter().filter(|(_, scenario)| scenario.agent == run.agent.name) {
                let shows_it =
                    seen.iter().any(|(issue, sighting)| *issue == scenario.issue || sighting.strand == scenario.strand);
                if let Some(passed) = scenario.judge(run.outcome.verdict, shows_it) {
                    after.trials.push(TrialOf { scenario: id.clone(), passed });
                }
                let is_other = run.trace_id != scenario.provenance.trace_id;
                if shows_it && is_other && scenario.state == ScenarioState::Draft {
                    touched.insert(id.clone());
                }
            }
        }
        for id in touched.iter() {
            if let Some(scenario) = scenarios.get_mut(id) {
                scenario.state = ScenarioState::Verified;
                scenario.verified = Some(Verified::Reproduction { trace_id: run.trace_id });
            }
        }
        if old == after.trials && was.is_some_and(|was| (&was.version, was.at) == (&after.version, after.at)) {
            return;
        }
        for trial in &old {
            if let (Some(scenario), Some(was)) = (scenarios.get_mut(&trial.scenario), was) {
                scenario.remove_trial(was.version.as_deref(), trial.passed);
                touched.insert(trial.scenario.clone());
            }
        }
        for trial in &after.trials {
            if let Some(scenario) = scenarios.get_mut(&trial.scenario) {
                scenario.add_trial(after.version.as_deref(), trial.passed, after.at);
                touched.insert(trial.scenario.clone());
            }
        }
    }

    /// Drafts a scenario from the run in which an issue is new.
    #[expect(clippy::too_many_arguments, reason = "what a transaction is put together from")]
    async fn draft(
        &self,
        project: &ProjectId,
        trace: &Trace,
        run: &Run,
        issue: &mut Issue,
        seen: &[(String, Sighting)],
        after: &mut Contribution,
        scenarios: &mut BTreeMap<String, Scenario>,
        touched: &mut BTreeSet<String>,
        book: &mut Book,
    ) -> Result<(), AppError> {
        let Some((_, sighting)) = seen.iter().find(|(id, _)| *id == issue.id) else { return Ok(()) };
        match Scenario::draft(trace, run, issue, sighting, self.now()) {
            Err(why) => issue.no_scenario = Some(why.to_owned()),
            Ok(scenario) => {
                issue.scenario = Some(scenario.id.clone());
                if scenarios.contains_key(&scenario.id) {
                    return Ok(());
                }
                if let Some(known) = self.kept::<Scenario>(project, SCENARIOS, &scenario.id).await? {
                    book.scenarios.insert(scenario.id.clone(), known);
                    return Ok(());
                }
                after.trials.push(TrialOf { scenario: scenario.id.clone(), passed: false });
                touched.insert(scenario.id.clone());
                scenarios.insert(scenario.id.clone(), scenario);
            }
        }
        Ok(())
    }

    /// Looks up the first, the last and the latest runs of an issue, one of which was taken back.
    pub(super) async fn look_again(
        &self,
        project: &ProjectId,
        issue: &mut Issue,
        run: TraceId,
        new: Option<&Part>,
    ) -> Result<(), AppError> {
        let mine: BTreeSet<String> = issue.members.iter().map(|member| member.strand.clone()).collect();
        let (mut first, mut last) = (None, None);
        let mut ends: Vec<_> = new.map(|part| part.occurrence.clone()).into_iter().collect();
        for strand in &mine {
            for order in [RecordOrder::HighestFirst, RecordOrder::LowestFirst] {
                let few = if order == RecordOrder::HighestFirst { arc_analysis::issues::LATEST + 1 } else { 2 };
                let query = RecordQuery {
                    collection: RUNS.to_owned(),
                    tags: vec![tag_of_strand(strand)],
                    order,
                    after: None,
                    limit: u32::try_from(few).unwrap_or(u32::MAX),
                };
                for other in self.kept_page::<Contribution>(project, &query).await?.items {
                    // What this run said is being replaced.
                    let part = Part::of(&other, |sighting| mine.contains(&sighting.strand));
                    ends.extend(part.filter(|_| other.trace_id != run).map(|part| part.occurrence));
                }
            }
        }
        for occurrence in &ends {
            issue.show(occurrence);
            first = Some(first.map_or(occurrence.at, |first: arc_model::Timestamp| first.min(occurrence.at)));
            last = Some(last.map_or(occurrence.at, |last: arc_model::Timestamp| last.max(occurrence.at)));
        }
        (issue.first_seen, issue.last_seen) = (first, last);
        Ok(())
    }
}

/// Returns what else has to be written: families, scenarios, and the contribution itself.
fn rest(
    run: &Run,
    before: Option<&Kept<Contribution>>,
    after: &Contribution,
    book: &Book,
    scenarios: &BTreeMap<String, Scenario>,
    touched: &BTreeSet<String>,
) -> Result<Vec<RecordWrite>, AppError> {
    let mut writes = Vec::new();
    for (id, family) in &book.changed {
        let known = book.families.get(id).and_then(Option::as_ref);
        writes.push(put(FAMILIES, id, known, 0, Vec::new(), family)?);
    }
    for id in touched {
        let Some(scenario) = scenarios.get(id) else { continue };
        let (rank, tags) = scenario_place_of(scenario);
        writes.push(put(SCENARIOS, id, book.scenarios.get(id), rank, tags, scenario)?);
    }
    let id = run.trace_id.to_string();
    let is_empty = after.sightings.is_empty() && after.trials.is_empty();
    match (before, is_empty) {
        (Some(known), true) => writes.push(records::removal(RUNS, &id, known)),
        (None, true) => {}
        (known, false) if known.is_none_or(|known| known.value != *after) => {
            let tags = after.sightings.iter().map(|sighting| tag_of_strand(&sighting.strand)).collect();
            writes.push(put(RUNS, &id, known, after.at.as_nanos(), tags, after)?);
        }
        _ => {}
    }
    Ok(writes)
}

fn kept_of<'b>(book: &'b Book, id: &str) -> Option<&'b Kept<Issue>> {
    book.issues.get(id)
}

impl Book {
    /// Returns the issue a sighting belongs to, as of now; one that nobody saw before may begin one.
    pub(super) fn issue_of(&mut self, sighting: &Sighting) -> String {
        let known = self.families.get(&sighting.family).and_then(Option::as_ref);
        let mut family = match self.changed.get(&sighting.family) {
            Some(changed) => changed.clone(),
            None => known.map(|kept| kept.value.clone()).unwrap_or_default(),
        };
        let (issue, changed) = family.assign(&sighting.strand, &sighting.fingerprint.template);
        if changed {
            self.changed.insert(sighting.family.clone(), family);
        }
        issue
    }
}
