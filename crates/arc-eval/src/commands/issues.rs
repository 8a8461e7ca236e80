//! `arc-eval issues`: what breaks, and what people decide on it.

use arc_analysis::issues::{IssueDetail, IssueState, Occurrence};
use arc_app::{App, IssueDeed, IssueQuery};
use arc_model::{AgentName, Severity};
use serde::Serialize;

use super::{count_issues_if_possible, open_to_read};
use crate::{
    cli::{Debug, Issues, IssuesDeed, StateOfIssue},
    config::Config,
    failure::Failure,
    output,
};

/// Issues shown by `debug`.
const PATTERNS: u32 = 100;

#[derive(Serialize)]
struct Listed {
    issues: Vec<IssueDetail>,
}

/// Where a failure began.
#[derive(Serialize)]
struct RootCause {
    issue: String,
    title: String,
    severity: Severity,
    runs: u64,
    latest: Option<Occurrence>,
}

#[derive(Serialize)]
struct RootCauses {
    root_causes: Vec<RootCause>,
}

pub(super) async fn run(config: &Config, arguments: &Issues) -> Result<(), Failure> {
    let app = open_to_read(config).await?;
    count_issues_if_possible(&app).await?;
    if let Some(deed) = &arguments.deed {
        return decide(&app, config, deed).await;
    }
    if let Some(id) = &arguments.id {
        let found = app.issue(&config.project, id).await?;
        return show(&found.ok_or_else(|| missing(id))?, arguments.json);
    }
    let query = IssueQuery {
        agent: arguments.agent.as_deref().map(AgentName::from),
        state: arguments.state.map(state),
        after: None,
        limit: arguments.limit,
    };
    let page = app.issues(&config.project, &query).await?;
    let issues = app.issue_details(&config.project, page.items).await?;
    if arguments.json {
        return output::json(&Listed { issues });
    }
    if issues.is_empty() {
        output::talk("no issues: no run that settled has a failure of this kind; see `arc-eval trace` for the runs");
        return Ok(());
    }
    output::data(&output::issues::page(&issues))?;
    if page.next.is_some() {
        output::talk(&format!("only the {} seen last; show more with --limit", arguments.limit));
    }
    Ok(())
}

async fn decide(app: &App, config: &Config, deed: &IssuesDeed) -> Result<(), Failure> {
    let (id, deed, as_json) = match deed {
        IssuesDeed::Fix { id, version, json } => (id, IssueDeed::Fix(version.clone()), json),
        IssuesDeed::Reopen { id, json } => (id, IssueDeed::Reopen, json),
        IssuesDeed::Merge { id, into, json } => (id, IssueDeed::MergeInto(into.clone()), json),
        IssuesDeed::Split { id, part, json } => (id, IssueDeed::Split(part.clone()), json),
    };
    let decided = app.decide_issue(&config.project, id, &deed).await?;
    show(&decided.ok_or_else(|| missing(id))?, *as_json)
}

fn show(detail: &IssueDetail, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return output::json(detail);
    }
    Ok(output::data(&output::issues::detail(detail))?)
}

fn missing(id: &str) -> Failure {
    Failure::usage(format!("there is no issue `{id}`; `arc-eval issues` lists them"))
}

/// Shows for `arc-eval debug` what breaks again and again, or where it began.
pub(super) async fn patterns(
    app: &App,
    config: &Config,
    agent: Option<&AgentName>,
    arguments: &Debug,
) -> Result<(), Failure> {
    let query = IssueQuery { agent: agent.cloned(), limit: PATTERNS, ..IssueQuery::default() };
    let mut found = app.issues(&config.project, &query).await?.items;
    // What costs most runs comes first.
    found.sort_by(|a, b| (b.runs, b.severity, &a.id).cmp(&(a.runs, a.severity, &b.id)));
    let issues = app.issue_details(&config.project, found).await?;
    if issues.is_empty() {
        output::talk("nothing breaks in these runs, as far as detectors can tell");
    }
    if arguments.pattern_analysis {
        if arguments.json {
            return output::json(&Listed { issues });
        }
        return Ok(output::data(&output::issues::page(&issues))?);
    }
    if arguments.json {
        let root = |detail: IssueDetail| RootCause {
            issue: detail.issue.id,
            title: detail.issue.title,
            severity: detail.issue.severity,
            runs: detail.issue.runs,
            latest: detail.issue.latest.into_iter().next(),
        };
        return output::json(&RootCauses { root_causes: issues.into_iter().map(root).collect() });
    }
    Ok(output::data(&output::issues::root_causes(&issues))?)
}

const fn state(state: StateOfIssue) -> IssueState {
    match state {
        StateOfIssue::Open => IssueState::Open,
        StateOfIssue::Fixed => IssueState::Fixed,
        StateOfIssue::Regressed => IssueState::Regressed,
        StateOfIssue::Merged => IssueState::Merged,
    }
}
