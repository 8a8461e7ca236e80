//! What was taken in, per file, and what was noticed on the way.

use arc_app::{Detected, Imported};
use arc_model::{Diagnostic, DiagnosticSeverity};
use owo_colors::OwoColorize;
use serde::Serialize;

use super::{data, json, number, plain, style, talk};
use crate::failure::Failure;

/// Remarks shown unless all are asked for.
const SHOWN: usize = 10;

/// What became of everything that was to be imported.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Summary {
    /// One entry per input, in order.
    pub(crate) files: Vec<Intake>,
    /// Runs analysed in the end.
    pub(crate) runs_settled: usize,
}

/// What became of an input.
#[derive(Debug, Serialize)]
pub(crate) struct Intake {
    file: String,
    /// Whether anything could be read from it.
    readable: bool,
    format: Option<&'static str>,
    /// Every format that was recognised, with how well it fits, and by what.
    detected: Vec<Evidence>,
    runs: u64,
    spans: u64,
    /// Of the spans, those that were not known before.
    new: u64,
    updated: u64,
    unchanged: u64,
    diagnostics: Vec<Diagnostic>,
    #[serde(skip)]
    opened: bool,
}

/// What a format was recognised by.
#[derive(Debug, Serialize)]
struct Evidence {
    format: &'static str,
    score: Option<u8>,
    because: &'static str,
    records: u64,
}

impl From<Detected> for Evidence {
    fn from(detected: Detected) -> Self {
        let Detected { format, score, because, records } = detected;
        Self { format, score, because, records }
    }
}

impl Summary {
    pub(crate) fn add(&mut self, file: String, imported: Imported) {
        let rejected = imported.diagnostics.iter().any(|noticed| noticed.severity == DiagnosticSeverity::Rejected);
        self.files.push(Intake {
            file,
            // A file of a known format may be empty; that is nothing to complain about.
            readable: imported.spans > 0 || (imported.format.is_some() && !rejected),
            format: imported.format,
            detected: imported.detected.into_iter().map(Evidence::from).collect(),
            runs: imported.traces,
            spans: imported.spans,
            new: imported.appended.new,
            updated: imported.appended.updated,
            unchanged: imported.appended.unchanged,
            diagnostics: imported.diagnostics,
            opened: true,
        });
    }

    /// Adds an input whose bytes could not be had.
    pub(crate) fn add_unopened(&mut self, file: String, why: String) {
        let diagnostic = Diagnostic {
            severity: DiagnosticSeverity::Rejected,
            source: Some(file.clone()),
            place: arc_model::Place::default(),
            message: why,
        };
        self.add(
            file,
            Imported {
                format: None,
                detected: Vec::new(),
                spans: 0,
                traces: 0,
                appended: arc_app::Appended::default(),
                diagnostics: vec![diagnostic],
            },
        );
        if let Some(file) = self.files.last_mut() {
            file.opened = false;
        }
    }

    /// Returns whether the bytes of every input could be had.
    pub(crate) fn was_opened(&self) -> bool {
        self.files.iter().all(|file| file.opened)
    }

    /// Returns whether there is nothing to report on.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.iter().all(|file| file.spans == 0)
    }

    /// Returns the inputs nothing could be read from.
    pub(crate) fn unreadable(&self) -> impl Iterator<Item = &str> {
        self.files.iter().filter(|file| !file.readable).map(|file| file.file.as_str())
    }
}

/// Prints what was imported.
pub(crate) fn print(summary: &Summary, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return json(summary);
    }
    let mut text = String::new();
    for file in &summary.files {
        text.push_str(&line(file));
        text.push('\n');
    }
    if summary.files.len() > 1 {
        let sum = |of: fn(&Intake) -> u64| summary.files.iter().map(of).sum::<u64>();
        let (files, runs, spans) = (summary.files.len() as u64, sum(|file| file.runs), sum(|file| file.spans));
        let all = style::heading(&number::counted(files, "file"));
        let (runs, spans) = (number::counted(runs, "run"), number::counted(spans, "span"));
        let new = number::count(sum(|file| file.new));
        text.extend([all.as_str(), ": ", &runs, ", ", &spans, " (", &new, " new)\n"]);
    }
    Ok(data(&text)?)
}

fn line(file: &Intake) -> String {
    let name = plain(&file.file);
    if !file.readable {
        return format!("{name}: {}", "nothing could be read".red());
    }
    let format = file.format.unwrap_or("unknown format");
    let mut parts = vec![format!("{} new", number::count(file.new))];
    if file.updated > 0 {
        parts.push(format!("{} updated", number::count(file.updated)));
    }
    parts.push(format!("{} unchanged", number::count(file.unchanged)));
    let (runs, spans) = (number::counted(file.runs, "run"), number::counted(file.spans, "span"));
    format!("{name}: {runs}, {spans} ({}) {}", parts.join(", "), style::aside(format))
}

/// Says what was noticed, the worst first, and not everything unless asked.
pub(crate) fn print_diagnostics(summary: &Summary, all: bool) {
    let mut noticed: Vec<&Diagnostic> = summary.files.iter().flat_map(|file| &file.diagnostics).collect();
    noticed.sort_by_key(|diagnostic| std::cmp::Reverse(diagnostic.severity));
    let shown = if all { noticed.len() } else { SHOWN };
    for diagnostic in noticed.iter().take(shown) {
        let kind = match diagnostic.severity {
            DiagnosticSeverity::Rejected => "rejected".red().to_string(),
            DiagnosticSeverity::Repaired => "repaired".yellow().to_string(),
            DiagnosticSeverity::Note => style::aside("note"),
        };
        talk(&format!("{kind} {}", plain(&diagnostic.to_string())));
    }
    let hidden = noticed.len().saturating_sub(shown);
    if hidden > 0 {
        talk(&format!("… and {hidden} more; show them with --verbose"));
    }
}
