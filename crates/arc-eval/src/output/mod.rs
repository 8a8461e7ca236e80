//! The only place that prints. Data goes to stdout, everything else to stderr; colours only where a
//! terminal wants them (`NO_COLOR` is respected), and never an escape sequence out of a trace.
//!
//! `card` is the report, `collect` what was delivered elsewhere, `connect` a change of a source file, `import` what was taken in, `runs` one line per run, `run` a run as a tree,
//! `number` how figures are written, `style` what the colours mean.

pub(crate) mod alerts;
pub(crate) mod budgets;
pub(crate) mod card;
pub(crate) mod check;
pub(crate) mod collect;
pub(crate) mod compare;
pub(crate) mod connect;
pub(crate) mod cost;
pub(crate) mod doctor;
pub(crate) mod gate;
pub(crate) mod import;
pub(crate) mod issues;
pub(crate) mod junit;
pub(crate) mod label;
pub(crate) mod number;
pub(crate) mod parquet;
pub(crate) mod prices;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod sarif;
pub(crate) mod scenarios;
pub(crate) mod search;
mod style;
pub(crate) mod whole_run;

use std::io::{self, IsTerminal, Write};

use anstream::AutoStream;
use indicatif::{ProgressBar, ProgressStyle};
use owo_colors::OwoColorize;
use serde::Serialize;

use crate::failure::{Exit, Failure};

/// Prints data as it is; colours are taken out where nobody would see them.
pub(crate) fn data(text: &str) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Prints data as JSON over several lines.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::new(Exit::Internal, error))?;
    Ok(data(&format!("{text}\n"))?)
}

/// Prints data as JSON on one line.
pub(crate) fn json_line(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::new(Exit::Internal, error))?;
    Ok(data(&format!("{text}\n"))?)
}

/// Says something that is not data. Nobody listening is no reason to fail.
pub(crate) fn talk(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Says why the command did not end well: what was attempted, then each cause once.
pub(crate) fn failure(failure: &Failure) {
    if failure.exit == Exit::NobodyReads {
        return;
    }
    let chain = failure.error.chain().map(|cause| plain(&cause.to_string())).collect();
    let mut chain = each_once(chain).into_iter();
    talk(&format!("{} {}", "error:".red().bold(), chain.next().unwrap_or_default()));
    for cause in chain {
        talk(&format!("  because {cause}"));
    }
}

/// Returns a chain of causes without those that the next one says again in more words.
fn each_once(causes: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for cause in causes {
        if kept.last().is_some_and(|said| cause.starts_with(said.as_str())) {
            kept.pop();
        }
        kept.push(cause);
    }
    kept
}

/// Returns whether colours reach whoever reads stderr.
pub(crate) fn stderr_has_colours() -> bool {
    AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

/// Clears the screen where stdout is one.
pub(crate) fn clear_screen() -> io::Result<()> {
    if io::stdout().is_terminal() { data("\u{1b}[2J\u{1b}[H") } else { Ok(()) }
}

/// Returns text from outside so that it cannot steer a terminal: control characters but line
/// breaks and tabs become `�`, and so do the marks that reverse the direction of writing.
pub(crate) fn plain(text: &str) -> String {
    let harmless = |c: char| {
        let steers = (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if steers { '\u{fffd}' } else { c }
    };
    text.chars().map(harmless).collect()
}

/// Returns the same on one line, and not longer than `longest` characters.
pub(crate) fn plain_line(text: &str, longest: usize) -> String {
    let one_line = plain(text).split_whitespace().collect::<Vec<_>>().join(" ");
    if one_line.chars().count() <= longest {
        return one_line;
    }
    let cut: String = one_line.chars().take(longest.saturating_sub(1)).collect();
    format!("{cut}…")
}

/// Returns the first few items with commas, and how many more there are.
pub(crate) fn listed(items: &[&str]) -> String {
    const SHOWN: usize = 8;
    let shown = items.iter().take(SHOWN).map(|item| plain(item)).collect::<Vec<_>>().join(", ");
    match items.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Shows on a terminal how far something is.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

/// Starts a bar of so many steps; it is on stderr, and only on a terminal.
pub(crate) fn progress(what: &'static str, steps: usize) -> Progress {
    let bar = ProgressBar::new(steps as u64);
    if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} {wide_msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(what);
    Progress(bar)
}

impl Progress {
    /// Says what is done now.
    pub(crate) fn step(&self, name: &str) {
        self.0.set_message(plain_line(name, 60));
    }

    /// Says what was spent so far.
    pub(crate) fn spent(&self, spent: arc_model::NanoUsd) {
        self.step(&format!("{} spent", number::dollars(spent)));
    }

    /// So many steps are done.
    pub(crate) fn at(&self, steps: usize) {
        self.0.set_position(steps as u64);
    }

    /// One step is done.
    pub(crate) fn done(&self) {
        self.0.inc(1);
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[31mred\u{7}\r\n\tb\u{202e}"), "a\u{fffd}[31mred\u{fffd}\u{fffd}\n\tb\u{fffd}");
        assert_eq!(plain_line(" one\n two  three ", 9), "one two …");
    }

    #[test]
    fn a_cause_that_the_next_one_repeats_is_said_once() {
        let full = ["the store is unavailable", "the store is unavailable while committing: the disk is full"];
        assert_eq!(each_once(full.map(str::to_owned).to_vec()), full[1..]);
        let different = ["cannot open the store", "it is not a database"].map(str::to_owned).to_vec();
        assert_eq!(each_once(different.clone()), different);
    }

    #[test]
    fn a_long_list_says_how_much_it_leaves_out() {
        assert_eq!(listed(&["a"; 10]), "a, a, a, a, a, a, a, a and 2 more");
    }
}
