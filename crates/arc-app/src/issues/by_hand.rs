//! What people decide on issues: fixed, open again, the same as another one, two things after all.

use std::collections::BTreeSet;

use arc_analysis::issues::{Contribution, Family, Issue, IssueDetail, IssueState, Member, Part};
use arc_model::ProjectId;
use arc_store::{RecordQuery, RecordWrite};

use super::{FAMILIES, ISSUES, IssueDeed, RUNS, TRIES, place_of, tag_of_strand};
use crate::{
    App, AppError,
    records::{self, Kept, put},
};

/// Contributions read at once.
const PAGE: u32 = 500;

impl App {
    /// Does what a person decided, and returns the issue as it is then; of a merge, the one that counts for both.
    /// `None` when there is no such issue.
    pub async fn decide_issue(
        &self,
        project: &ProjectId,
        id: &str,
        deed: &IssueDeed,
    ) -> Result<Option<IssueDetail>, AppError> {
        for _ in 0..TRIES {
            let Some(kept) = self.kept::<Issue>(project, ISSUES, id).await? else { return Ok(None) };
            if let Some(into) = &kept.value.merged_into {
                return Err(AppError::Invalid(format!("issue {id} was merged into {into}; decide on that one")));
            }
            let (writes, shown) = match deed {
                IssueDeed::Fix(version) => {
                    let mut issue = kept.value.clone();
                    issue.mark_fixed(self.now(), version.clone());
                    (vec![write(&issue, Some(&kept))?], id.to_owned())
                }
                IssueDeed::Reopen => {
                    let mut issue = kept.value.clone();
                    issue.reopen();
                    (vec![write(&issue, Some(&kept))?], id.to_owned())
                }
                IssueDeed::MergeInto(into) => (self.merge(project, &kept, into).await?, into.clone()),
                IssueDeed::Split(part) => self.split(project, &kept, part).await?,
            };
            if self.inner.registry.write_records(project, &writes).await? {
                return self.issue(project, &shown).await;
            }
        }
        Err(records::too_contended("change an issue"))
    }

    async fn merge(&self, project: &ProjectId, from: &Kept<Issue>, into: &str) -> Result<Vec<RecordWrite>, AppError> {
        if from.value.id == into {
            return Err(AppError::Invalid(format!("issue {into} cannot be merged into itself")));
        }
        let Some(known) = self.kept::<Issue>(project, ISSUES, into).await? else {
            return Err(AppError::Invalid(format!("there is no issue {into} to merge into")));
        };
        if let Some(other) = &known.value.merged_into {
            return Err(AppError::Invalid(format!("issue {into} was merged into {other}; merge into that one")));
        }
        let (mut target, mut stub) = (known.value.clone(), from.value.clone());
        target.members.extend(stub.members.iter().cloned());
        target.severity = target.severity.max(stub.severity);
        let mut writes = self.reassign(project, &stub, into).await?;
        self.recount(project, &mut target).await?;
        stub.forget();
        stub.members.clear();
        (stub.state, stub.fix, stub.merged_into) = (IssueState::Merged, None, Some(into.to_owned()));
        writes.push(write(&target, Some(&known))?);
        writes.push(write(&stub, Some(from))?);
        Ok(writes)
    }

    async fn split(
        &self,
        project: &ProjectId,
        kept: &Kept<Issue>,
        part: &str,
    ) -> Result<(Vec<RecordWrite>, String), AppError> {
        let mut issue = kept.value.clone();
        let is_part = |from: &str, strand: &str| (from == part || strand == part) && strand != issue.id;
        let (mine, rest): (Vec<_>, Vec<_>) =
            issue.members.iter().cloned().partition(|member| is_part(&member.from, &member.strand));
        let Some(first) = mine.first() else {
            let known: Vec<&str> = issue
                .members
                .iter()
                .map(|member| member.strand.as_str())
                .filter(|strand| *strand != issue.id)
                .collect();
            let known = if known.is_empty() { "it has only one".to_owned() } else { known.join(", ") };
            return Err(AppError::Invalid(format!("issue {} has no part {part} to split off: {known}", issue.id)));
        };
        if rest.is_empty() {
            return Err(AppError::Invalid(format!("{part} is all that issue {} consists of", issue.id)));
        }
        // One that was merged is itself again; a fingerprint that joined by its words begins one.
        let id = if first.from == part { part.to_owned() } else { first.strand.clone() };
        let known = self.kept::<Issue>(project, ISSUES, &id).await?;
        let mut own = match &known {
            Some(known) => known.value.clone(),
            None => {
                let leaf = self.inner.catalog.leaf(first.fingerprint.leaf.as_str());
                let title = leaf.map_or(first.fingerprint.leaf.as_str(), |leaf| leaf.title.as_str());
                Issue::new(&id, &first.fingerprint, title)
            }
        };
        (own.state, own.merged_into) = (IssueState::Open, None);
        own.members = mine.into_iter().map(|member| Member { from: id.clone(), ..member }).collect();
        own.retitle();
        let mut writes = self.reassign(project, &own, &id).await?;
        issue.members = rest;
        issue.retitle();
        self.recount(project, &mut issue).await?;
        self.recount(project, &mut own).await?;
        writes.push(write(&issue, Some(kept))?);
        writes.push(write(&own, known.as_ref())?);
        Ok((writes, id))
    }

    /// Puts the fingerprints of an issue into another one, for the runs to come.
    async fn reassign(&self, project: &ProjectId, issue: &Issue, into: &str) -> Result<Vec<RecordWrite>, AppError> {
        let strands: Vec<String> = issue.members.iter().map(|member| member.strand.clone()).collect();
        let families: BTreeSet<String> = issue.members.iter().map(|member| member.family.clone()).collect();
        let known = self.kept_all::<Family>(project, FAMILIES, &families.into_iter().collect::<Vec<_>>()).await?;
        let mut writes = Vec::new();
        for (id, kept) in &known {
            let mut family = kept.value.clone();
            if family.reassign(&strands, into) {
                writes.push(put(FAMILIES, id, Some(kept), 0, Vec::new(), &family)?);
            }
        }
        Ok(writes)
    }

    /// Counts anew what runs contributed to the fingerprints of an issue; a run that has several counts once.
    async fn recount(&self, project: &ProjectId, issue: &mut Issue) -> Result<(), AppError> {
        let (state, regressed_at) = (issue.state, issue.regressed_at);
        issue.forget();
        // Counting what was seen before makes nothing regress.
        issue.state = IssueState::Open;
        let strands: BTreeSet<String> = issue.members.iter().map(|member| member.strand.clone()).collect();
        let mut counted = BTreeSet::new();
        for strand in &strands {
            let mut query = RecordQuery {
                collection: RUNS.to_owned(),
                tags: vec![tag_of_strand(strand)],
                limit: PAGE,
                ..RecordQuery::default()
            };
            loop {
                let page = self.kept_page::<Contribution>(project, &query).await?;
                for run in page.items.iter().filter(|run| counted.insert(run.trace_id)) {
                    if let Some(part) = Part::of(run, |sighting| strands.contains(&sighting.strand)) {
                        issue.add(&part);
                    }
                }
                query.after = page.next;
                if query.after.is_none() {
                    break;
                }
            }
        }
        (issue.state, issue.regressed_at) = (state, regressed_at);
        Ok(())
    }
}

fn write(issue: &Issue, replaces: Option<&Kept<Issue>>) -> Result<RecordWrite, AppError> {
    let (rank, tags) = place_of(issue);
    put(ISSUES, &issue.id, replaces, rank, tags, issue)
}
