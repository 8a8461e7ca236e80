//! Tools that are described to the model in every call and that no run uses.

use std::collections::BTreeSet;

use arc_catalog::Catalog;
use arc_model::Usage;

use super::{
    Basis, Change, Observed, Saving, Words,
    observed::{SeenCall, portion},
    of, saving,
};

/// Tools that a title names.
const NAMED: usize = 5;

/// Finds definitions of tools that no call of the runs asked for, and what sending them costs.
pub(super) fn find(seen: &Observed, catalog: &Catalog) -> Option<Saving> {
    let asked = seen.calls().iter().flat_map(|call| &call.asked).map(|asked| asked.name.as_str());
    let used: BTreeSet<&str> = asked.chain(seen.tool_calls().iter().map(|tool| tool.name.as_str())).collect();
    let mut unused: BTreeSet<&str> = BTreeSet::new();
    let mut changes = Vec::new();
    for call in seen.calls().iter().filter(|call| !call.is_error) {
        let Some(prompt) = call.prompt.as_ref().filter(|prompt| prompt.has_lengths) else { continue };
        let tools: Vec<_> = prompt
            .offered
            .iter()
            .filter_map(|&tool| seen.tool(tool))
            .filter(|tool| !used.contains(tool.name.as_str()))
            .collect();
        let length = tools.iter().map(|tool| tool.length).sum();
        let whole = prompt.chain.last().map_or(0, |link| link.length);
        let Some((tokens, after)) = without(call, length, whole) else { continue };
        unused.extend(tools.iter().map(|tool| tool.name.as_str()));
        let shows = format!("offers {} that no run uses", of(super::counted(tools.len()), "tool"));
        changes.push(Change { call, after: Some(after), tokens, shows });
    }
    let named = unused.iter().take(NAMED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let more = unused.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let runs = super::counted(seen.runs());
    let words = Words {
        kind: "unused-tools",
        title: format!("{} offered in {}, and used in none of {}: {named}{more}",
            of(super::counted(unused.len()), "tool"), of(super::counted(changes.len()), "call"), of(runs, "run")),
        fix: "Offer these tools only where they are needed, or take them out.".to_owned(),
        assumes: vec![
            format!(
                "the next runs do not need them either: with none of {runs} using one, the share that does is below \
                 {:.1} % (95 % confidence)",
                most_likely_share(runs) * 100.0
            ),
            "a tool's definition has tokens in proportion to its length; where a part of the prompt came from the cache, \
             definitions count as the cached part"
                .to_owned(),
        ],
        basis: Basis::Estimated,
        time_ns: None,
    };
    saving(words, &changes, catalog)
}

/// Returns the tokens that so much text has in a call, and what the call would use without them.
fn without(call: &SeenCall, length: u64, whole: u64) -> Option<(u64, Usage)> {
    let usage = call.usage.as_ref()?;
    let input = usage.input?;
    let tokens = portion(input, length, whole).filter(|&tokens| tokens > 0)?;
    // The cheapest of the input first: what is saved is at least this.
    let read = usage.cache_read.unwrap_or(0);
    let from_read = tokens.min(read);
    let written = usage.cache_write.unwrap_or(0);
    let from_written = (tokens - from_read).min(written);
    let after = Usage {
        input: Some(input - tokens),
        cache_read: usage.cache_read.map(|read| read - from_read),
        cache_write: usage.cache_write.map(|written| written - from_written),
        cache_write_1h: usage.cache_write_1h.map(|hour| hour.min(written - from_written)),
        ..usage.clone()
    };
    Some((tokens, after))
}

/// Returns the share below which, at 95 % confidence, something lies that none of `n` runs did.
fn most_likely_share(n: u64) -> f64 {
    1.0 - 0.05_f64.powf(1.0 / crate::reliability::float(n.max(1)))
}
