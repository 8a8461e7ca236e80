//! What would trace an agent: a diff, or that it was written.

use owo_colors::OwoColorize;
use serde::Serialize;
use similar::TextDiff;

use super::{data, plain, style, talk};
use crate::failure::Failure;

/// How the agent that was found is traced.
#[derive(Debug, Serialize)]
pub(crate) struct Plan {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) agent: String,
    pub(crate) framework: String,
    /// The change of the source; absent when none is needed.
    pub(crate) diff: Option<String>,
    /// The command that traces it without one.
    pub(crate) run_with: Option<String>,
    /// Whether the change was made.
    pub(crate) written: bool,
    /// The source with the change.
    #[serde(skip)]
    pub(crate) traced: Option<String>,
}

/// Returns the change of a file as a unified diff, which `patch -p1` and `git apply` take.
pub(crate) fn diff(name: &str, before: &str, after: &str) -> String {
    let name = name.trim_start_matches("./");
    TextDiff::from_lines(before, after)
        .unified_diff()
        .context_radius(2)
        .header(&format!("a/{name}"), &format!("b/{name}"))
        .to_string()
}

/// Prints the diff to stdout, and what it is to stderr.
pub(crate) fn print(plan: &Plan) -> Result<(), Failure> {
    let Plan { file, line, agent, framework, .. } = plan;
    talk(&format!("found {} {}", plain(agent).bold(), style::aside(&format!("({framework}) in {file}:{line}"))));
    match (&plan.diff, &plan.run_with) {
        (Some(diff), _) => data(&coloured(&plain(diff)))?,
        (None, Some(command)) => {
            talk("it is not inside a function, so the program as a whole is the run; without any change:");
            data(&format!("{command}\n"))?;
        }
        (None, None) => {}
    }
    match (plan.written, &plan.diff) {
        (true, _) => talk("written; run your program as always, then `arc-eval debug`"),
        (false, Some(_)) => talk("nothing was changed; add --write to make this change"),
        (false, None) => {}
    }
    Ok(())
}

fn coloured(diff: &str) -> String {
    let line = |line: &str| match line.as_bytes().first() {
        Some(b'+') => format!("{}\n", line.green()),
        Some(b'-') => format!("{}\n", line.red()),
        Some(b'@') => format!("{}\n", line.cyan()),
        _ => format!("{line}\n"),
    };
    diff.lines().map(line).collect()
}
