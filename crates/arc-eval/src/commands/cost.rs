//! `arc-eval cost`: how cost and time divide, and what could be saved.

use std::{fs, path::Path};

use anyhow::Context;
use arc_analysis::{
    cost::{CostReport, savings::Savings},
    replay::Proof,
};
use arc_app::{App, CostQuery};
use arc_model::{AgentName, Timestamp};
use serde::Serialize;

use super::{debug::choose, open_to_read, settle_if_possible};
use crate::{
    cli::Cost,
    config::Config,
    failure::Failure,
    output::{self, cost},
};

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub(crate) struct CostAnswer {
    /// How cost and time divide.
    #[serde(flatten)]
    pub(crate) report: CostReport,
    /// The agent whose runs savings were looked for in; `None` where there is no agent.
    pub(crate) savings_of: Option<AgentName>,
    /// What could be saved on its latest runs.
    pub(crate) savings: Option<Savings>,
    /// What replays of its calls came to: a switch that was tested is measured, or withdrawn.
    pub(crate) proofs: Vec<Proof>,
}

pub(super) async fn run(config: &Config, arguments: &Cost) -> Result<(), Failure> {
    let app = open_to_read(config).await?;
    settle_if_possible(&app).await?;
    let since = arguments.since.as_deref().map(|text| since(text, app.now())).transpose()?;
    let agents = app.agents(&config.project).await?;
    let asked = arguments.agent.as_deref().map(AgentName::from);
    let chosen = choose(&agents, asked.as_ref())?;
    let query = CostQuery { by: arguments.by, agent: asked, since, limit: arguments.limit };
    let report = app.costs(&config.project, &query).await?;
    if arguments.csv {
        if report.is_cut {
            output::talk("there are more lines: raise --limit");
        }
        return Ok(output::data(&cost::csv(&report))?);
    }
    if let Some(path) = &arguments.parquet {
        return write_parquet(path, &report);
    }
    let savings = match &chosen {
        Some(agent) if !arguments.no_savings => Some(app.savings(&config.project, agent, since).await?),
        _ => None,
    };
    let proofs = match &chosen {
        Some(agent) => super::replay::proofs_of(config, agent)?,
        None => Vec::new(),
    };
    let answer = CostAnswer { report, savings_of: chosen, savings, proofs };
    if arguments.json {
        return output::json(&answer);
    }
    Ok(output::data(&cost::text(&answer))?)
}

/// Writes the lines into a file, whole or not at all.
fn write_parquet(path: &Path, report: &CostReport) -> Result<(), Failure> {
    let bytes = output::parquet::file(report).context("write the lines as Parquet")?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    if let Err(problem) = written {
        let _ = fs::remove_file(&beside);
        return Err(Failure::usage(format!("cannot write {}: {problem}", path.display())));
    }
    let lines = output::number::counted(report.lines.len() as u64, "line");
    let more = if report.is_cut { "; there are more: raise --limit" } else { "" };
    output::talk(&format!("wrote {lines} to {}{more}", path.display()));
    Ok(())
}

/// Returns what could be saved on an agent's latest runs; `None` where there is no agent.
pub(super) async fn savings_of(
    app: &App,
    config: &Config,
    agent: Option<&AgentName>,
) -> Result<Option<Savings>, Failure> {
    match agent {
        Some(agent) => Ok(Some(app.savings(&config.project, agent, None).await?)),
        None => Ok(None),
    }
}

/// Reads a time: a date, a time, or so many days (`7d`) before now.
fn since(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    const DAY_NANOS: i64 = 86_400_000_000_000;
    let days = text.strip_suffix('d').and_then(|days| days.parse::<i64>().ok()).filter(|days| *days >= 0);
    let found = match days {
        Some(days) => Some(now.plus_nanos(days.saturating_mul(DAY_NANOS).saturating_neg())),
        None => Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z"))),
    };
    found.ok_or_else(|| Failure::usage(format!("--since is `{text}`: give a date (2026-03-01), a time, or days (7d)")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_date_or_so_many_days_ago() {
        let now = Timestamp::parse("2026-03-08T12:00:00Z").unwrap();
        let read = |text: &str| since(text, now).map(|at| at.to_string()).map_err(|failure| failure.error.to_string());
        assert_eq!(read("7d").unwrap(), "2026-03-01T12:00:00Z");
        assert_eq!(read("2026-03-01").unwrap(), "2026-03-01T00:00:00Z");
        assert_eq!(read("2026-03-01T10:00:00Z").unwrap(), "2026-03-01T10:00:00Z");
        assert!(read("soon").unwrap_err().starts_with("--since is `soon`"));
        assert!(read("-7d").is_err());
    }
}
