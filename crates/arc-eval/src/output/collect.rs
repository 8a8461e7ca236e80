//! What was collected, and the account of all runs of this machine.

use std::{fmt::Write, path::Path};

use arc_ship::Pass;
use arc_spool::Ledger;
use owo_colors::OwoColorize;
use serde::Serialize;

use super::{data, json, json_line, number, plain_line, style};
use crate::failure::Failure;

/// What one call of the command did.
#[derive(Debug, Serialize)]
pub(crate) struct Collected {
    endpoint: String,
    spool: String,
    /// Delivered by this call.
    runs: u64,
    spans: u64,
    rejected_spans: u64,
    /// Processes of which everything was delivered.
    processes_finished: u64,
    /// Processes that somebody else drains, a server on this machine perhaps.
    processes_elsewhere: u64,
    /// Why not everything could be delivered.
    trouble: Option<String>,
    bytes_left: u64,
    /// Of all processes that recorded on this machine, as far as it is known.
    ledger: Ledger,
    runs_in_flight: u64,
}

impl Collected {
    pub(crate) fn new(endpoint: &str, spool: &Path) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            spool: spool.display().to_string(),
            runs: 0,
            spans: 0,
            rejected_spans: 0,
            processes_finished: 0,
            processes_elsewhere: 0,
            trouble: None,
            bytes_left: 0,
            ledger: Ledger::default(),
            runs_in_flight: 0,
        }
    }

    pub(crate) fn add(&mut self, pass: &Pass) {
        self.runs += pass.runs;
        self.spans += pass.spans;
        self.rejected_spans += pass.rejected;
        self.processes_finished += pass.finished;
        self.processes_elsewhere = pass.elsewhere;
        self.trouble = pass.trouble.as_ref().map(|trouble| trouble.message.clone());
    }

    pub(crate) fn finish(&mut self, ledger: &Ledger, bytes_left: u64) {
        self.ledger = ledger.clone();
        self.runs_in_flight = ledger.runs_in_flight();
        self.bytes_left = bytes_left;
    }

    pub(crate) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }
}

/// Prints what a pass delivered.
pub(crate) fn print_pass(pass: &Pass, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return json_line(&serde_json::json!({
            "runs": pass.runs, "spans": pass.spans, "rejected_spans": pass.rejected,
        }));
    }
    let (runs, spans) = (number::counted(pass.runs, "run"), number::counted(pass.spans, "span"));
    Ok(data(&format!("delivered {spans}, {runs} ended\n"))?)
}

/// Prints everything that was collected.
pub(crate) fn print(all: &Collected, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return json(all);
    }
    let (spans, runs) = (number::counted(all.spans, "span"), number::counted(all.runs, "run"));
    let mut text = format!("delivered {spans}, {runs} ended, to {}\n", plain_line(&all.endpoint, 200));
    let ledger = &all.ledger;
    let mut parts = vec![
        format!("{} started", number::counted(ledger.runs_started, "run")),
        format!("{} stored", number::count(ledger.runs_stored)),
    ];
    if ledger.runs_closed > 0 {
        parts.push(format!("{} of them ended by the death of their process", number::count(ledger.runs_closed)));
    }
    for (count, what) in [
        (all.runs_in_flight, "not ended or not delivered yet"),
        (ledger.runs_rejected(), "rejected"),
        (ledger.runs_dropped, "lost: the disk or the spool was full"),
        (ledger.runs_unsampled, "left out on purpose, as `sample` says"),
    ] {
        if count > 0 {
            parts.push(format!("{} {what}", number::count(count)));
        }
    }
    text.extend([style::heading("on this machine"), ": ".to_owned(), parts.join(", "), "\n".to_owned()]);
    for (why, rejected) in &ledger.rejected {
        let spans = number::counted(rejected.spans, "span");
        let _ = writeln!(text, "  {} {spans}: {}", "rejected".red(), plain_line(why, 200));
    }
    if all.bytes_left > 0 {
        // What was not delivered was not counted either: a batch counts when it is committed.
        let bytes = number::counted(all.bytes_left, "byte");
        let _ = writeln!(text, "  waiting: {bytes} of records in {}", plain_line(&all.spool, 200));
    }
    if ledger.records_damaged > 0 {
        let records = number::counted(ledger.records_damaged, "record");
        let _ = writeln!(text, "  {} {records} in damaged places of a file", "lost".red());
    }
    if all.processes_elsewhere > 0 {
        let processes = number::count(all.processes_elsewhere);
        let _ = writeln!(text, "  left alone: {processes} being read by another program, `arc-eval serve` perhaps");
    }
    Ok(data(&text)?)
}
