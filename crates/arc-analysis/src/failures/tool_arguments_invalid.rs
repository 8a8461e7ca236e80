//! Arguments do not fit the tool's schema.
//!
//! # What
//! A model asked for a tool with arguments that violate the JSON Schema the tool was offered with.
//!
//! # Why it matters
//! The tool rejects the call, or guesses what was meant.
//!
//! # Example
//! ```text
//! llm gpt-4o offers=[search(q: string!)] -> search{query: "x"}#c1
//! ```
//!
//! # When it is wrong
//! Some runtimes mend arguments before the call (numbers in quotes, missing defaults), so that the
//! violation has no effect. A schema that cannot be used, because it is none or refers to another
//! document, is passed over.

use arc_model::{Evidence, Field};

use super::{Detector, Sighting, View};

/// Finds arguments that violate a schema; the module says when it is wrong.
pub(super) struct ToolArgumentsInvalid;

impl Detector for ToolArgumentsInvalid {
    fn leaf(&self) -> &'static str {
        "tool-arguments-invalid"
    }

    fn version(&self) -> u32 {
        1
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        let requests = view.requests().iter().enumerate();
        let invalid = requests.filter_map(|(index, request)| Some((request, view.violation(index)?)));
        let sightings = invalid.map(|(request, violation)| Sighting {
            title: format!("arguments of {} do not fit its schema: {violation}", request.name),
            first: Evidence::new(request.span.span_id, Field::Output, &request.arguments.to_text()),
            more: Vec::new(),
        });
        sightings.collect()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "tool-arguments-invalid";

    #[test]
    fn a_missing_and_a_mistyped_argument_are_found() {
        check(
            LEAF,
            r#"
llm m offers=[search(q: string!, n: integer)] -> search{query: "x"}#c1
llm m offers=[search(q: string!, n: integer)] -> search{q: "x", n: "3"}#c2
"#,
            expect![[r#"
                medium arguments of search do not fit its schema: "q" is a required property
                  span 1 output `{"query":"x"}`
                medium arguments of search do not fit its schema: /n: "3" is not of type "integer"
                  span 2 output `{"n":"3","q":"x"}`
            "#]],
        );
    }

    #[test]
    fn arguments_that_are_not_json_are_found() {
        check(
            LEAF,
            r#"llm m offers=[search(q: string!)] -> search("{\"q\": \"x")#c1"#,
            expect![[r#"
                medium arguments of search do not fit its schema: the arguments are not JSON
                  span 1 output `{"q": "x`
            "#]],
        );
    }

    #[test]
    fn several_at_one_model_call_are_one_finding() {
        check(
            LEAF,
            r#"llm m offers=[search(q: string!)] -> search{a: 1} search{b: 2} search{q: "fine"}"#,
            expect![[r#"
                medium arguments of search do not fit its schema: "q" is a required property
                  span 1 output `{"a":1}`
                  span 1 output `{"b":2}`
            "#]],
        );
    }

    #[test]
    fn arguments_that_fit_are_fine_and_none_are_an_empty_object() {
        check(
            LEAF,
            r#"
llm m offers=[search(q: string!, n: integer), list()] -> search{q: "x", n: 3} list("") list{}
llm m offers=[search] -> search{anything: 1}
"#,
            expect![""],
        );
    }

    #[test]
    fn a_schema_that_cannot_be_used_says_nothing() {
        check(
            LEAF,
            r#"
llm m offers=[a{type: "banana"}] -> a{x: 1}
llm m offers=[b{"$ref": "https://example.com/schema.json"}] -> b{x: 1}
"#,
            expect![""],
        );
    }
}
