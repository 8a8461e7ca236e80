//! Token counts: settles whether a reported input count includes cached tokens.
//!
//! The canonical count is inclusive. OpenTelemetry and OpenInference demand that of emitters, but
//! some report what Anthropic's API reports: input without what was read from or written to the cache.

use arc_model::{InputRule, Json, Scope, Usage};

use super::value::count;

/// What the count of input tokens leaves out, where the emitter is known.
struct EmitterRule {
    /// Name of the instrumentation scope.
    scope: &'static str,
    /// First version, as numbers, that reports inclusive counts; `None` when none does yet.
    inclusive_since: Option<[u32; 3]>,
}

/// Emitters that are known to report input without cached tokens.
const EXCLUSIVE_EMITTERS: &[EmitterRule] = &[];

/// Returns usage whose input is inclusive, and by which rule.
pub(crate) fn settle(mut counts: Usage, scope: Option<&Scope>) -> Usage {
    let cached = counts.cache_read.unwrap_or(0).saturating_add(counts.cache_write.unwrap_or(0));
    if let Some(input) = counts.input.filter(|_| cached > 0) {
        if input < cached {
            // Inclusive input cannot be smaller than a part of it.
            counts.input_rule = InputRule::ExclusiveByArithmetic;
        } else if scope.is_some_and(|scope| is_exclusive(scope, EXCLUSIVE_EMITTERS)) {
            counts.input_rule = InputRule::ExclusiveByEmitter;
        }
        if counts.input_rule != InputRule::Inclusive {
            counts.input = Some(input.saturating_add(cached));
        }
    }
    counts
}

fn is_exclusive(scope: &Scope, rules: &[EmitterRule]) -> bool {
    rules.iter().filter(|rule| rule.scope == scope.name).any(|rule| match rule.inclusive_since {
        None => true,
        // Without a version nothing is known, and inclusive is the convention.
        Some(since) => scope.version.as_deref().and_then(version).is_some_and(|version| version < since),
    })
}

fn version(text: &str) -> Option<[u32; 3]> {
    let mut numbers = text.split('.').map(|part| part.parse().ok());
    Some([numbers.next()??, numbers.next().unwrap_or(Some(0))?, numbers.next().unwrap_or(Some(0)).unwrap_or(0)])
}

/// Reads the `usage` object of an API's answer: `OpenAI` Chat Completions and Responses, Anthropic.
pub(crate) fn of_api_answer(usage: &Json) -> Option<Usage> {
    let at = |path: &[&str]| path.iter().try_fold(usage, |value, name| value.get(name)).and_then(count);
    let any = |paths: &[&[&str]]| paths.iter().find_map(|path| at(path));
    let mut counts = Usage {
        input: any(&[&["prompt_tokens"], &["input_tokens"]]),
        output: any(&[&["completion_tokens"], &["output_tokens"]]),
        cache_read: any(&[
            &["prompt_tokens_details", "cached_tokens"],
            &["input_tokens_details", "cached_tokens"],
            &["cache_read_input_tokens"],
        ]),
        cache_write: any(&[&["cache_creation_input_tokens"]]),
        cache_write_1h: any(&[&["cache_creation", "ephemeral_1h_input_tokens"]]),
        reasoning: any(&[
            &["completion_tokens_details", "reasoning_tokens"],
            &["output_tokens_details", "reasoning_tokens"],
        ]),
        audio_input: any(&[&["prompt_tokens_details", "audio_tokens"]]),
        audio_output: any(&[&["completion_tokens_details", "audio_tokens"]]),
        ..Usage::default()
    };
    // These two names are Anthropic's, whose input leaves cached tokens out.
    let anthropic = ["cache_read_input_tokens", "cache_creation_input_tokens"].iter().any(|name| at(&[name]).is_some());
    let cached = counts.cache_read.unwrap_or(0).saturating_add(counts.cache_write.unwrap_or(0));
    if let Some(input) = counts.input.filter(|_| anthropic && cached > 0) {
        counts.input = Some(input.saturating_add(cached));
        counts.input_rule = InputRule::ExclusiveByEmitter;
        return Some(counts);
    }
    Some(settle(counts, None)).filter(|counts| !counts.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn counts(input: u64, cache_read: u64, cache_write: u64) -> Usage {
        Usage { input: Some(input), cache_read: Some(cache_read), cache_write: Some(cache_write), ..Usage::default() }
    }

    #[test]
    fn input_below_the_cached_tokens_is_exclusive_and_they_are_added() {
        let usage = settle(counts(10, 100, 20), None);
        assert_eq!((usage.input, usage.input_rule), (Some(130), InputRule::ExclusiveByArithmetic));
    }

    #[test]
    fn input_above_the_cached_tokens_is_inclusive_as_the_convention_says() {
        let usage = settle(counts(120, 100, 20), None);
        assert_eq!((usage.input, usage.input_rule), (Some(120), InputRule::Inclusive));
    }

    #[test]
    fn a_known_emitter_is_exclusive_only_in_its_old_versions() {
        let rules = [EmitterRule { scope: "acme", inclusive_since: Some([0, 12, 0]) }];
        let scope = |version: Option<&str>| Scope { name: "acme".into(), version: version.map(str::to_owned) };
        assert!(is_exclusive(&scope(Some("0.9.3")), &rules));
        assert!(!is_exclusive(&scope(Some("0.12.0")), &rules));
        assert!(!is_exclusive(&scope(Some("0.12.0rc1")), &rules));
        assert!(!is_exclusive(&scope(None), &rules));
    }

    #[test]
    fn counts_at_the_end_of_the_range_do_not_overflow() {
        assert_eq!(settle(counts(u64::MAX - 1, u64::MAX, u64::MAX), None).input, Some(u64::MAX));
    }

    #[test]
    fn api_answers_are_inclusive_at_openai_and_exclusive_at_anthropic() {
        let openai = of_api_answer(&json!({"prompt_tokens": 100, "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 64}}))
        .unwrap();
        assert_eq!((openai.input, openai.cache_read, openai.input_rule), (Some(100), Some(64), InputRule::Inclusive));
        let anthropic = of_api_answer(&json!({"input_tokens": 100, "output_tokens": 5,
            "cache_read_input_tokens": 64, "cache_creation_input_tokens": 0}))
        .unwrap();
        assert_eq!((anthropic.input, anthropic.input_rule), (Some(164), InputRule::ExclusiveByEmitter));
        assert_eq!(of_api_answer(&json!({"total": 3})), None);
    }
}
