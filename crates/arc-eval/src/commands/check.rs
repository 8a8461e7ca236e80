//! `arc-eval check`: what the declared checks come to, evaluated now on runs that are stored or in files.

use std::{fs, process::ExitCode};

use arc_analysis::checks::check_figures;
use arc_app::{App, RunQuery};
use arc_model::{CheckState, Run, TraceId};

use super::{import, select};
use crate::{
    cli::Check,
    config::Config,
    failure::{Exit, Failure},
    output::{
        self,
        check::{Checked, CheckedRun},
    },
};

/// What to do where nothing is declared.
const NO_CHECKS: &str = "no check applies. Declare some in arc-eval.toml, here or in a directory above:\n  \
    [[check]]\n  id = \"answers\"\n  kind = \"output\"      # or tools, arguments, forbidden, state, budget\n  regex = \"[a-z]\"\n\
    or in the program: ArcTracer(checks=[{\"id\": \"answers\", \"kind\": \"output\", \"regex\": \"[a-z]\"}])";

pub(super) async fn run(config: &Config, arguments: &Check) -> Result<ExitCode, Failure> {
    if let Some(id) = arguments.run {
        return one(config, arguments, id).await;
    }
    let app = if arguments.input.is_empty() {
        select::stored(config).await?
    } else {
        let (app, summary) = select::files(config, &arguments.input, &arguments.reading).await?;
        import::verdict(&summary, arguments.reading.format.as_deref(), "nothing was checked")?;
        app
    };
    let agent = select::agent(&app, config, arguments.agent.as_deref()).await?;
    let mut runs = Vec::new();
    let mut query = RunQuery { agent: Some(agent.clone()), limit: arguments.limit.min(500), ..RunQuery::default() };
    while runs.len() < arguments.limit as usize {
        let page = app.runs(&config.project, &query).await?;
        for run in page.items.into_iter().filter(|run| !run.is_running) {
            if runs.len() < arguments.limit as usize {
                runs.push(now(&app, config, run).await?);
            }
        }
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    let checked = Checked { agent, runs: runs.len() as u64, checks: check_figures(&runs) };
    if checked.checks.is_empty() {
        output::talk(NO_CHECKS);
    }
    if let Some(path) = &arguments.junit {
        let cannot = |error| Failure::new(Exit::Internal, format!("cannot write {}: {error}", path.display()));
        fs::write(path, output::check::junit(&checked)).map_err(cannot)?;
    }
    if arguments.json {
        output::json(&checked)?;
    } else {
        output::data(&output::check::page(&checked))?;
    }
    Ok(code(checked.checks.iter().any(|check| check.failed > 0)))
}

async fn one(config: &Config, arguments: &Check, id: TraceId) -> Result<ExitCode, Failure> {
    let app = select::stored(config).await?;
    let known = app.run(&config.project, id).await?;
    let detail = known.ok_or_else(|| Failure::usage(format!("no settled run {id} in project {}", config.project)))?;
    let run = now(&app, config, detail.run).await?;
    if run.checks.is_empty() {
        output::talk(NO_CHECKS);
    }
    let failed = run.checks.iter().any(|result| matches!(result.state, CheckState::Failed { .. }));
    let checked = CheckedRun { run: id, agent: run.agent.name, checks: run.checks };
    if arguments.json {
        output::json(&checked)?;
    } else {
        output::data(&output::check::run(&checked))?;
    }
    Ok(code(failed))
}

/// Returns the run with what the checks in force come to now; what was stored is from when it was analysed.
async fn now(app: &App, config: &Config, run: Run) -> Result<Run, Failure> {
    let analysis = app.analysed_now(&config.project, &run).await?;
    Ok(analysis.map_or(run, |analysis| analysis.run))
}

const fn code(failed: bool) -> ExitCode {
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
