//! The binary `arc-eval`: reads the command line, runs the command, exits with a meaningful code.
//!
//! Reading order: [`cli`] (every command on one screen), [`commands`] (one file per command),
//! [`config`] and [`env`] (settings), [`output`] (the only place that prints), [`failure`] (exit
//! codes). What the commands do is in `arc-app`; this crate puts the parts together.

mod cli;
mod client;
mod commands;
mod config;
mod declared;
mod env;
mod failure;
mod inputs;
mod launch;
mod mail;
mod notify;
mod output;
mod reference;

use std::process::ExitCode;

use clap::Parser;

/// Taking spans in makes and drops many small values on many threads; the C library's allocator gives the memory
/// back to the system and takes it again for each request.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match commands::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(failure) => {
            output::failure(&failure);
            failure.exit.into()
        }
    }
}
