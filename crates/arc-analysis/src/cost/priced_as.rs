//! Explains a cost that an emitter reports and that is not what its tokens cost: priced as another model.
//!
//! Programs carry price lists of their own, and price a model they do not know as one they do. Where the very tokens at
//! the prices of another model come to the reported amount, that is what happened.

use arc_model::{Cost, ModelRef, NanoUsd, Span, Timestamp, Trace};

use super::{billed_spans, prices::models_of, span::price_usage, terms::Terms};

/// Providers whose prices programs carry.
const LISTED: [&str; 3] = ["anthropic", "openai", "google"];

/// Programs add up floats: so far apart are two sums of the same prices at most.
const SLACK: NanoUsd = NanoUsd(1_000);

/// Returns the price row at which a run's calls come to `reported`, the first by name where several do; `None` when
/// there is none, or when some call has no token counts.
pub fn priced_as(trace: &Trace, reported: NanoUsd) -> Option<String> {
    let calls = billed_spans(trace);
    if calls.is_empty() || reported <= NanoUsd::ZERO {
        return None;
    }
    for provider in LISTED {
        let mut models = models_of(provider);
        models.sort_unstable();
        for (model, _) in models {
            let other = ModelRef {
                provider: Some(provider.to_owned()),
                response: Some(model.to_owned()),
                ..ModelRef::default()
            };
            let total: Option<NanoUsd> = calls.iter().map(|span| price_at(span, &other)).sum();
            if total.is_some_and(|total| total.0.abs_diff(reported.0) <= SLACK.0.unsigned_abs()) {
                return Some(format!("{provider}/{model}"));
            }
        }
    }
    None
}

fn price_at(span: &Span, model: &ModelRef) -> Option<NanoUsd> {
    let at: Option<Timestamp> = span.start.or(span.end);
    match price_usage(Some(model), span.usage.as_ref()?, at, span.kind, Terms::Standard, &[]) {
        Cost::Known { total, .. } => Some(total),
        Cost::Unknown { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use arc_model::sketch;

    use super::*;

    #[test]
    fn a_cost_that_fits_another_models_prices_was_priced_as_that_model() {
        let text = "agent a\n  llm kimi-k2.5 in=127995 out=6020\n  llm kimi-k2.5 in=1000 out=10";
        let trace = sketch::parse(text).unwrap();
        // Opus 4.5 at $5 and $25 for a million tokens.
        let reported = NanoUsd(128_995 * 5_000 + 6_030 * 25_000);
        let found = priced_as(&trace, reported).unwrap();
        assert!(found.starts_with("anthropic/claude-opus-4"), "{found}");
        assert_eq!(priced_as(&trace, NanoUsd(reported.0 + 7_777_777)), None);
        assert_eq!(priced_as(&trace, NanoUsd::ZERO), None);
    }
}
