//! A scenario: a real input, the tool results it met, and the checks that show whether the failure is back.

use arc_model::{
    AgentName, LeafId, Run, Severity, Span, SpanId, SpanKind, Timestamp, Trace, TraceId, Verdict, treated,
};
use serde::{Deserialize, Serialize};

use crate::issues::{Issue, Sighting};

/// Most characters of an input that are kept.
const INPUT: usize = 32_000;
/// Most characters of a tool's arguments or result that are kept.
const RESULT: usize = 4_000;
/// Most tool results that are kept.
const RESULTS: usize = 40;

/// Why no scenario was drafted from a run whose content was not recorded.
pub const NOT_RECORDED: &str = "the input of the run was not recorded, or only a hash of it";

/// How far a scenario is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ScenarioState {
    /// Made from one run; the failure may have been chance.
    Draft,
    /// The same input failed in the same way again, or a person accepted it.
    Verified,
    /// Not to be tried any more.
    Retired,
}

impl ScenarioState {
    /// Returns its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Verified => "verified",
            Self::Retired => "retired",
        }
    }
}

/// A case to try an agent on, made from a run that failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Scenario {
    /// Its id: of its input, its agent and the failure it is about, so there is one of each.
    pub id: String,
    /// The issue it was drafted from.
    pub issue: String,
    /// The fingerprint of the failure.
    pub strand: String,
    /// The agent.
    pub agent: AgentName,
    /// What happens, in a line.
    pub title: String,
    /// The leaf of the failure taxonomy.
    pub leaf: LeafId,
    /// How bad the failure is.
    pub severity: Severity,
    /// How far it is.
    pub state: ScenarioState,
    /// What was asked, as it was recorded.
    pub input: String,
    /// Whether the input or a result was longer than what is kept.
    pub is_cut: bool,
    /// What tools returned until the failure, in order, to be given again.
    pub tool_results: Vec<FixedResult>,
    /// What has to hold of a run for it to pass.
    pub checks: Vec<ScenarioCheck>,
    /// The run it was made from.
    pub provenance: Provenance,
    /// When it was drafted.
    pub drafted_at: Timestamp,
    /// How it was verified; kept when it is retired.
    pub verified: Option<Verified>,
    /// Runs that tried it, by version of the agent, the latest tried last.
    pub trials: Vec<VersionTrials>,
}

/// What a tool returned in the recorded run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FixedResult {
    /// The span of the call.
    pub span_id: SpanId,
    /// The tool.
    pub tool: String,
    /// What it was called with.
    pub arguments: Option<String>,
    /// What it returned, or the error it reported.
    pub result: Option<String>,
}

/// What has to hold of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ScenarioCheck {
    /// The failure is not found in it.
    NoFinding {
        /// The leaf of the failure taxonomy.
        leaf: LeafId,
        /// The tool or the node.
        place: String,
        /// The error, with values masked.
        template: String,
    },
    /// It succeeds; asked of scenarios whose run failed.
    Succeeds,
}

/// Where a scenario comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Provenance {
    /// The run.
    pub trace_id: TraceId,
    /// The spans that show the failure.
    pub spans: Vec<SpanId>,
    /// When it ran.
    pub at: Timestamp,
    /// The agent's version, where known.
    pub version: Option<String>,
}

/// How a scenario was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Verified {
    /// Another run with the same input failed in the same way.
    Reproduction {
        /// That run.
        trace_id: TraceId,
    },
    /// A person accepted it.
    Person {
        /// When.
        at: Timestamp,
    },
}

/// Runs of a version that tried a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionTrials {
    /// The version; `None` for runs that do not say.
    pub version: Option<String>,
    /// Runs that passed.
    pub passed: u64,
    /// Runs that did not.
    pub failed: u64,
    /// When the latest ran.
    pub last_at: Timestamp,
}

