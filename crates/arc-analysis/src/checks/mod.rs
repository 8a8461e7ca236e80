//! Checks that the user declares: what has to be so in a run, told from the run alone.
//!
//! Start at [`Check`]: made from a [`Declaration`], which is one entry of `arc-eval.toml` or of the JSON that a tracer
//! records, and evaluated by [`check`]. What a run does not show is unknown, never passed. [`examine`] takes all
//! checks that apply to a run, with what they say about its outcome. A new kind of check is a file here with an
//! `impl Rule` and a line in [`KINDS`].

mod baseline;
mod condition;
mod declaration;
mod figures;
mod findings;
mod pattern;
mod seen;
mod wanted;

mod arguments;
mod budget;
mod forbidden;
mod output;
mod state;
mod tools;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use arc_model::{
    AgentName, CallCounts, CheckId, CheckResult, CheckState, OutcomeClaim, OutcomeSource, Payload, TaskId, Trace,
    Verdict,
};

pub use baseline::Baseline;
pub use condition::Condition;
pub use declaration::{ATTRIBUTE, Declaration, Order, Problem};
pub use figures::{CallFigures, CheckFigures, FailedCheck, UnknownCheck, check_figures};
pub use seen::Seen;

use crate::judges::JudgeRule;

pub(crate) use findings::findings;
pub(crate) use pattern::Pattern;

/// What a kind of check looks at, and what it comes to.
pub trait Rule: fmt::Debug + Send + Sync {
    /// Returns what the run shows. It MUST NOT say "passed" of what the run does not show.
    fn check(&self, seen: &Seen<'_>) -> CheckState;

    /// Returns how the run's calls of tools fit what is expected of them.
    fn calls(&self, _: &Seen<'_>) -> CallCounts {
        CallCounts::default()
    }

    /// Returns whether an output passes that no run put out, such as another model's answer; `None` where the rule looks at
    /// more than the output, or cannot tell.
    fn check_output(&self, _: &Payload) -> Option<bool> {
        None
    }

    /// Returns whether a run that passes has done what it was asked to do, unless the declaration says otherwise.
    fn shows_success(&self) -> bool {
        false
    }
}

/// A kind of check: its name, the keys that mean something to it, and how it is made.
pub struct Kind {
    /// Its name in a declaration.
    pub name: &'static str,
    /// The keys it reads, besides those that every kind has.
    pub keys: &'static [&'static str],
    make: fn(&Declaration) -> Result<Box<dyn Rule>, Problem>,
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Every kind, in the order in which they are documented.
pub const KINDS: &[Kind] = &[
    Kind { name: "tools", keys: tools::KEYS, make: tools::make },
    Kind { name: "arguments", keys: arguments::KEYS, make: arguments::make },
    Kind { name: "forbidden", keys: forbidden::KEYS, make: forbidden::make },
    Kind { name: "output", keys: output::KEYS, make: output::make },
    Kind { name: "state", keys: state::KEYS, make: state::make },
    Kind { name: "budget", keys: budget::KEYS, make: budget::make },
];

/// A check, ready to be evaluated.
#[derive(Debug)]
pub struct Check {
    id: CheckId,
    kind: &'static str,
    agent: Option<Pattern>,
    task: Option<Pattern>,
    shows_success: bool,
    rule: Box<dyn Rule>,
}

impl Check {
    /// Makes a check of its declaration; the problem names the key that is wrong.
    pub fn new(declaration: &Declaration) -> Result<Self, Problem> {
        declaration.validate()?;
        let kind = declaration.kind()?;
        let rule = (kind.make)(declaration)?;
        let pattern = |text: &Option<String>| text.as_deref().map(Pattern::new);
        Ok(Self {
            id: CheckId::new(declaration.id.trim()),
            kind: kind.name,
            agent: pattern(&declaration.agent),
            task: pattern(&declaration.task),
            shows_success: declaration.success.unwrap_or_else(|| rule.shows_success()),
            rule,
        })
    }

    /// Returns its name.
    pub const fn id(&self) -> &CheckId {
        &self.id
    }

