//! Flags of the commands on cost: what runs cost, at which prices, and how far budgets are used.

use std::path::PathBuf;

use arc_model::CostDimension;
use clap::{Args, Subcommand, ValueHint};

#[derive(Debug, Args)]
pub(crate) struct Cost {
    /// By what to divide: model, tool, step, agent, version, user, session, outcome or day
    #[arg(long, value_name = "WHAT", default_value = "model")]
    pub(crate) by: CostDimension,
    /// Only runs since then: a date, a time, or days ago (7d); whole UTC days
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Only runs of this agent
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Most lines to show
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// Do not look for savings in the agent's latest runs
    #[arg(long)]
    pub(crate) no_savings: bool,
    /// Print everything as JSON
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Print the lines as CSV, amounts in nano-dollars
    #[arg(long)]
    pub(crate) csv: bool,
    /// Write the lines into a Parquet file, amounts in nano-dollars
    #[arg(long, value_name = "FILE", conflicts_with_all = ["csv", "json"], value_hint = ValueHint::FilePath)]
    pub(crate) parquet: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Budgets {
    /// Fail (exit 1) when one is used up
    #[arg(long)]
    pub(crate) check: bool,
    /// Print the budgets as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Prices {
    #[command(subcommand)]
    pub(crate) command: PricesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PricesCommand {
    /// Show what a million tokens of a model cost
    Show {
        /// The model, as it is recorded
        model: String,
        /// Its provider, as it is recorded
        #[arg(long, value_name = "NAME")]
        provider: Option<String>,
        /// At this date or time; else now
        #[arg(long, value_name = "WHEN")]
        at: Option<String>,
        /// Print the prices as JSON
        #[arg(long)]
        json: bool,
    },
    /// Show where prices.toml in the data directory differs from the price table
    Diff {
        /// Print the differences as JSON
        #[arg(long)]
        json: bool,
    },
    /// Fetch the current price table (genai-prices), or take it from a file, and use it from now on
    Update {
        /// A file or an address to take it from
        #[arg(long, value_name = "FILE|URL")]
        from: Option<String>,
    },
    /// Compare a provider's usage export (CSV of OpenAI's or Anthropic's console) with what was recorded
    Reconcile {
        /// The file
        #[arg(value_name = "FILE.csv")]
        file: PathBuf,
        /// Print the comparison as JSON
        #[arg(long)]
        json: bool,
    },
    /// Price every stored run anew, after prices changed
    Recompute,
}
