//! Declared checks as text and as `JUnit`.

use std::fmt::Write;

use arc_analysis::checks::CheckFigures;
use arc_model::{AgentName, CheckResult, CheckState, TraceId};
use owo_colors::OwoColorize;

use super::{
    junit::{self, Case},
    number, plain_line, style,
};

/// Runs that are named below a check.
const NAMED: usize = 3;

/// The checks over the runs of an agent.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Checked {
    pub(crate) agent: AgentName,
    pub(crate) runs: u64,
    pub(crate) checks: Vec<CheckFigures>,
}

/// The checks of one run.
#[derive(Debug, serde::Serialize)]
pub(crate) struct CheckedRun {
    pub(crate) run: TraceId,
    pub(crate) agent: AgentName,
    pub(crate) checks: Vec<CheckResult>,
}

/// Returns the page of an agent.
pub(crate) fn page(checked: &Checked) -> String {
    let runs = number::counted(checked.runs, "run");
    let heading = style::heading(&plain_line(checked.agent.as_str(), 80));
    let mut text = format!("{heading} checks over the latest {runs}\n");
    for check in &checked.checks {
        let mark = match (check.failed, check.passed.n) {
            (0, 0) => "unknown".yellow().to_string(),
            (0, _) => "passed ".green().to_string(),
            _ => "failed ".red().to_string(),
        };
        let _ = writeln!(text, "  {mark}  {} ({}): {}", plain_line(check.check.as_str(), 60), check.kind, told(check));
        if let Some(calls) = &check.calls {
            let rates = [
                ("precision", &calls.precision),
                ("recall", &calls.recall),
                ("in order", &calls.order),
                ("arguments", &calls.arguments),
            ];
            for (name, rate) in rates.into_iter().filter(|(_, rate)| rate.n > 0) {
                let _ = writeln!(text, "           {name} {}", number::rate(rate, "call"));
            }
        }
        for failed in check.failed_runs.iter().take(NAMED) {
            let _ = writeln!(text, "           run {}: {}", failed.run, plain_line(&failed.why, 160));
        }
    }
    text
}

/// Returns what a check came to in words.
fn told(check: &CheckFigures) -> String {
    let rate =
        if check.passed.n > 0 { format!("passed {}", number::rate(&check.passed, "run")) } else { String::new() };
    let why = check.unknown_why.first().map(|one| plain_line(&one.why, 120)).unwrap_or_default();
    match (check.unknown, rate.is_empty()) {
        (0, _) => rate,
        (unknown, true) => format!("unknown of {}: {why}", number::counted(unknown, "run")),
        (unknown, false) => format!("{rate}; unknown of {}: {why}", number::counted(unknown, "run")),
    }
}

/// Returns the page of a run.
pub(crate) fn run(checked: &CheckedRun) -> String {
    let agent = plain_line(checked.agent.as_str(), 80);
    let mut text = format!("{} of {agent}\n", style::heading(&format!("Run {}", checked.run)));
    for result in &checked.checks {
        let name = plain_line(result.check.as_str(), 60);
        let _ = match &result.state {
            CheckState::Passed => writeln!(text, "  {}  {name} ({})", "passed ".green(), result.kind),
            CheckState::Unknown { why } => {
                writeln!(text, "  {}  {name} ({}): {}", "unknown".yellow(), result.kind, plain_line(why, 200))
            }
            CheckState::Failed { why, .. } => {
                writeln!(text, "  {}  {name} ({}): {}", "failed ".red(), result.kind, plain_line(why, 200))
            }
        };
        if let CheckState::Failed { evidence, .. } = &result.state {
            for one in evidence.iter().take(NAMED) {
                let _ = writeln!(text, "           span {}: {}", one.span_id, plain_line(&one.excerpt, 120));
            }
        }
    }
    text
}

/// Returns the checks as `JUnit` XML: one that no run shows is skipped.
pub(crate) fn junit(checked: &Checked) -> String {
    let class = format!("arc-eval.check.{}", checked.agent);
    let cases: Vec<Case> = checked
        .checks
        .iter()
        .map(|check| Case {
            class: class.clone(),
            name: check.check.to_string(),
            said: told(check),
            failed: (check.failed > 0).then_some("failed"),
            is_skipped: check.passed.n == 0,
        })
        .collect();
    junit::suite(&format!("arc-eval check: {}", checked.agent), &cases)
}
