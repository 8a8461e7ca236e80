//! Flags of the commands about what runs have to do, and what people say of them.

use std::path::PathBuf;

use arc_model::TraceId;
use clap::{Args, ValueHint};

use super::Reading;

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// One run; else the latest runs of an agent
    #[arg(value_name = "RUN_ID", conflicts_with_all = ["input", "agent", "junit"])]
    pub(crate) run: Option<TraceId>,
    /// The agent; else the most recently active one
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Most runs to look at, the latest first
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,
    /// Check the runs in these files or directories, instead of what is stored
    #[arg(long, value_name = "FILE|DIR|-", value_hint = ValueHint::AnyPath)]
    pub(crate) input: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Write the checks to this file as `JUnit` XML
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) junit: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Label {
    /// The run
    #[arg(value_name = "RUN_ID")]
    pub(crate) run: TraceId,
    /// Whether it succeeded
    pub(crate) verdict: LabelVerdict,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// Whose word it is
    #[arg(long, default_value = "human")]
    pub(crate) source: LabelSource,
    /// The score behind it
    #[arg(long, value_name = "NUMBER")]
    pub(crate) score: Option<f64>,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum LabelVerdict {
    /// It did what it was asked to do
    Pass,
    /// It did not
    Fail,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum LabelSource {
    /// A person looked at it
    Human,
    /// A model judged it
    Judge,
}
