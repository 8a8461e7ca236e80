//! An answer was cut off.
//!
//! # What
//! A model call that ended because the answer reached its limit on length.
//!
//! # Why it matters
//! What is cut off is the end: the conclusion, or the bracket that makes JSON of it.
//!
//! # Example
//! ```text
//! llm gpt-4o out=4096 finish=length -> "{\"rows\": [1, 2, 3"
//! ```
//!
//! # When it is wrong
//! A caller may want only the beginning. Calls limited to eight tokens or fewer are passed over;
//! agents that continue a cut answer in the next call are not recognised.

use arc_model::{Evidence, Field, FinishReason, Json, Span};

use super::{Detector, Sighting, View};

/// A limit this low is set on purpose: to warm a cache, or to get one word.
const DELIBERATE: u64 = 8;

/// Finds answers that were cut off; the module says when it is wrong.
pub(super) struct OutputTruncated;

impl Detector for OutputTruncated {
    fn leaf(&self) -> &'static str {
        "output-truncated"
    }

    fn version(&self) -> u32 {
        1
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        let cut = view.models().iter().filter(|span| span.finish_reason == Some(FinishReason::Length));
        let cut = cut.filter(|span| limit(span).is_none_or(|limit| limit > DELIBERATE));
        let sightings = cut.map(|span| {
            let tokens = span.usage.as_ref().and_then(|usage| usage.output);
            let after = tokens.map_or_else(String::new, |tokens| format!(" after {tokens} tokens"));
            Sighting {
                title: format!("the answer was cut off at its length limit{after}"),
                first: Evidence::new(span.span_id, Field::FinishReason, "length"),
                more: end_of_answer(span).into_iter().collect(),
            }
        });
        sightings.collect()
    }
}

fn limit(span: &Span) -> Option<u64> {
    let names = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
    names.into_iter().find_map(|name| span.parameters.get(name).and_then(Json::as_u64))
}

/// Returns the last words of the answer: where it was cut.
fn end_of_answer(span: &Span) -> Option<Evidence> {
    const LAST: usize = 60;
    let text = span.messages_out.last()?.joined_text();
    let from = text.char_indices().nth_back(LAST).map_or(0, |(from, _)| from);
    let end = text.get(from..).filter(|end| !end.is_empty())?;
    let dots = if from == 0 { "" } else { "…" };
    Some(Evidence::new(span.span_id, Field::Output, &format!("{dots}{end}")))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "output-truncated";

    #[test]
    fn an_answer_that_hit_the_limit_is_cut_off() {
        check(
            LEAF,
            r#"llm gpt-4o in=10 out=4096 finish=max_tokens -> "{\"rows\": [1, 2""#,
            expect![[r#"
                medium the answer was cut off at its length limit after 4096 tokens
                  span 1 finish_reason `length`
                  span 1 output `{"rows": [1, 2`
            "#]],
        );
    }

    #[test]
    fn a_wrapper_and_the_call_it_makes_are_one() {
        check(
            LEAF,
            "llm gpt-4o finish=length\n  llm gpt-4o finish=length",
            expect![[r"
                medium the answer was cut off at its length limit
                  span 2 finish_reason `length`
            "]],
        );
    }

    #[test]
    fn an_answer_that_ended_by_itself_is_whole() {
        check(LEAF, "llm a finish=stop out=4096 params={max_tokens: 4096}\nllm b finish=tool_call\nllm c", expect![""]);
    }

    #[test]
    fn a_limit_of_a_few_tokens_is_meant() {
        check(LEAF, "llm a finish=length params={max_tokens: 1}", expect![""]);
    }
}
