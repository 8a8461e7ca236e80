//! The commands, one file each: read the settings, ask the application, hand the answer to `output`.

mod accuracy;
mod alerts;
mod backup;
mod budgets;
mod check;
mod collect;
mod compare;
mod completions;
mod connect;
mod cost;
mod debug;
mod delete;
mod doctor;
mod gate;
mod import;
mod issues;
mod label;
mod live;
mod prices;
mod replay;
mod run;
mod scenarios;
mod search;
mod select;
mod serve;
mod store;
mod trace;
mod vacuum;

use std::{process::ExitCode, sync::Arc};

pub(crate) use self::{
    cost::CostAnswer,
    prices::{Difference, Price},
};

use arc_app::{App, AppError, Settings, SystemClock};
use arc_catalog::{Budget, CatalogError, PriceOverride};
use arc_store::StoreError;
use arc_store_backends::{Stores, without_password};
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
        Command::Alerts(arguments) => return runtime()?.block_on(alerts::run(&config()?, &arguments)),
        Command::Budgets(arguments) => return runtime()?.block_on(budgets::run(&config()?, &arguments)),
        Command::Compare(arguments) => runtime()?.block_on(compare::run(&config()?, &arguments)),
        Command::Gate(arguments) => return runtime()?.block_on(gate::run(&config()?, &arguments)),
        Command::Check(arguments) => return runtime()?.block_on(check::run(&config()?, &arguments)),
        Command::Label(arguments) => runtime()?.block_on(label::run(&config()?, &arguments)),
        Command::Cost(arguments) => runtime()?.block_on(cost::run(&config()?, &arguments)),
        Command::Prices(arguments) => runtime()?.block_on(prices::run(&config()?, &arguments)),
        Command::Search(arguments) => runtime()?.block_on(search::run(&config()?, &arguments)),
        Command::Delete(arguments) => runtime()?.block_on(delete::run(&config()?, &arguments)),
        Command::Vacuum(arguments) => runtime()?.block_on(vacuum::run(&config()?, &arguments)),
        Command::Backup(arguments) => backup::backup(&config()?, &arguments),
        Command::Restore(arguments) => backup::restore(&config()?, &arguments),
        Command::Issues(arguments) => runtime()?.block_on(issues::run(&config()?, &arguments)),
        Command::Scenarios(arguments) => runtime()?.block_on(scenarios::run(&config()?, &arguments)),
        Command::Trace(arguments) => match arguments.run {
            Some(id) => runtime()?.block_on(trace::run(&config()?, &arguments, id)),
            None => live::runs(&config()?, &arguments),
        },
        // Its exit code is that of the program it ran.
        Command::Run(arguments) => return Ok(runtime()?.block_on(run::run(&config()?, &arguments))?.into()),
        Command::Collect(arguments) => runtime()?.block_on(collect::run(&config()?, &arguments)),
        Command::Doctor(arguments) => return runtime()?.block_on(doctor::run(&config()?, &arguments)),
        Command::Connect(arguments) => connect::run(&arguments),
        Command::Replay(arguments) => runtime()?.block_on(replay::run(&config()?, &arguments)),
        Command::Accuracy(arguments) => accuracy::run(&arguments),
        Command::Store(arguments) => store::run(&arguments),
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
    // The registry is that of the store that was named, not of one in memory.
    let registry = config.registry.as_deref().filter(|_| store == config.store);
    let stores = arc_store_backends::open_with(store, registry).await.map_err(|error| cannot_open(store, error))?;
    app(config, stores)
}

/// Opens the store to read what is in it: one that was named and does not exist is a mistake, not made.
/// The default one is empty as long as it does not exist.
async fn open_to_read(config: &Config) -> Result<App, Failure> {
    let store = config.store.as_str();
    match arc_store_backends::open_existing_with(store, config.registry.as_deref()).await {
        Ok(stores) => app(config, stores),
        Err(StoreError::Invalid(_)) if config.store_is_default && !config.store_exists() => open(config, MEMORY).await,
        Err(error) => Err(cannot_open(store, error)),
    }
}

/// Settles what became due, where that is possible: without a server nobody else does. What is settled
/// already can be shown all the same.
async fn settle_if_possible(app: &App) -> Result<(), Failure> {
    if_possible(app.settle_due().await.map(drop))
}

/// Does what [`settle_if_possible`] does, and counts the issues of what settled.
async fn count_issues_if_possible(app: &App) -> Result<(), Failure> {
    settle_if_possible(app).await?;
    if_possible(app.catch_up_issues().await)
}

/// Takes a store that cannot be written to for one that is read only.
fn if_possible(done: Result<(), AppError>) -> Result<(), Failure> {
    match done {
        Err(error @ AppError::Unavailable(_)) => {
            let causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
            let why = causes.last().map(|cause| format!(": {cause}")).unwrap_or_default();
            output::talk(&format!("the store cannot be written to, so only what was analysed before is shown{why}"));
            Ok(())
        }
        other => Ok(other?),
    }
}

/// A store that ends with the process.
const MEMORY: &str = "sqlite::memory:";

fn cannot_open(store: &str, error: StoreError) -> Failure {
    let exit = if matches!(error, StoreError::Invalid(_)) { Exit::Usage } else { Exit::Internal };
    Failure {
        exit,
        error: anyhow::Error::new(error).context(format!("cannot open the store {}", without_password(store))),
    }
}

fn app(config: &Config, stores: Stores) -> Result<App, Failure> {
    let settings = Settings {
        quiet: config.quiet,
        idle: config.idle,
        alarm: config.alarm,
        retention: config.retention,
        search: config.search,
        ..Settings::default()
    };
    let catalog = prices::catalog(own_prices(config)?, own_file(config, arc_catalog::budget::FILE, Budget::read)?);
    let app = App::new(stores.traces, stores.registry, Arc::new(SystemClock), catalog, settings);
    app.check_with(config.checks.clone());
    Ok(app)
}

/// Reads the prices that the user set, where there are any, and takes the price table into use that the user fetched.
fn own_prices(config: &Config) -> Result<Vec<PriceOverride>, Failure> {
    prices::use_fetched(config)?;
    own_file(config, arc_catalog::price::FILE, PriceOverride::read)
}

/// Reads a file that users write into the data directory, where there is one.
fn own_file<T>(config: &Config, name: &str, read: fn(&str) -> Result<Vec<T>, CatalogError>) -> Result<Vec<T>, Failure> {
    let Ok(home) = config.home() else { return Ok(Vec::new()) };
    let file = home.join(name);
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Failure::usage(format!("cannot read {}: {error}", file.display()))),
    };
    read(&text).map_err(|error| {
        let why = anyhow::Error::new(error).context(format!("{} cannot be used", file.display()));
        Failure { exit: Exit::Usage, error: why }
    })
}
