//! Scenarios as text, and what an agent learnt.

use std::fmt::Write;

use arc_analysis::learning::{Learning, MasteryState, Pace, Scenario, ScenarioState, Velocity};
use owo_colors::OwoColorize;

use super::{number, plain_line, style};

/// Returns three lines per scenario.
pub(crate) fn page(scenarios: &[Scenario]) -> String {
    let mut text = String::new();
    for scenario in scenarios {
        let state = match scenario.state {
            ScenarioState::Draft => "draft   ".yellow().to_string(),
            ScenarioState::Verified => "verified".green().to_string(),
            ScenarioState::Retired => "retired ".dimmed().to_string(),
        };
        let title = style::heading(&plain_line(&scenario.title, 120));
        let _ = writeln!(text, "{}  {}  {state}  {title}", scenario.id, style::severity(scenario.severity));
        let _ = writeln!(text, "  asks: {}", plain_line(&scenario.input, 140));
        let (passed, tried) = scenario
            .trials
            .iter()
            .fold((0, 0), |(passed, tried), trials| (passed + trials.passed, tried + trials.passed + trials.failed));
        let facts = format!(
            "{}; {} fixed; from run {}; passed {passed} of {tried}",
            scenario.agent,
            number::counted(scenario.tool_results.len() as u64, "tool result"),
            scenario.provenance.trace_id,
        );
        let _ = writeln!(text, "  {}", style::aside(&plain_line(&facts, 200)));
    }
    text
}

/// Returns what an agent learnt, and what to try next.
pub(crate) fn learning(learning: &Learning, limit: usize) -> String {
    let mut text = String::new();
    let version =
        learning.version.as_deref().map(|version| format!(" {}", plain_line(version, 40))).unwrap_or_default();
    let name = plain_line(learning.agent.as_str(), 60);
    let _ = writeln!(text, "{}", style::heading(&format!("{name}{version}")));
    let _ = writeln!(
        text,
        "  {} mastered, {} learning, {} not yet (mastered: passes at least 80 % of the time, with 90 % certainty)",
        learning.mastered, learning.learning, learning.not_yet
    );
    let _ = writeln!(text, "  {}", velocity(&learning.velocity));
    for version in &learning.history.versions {
        let named = version.version.as_deref().unwrap_or("no version");
        let _ = writeln!(text, "  {}: succeeded {}", plain_line(named, 40), number::rate(&version.success, "run"));
    }
    if learning.next.is_empty() {
        let _ = writeln!(text, "  no scenarios yet: one is drafted from the first run of each new issue");
    }
    for lesson in learning.next.iter().take(limit) {
        let state = match lesson.mastery.state {
            MasteryState::Mastered => "mastered".green().to_string(),
            MasteryState::Learning => "learning".yellow().to_string(),
            MasteryState::NotYet => "not yet ".red().to_string(),
        };
        let _ = writeln!(text, "{}  {state}  {}", lesson.scenario, plain_line(&lesson.title, 110));
        let _ = writeln!(text, "  {}", style::aside(&plain_line(&lesson.reason, 240)));
    }
    text
}

fn velocity(velocity: &Velocity) -> String {
    let how = plain_line(&velocity.how, 200);
    let (Some(change), Some(low), Some(high)) = (velocity.change, velocity.low, velocity.high) else {
        return format!("learning velocity: not known yet; {how}");
    };
    let said = match velocity.pace {
        Pace::Improving => "improving",
        Pace::Declining => "declining",
        Pace::NoClearChange => "no clear change",
        Pace::NotEnoughData => "not known yet",
    };
    format!(
        "learning velocity: {said}, {:+.1} points per {} ({:+.1} – {:+.1}); {how}",
        change * 100.0,
        velocity.per,
        low * 100.0,
        high * 100.0
    )
}
