//! A model asked for a tool it was not offered.
//!
//! # What
//! A model asked for a tool whose name is not among the tools it was offered, and the call did not
//! succeed.
//!
//! # Why it matters
//! Nobody can carry out such a call; it costs a turn and often repeats.
//!
//! # Example
//! ```text
//! llm gpt-4o offers=[search(q: string!)] -> serch{q: "x"}#c1
//! ```
//!
//! # When it is wrong
//! The recorded offer can be incomplete: tools built into the provider, tools added by a gateway.
//! Where such a call has a result that is no error, the detector stays quiet; where the result was
//! not recorded, it cannot know.

use arc_model::{Evidence, Field};

use super::{Detector, Sighting, View};

/// Finds requests for tools that were not offered; the module says when it is wrong.
pub(super) struct ToolNotOffered;

impl Detector for ToolNotOffered {
    fn leaf(&self) -> &'static str {
        "tool-not-offered"
    }

    fn version(&self) -> u32 {
        1
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        let mut answered = vec![false; view.requests().len()];
        for (index, call) in view.calls().iter().enumerate() {
            let succeeded = call.result.is_some() && view.error(index).is_none();
            if let Some(mark) = call.request.and_then(|request| answered.get_mut(request)) {
                *mark = succeeded;
            }
        }
        let requests = view.requests().iter().zip(answered);
        let unknown = requests
            .filter(|(request, answered)| !answered && !request.offered.is_empty() && request.definition().is_none());
        let sightings = unknown.map(|(request, _)| {
            let span = request.span.span_id;
            let names: Vec<&str> = request.offered.iter().map(|tool| tool.name.as_str()).collect();
            let asked = format!("{}({})", request.name, request.arguments.to_text());
            Sighting {
                title: format!("the model asked for {}, which it was not offered", request.name),
                first: Evidence::new(span, Field::Output, &asked),
                more: vec![Evidence::new(span, Field::ToolsOffered, &names.join(", "))],
            }
        });
        sightings.collect()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "tool-not-offered";

    #[test]
    fn a_name_that_is_not_on_offer_is_found() {
        check(
            LEAF,
            r#"
agent a
  llm m offers=[search(q: string!), book] -> serch{q: "x"}#c1
  tool serch {q: "x"} #c1 !404 "no such tool"
"#,
            expect![[r#"
                high the model asked for serch, which it was not offered
                  span 2 output `serch({"q":"x"})`
                  span 2 tools_offered `search, book`
            "#]],
        );
    }

    #[test]
    fn a_call_without_a_recorded_result_is_found() {
        check(
            LEAF,
            r"llm m offers=[search] -> book{}",
            expect![[r"
                high the model asked for book, which it was not offered
                  span 1 output `book({})`
                  span 1 tools_offered `search`
            "]],
        );
    }

    #[test]
    fn the_offer_of_the_agent_counts_where_the_call_records_none() {
        check(
            LEAF,
            r"
agent a offers=[search]
  llm m -> search{}
  llm m -> book{}
",
            expect![[r"
                high the model asked for book, which it was not offered
                  span 3 output `book({})`
                  span 3 tools_offered `search`
            "]],
        );
    }

    #[test]
    fn without_an_offer_nothing_can_be_missing_from_it() {
        check(LEAF, r"llm m -> book{}", expect![""]);
    }

    #[test]
    fn a_call_that_worked_was_on_offer_whatever_was_recorded() {
        check(
            LEAF,
            r#"
llm m offers=[search] -> web_search{q: "x"}#c1
tool web_search {q: "x"} #c1 -> "three hits"
"#,
            expect![""],
        );
    }
}
