//! The short answer to "how is my agent doing": flat, for a terminal or a script.

use arc_analysis::{
    Issue, Recommendation, Report,
    reliability::{Grade, Trend},
};
use arc_app::{App, Overview};
use arc_model::{AgentName, Interval};
use axum::{Json, extract::State, http::HeaderMap};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Problem,
    error::Problems,
    extract::{Query, given, project},
};

/// Which agent to report on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ShowAnalysis {
    /// The project; the header `x-arc-eval-project` names it as well. Default: `default`.
    project: Option<String>,
    /// The agent. Default: the most recently active one.
    agent: Option<String>,
}

/// How an agent is doing. What is not known is `null`, never a default.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct RuntimeAnalysis {
    /// The agent; `null` while there are no runs.
    #[schema(required = true)]
    agent: Option<AgentName>,
    /// Share of runs that succeeded, in 0..=1.
    #[schema(required = true)]
    reliability_score: Option<f64>,
    /// Where the true share lies with 95 % confidence.
    #[schema(required = true)]
    reliability_interval: Option<Interval>,
    /// Runs with a known outcome: what the score is a share of.
    n: u64,
    /// Runs whose outcome nobody knows; they are not part of the score.
    unknown_outcomes: u64,
    /// The score as a letter; provisional while the interval spans more than two letters.
    #[schema(required = true)]
    grade: Option<Grade>,
    /// Whether it gets better or worse, by which test.
    #[schema(required = true)]
    trend: Option<Trend>,
    /// Mean cost of a run in US dollars.
    #[schema(required = true)]
    cost_per_run: Option<f64>,
    /// Why the cost is not known, where it is not.
    #[schema(required = true)]
    cost_unknown: Option<String>,
    /// Runs whose cost is known: what the mean is over.
    priced_runs: u64,
    /// Mean cost of a run, this week against the week before: 0.1 is ten percent more.
    #[schema(required = true)]
    cost_weekly_change: Option<f64>,
    /// Cost of a month at the measured run rate, in US dollars.
    #[schema(required = true)]
    cost_projected_month: Option<f64>,
    /// The framework the agent is built with, where it was recognised.
    #[schema(required = true)]
    framework_detected: Option<String>,
    /// The domain the agent works in, where it was recognised.
    #[schema(required = true)]
    domain_detected: Option<String>,
    /// What to do next; at most three.
    recommendations: Vec<Recommendation>,
    /// What breaks, worst first.
    issues: Vec<Issue>,
    /// Whether `POST /api/chat` answers.
    chat_ready: bool,
    /// Every agent with runs, the most recently active one first.
    agents: Vec<AgentName>,
    /// Everything the above was taken from.
    #[schema(required = true)]
    report: Option<Report>,
}

/// Says how an agent is doing: the one asked for, or the most recently active one.
#[utoipa::path(
    get, path = "/api/runtime-analysis", operation_id = "get_runtime_analysis", tag = "agents", params(ShowAnalysis),
    responses(
        (status = 200, description = "How the agent is doing", body = RuntimeAnalysis),
        (status = 404, description = "No such agent; the detail names those there are", body = Problem,
            content_type = "application/problem+json"),
        Problems
    )
)]
pub(crate) async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    Query(params): Query<ShowAnalysis>,
) -> Result<Json<RuntimeAnalysis>, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    let agent = given(params.agent.as_deref()).map(AgentName::from);
    let Overview { agents, report } = app.overview(&project, agent.as_ref()).await?;
    match (report, agent) {
        (Some(report), _) => Ok(Json(analysis(report, agents))),
        (None, None) => Ok(Json(nothing_yet())),
        (None, Some(unknown)) => Err(no_such_agent(&unknown, &agents)),
    }
}

fn analysis(report: Report, agents: Vec<AgentName>) -> RuntimeAnalysis {
    let Report { agent, reliability, cost, issues, recommendations, .. } = report.clone();
    let cost_unknown = cost.per_run.is_none().then(|| match cost.unpriced.first() {
        Some(tally) => format!("{} ({} of {} runs)", tally.why, tally.runs, cost.runs),
        None => "no run has a known cost".to_owned(),
    });
    RuntimeAnalysis {
        agent: Some(agent.name),
        reliability_score: reliability.success.estimate,
        reliability_interval: reliability.success.interval,
        n: reliability.success.n,
        unknown_outcomes: reliability.unknown_outcomes,
        grade: reliability.grade,
        trend: Some(reliability.trend),
        cost_per_run: cost.per_run.map(arc_model::NanoUsd::as_usd),
        cost_unknown,
        priced_runs: cost.priced_runs,
        cost_weekly_change: cost.weekly_change.map(|change| change.ratio),
        cost_projected_month: cost.projected_month.map(|projection| projection.amount.as_usd()),
        framework_detected: agent.framework,
        domain_detected: agent.domain,
        recommendations,
        issues,
        chat_ready: false,
        agents,
        report: Some(report),
    }
}

/// The answer of an empty project: nothing is known, and what to do first.
fn nothing_yet() -> RuntimeAnalysis {
    let advice = [
        (
            "Trace an agent: `from agent_eval.trace import ArcTracer; agent = ArcTracer(\"finance\").trace_agent(agent)`",
            "no runs have been recorded yet; a run shows up here within two seconds of finishing",
        ),
        (
            "Point an OpenTelemetry exporter (OTLP over HTTP) at this server: spans go to /v1/traces",
            "any framework with OpenTelemetry instrumentation needs no change of code",
        ),
        ("Load traces you already have: `arc-eval import FILE`", "files of past runs give figures at once"),
    ];
    let recommend = |(text, because): (&str, &str)| Recommendation {
        leaf: None,
        text: text.to_owned(),
        because: because.to_owned(),
    };
    RuntimeAnalysis {
        agent: None,
        reliability_score: None,
        reliability_interval: None,
        n: 0,
        unknown_outcomes: 0,
        grade: None,
        trend: None,
        cost_per_run: None,
        cost_unknown: Some("no runs have been recorded yet".to_owned()),
        priced_runs: 0,
        cost_weekly_change: None,
        cost_projected_month: None,
        framework_detected: None,
        domain_detected: None,
        recommendations: advice.into_iter().map(recommend).collect(),
        issues: Vec::new(),
        chat_ready: false,
        agents: Vec::new(),
        report: None,
    }
}

fn no_such_agent(name: &AgentName, known: &[AgentName]) -> Problem {
    /// Most names that a message lists.
    const NAMED: usize = 20;
    let names = known.iter().take(NAMED).map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ");
    Problem::not_found(match known.len() {
        0 => format!("no agent named `{name}`; no runs have been recorded yet"),
        count if count > NAMED => format!("no agent named `{name}`; there are {count}, among them {names}"),
        _ => format!("no agent named `{name}`; there are {names}"),
    })
}
