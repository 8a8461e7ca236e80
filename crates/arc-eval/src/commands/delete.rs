//! `arc-eval delete`: runs, with everything only they stored.

use std::io::{BufRead as _, IsTerminal as _};

use arc_app::{App, Selection};
use arc_model::Timestamp;
use serde::Serialize;

use super::{MEMORY, open, open_to_read};
use crate::{
    cli::{Delete, Which},
    config::{self, Config},
    failure::Failure,
    output::{self, number::counted},
};

#[derive(Serialize)]
struct Answer {
    /// Runs that the selection named.
    runs: u64,
    /// Whether they were deleted.
    deleted: bool,
    /// Their spans, if they were deleted.
    spans: Option<u64>,
    /// Bytes of storage this freed, if they were deleted.
    freed_bytes: Option<u64>,
}

pub(super) async fn run(config: &Config, arguments: &Delete) -> Result<(), Failure> {
    let app = open_to_write(config).await?;
    let selection = selection(&arguments.which, app.now())?;
    let runs = app.count_runs(&config.project, &selection).await?;
    if runs == 0 || arguments.dry_run {
        return tell(arguments, &Answer { runs, deleted: false, spans: None, freed_bytes: None });
    }
    if !arguments.yes && !is_agreed(runs)? {
        output::talk("nothing was deleted");
        return Ok(());
    }
    let deleted = app.delete(&config.project, &selection).await?;
    let compacted = app.compact().await?;
    let (spans, freed) = (Some(deleted.spans), Some(compacted.freed_bytes));
    tell(arguments, &Answer { runs: deleted.runs, deleted: true, spans, freed_bytes: freed })
}

/// Opens the store that is there. The default one is empty as long as it does not exist.
async fn open_to_write(config: &Config) -> Result<App, Failure> {
    if config.store_exists() {
        return open(config, &config.store).await;
    }
    if config.store_is_default { open(config, MEMORY).await } else { open_to_read(config).await }
}

fn selection(which: &Which, now: Timestamp) -> Result<Selection, Failure> {
    if let Some(text) = &which.older_than {
        let bad = |why| Failure::usage(format!("--older-than is `{text}`: {why}"));
        let age = config::age(text).map_err(bad)?.ok_or_else(|| bad("not an age like 90d, 12h or 30m".to_owned()))?;
        let nanos = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX);
        return Ok(Selection::Before(now.plus_nanos(nanos.saturating_neg())));
    }
    let named = which.agent.as_deref().map(|agent| Selection::Agent(agent.into()));
    let named = named.or_else(|| which.session.as_deref().map(|session| Selection::Session(session.into())));
    let named = named.or_else(|| which.user.as_deref().map(|user| Selection::User(user.into())));
    Ok(named.unwrap_or_else(|| Selection::Runs(which.run.clone())))
}

/// Asks whoever sits at the terminal; without one nobody agrees.
fn is_agreed(runs: u64) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        let runs = counted(runs, "run");
        return Err(Failure::usage(format!(
            "this would delete {runs} for good: say --yes, or see first with --dry-run"
        )));
    }
    output::talk(&format!("delete {} for good? [y/N]", counted(runs, "run")));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| Failure::unreadable(format!("cannot read the answer: {error}")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn tell(arguments: &Delete, answer: &Answer) -> Result<(), Failure> {
    if arguments.json {
        return output::json(answer);
    }
    let runs = counted(answer.runs, "run");
    let text = match (answer.spans, answer.freed_bytes) {
        (Some(spans), Some(freed)) => {
            let spans = counted(spans, "span");
            let freed = output::doctor::size(freed);
            format!("deleted {runs} with {spans}; {freed} are free for new ones (`arc-eval vacuum` gives them back)\n")
        }
        _ if answer.runs == 0 => "no run is of this kind; nothing was deleted\n".to_owned(),
        _ => format!("would delete {runs}\n"),
    };
    Ok(output::data(&text)?)
}
