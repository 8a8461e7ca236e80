//! What could be saved, computed from the runs themselves: no percentages out of the air.
//!
//! Start at [`savings`]. [`Observed`] collects what the kinds look at, a run at a time, so that the
//! runs need not be in memory together. A new kind is a file here with a function like the others,
//! and a line in [`KINDS`]. Amounts are differences of the cost of single calls, each priced twice by
//! the rules of this module's parent: as it was, and with the change.
//!
//! Not here, because runs alone do not show it: whether another model does as well, see [`ModelSwitch`]; what less
//! reasoning would do where an agent never tries it; which part of an answer was too long, but for what it copied.

mod batchable;
mod caching;
mod copied_output;
mod duplicate_calls;
mod history_trimming;
mod model_switch;
mod observed;
mod parallel_tools;
mod permanent_errors;
mod reasoning_effort;
mod reread;
mod unused_tools;

#[cfg(test)]
mod tests;

use arc_catalog::Catalog;
use arc_model::{Cost, NanoUsd, SpanId, Timestamp, TraceId, Usage};
use serde::{Deserialize, Serialize};

pub use model_switch::ModelSwitch;
pub use observed::Observed;

use self::observed::SeenCall;
pub(in crate::cost) use self::observed::offered_to;
use super::{CostFigures, Estimated, span::price_usage, terms::Terms};

/// What finds savings of one kind.
type Find = fn(&Observed, &Catalog) -> Option<Saving>;

/// Every kind with its id, as it is listed.
pub const KINDS: &[(&str, Find)] = &[
    ("prompt-caching", caching::find),
    ("duplicate-calls", duplicate_calls::find),
    ("permanent-errors", permanent_errors::find),
    ("unused-tools", unused_tools::find),
    ("history-trimming", history_trimming::find),
    ("over-long-outputs", copied_output::find),
    ("reasoning-effort", reasoning_effort::find),
    ("batchable-calls", batchable::find),
    ("parallel-tools", parallel_tools::find),
];

/// Spans that a saving cites.
const CITED: usize = 8;

/// What could be saved on some runs of an agent. Each saving is computed alone; they overlap and do not add up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Savings {
    /// Runs that were looked at.
    pub runs: u64,
    /// When the first of them began.
    pub from: Option<Timestamp>,
    /// When the last of them began.
    pub until: Option<Timestamp>,
    /// Model calls in them.
    pub calls: u64,
    /// Calls whose cost is not known; what is said below leaves them out.
    pub unpriced_calls: u64,
    /// Those of them that came without token counts, by the tokens of their text; missing where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated: Option<Estimated>,
    /// Calls whose prompt was not recorded; they cannot be compared with others.
    pub unseen_calls: u64,
    /// What the other calls cost together.
    pub cost: NanoUsd,
    /// What could be saved, the most first.
    pub savings: Vec<Saving>,
    /// Models at which the same tokens would have cost less, the cheapest first.
    pub switches: Vec<ModelSwitch>,
}

/// Something that could be saved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Saving {
    /// Its kind: `prompt-caching`, `duplicate-calls` …
    pub kind: String,
    /// What is wasted, in one sentence.
    pub title: String,
    /// What to do.
    pub fix: String,
    /// What has to hold for it to be true.
    pub assumes: Vec<String>,
    /// Where the token count comes from.
    pub basis: Basis,
    /// Calls it applies to.
    pub calls: u64,
    /// Runs with such a call.
    pub runs: u64,
    /// Tokens that would not be billed, or be billed at a lower price.
    pub tokens: u64,
    /// What would be saved; `null` when none of the calls has a known cost. At least this when `unpriced_calls` is not 0.
    pub amount: Option<NanoUsd>,
    /// Calls it applies to whose cost is not known.
    pub unpriced_calls: u64,
    /// A month at this week's pace, when that pace is known and every call of the runs is priced.
    pub per_month: Option<NanoUsd>,
    /// Time that would be saved, in nanoseconds; `null` when it is not known, or when no time is saved.
    pub time_ns: Option<u64>,
    /// The first few spans that show it.
    pub evidence: Vec<Cited>,
}

/// Where a token count comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The provider counted these very tokens.
    Counted,
    /// The provider counted the whole prompt; its parts are taken to have tokens in proportion to their length.
    Estimated,
}

/// A span that shows a saving.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Cited {
    /// The run.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// What it shows, in a few words.
    pub shows: String,
}

