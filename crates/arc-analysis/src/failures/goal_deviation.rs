//! A part of the agent's own plan disappeared undone.
//!
//! # What
//! The agent keeps a list of what is to do (as for `premature-stop`). An item that was open on it is missing from the
//! next one, which keeps another item and adds none that could be the same in other words; no later list has it again.
//!
//! # Why it matters
//! What the agent had found necessary is not done, and nobody is told.
//!
//! # Example
//! ```text
//! tool todo_write {todos: [{content: "write", status: "pending"}, {content: "test", status: "pending"}]} -> "ok"
//! tool todo_write {todos: [{content: "write", status: "completed"}]} -> "ok"
//! ```
//!
//! # When it is wrong
//! The item may have turned out to be needless, or done with another one. Runs without such a list are not judged.

use std::collections::BTreeSet;

use arc_model::{Json, Payload};

use super::{
    Call, Detector, Sighting, View, call,
    premature_stop::{is_open, items},
};

/// Finds plans that lost a part; the module says when it is wrong.
pub(super) struct GoalDeviation;

/// What an item is known by.
const NAMES: [&str; 7] = ["id", "content", "title", "step", "task", "text", "description"];

impl Detector for GoalDeviation {
    fn leaf(&self) -> &'static str {
        "goal-deviation"
    }

    fn version(&self) -> u32 {
        1
    }

    // Plans change with what is learnt.
    fn is_certain(&self) -> bool {
        false
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        let lists: Vec<(&Call<'_>, Vec<Item<'_>>)> =
            view.calls().iter().filter_map(|call| Some((call, list(call)?))).collect();
        let mut later: BTreeSet<&str> = BTreeSet::new();
        let mut sightings = Vec::new();
        for pair in lists.windows(2).rev() {
            let [(before, planned), (after, kept)] = pair else { continue };
            later.extend(kept.iter().map(|item| item.name));
            sightings.extend(sighting(before, planned, after, kept, &later));
        }
        sightings.reverse();
        sightings
    }
}

struct Item<'a> {
    name: &'a str,
    is_open: bool,
}

fn list<'a>(call: &Call<'a>) -> Option<Vec<Item<'a>>> {
    let Some(Payload::Json(arguments)) = call.arguments else { return None };
    // Such a list holds only what changes.
    if arguments.get("merge") == Some(&Json::Bool(true)) {
        return None;
    }
    let named = items(call)?.into_iter().map(|(status, item)| {
        let name = NAMES.iter().find_map(|name| item.get(*name)?.as_str())?;
        Some(Item { name: name.trim(), is_open: is_open(status) })
    });
    named.collect()
}

fn sighting(
    before: &Call<'_>,
    planned: &[Item<'_>],
    after: &Call<'_>,
    kept: &[Item<'_>],
    later: &BTreeSet<&str>,
) -> Option<Sighting> {
    let known: BTreeSet<&str> = planned.iter().map(|item| item.name).collect();
    if kept.is_empty() || kept.iter().any(|item| !known.contains(item.name)) {
        return None;
    }
    let mut lost = planned.iter().filter(|item| item.is_open && !later.contains(item.name));
    let first = lost.next()?;
    let items = match lost.count() {
        0 => "an open item".to_owned(),
        more => format!("{} open items", 1 + more),
    };
    Some(Sighting {
        title: format!("{items} of the agent's own plan disappeared undone"),
        first: call::arguments_evidence(after, &after.arguments?.to_text()),
        more: vec![call::arguments_evidence(before, first.name)],
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "goal-deviation";
    const PLAN: &str = "tool todo_write {todos: [{content: \"write\", status: \"pending\"}, {content: \"test\", status: \"pending\"}]} -> \"ok\"\n";

    #[test]
    fn an_open_item_that_disappears_is_found() {
        check(
            LEAF,
            &format!("{PLAN}tool todo_write {{todos: [{{content: \"write\", status: \"completed\"}}]}} -> \"ok\""),
            expect![[r#"
                high an open item of the agent's own plan disappeared undone
                  span 2 tool_arguments `{"todos":[{"content":"write","status":"completed"}]}`
                  span 1 tool_arguments `test`
            "#]],
        );
    }

    #[test]
    fn what_is_done_said_otherwise_or_only_added_to_is_not() {
        let next = |todos: &str| format!("{PLAN}tool todo_write {{todos: [{todos}]}} -> \"ok\"");
        check(
            LEAF,
            &next("{content: \"write\", status: \"pending\"}, {content: \"test it\", status: \"pending\"}"),
            expect![[""]],
        );
        check(LEAF, &next("{content: \"other\", status: \"pending\"}"), expect![[""]]);
        check(LEAF, &next(""), expect![[""]]);
        check(LEAF, PLAN, expect![[""]]);
        check(
            LEAF,
            &format!("{PLAN}tool todo_write {{merge: true, todos: [{{content: \"write\", status: \"completed\"}}]}}"),
            expect![[""]],
        );
    }
}
