//! Reasoning that the agent itself does with less: calls of one model, asked with more and with less effort.

use std::collections::BTreeMap;

use arc_catalog::Catalog;
use arc_model::Usage;

use super::{Basis, Change, Observed, Saving, Words, observed::SeenCall, of, saving};

/// Calls of a model with less effort from which a mean is taken.
const LEAST_CALLS: u64 = 5;

/// Efforts as providers name them, from the least.
const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

/// Finds calls that reasoned longer than calls of the same model did on the mean with the least effort that the agent
/// asks for. An agent that asks for one effort only shows nothing: what less would do, only trying it tells.
pub(super) fn find(seen: &Observed, catalog: &Catalog) -> Option<Saving> {
    let mut by_effort: BTreeMap<(&str, usize), Vec<&SeenCall>> = BTreeMap::new();
    for call in seen.calls().iter().filter(|call| !call.is_error) {
        let effort = call.effort.as_deref().and_then(|effort| EFFORTS.iter().position(|known| *known == effort));
        if let (Some(row), Some(effort), Some(_)) = (call.price_row(), effort, reasoning(call)) {
            by_effort.entry((row, effort)).or_default().push(call);
        }
    }
    let mut least: BTreeMap<&str, (usize, u64, u64)> = BTreeMap::new();
    for ((row, effort), calls) in &by_effort {
        let count = super::counted(calls.len());
        let sum: u64 = calls.iter().filter_map(|call| reasoning(call)).fold(0, u64::saturating_add);
        if count >= LEAST_CALLS {
            // Rounded up: what is saved is not overstated.
            least.entry(row).or_insert((*effort, sum.div_ceil(count), count));
        }
    }
    let mut changes = Vec::new();
    let mut compared = Vec::new();
    for (row, (lowest, mean, count)) in &least {
        let before = changes.len();
        for ((_, effort), calls) in by_effort.iter().filter(|((other, effort), _)| other == row && effort > lowest) {
            changes.extend(calls.iter().filter_map(|call| with_less(call, *mean, EFFORTS.get(*effort)?)));
        }
        if changes.len() > before {
            let name = EFFORTS.get(*lowest).copied().unwrap_or_default();
            compared.push(format!("{row}: {mean} reasoning tokens on the mean of {count} calls with effort `{name}`"));
        }
    }
    let tokens: u64 = changes.iter().map(|change| change.tokens).sum();
    let mut assumes =
        vec!["the answers would be as good with less effort, which only trying it tells: `arc-eval replay`".to_owned()];
    assumes.extend(compared);
    let words = Words {
        kind: "reasoning-effort",
        title: format!(
            "{} reasoned {} longer than this agent's calls with the least effort do",
            of(super::counted(changes.len()), "call"),
            of(tokens, "token")
        ),
        fix: "Ask for the lower effort where the step is as simple as those that get it already.".to_owned(),
        assumes,
        basis: Basis::Counted,
        time_ns: None,
    };
    saving(words, &changes, catalog)
}

fn reasoning(call: &SeenCall) -> Option<u64> {
    call.usage.as_ref()?.reasoning
}

fn with_less<'a>(call: &'a SeenCall, mean: u64, effort: &str) -> Option<Change<'a>> {
    let usage = call.usage.as_ref()?;
    let tokens = usage.reasoning?.checked_sub(mean).filter(|tokens| *tokens > 0)?;
    let after = Usage { reasoning: Some(mean), output: Some(usage.output?.checked_sub(tokens)?), ..usage.clone() };
    let shows = format!("reasoned for {} tokens with effort `{effort}`", usage.reasoning?);
    Some(Change { call, after: Some(after), tokens, shows })
}