    /// Returns what kind of check it is.
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// Returns whether it is meant for runs of this agent and task.
    pub fn applies_to(&self, agent: &AgentName, task: Option<&TaskId>) -> bool {
        let fits = |pattern: &Option<Pattern>, name: Option<&str>| match (pattern, name) {
            (None, _) => true,
            (Some(pattern), Some(name)) => pattern.matches(name),
            (Some(_), None) => false,
        };
        fits(&self.agent, Some(agent.as_str())) && fits(&self.task, task.map(TaskId::as_str))
    }
}

/// Checks that are in force, shared by everything that analyses runs.
#[derive(Debug, Clone, Default)]
pub struct Checks {
    checks: Arc<[Check]>,
    judges: Arc<[JudgeRule]>,
}

impl Checks {
    /// Puts these checks in force.
    pub fn new(checks: Vec<Check>) -> Self {
        Self { checks: checks.into(), judges: Arc::default() }
    }

    /// Puts these rules in force as well, by which evaluations decide about the outcome.
    #[must_use]
    pub fn with_judges(mut self, judges: Vec<JudgeRule>) -> Self {
        self.judges = judges.into();
        self
    }

    /// Returns the rules by which evaluations decide about the outcome.
    pub fn judges(&self) -> &[JudgeRule] {
        &self.judges
    }

    /// Returns the checks, in the order in which they are declared.
    pub fn iter(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter()
    }
}

/// Returns what a run comes to by a check, whether or not the check is meant for it.
pub fn check(seen: &Seen<'_>, check: &Check) -> CheckState {
    check.rule.check(seen)
}

/// Returns whether an output alone passes a check that shows success; `None` for any other check, and where it cannot be
/// told.
pub fn check_output(check: &Check, output: &Payload) -> Option<bool> {
    check.rule.check_output(output).filter(|_| check.shows_success)
}

/// What the checks of a run say.
#[derive(Debug, Default)]
pub(crate) struct Examined {
    /// One per check that applies, those of the settings before those of the run.
    pub(crate) results: Vec<CheckResult>,
    /// Whether the checks that show success all passed, none failed, and there is one.
    passed: Vec<CheckId>,
}

/// Returns what the checks that apply to a run come to: those in force, and those that its spans declare.
pub(crate) fn examine(seen: &Seen<'_>, checks: &Checks, agent: &AgentName, task: Option<&TaskId>) -> Examined {
    let (own, broken) = declaration::declared_in(seen.trace());
    let mut examined = Examined::default();
    let (mut failed, mut open) = (false, false);
    for one in checks.iter().chain(&own).filter(|check| check.applies_to(agent, task)) {
        // A run may carry the checks of its program under the names they have in the settings.
        if examined.results.iter().any(|known| known.check == one.id) {
            continue;
        }
        let state = check(seen, one);
        failed |= matches!(state, CheckState::Failed { .. });
        open |= one.shows_success && matches!(state, CheckState::Unknown { .. });
        if one.shows_success && state == CheckState::Passed {
            examined.passed.push(one.id.clone());
        }
        let calls = one.rule.calls(seen);
        examined.results.push(CheckResult { check: one.id.clone(), kind: one.kind.to_owned(), state, calls });
    }
    examined.results.extend(broken);
    if failed || open {
        examined.passed.clear();
    }
    examined
}

impl Examined {
    /// Returns what checks that failed claim about the outcome.
    pub(crate) fn failures(&self) -> Vec<OutcomeClaim> {
        let claim = |result: &CheckResult| {
            let CheckState::Failed { why, evidence } = &result.state else { return None };
            Some(OutcomeClaim {
                verdict: Verdict::Failed,
                source: OutcomeSource::Check,
                score: None,
                reason: Some(format!("check {}: {why}", result.check)),
                span_id: evidence.first().map(|evidence| evidence.span_id),
            })
        };
        self.results.iter().filter_map(claim).collect()
    }

    /// Returns what checks that passed claim about the outcome.
    pub(crate) fn successes(&self) -> Vec<OutcomeClaim> {
        let claim = |check: &CheckId| OutcomeClaim {
            verdict: Verdict::Succeeded,
            source: OutcomeSource::Check,
            score: None,
            reason: Some(format!("check {check} passed")),
            span_id: None,
        };
        self.passed.iter().map(claim).collect()
    }
}

/// Returns the checks that a run's spans declare, those that cannot be used left out.
pub fn declared_in(trace: &Trace) -> Vec<Check> {
    declaration::declared_in(trace).0
}
