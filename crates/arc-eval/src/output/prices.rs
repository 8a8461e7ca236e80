//! Prices as text.

use std::fmt::Write as _;

use arc_analysis::cost::{Account, Reconciliation};
use arc_model::NanoUsd;

use super::{number, plain_line, style};
use crate::commands::{Difference, Price};

/// Returns the prices of a model, one line per class.
pub(crate) fn shown(prices: &[Price]) -> String {
    let mut text = String::new();
    if let Some(first) = prices.first() {
        let _ = writeln!(text, "{}, dollars per million tokens", style::heading(&plain_line(&first.row, 80)));
    }
    for price in prices {
        let _ = writeln!(text, "  {:<12} {:>12}", price.class, number::dollars(price.per_million));
    }
    text
}

/// Returns where the user's prices differ from the table's.
pub(crate) fn differences(differences: &[Difference]) -> String {
    let mut text = String::new();
    for one in differences {
        let amount = |amount: Option<NanoUsd>| amount.map_or_else(|| "no price".to_owned(), number::dollars);
        let _ = writeln!(
            text,
            "{:<40} {:<12} {:>12} instead of {}",
            plain_line(&one.model, 40),
            one.class,
            amount(one.own),
            amount(one.table)
        );
    }
    text
}

/// Returns where a provider's account and what was recorded differ.
pub(crate) fn reconciled(found: &Reconciliation) -> String {
    let mut text = String::new();
    let same = number::counted(found.equal, "equal line");
    let different = number::counted(u64::try_from(found.different.len()).unwrap_or(u64::MAX), "difference");
    let _ = writeln!(text, "{}: {same}, {different}", style::heading(&format!("Usage at {}", found.provider)));
    if found.unpriced_runs > 0 {
        let runs = number::counted(found.unpriced_runs, "run");
        let _ = writeln!(text, "  {runs} on these days have no known cost, and what they used is not in \"here\"");
    }
    for one in &found.different {
        let _ = writeln!(text, "\n{} {}", one.day, style::heading(&plain_line(&one.model, 60)));
        let _ = writeln!(text, "  there  {}", account(&one.theirs));
        let _ = writeln!(text, "  here   {}", account(&one.ours));
        let _ = writeln!(text, "  {}", style::aside(&one.explained));
    }
    text
}

fn account(account: &Account) -> String {
    let cost = account.cost.map_or_else(|| "unknown".to_owned(), number::dollars);
    let count = number::count;
    let (input, output, read) = (count(account.input), count(account.output), count(account.cache_read));
    format!("{input} in, of them {read} cached, {output} out, {cost}")
}
