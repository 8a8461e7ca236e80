//! `arc-eval scenarios`: cases drafted from runs that failed, and what to try next.

use arc_analysis::learning::{Scenario, ScenarioState};
use arc_app::{ScenarioDeed, ScenarioQuery};
use arc_model::AgentName;
use serde::Serialize;

use super::{count_issues_if_possible, open_to_read, select};
use crate::{
    cli::{Scenarios, ScenariosDeed, StateOfScenario},
    config::Config,
    failure::Failure,
    output,
};

#[derive(Serialize)]
struct Listed {
    scenarios: Vec<Scenario>,
}

pub(super) async fn run(config: &Config, arguments: &Scenarios) -> Result<(), Failure> {
    let app = open_to_read(config).await?;
    count_issues_if_possible(&app).await?;
    if let Some(deed) = &arguments.deed {
        let (id, deed, as_json) = match deed {
            ScenariosDeed::Accept { id, json } => (id, ScenarioDeed::Accept, *json),
            ScenariosDeed::Retire { id, json } => (id, ScenarioDeed::Retire, *json),
        };
        let decided = app.decide_scenario(&config.project, id, deed).await?;
        let missing = || Failure::usage(format!("there is no scenario `{id}`; `arc-eval scenarios` lists them"));
        let scenario = decided.ok_or_else(missing)?;
        if as_json {
            return output::json(&scenario);
        }
        return Ok(output::data(&output::scenarios::page(&[scenario]))?);
    }
    if arguments.next {
        let agent = select::agent(&app, config, arguments.agent.as_deref()).await?;
        let learning = app.learning(&config.project, &agent).await?;
        let learning = learning.ok_or_else(|| Failure::usage(format!("no settled runs of `{agent}`")))?;
        if arguments.json {
            return output::json(&learning);
        }
        return Ok(output::data(&output::scenarios::learning(&learning, arguments.limit as usize))?);
    }
    let query = ScenarioQuery {
        agent: arguments.agent.as_deref().map(AgentName::from),
        state: arguments.state.map(state),
        after: None,
        limit: arguments.limit,
    };
    let scenarios = app.scenarios(&config.project, &query).await?.items;
    if arguments.json {
        return output::json(&Listed { scenarios });
    }
    if scenarios.is_empty() {
        output::talk("no scenarios: one is drafted from the first run of each new issue whose input was recorded");
        return Ok(());
    }
    Ok(output::data(&output::scenarios::page(&scenarios))?)
}

const fn state(state: StateOfScenario) -> ScenarioState {
    match state {
        StateOfScenario::Draft => ScenarioState::Draft,
        StateOfScenario::Verified => ScenarioState::Verified,
        StateOfScenario::Retired => ScenarioState::Retired,
    }
}
