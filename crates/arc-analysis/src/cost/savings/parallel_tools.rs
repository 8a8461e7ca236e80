//! Tool calls that a model asked for at once and that were carried out one after another.

use std::collections::BTreeMap;

use arc_catalog::Catalog;
use arc_model::Timestamp;

use super::{Basis, Change, Observed, Saving, Words, of, saving};

/// Below this nobody notices.
const LEAST_NS: u64 = 1_000_000;

/// Finds answers with several tool calls, and how long the calls took beyond the longest of them.
///
/// The model asked for all of them before it saw any result, so none needs another's.
pub(super) fn find(seen: &Observed, catalog: &Catalog) -> Option<Saving> {
    let mut times: BTreeMap<(usize, &str), Option<(Timestamp, Timestamp)>> = BTreeMap::new();
    for tool in seen.tool_calls() {
        let (Some(id), Some(start), Some(end)) = (tool.id.as_deref(), tool.start, tool.end) else { continue };
        // An id that is used twice says nothing.
        times.entry((tool.run, id)).and_modify(|known| *known = None).or_insert(Some((start, end)));
    }
    let (mut saved, mut changes) = (0_u64, Vec::new());
    for call in seen.calls().iter().filter(|call| call.asked.len() > 1) {
        let time = |id: &str| *times.get(&(call.run, id))?;
        let spans: Option<Vec<_>> = call.asked.iter().map(|asked| time(asked.id.as_deref()?)).collect();
        let Some(more) = spans.and_then(beyond_longest).filter(|&more| more >= LEAST_NS) else { continue };
        saved = saved.saturating_add(more);
        let count = super::counted(call.asked.len());
        let shows = format!(
            "asks for {} at once; one after another they took {} ms longer",
            of(count, "tool call"),
            more / 1_000_000
        );
        changes.push(Change { call, after: call.usage.clone(), tokens: 0, shows });
    }
    let words = Words {
        kind: "parallel-tools",
        title: format!(
            "after {}, tools that the model asked for together ran one after another",
            of(super::counted(changes.len()), "call")
        ),
        fix: "Run the tool calls of one answer at the same time.".to_owned(),
        assumes: vec!["the tools can run side by side: none of them changes what another one reads".to_owned()],
        basis: Basis::Counted,
        time_ns: (saved > 0).then_some(saved),
    };
    saving(words, &changes, catalog)
}

/// Returns the time in which at least one call ran, less the longest call.
fn beyond_longest(mut spans: Vec<(Timestamp, Timestamp)>) -> Option<u64> {
    spans.sort_unstable();
    let (mut busy, mut longest, mut until) = (0_u64, 0_u64, None);
    for (start, end) in spans {
        longest = longest.max(end.nanos_since(start)?);
        let from = until.map_or(start, |until: Timestamp| until.max(start));
        busy = busy.saturating_add(end.nanos_since(from).unwrap_or(0));
        until = until.max(Some(end));
    }
    busy.checked_sub(longest)
}
