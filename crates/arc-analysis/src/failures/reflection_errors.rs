//! A call that failed was made again unchanged.
//!
//! # What
//! A call failed, and the next call was the same tool with the same arguments, which failed with the same words. From three
//! in a row on it is a loop (`repeated-call-loop`). Errors that can pass by themselves (timeouts, too many requests) do
//! not count: there the same call is the right thing.
//!
//! # Why it matters
//! The error said what is wrong, and the agent did not take it in.
//!
//! # Example
//! ```text
//! tool book {day: "Mondy"} !ValueError "no such day: Mondy"
//! tool book {day: "Mondy"} !ValueError "no such day: Mondy"
//! ```
//!
//! # When it is wrong
//! Something outside of the run may have been repaired in between. Errors that pass by themselves and do not say so in
//! their class are taken for others.

use arc_model::Evidence;

use super::{
    Call, Detector, Sighting, View, api_timeout::TIMED_OUT, call, call_error, repeated_call_loop::is_repeated,
    turned_away,
};

/// Finds second attempts without a change; the module says when it is wrong.
pub(super) struct ReflectionErrors;

impl Detector for ReflectionErrors {
    fn leaf(&self) -> &'static str {
        "reflection-errors"
    }

    fn version(&self) -> u32 {
        1
    }

    // The third attempt is often another one.
    fn is_certain(&self) -> bool {
        false
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        let numbered: Vec<(usize, &Call<'_>)> = view.calls().iter().enumerate().collect();
        let groups = numbered.chunk_by(|(a, first), (b, second)| is_repeated(view, (*a, first), (*b, second)));
        groups
            .filter_map(|group| if let [first, second] = group { sighting(view, *first, second.1) } else { None })
            .collect()
    }
}

fn sighting(view: &View<'_>, (index, first): (usize, &Call<'_>), second: &Call<'_>) -> Option<Sighting> {
    let error = view.error(index)?;
    let can_pass = [TIMED_OUT, turned_away::TOO_MANY].iter().any(|names| turned_away::of_call(first, names).is_some());
    if can_pass {
        return None;
    }
    let arguments = first.arguments?.to_text();
    let line = Evidence::new(first.span.span_id, error.evidence.field.clone(), call_error::headline(&error.message));
    Some(Sighting {
        title: format!("{} failed and was called again unchanged: {}", first.name, line.excerpt),
        first: call::arguments_evidence(second, &arguments),
        more: vec![call::arguments_evidence(first, &arguments), error.evidence.clone()],
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "reflection-errors";

    #[test]
    fn a_second_attempt_without_a_change_is_found() {
        check(
            LEAF,
            "tool book {day: \"Mondy\"} !ValueError \"no such day\"\ntool book {day: \"Mondy\"} !ValueError \"no such day\"",
            expect![[r#"
                medium book failed and was called again unchanged: ValueError: no such day
                  span 2 tool_arguments `{"day":"Mondy"}`
                  span 1 tool_arguments `{"day":"Mondy"}`
                  span 1 status `ValueError: no such day`
            "#]],
        );
    }

    #[test]
    fn a_changed_attempt_a_loop_and_an_error_that_passes_are_not() {
        check(LEAF, "tool book {day: \"Mondy\"} !x\ntool book {day: \"Monday\"} !x", expect![[""]]);
        check(LEAF, "tool a {q: 1} !x\ntool a {q: 1} !x\ntool a {q: 1} !x", expect![[""]]);
        check(LEAF, "tool a {q: 1} !ReadTimeout\ntool a {q: 1} !ReadTimeout", expect![[""]]);
    }
}
