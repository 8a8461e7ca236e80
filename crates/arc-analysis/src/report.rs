//! One agent's report: what the terminal, the API and the home page show. Pure, from counts.
//!
//! [`Report`] fixes the shape; [`report`] fills it. Where a figure cannot be known it is `None`, and
//! a field beside it says why.

mod recommendations;

use arc_catalog::Catalog;
use arc_model::{AgentFigures, AgentName, AgentSummary, LeafId, Rate, Severity, Timestamp, TraceId};
use serde::{Deserialize, Serialize};

pub use recommendations::Recommendation;

use crate::{
    cost::{self, CostFigures},
    reliability::{self, Recent, Reliability, rate},
};

/// What there is to say about an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Report {
    /// The agent.
    pub agent: ReportedAgent,
    /// When the report was made; windows end here.
    pub generated_at: Timestamp,
    /// Will it finish the task every time.
    pub reliability: Reliability,
    /// What its latest runs tell beyond counts; `None` where they were not read.
    #[serde(default)]
    pub recent: Option<Recent>,
    /// What it costs.
    pub cost: CostFigures,
    /// What breaks, worst first.
    pub issues: Vec<Issue>,
    /// What to do next; at most three.
    pub recommendations: Vec<Recommendation>,
}

/// The agent a report is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReportedAgent {
    /// Its name.
    pub name: AgentName,
    /// The version of its latest run, where known.
    pub version: Option<String>,
    /// The domain of its latest run, where known.
    pub domain: Option<String>,
    /// The framework of its latest run, where known.
    pub framework: Option<String>,
}

/// A kind of failure, over all runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Issue {
    /// The leaf of the taxonomy.
    pub leaf: LeafId,
    /// The leaf's title.
    pub title: String,
    /// The worst severity among the findings.
    pub severity: Severity,
    /// Runs with at least one such finding, among all settled runs.
    pub runs: Rate,
    /// Findings.
    pub findings: u64,
    /// When the first such run was.
    pub first_at: Timestamp,
    /// When the latest such run was.
    pub last_at: Timestamp,
    /// The latest such run: where to look first.
    pub latest: TraceId,
}

/// Returns the report on an agent from the counts over its settled runs.
pub fn report(agent: &AgentSummary, figures: &AgentFigures, catalog: &Catalog, now: Timestamp) -> Report {
    let reliability = reliability::reliability(figures, now);
    let cost = cost::figures(figures, now);
    let issues = issues(figures, catalog, reliability.runs);
    let recommendations = recommendations::recommend(&reliability, &cost, &issues, catalog);
    Report {
        agent: ReportedAgent {
            name: agent.name.clone(),
            version: agent.version.clone(),
            domain: agent.domain.clone(),
            framework: agent.framework.clone(),
        },
        generated_at: now,
        reliability,
        recent: None,
        cost,
        issues,
        recommendations,
    }
}

/// Returns the issues, worst severity first, then most runs, then by leaf.
fn issues(figures: &AgentFigures, catalog: &Catalog, runs: u64) -> Vec<Issue> {
    let mut issues: Vec<Issue> = figures
        .leaves
        .iter()
        .map(|tally| Issue {
            leaf: tally.leaf.clone(),
            title: title(catalog, &tally.leaf),
            severity: tally.severity,
            runs: rate(tally.runs, runs),
            findings: tally.findings,
            first_at: tally.first_at,
            last_at: tally.last_at,
            latest: tally.latest,
        })
        .collect();
    issues.sort_by(|a, b| {
        let worse = |issue: &Issue| (issue.severity, issue.runs.successes);
        worse(b).cmp(&worse(a)).then_with(|| a.leaf.cmp(&b.leaf))
    });
    issues
}

/// Returns the leaf's title, or its id when a newer or older taxonomy named it.
fn title(catalog: &Catalog, leaf: &LeafId) -> String {
    catalog.leaf(leaf.as_str()).map_or_else(|| leaf.to_string(), |leaf| leaf.title.clone())
}

#[cfg(test)]
mod tests;
