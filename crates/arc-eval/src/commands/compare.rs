//! `arc-eval compare`: two versions of an agent, two agents, or two sets of files.

use std::path::{Path, PathBuf};

use arc_analysis::compare::{self, Comparison, Trial};
use arc_model::{AgentName, Run};

use super::{import, select};
use crate::{cli::Compare, config::Config, failure::Failure, output};

pub(super) async fn run(config: &Config, arguments: &Compare) -> Result<(), Failure> {
    let (baseline, candidate) = sides(arguments)?;
    let comparison = if arguments.input {
        let before = from_files(config, arguments, baseline).await?;
        let after = from_files(config, arguments, candidate).await?;
        compared((baseline, &before), (candidate, &after))
    } else {
        from_store(config, arguments, baseline, candidate).await?
    };
    if arguments.json {
        return output::json(&comparison);
    }
    Ok(output::data(&output::compare::page(&comparison))?)
}

/// Returns the two names that were given, one way or the other.
fn sides(arguments: &Compare) -> Result<(&str, &str), Failure> {
    match (arguments.sides.as_slice(), &arguments.baseline, &arguments.candidate) {
        ([baseline, candidate], _, _) | (_, Some(baseline), Some(candidate)) => Ok((baseline, candidate)),
        _ => Err(Failure::usage(
            "what to compare? name two versions: arc-eval compare v1 v2, or two files: arc-eval compare --input A B",
        )),
    }
}

async fn from_store(
    config: &Config,
    arguments: &Compare,
    baseline: &str,
    candidate: &str,
) -> Result<Comparison, Failure> {
    let app = select::stored(config).await?;
    if arguments.agent.is_none() {
        let agents = app.agents(&config.project).await?;
        let is_agent = |name: &str| agents.iter().any(|agent| agent.name.as_str() == name);
        if is_agent(baseline) && is_agent(candidate) {
            let before = select::runs(&app, config, Some(&AgentName::from(baseline))).await?;
            let after = select::runs(&app, config, Some(&AgentName::from(candidate))).await?;
            return Ok(compared((baseline, &before), (candidate, &after)));
        }
    }
    let agent = select::agent(&app, config, arguments.agent.as_deref()).await?;
    let runs = select::runs(&app, config, Some(&agent)).await?;
    let before = select::of_version(&runs, baseline, &agent)?;
    let after = select::of_version(&runs, candidate, &agent)?;
    let named = |version: &str| format!("{agent} {version}");
    Ok(compared((&named(baseline), &before), (&named(candidate), &after)))
}

async fn from_files(config: &Config, arguments: &Compare, path: &str) -> Result<Vec<Run>, Failure> {
    let path = PathBuf::from(path);
    let (app, summary) = select::files(config, std::slice::from_ref(&path), &arguments.reading).await?;
    import::verdict(&summary, arguments.reading.format.as_deref(), "nothing was compared")?;
    let agent = match arguments.agent.as_deref() {
        Some(name) => Some(select::agent(&app, config, Some(name)).await?),
        None => None,
    };
    let runs = select::runs(&app, config, agent.as_ref()).await?;
    if runs.is_empty() {
        return Err(Failure::unreadable(format!("{} holds no runs", Path::display(&path))));
    }
    Ok(runs)
}

fn compared((baseline, before): (&str, &[Run]), (candidate, after): (&str, &[Run])) -> Comparison {
    let trials = |runs: &[Run]| runs.iter().map(Trial::from).collect::<Vec<_>>();
    compare::compare((baseline, &trials(before)), (candidate, &trials(after)))
}
