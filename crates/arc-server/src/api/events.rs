//! The live feed: every run that settles, as server-sent events.

use std::{convert::Infallible, sync::Arc, time::Duration};

use arc_analysis::issues::Issue;
use arc_app::{App, Change, ChangeSeq, Follow, IssueChange, IssueNews};
use arc_model::{Alert, ProjectId, Run};
use axum::{
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{self, error::RecvError};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Problem, ServerConfig,
    api::warnings::WarnedRun,
    error::Problems,
    extract::{Query, given, project},
};

/// How long a browser waits before it connects again.
const RETRY: Duration = Duration::from_secs(1);

/// Where the feed starts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FollowEvents {
    /// The project; the header `x-arc-eval-project` names it as well. Default: `default`.
    project: Option<String>,
    /// Start after this event. The header `Last-Event-ID`, which browsers send when they connect
    /// again, goes before it. Default: only events from now on.
    after: Option<u64>,
}

/// A run that was settled or settled anew: the `data` of an event named `run`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct RunEvent {
    /// The event's number, which is its `id` as well.
    seq: u64,
    /// The project.
    project: ProjectId,
    /// The run as it is now.
    run: Run,
}

/// An alert that was raised: the `data` of an event named `alert`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct AlertEvent {
    /// The project.
    project: ProjectId,
    /// The alert.
    alert: Alert,
}

/// An issue that is new or came back: the `data` of an event named `issue`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct IssueEvent {
    /// The project.
    project: ProjectId,
    /// `new` or `regressed`.
    change: IssueChange,
    /// The issue.
    issue: Issue,
}

/// Streams every run as it settles: `event: run`, `id: <seq>`, `data: {seq, project, run}`; every alert as it is raised:
/// `event: alert`, `data: {project, alert}`; and every issue that is new or came back: `event: issue`,
/// `data: {project, change, issue}`.
/// Behind a run that goes on comes how likely it is to fail, where that may be said: `event: warning`,
/// `data: {run, agent, warning}`.
///
/// The stream begins with an event that has an `id` and no data, so that a browser that connects
/// again misses nothing.
#[utoipa::path(
    get, path = "/api/v1/events", operation_id = "follow_events", tag = "runs",
    params(FollowEvents, ("Last-Event-ID" = Option<u64>, Header, description = "Start after this event")),
    responses(
        (status = 200, description = "Events; the data of each is a `RunEvent`", body = RunEvent,
            content_type = "text/event-stream"),
        Problems
    )
)]
pub(crate) async fn follow(
    State(app): State<App>,
    State(config): State<Arc<ServerConfig>>,
    headers: HeaderMap,
    Query(params): Query<FollowEvents>,
) -> Result<impl IntoResponse, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    let after = last_event_id(&headers)?.or(params.after).map(ChangeSeq);
    let follow = app.follow(after).await?;
    let ChangeSeq(start) = follow.position();
    let hello = Event::default().id(start.to_string()).retry(RETRY);
    let alerts = alerts(app.follow_alerts(), project.clone());
    let alerts = stream::select(alerts, issues(app.follow_issues(), project.clone()));
    // The feed of runs ends when the server stops, and the stream with it.
    let runs = events(app.clone(), follow, project).map(Some).chain(stream::iter([None]));
    let news = stream::select(runs, alerts.map(Some)).take_while(|one| std::future::ready(one.is_some()));
    let news = news.filter_map(std::future::ready);
    let events = stream::iter([Ok::<_, Infallible>(hello)]).chain(news);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(config.keep_alive)))
}

fn events(app: App, follow: Follow, project: ProjectId) -> impl stream::Stream<Item = Result<Event, Infallible>> {
    let batches = stream::unfold(follow, |mut follow| async move {
        match follow.next().await {
            Ok(changes) => changes.map(|changes| (changes, follow)),
            Err(error) => {
                // The stream ends here, and the browser connects again where it was.
                tracing::warn!("an event stream broke off: {error}");
                None
            }
        }
    });
    let changes = batches.flat_map(stream::iter);
    let wanted = changes.filter(move |change| std::future::ready(change.project == project));
    wanted.then(move |change| news(app.clone(), change)).flat_map(stream::iter)
}

/// Returns the event of a run, and the one that warns of it.
async fn news(app: App, change: Change) -> Vec<Result<Event, Infallible>> {
    // That a warning cannot be made is no reason to keep the run back.
    let warned = app.warning(&change.project, &change.run).await.ok().flatten();
    let data = warned.and_then(|warned| serde_json::to_string(&WarnedRun::from(warned)).ok());
    let warning = data.map(|data| Ok(Event::default().event("warning").data(data)));
    event(change).into_iter().chain(warning).collect()
}

/// Alerts have no `id`: whoever connects again finds those it missed in `/api/v1/alerts`.
fn alerts(
    receiver: broadcast::Receiver<(ProjectId, Alert)>,
    wanted: ProjectId,
) -> impl stream::Stream<Item = Result<Event, Infallible>> {
    stream::unfold((receiver, wanted), |(mut receiver, wanted)| async move {
        loop {
            match receiver.recv().await {
                Ok((project, alert)) if project == wanted => {
                    let Ok(data) = serde_json::to_string(&AlertEvent { project, alert }) else { continue };
                    return Some((Ok(Event::default().event("alert").data(data)), (receiver, wanted)));
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    })
}

/// As alerts; what was missed is in `/api/v1/issues`.
fn issues(
    receiver: broadcast::Receiver<IssueNews>,
    wanted: ProjectId,
) -> impl stream::Stream<Item = Result<Event, Infallible>> {
    stream::unfold((receiver, wanted), |(mut receiver, wanted)| async move {
        loop {
            match receiver.recv().await {
                Ok(IssueNews { project, change, issue }) if project == wanted => {
                    let Ok(data) = serde_json::to_string(&IssueEvent { project, change, issue }) else { continue };
                    return Some((Ok(Event::default().event("issue").data(data)), (receiver, wanted)));
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    })
}

fn event(change: Change) -> Option<Result<Event, Infallible>> {
    let Change { seq: ChangeSeq(seq), project, run } = change;
    let data = serde_json::to_string(&RunEvent { seq, project, run }).ok()?;
    Some(Ok(Event::default().event("run").id(seq.to_string()).data(data)))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    match given(Some(text)).map(str::parse) {
        None => Ok(None),
        Some(Ok(seq)) => Ok(Some(seq)),
        Some(Err(_)) => Err(Problem::invalid(format!("header Last-Event-ID: `{text}` is not the id of an event"))),
    }
}
