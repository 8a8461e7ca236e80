//! A call failed.
//!
//! # What
//! A call of a tool, or a search, that failed: its span has the status *error* or an attribute
//! `error` that says something, or its result is an error in its structure (`{"error": …}`, `{"isError": true}`, `{"status": "error"}`, or a text that
//! begins with `Error:`, `ValueError:` or a traceback).
//!
//! # Why it matters
//! The agent goes on without what it asked for.
//!
//! # Example
//! ```text
//! tool book {flight: "HAT001"} -> "Error: not enough seats on flight HAT001"
//! ```
//!
//! # When it is wrong
//! An error can be the expected answer: a probe whether something exists, a refusal by a business
//! rule that the agent handles well. A tool that returns a page or a log that begins with `Error:`
//! is taken for a failed one. Failures that a tool reports in other words are missed.

use arc_model::Evidence;

use super::{Detector, Sighting, View, call, call_error};

/// Finds calls that failed; the module says when it is wrong.
pub(super) struct ToolError;

impl Detector for ToolError {
    fn leaf(&self) -> &'static str {
        "tool-error"
    }

    fn version(&self) -> u32 {
        1
    }

    // Most runs recover from it.
    fn is_certain(&self) -> bool {
        false
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        let failed = view.calls().iter().enumerate().filter_map(|(index, call)| Some((call, view.error(index)?)));
        let sightings = failed.map(|(call, error)| {
            let arguments = call.arguments.map(|arguments| call::arguments_evidence(call, &arguments.to_text()));
            let line = call_error::headline(&error.message);
            let title = format!(
                "{} failed: {}",
                call.name,
                Evidence::new(call.span.span_id, error.evidence.field.clone(), line).excerpt
            );
            Sighting { title, first: error.evidence.clone(), more: arguments.into_iter().collect() }
        });
        sightings.collect()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "tool-error";

    #[test]
    fn a_tool_span_that_failed_is_an_error() {
        check(
            LEAF,
            r#"
agent a
  tool search {q: "x"} !timeout "no answer after 30 s"
"#,
            expect![[r#"
                medium search failed: timeout: no answer after 30 s
                  span 2 status `timeout: no answer after 30 s`
                  span 2 tool_arguments `{"q":"x"}`
            "#]],
        );
    }

    #[test]
    fn a_search_that_failed_is_an_error() {
        check(
            LEAF,
            r#"retrieval policies "refunds" !ConnectionError"#,
            expect![[r"
                medium policies failed: ConnectionError
                  span 1 status `ConnectionError`
                  span 1 tool_arguments `refunds`
            "]],
        );
    }

    #[test]
    fn a_result_can_be_an_error_by_its_structure() {
        check(
            LEAF,
            r#"
tool a {} -> {error: "no such user"}
tool b {} -> {isError: true, content: [{type: "text", text: "gone"}]}
tool c {} -> "Error: flight HAT030 not available"
tool d {} -> "pkg.module.ValueError: bad date\nat line 3"
tool e {} -> {status: "error"}
"#,
            expect![[r#"
                medium a failed: no such user
                  span 1 tool_result `no such user`
                  span 1 tool_arguments `{}`
                medium b failed: {"content":[{"text":"gone","type":"text"}],"isError":true}
                  span 2 tool_result `{"content":[{"text":"gone","type":"text"}],"isError":true}`
                  span 2 tool_arguments `{}`
                medium c failed: Error: flight HAT030 not available
                  span 3 tool_result `Error: flight HAT030 not available`
                  span 3 tool_arguments `{}`
                medium d failed: pkg.module.ValueError: bad date
                  span 4 tool_result `pkg.module.ValueError: bad date⏎at line 3`
                  span 4 tool_arguments `{}`
                medium e failed: {"status":"error"}
                  span 5 tool_result `{"status":"error"}`
                  span 5 tool_arguments `{}`
            "#]],
        );
    }

    #[test]
    fn the_envelope_of_a_framework_is_opened() {
        check(
            LEAF,
            r#"
tool a {} -> {data: {content: "no such user", status: "error", tool_call_id: "1"}, type: "tool"}
tool b {} -> {kwargs: {content: [{text: "Error: gone", type: "text"}], tool_call_id: "2"}}
tool c {} -> {content: "fine", status: "success", tool_call_id: "3"}
"#,
            expect![[r"
                medium a failed: no such user
                  span 1 tool_result `no such user`
                  span 1 tool_arguments `{}`
                medium b failed: Error: gone
                  span 2 tool_result `Error: gone`
                  span 2 tool_arguments `{}`
            "]],
        );
    }

    #[test]
    fn a_traceback_behind_the_message_is_left_out_of_the_title() {
        check(
            LEAF,
            r#"tool a !ValueError "ValueError('no station')Traceback (most recent call last):\n\n  File x"
tool b -> "Traceback (most recent call last):\n  File x\nKeyError: 'y'\n"
"#,
            expect![[r"
                medium a failed: ValueError('no station')
                  span 1 status `ValueError('no station')Traceback (most recent call last):⏎⏎  File x`
                medium b failed: KeyError: 'y'
                  span 2 tool_result `Traceback (most recent call last):⏎  File x⏎KeyError: 'y'⏎`
            "]],
        );
    }

    #[test]
    fn an_attribute_of_that_name_is_an_error_unless_it_says_no() {
        check(
            LEAF,
            r#"
tool a {q: 1} attributes={error: "no such channel"} -> ""
tool b {q: 1} attributes={error: true}
tool c {q: 1} attributes={error: null}
tool d {q: 1} attributes={error: false}
"#,
            expect![[r#"
                medium a failed: no such channel
                  span 1 error `no such channel`
                  span 1 tool_arguments `{"q":1}`
                medium b failed: failed without a message
                  span 2 error `failed without a message`
                  span 2 tool_arguments `{"q":1}`
            "#]],
        );
    }

    #[test]
    fn a_result_that_talks_about_errors_is_none() {
        check(
            LEAF,
            r#"
tool a {} -> {error: null, hits: 3}
tool b {} -> {errors_found: 2, error: ""}
tool c {} -> "The error: a missing comma. Errors occur often."
tool d {} -> "No errors"
tool e {} -> "TypeErrors: a guide"
tool f {} -> [{error: "of an item"}]
retrieval g "x" -> "Error: the handbook"
llm m -> "Error: I cannot do that"
"#,
            expect![""],
        );
    }

    #[test]
    fn without_spans_of_tools_the_transcript_tells() {
        check(
            LEAF,
            r#"
llm m -> search{q: "x"}#c1
llm m
  <- user "find x"
  <- assistant search{q: "x"}#c1
  <- tool #c1="Error: index is closed"
  -> "It is closed."
"#,
            expect![[r#"
                medium search failed: Error: index is closed
                  span 2 input `Error: index is closed`
                  span 1 output `{"q":"x"}`
            "#]],
        );
    }

    #[test]
    fn a_call_that_two_instrumentations_recorded_is_one() {
        check(
            LEAF,
            r#"
tool search {q: "x"} !timeout
  tool search {q: "x"} !timeout
"#,
            expect![[r#"
                medium search failed: timeout
                  span 1 status `timeout`
                  span 1 tool_arguments `{"q":"x"}`
            "#]],
        );
    }
}
