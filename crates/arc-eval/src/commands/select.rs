//! Which runs a command is about: those of an agent, in the store or in files that are not stored.

use std::path::PathBuf;

use arc_app::{App, RunQuery};
use arc_model::{AgentName, Run};

use super::{MEMORY, debug, import, open, open_to_read, settle_if_possible};
use crate::{
    cli::Reading,
    config::Config,
    failure::Failure,
    output::{self, import::Summary},
};

/// Runs read at once.
const PAGE: u32 = 500;

/// Opens what is stored, with what became due settled.
pub(super) async fn stored(config: &Config) -> Result<App, Failure> {
    let app = open_to_read(config).await?;
    settle_if_possible(&app).await?;
    Ok(app)
}

/// Takes files into a store that ends with the command.
pub(super) async fn files(config: &Config, inputs: &[PathBuf], reading: &Reading) -> Result<(App, Summary), Failure> {
    let app = open(config, MEMORY).await?;
    let summary = import::take_in(&app, config, inputs, None, reading).await?;
    Ok((app, summary))
}

/// Returns the agent that was asked for, else the most recently active one.
pub(super) async fn agent(app: &App, config: &Config, asked: Option<&str>) -> Result<AgentName, Failure> {
    let agents = app.agents(&config.project).await?;
    let asked = asked.map(AgentName::from);
    debug::choose(&agents, asked.as_ref())?.ok_or_else(|| Failure::usage("there are no runs yet"))
}

/// Returns every run that ended; only those of this agent, where one is named.
pub(super) async fn runs(app: &App, config: &Config, agent: Option<&AgentName>) -> Result<Vec<Run>, Failure> {
    let mut query = RunQuery { agent: agent.cloned(), limit: PAGE, ..RunQuery::default() };
    let mut runs = Vec::new();
    loop {
        let page = app.runs(&config.project, &query).await?;
        runs.extend(page.items.into_iter().filter(|run| !run.is_running));
        query.after = page.next;
        if query.after.is_none() {
            return Ok(runs);
        }
    }
}

/// Returns the runs of a version; fails with the versions there are when there is none of it.
pub(super) fn of_version(runs: &[Run], version: &str, agent: &AgentName) -> Result<Vec<Run>, Failure> {
    let is_it = |run: &&Run| run.agent.version.as_deref() == Some(version);
    let chosen: Vec<Run> = runs.iter().filter(is_it).cloned().collect();
    if !chosen.is_empty() {
        return Ok(chosen);
    }
    let mut known: Vec<&str> = runs.iter().filter_map(|run| run.agent.version.as_deref()).collect();
    known.sort_unstable();
    known.dedup();
    let known = match known.as_slice() {
        [] => "no run of it says its version".to_owned(),
        known => format!("there are {}", output::listed(known)),
    };
    Err(Failure::usage(format!("no runs of version `{version}` of the agent `{agent}`; {known}")))
}
