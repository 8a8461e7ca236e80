//! What the price table's own library reads from an answer and asks for it, to hold our reading and our prices against.
//! It measures us; nothing that users see is computed here.

use std::collections::BTreeMap;

use arc_model::{Json, NanoUsd, Timestamp};
use genai_prices::{ExtractRequest, PriceRequest};

use super::prices::{provider_id, system_time, table, table_date};

/// One way in which the library reads an answer.
pub(crate) struct Reading {
    /// Counts by the library's names.
    pub(crate) usage: BTreeMap<String, u64>,
    /// What it asks for them in all; `None` without a price.
    pub(crate) price: Option<NanoUsd>,
}

/// Returns every reading the library has of an answer of this provider and model; the counts of one that it cannot read
/// are left out.
pub(crate) fn readings(provider: &str, model: &str, body: &Json, at: Option<Timestamp>) -> Vec<Reading> {
    let table = table();
    let provider = provider_id(provider);
    let Some(found) = table.find_provider(Some(provider), None).ok().flatten() else { return Vec::new() };
    let at = at.map_or_else(table_date, system_time);
    let read = |flavor: &str| {
        let request = ExtractRequest::from_value(body).with_provider_id(provider).with_api_flavor(flavor);
        let read = table.extract_provider_usage(&request).ok()?;
        let request = PriceRequest::new(model, &read.usage).with_provider_id(provider).with_timestamp(at);
        let price = table.calculate(&request).ok().and_then(|price| NanoUsd::from_usd(price.total_price));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counts are whole and not negative"
        )]
        let usage = read.usage.iter().map(|(key, count)| (key.as_str().to_owned(), count as u64)).collect();
        Some(Reading { usage, price })
    };
    found.api_flavors().filter_map(read).collect()
}
