//! Answers that came from a cache of answers, of a framework or a gateway: nobody billed them, whatever they count.
//!
//! Not to be confused with a provider's cache of prompts, whose tokens are billed at a lower price.

use arc_model::{Json, Span};

/// Attributes that say whether an answer came from a cache, of `LiteLLM`, gateways and instrumentations.
const NAMES: &[&str] = &[
    "arc_eval.answered_by_cache",
    "cache_hit",
    "metadata.cache_hit",
    "llm.cache_hit",
    "litellm.cache_hit",
    "gen_ai.cache_hit",
    "gen_ai.response.cache_hit",
    "http.response.header.cf-aig-cache-status",
    "http.response.header.helicone-cache",
    "http.response.header.x-litellm-cache-hit",
    "http.response.header.x-portkey-cache-status",
];

/// Returns whether a model call was answered by a cache.
pub(super) fn is_answered_by_cache(span: &Span) -> bool {
    let said = NAMES.iter().filter_map(|name| span.attributes.get(*name));
    // OpenInference and others put what a program knows about a call into one object.
    let inside = span.attributes.get("metadata").and_then(|metadata| metadata.get("cache_hit"));
    said.chain(inside).any(is_hit)
}

fn is_hit(value: &Json) -> bool {
    match value {
        Json::Bool(truth) => *truth,
        Json::String(text) => ["true", "hit"].iter().any(|word| text.eq_ignore_ascii_case(word)),
        Json::Array(values) => values.iter().any(is_hit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use arc_model::sketch;

    use super::super::price_span;

    fn cost(attributes: &str) -> String {
        let text = format!(
            "trace 11111111111111111111111111111111\nllm chat model=gpt-4o provider=openai in=1000 out=100 attributes={{{attributes}}}\n"
        );
        let trace = sketch::parse(&text).unwrap();
        price_span(&trace.spans()[0]).known().map_or("unknown".to_owned(), |amount| amount.to_string())
    }

    #[test]
    fn an_answer_of_a_cache_costs_nothing_and_one_of_the_model_what_it_counts() {
        for hit in [
            "cache_hit: true",
            "\"metadata.cache_hit\": \"True\"",
            "\"http.response.header.cf-aig-cache-status\": [\"HIT\"]",
            "metadata: {cache_hit: true}",
        ] {
            assert_eq!(cost(hit), "$0", "{hit}");
        }
        for miss in
            ["cache_hit: false", "\"http.response.header.helicone-cache\": \"MISS\"", "metadata: {cache_hit: null}"]
        {
            assert_ne!(cost(miss), "$0", "{miss}");
            assert_ne!(cost(miss), "unknown", "{miss}");
        }
    }
}
