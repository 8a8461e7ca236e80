//! Calls that ask a model what the same run asked it before.

use std::collections::BTreeMap;

use arc_catalog::Catalog;

use super::{Basis, Change, Observed, Saving, Words, observed::SeenCall, of, saving};

/// Finds calls that equal an earlier one of their run which was answered before they began. Calls of
/// different runs are not compared: trying a task again is no waste.
pub(super) fn find(seen: &Observed, catalog: &Catalog) -> Option<Saving> {
    let mut first: BTreeMap<_, &SeenCall> = BTreeMap::new();
    let mut changes = Vec::new();
    let mut sampled = 0;
    for call in seen.calls().iter().filter(|call| !call.is_error && call.usage.is_some()) {
        let Some(prompt) = &call.prompt else { continue };
        let Some(&earlier) = first.get(&(call.run, prompt.whole)) else {
            first.insert((call.run, prompt.whole), call);
            continue;
        };
        // Nothing was paid for the second of two records of one call.
        if earlier.end > call.start || earlier.is_free() || call.is_free() {
            continue;
        }
        sampled += u64::from(call.temperature.is_some_and(|temperature| temperature > 0.0));
        let shows = format!("asks what span {} asked before", earlier.span_id);
        changes.push(Change { call, after: None, tokens: call.tokens(), shows });
    }
    let mut assumes = vec!["the first answer can be used again: nothing outside of the prompt changed".to_owned()];
    if sampled > 0 {
        assumes.push(format!(
            "{} asked with a temperature above 0; if other samples were wanted on purpose, these are no waste",
            of(sampled, "call")
        ));
    }
    let count = super::counted(changes.len());
    let words = Words {
        kind: "duplicate-calls",
        title: format!(
            "{} repeated an earlier call of the same run: same model, messages and parameters",
            of(count, "call")
        ),
        fix: "Keep the answer of the first call for the rest of the run, or find out why the loop asks again."
            .to_owned(),
        assumes,
        basis: Basis::Counted,
        time_ns: time(&changes),
    };
    saving(words, &changes, catalog)
}

/// Returns how long calls took that would not be made; `None` when that is not known of one.
pub(super) fn time(changes: &[Change<'_>]) -> Option<u64> {
    let mut durations = changes.iter().map(|change| change.call.duration_ns());
    durations.try_fold(0_u64, |sum, one| sum.checked_add(one?)).filter(|&time| time > 0)
}
