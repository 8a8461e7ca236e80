//! Checks and generators that `make` calls: `cargo xtask tidy`, `cargo xtask gen`.
//!
//! `tidy` finds what the compiler cannot: a dependency that breaks the layers ([`layers`]), a file
//! that outgrew its idea ([`files`]), a generated page that is stale ([`generated`]). `gen` writes
//! the generated pages.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this program is talk")]

mod files;
mod generated;
mod layers;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};

fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    let result = match command.as_str() {
        "tidy" => tidy(),
        "gen" => generated::write(&root()),
        _ => {
            eprintln!("usage: cargo xtask tidy | gen");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs every check and reports all that they find, not only the first.
fn tidy() -> Result<()> {
    let root = root();
    let mut complaints = layers::check(&root).context("check the layers")?;
    complaints.extend(files::check(&root).context("check the files")?);
    complaints.extend(generated::check(&root).context("check the generated pages")?);
    for complaint in &complaints {
        eprintln!("tidy: {complaint}");
    }
    anyhow::ensure!(complaints.is_empty(), "tidy: {} complaints", complaints.len());
    println!("tidy: layers, files and generated pages are in order");
    Ok(())
}

fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}
