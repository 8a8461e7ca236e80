//! Flags of the commands that search, delete and copy what is stored.

use std::path::PathBuf;

use arc_model::{Timestamp, TraceId};
use clap::{Args, ValueHint};

#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Words that a span has to contain, all of them, in any case and order
    #[arg(required = true, value_name = "TEXT")]
    pub(crate) text: Vec<String>,
    /// Only runs of this agent
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Only runs at or after this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) since: Option<Timestamp>,
    /// Only runs before this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) until: Option<Timestamp>,
    /// Most places to show
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) limit: u32,
    /// Print the places as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "not a time like 2026-03-02T12:00:00Z".to_owned())
}

#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Delete {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Only say how many runs would be deleted
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask whether to delete them
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Print what was deleted as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which runs to delete.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// These runs
    #[arg(long, value_name = "ID", num_args = 1..)]
    pub(crate) run: Vec<TraceId>,
    /// All runs of this agent
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// All runs of this conversation
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// All runs of this end user
    #[arg(long, value_name = "ID")]
    pub(crate) user: Option<String>,
    /// All runs that began longer ago than this: 90d, 12h, 30m
    #[arg(long, value_name = "AGE")]
    pub(crate) older_than: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Vacuum {
    /// Print what was freed as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The file to make; there must be none yet
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Print what was copied as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// A file made by `arc-eval backup`
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Replace the store that is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Print what was copied as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
