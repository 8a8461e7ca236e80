//! The commands, one file each: read the settings, ask the application, hand the answer to `output`.

mod accuracy;
mod collect;
mod completions;
mod connect;
mod debug;
mod import;
mod live;
mod run;
mod serve;
mod trace;

use std::{process::ExitCode, sync::Arc};

use arc_app::{App, Settings, SystemClock};
use arc_catalog::Catalog;
use arc_store::StoreError;
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

use crate::{
    cli::{Cli, Command},
    config::Config,
    failure::{Exit, Failure},
    output, reference,
};

/// Runs the command that was typed.
pub(crate) fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let Cli { common, command } = cli;
    let config = || Config::load(&common).and_then(start_logging);
    let ended = match command {
        Command::Serve(arguments) => runtime()?.block_on(serve::run(&config()?, &arguments)),
        Command::Import(arguments) => runtime()?.block_on(import::run(&config()?, &arguments)),
        Command::Debug(arguments) if arguments.live => live::report(&config()?, &arguments),
        Command::Debug(arguments) => runtime()?.block_on(debug::run(&config()?, &arguments)),
        Command::Trace(arguments) => match arguments.run {
            Some(id) => runtime()?.block_on(trace::run(&config()?, &arguments, id)),
            None => live::runs(&config()?, &arguments),
        },
        // Its exit code is that of the program it ran.
        Command::Run(arguments) => return Ok(runtime()?.block_on(run::run(&config()?, &arguments))?.into()),
        Command::Collect(arguments) => runtime()?.block_on(collect::run(&config()?, &arguments)),
        Command::Connect(arguments) => connect::run(&arguments),
        Command::Accuracy(arguments) => accuracy::run(&arguments),
        Command::Completions { shell } => completions::run(shell),
        Command::Reference { page } => Ok(output::data(&reference::page(page)?)?),
    };
    ended.map(|()| ExitCode::SUCCESS)
}

fn runtime() -> Result<Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| anyhow::Error::new(error).context("cannot start the threads of the program").into())
}

fn start_logging(config: Config) -> Result<Config, Failure> {
    let filter =
        EnvFilter::try_new(&config.log).map_err(|error| Failure::usage(format!("log is `{}`: {error}", config.log)))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(output::stderr_has_colours())
        .without_time()
        .with_target(false);
    // Fails only when one is installed already, which then serves.
    let _ = subscriber.try_init();
    Ok(config)
}

/// Opens a store and puts the application on top of it.
async fn open(config: &Config, store: &str) -> Result<App, Failure> {
    let stores = arc_store_backends::open(store).await.map_err(|error| {
        let exit = if matches!(error, StoreError::Invalid(_)) { Exit::Usage } else { Exit::Internal };
        Failure { exit, error: anyhow::Error::new(error).context(format!("cannot open the store {store}")) }
    })?;
    let settings = Settings { quiet: config.quiet, idle: config.idle, ..Settings::default() };
    Ok(App::new(stores.traces, stores.registry, Arc::new(SystemClock), Catalog::builtin(), settings))
}
