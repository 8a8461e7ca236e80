//! `arc-eval completions`: a completion script for a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{cli::Cli, failure::Failure, output};

pub(super) fn run(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "arc-eval", &mut script);
    Ok(output::data(&String::from_utf8_lossy(&script))?)
}
