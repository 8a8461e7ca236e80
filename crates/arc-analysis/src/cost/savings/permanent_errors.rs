//! Calls made again after an answer that no repetition changes: 4xx but 408, 409, 425 and 429.

use std::collections::{BTreeMap, BTreeSet};

use arc_catalog::Catalog;

use super::{
    Basis, Change, Observed, Saving, Words,
    duplicate_calls::time,
    observed::{Hash, SeenCall},
    of, saving,
};

/// Finds model calls that were refused once and sent again as they were, and model calls that do
/// nothing but ask for tool calls that were refused before.
///
/// What went well later in the same run was not refused for good, and is left out.
pub(super) fn find(seen: &Observed, catalog: &Catalog) -> Option<Saving> {
    let mut changes = Vec::new();
    let (mut models, mut tools) = (0_u64, 0_u64);
    let mut refused: BTreeMap<(usize, Hash), (u16, arc_model::SpanId)> = BTreeMap::new();
    let well = answered(seen);
    let hopeless = hopeless(seen);
    for call in seen.calls() {
        if let Some(change) = again_refused(call, &well, &mut refused) {
            models += 1;
            changes.push(change);
        } else if let Some((name, status)) = asks_in_vain(call, &hopeless) {
            tools += 1;
            let shows = format!("asks again for `{name}` with the arguments that it refused with {status}");
            changes.push(Change { call, after: None, tokens: call.tokens(), shows });
        }
    }
    let words = Words {
        kind: "permanent-errors",
        title: format!(
            "{} repeated what had been refused for good: {} of a model, {} that asked for the same tool call",
            of(models + tools, "call"),
            models,
            tools
        ),
        fix:
            "Do not retry answers of 400 to 499 but 408, 409, 425 and 429; tell the model that the call cannot succeed \
              as it is, and what would have to change."
                .to_owned(),
        assumes: vec!["a request that was refused with such a status is refused again".to_owned()],
        basis: Basis::Counted,
        time_ns: time(&changes),
    };
    saving(words, &changes, catalog)
}

pub(super) fn is_permanent(status: u16) -> bool {
    (400..500).contains(&status) && !matches!(status, 408 | 409 | 425 | 429)
}

/// Requests that were answered at least once.
fn answered(seen: &Observed) -> BTreeSet<(usize, Hash)> {
    let well = seen.calls().iter().filter(|call| !call.is_error);
    well.filter_map(|call| Some((call.run, call.prompt.as_ref()?.whole))).collect()
}

fn again_refused<'a>(
    call: &'a SeenCall,
    well: &BTreeSet<(usize, Hash)>,
    refused: &mut BTreeMap<(usize, Hash), (u16, arc_model::SpanId)>,
) -> Option<Change<'a>> {
    let status = call.refused.filter(|&status| is_permanent(status))?;
    let key = (call.run, call.prompt.as_ref()?.whole);
    if well.contains(&key) {
        return None;
    }
    let Some((before, span)) = refused.get(&key) else {
        refused.insert(key, (status, call.span_id));
        return None;
    };
    let shows = format!("sends again what was refused with {before} in span {span}");
    Some(Change { call, after: None, tokens: call.tokens(), shows })
}

/// A tool call that was refused for good: its status, and when that was known.
type Hopeless = BTreeMap<(usize, Hash), (u16, Option<arc_model::Timestamp>)>;

fn hopeless(seen: &Observed) -> Hopeless {
    let mut hopeless = Hopeless::new();
    let mut calls: Vec<_> = seen.tool_calls().iter().collect();
    calls.sort_by_key(|call| (call.run, call.order));
    for tool in &calls {
        if let (Some(status), Some(call)) = (tool.refused.filter(|&status| is_permanent(status)), tool.call) {
            hopeless.entry((tool.run, call)).or_insert((status, tool.end.or(tool.start)));
        }
    }
    for tool in calls {
        if let Some(call) = tool.call.filter(|_| !tool.is_error) {
            hopeless.remove(&(tool.run, call));
        }
    }
    hopeless
}

/// Returns the tool a model call asks for when everything that it asks for was refused before it began.
fn asks_in_vain<'a>(call: &'a SeenCall, hopeless: &Hopeless) -> Option<(&'a str, u16)> {
    let was_refused = |asked: &super::observed::Asked| {
        let (status, known_at) = hopeless.get(&(call.run, asked.call))?;
        (*known_at <= call.start && known_at.is_some()).then_some(*status)
    };
    let first = call.asked.first()?;
    let status = was_refused(first)?;
    let is_all = !call.is_error && call.asked.iter().all(|asked| was_refused(asked).is_some());
    is_all.then_some((first.name.as_str(), status))
}
