//! `arc-eval prices`: what a model costs here, what the user's own prices change, and pricing stored runs anew.

use arc_analysis::cost::price_span_with;
use arc_catalog::{Catalog, PriceOverride};
use arc_model::{Cost, ModelRef, NanoUsd, Span, SpanId, SpanKind, Timestamp, TraceId, Usage};
use serde::Serialize;

use super::{open, own_prices};
use crate::{
    cli::{Prices, PricesCommand},
    config::Config,
    failure::Failure,
    output::{self, number, prices},
};

/// A price of a million tokens.
#[derive(Debug, Serialize)]
pub(crate) struct Price {
    /// What is billed: `input`, `output` …
    pub(crate) class: &'static str,
    /// The price row.
    pub(crate) row: String,
    /// A million tokens of it, in nano-dollars.
    pub(crate) per_million: NanoUsd,
}

/// A price of the user beside that of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Difference {
    /// The model as it is written in the file.
    pub(crate) model: String,
    /// What is billed.
    pub(crate) class: &'static str,
    /// A million tokens by the file.
    pub(crate) own: Option<NanoUsd>,
    /// A million tokens by the table; `None` when it has no such model.
    pub(crate) table: Option<NanoUsd>,
}

pub(super) async fn run(config: &Config, arguments: &Prices) -> Result<(), Failure> {
    let own = own_prices(config)?;
    match &arguments.command {
        PricesCommand::Show { model, provider, at, json } => {
            let at = at.as_deref().map(read_time).transpose()?;
            show(&own, model, provider.as_deref(), at, *json)
        }
        PricesCommand::Diff { json } => diff(&own, *json),
        PricesCommand::Recompute => recompute(config).await,
    }
}

fn read_time(text: &str) -> Result<Timestamp, Failure> {
    let found = Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")));
    found.ok_or_else(|| Failure::usage(format!("--at is `{text}`: give a date (2026-03-01) or a time")))
}

fn show(
    own: &[PriceOverride],
    model: &str,
    provider: Option<&str>,
    at: Option<Timestamp>,
    as_json: bool,
) -> Result<(), Failure> {
    let found = prices_of(model, provider, at, own);
    if found.is_empty() {
        let of = provider.map(|provider| format!(" of provider `{provider}`")).unwrap_or_default();
        return Err(Failure::usage(format!(
            "no price for model `{model}`{of}; calls of it have an unknown cost until {} in the data directory has one",
            arc_catalog::price::FILE
        )));
    }
    if as_json {
        return output::json(&found);
    }
    Ok(output::data(&prices::shown(&found))?)
}

/// Returns the prices of a model, class by class.
fn prices_of(model: &str, provider: Option<&str>, at: Option<Timestamp>, own: &[PriceOverride]) -> Vec<Price> {
    const MILLION: u64 = 1_000_000;
    let usages: [(&str, Usage); 4] = [
        ("input", Usage { input: Some(1_000), output: Some(0), ..Usage::default() }),
        ("output", Usage { input: Some(0), output: Some(1_000), ..Usage::default() }),
        ("cache_read", Usage { input: Some(1_000), output: Some(0), cache_read: Some(1_000), ..Usage::default() }),
        ("cache_write", Usage { input: Some(1_000), output: Some(0), cache_write: Some(1_000), ..Usage::default() }),
    ];
    let price = |(class, usage): (&'static str, Usage)| {
        let mut span = call(model, provider, at)?;
        span.usage = Some(usage);
        let Cost::Known { lines, .. } = price_span_with(&span, own) else { return None };
        // What has no price of its own is billed as input.
        let line = lines.iter().find(|line| line.class == class).or_else(|| lines.first())?.clone();
        let per_million = NanoUsd(line.amount.0.saturating_mul(i64::try_from(MILLION / 1_000).unwrap_or(1)));
        Some(Price { class, row: line.price_row, per_million })
    };
    usages.into_iter().filter_map(price).collect()
}

fn call(model: &str, provider: Option<&str>, at: Option<Timestamp>) -> Option<Span> {
    let (trace, span) = (TraceId::from_bytes([1; 16]).ok()?, SpanId::from_bytes([1; 8]).ok()?);
    let mut span = Span::new(trace, span, SpanKind::Llm, model);
    let provider = provider.map(str::to_owned);
    span.model = Some(ModelRef { provider, request: Some(model.to_owned()), ..ModelRef::default() });
    (span.start, span.end) = (at, at);
    Some(span)
}

fn diff(own: &[PriceOverride], as_json: bool) -> Result<(), Failure> {
    let mut differences = Vec::new();
    for price in own {
        let at = price.from.or_else(|| price.until.map(|until| until.plus_nanos(-1)));
        let (mine, table) = (
            prices_of(&price.model, price.provider.as_deref(), at, own),
            prices_of(&price.model, price.provider.as_deref(), at, &[]),
        );
        for class in ["input", "output", "cache_read", "cache_write"] {
            let of = |list: &[Price]| list.iter().find(|price| price.class == class).map(|price| price.per_million);
            let (own, table) = (of(&mine), of(&table));
            if own != table {
                differences.push(Difference { model: price.model.clone(), class, own, table });
            }
        }
    }
    if as_json {
        return output::json(&differences);
    }
    if own.is_empty() {
        output::talk(&format!(
            "there is no {} in the data directory, or it is empty: every price is that of the table",
            arc_catalog::price::FILE
        ));
    }
    Ok(output::data(&prices::differences(&differences))?)
}

async fn recompute(config: &Config) -> Result<(), Failure> {
    if !config.store_exists() {
        return Err(Failure::usage(format!(
            "there is no store at {}",
            arc_store_backends::without_password(&config.store)
        )));
    }
    let app = open(config, &config.store).await?;
    let recomputed = app.recompute(&config.project).await?;
    output::talk(&format!(
        "{} priced anew by the prices in force; taking a price back and running this again restores what was",
        number::counted(recomputed, "run")
    ));
    Ok(())
}

/// Returns the catalogue with the user's prices.
pub(super) fn catalog(own: Vec<PriceOverride>) -> &'static Catalog {
    if own.is_empty() {
        return Catalog::builtin();
    }
    // Once per process, which uses it until its end.
    Box::leak(Box::new(Catalog::builtin().clone().with_prices(own)))
}
