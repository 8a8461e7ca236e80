//! Nothing was found, and it was used.
//!
//! # What
//! A search or a tool came back with nothing (`[]`, `{}`, `{"results": []}`), and the next step used
//! it: an empty list or object is an argument of the next call, or the input of the next step, or
//! the model gave its last answer right away, without another attempt with that tool.
//!
//! # Why it matters
//! What is computed or answered from nothing is often made up.
//!
//! # Example
//! ```text
//! retrieval policies "refund" -> []
//! llm gpt-4o -> "Refunds are possible within 30 days."
//! ```
//!
//! # When it is wrong
//! "There is none" can be the right answer, and then it is right to stop: on the public `AgentDojo`
//! runs of four models, all six findings were answered honestly. Hence the low severity.
//!
//! Only the last turn is looked at: in a conversation that goes on, the data may yet come. Tools that
//! return an empty text or `null` are passed over: for most of them that means "done". So are tools
//! that were asked before, in other words: the agent did try.

use std::collections::BTreeMap;

use arc_model::{Evidence, Field, Json, Part, Payload, Span, SpanKind};

use super::{Call, Detector, Sighting, View, result};

/// Finds empty results that were used; the module says when it is wrong.
pub(super) struct EmptyResultUsed;

impl Detector for EmptyResultUsed {
    fn leaf(&self) -> &'static str {
        "empty-result-used"
    }

    fn version(&self) -> u32 {
        1
    }

    // Most runs recover from it.
    fn is_certain(&self) -> bool {
        false
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        let mut sightings = passed_to_calls(view);
        sightings.extend(passed_to_steps(view));
        sightings.extend(answered_from(view));
        sightings
    }
}

fn came_back_empty(view: &View<'_>, index: usize, call: &Call<'_>) -> bool {
    let Some(content) = call.result.map(result::content) else { return false };
    let is_search = call.span.kind == SpanKind::Retrieval;
    view.error(index).is_none() && (content.is_empty_data() || (is_search && content.is_blank()))
}

fn result_evidence(call: &Call<'_>, result: &Payload) -> Evidence {
    let field = if call.has_own_span() { Field::ToolResult } else { Field::Input };
    Evidence::new(call.shown_by.span_id, field, &result.to_text())
}

/// The next call has an empty list or object among its arguments.
fn passed_to_calls(view: &View<'_>) -> Vec<Sighting> {
    let pairs = view.calls().iter().enumerate().zip(view.calls().iter().skip(1));
    let used = pairs.filter_map(|((index, call), next)| {
        let Some(Payload::Json(Json::Object(arguments))) = next.arguments else { return None };
        let is_empty = |value: &Json| matches!(value, Json::Array(items) if items.is_empty());
        let (name, value) = arguments.iter().find(|(_, value)| is_empty(value))?;
        let from_other = call.name != next.name && came_back_empty(view, index, call);
        from_other.then(|| Sighting {
            title: format!("{} returned nothing, and {} was called with it", call.name, next.name),
            first: Evidence::new(next.span.span_id, Field::ToolArguments, &format!("{name}: {value}")),
            more: call.result.map(|result| result_evidence(call, result)).into_iter().collect(),
        })
    });
    used.collect()
}

/// The output of a step is empty, and so is the input of the next one beside it.
fn passed_to_steps(view: &View<'_>) -> Vec<Sighting> {
    let is_step = |span: &Span| matches!(span.kind, SpanKind::Step | SpanKind::Workflow | SpanKind::Other);
    let mut sightings = Vec::new();
    for parent in view.trace().spans() {
        let children: Vec<&Span> = view.trace().children(parent.span_id).collect();
        for pair in children.windows(2) {
            let [step, next] = pair else { continue };
            let (Some(output), Some(input)) = (&step.output, &next.input) else { continue };
            let passes = !step.status.is_error()
                && [output, input].iter().all(|payload| result::content(payload).is_empty_data());
            if is_step(step) && is_step(next) && passes {
                sightings.push(Sighting {
                    title: format!("{} returned nothing, and {} went on with it", step.name, next.name),
                    first: Evidence::new(next.span_id, Field::Input, &input.to_text()),
                    more: vec![Evidence::new(step.span_id, Field::Output, &output.to_text())],
                });
            }
        }
    }
    sightings
}

/// Calls of the last turn came back empty, and the model's last words followed right after them.
fn answered_from(view: &View<'_>) -> Vec<Sighting> {
    let calls: Vec<(usize, &Call<'_>)> =
        view.calls().iter().enumerate().filter(|(_, call)| !is_answer(call.name)).collect();
    let Some((_, last)) = calls.last() else { return Vec::new() };
    let shown = view.order(last.shown_by.span_id);
    // Where the result shows only in what a model was sent, that model is the one that answers.
    let mut after = view.models().iter().filter(|model| {
        let order = view.order(model.span_id);
        order > shown || (order == shown && !last.has_own_span())
    });
    let Some((span, words)) = after.next().and_then(|model| Some((model, answer(model)?))) else { return Vec::new() };
    if after.next().is_some() {
        return Vec::new();
    }
    let asked = view.order(last.span.span_id);
    let turn_began = view.models().iter().map(|model| view.order(model.span_id)).filter(|order| *order < asked).max();
    let in_last_turn = |call: &Call<'_>| Some(view.order(call.span.span_id)) >= turn_began;
    let mut attempts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, call) in &calls {
        *attempts.entry(call.name).or_default() += 1;
    }
    let empty = calls.iter().filter(|(index, call)| {
        in_last_turn(call) && came_back_empty(view, *index, call) && attempts.get(call.name) == Some(&1)
    });
    let sightings = empty.filter_map(|(_, call)| {
        Some(Sighting {
            title: format!("{} returned nothing, and the answer followed without another attempt", call.name),
            first: result_evidence(call, call.result?),
            more: vec![Evidence::new(span.span_id, Field::Output, &words)],
        })
    });
    sightings.collect()
}

