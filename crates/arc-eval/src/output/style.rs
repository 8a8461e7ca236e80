//! What colours mean: green is good, yellow asks for attention, red is bad, cyan goes on, dim is beside
//! the point.

use arc_analysis::reliability::Letter;
use arc_model::{Run, Severity, Verdict};
use owo_colors::{OwoColorize, Style};

/// How much a card's bar holds.
const BAR_CELLS: u64 = 24;

/// How a run went, or that it goes on.
pub(super) fn status(run: &Run) -> String {
    match run.outcome.verdict {
        _ if run.is_running => "running  ".cyan().to_string(),
        Verdict::Succeeded => "succeeded".green().to_string(),
        Verdict::Failed => "failed   ".red().to_string(),
        Verdict::Unknown => "unknown  ".dimmed().to_string(),
    }
}

pub(super) fn severity(severity: Severity) -> String {
    match severity {
        Severity::Critical => "critical".red().bold().to_string(),
        Severity::High => "high    ".red().to_string(),
        Severity::Medium => "medium  ".yellow().to_string(),
        Severity::Low => "low     ".dimmed().to_string(),
    }
}

pub(super) fn letter(letter: Letter) -> Style {
    match letter {
        Letter::F | Letter::D => Style::new().red().bold(),
        Letter::CMinus | Letter::C | Letter::CPlus => Style::new().yellow().bold(),
        _ => Style::new().green().bold(),
    }
}

pub(super) fn heading(text: &str) -> String {
    text.bold().to_string()
}

pub(super) fn aside(text: &str) -> String {
    text.dimmed().to_string()
}

/// Returns a bar of which this share is filled.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share times a couple of dozen cells"
)]
pub(super) fn bar(share: f64) -> String {
    let filled = (share.clamp(0.0, 1.0) * BAR_CELLS as f64).round() as usize;
    let empty = (BAR_CELLS as usize).saturating_sub(filled);
    format!("{}{}", "█".repeat(filled), "░".repeat(empty))
}
