//! An issue: what runs contributed to it, and what people said about it.

use std::collections::BTreeMap;

use arc_model::{AgentName, LeafId, Rate, Severity, Timestamp, TraceId};
use serde::{Deserialize, Serialize};

use super::{
    family::merged_template,
    fingerprint::{Contribution, Effect, Fingerprint, Sighting, Step},
};
use crate::{learning::Scenario, reliability::rate};

/// Latest occurrences that are kept.
pub const LATEST: usize = 5;
/// Days with occurrences of which the counts are kept.
const DAYS: usize = 60;
const DAY_NANOS: i64 = 86_400_000_000_000;

/// What people know about an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum IssueState {
    /// It happens.
    Open,
    /// Somebody said that it is fixed, and it was not seen since.
    Fixed,
    /// It was seen again after somebody said that it is fixed.
    Regressed,
    /// It was found to be the same as another one, which counts for both.
    Merged,
}

impl IssueState {
    /// Returns its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Fixed => "fixed",
            Self::Regressed => "regressed",
            Self::Merged => "merged",
        }
    }
}

/// What somebody said when they marked an issue as fixed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Fix {
    /// When.
    pub at: Timestamp,
    /// The version of the agent that has the fix, where one was named.
    pub version: Option<String>,
    /// Versions that had the failure before; seeing it there again proves nothing.
    pub before: Vec<String>,
}

/// Findings that are the same failure, over all runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = TrackedIssue))]
pub struct Issue {
    /// Its id: that of the fingerprint it began with.
    pub id: String,
    /// What happens, in a line.
    pub title: String,
    /// The leaf of the failure taxonomy.
    pub leaf: LeafId,
    /// The tool or the node where it happens.
    pub place: String,
    /// The error, with values masked; empty for failures that are no errors.
    pub template: String,
    /// The framework, where known.
    pub framework: Option<String>,
    /// The worst severity seen.
    pub severity: Severity,
    /// The fingerprints that belong to it.
    pub members: Vec<Member>,
    /// What people know about it.
    pub state: IssueState,
    /// What was said when it was marked as fixed; kept when it regresses.
    pub fix: Option<Fix>,
    /// When it was first seen again after it was fixed.
    pub regressed_at: Option<Timestamp>,
    /// The issue that counts for this one.
    pub merged_into: Option<String>,
    /// Findings.
    pub findings: u64,
    /// Runs with at least one of them.
    pub runs: u64,
    /// When the first such run was.
    pub first_seen: Option<Timestamp>,
    /// When the latest such run was.
    pub last_seen: Option<Timestamp>,
    /// Runs by agent and version.
    pub agents: Vec<AgentTally>,
    /// Findings and runs by UTC day, the latest 60 days that have any.
    pub days: Vec<DayTally>,
    /// The latest runs, the newest first.
    pub latest: Vec<Occurrence>,
    /// The scenario that was drafted from it.
    pub scenario: Option<String>,
    /// Why there is none, where there is none.
    pub no_scenario: Option<String>,
}

/// A fingerprint of an issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Member {
    /// The id of the fingerprint.
    pub strand: String,
    /// The id of its family.
    pub family: String,
    /// The fingerprint.
    pub fingerprint: Fingerprint,
    /// The issue it came from, where issues were merged.
    pub from: String,
}

/// Runs of an agent with an issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = IssueAgentTally))]
pub struct AgentTally {
    /// The agent.
    pub agent: AgentName,
    /// Runs.
    pub runs: u64,
    /// Runs by version, in order of name.
    pub versions: Vec<VersionTally>,
}

/// Runs of a version with an issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = IssueVersionTally))]
pub struct VersionTally {
    /// The version; `None` for runs that do not say.
    pub version: Option<String>,
    /// Runs.
    pub runs: u64,
}

/// A day of an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = IssueDayTally))]
pub struct DayTally {
    /// Midnight UTC at which the day begins.
    pub day: Timestamp,
    /// Findings.
    pub findings: u64,
    /// Runs.
    pub runs: u64,
}

/// A run with an issue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = IssueOccurrence))]
pub struct Occurrence {
    /// The run.
    pub trace_id: TraceId,
    /// When it ran.
    pub at: Timestamp,
    /// Its agent.
    pub agent: AgentName,
    /// The agent's version, where known.
    pub version: Option<String>,
    /// Findings in it.
    pub findings: u64,
    /// Where the first of them is.
    pub step: Step,
    /// What followed from it.
    pub effects: Vec<Effect>,
}

/// What one run contributes to one issue.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The run, with where it shows.
    pub occurrence: Occurrence,
    /// The worst severity in it.
    pub severity: Severity,
    /// The fingerprints seen.
    pub members: Vec<(String, String, Fingerprint)>,
}