/// Returns whether a tool is none, but the way in which a framework has the model answer.
fn is_answer(tool: &str) -> bool {
    // smolagents and Pydantic AI.
    matches!(tool, "final_answer" | "final_result")
}

/// Returns the words of a model call that answered and asked for nothing more.
fn answer(model: &Span) -> Option<String> {
    let mut words = Vec::new();
    for part in model.messages_out.iter().flat_map(|message| &message.parts) {
        match part {
            Part::Text { text } if !text.trim().is_empty() => words.push(text.clone()),
            Part::ToolCall { name, arguments, .. } if is_answer(name) => words.push(arguments.to_text()),
            Part::ToolCall { .. } => return None,
            _ => {}
        }
    }
    (!words.is_empty()).then(|| words.join("\n"))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "empty-result-used";

    #[test]
    fn an_answer_right_after_an_empty_search_is_found() {
        check(
            LEAF,
            r#"
agent a
  retrieval policies "refund" -> []
  llm m -> "Refunds are possible within 30 days."
"#,
            expect![[r"
                low policies returned nothing, and the answer followed without another attempt
                  span 2 tool_result `[]`
                  span 3 output `Refunds are possible within 30 days.`
            "]],
        );
    }

    #[test]
    fn the_transcript_shows_it_where_tools_have_no_spans() {
        check(
            LEAF,
            r#"
llm m -> find{id: 7}#c1
llm m
  <- tool #c1={rows: []}
  -> "It costs 12 euros."
"#,
            expect![[r#"
                low find returned nothing, and the answer followed without another attempt
                  span 2 input `{"rows":[]}`
                  span 2 output `It costs 12 euros.`
            "#]],
        );
    }

    #[test]
    fn an_empty_list_passed_on_to_the_next_call_is_found() {
        check(
            LEAF,
            r#"
tool load {table: "sales"} -> {rows: []}
tool plot {kind: "bar", rows: []} -> "chart.png"
"#,
            expect![[r#"
                low load returned nothing, and plot was called with it
                  span 2 tool_arguments `rows: []`
                  span 1 tool_result `{"rows":[]}`
            "#]],
        );
    }

    #[test]
    fn an_empty_output_passed_on_to_the_next_step_is_found() {
        check(
            LEAF,
            r#"
workflow w
  step extract {file: "a.csv"} -> {frame: []}
  step summarise {frame: []} -> "Sales rose."
"#,
            expect![[r#"
                low extract returned nothing, and summarise went on with it
                  span 3 input `{"frame":[]}`
                  span 2 output `{"frame":[]}`
            "#]],
        );
    }

    #[test]
    fn another_attempt_means_it_was_noticed() {
        check(
            LEAF,
            r#"
retrieval policies "refund" -> []
llm m -> search{q: "refund"}#c1
tool search {q: "refund"} #c1 -> ["30 days"]
llm m -> "30 days."
"#,
            expect![""],
        );
        check(
            LEAF,
            "tool find {q: 1} -> []\nllm m -> find{q: 2}\ntool find {q: 2} -> []\nllm m -> \"There is none.\"",
            expect![""],
        );
    }

    #[test]
    fn what_another_tool_found_in_the_same_turn_does_not_fill_the_gap() {
        check(
            LEAF,
            r#"
llm m -> weather{city: "Oslo"} hotels{city: "Oslo"}
tool weather {city: "Oslo"} -> "rain"
tool hotels {city: "Oslo"} -> {data: {content: "[]", tool_call_id: "2"}}
llm m -> final_answer{answer: "Fjordview has rooms."}
tool final_answer {answer: "Fjordview has rooms."} -> "Fjordview has rooms."
"#,
            expect![[r#"
                low hotels returned nothing, and the answer followed without another attempt
                  span 3 tool_result `{"data":{"content":"[]","tool_call_id":"2"}}`
                  span 4 output `{"answer":"Fjordview has rooms."}`
            "#]],
        );
    }

    #[test]
    fn what_the_same_tool_found_otherwise_does() {
        check(
            LEAF,
            r#"
llm m -> find{q: "a"} find{q: "b"}
tool find {q: "a"} -> ["found"]
tool find {q: "b"} -> []
llm m -> "Found a."
"#,
            expect![""],
        );
    }

    #[test]
    fn a_conversation_that_goes_on_may_yet_get_the_data() {
        check(
            LEAF,
            "llm m -> find{q: 1}\ntool find {q: 1} -> []\nllm m -> \"None. Where else?\"\nllm m -> \"Bye.\"",
            expect![""],
        );
    }

    #[test]
    fn a_tool_that_has_nothing_to_say_is_not_empty_data() {
        check(LEAF, "llm m -> think{t: \"hm\"}\ntool think {t: \"hm\"} -> \"\"\nllm m -> \"Done.\"", expect![""]);
        check(LEAF, "tool send {to: \"a\"} -> null\nllm m -> \"Sent.\"", expect![""]);
        check(LEAF, "tool find {q: 1} !timeout -> []\nllm m -> \"Done.\"", expect![""]);
        check(LEAF, "tool count {q: 1} -> {hits: 0}\nllm m -> \"None.\"", expect![""]);
    }
}
