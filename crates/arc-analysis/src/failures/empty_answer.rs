//! The last answer is empty.
//!
//! # What
//! The last model call of a run came back with a message that holds neither a word nor a call, although nothing failed.
//!
//! # Why it matters
//! The caller got nothing and was not told why.
//!
//! # Example
//! ```text
//! agent a "Why?"
//!   llm m finish=stop -> ""
//! ```
//!
//! # When it is wrong
//! An agent that had already said everything may end with an empty message. Runs whose answers were not recorded are not
//! looked at, nor are those whose agent returned something else.

use arc_model::{Evidence, Field, Part, Payload};

use super::{Detector, Sighting, View};

/// Finds empty last answers; the module says when it is wrong.
pub(super) struct EmptyAnswer;

impl Detector for EmptyAnswer {
    fn leaf(&self) -> &'static str {
        "empty-answer"
    }

    fn version(&self) -> u32 {
        1
    }

    // What was to be said may have been said before.
    fn is_certain(&self) -> bool {
        false
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        sighting(view).into_iter().collect()
    }
}

fn sighting(view: &View<'_>) -> Option<Sighting> {
    let last = view.models().last()?;
    let mut parts = last.messages_out.iter().flat_map(|message| &message.parts);
    let says_nothing = |part: &Part| match part {
        Part::Text { text } => text.trim().is_empty(),
        Part::Reasoning { .. } => true,
        _ => false,
    };
    let is_empty = !last.messages_out.is_empty() && parts.all(says_nothing);
    let has_result = |payload: &Payload| !payload.is_blank();
    let answered = view.trace().roots().any(|root| root.output.as_ref().is_some_and(has_result));
    // A call after it means that the run went on.
    let went_on = view.calls().iter().any(|call| view.order(call.span.span_id) > view.order(last.span_id));
    if !is_empty || answered || went_on || last.status.is_error() {
        return None;
    }
    let reason = last.finish_reason.as_ref().map_or("no reason given", |reason| reason.as_str());
    Some(Sighting {
        title: "the last answer is empty".to_owned(),
        first: Evidence::new(last.span_id, Field::FinishReason, reason),
        more: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "empty-answer";

    #[test]
    fn an_answer_without_a_word_is_empty() {
        check(
            LEAF,
            "agent a \"Why?\"\n  llm m finish=stop -> \"\"",
            expect![[r"
                high the last answer is empty
                  span 2 finish_reason `stop`
            "]],
        );
    }

    #[test]
    fn an_answer_that_was_not_recorded_a_call_and_another_result_are_none() {
        check(LEAF, "agent a \"Why?\"\n  llm m finish=stop", expect![[""]]);
        check(LEAF, "agent a \"Why?\"\n  llm m -> search{q: 1}#1\n  tool search {q: 1} -> 3", expect![[""]]);
        check(LEAF, "agent a \"Why?\" -> \"Because.\"\n  llm m -> \"\"", expect![[""]]);
    }
}
