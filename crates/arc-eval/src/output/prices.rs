//! Prices as text.

use std::fmt::Write as _;

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
