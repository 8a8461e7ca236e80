//! Results of tools that are sent on and on, long after anything of them was used.

use arc_catalog::Catalog;
use arc_model::Usage;

use super::{
    Basis, Change, Observed, Saving, Words,
    observed::{SeenCall, portion},
    of, saving,
};

/// Finds results of tools in prompts that are older than any result of which something was used, in all of the runs.
///
/// Something of a result is used where an answer has a word that stands in that result and nowhere else in the prompt.
/// So the rule *keep results for so many calls* would have taken nothing away that an answer needed.
pub(super) fn find(seen: &Observed, catalog: &Catalog) -> Option<Saving> {
    let kept = seen.oldest_use().max(1);
    let mut changes = Vec::new();
    for call in seen.calls().iter().filter(|call| !call.is_error) {
        let (count, bytes) = call
            .results
            .iter()
            .filter(|result| result.age > kept)
            .fold((0_u64, 0_u64), |(count, bytes), result| (count + 1, bytes.saturating_add(result.length)));
        if let Some((after, tokens)) = without(call, bytes) {
            let shows = format!("sends {} again that no answer used any more", of(count, "result"));
            changes.push(Change { call, after: Some(after), tokens, shows });
        }
    }
    let tokens: u64 = changes.iter().map(|change| change.tokens).sum();
    let calls = of(u64::from(kept), "call");
    let words = Words {
        kind: "history-trimming",
        title: format!(
            "{} sent {} of tool results that are older than any result that was still used",
            of(super::counted(changes.len()), "call"),
            of(tokens, "token")
        ),
        fix: format!(
            "Keep the result of a tool in the history for {calls} after the one that read it first; then put a short note \
             in its place."
        ),
        assumes: vec![
            format!(
                "in these {} runs no answer had a word of an older result that stood nowhere else; a result that was \
                 needed without being quoted does not show",
                seen.runs()
            ),
            "what is taken out was cached as far as anything was: the least that it saves".to_owned(),
            "a part of a prompt has tokens in proportion to its length".to_owned(),
        ],
        basis: Basis::Estimated,
        time_ns: None,
    };
    saving(words, &changes, catalog)
}

fn without(call: &SeenCall, bytes: u64) -> Option<(Usage, u64)> {
    let usage = call.usage.as_ref()?;
    let prompt = call.prompt.as_ref().filter(|prompt| prompt.has_lengths && bytes > 0)?;
    let input = usage.input?;
    let tokens = portion(input, bytes, prompt.chain.last()?.length)?;
    let read = usage.cache_read.map(|read| read.saturating_sub(tokens));
    let audio = usage.cache_read_audio.map(|audio| audio.min(read.unwrap_or(0)));
    let after =
        Usage { input: Some(input.checked_sub(tokens)?), cache_read: read, cache_read_audio: audio, ..usage.clone() };
    Some((after, tokens))
}
