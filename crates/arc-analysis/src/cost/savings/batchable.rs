//! Calls that could be sent as a batch, where the price table has the provider's price for that.

use std::collections::BTreeMap;

use arc_catalog::Catalog;
use arc_model::NanoUsd;

use super::{Basis, Change, Observed, Saving, Words, observed::SeenCall, of};
use crate::cost::terms::Terms;

/// Finds the runs that are one call: nothing waits for its answer but whoever started the run.
///
/// Left out is what somebody waits for: runs of a conversation, runs with a user, streamed answers. The price in a batch
/// is the table's; where it has none for the model nothing is claimed.
pub(super) fn find(seen: &Observed, catalog: &Catalog) -> Option<Saving> {
    let mut calls_of: BTreeMap<usize, u64> = BTreeMap::new();
    for call in seen.calls() {
        *calls_of.entry(call.run).or_default() += 1;
    }
    let uses_tools = |run: usize| seen.tool_calls().iter().any(|tool| tool.run == run);
    let is_alone = |call: &&SeenCall| {
        calls_of.get(&call.run) == Some(&1) && !seen.is_awaited(call.run) && !call.is_streamed && call.asked.is_empty()
    };
    let mut saved: Vec<(NanoUsd, Change<'_>)> = Vec::new();
    for call in seen.calls().iter().filter(is_alone).filter(|call| call.terms == Terms::Standard) {
        let (Some(before), Some(usage)) = (call.paid(), call.usage.clone()) else { continue };
        if uses_tools(call.run) {
            continue;
        }
        let Some(after) = call.price_on(&usage, Terms::Batch, catalog).known().filter(|after| *after < before) else {
            continue;
        };
        let shows = format!("the only call of its run: {before} now, {after} in a batch");
        saved.push((before - after, Change { call, after: Some(usage), tokens: call.tokens(), shows }));
    }
    let amount: NanoUsd = saved.iter().map(|(amount, _)| *amount).sum();
    let changes: Vec<Change<'_>> = saved.into_iter().map(|(_, change)| change).collect();
    let words = Words {
        kind: "batchable-calls",
        title: format!(
            "{} made alone, which the provider answers for less in a batch",
            of(super::counted(changes.len()), "call")
        ),
        fix:
            "Where the answer may take up to a day, collect such calls and send them through the provider's batch API."
                .to_owned(),
        assumes: vec![
            "nobody waits for the answer: the runs have no user, no session and no stream, which is all that they show"
                .to_owned(),
            "the provider's batch price is that of the price table".to_owned(),
        ],
        basis: Basis::Counted,
        time_ns: None,
    };
    super::saving_of(words, &changes, Some(amount), 0)
}
