//! The arguments of what is found again and learnt from: issues and scenarios.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Issues {
    /// What to do; else list or show them
    #[command(subcommand)]
    pub(crate) deed: Option<IssuesDeed>,
    /// Show this issue with its latest runs and its scenario
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Only issues of this agent
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Only issues in this state; else all but merged ones
    #[arg(long, value_enum)]
    pub(crate) state: Option<StateOfIssue>,
    /// Most issues to list
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) limit: u32,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IssuesDeed {
    /// Mark an issue as fixed; seen again later, it comes back as regressed
    Fix {
        /// The issue
        id: String,
        /// The version of the agent that has the fix: older ones may still fail
        #[arg(long = "in", value_name = "VERSION")]
        version: Option<String>,
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
    /// Say that an issue is not fixed after all
    Reopen {
        /// The issue
        id: String,
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
    /// Say that an issue is the same as another one, which counts for both from now on
    Merge {
        /// The issue
        id: String,
        /// The one that stays
        into: String,
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a part of an issue an issue of its own: one that was merged into it, or a fingerprint
    Split {
        /// The issue
        id: String,
        /// The part
        part: String,
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum StateOfIssue {
    /// It happens
    Open,
    /// Marked as fixed, and not seen since
    Fixed,
    /// Seen again after it was marked as fixed
    Regressed,
    /// Counted by another one
    Merged,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Scenarios {
    /// What to do; else list them
    #[command(subcommand)]
    pub(crate) deed: Option<ScenariosDeed>,
    /// Only scenarios of this agent; with --next else the most recently active one
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Only scenarios in this state
    #[arg(long, value_enum, conflicts_with = "next")]
    pub(crate) state: Option<StateOfScenario>,
    /// Show which to try next and why, what the agent masters, and whether it gets better
    #[arg(long)]
    pub(crate) next: bool,
    /// Most scenarios to list
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) limit: u32,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ScenariosDeed {
    /// Say that a draft is a good case
    Accept {
        /// The scenario
        id: String,
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a scenario out of use
    Retire {
        /// The scenario
        id: String,
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum StateOfScenario {
    /// Made from one run
    Draft,
    /// Seen twice, or accepted
    Verified,
    /// Out of use
    Retired,
}
