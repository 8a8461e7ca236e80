//! What a check-up found, and what became of what was captured.

use std::fmt::{Display, Write};

use arc_model::{Capture, RejectedUnit};
use owo_colors::OwoColorize;
use serde::Serialize;

use super::{data, json, number, plain_line, style};
use crate::failure::Failure;

/// Sources shown; the others are counted.
const SOURCES_SHOWN: usize = 10;

/// What a check found.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    /// What was checked.
    pub(crate) id: &'static str,
    /// Whether it is as it should be.
    pub(crate) state: State,
    /// What was found.
    pub(crate) found: String,
    /// What to do; empty when there is nothing to do.
    pub(crate) todo: String,
}

/// Whether something is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Fine,
    Note,
    Problem,
}

impl Check {
    pub(crate) fn new(id: &'static str, state: State, found: impl Display, todo: impl Display) -> Self {
        Self { id, state, found: found.to_string(), todo: todo.to_string() }
    }
}

/// Every check, and the capture ledger of all projects.
#[derive(Debug, Serialize)]
pub(crate) struct Checkup {
    /// Whether no check found a problem.
    pub(crate) is_well: bool,
    /// The version of this program.
    pub(crate) version: &'static str,
    /// The checks.
    pub(crate) checks: Vec<Check>,
    /// What became of what was captured, the source with the latest news first.
    pub(crate) sources: Vec<Capture>,
}

pub(crate) fn print(checkup: &Checkup, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return json(checkup);
    }
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, checkup);
    Ok(data(&text)?)
}

fn write(text: &mut String, checkup: &Checkup) -> std::fmt::Result {
    for Check { id, state, found, todo } in &checkup.checks {
        let mark = match state {
            State::Fine => "fine   ".green().to_string(),
            State::Note => "note   ".yellow().to_string(),
            State::Problem => "PROBLEM".red().bold().to_string(),
        };
        writeln!(text, "{mark}  {id:<8}  {}", plain_line(found, 300))?;
        if !todo.is_empty() {
            writeln!(text, "                   {}", style::aside(todo))?;
        }
    }
    writeln!(text, "fine     version   {}", checkup.version)?;
    if checkup.sources.is_empty() {
        return writeln!(text, "\nNothing was captured yet");
    }
    writeln!(text, "\n{}", style::heading("Captured"))?;
    let (gaps, others): (Vec<_>, Vec<_>) = checkup.sources.iter().partition(|source| source.has_gap());
    for source in gaps.iter().chain(&others).take(SOURCES_SHOWN) {
        write_source(text, source)?;
    }
    match checkup.sources.len().saturating_sub(SOURCES_SHOWN) {
        0 => Ok(()),
        more => writeln!(text, "  and {more} more: see --json"),
    }
}

fn write_source(text: &mut String, source: &Capture) -> std::fmt::Result {
    let pid = source.pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
    let spans = number::counted(source.counts.spans_stored, "span");
    let runs = match source.runs {
        Some(runs) => {
            let left_out = match runs.unsampled {
                0 => String::new(),
                more => format!(" ({} more left out on purpose)", number::count(more)),
            };
            let started = number::counted(runs.started, "started run");
            format!("{} of {started} stored{left_out}", number::count(runs.stored))
        }
        None => "does not say how many runs it started".to_owned(),
    };
    writeln!(text, "  {}{pid}: {runs}, {spans}", plain_line(&source.name, 60))?;
    for missing in missing(source) {
        writeln!(text, "    {} {}", "missing".red(), plain_line(&missing, 200))?;
    }
    Ok(())
}

/// Says what is missing of a source, and why.
fn missing(source: &Capture) -> Vec<String> {
    let (runs, counts) = (source.runs.unwrap_or_default(), &source.counts);
    let mut missing = Vec::new();
    if runs.dropped > 0 {
        let runs = number::counted(runs.dropped, "run");
        missing.push(format!("{runs}: could not be written down, the disk or the spool was full"));
    }
    if source.is_ended && runs.in_flight() > 0 {
        missing.push(format!("{}: began and never arrived", number::counted(runs.in_flight(), "run")));
    }
    if counts.records_dropped > 0 {
        let records = number::counted(counts.records_dropped, "record");
        missing.push(format!("{records} ({}): the disk or the spool was full", size(counts.bytes_dropped)));
    }
    if counts.records_damaged > 0 {
        let records = number::counted(counts.records_damaged, "record");
        missing.push(format!("at least {records}: damaged on the disk"));
    }
    missing.extend(counts.rejected.iter().map(|rejected| {
        let noun = match rejected.what {
            RejectedUnit::Span => "span",
            RejectedUnit::Request => "request",
        };
        format!("{}: {}", number::counted(rejected.count, noun), rejected.why)
    }));
    missing
}

/// Returns a size as people write it.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        1_048_576..1_073_741_824 => format!("{} MiB", bytes / 1_048_576),
        _ => format!("{} GiB", bytes / 1_073_741_824),
    }
}
