//! `arc-eval backup` and `restore`: the store's file, copied whole and checked.

use std::path::{Path, PathBuf};

use arc_store::StoreError;
use arc_store_backends::backup::{Copied, Step, back_up, restore as put_back};
use serde::Serialize;

use super::cannot_open;
use crate::{
    cli::{Backup, Restore},
    config::Config,
    failure::{Exit, Failure},
    output::{self, Progress},
};

#[derive(Serialize)]
struct Answer {
    file: PathBuf,
    bytes: u64,
    runs: u64,
    spans: u64,
}

pub(super) fn backup(config: &Config, arguments: &Backup) -> Result<(), Failure> {
    let store = file_of(config)?;
    let bar = Bar::default();
    let copied = back_up(store, &arguments.file, |step| bar.show(step));
    bar.finish();
    let copied = copied.map_err(|error| failed(config, error))?;
    let what = format!("{} holds", arguments.file.display());
    tell(arguments.json, &arguments.file, copied, &what)
}

pub(super) fn restore(config: &Config, arguments: &Restore) -> Result<(), Failure> {
    let store = file_of(config)?;
    let bar = Bar::default();
    let copied = put_back(&arguments.file, store, arguments.force, |step| bar.show(step));
    bar.finish();
    let copied = copied.map_err(|error| failed(config, error))?;
    let what = format!("{} holds again", store.display());
    tell(arguments.json, store, copied, &what)
}

fn file_of(config: &Config) -> Result<&Path, Failure> {
    config.store_file().ok_or_else(|| {
        let what = "only a store in a file is copied here; PostgreSQL has pg_dump and pg_restore for it";
        Failure::usage(what)
    })
}

fn failed(config: &Config, error: StoreError) -> Failure {
    match error {
        error @ (StoreError::Invalid(_) | StoreError::Newer { .. }) => {
            Failure { exit: Exit::Usage, error: anyhow::Error::new(error) }
        }
        error @ StoreError::Corrupt { .. } => Failure { exit: Exit::Unreadable, error: anyhow::Error::new(error) },
        error => cannot_open(&config.store, error),
    }
}

fn tell(as_json: bool, file: &Path, copied: Copied, what: &str) -> Result<(), Failure> {
    let Copied { bytes, runs, spans } = copied;
    if as_json {
        return output::json(&Answer { file: file.to_owned(), bytes, runs, spans });
    }
    let (runs, spans) = (output::number::counted(runs, "run"), output::number::counted(spans, "span"));
    Ok(output::data(&format!("{what} {runs} with {spans} ({}), checked\n", output::doctor::size(bytes)))?)
}

/// How far the copy is, on a terminal.
#[derive(Default)]
struct Bar(std::cell::OnceCell<Progress>);

impl Bar {
    fn show(&self, step: Step) {
        match step {
            Step::Copied { pages, of } => {
                let bar = self.0.get_or_init(|| output::progress("copying", of));
                bar.at(pages);
            }
            Step::Checking => {
                if let Some(bar) = self.0.get() {
                    bar.step("checking the copy");
                }
            }
        }
    }

    fn finish(self) {
        if let Some(bar) = self.0.into_inner() {
            bar.finish();
        }
    }
}
