//! One line per run: when, which agent, how it went, how long, what it cost, what was found.

use arc_model::{Cost, Run, Timestamp};

use super::{number, plain_line, style};

/// Room for the name of an agent.
const AGENT_CHARS: usize = 24;

/// Returns the line of a run.
pub(crate) fn line(run: &Run) -> String {
    let agent = plain_line(run.agent.name.as_str(), AGENT_CHARS);
    let duration = run.duration_ms.map_or_else(|| "-".to_owned(), number::duration_ms);
    let cost = match &run.cost {
        Cost::Known { total, .. } => number::dollars(*total),
        Cost::Unknown { .. } => "cost unknown".to_owned(),
    };
    let found = run.findings.iter().map(|leaf| match leaf.count {
        1 => leaf.leaf.to_string(),
        many => format!("{} ×{many}", leaf.leaf),
    });
    let found = found.collect::<Vec<_>>().join(", ");
    let found = match found.as_str() {
        // Nobody looks before it ended.
        "" if run.is_running => style::aside("-"),
        "" => style::aside("nothing found"),
        _ => found,
    };
    format!(
        "{}  {agent:AGENT_CHARS$}  {}  {duration:>10}  {cost:>12}  {}  {found}\n",
        style::aside(&to_seconds(run.at())),
        style::status(run),
        style::aside(&run.trace_id.to_string()),
    )
}

/// Returns a time without fractions of a second.
pub(crate) fn to_seconds(at: Timestamp) -> String {
    const SECOND: i64 = 1_000_000_000;
    Timestamp::from_nanos(at.as_nanos().div_euclid(SECOND) * SECOND).to_string()
}
