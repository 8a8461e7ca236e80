//! Token counts: settles whether a reported input count includes cached tokens.
//!
//! The canonical count is inclusive. OpenTelemetry and `OpenInference` demand that of emitters, but
//! some report what Anthropic's API reports: input without what was read from or written to the cache.

use arc_model::{InputRule, Json, NanoUsd, Scope, Usage};

use super::value::{count, number};

/// An emitter that is known to report input without cached tokens.
struct EmitterRule {
    /// Name of the instrumentation scope.
    scope: &'static str,
    /// What the model's name holds, in lower case: emitters pass on what the provider reports.
    model: &'static str,
    /// First version that reports inclusive counts, or of which it is not certain that it does not.
    inclusive_since: [u32; 3],
}

const EXCLUSIVE_EMITTERS: &[EmitterRule] = &[
    // Passed Anthropic's count on as it was: github.com/Arize-ai/openinference/pull/2414. From 0.1.52
    // on it prefers LangChain's own count, which is inclusive.
    EmitterRule { scope: "openinference.instrumentation.langchain", model: "claude", inclusive_since: [0, 1, 52] },
];

/// Returns usage whose input is inclusive, and by which rule.
pub(crate) fn settle(mut counts: Usage, scope: Option<&Scope>, model: Option<&str>) -> Usage {
    // A rule has been applied where the counts were read.
    if counts.input_rule != InputRule::Inclusive {
        return counts;
    }
    let cached = counts.cache_read.unwrap_or(0).saturating_add(counts.cache_write.unwrap_or(0));
    if let Some(input) = counts.input.filter(|_| cached > 0) {
        if input < cached {
            // Inclusive input cannot be smaller than a part of it.
            counts.input_rule = InputRule::ExclusiveByArithmetic;
        } else if scope.is_some_and(|scope| is_exclusive(scope, model, EXCLUSIVE_EMITTERS)) {
            counts.input_rule = InputRule::ExclusiveByEmitter;
        }
        if counts.input_rule != InputRule::Inclusive {
            counts.input = Some(input.saturating_add(cached));
        }
    }
    counts
}

/// Reads Langfuse's counts by kind of token. Where the parts add up to the total, the input leaves cached tokens out.
pub(crate) fn of_langfuse(details: &Json) -> Option<Usage> {
    let at = |names: &[&str]| names.iter().find_map(|name| count(details.get(name)?));
    let read = at(&["input_cache_read", "cache_read_input_tokens", "input_cached_tokens"]);
    let write = at(&["input_cache_creation", "cache_creation_input_tokens"]);
    let (input, output) = (at(&["input"]), at(&["output"]));
    let cached = read.unwrap_or(0).saturating_add(write.unwrap_or(0));
    let parts = input.unwrap_or(0).saturating_add(output.unwrap_or(0)).saturating_add(cached);
    let is_exclusive = cached > 0 && (at(&["total"]) == Some(parts) || input.is_some_and(|input| input < cached));
    let usage = Usage {
        input: if is_exclusive { input.map(|input| input.saturating_add(cached)) } else { input },
        output,
        cache_read: read,
        cache_write: write,
        reasoning: at(&["output_reasoning", "output_reasoning_tokens"]),
        input_rule: if is_exclusive { InputRule::ExclusiveByArithmetic } else { InputRule::Inclusive },
        ..Usage::default()
    };
    Some(usage).filter(|usage| !usage.is_empty())
}

/// Reads Langfuse's costs by kind of token in dollars: the total, else the sum of the parts; unknown if one of them is.
pub(crate) fn cost_of_langfuse(details: &Json) -> Option<NanoUsd> {
    let cost = |value: &Json| NanoUsd::from_usd(number(value)?);
    if let Some(total) = details.get("total").filter(|total| !total.is_null()) {
        return cost(total);
    }
    let parts = details.as_object()?.iter().filter(|(name, _)| *name != "total");
    let mut parts = parts.map(|(_, part)| cost(part)).peekable();
    parts.peek()?;
    parts.sum()
}

fn is_exclusive(scope: &Scope, model: Option<&str>, rules: &[EmitterRule]) -> bool {
    // Without a version nothing is known, and inclusive is the convention.
    let Some(version) = scope.version.as_deref().and_then(version) else { return false };
    let model = model.unwrap_or_default().to_ascii_lowercase();
    let mut rules = rules.iter().filter(|rule| rule.scope == scope.name);
    rules.any(|rule| version < rule.inclusive_since && model.contains(rule.model))
}

pub(crate) fn version(text: &str) -> Option<[u32; 3]> {
    let mut numbers = text.split('.').map(|part| part.parse().ok());
    Some([numbers.next()??, numbers.next().unwrap_or(Some(0))?, numbers.next().unwrap_or(Some(0)).unwrap_or(0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(input: u64, cache_read: u64, cache_write: u64) -> Usage {
        Usage { input: Some(input), cache_read: Some(cache_read), cache_write: Some(cache_write), ..Usage::default() }
    }

    #[test]
    fn input_below_the_cached_tokens_is_exclusive_and_they_are_added() {
        let usage = settle(counts(10, 100, 20), None, None);
        assert_eq!((usage.input, usage.input_rule), (Some(130), InputRule::ExclusiveByArithmetic));
    }

    #[test]
    fn input_above_the_cached_tokens_is_inclusive_as_the_convention_says() {
        let usage = settle(counts(120, 100, 20), None, None);
        assert_eq!((usage.input, usage.input_rule), (Some(120), InputRule::Inclusive));
    }

    #[test]
    fn a_known_emitter_is_exclusive_only_in_its_old_versions_and_for_its_models() {
        let rules = [EmitterRule { scope: "acme", model: "claude", inclusive_since: [0, 12, 0] }];
        let scope = |version: Option<&str>| Scope { name: "acme".into(), version: version.map(str::to_owned) };
        let claude = Some("anthropic/Claude-4");
        assert!(is_exclusive(&scope(Some("0.9.3")), claude, &rules));
        assert!(!is_exclusive(&scope(Some("0.9.3")), Some("gpt-5"), &rules));
        assert!(!is_exclusive(&scope(Some("0.12.0")), claude, &rules));
        assert!(!is_exclusive(&scope(Some("0.12.0rc1")), claude, &rules));
        assert!(!is_exclusive(&scope(None), claude, &rules));
    }

    #[test]
    fn counts_at_the_end_of_the_range_do_not_overflow() {
        assert_eq!(settle(counts(u64::MAX - 1, u64::MAX, u64::MAX), None, None).input, Some(u64::MAX));
    }

    #[test]
    fn a_cost_of_langfuse_is_its_total_else_the_sum_of_its_parts() {
        let cost = |details: serde_json::Value| cost_of_langfuse(&details);
        let usd = |dollars: f64| NanoUsd::from_usd(dollars);
        assert_eq!(cost(serde_json::json!({"input": 0.25, "output": 0.5, "total": 1})), usd(1.0));
        assert_eq!(cost(serde_json::json!({"input": 0.25, "output": 0.5, "total": null})), usd(0.75));
        assert_eq!(cost(serde_json::json!({"input": 0.25, "output": "free"})), None);
    }
}