impl Part {
    /// Gathers what a run contributes to an issue, given which of its sightings belong to it.
    pub fn of(run: &Contribution, belongs: impl Fn(&Sighting) -> bool) -> Option<Self> {
        let mut sightings = run.sightings.iter().filter(|sighting| belongs(sighting)).peekable();
        let first = sightings.peek()?;
        let occurrence = Occurrence {
            trace_id: run.trace_id,
            at: run.at,
            agent: run.agent.clone(),
            version: run.version.clone(),
            findings: 0,
            step: first.step.clone(),
            effects: first.effects.clone(),
        };
        let mut part = Self { occurrence, severity: first.severity, members: Vec::new() };
        for sighting in sightings {
            part.occurrence.findings += sighting.count;
            part.severity = part.severity.max(sighting.severity);
            part.members.push((sighting.strand.clone(), sighting.family.clone(), sighting.fingerprint.clone()));
        }
        Some(part)
    }
}

impl Issue {
    /// Makes an issue that nothing was counted for yet; `leaf_title` is what people call the leaf.
    pub fn new(id: &str, fingerprint: &Fingerprint, leaf_title: &str) -> Self {
        let mut issue = Self {
            id: id.to_owned(),
            title: leaf_title.to_owned(),
            leaf: fingerprint.leaf.clone(),
            place: fingerprint.place.clone(),
            template: fingerprint.template.clone(),
            framework: fingerprint.framework.clone(),
            severity: Severity::Low,
            members: Vec::new(),
            state: IssueState::Open,
            fix: None,
            regressed_at: None,
            merged_into: None,
            findings: 0,
            runs: 0,
            first_seen: None,
            last_seen: None,
            agents: Vec::new(),
            days: Vec::new(),
            latest: Vec::new(),
            scenario: None,
            no_scenario: None,
        };
        if !issue.place.is_empty() {
            issue.title = format!("{leaf_title} in {}", issue.place);
        }
        issue
    }

    /// Counts what a run contributes. Returns whether that makes a fixed issue regress.
    pub fn add(&mut self, part: &Part) -> bool {
        let Part { occurrence, severity, members } = part;
        self.runs += 1;
        self.findings += occurrence.findings;
        self.severity = self.severity.max(*severity);
        self.first_seen = Some(self.first_seen.map_or(occurrence.at, |first| first.min(occurrence.at)));
        self.last_seen = Some(self.last_seen.map_or(occurrence.at, |last| last.max(occurrence.at)));
        self.tally(occurrence, 1);
        for (strand, family, fingerprint) in members {
            if !self.members.iter().any(|member| member.strand == *strand) {
                let (strand, family, fingerprint) = (strand.clone(), family.clone(), fingerprint.clone());
                self.members.push(Member { strand, family, fingerprint, from: self.id.clone() });
                self.retitle();
            }
        }
        let day = day_of(occurrence.at);
        match self.days.binary_search_by_key(&day, |tally| tally.day) {
            Ok(index) => {
                if let Some(tally) = self.days.get_mut(index) {
                    tally.findings += occurrence.findings;
                    tally.runs += 1;
                }
            }
            Err(index) => self.days.insert(index, DayTally { day, findings: occurrence.findings, runs: 1 }),
        }
        if self.days.len() > DAYS {
            self.days.remove(0);
        }
        self.show(occurrence);
        let regresses = self.state == IssueState::Fixed && self.is_regression(occurrence);
        if regresses {
            self.state = IssueState::Regressed;
            self.regressed_at = Some(occurrence.at);
        }
        regresses
    }

    /// Keeps a run among the latest ones, where it is one of them.
    pub fn show(&mut self, occurrence: &Occurrence) {
        self.latest.retain(|known| known.trace_id != occurrence.trace_id);
        let key = |one: &Occurrence| (std::cmp::Reverse(one.at), one.trace_id);
        let index = self.latest.partition_point(|known| key(known) < key(occurrence));
        self.latest.insert(index, occurrence.clone());
        self.latest.truncate(LATEST);
    }

    /// Takes back what a run contributed. Returns whether the first, the last or the shown runs have to be
    /// looked up again.
    pub fn remove(&mut self, part: &Part) -> bool {
        let occurrence = &part.occurrence;
        self.runs = self.runs.saturating_sub(1);
        self.findings = self.findings.saturating_sub(occurrence.findings);
        self.tally(occurrence, -1);
        let day = day_of(occurrence.at);
        for tally in self.days.iter_mut().filter(|tally| tally.day == day) {
            tally.findings = tally.findings.saturating_sub(occurrence.findings);
            tally.runs = tally.runs.saturating_sub(1);
        }
        self.days.retain(|tally| tally.runs > 0);
        let was_shown = self.latest.iter().any(|known| known.trace_id == occurrence.trace_id);
        self.latest.retain(|known| known.trace_id != occurrence.trace_id);
        if self.runs == 0 {
            (self.first_seen, self.last_seen) = (None, None);
            return false;
        }
        was_shown || self.first_seen == Some(occurrence.at) || self.last_seen == Some(occurrence.at)
    }

