//! The same call again and again.
//!
//! # What
//! At least three calls in a row of the same tool with the same arguments that came back with the
//! same result or the same error. Model calls in between do not matter, calls of other tools do.
//!
//! # Why it matters
//! Nothing can come of the repetition; it burns tokens and time until a limit stops the run.
//!
//! # Example
//! ```text
//! tool search {q: "x"} !timeout
//! tool search {q: "x"} !timeout
//! tool search {q: "x"} !timeout
//! ```
//!
//! # When it is wrong
//! Waiting for something slow with a call that keeps answering the same (`{"state": "pending"}`) is
//! taken for a loop. Calls whose result changes (a page further, a poll that ends) are not; nor are
//! calls without arguments that do not fail (`next_page {}` answering `"ok"`), and calls whose result
//! is blank or was not recorded, because nobody can see whether they got anywhere.

use arc_model::{Evidence, Field};

use super::{Call, Detector, Sighting, View, call, result};

/// Fewer identical calls in a row are no loop: a second attempt is often right.
const FEWEST: usize = 3;

/// Finds repetitions of one call; the module says when it is wrong.
pub(super) struct RepeatedCallLoop;

impl Detector for RepeatedCallLoop {
    fn leaf(&self) -> &'static str {
        "repeated-call-loop"
    }

    fn version(&self) -> u32 {
        1
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        let numbered: Vec<(usize, &Call<'_>)> = view.calls().iter().enumerate().collect();
        let groups = numbered.chunk_by(|(a, first), (b, second)| is_repeated(view, (*a, first), (*b, second)));
        groups.filter(|group| group.len() >= FEWEST).filter_map(|group| sighting(view, group)).collect()
    }
}

/// Returns whether a call repeats the one before it and came to the same.
pub(super) fn is_repeated(view: &View<'_>, (a, first): (usize, &Call<'_>), (b, second): (usize, &Call<'_>)) -> bool {
    let is_same_call = first.name == second.name && first.arguments.is_some() && first.arguments == second.arguments;
    is_same_call
        && match (view.error(a), view.error(b)) {
            (Some(one), Some(other)) => one.message == other.message,
            (None, None) => {
                let (one, other) = (first.result.map(result::content), second.result.map(result::content));
                let has_arguments = first.arguments.is_some_and(|arguments| !arguments.is_blank());
                one.is_some_and(|result| !result.is_blank()) && has_arguments && one == other
            }
            _ => false,
        }
}

fn sighting(view: &View<'_>, group: &[(usize, &Call<'_>)]) -> Option<Sighting> {
    let (index, call) = group.first()?;
    let error = view.error(*index);
    let outcome = if error.is_some() { "error" } else { "result" };
    let arguments = call.arguments?.to_text();
    let mut evidence = group.iter().map(|(_, call)| call::arguments_evidence(call, &arguments));
    let first = evidence.next()?;
    let result = match (error, call.result) {
        (Some(error), _) => error.evidence.clone(),
        (None, result) => Evidence::new(call.shown_by.span_id, result_field(call), &result?.to_text()),
    };
    let title = format!(
        "{} was called {} times in a row with the same arguments and the same {outcome}",
        call.name,
        group.len()
    );
    Some(Sighting { title, first, more: evidence.chain(std::iter::once(result)).collect() })
}

fn result_field(call: &Call<'_>) -> Field {
    if call.has_own_span() { Field::ToolResult } else { Field::Input }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "repeated-call-loop";

    #[test]
    fn three_identical_failures_are_a_loop() {
        check(
            LEAF,
            r#"
agent plan
  llm gpt-4o -> search{q: "x"}#1
  tool search {q: "x"} !timeout
  llm gpt-4o -> search{q: "x"}#2
  tool search {q: "x"} !timeout
  llm gpt-4o -> search{q: "x"}#3
  tool search {q: "x"} !timeout
"#,
            expect![[r#"
                high search was called 3 times in a row with the same arguments and the same error
                  span 3 tool_arguments `{"q":"x"}`
                  span 5 tool_arguments `{"q":"x"}`
                  span 7 tool_arguments `{"q":"x"}`
                  span 3 status `timeout`
            "#]],
        );
    }

    #[test]
    fn the_same_result_each_time_is_a_loop() {
        check(
            LEAF,
            r#"
tool get {id: 1, full: true} -> {name: "Ann"}
tool get {full: true, id: 1} -> {name: "Ann"}
tool get {id: 1, full: true} -> {name: "Ann"}
tool get {id: 1, full: true} -> {name: "Ann"}
"#,
            expect![[r#"
                high get was called 4 times in a row with the same arguments and the same result
                  span 1 tool_arguments `{"full":true,"id":1}`
                  span 2 tool_arguments `{"full":true,"id":1}`
                  span 3 tool_arguments `{"full":true,"id":1}`
                  span 4 tool_arguments `{"full":true,"id":1}`
                  span 1 tool_result `{"name":"Ann"}`
            "#]],
        );
    }

    #[test]
    fn two_identical_calls_are_a_second_attempt() {
        check(LEAF, "tool a {q: 1} !timeout\ntool a {q: 1} !timeout\ntool a {q: 2} !timeout", expect![""]);
    }

    #[test]
    fn a_poll_whose_result_changes_is_no_loop() {
        check(
            LEAF,
            r"
tool status {job: 7} -> {done: 1}
tool status {job: 7} -> {done: 2}
tool status {job: 7} -> {done: 3}
tool status {job: 7} -> {done: 3}
",
            expect![""],
        );
    }

    #[test]
    fn a_step_forward_without_arguments_is_no_loop() {
        check(LEAF, "tool next {} -> \"ok\"\ntool next {} -> \"ok\"\ntool next {} -> \"ok\"", expect![""]);
        check(
            LEAF,
            "tool next {} !end\ntool next {} !end\ntool next {} !end",
            expect![[r"
                high next was called 3 times in a row with the same arguments and the same error
                  span 1 tool_arguments `{}`
                  span 2 tool_arguments `{}`
                  span 3 tool_arguments `{}`
                  span 1 status `end`
            "]],
        );
    }

    #[test]
    fn a_result_that_was_not_recorded_or_is_blank_proves_nothing() {
        check(LEAF, "tool a {q: 1}\ntool a {q: 1}\ntool a {q: 1}", expect![""]);
        check(LEAF, "tool a {q: 1} -> \"\"\ntool a {q: 1} -> \"\"\ntool a {q: 1} -> \"\"", expect![""]);
    }

    #[test]
    fn another_call_in_between_ends_the_row() {
        check(
            LEAF,
            "tool a {q: 1} !x\ntool a {q: 1} !x\ntool b {q: 1} -> 3\ntool a {q: 1} !x\ntool a {q: 1} !x",
            expect![""],
        );
    }
}
