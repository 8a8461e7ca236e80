//! Issues as text: a list, one in full, and where failures began.

use std::fmt::Write;

use arc_analysis::issues::{Issue, IssueDetail, IssueState, Occurrence};
use owo_colors::OwoColorize;

use super::{number, plain_line, style};

/// Returns two lines per issue.
pub(crate) fn page(issues: &[IssueDetail]) -> String {
    let mut text = String::new();
    for detail in issues {
        let issue = &detail.issue;
        let _ = writeln!(text, "{}", head(issue));
        let _ = writeln!(text, "  {}", style::aside(&counts(detail)));
    }
    text
}

/// Returns everything about an issue.
pub(crate) fn detail(detail: &IssueDetail) -> String {
    let IssueDetail { issue, shares, scenario, .. } = detail;
    let mut text = head(issue);
    text.push('\n');
    if let Some(into) = &issue.merged_into {
        let _ = writeln!(text, "  merged into {into}, which counts for both");
        return text;
    }
    let _ = writeln!(text, "  {}", counts(detail));
    for share in shares {
        let _ = writeln!(text, "  {}: in {}", plain_line(share.agent.as_str(), 60), number::rate(&share.rate, "run"));
    }
    let versions = versions(issue);
    if !versions.is_empty() {
        let _ = writeln!(text, "  versions: {versions}");
    }
    let seen = [("first seen", issue.first_seen), ("last seen", issue.last_seen)];
    for (what, at) in seen.into_iter().filter_map(|(what, at)| Some((what, at?))) {
        let _ = writeln!(text, "  {what} {at}");
    }
    if let Some(fix) = &issue.fix {
        let version = fix.version.as_deref().map(|version| format!(" in {}", plain_line(version, 40)));
        let _ = write!(text, "  marked as fixed{} at {}", version.unwrap_or_default(), fix.at);
        let back = issue.regressed_at.map(|at| format!("; seen again at {at}"));
        let _ = writeln!(text, "{}", back.unwrap_or_default());
    }
    for occurrence in &issue.latest {
        text.push_str(&occurrence_text(occurrence));
    }
    match (scenario, &issue.no_scenario) {
        (Some(scenario), _) => {
            let _ = writeln!(text, "  scenario {} ({}): arc-eval scenarios", scenario.id, scenario.state.as_str());
        }
        (None, Some(why)) => {
            let _ = writeln!(text, "  no scenario: {}", plain_line(why, 200));
        }
        (None, None) => {}
    }
    let parts: Vec<&str> =
        issue.members.iter().filter(|member| member.strand != issue.id).map(|member| member.strand.as_str()).collect();
    if !parts.is_empty() {
        let _ = writeln!(text, "  parts that can be split off: {}", super::listed(&parts));
    }
    text
}

/// Returns for each issue where its latest run went wrong, and what followed.
pub(crate) fn root_causes(issues: &[IssueDetail]) -> String {
    let mut text = String::new();
    for detail in issues {
        let _ = writeln!(text, "{}", head(&detail.issue));
        let _ = writeln!(text, "  {}", style::aside(&counts(detail)));
        if let Some(latest) = detail.issue.latest.first() {
            text.push_str(&occurrence_text(latest));
        }
    }
    text
}

fn head(issue: &Issue) -> String {
    let state = match issue.state {
        IssueState::Open => "open     ".yellow().to_string(),
        IssueState::Fixed => "fixed    ".green().to_string(),
        IssueState::Regressed => "regressed".red().bold().to_string(),
        IssueState::Merged => "merged   ".dimmed().to_string(),
    };
    let title = style::heading(&plain_line(&issue.title, 120));
    format!("{}  {}  {state}  {title}", issue.id, style::severity(issue.severity))
}

fn counts(detail: &IssueDetail) -> String {
    let IssueDetail { issue, today, shares, .. } = detail;
    let mut text = format!(
        "{} in {}, {} today",
        number::counted(issue.findings, "time"),
        number::counted(issue.runs, "run"),
        number::count(*today)
    );
    if let [only] = shares.as_slice() {
        let _ = write!(text, "; {}: {}", plain_line(only.agent.as_str(), 40), number::rate(&only.rate, "run"));
    } else if !shares.is_empty() {
        let _ = write!(text, "; {} agents", shares.len());
    }
    if let Some(at) = issue.last_seen {
        let _ = write!(text, "; last {at}");
    }
    text
}

fn versions(issue: &Issue) -> String {
    let tallies = issue.agents.iter().flat_map(|agent| &agent.versions);
    let named: Vec<String> = tallies
        .map(|tally| {
            format!("{} ({})", tally.version.as_deref().unwrap_or("no version"), number::counted(tally.runs, "run"))
        })
        .collect();
    super::listed(&named.iter().map(String::as_str).collect::<Vec<_>>())
}

fn occurrence_text(occurrence: &Occurrence) -> String {
    let Occurrence { trace_id, at, step, effects, .. } = occurrence;
    let mut text = format!("  run {trace_id} {}\n", style::aside(&at.to_string()));
    let _ = writeln!(text, "    at {}: {}", plain_line(&step.name, 60), plain_line(&step.title, 160));
    for evidence in &step.evidence {
        let shown = plain_line(&evidence.excerpt, 120);
        let _ = writeln!(text, "      {} {}", style::aside(&format!("span {}", evidence.span_id)), shown);
    }
    for effect in effects {
        let _ = writeln!(text, "    then {}: {}", effect.leaf, plain_line(&effect.title, 140));
    }
    text
}