    /// Forgets every count, to count anew.
    pub fn forget(&mut self) {
        (self.runs, self.findings) = (0, 0);
        (self.first_seen, self.last_seen) = (None, None);
        self.agents.clear();
        self.days.clear();
        self.latest.clear();
    }

    /// Marks it as fixed.
    pub fn mark_fixed(&mut self, at: Timestamp, version: Option<String>) {
        let versions = self.agents.iter().flat_map(|agent| &agent.versions);
        let mut before: Vec<String> = versions.filter_map(|tally| tally.version.clone()).collect();
        before.sort();
        before.dedup();
        before.retain(|known| version.as_ref() != Some(known));
        self.state = IssueState::Fixed;
        self.fix = Some(Fix { at, version, before });
        self.regressed_at = None;
    }

    /// Says that it is not fixed after all.
    pub fn reopen(&mut self) {
        self.state = IssueState::Open;
        self.fix = None;
        self.regressed_at = None;
    }

    /// Returns the findings of the UTC day in which a time lies.
    pub fn findings_on(&self, at: Timestamp) -> u64 {
        let day = day_of(at);
        self.days.iter().filter(|tally| tally.day == day).map(|tally| tally.findings).sum()
    }

    /// Gives the title and the template of what the fingerprints that began here have in common.
    pub fn retitle(&mut self) {
        let own = self.members.iter().filter(|member| member.from == self.id);
        let template = merged_template(own.map(|member| member.fingerprint.template.as_str()));
        let said = format!(": {}", self.template);
        let base = self.title.strip_suffix(&said).unwrap_or(&self.title).to_owned();
        self.title = if template.is_empty() { base } else { format!("{base}: {template}") };
        self.template = template;
    }

    /// Returns whether a run shows that a fix did not hold.
    ///
    /// Only runs after the fix was announced can. With a version, runs of versions that had the failure before are
    /// expected to have it still, and prove nothing.
    fn is_regression(&self, occurrence: &Occurrence) -> bool {
        let Some(fix) = &self.fix else { return false };
        let is_old = || occurrence.version.as_ref().is_some_and(|version| fix.before.contains(version));
        occurrence.at > fix.at && !(fix.version.is_some() && is_old())
    }

    fn tally(&mut self, occurrence: &Occurrence, by: i64) {
        let Occurrence { agent, version, .. } = occurrence;
        let index = match self.agents.binary_search_by(|tally| tally.agent.cmp(agent)) {
            Ok(index) => index,
            Err(index) => {
                self.agents.insert(index, AgentTally { agent: agent.clone(), runs: 0, versions: Vec::new() });
                index
            }
        };
        if let Some(tally) = self.agents.get_mut(index) {
            tally.runs = tally.runs.saturating_add_signed(by);
            match tally.versions.binary_search_by(|tally| tally.version.cmp(version)) {
                Ok(index) => {
                    if let Some(tally) = tally.versions.get_mut(index) {
                        tally.runs = tally.runs.saturating_add_signed(by);
                    }
                }
                Err(index) => {
                    let runs = 0_u64.saturating_add_signed(by);
                    tally.versions.insert(index, VersionTally { version: version.clone(), runs });
                }
            }
            tally.versions.retain(|tally| tally.runs > 0);
        }
        self.agents.retain(|tally| tally.runs > 0);
    }
}

/// A share of an agent's runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentShare {
    /// The agent.
    pub agent: AgentName,
    /// The share of its runs that have the issue.
    pub rate: Rate,
}

/// An issue with what follows from it today.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IssueDetail {
    /// The issue.
    pub issue: Issue,
    /// Findings of the current UTC day.
    pub today: u64,
    /// Of each agent's runs, the share that has it.
    pub shares: Vec<AgentShare>,
    /// The scenario drafted from it; told of a single issue only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<Scenario>,
}

impl IssueDetail {
    /// Works out what follows from an issue now, given how many runs each agent has.
    pub fn of(issue: Issue, runs_of: &BTreeMap<AgentName, u64>, now: Timestamp) -> Self {
        let share = |tally: &AgentTally| {
            // Runs may have settled since the agent's were counted.
            let n = runs_of.get(&tally.agent).copied().unwrap_or_default().max(tally.runs);
            AgentShare { agent: tally.agent.clone(), rate: rate(tally.runs, n) }
        };
        let shares = issue.agents.iter().map(share).collect();
        Self { today: issue.findings_on(now), shares, scenario: None, issue }
    }
}

const fn day_of(at: Timestamp) -> Timestamp {
    Timestamp::from_nanos(at.as_nanos().div_euclid(DAY_NANOS).saturating_mul(DAY_NANOS))
}