impl Scenario {
    /// Makes a scenario from the run in which an issue was seen, or says why that cannot be done.
    pub fn draft(
        trace: &Trace,
        run: &Run,
        issue: &Issue,
        sighting: &Sighting,
        now: Timestamp,
    ) -> Result<Self, &'static str> {
        let input = crate::analyse::input(trace).filter(|input| !is_withheld(input)).ok_or(NOT_RECORDED)?;
        let (kept, mut is_cut) = cut(&input, INPUT);
        is_cut |= treated::holds_cut(&input);
        let mut tool_results = Vec::new();
        for span in until(trace, sighting.step.span_id).filter(|span| is_call(span)) {
            if tool_results.len() == RESULTS {
                is_cut = true;
                break;
            }
            tool_results.push(fixed(span, &mut is_cut));
        }
        let fingerprint = &sighting.fingerprint;
        let mut checks = vec![ScenarioCheck::NoFinding {
            leaf: fingerprint.leaf.clone(),
            place: fingerprint.place.clone(),
            template: fingerprint.template.clone(),
        }];
        if run.outcome.verdict == Verdict::Failed {
            checks.push(ScenarioCheck::Succeeds);
        }
        let mut spans: Vec<SpanId> = sighting.step.evidence.iter().map(|evidence| evidence.span_id).collect();
        spans.dedup();
        let version = run.agent.version.clone();
        Ok(Self {
            id: crate::issues::hash(&[run.agent.name.as_str(), &input_key(&input), &sighting.strand]),
            issue: issue.id.clone(),
            strand: sighting.strand.clone(),
            agent: run.agent.name.clone(),
            title: issue.title.clone(),
            leaf: fingerprint.leaf.clone(),
            severity: sighting.severity,
            state: ScenarioState::Draft,
            input: kept,
            is_cut,
            tool_results,
            checks,
            provenance: Provenance { trace_id: run.trace_id, spans, at: run.at(), version: version.clone() },
            drafted_at: now,
            verified: None,
            trials: vec![VersionTrials { version, passed: 0, failed: 1, last_at: run.at() }],
        })
    }

    /// Returns whether a run that tried this passed; `None` when that cannot be told. `shows_it`: whether the failure
    /// was found in it.
    pub fn judge(&self, verdict: Verdict, shows_it: bool) -> Option<bool> {
        let must_succeed = self.checks.contains(&ScenarioCheck::Succeeds);
        match (shows_it, must_succeed, verdict) {
            (true, ..) | (_, true, Verdict::Failed) => Some(false),
            (_, true, Verdict::Unknown) => None,
            _ => Some(true),
        }
    }

    /// Counts a run that tried it.
    pub fn add_trial(&mut self, version: Option<&str>, passed: bool, at: Timestamp) {
        let known = self.trials.iter_mut().find(|trials| trials.version.as_deref() == version);
        if let Some(trials) = known {
            trials.passed += u64::from(passed);
            trials.failed += u64::from(!passed);
            trials.last_at = trials.last_at.max(at);
        } else {
            let version = version.map(str::to_owned);
            let (passed, failed) = (u64::from(passed), u64::from(!passed));
            self.trials.push(VersionTrials { version, passed, failed, last_at: at });
        }
        self.trials.sort_by(|a, b| (a.last_at, &a.version).cmp(&(b.last_at, &b.version)));
    }

    /// Takes back what a run said that settled again.
    pub fn remove_trial(&mut self, version: Option<&str>, passed: bool) {
        for trials in self.trials.iter_mut().filter(|trials| trials.version.as_deref() == version) {
            let count = if passed { &mut trials.passed } else { &mut trials.failed };
            *count = count.saturating_sub(1);
        }
        self.trials.retain(|trials| trials.passed + trials.failed > 0);
    }
}

/// Returns the key of an input: the same for texts that differ in white space only.
pub fn input_key(input: &str) -> String {
    let words: Vec<&str> = input.split_whitespace().collect();
    crate::issues::hash(&[&words.join(" ")])
}

/// Returns whether a text only stands for content that was not to be recorded.
fn is_withheld(input: &str) -> bool {
    input.trim().is_empty() || treated::holds_hash(input)
}

fn until(trace: &Trace, last: SpanId) -> impl Iterator<Item = &Span> {
    let end = trace.spans().iter().position(|span| span.span_id == last).map_or(usize::MAX, |index| index + 1);
    trace.spans().iter().take(end)
}

fn is_call(span: &Span) -> bool {
    matches!(span.kind, SpanKind::Tool | SpanKind::Retrieval)
}

fn fixed(span: &Span, is_cut: &mut bool) -> FixedResult {
    let call = span.tool.as_ref();
    let mut keep = |text: String| {
        let (kept, was_cut) = cut(&text, RESULT);
        *is_cut |= was_cut;
        kept
    };
    let arguments = call.and_then(|call| call.arguments.as_ref()).or(span.input.as_ref());
    let result = call.and_then(|call| call.result.as_ref()).or(span.output.as_ref());
    FixedResult {
        span_id: span.span_id,
        tool: call.map_or_else(|| span.name.clone(), |call| call.name.clone()),
        arguments: arguments.map(|arguments| keep(arguments.to_text())),
        result: result.map(arc_model::Payload::to_text).or_else(|| crate::failures::status_error(span)).map(keep),
    }
}

fn cut(text: &str, room: usize) -> (String, bool) {
    match text.char_indices().nth(room) {
        Some((end, _)) => (text.get(..end).unwrap_or_default().to_owned(), true),
        None => (text.to_owned(), false),
    }
}
