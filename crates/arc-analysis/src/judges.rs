//! Evaluations that others recorded, as claims about the outcome: only by a rule that the user declared.
//!
//! A span with `gen_ai.evaluation.name` says that something was judged, with a score or a label. Whether 0.7 of
//! "relevance" means that the run succeeded nobody knows but the user, who says so with a [`JudgeRule`]: `[[judge]]` in
//! `arc-eval.toml`. Without a rule an evaluation is shown and decides nothing.

use arc_model::{AgentName, Json, OutcomeClaim, OutcomeSource, Span, Trace, Verdict};
use serde::{Deserialize, Serialize};

use crate::checks::{Pattern, Problem};

/// What an evaluation says about the outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgeRule {
    /// The name of the evaluation; `*` stands for any text.
    pub evaluation: String,
    /// Only runs of agents whose name fits; `*` stands for any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// A score of at least this means that the run succeeded, a lower one that it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass_at_least: Option<f64>,
    /// Labels that mean that the run succeeded; others mean that it failed, unless `fail_labels` names those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pass_labels: Vec<String>,
    /// Labels that mean that the run failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fail_labels: Vec<String>,
    /// Who judges: a model, unless a person does.
    #[serde(default)]
    pub source: JudgedBy,
}

/// Who judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JudgedBy {
    /// A model.
    #[default]
    Judge,
    /// A person.
    Human,
}

impl JudgedBy {
    /// Returns whose word an outcome is.
    pub const fn source(self) -> OutcomeSource {
        match self {
            Self::Judge => OutcomeSource::Judge,
            Self::Human => OutcomeSource::Human,
        }
    }
}

impl JudgeRule {
    /// Returns what is wrong with the rule.
    pub fn problem(&self) -> Option<Problem> {
        let wrong = |key, why: &str| Some(Problem { key: Some(key), why: why.to_owned() });
        if self.evaluation.trim().is_empty() {
            return wrong("evaluation", "which evaluation? give its name, or `*`");
        }
        if self.pass_at_least.is_some_and(|score| !score.is_finite()) {
            return wrong("pass_at_least", "a score is a number");
        }
        if self.pass_at_least.is_none() && self.pass_labels.is_empty() {
            let why = "`pass_at_least` or `pass_labels` is missing: what means that the run succeeded";
            return Some(Problem { key: None, why: why.to_owned() });
        }
        None
    }

    /// Returns what a span claims by this rule.
    fn claim(&self, span: &Span, agent: &AgentName) -> Option<OutcomeClaim> {
        let text = |name: &str| span.attributes.get(name).and_then(Json::as_str).map(str::trim);
        let name = text("gen_ai.evaluation.name")?;
        let fits = |pattern: &str, text: &str| Pattern::new(pattern).matches(text);
        let is_meant = fits(&self.evaluation, name);
        if !is_meant || !self.agent.as_deref().is_none_or(|pattern| fits(pattern, agent.as_str())) {
            return None;
        }
        let score = span.attributes.get("gen_ai.evaluation.score.value").and_then(Json::as_f64);
        let label = text("gen_ai.evaluation.score.label").filter(|label| !label.is_empty());
        let is_among = |labels: &[String], label: &str| labels.iter().any(|one| one.eq_ignore_ascii_case(label));
        let by_label = label.and_then(|label| {
            let all_others_fail = self.fail_labels.is_empty() && !self.pass_labels.is_empty();
            let fails = all_others_fail || is_among(&self.fail_labels, label);
            if is_among(&self.pass_labels, label) { Some(true) } else { fails.then_some(false) }
        });
        let by_score = self.pass_at_least.zip(score).map(|(least, score)| score >= least);
        let passed = by_label.or(by_score)?;
        let said = text("gen_ai.evaluation.explanation").filter(|why| !why.is_empty()).or(label);
        Some(OutcomeClaim {
            verdict: if passed { Verdict::Succeeded } else { Verdict::Failed },
            source: self.source.source(),
            score,
            reason: Some(said.map_or_else(|| name.to_owned(), |why| format!("{name}: {}", shortened(why)))),
            span_id: Some(span.span_id),
        })
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(240).collect()
}

/// Returns what the evaluations of a run claim by these rules, in the order of its spans; the first rule that says
/// something about a span counts.
pub(crate) fn claims(trace: &Trace, rules: &[JudgeRule], agent: &AgentName) -> Vec<OutcomeClaim> {
    if rules.is_empty() {
        return Vec::new();
    }
    trace.walk().filter_map(|(_, span)| rules.iter().find_map(|rule| rule.claim(span, agent))).collect()
}

#[cfg(test)]
mod tests {
    use arc_model::sketch;

    use super::*;

    fn rule(text: &str) -> JudgeRule {
        serde_json::from_str(text).unwrap()
    }

    fn told(attributes: &str, rules: &[JudgeRule]) -> Vec<String> {
        let text = format!("agent a\n  evaluation e attributes={{{attributes}}}");
        let claims = claims(&sketch::parse(&text).unwrap(), rules, &AgentName::from("a"));
        claims.iter().map(|one| format!("{:?} {:?} {}", one.verdict, one.source, one.reason.clone().unwrap())).collect()
    }

    const SCORED: &str = r#""gen_ai.evaluation.name": "correctness", "gen_ai.evaluation.score.value": 0.6, "gen_ai.evaluation.score.label": "ok", "gen_ai.evaluation.explanation": "close""#;

    #[test]
    fn an_evaluation_decides_nothing_without_a_rule() {
        assert!(told(SCORED, &[]).is_empty());
        assert!(told(SCORED, &[rule(r#"{"evaluation": "relevance", "pass_at_least": 0.5}"#)]).is_empty());
        assert!(told(SCORED, &[rule(r#"{"evaluation": "*", "agent": "b", "pass_at_least": 0.5}"#)]).is_empty());
    }

    #[test]
    fn a_rule_reads_a_score_or_a_label() {
        let at = |least: f64| rule(&format!(r#"{{"evaluation": "correct*", "pass_at_least": {least}}}"#));
        assert_eq!(told(SCORED, &[at(0.5)]), ["Succeeded Judge correctness: close"]);
        assert_eq!(told(SCORED, &[at(0.7)]), ["Failed Judge correctness: close"]);
        let labels = rule(r#"{"evaluation": "correctness", "pass_labels": ["OK"], "source": "human"}"#);
        assert_eq!(told(SCORED, &[labels]), ["Succeeded Human correctness: close"]);
        let others = r#"{"evaluation": "correctness", "pass_labels": ["good"], "fail_labels": ["bad"]}"#;
        assert!(told(SCORED, &[rule(others)]).is_empty());
        let refused = r#"{"evaluation": "correctness", "pass_at_least": 0.5, "fail_labels": ["ok"]}"#;
        assert_eq!(told(SCORED, &[rule(refused)]), ["Failed Judge correctness: close"]);
    }

    #[test]
    fn a_rule_that_says_nothing_is_refused() {
        let missing = rule(r#"{"evaluation": "x"}"#).problem().unwrap().to_string();
        assert_eq!(missing, "`pass_at_least` or `pass_labels` is missing: what means that the run succeeded");
    }
}