/// Returns what could be saved on these runs.
pub fn savings(seen: &Observed, catalog: &Catalog) -> Savings {
    let mut found: Vec<Saving> = KINDS.iter().filter_map(|(_, find)| find(seen, catalog)).collect();
    found.sort_by_key(|saving| std::cmp::Reverse((saving.amount, saving.time_ns)));
    let count = |which: fn(&&SeenCall) -> bool| counted(seen.calls().iter().filter(which).count());
    Savings {
        runs: counted(seen.runs()),
        from: seen.began().map(|(first, _)| first),
        until: seen.began().map(|(_, last)| last),
        calls: count(|_| true),
        unpriced_calls: count(|call| call.cost.known().is_none()),
        estimated: seen.estimated(),
        unseen_calls: count(|call| call.prompt.is_none()),
        cost: seen.calls().iter().filter_map(|call| call.cost.known()).sum(),
        savings: found,
        switches: model_switch::find(seen, catalog),
    }
}

impl Savings {
    /// Says what the savings come to in a month, where the figures project one.
    ///
    /// The share of the cost that is saved on these runs is taken for that of a month.
    pub fn project(&mut self, figures: &CostFigures) {
        let month = figures.projected_month.filter(|_| self.unpriced_calls == 0 && self.cost > NanoUsd::ZERO);
        let Some(month) = month else { return };
        let whole = self.cost.as_usd();
        let share = |amount: NanoUsd| NanoUsd::from_usd(month.amount.as_usd() * (amount.as_usd() / whole));
        for saving in &mut self.savings {
            saving.per_month = saving.amount.and_then(share);
        }
        for switch in &mut self.switches {
            switch.month_before = Some(month.amount);
            switch.month_after = share(self.cost - switch.before + switch.after);
        }
    }
}

/// A change of one call.
struct Change<'a> {
    call: &'a SeenCall,
    /// What it would use; `None` when it would not be made.
    after: Option<Usage>,
    /// Tokens that are saved, or cheaper.
    tokens: u64,
    shows: String,
}

/// What a kind says about itself.
struct Words {
    kind: &'static str,
    title: String,
    fix: String,
    assumes: Vec<String>,
    basis: Basis,
    time_ns: Option<u64>,
}

/// Makes a saving of changes; `None` when nothing is saved.
fn saving(words: Words, changes: &[Change<'_>], catalog: &Catalog) -> Option<Saving> {
    let (mut amount, mut unpriced) = (NanoUsd::ZERO, 0);
    for change in changes {
        match change.saves(catalog) {
            Some(saved) => amount = amount + saved,
            None => unpriced += 1,
        }
    }
    let amount = (unpriced < counted(changes.len())).then_some(amount);
    saving_of(words, changes, amount, unpriced)
}

/// Makes a saving of changes that are priced already.
fn saving_of(words: Words, changes: &[Change<'_>], amount: Option<NanoUsd>, unpriced: u64) -> Option<Saving> {
    let Words { kind, title, fix, assumes, basis, time_ns } = words;
    let calls = counted(changes.len());
    let is_worth_it = amount.is_some_and(|amount| amount > NanoUsd::ZERO) || time_ns.is_some() || unpriced > 0;
    let mut runs: Vec<usize> = changes.iter().map(|change| change.call.run).collect();
    runs.sort_unstable();
    runs.dedup();
    let cite = |change: &Change<'_>| Cited {
        trace_id: change.call.trace_id,
        span_id: change.call.span_id,
        shows: change.shows.clone(),
    };
    (is_worth_it && !changes.is_empty()).then(|| Saving {
        kind: kind.to_owned(),
        title,
        fix,
        assumes,
        basis,
        calls,
        runs: counted(runs.len()),
        tokens: changes.iter().map(|change| change.tokens).fold(0, u64::saturating_add),
        amount,
        unpriced_calls: unpriced,
        per_month: None,
        time_ns,
        evidence: changes.iter().take(CITED).map(cite).collect(),
    })
}

impl Change<'_> {
    /// Returns what the call costs less; `None` when one of the two costs is not known.
    fn saves(&self, catalog: &Catalog) -> Option<NanoUsd> {
        let before = self.call.cost.known()?;
        let after = match &self.after {
            Some(usage) => self.call.price(usage, catalog).known()?,
            None => NanoUsd::ZERO,
        };
        Some(before - after)
    }
}

impl SeenCall {
    /// Returns what the call would cost with other token counts.
    fn price(&self, usage: &Usage, catalog: &Catalog) -> Cost {
        self.price_on(usage, self.terms, catalog)
    }

    /// Returns what it would cost on other terms.
    fn price_on(&self, usage: &Usage, terms: Terms, catalog: &Catalog) -> Cost {
        price_usage(self.model.as_ref(), usage, self.start, self.kind, terms, catalog.prices())
    }
}

fn counted(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Returns a count with its noun.
fn of(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
