//! A result never reached the model that had asked for it.
//!
//! # What
//! A model asked for a call, the call came back with a result, and the next request to a model at the same place shows
//! the question and not the result, although other messages were recorded.
//!
//! # Why it matters
//! The model goes on as if it had got nothing, and usually makes something up or asks again.
//!
//! # Example
//! ```text
//! agent a
//!   llm m -> search{q: "x"}#c1
//!   tool search {q: "x"} #c1 -> [1]
//!   llm m
//!     <- assistant search{q: "x"}#c1
//!     <- user "And?"
//!     -> "There is nothing."
//! ```
//!
//! # When it is wrong
//! A run that resumes elsewhere may give the result to another model. Runs without ids of calls are not looked at. A
//! result that the model got and did not use is not seen.

use arc_model::{Evidence, Field, Part, Span};

use super::{Detector, Request, Sighting, View};

/// Finds results that never arrived; the module says when it is wrong.
pub(super) struct IgnoredToolResult;

impl Detector for IgnoredToolResult {
    fn leaf(&self) -> &'static str {
        "ignored-tool-result"
    }

    fn version(&self) -> u32 {
        1
    }

    // The model may not have needed it.
    fn is_certain(&self) -> bool {
        false
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        let mut next = Next::of(view);
        let sightings = view.calls().iter().filter(|call| call.has_own_span()).filter_map(|call| {
            let request = view.request_of(call)?;
            let (id, result) = (request.id?, call.span.tool.as_ref()?.result.as_ref()?);
            let later = next.after(view, request, call.span)?;
            let mut asked =
                parts(later).filter(|part| matches!(part, Part::ToolCall { id: Some(known), .. } if known == id));
            let arrived =
                parts(later).any(|part| matches!(part, Part::ToolResult { id: Some(known), .. } if known == id));
            (asked.next().is_some() && !arrived).then(|| Sighting {
                title: format!("the result of {} never reached the model that had asked for it", call.name),
                first: Evidence::new(later.span_id, Field::Input, &last_text(later)),
                more: vec![Evidence::new(call.span.span_id, Field::ToolResult, &result.to_text())],
            })
        });
        sightings.collect()
    }
}

/// Model calls by their parent, each list in order.
struct Next<'a>(std::collections::BTreeMap<Option<arc_model::SpanId>, Vec<&'a Span>>);

impl<'a> Next<'a> {
    fn of(view: &View<'a>) -> Self {
        let mut by_parent: std::collections::BTreeMap<_, Vec<&Span>> = std::collections::BTreeMap::new();
        for &model in view.models() {
            by_parent.entry(model.parent_id).or_default().push(model);
        }
        Self(by_parent)
    }

    /// Returns the next model call beside the one that asked, after the call.
    fn after(&mut self, view: &View<'a>, request: &Request<'a>, call: &Span) -> Option<&'a Span> {
        let beside = self.0.get(&request.span.parent_id)?;
        let at = beside.partition_point(|model| view.order(model.span_id) <= view.order(call.span_id));
        beside.get(at).copied()
    }
}

fn parts(span: &Span) -> impl Iterator<Item = &Part> {
    // The question and its answer stand at the end of what is sent; a long history is not read again for every call.
    const READ: usize = 64;
    span.messages_in.iter().rev().take(READ).flat_map(|message| &message.parts)
}

fn last_text(span: &Span) -> String {
    span.messages_in.last().map(|message| message.joined_text()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "ignored-tool-result";

    #[test]
    fn a_result_that_is_not_sent_on_is_found() {
        check(
            LEAF,
            r#"
agent a
  llm m -> search{q: "x"}#c1
  tool search {q: "x"} #c1 -> [1]
  llm m
    <- assistant search{q: "x"}#c1
    <- user "And?"
    -> "There is nothing."
"#,
            expect![[r"
                high the result of search never reached the model that had asked for it
                  span 4 input `And?`
                  span 3 tool_result `[1]`
            "]],
        );
    }

    #[test]
    fn a_result_that_arrives_and_a_request_that_was_not_recorded_are_not() {
        check(
            LEAF,
            r#"
agent a
  llm m -> search{q: "x"}#c1
  tool search {q: "x"} #c1 -> [1]
  llm m
    <- assistant search{q: "x"}#c1
    <- tool #c1=[1]
    -> "One."
"#,
            expect![[""]],
        );
        check(LEAF, "llm m -> search{q: 1}#c1\ntool search {q: 1} #c1 -> [1]\nllm m -> \"One.\"", expect![[""]]);
    }
}
