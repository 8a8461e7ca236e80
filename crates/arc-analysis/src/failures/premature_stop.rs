//! The run ended with open items on the agent's own list.
//!
//! # What
//! The agent keeps a list of what is to do (a call with `todos`, `plan`, `tasks` or `steps` whose items have a status), and
//! the last one it wrote still has items that are open when the run ends with an answer.
//!
//! # Why it matters
//! The user gets part of what was asked, often as if it were all.
//!
//! # Example
//! ```text
//! agent a "Write it and test it"
//!   tool todo_write {todos: [{content: "write", status: "completed"}, {content: "test", status: "pending"}]} -> "ok"
//!   llm m -> "Done."
//! ```
//!
//! # When it is wrong
//! Agents forget to tick off the last item: what was open may have been done. Runs without such a list are not judged.

use arc_model::{Evidence, Json, Payload};

use super::{Call, Detector, Sighting, View, call};

/// Finds runs that ended with open items; the module says when it is wrong.
pub(super) struct PrematureStop;

/// Names of arguments that hold a list of what is to do.
const LISTS: [&str; 4] = ["todos", "plan", "tasks", "steps"];
/// What the status of an open item is called.
const OPEN: [&str; 7] = ["pending", "in_progress", "in progress", "todo", "open", "not_started", "not started"];

impl Detector for PrematureStop {
    fn leaf(&self) -> &'static str {
        "premature-stop"
    }

    fn version(&self) -> u32 {
        1
    }

    // The last item is often done and not ticked off.
    fn is_certain(&self) -> bool {
        false
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        let mut lists = view.calls().iter().filter_map(|call| Some((call, items(call)?)));
        lists.next_back().and_then(|(call, items)| sighting(view, call, &items)).into_iter().collect()
    }
}

/// Returns the items of a list of what is to do, each with its status.
pub(super) fn items<'a>(call: &Call<'a>) -> Option<Vec<(&'a str, &'a Json)>> {
    let Some(Payload::Json(Json::Object(arguments))) = call.arguments else { return None };
    let list = LISTS.iter().find_map(|name| arguments.get(*name)?.as_array())?;
    let items: Vec<(&str, &Json)> =
        list.iter().filter_map(|item| Some((item.get("status")?.as_str()?, item))).collect();
    (!items.is_empty() && items.len() == list.len()).then_some(items)
}

/// Returns whether a status says that an item is not done.
pub(super) fn is_open(status: &str) -> bool {
    OPEN.contains(&status.to_lowercase().as_str())
}

fn sighting(view: &View<'_>, call: &Call<'_>, items: &[(&str, &Json)]) -> Option<Sighting> {
    let open: Vec<&Json> = items.iter().filter(|(status, _)| is_open(status)).map(|(_, item)| *item).collect();
    let first = open.first()?;
    // Without an answer after it, the run was stopped rather than ended.
    let answer = view.models().last().filter(|last| view.order(last.span_id) > view.order(call.span.span_id))?;
    Some(Sighting {
        title: format!("the run ended with {} of {} items of its own list open", open.len(), items.len()),
        first: call::arguments_evidence(call, &first.to_string()),
        more: vec![Evidence::new(answer.span_id, arc_model::Field::Output, &said(answer))],
    })
}

fn said(span: &arc_model::Span) -> String {
    span.messages_out.iter().map(|message| message.joined_text()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "premature-stop";

    #[test]
    fn an_open_item_on_the_last_list_is_found() {
        check(
            LEAF,
            r#"
agent a "Write it and test it"
  tool todo_write {todos: [{content: "write", status: "in_progress"}, {content: "test", status: "pending"}]} -> "ok"
  tool todo_write {todos: [{content: "write", status: "completed"}, {content: "test", status: "pending"}]} -> "ok"
  llm m -> "Done."
"#,
            expect![[r#"
                high the run ended with 1 of 2 items of its own list open
                  span 3 tool_arguments `{"content":"test","status":"pending"}`
                  span 4 output `Done.`
            "#]],
        );
    }

    #[test]
    fn a_list_that_is_done_and_a_run_without_one_are_not() {
        check(
            LEAF,
            "tool todo_write {todos: [{content: \"a\", status: \"completed\"}]} -> \"ok\"\nllm m -> \"Done.\"",
            expect![[""]],
        );
        check(LEAF, "tool run {steps: [1, 2]} -> \"ok\"\nllm m -> \"Done.\"", expect![[""]]);
    }
}
