//! `arc-eval doctor`: is everything in place that runs pass through, and is anything missing.

use std::{fs, io::Write as _, path::Path, process::ExitCode};

use arc_app::Ledger;
use arc_model::Capture;
use arc_spool::{Liveness, Process, Spool};
use serde::Deserialize;

use super::open_to_read;
use crate::{
    cli,
    client::Server,
    config::Config,
    failure::Failure,
    output::{
        self,
        doctor::{Check, Checkup, State},
        number,
    },
};

pub(super) async fn run(config: &Config, arguments: &cli::Doctor) -> Result<ExitCode, Failure> {
    let mut checks = vec![home(config), store(config).await];
    let ledger = match ledger(config).await {
        Ok(ledger) => Some(ledger),
        Err(why) => {
            checks.push(Check::new("ledger", State::Problem, why, "the capture ledger is in the store: see above"));
            None
        }
    };
    let (spool, waiting) = spool(config);
    checks.push(spool);
    checks.extend([endpoint(config), server(config, waiting)]);
    checks.extend(ledger.as_ref().map(|ledger| gaps(&ledger.sources, ledger.recent_gaps)));
    let is_well = checks.iter().all(|check| check.state != State::Problem);
    let checkup = Checkup {
        is_well,
        version: env!("CARGO_PKG_VERSION"),
        checks,
        sources: ledger.map(|ledger| ledger.sources).unwrap_or_default(),
    };
    output::doctor::print(&checkup, arguments.json)?;
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn home(config: &Config) -> Check {
    let Ok(home) = config.home() else {
        return Check::new("home", State::Problem, "no data directory is known", "set ARC_EVAL_HOME to one");
    };
    match probe(home) {
        Ok(()) => Check::new("home", State::Fine, home.display(), ""),
        Err(_) if !home.exists() => {
            let todo = "nothing to do: it is made by the first program that writes to it";
            Check::new("home", State::Note, format!("{} does not exist yet", home.display()), todo)
        }
        Err(error) => {
            let todo = "make room, or let this user write there, or set ARC_EVAL_HOME to another directory";
            Check::new("home", State::Problem, format!("cannot write to {}: {error}", home.display()), todo)
        }
    }
}

/// Whether a store on another machine can be opened.
async fn shared_store(config: &Config) -> Check {
    let shown = arc_store_backends::without_password(&config.store);
    match arc_store_backends::open_existing_with(&config.store, config.registry.as_deref()).await {
        Ok(_) => Check::new("store", State::Fine, shown, ""),
        Err(error) => {
            let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
            let why: Vec<String> = causes.map(ToString::to_string).collect();
            let todo =
                "check the address in --store, ARC_EVAL_STORE or arc-eval.toml; `arc-eval serve` makes its tables";
            Check::new("store", State::Problem, format!("cannot open {shown}: {}", why.join(": ")), todo)
        }
    }
}

async fn store(config: &Config) -> Check {
    if config.store.starts_with("postgres") || config.store.starts_with("clickhouse") {
        return shared_store(config).await;
    }
    let Some(file) = config.store_file() else {
        let todo = "name a file with --store or ARC_EVAL_STORE to keep runs";
        return Check::new("store", State::Note, format!("{} ends with its program", config.store), todo);
    };
    if !file.exists() {
        let found = format!("{} does not exist", file.display());
        return if config.store_is_default {
            Check::new("store", State::Note, found + " yet", "nothing to do: `arc-eval serve` or `import` makes it")
        } else {
            Check::new("store", State::Problem, found, "check the address in --store, ARC_EVAL_STORE or arc-eval.toml")
        };
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = fs::OpenOptions::new().append(true).open(file).map(drop).and_then(|()| probe(folder));
    match written {
        Ok(()) => {
            let size = fs::metadata(file).map_or(0, |metadata| metadata.len());
            Check::new("store", State::Fine, format!("{} ({})", file.display(), output::doctor::size(size)), "")
        }
        Err(error) => {
            let todo = "make room on the disk, or let this user write there; until then what agents write stays in \
                        the spool";
            Check::new("store", State::Problem, format!("cannot write to {}: {error}", file.display()), todo)
        }
    }
}

/// Tries whether something can be written in a folder.
fn probe(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(format!(".arc-eval-doctor-{}", std::process::id()));
    let written = fs::File::create_new(&path).and_then(|mut file| file.write_all(&vec![0; 65536]).and(file.sync_all()));
    let _ = fs::remove_file(&path);
    written
}

/// Reads the ledger; a store that cannot be opened is told with its causes.
async fn ledger(config: &Config) -> Result<Ledger, String> {
    let told = |error: anyhow::Error| error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let app = open_to_read(config).await.map_err(|failure| told(failure.error))?;
    app.whole_ledger().await.map_err(|error| told(error.into()))
}

/// Looks at the spool; also returns whether something in it waits for a reader.
fn spool(config: &Config) -> (Check, bool) {
    let Ok(dir) = config.spool() else {
        return (Check::new("spool", State::Problem, "it has no place", "set ARC_EVAL_HOME"), false);
    };
    let spool = Spool::open(&dir);
    let processes = match spool.processes() {
        Ok(processes) => processes,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            let todo = "let this user read it, or set ARC_EVAL_HOME to another directory";
            return (Check::new("spool", State::Problem, format!("{error}{cause}"), todo), false);
        }
    };
    let alive = processes.iter().filter(|process| process.liveness == Liveness::Alive).count();
    let left = processes.len() - alive;
    let found = format!(
        "{}: {} of {} that run and {left} that ended",
        dir.display(),
        output::doctor::size(spool.used_bytes()),
        number::counted(alive as u64, "program"),
    );
    let is_meant_elsewhere = |process: &&Process| {
        let endpoint = process.endpoint.as_deref().map(|endpoint| endpoint.trim_end_matches('/'));
        process.liveness == Liveness::Dead && endpoint.is_some_and(|endpoint| endpoint != config.endpoint)
    };
    if let Some(process) = processes.iter().find(is_meant_elsewhere) {
        // A server leaves these alone: they may not be meant for it.
        let elsewhere = output::plain_line(process.endpoint.as_deref().unwrap_or_default(), 80);
        let todo = format!("some of it was meant for {elsewhere}; `arc-eval collect` sends it to {}", config.endpoint);
        return (Check::new("spool", State::Note, found, todo), true);
    }
    if left > 0 {
        let todo = "`arc-eval serve` on this machine takes in what ended programs left, `arc-eval collect` sends it";
        return (Check::new("spool", State::Note, found, todo), true);
    }
    (Check::new("spool", State::Fine, found, ""), alive > 0)
}

fn endpoint(config: &Config) -> Check {
    let key = if config.api_key.is_some() { "with an API key" } else { "without an API key" };
    Check::new("endpoint", State::Fine, format!("{}, {key}", config.endpoint), "")
}

#[derive(Deserialize)]
struct Health {
    status: String,
    version: String,
    spool: Option<SpoolHealth>,
}

#[derive(Deserialize)]
struct SpoolHealth {
    why: Option<String>,
}

fn server(config: &Config, waiting: bool) -> Check {
    let server = Server::new(config);
    let health: Health = match server.get("/api/v1/health") {
        Ok(health) => health,
        Err(_) if !waiting => {
            let found = format!("none answers at {}", config.endpoint);
            return Check::new("server", State::Note, found, "start one with `arc-eval serve` to see runs live");
        }
        Err(_) => {
            let found = format!("none answers at {}, and the spool waits for one", config.endpoint);
            return Check::new("server", State::Problem, found, "start one with `arc-eval serve`");
        }
    };
    let found = format!("{} answers, version {}", config.endpoint, health.version);
    if health.status != "ok" {
        let why = health.spool.and_then(|spool| spool.why).unwrap_or_else(|| "it does not say why".to_owned());
        let todo = "nothing is lost meanwhile; what it says is what keeps it from storing";
        return Check::new("server", State::Problem, format!("{found}, but takes nothing in: {why}"), todo);
    }
    if health.version != env!("CARGO_PKG_VERSION") {
        let todo = "restart it with the program you use, so that both speak the same version";
        return Check::new("server", State::Note, found, todo);
    }
    Check::new("server", State::Fine, found, "")
}

fn gaps(sources: &[Capture], recent: u64) -> Check {
    let started: u64 = sources.iter().filter_map(|source| source.runs).map(|runs| runs.started).sum();
    let stored: u64 = sources.iter().filter_map(|source| source.runs).map(|runs| runs.stored).sum();
    let found = format!("{} of {} stored", number::count(stored), number::counted(started, "started run"));
    if recent == 0 {
        return Check::new("ledger", State::Fine, found, "");
    }
    let found = format!("{found}; something is missing of {} lately", number::counted(recent, "source"));
    Check::new("ledger", State::Problem, found, "see what and why below")
}
