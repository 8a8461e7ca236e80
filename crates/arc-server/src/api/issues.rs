//! Issues: listed, shown, and decided on.

use arc_analysis::issues::{IssueDetail, IssueState};
use arc_app::{App, Cursor, IssueDeed, IssueQuery};
use arc_model::AgentName;
use axum::{Json, extract::State, http::HeaderMap};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Problem,
    error::Problems,
    extract::{Body, Path, ProjectParams, Query, given, limit, project},
};

/// Which issues to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListIssues {
    /// The project; the header `x-arc-eval-project` names it as well. Default: `default`.
    project: Option<String>,
    /// Only issues of this agent.
    agent: Option<String>,
    /// Only issues in this state. Default: all but merged ones.
    #[param(inline)]
    state: Option<IssueState>,
    /// Continue where a page ended: its `next`.
    cursor: Option<String>,
    /// Most issues of the page, 1 to 500. Default: 50.
    limit: Option<u32>,
}

/// A page of issues, the latest seen first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct IssueList {
    /// The issues.
    issues: Vec<IssueDetail>,
    /// The `cursor` of the next page; `null` on the last one.
    #[schema(required = true)]
    next: Option<String>,
}

/// What to do with an issue; exactly one of these.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecideIssue {
    /// `fixed`, or `open` for one that is not fixed after all.
    state: Option<DecidedState>,
    /// With `fixed`: the version of the agent that has the fix. Seeing the failure in versions that had it before then
    /// proves nothing.
    version: Option<String>,
    /// The id of another issue that is the same, and that counts for both from now on.
    merge_into: Option<String>,
    /// A part that is an issue of its own: the id of an issue that was merged into this one, or of a fingerprint.
    split: Option<String>,
}

/// What a person can say of an issue.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DecidedState {
    /// It is fixed.
    Fixed,
    /// It is not.
    Open,
}

/// Lists issues, the latest seen first.
#[utoipa::path(
    get, path = "/api/v1/issues", operation_id = "list_issues", tag = "issues", params(ListIssues),
    responses((status = 200, description = "A page of issues", body = IssueList), Problems)
)]
pub(crate) async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    Query(params): Query<ListIssues>,
) -> Result<Json<IssueList>, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    let query = IssueQuery {
        agent: given(params.agent.as_deref()).map(AgentName::from),
        state: params.state,
        after: given(params.cursor.as_deref()).map(|cursor| Cursor(cursor.to_owned())),
        limit: limit(params.limit)?,
    };
    let page = app.issues(&project, &query).await?;
    let issues = app.issue_details(&project, page.items).await?;
    Ok(Json(IssueList { issues, next: page.next.map(|Cursor(next)| next) }))
}

/// Shows an issue with the scenario drafted from it.
#[utoipa::path(
    get, path = "/api/v1/issues/{id}", operation_id = "get_issue", tag = "issues",
    params(("id" = String, Path, description = "The id"), ProjectParams),
    responses(
        (status = 200, description = "The issue", body = IssueDetail),
        (status = 404, description = "No such issue", body = Problem, content_type = "application/problem+json"),
        Problems
    )
)]
pub(crate) async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(params): Query<ProjectParams>,
) -> Result<Json<IssueDetail>, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    match app.issue(&project, &id).await? {
        Some(detail) => Ok(Json(detail)),
        None => Err(Problem::not_found(format!("no issue `{id}` in project `{project}`"))),
    }
}

/// Marks an issue as fixed or open, merges it into another one, or splits a part off. Answers with the issue as it is
/// then; of a merge the one that counts for both, of a split the part.
#[utoipa::path(
    patch, path = "/api/v1/issues/{id}", operation_id = "decide_issue", tag = "issues",
    params(("id" = String, Path, description = "The id"), ProjectParams), request_body = DecideIssue,
    responses(
        (status = 200, description = "The issue", body = IssueDetail),
        (status = 404, description = "No such issue", body = Problem, content_type = "application/problem+json"),
        Problems
    )
)]
pub(crate) async fn decide(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(params): Query<ProjectParams>,
    Body(asked): Body<DecideIssue>,
) -> Result<Json<IssueDetail>, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    match app.decide_issue(&project, &id, &deed(asked)?).await? {
        Some(detail) => Ok(Json(detail)),
        None => Err(Problem::not_found(format!("no issue `{id}` in project `{project}`"))),
    }
}

fn deed(asked: DecideIssue) -> Result<IssueDeed, Problem> {
    match asked {
        DecideIssue { state: Some(DecidedState::Fixed), version, merge_into: None, split: None } => {
            Ok(IssueDeed::Fix(version.filter(|version| !version.is_empty())))
        }
        DecideIssue { state: Some(DecidedState::Open), version: None, merge_into: None, split: None } => {
            Ok(IssueDeed::Reopen)
        }
        DecideIssue { state: None, version: None, merge_into: Some(into), split: None } => {
            Ok(IssueDeed::MergeInto(into))
        }
        DecideIssue { state: None, version: None, merge_into: None, split: Some(part) } => Ok(IssueDeed::Split(part)),
        _ => Err(Problem::invalid(
            "body: exactly one of `state` (fixed, with or without `version`, or open), `merge_into` and `split`",
        )),
    }
}
