//! Every command and flag. What they do is in `commands/`, one file each.

mod checks;
mod issues;
mod keeping;
mod money;

use std::path::PathBuf;

use arc_model::TraceId;
use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

pub(crate) use self::checks::{Check, Label, LabelSource, LabelVerdict};
pub(crate) use self::issues::{Issues, IssuesDeed, Scenarios, ScenariosDeed, StateOfIssue, StateOfScenario};
pub(crate) use self::keeping::{Backup, Delete, Restore, Search, Vacuum, Which};
pub(crate) use self::money::{Budgets, Cost, Prices, PricesCommand};

/// Watches AI agents and answers with evidence: will it work, what does it cost, what breaks.
#[derive(Debug, Parser)]
#[command(name = "arc-eval", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 fine, 1 a gate failed, 2 usage, 3 input unreadable (a file, a server),\n\
    4 internal.\n\
    Data goes to stdout, everything else to stderr. Settings can also be given in the environment\n\
    (ARC_EVAL_STORE, ARC_EVAL_PORT, …) or in arc-eval.toml.";

/// The heading of flags that every command has.
const EVERYWHERE: &str = "Options of every command";

/// What every command understands.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Common {
    #[arg(
        long,
        global = true,
        help_heading = EVERYWHERE,
        value_name = "URL",
        help = "Where runs are stored: sqlite:///path/to/file.db, postgres://user@host/database, \
                clickhouse://user@host/database, or sqlite::memory:"
    )]
    pub(crate) store: Option<String>,
    /// Where the rest is kept beside a clickhouse:// store: `postgres://` or `sqlite://`, as above
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "URL")]
    pub(crate) registry: Option<String>,
    /// The project to write to and read from
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "NAME")]
    pub(crate) project: Option<String>,
    #[arg(
        long,
        global = true,
        help_heading = EVERYWHERE,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        help = "The settings and checks to use; else arc-eval.toml of this directory, one above it, or the data directory"
    )]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the page, the API and the OTLP endpoint on this machine
    Serve(Serve),
    /// Store runs from files, directories or standard input, and analyse them
    Import(Import),
    /// Show how an agent performs: reliability, cost, what breaks, what to do
    Debug(Debug),
    /// Compare two versions of an agent: better, worse, dearer, slower, and on which tasks
    Compare(Compare),
    /// Fail (exit 1) unless the runs show that an agent is good enough
    Gate(Gate),
    /// Show what the declared checks come to, over an agent's runs or in one run; exit 1 when one failed
    Check(Check),
    /// Say whether a run succeeded; what a person says outranks everything else
    Label(Label),
    /// Show what runs cost, by model, tool, agent and so on, and what could be saved
    Cost(Cost),
    /// Show what models cost here, and price stored runs anew
    Prices(Prices),
    /// Show how far budgets are used
    Budgets(Budgets),
    /// Show the alerts that were raised, or try whether they arrive
    Alerts(Alerts),
    /// Show what breaks, each failure once with its count and where it is, and decide on it
    Issues(Issues),
    /// Show the cases drafted from failed runs, what to try next and why
    Scenarios(Scenarios),
    /// Show runs as they arrive at the server, or one run as a tree
    Trace(Trace),
    /// Find runs by what was said in them
    Search(Search),
    /// Delete runs, with what only they stored
    Delete(Delete),
    /// Give the room of deleted runs back to the disk
    Vacuum(Vacuum),
    /// Copy the store's file, also while a server uses it
    Backup(Backup),
    /// Put a copy made by `backup` in the place of the store
    Restore(Restore),
    /// Run a program as it is, and record it as one run: `arc-eval run -- python my_agent.py`
    Run(Run),
    /// Find the agent in a Python program, and show (or make) the change that traces it
    Connect(Connect),
    /// Ask recorded model calls again of another model or with other instructions, and tell if the answers are as good
    Replay(Replay),
    /// Measure how often detectors and models are right, on labelled runs
    Accuracy(Accuracy),
    /// Deliver what agents on this machine recorded to a server elsewhere
    Collect(Collect),
    /// Check that runs are captured: the spool, the store, the server, and what is missing
    Doctor(Doctor),
    /// Look after stores
    #[command(subcommand)]
    Store(Store),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print a page of the reference documentation
    #[command(hide = true)]
    Reference {
        /// The page
        page: crate::reference::Page,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Print the statements that make a ClickHouse store, on one node or on a cluster
    Ddl {
        /// Make it on this cluster: replicated, and sharded by trace
        #[arg(long, value_name = "NAME")]
        cluster: Option<String>,
        /// The database
        #[arg(long, value_name = "NAME", default_value = "arc_eval")]
        database: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The address to listen on; only loopback until there are API keys
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) host: Option<String>,
    /// The port to listen on; 0 takes a free one
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// The port for OTLP over gRPC; 0 takes a free one, `off` none
    #[arg(long, value_name = "PORT|off")]
    pub(crate) otlp_grpc_port: Option<String>,
    /// The port for OTLP over HTTP, besides the one of the page; 0 takes a free one, `off` none
    #[arg(long, value_name = "PORT|off")]
    pub(crate) otlp_http_port: Option<String>,
    /// Delete runs older than this: 90d, 12h; `off` keeps them
    #[arg(long, value_name = "AGE|off")]
    pub(crate) retention_max_age: Option<String>,
    /// Delete the oldest runs while the store is larger than this: 20GB, 500MB; `off` for any size
    #[arg(long, value_name = "SIZE|off")]
    pub(crate) retention_max_size: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Files, directories (with everything in them that is not hidden), or - for standard input
    #[arg(required = true, value_name = "FILE|DIR|-", value_hint = ValueHint::AnyPath)]
    pub(crate) inputs: Vec<PathBuf>,
    /// The agent's name, whatever the input says; else the name in the input, of the file, or of the directory
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Print what was imported as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How files are read.
#[derive(Debug, Args)]
pub(crate) struct Reading {
    /// The input's format; recognised by itself when not given
    #[arg(long, value_name = "ID")]
    pub(crate) format: Option<String>,
    /// Show everything that was noticed while reading, not only the first few
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Debug {
    /// Analyse this without storing it, instead of what is stored
    #[arg(long, value_name = "FILE|DIR|-", value_hint = ValueHint::AnyPath, conflicts_with = "live")]
    pub(crate) input: Vec<PathBuf>,
    /// Ask the running server, and show the report again whenever a run arrives
    #[arg(long)]
    pub(crate) live: bool,
    /// Report on this agent; else on the most recently active one
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Show what breaks again and again instead: each failure once, with its count, rate and place
    #[arg(long, conflicts_with = "live")]
    pub(crate) pattern_analysis: bool,
    /// Show where failures began instead: the step with its evidence, and what followed from it
    #[arg(long, conflicts_with_all = ["live", "pattern_analysis"])]
    pub(crate) root_cause: bool,
    /// Print the report as JSON; with --live one line per change
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Alerts {
    /// What to do; else list them
    #[command(subcommand)]
    pub(crate) deed: Option<AlertsDeed>,
    /// Most alerts to list
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: u32,
    /// Print as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum AlertsDeed {
    /// Send a test alert to every channel that is set
    Test,
}

#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// Baseline and candidate: two versions of the agent, two agents, or with --input two files or directories
    #[arg(num_args = 2, value_names = ["BASELINE", "CANDIDATE"], conflicts_with_all = ["baseline", "candidate"])]
    pub(crate) sides: Vec<String>,
    /// The version to compare with
    #[arg(long, value_name = "VERSION", requires = "candidate")]
    pub(crate) baseline: Option<String>,
    /// The version to compare
    #[arg(long, value_name = "VERSION", requires = "baseline")]
    pub(crate) candidate: Option<String>,
    /// The agent; else the most recently active one
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Baseline and candidate are files or directories, which are not stored
    #[arg(long)]
    pub(crate) input: bool,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Print the comparison as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Gate {
    /// Lowest success rate, as a share: 0.9
    #[arg(long, value_name = "SHARE")]
    pub(crate) min_reliability: Option<f64>,
    /// Highest mean cost of a run, in US dollars
    #[arg(long, value_name = "DOLLARS")]
    pub(crate) max_cost: Option<f64>,
    /// Longest time that 95 % of the runs may take, in milliseconds
    #[arg(long, value_name = "MS")]
    pub(crate) max_p95_ms: Option<f64>,
    /// The agent; else the most recently active one
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Only runs of this version of the agent
    #[arg(long, value_name = "VERSION")]
    pub(crate) agent_version: Option<String>,
    /// Judge the runs in these files or directories, instead of what is stored
    #[arg(long, value_name = "FILE|DIR|-", value_hint = ValueHint::AnyPath)]
    pub(crate) input: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Write the checks to this file as `JUnit` XML
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) junit: Option<PathBuf>,
    /// Write the checks that did not pass to this file as SARIF
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) sarif: Option<PathBuf>,
    /// Print the checks as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The agent's name; else that of the script or program
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// The agent's version
    #[arg(long, value_name = "VERSION")]
    pub(crate) agent_version: Option<String>,
    /// The domain the agent works in; recognised from what it does when not given
    #[arg(long, value_name = "ID")]
    pub(crate) domain: Option<String>,
    /// The task this is a trial of; runs of one task are compared with each other
    #[arg(long, value_name = "ID")]
    pub(crate) task: Option<String>,
    /// The conversation this run is part of
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Do not say where the run can be seen
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "PROGRAM", value_hint = ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Collect {
    /// Deliver what is there and end; otherwise go on until Ctrl-C
    #[arg(long)]
    pub(crate) once: bool,
    /// The server to deliver to: any that takes OTLP over HTTP
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// Print what was delivered as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Connect {
    /// The program, or a directory with it
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(crate) path: PathBuf,
    /// Only agents of this framework
    #[arg(long, value_name = "ID")]
    pub(crate) framework: Option<String>,
    /// The domain the agent works in; recognised from its runs when not given
    #[arg(long, value_name = "ID")]
    pub(crate) domain: Option<String>,
    /// Only the agent that the program calls this
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Make the change
    #[arg(long)]
    pub(crate) write: bool,
    /// Print what was found as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Replay {
    /// The model to ask
    #[arg(long, value_name = "NAME")]
    pub(crate) model: String,
    /// Where it is served, as the provider's own client takes it, such as <https://api.openai.com/v1>
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) base_url: String,
    /// What the server speaks: openai (and everything compatible) or anthropic; else told by the address
    #[arg(long, value_name = "openai|anthropic")]
    pub(crate) api: Option<String>,
    /// The variable that holds the key; else `OPENAI_API_KEY` or `ANTHROPIC_API_KEY`, and none on this machine
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) api_key_env: Option<String>,
    /// Instructions that stand in for the recorded ones
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) system: Option<PathBuf>,
    /// The agent whose calls are asked again; else the most recently active one
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Only calls that this model answered
    #[arg(long, value_name = "MODEL")]
    pub(crate) from: Option<String>,
    /// Take the runs in these files or directories, instead of what is stored
    #[arg(long, value_name = "FILE|DIR|-", value_hint = ValueHint::AnyPath)]
    pub(crate) input: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Ask this model, at the same address, whether answers in other words mean the same: twice each, in both orders
    #[arg(long, value_name = "MODEL")]
    pub(crate) judge: Option<String>,
    /// Go through whole runs: each call in turn, with tools answered from the recording
    #[arg(long)]
    pub(crate) whole_run: bool,
    /// How many calls at most; of more a random sample, the same every time
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) calls: u32,
    /// How much worse is still as good: 0.05 is five percentage points
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    pub(crate) margin: f64,
    /// What it may cost in US dollars, earlier attempts included, or none; checked before each call
    #[arg(long, value_name = "DOLLARS|none", default_value = "1.00")]
    pub(crate) max_cost: String,
    /// Calls at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) concurrency: u8,
    /// Ask again what was sent before an interruption and never answered, though it may be paid for twice
    #[arg(long)]
    pub(crate) repeat_unanswered: bool,
    /// Say which calls would be asked and what that is estimated to cost, and ask nobody
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the comparison as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Accuracy {
    /// A folder with data sets in folders of their names (trail, who-and-when, …), or one of these
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
    /// Print the figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Trace {
    /// Show this stored run as a tree instead of waiting for new ones
    #[arg(value_name = "RUN_ID")]
    pub(crate) run: Option<TraceId>,
    /// Only runs of this agent
    #[arg(long, value_name = "NAME", conflicts_with = "run")]
    pub(crate) agent: Option<String>,
    /// Show every text of the run in full
    #[arg(long, requires = "run")]
    pub(crate) full: bool,
    /// Print runs as JSON, one per line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Print the checks and the capture ledger as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }
}
