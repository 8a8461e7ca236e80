//! Checks as text; [`check_text`] also words them for `JUnit` and SARIF.

use std::fmt::Write;

use arc_analysis::gate::{Check, Gate, GateVerdict};
use arc_model::{AgentName, NanoUsd};
use owo_colors::OwoColorize;

use super::{number, plain_line, style};

/// What was judged, and how.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Judged {
    pub(crate) agent: AgentName,
    pub(crate) version: Option<String>,
    #[serde(flatten)]
    pub(crate) gate: Gate,
}

impl Judged {
    /// Returns what the agent is called, with its version where one was asked for.
    pub(crate) fn name(&self) -> String {
        let version = self.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        plain_line(&format!("{}{version}", self.agent), 80)
    }
}

/// Returns the page.
pub(crate) fn page(judged: &Judged) -> String {
    let answer = match judged.gate.verdict {
        GateVerdict::Met => "passes".green().bold().to_string(),
        GateVerdict::NotMet => "does not pass".red().bold().to_string(),
        GateVerdict::NotYetKnown => "does not pass: not yet known".yellow().bold().to_string(),
    };
    let runs = number::counted(judged.gate.runs, "run");
    let mut text = format!("{} {answer} ({runs})\n", style::heading(&judged.name()));
    for check in &judged.gate.checks {
        let mark = match check.verdict {
            GateVerdict::Met => "met          ".green().to_string(),
            GateVerdict::NotMet => "not met      ".red().to_string(),
            GateVerdict::NotYetKnown => "not yet known".yellow().to_string(),
        };
        let _ = writeln!(text, "  {mark}  {}", check_text(check));
    }
    text
}

/// Returns a check in words: what was asked, what was measured, and what would decide it.
pub(crate) fn check_text(check: &Check) -> String {
    let asked = match check.id.as_str() {
        "min-reliability" => format!("success rate at least {}", number::percent(check.limit)),
        "max-cost" => format!("mean cost of a run at most {}", dollars(check.limit)),
        _ => format!("95 % of the runs within {}", number::duration_ms(check.limit)),
    };
    let show = |value: f64| if check.id == "max-cost" { dollars(value) } else { number::percent(value) };
    let measured = match check.estimate {
        Some(estimate) => format!("measured {} over {}", show(estimate), number::counted(check.n, "run")),
        None => "nothing measured".to_owned(),
    };
    let sure = check.interval.map(|interval| {
        let (low, high) = (show(interval.low), show(interval.high));
        format!(", 95 % interval {low} to {high} ({})", number::method(interval.method))
    });
    let unknown = match check.unknown {
        0 => String::new(),
        unknown => format!("; of {} it is not known", number::counted(unknown, "run")),
    };
    let more = match (check.verdict, check.more_runs) {
        (GateVerdict::NotYetKnown, Some(more)) => {
            format!("; about {} like these would decide it", number::counted(more, "more run"))
        }
        (GateVerdict::NotYetKnown, None) => "; more runs like these would not decide it".to_owned(),
        _ => String::new(),
    };
    format!("{asked}: {measured}{}{unknown}{more}", sure.unwrap_or_default())
}

#[expect(clippy::cast_possible_truncation, reason = "the mean cost of a run")]
fn dollars(nanos: f64) -> String {
    number::dollars(NanoUsd(nanos.round() as i64))
}
