//! Issues: listed, shown, and what people decide on them.
//!
//! What runs contribute arrives by [`track`], which follows the change feed. Everything is kept in records of the
//! registry: an issue, what each run contributed, and which fingerprints belong together. Every change is one
//! transaction on condition that nobody changed what it rests on, so several servers may work at once.

mod by_hand;
mod forget;
mod track;

use std::collections::BTreeMap;

use arc_analysis::issues::{Issue, IssueDetail, IssueState};
use arc_model::{AgentName, ProjectId};
use arc_store::{Cursor, Page, RecordQuery};
use serde::{Deserialize, Serialize};

use crate::{App, AppError};

/// Issues, by id.
pub(crate) const ISSUES: &str = "issues";
/// What runs contributed, by trace id.
pub(crate) const RUNS: &str = "issue-runs";
/// Families of fingerprints.
pub(crate) const FAMILIES: &str = "issue-families";
/// The tag of issues that are listed.
const SHOWN: &str = "shown";
/// Agents by which an issue can be found.
const TAGGED_AGENTS: usize = 40;
/// How often a change is tried that others get in the way of.
const TRIES: u32 = 16;

/// Which issues to list: the latest seen first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IssueQuery {
    /// Only issues of this agent.
    pub agent: Option<AgentName>,
    /// Only issues in this state.
    pub state: Option<IssueState>,
    /// Continue here.
    pub after: Option<Cursor>,
    /// At most this many.
    pub limit: u32,
}

/// Why an issue is news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssueChange {
    /// It was seen for the first time.
    New,
    /// It was seen again after it was fixed.
    Regressed,
}

/// An issue that is news.
#[derive(Debug, Clone, PartialEq)]
pub struct IssueNews {
    /// Its project.
    pub project: ProjectId,
    /// Why.
    pub change: IssueChange,
    /// The issue.
    pub issue: Issue,
}

/// What a person decides on an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssueDeed {
    /// It is fixed, in this version where one is named.
    Fix(Option<String>),
    /// It is not fixed after all.
    Reopen,
    /// It is the same as this one, which counts for both from now on.
    MergeInto(String),
    /// This part of it, a merged issue or a fingerprint, is an issue of its own.
    Split(String),
}

impl App {
    /// Returns issues, the latest seen first.
    pub async fn issues(&self, project: &ProjectId, query: &IssueQuery) -> Result<Page<Issue>, AppError> {
        let mut tags =
            vec![if query.state == Some(IssueState::Merged) { "state=merged".to_owned() } else { SHOWN.to_owned() }];
        tags.extend(query.agent.as_ref().map(|agent| format!("agent={agent}")));
        tags.extend(query.state.map(|state| format!("state={}", state.as_str())));
        let query = RecordQuery {
            collection: ISSUES.to_owned(),
            tags,
            after: query.after.clone(),
            limit: query.limit,
            ..RecordQuery::default()
        };
        self.kept_page(project, &query).await
    }

    /// Returns an issue with what follows from it; `None` when it is not known.
    pub async fn issue(&self, project: &ProjectId, id: &str) -> Result<Option<IssueDetail>, AppError> {
        let Some(kept) = self.kept::<Issue>(project, ISSUES, id).await? else { return Ok(None) };
        let scenario = match &kept.value.scenario {
            Some(id) => self.scenario(project, id).await?,
            None => None,
        };
        let mut details = self.issue_details(project, vec![kept.value]).await?;
        Ok(details.pop().map(|detail| IssueDetail { scenario, ..detail }))
    }

    /// Returns issues with what follows from each, but their scenarios.
    pub async fn issue_details(&self, project: &ProjectId, issues: Vec<Issue>) -> Result<Vec<IssueDetail>, AppError> {
        let agents = self.agents(project).await?;
        let runs: BTreeMap<AgentName, u64> = agents.into_iter().map(|agent| (agent.name, agent.runs)).collect();
        let now = self.now();
        Ok(issues.into_iter().map(|issue| IssueDetail::of(issue, &runs, now)).collect())
    }

    /// Follows issues that are new or regress, as this process notices them.
    pub fn follow_issues(&self) -> tokio::sync::broadcast::Receiver<IssueNews> {
        self.inner.issues.subscribe()
    }
}

/// Returns where an issue stands in listings, and what it is found by.
fn place_of(issue: &Issue) -> (i64, Vec<String>) {
    let mut tags = vec![format!("state={}", issue.state.as_str())];
    if issue.state != IssueState::Merged && (issue.runs > 0 || issue.state != IssueState::Open) {
        tags.push(SHOWN.to_owned());
    }
    tags.extend(issue.agents.iter().take(TAGGED_AGENTS).map(|tally| format!("agent={}", tally.agent)));
    (issue.last_seen.map_or(i64::MIN, arc_model::Timestamp::as_nanos), tags)
}

fn tag_of_strand(strand: &str) -> String {
    format!("strand={strand}")
}
