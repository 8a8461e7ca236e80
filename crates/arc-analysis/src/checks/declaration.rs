//! A check as it is written down: the same keys in `arc-eval.toml` and in the JSON that a tracer records.

use arc_model::{CallCounts, CheckId, CheckResult, CheckState, Json, Trace};
use serde::{Deserialize, Serialize};

use super::{Check, Condition, KINDS, Kind};

/// The attribute in which a tracer records checks: a JSON list of declarations, or its text.
pub const ATTRIBUTE: &str = "arc_eval.checks";

/// Most checks that a run may carry, and the longest text of them: they come from outside.
const MOST: usize = 64;
const LONGEST: usize = 64 * 1024;

/// One declared check. Which keys mean something depends on the kind.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// Its name; findings and outcomes cite it.
    pub id: String,
    /// What sort of check it is; see [`KINDS`].
    pub kind: String,
    /// Only runs of agents whose name fits; `*` stands for any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Only runs of tasks whose name fits; `*` stands for any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Whether a run that passes has succeeded; `output` and `state` say so unless this is `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
    /// Tools that have to be called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<String>,
    /// In which order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// The tool whose calls are looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// A JSON Schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Json>,
    /// A regular expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// Which value is looked at: `last-result`, `result:TOOL`, `state`, `attribute:NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// Conditions on places in the value; all have to hold.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Most model calls and tool calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<u32>,
    /// Longest time, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_seconds: Option<f64>,
    /// Highest cost, in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_dollars: Option<f64>,
}

/// In which order tools have to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// In any.
    #[default]
    Any,
    /// One after the other, others may come between.
    InOrder,
    /// Exactly these calls, and no others.
    Exact,
}

/// Why a declaration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key that is wrong; `None` when one is missing.
    pub key: Option<&'static str>,
    /// What is wrong with it.
    pub why: String,
}

impl Problem {
    pub(super) fn of(key: &'static str, why: impl Into<String>) -> Self {
        Self { key: Some(key), why: why.into() }
    }

    pub(super) fn missing(why: impl Into<String>) -> Self {
        Self { key: None, why: why.into() }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.key {
            Some(key) => write!(f, "`{key}`: {}", self.why),
            None => f.write_str(&self.why),
        }
    }
}

impl Declaration {
    /// Returns the kind it names.
    pub(super) fn kind(&self) -> Result<&'static Kind, Problem> {
        let known = || KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
        let found = KINDS.iter().find(|kind| kind.name == self.kind);
        found.ok_or_else(|| Problem::of("kind", format!("`{}` is none of {}", shown(&self.kind), known())))
    }

    /// Returns what is wrong whatever the kind, and which given key means nothing to it.
    pub(super) fn validate(&self) -> Result<(), Problem> {
        if self.id.trim().is_empty() || self.id.chars().count() > 100 {
            return Err(Problem::of("id", "a check needs a name of at most 100 characters"));
        }
        let kind = self.kind()?;
        for (key, is_given) in self.given() {
            if is_given && !kind.keys.contains(&key) {
                let means =
                    format!("means nothing to a check of kind `{}`, which reads {}", kind.name, kind.keys.join(", "));
                return Err(Problem::of(key, means));
            }
        }
        Ok(())
    }

    const fn given(&self) -> [(&'static str, bool); 10] {
        [
            ("expect", !self.expect.is_empty()),
            ("order", self.order.is_some()),
            ("tool", self.tool.is_some()),
            ("schema", self.schema.is_some()),
            ("regex", self.regex.is_some()),
            ("on", self.on.is_some()),
            ("where", !self.conditions.is_empty()),
            ("max_steps", self.max_steps.is_some()),
            ("max_seconds", self.max_seconds.is_some()),
            ("max_dollars", self.max_dollars.is_some()),
        ]
    }

    /// Returns the tool a kind cannot do without.
    pub(super) fn tool(&self) -> Result<&str, Problem> {
        let tool = self.tool.as_deref().map(str::trim).filter(|tool| !tool.is_empty());
        tool.ok_or_else(|| Problem::missing("`tool` is missing: which tool's calls are looked at"))
    }
}

/// Returns the checks that a run's spans declare, and a result that says why for each that cannot be used.
pub(super) fn declared_in(trace: &Trace) -> (Vec<Check>, Vec<CheckResult>) {
    let (mut checks, mut broken) = (Vec::new(), Vec::new());
    let mut refuse = |id: &str, kind: &str, why: String| {
        let state = CheckState::Unknown { why: format!("the check cannot be used: {why}") };
        broken.push(CheckResult {
            check: CheckId::new(shown(id)),
            kind: shown(kind),
            state,
            calls: CallCounts::default(),
        });
    };
    for (_, span) in trace.walk() {
        let Some(value) = span.attributes.get(ATTRIBUTE) else { continue };
        let entries = match value {
            Json::String(text) if text.len() > LONGEST => Err(format!("longer than {LONGEST} bytes")),
            Json::String(text) => serde_json::from_str::<Vec<Json>>(text).map_err(|error| error.to_string()),
            Json::Array(_) if value.to_string().len() > LONGEST => Err(format!("longer than {LONGEST} bytes")),
            Json::Array(entries) => Ok(entries.clone()),
            _ => Err("neither a list nor its text".to_owned()),
        };
        match entries {
            Ok(entries) => {
                let left = entries.len().saturating_sub(MOST.saturating_sub(checks.len()));
                for entry in entries.into_iter().take(MOST.saturating_sub(checks.len())) {
                    let word = |key| entry.get(key).and_then(Json::as_str).unwrap_or("?").to_owned();
                    let (id, kind) = (word("id"), word("kind"));
                    let read = serde_json::from_value::<Declaration>(entry).map_err(|error| error.to_string());
                    match read.and_then(|read| Check::new(&read).map_err(|problem| problem.to_string())) {
                        Ok(check) => checks.push(check),
                        Err(why) => refuse(&id, &kind, shown(&why)),
                    }
                }
                if left > 0 {
                    refuse(ATTRIBUTE, "?", format!("{left} further checks: a run carries at most {MOST}"));
                }
            }
            Err(why) => refuse(ATTRIBUTE, "?", shown(&why)),
        }
    }
    broken.truncate(MOST);
    (checks, broken)
}

/// Returns a text from outside, short enough for a sentence.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 160;
    let cut: String = text.chars().take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() { format!("{cut}…") } else { cut }
}
