//! `arc-eval debug`: the report on an agent, from the store or from files that are not stored.

use arc_app::App;
use arc_model::AgentName;

use super::{
    MEMORY, cost::savings_of, count_issues_if_possible, import, issues, open, open_to_read, settle_if_possible,
};
use crate::{
    cli::Debug,
    config::Config,
    failure::Failure,
    output::{self, card::Overview},
};

/// What to do where there is nothing to report on.
const NO_RUNS: &str = "no runs yet. To get the first:\n  \
    arc-eval import FILE|DIR     traces you already have\n  \
    arc-eval debug --input FILE  the same without storing them\n  \
    arc-eval serve               then run an agent that sends to it:\n                               \
    from agent_eval.trace import ArcTracer; agent = ArcTracer(\"my-agent\").trace_agent(agent)";

pub(super) async fn run(config: &Config, arguments: &Debug) -> Result<(), Failure> {
    let asked = arguments.agent.as_deref().map(AgentName::from);
    if arguments.input.is_empty() {
        let app = open_to_read(config).await?;
        if arguments.pattern_analysis || arguments.root_cause {
            count_issues_if_possible(&app).await?;
            return issues::patterns(&app, config, asked.as_ref(), arguments).await;
        }
        settle_if_possible(&app).await?;
        let overview = overview(&app, config, asked.as_ref()).await?;
        return print(&overview, arguments.json, true);
    }
    let app = open(config, MEMORY).await?;
    let summary = import::take_in(&app, config, &arguments.input, None, &arguments.reading).await?;
    if arguments.pattern_analysis || arguments.root_cause {
        app.catch_up_issues().await?;
        issues::patterns(&app, config, asked.as_ref(), arguments).await?;
    } else if !summary.is_empty() {
        print(&overview(&app, config, asked.as_ref()).await?, arguments.json, false)?;
    }
    import::verdict(&summary, arguments.reading.format.as_deref(), "the report is on the others")
}

async fn overview(app: &App, config: &Config, asked: Option<&AgentName>) -> Result<Overview, Failure> {
    let agents = app.agents(&config.project).await?;
    let Some(name) = choose(&agents, asked)? else {
        return Ok(Overview { agents, report: None, savings: None, frameworks: Vec::new() });
    };
    let report = app.report(&config.project, &name).await?;
    let savings = savings_of(app, config, Some(&name)).await?;
    let frameworks = app.frameworks(&config.project).await?.advice;
    Ok(Overview { agents, report, savings, frameworks })
}

/// Returns the agent to report on: the one asked for, else the most recently active one.
pub(super) fn choose(
    agents: &[arc_model::AgentSummary],
    asked: Option<&AgentName>,
) -> Result<Option<AgentName>, Failure> {
    let Some(asked) = asked else { return Ok(agents.first().map(|agent| agent.name.clone())) };
    if agents.iter().any(|agent| agent.name == *asked) {
        return Ok(Some(asked.clone()));
    }
    let known: Vec<&str> = agents.iter().map(|agent| agent.name.as_str()).collect();
    let known = if known.is_empty() {
        "there are no runs yet".to_owned()
    } else {
        format!("there are {}", output::listed(&known))
    };
    Err(Failure::usage(format!("no settled runs of an agent named `{asked}`; {known}")))
}

pub(super) fn print(overview: &Overview, as_json: bool, stored: bool) -> Result<(), Failure> {
    if overview.report.is_none() {
        output::talk(if overview.agents.is_empty() { NO_RUNS } else { "no runs of this agent yet" });
    }
    if as_json {
        return output::json(overview);
    }
    Ok(output::data(&output::card::card(overview, stored))?)
}
