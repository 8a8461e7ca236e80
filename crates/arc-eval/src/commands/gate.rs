//! `arc-eval gate`: exit 1 unless the runs show that an agent is good enough.

use std::{fs, path::Path, process::ExitCode};

use arc_analysis::gate::{self, GateVerdict, Limits};
use arc_model::{AgentName, NanoUsd};

use super::{import, select};
use crate::{
    cli::Gate,
    config::Config,
    failure::{Exit, Failure},
    output::{self, gate::Judged},
};

pub(super) async fn run(config: &Config, arguments: &Gate) -> Result<ExitCode, Failure> {
    let limits = limits(arguments)?;
    let app = if arguments.input.is_empty() {
        select::stored(config).await?
    } else {
        let (app, summary) = select::files(config, &arguments.input, &arguments.reading).await?;
        import::verdict(&summary, arguments.reading.format.as_deref(), "nothing was judged")?;
        app
    };
    let agent = if app.agents(&config.project).await?.is_empty() {
        // Without a single run nothing is shown to be good enough; that is no mistake of who asks.
        AgentName::from(arguments.agent.as_deref().unwrap_or("no agent"))
    } else {
        select::agent(&app, config, arguments.agent.as_deref()).await?
    };
    let mut runs = select::runs(&app, config, Some(&agent)).await?;
    if let Some(version) = arguments.agent_version.as_ref().filter(|_| !runs.is_empty()) {
        runs = select::of_version(&runs, version, &agent)?;
    }
    let judged = Judged { agent, version: arguments.agent_version.clone(), gate: gate::judge(&runs, &limits) };
    if let Some(path) = &arguments.junit {
        write(path, &output::junit::report(&judged))?;
    }
    if let Some(path) = &arguments.sarif {
        write(path, &output::sarif::report(&judged))?;
    }
    if arguments.json {
        output::json(&judged)?;
    } else {
        output::data(&output::gate::page(&judged))?;
    }
    Ok(if judged.gate.verdict == GateVerdict::Met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn limits(arguments: &Gate) -> Result<Limits, Failure> {
    let in_range = |name: &str, value: Option<f64>, most: f64| match value {
        Some(value) if !(value.is_finite() && (0.0..=most).contains(&value)) => {
            Err(Failure::usage(format!("--{name} is {value}, which is not between 0 and {most}")))
        }
        other => Ok(other),
    };
    let limits = Limits {
        min_reliability: in_range("min-reliability", arguments.min_reliability, 1.0)?,
        max_cost: in_range("max-cost", arguments.max_cost, 1e6)?.map(nanos),
        max_p95_ms: in_range("max-p95-ms", arguments.max_p95_ms, 1e12)?,
    };
    if limits == Limits::default() {
        return Err(Failure::usage("no limit was given: --min-reliability, --max-cost or --max-p95-ms"));
    }
    Ok(limits)
}

#[expect(clippy::cast_possible_truncation, reason = "at most a million dollars")]
fn nanos(dollars: f64) -> NanoUsd {
    NanoUsd((dollars * 1e9).round() as i64)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let cannot = |error| Failure::new(Exit::Internal, format!("cannot write {}: {error}", path.display()));
    fs::write(path, text).map_err(cannot)
}
