//! Agents hand a task back and forth.
//!
//! # What
//! Four hand-overs in a row go between the same two agents (`transfer_to_billing`, `transfer_to_sales`, …) without another
//! call in between.
//!
//! # Why it matters
//! Each thinks that the other one is to do it, and nobody does.
//!
//! # Example
//! ```text
//! tool transfer_to_billing {} -> "ok"
//! tool transfer_to_sales {} -> "ok"
//! tool transfer_to_billing {} -> "ok"
//! tool transfer_to_sales {} -> "ok"
//! ```
//!
//! # When it is wrong
//! Between two hand-overs the agents may have talked to the user about different things. Hand-overs that are not made by a
//! tool of such a name are not seen.

use super::{Call, Detector, Sighting, View, call};

/// Fewer hand-overs between two agents are no back and forth.
const FEWEST: usize = 4;

/// What names of tools that hand over begin with; what follows is to whom.
const HANDS_OVER: [&str; 4] = ["transfer_to_", "handoff_to_", "hand_off_to_", "delegate_to_"];

/// Finds tasks that are handed back and forth; the module says when it is wrong.
pub(super) struct Coordination;

impl Detector for Coordination {
    fn leaf(&self) -> &'static str {
        "coordination"
    }

    fn version(&self) -> u32 {
        1
    }

    // In the end somebody may have done it.
    fn is_certain(&self) -> bool {
        false
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        let mut sightings = Vec::new();
        let mut row: Vec<(&Call<'_>, &str)> = Vec::new();
        for call in view.calls() {
            let to = HANDS_OVER.iter().find_map(|start| call.name.strip_prefix(start));
            let goes_on = to.is_some_and(|to| match row.as_slice() {
                [.., (_, before), (_, last)] => to == *before && to != *last,
                [(_, last)] => to != *last,
                [] => true,
            });
            if !goes_on {
                sightings.extend(sighting(&row));
                row.clear();
            }
            row.extend(to.map(|to| (call, to)));
        }
        sightings.extend(sighting(&row));
        sightings
    }
}

fn sighting(row: &[(&Call<'_>, &str)]) -> Option<Sighting> {
    let [(first, one), (_, other), ..] = row else { return None };
    let shown = |call: &Call<'_>| {
        let arguments = call.arguments.map(arc_model::Payload::to_text);
        call::arguments_evidence(call, arguments.as_deref().filter(|text| !text.is_empty()).unwrap_or(call.name))
    };
    (row.len() >= FEWEST).then(|| Sighting {
        title: format!("{one} and {other} handed the task to each other {} times in a row", row.len()),
        first: shown(first),
        more: row.iter().skip(1).map(|(call, _)| shown(call)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "coordination";

    #[test]
    fn four_hand_overs_between_two_agents_are_a_back_and_forth() {
        check(
            LEAF,
            "tool transfer_to_a {} -> 1\ntool transfer_to_b {} -> 1\ntool transfer_to_a {} -> 1\ntool transfer_to_b {} -> 1",
            expect![[r"
                high a and b handed the task to each other 4 times in a row
                  span 1 tool_arguments `{}`
                  span 2 tool_arguments `{}`
                  span 3 tool_arguments `{}`
                  span 4 tool_arguments `{}`
            "]],
        );
    }

    #[test]
    fn a_chain_of_agents_and_work_in_between_are_not() {
        check(
            LEAF,
            "tool transfer_to_a {} -> 1\ntool transfer_to_b {} -> 1\ntool transfer_to_c {} -> 1\ntool transfer_to_b {} -> 1",
            expect![[""]],
        );
        check(
            LEAF,
            "tool transfer_to_a {} -> 1\ntool transfer_to_b {} -> 1\ntool pay {} -> 1\ntool transfer_to_a {} -> 1\ntool transfer_to_b {} -> 1",
            expect![[""]],
        );
    }
}
