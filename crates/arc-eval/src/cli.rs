//! Every command and flag. What they do is in `commands/`, one file each.

use std::path::PathBuf;

use arc_model::TraceId;
use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

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
        help = "Where runs are stored: sqlite:///path/to/file.db, or sqlite::memory:"
    )]
    pub(crate) store: Option<String>,
    /// The project to write to and read from
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "NAME")]
    pub(crate) project: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the page, the API and the OTLP endpoint on this machine
    Serve(Serve),
    /// Store runs from files, directories or standard input, and analyse them
    Import(Import),
    /// Show how an agent performs: reliability, cost, what breaks, what to do
    Debug(Debug),
    /// Show runs as they arrive at the server, or one run as a tree
    Trace(Trace),
    /// Run a program as it is, and record it as one run: `arc-eval run -- python my_agent.py`
    Run(Run),
    /// Find the agent in a Python program, and show (or make) the change that traces it
    Connect(Connect),
    /// Measure how often detectors and models are right, on labelled runs
    Accuracy(Accuracy),
    /// Deliver what agents on this machine recorded to a server elsewhere
    Collect(Collect),
    /// Check that runs are captured: the spool, the store, the server, and what is missing
    Doctor(Doctor),
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

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The address to listen on; only loopback until there are API keys
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) host: Option<String>,
    /// The port to listen on; 0 takes a free one
    #[arg(long)]
    pub(crate) port: Option<u16>,
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
    /// Print the report as JSON; with --live one line per change
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
