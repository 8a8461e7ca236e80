//! Prompts that begin like an earlier one and were billed in full.

use std::collections::BTreeMap;

use arc_catalog::{CacheRule, Catalog};
use arc_model::{Timestamp, Usage};

use super::{
    Basis, Change, Observed, Saving, Words,
    observed::{Hash, SeenCall},
    of, saving,
};

/// A prefix that a cache could hold.
struct Entry {
    used_at: Timestamp,
    /// The call that would have put it there.
    written_by: usize,
}

/// What a cache would have done for a call.
#[derive(Default, Clone, Copy)]
struct Turn {
    read: u64,
    /// How far the prompt has to be kept for later calls.
    keep: u64,
    is_counted: bool,
}

/// Plays the calls against a cache by the provider's rules and compares what they would have cost.
///
/// Calls are taken in the order of time, over all runs: the cache is the provider's. A call without a
/// time, a prompt or a count is left out, and so is one of a provider that caches by itself and did
/// not say how much of the call it did.
pub(super) fn find(seen: &Observed, catalog: &Catalog) -> Option<Saving> {
    let mut order: Vec<(usize, &SeenCall, &CacheRule)> = seen
        .calls()
        .iter()
        .enumerate()
        .filter(|(_, call)| call.start.is_some() && !call.is_error && call.prompt.is_some())
        .filter_map(|(index, call)| Some((index, call, catalog.cache_rule(call.price_row()?)?)))
        .collect();
    order.sort_by_key(|(index, call, _)| (call.start, *index));
    let turns = play(seen, &order);
    let mut changes = Vec::new();
    let (mut is_counted, mut marked, mut unsaid) = (true, false, 0_u64);
    for &(index, call, rule) in &order {
        let Some(turn) = turns.get(&index) else { continue };
        let Some(usage) = &call.usage else { continue };
        let Some(after) = cached(usage, *turn, rule) else { continue };
        if usage.cache_read.is_none() && !rule.marked {
            unsaid += 1;
            continue;
        }
        let tokens = after.cache_read.unwrap_or(0).saturating_sub(usage.cache_read.unwrap_or(0));
        is_counted &= tokens == 0 || turn.is_counted;
        marked |= rule.marked;
        let shows = match tokens {
            0 => format!("writes {} to the cache for later calls", of(after.cache_write.unwrap_or(0), "token")),
            _ => format!("begins with {} that an earlier call sent as well", of(tokens, "token")),
        };
        changes.push(Change { call, after: Some(after), tokens, shows });
    }
    let resent = changes.iter().filter(|change| change.tokens > 0).count();
    let tokens: u64 = changes.iter().map(|change| change.tokens).sum();
    let mut assumes = vec![
        "the cache keeps a prefix for as long as the provider says after each use, and calls reach it".to_owned(),
        "what writing to the cache costs is subtracted".to_owned(),
    ];
    if !is_counted {
        assumes.push("a part of a prompt has tokens in proportion to its length".to_owned());
    }
    if unsaid > 0 {
        assumes.push(format!("left out: {} that did not say how much of the input was cached", of(unsaid, "call")));
    }
    let fix = if marked {
        "Mark the end of the part that stays the same with `cache_control` (system prompt, tools, then the history so \
         far), and keep everything that changes behind it."
    } else {
        "Keep the beginning of the prompt the same from call to call (tools, system prompt, documents first; dates, \
         ids and questions last) and send calls that share it close together, with the same `prompt_cache_key` where \
         the provider has one."
    };
    let words = Words {
        kind: "prompt-caching",
        title: format!(
            "{} sent {} again that an earlier call had sent, at the full price",
            of(super::counted(resent), "call"),
            of(tokens, "token")
        ),
        fix: fix.to_owned(),
        assumes,
        basis: if is_counted { Basis::Counted } else { Basis::Estimated },
        time_ns: None,
    };
    saving(words, &changes, catalog)
}

/// Returns for each call what it would read and what of it later calls read.
fn play(seen: &Observed, order: &[(usize, &SeenCall, &CacheRule)]) -> BTreeMap<usize, Turn> {
    let mut cache: BTreeMap<Hash, Entry> = BTreeMap::new();
    let mut turns: BTreeMap<usize, Turn> = BTreeMap::new();
    for &(index, call, rule) in order {
        let (Some(at), Some(prompt)) = (call.start, &call.prompt) else { continue };
        let lifetime = rule.lifetime.saturating_mul(1_000_000_000);
        let is_kept = |entry: &Entry| at.nanos_since(entry.used_at).is_some_and(|age| age <= lifetime);
        let links = prompt.chain.iter().enumerate();
        let longest = links.rev().find(|(_, link)| cache.get(&link.hash).is_some_and(is_kept)).map(|(place, _)| place);
        if let Some(place) = longest
            && let Some((shared, is_counted)) = seen.tokens(call, place)
        {
            let read = rule.readable(shared);
            turns.insert(index, Turn { read, keep: 0, is_counted });
            let writer = prompt.chain.get(place).and_then(|link| cache.get(&link.hash)).map(|entry| entry.written_by);
            if let Some(writer) = writer.filter(|_| read > 0) {
                let turn = turns.entry(writer).or_insert(Turn { is_counted: true, ..Turn::default() });
                turn.keep = turn.keep.max(read);
            }
        }
        for (place, link) in prompt.chain.iter().enumerate() {
            let is_read = longest.is_some_and(|longest| place <= longest);
            match cache.get_mut(&link.hash).filter(|_| is_read) {
                Some(entry) => entry.used_at = at,
                None => drop(cache.insert(link.hash, Entry { used_at: at, written_by: index })),
            }
        }
    }
    turns
}

/// Returns what a call would have used; `None` when nothing changes.
fn cached(usage: &Usage, turn: Turn, rule: &CacheRule) -> Option<Usage> {
    let input = usage.input?;
    let read = usage.cache_read.unwrap_or(0);
    let written = usage.cache_write.or(usage.cache_write_1h).unwrap_or(0);
    let now_read = read.max(turn.read.min(input.checked_sub(written)?));
    let room = input.checked_sub(now_read)?;
    let now_written = if rule.marked { written.max(turn.keep.saturating_sub(now_read)).min(room) } else { written };
    let is_other = now_read != read || now_written != written;
    is_other.then(|| Usage {
        cache_read: Some(now_read),
        cache_write: (now_written > 0).then_some(now_written).or(usage.cache_write),
        ..usage.clone()
    })
}
