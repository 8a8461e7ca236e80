//! `arc-eval import`: files into the store, analysed at once.

use std::path::PathBuf;

use arc_app::{App, Imported, Source};
use arc_model::AgentName;

use super::open;
use crate::{
    cli::{Import, Reading},
    config::Config,
    failure::Failure,
    inputs::{self, Input},
    output::{self, import::Summary},
};

pub(super) async fn run(config: &Config, arguments: &Import) -> Result<(), Failure> {
    let app = open(config, &config.store).await?;
    let agent = arguments.agent.as_deref().map(AgentName::from);
    let summary = take_in(&app, config, &arguments.inputs, agent.as_ref(), &arguments.reading).await?;
    output::import::print(&summary, arguments.json)?;
    verdict(&summary, arguments.reading.format.as_deref(), "what the others hold is stored")
}

/// Imports what the arguments name into an application, and settles it.
pub(super) async fn take_in(
    app: &App,
    config: &Config,
    arguments: &[PathBuf],
    agent: Option<&AgentName>,
    reading: &Reading,
) -> Result<Summary, Failure> {
    let inputs = inputs::find(arguments)?;
    check_format(reading.format.as_deref())?;
    let progress = output::progress("reading", inputs.len());
    let mut summary = Summary::default();
    for input in &inputs {
        progress.step(&input.name());
        match import_one(app, config, input, agent.cloned(), reading.format.as_deref()).await? {
            Ok(imported) => summary.add(input.name(), imported),
            Err(why) => summary.add_unopened(input.name(), why),
        }
        progress.done();
    }
    progress.step("analysing");
    summary.runs_settled = app.settle_all(&config.project).await?;
    progress.finish();
    output::import::print_diagnostics(&summary, reading.verbose);
    Ok(summary)
}

/// Imports one input; the inner error says why it could not be read.
async fn import_one(
    app: &App,
    config: &Config,
    input: &Input,
    agent: Option<AgentName>,
    format: Option<&str>,
) -> Result<Result<Imported, String>, Failure> {
    let to_read = input.clone();
    let read = tokio::task::spawn_blocking(move || to_read.read()).await;
    let bytes = match read {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => return Ok(Err(format!("cannot be read: {error}"))),
        Err(error) => return Err(anyhow::Error::new(error).context(format!("read {}", input.name())).into()),
    };
    let name = input.name();
    let source = Source { name: Some(&name), format };
    Ok(Ok(app.import_from_folder(&config.project, bytes, source, agent, input.folder.clone()).await?))
}

/// Fails when some input gave nothing; `others` says what became of the inputs that gave something.
pub(super) fn verdict(summary: &Summary, format: Option<&str>, others: &str) -> Result<(), Failure> {
    let unreadable: Vec<&str> = summary.unreadable().collect();
    let [first, rest @ ..] = unreadable.as_slice() else { return Ok(()) };
    let which = match rest {
        [] => (*first).to_owned(),
        _ => format!("{} of {} files: {}", unreadable.len(), summary.files.len(), output::listed(&unreadable)),
    };
    let others = if summary.files.len() > unreadable.len() { format!("; {others}") } else { String::new() };
    let hint = match format {
        Some(format) => format!("\nleave out `--format {format}` to let the format be recognised"),
        None if summary.was_opened() => "\nif it is one of the known formats, name it with --format".to_owned(),
        None => String::new(),
    };
    Err(Failure::unreadable(format!("nothing could be read from {which}{others}{hint}")))
}

fn formats() -> Vec<&'static str> {
    arc_formats::registry::WIRES.iter().map(|wire| wire.id()).collect()
}

fn check_format(format: Option<&str>) -> Result<(), Failure> {
    match format {
        Some(id) if arc_formats::registry::wire(id).is_none() => {
            Err(Failure::usage(format!("no format is called `{id}`; there are {}", output::listed(&formats()))))
        }
        _ => Ok(()),
    }
}
