//! `arc-eval prices`: what a model costs here, what the user's own prices change, and pricing stored runs anew.

use std::{path::Path, time::Duration};

use arc_analysis::cost::price_span_with;
use arc_catalog::{Budget, Catalog, PriceOverride};
use arc_model::{Cost, ModelRef, NanoUsd, Span, SpanId, SpanKind, Timestamp, TraceId, Usage};
use serde::Serialize;

use super::{open, open_to_read, own_prices, settle_if_possible};
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
    if let PricesCommand::Update { from } = &arguments.command {
        return update(config, from.as_deref());
    }
    let own = own_prices(config)?;
    match &arguments.command {
        PricesCommand::Update { .. } => Ok(()),
        PricesCommand::Show { model, provider, at, json } => {
            let at = at.as_deref().map(read_time).transpose()?;
            show(&own, model, provider.as_deref(), at, *json)
        }
        PricesCommand::Diff { json } => diff(&own, *json),
        PricesCommand::Reconcile { file, json } => reconcile(config, &own, file, *json).await,
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

async fn reconcile(config: &Config, own: &[PriceOverride], file: &Path, as_json: bool) -> Result<(), Failure> {
    let shown = file.display();
    let text = std::fs::read(file).map_err(|error| Failure::unreadable(format!("cannot read {shown}: {error}")))?;
    let bill = arc_analysis::cost::read_bill(&text, own)
        .map_err(|why| Failure::unreadable(format!("{shown} cannot be compared: {why}")))?;
    let app = open_to_read(config).await?;
    settle_if_possible(&app).await?;
    let found = app.reconcile(&config.project, &bill).await?;
    if as_json {
        return output::json(&found);
    }
    Ok(output::data(&prices::reconciled(&found))?)
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

/// Returns the catalogue with the user's prices and budgets.
pub(super) fn catalog(own: Vec<PriceOverride>, budgets: Vec<Budget>) -> &'static Catalog {
    if own.is_empty() && budgets.is_empty() {
        return Catalog::builtin();
    }
    // Once per process, which uses it until its end.
    Box::leak(Box::new(Catalog::builtin().clone().with_prices(own).with_budgets(budgets)))
}

/// The fetched price table in the data directory.
const TABLE: &str = "prices.json";

/// Longest that fetching the table takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// Takes the price table into use that `prices update` fetched, where there is one.
pub(super) fn use_fetched(config: &Config) -> Result<(), Failure> {
    let Ok(home) = config.home() else { return Ok(()) };
    let file = home.join(TABLE);
    let cannot = |why: &dyn std::fmt::Display| {
        Failure::usage(format!(
            "the fetched price table {} cannot be used: {why}; delete it, or fetch it again with arc-eval prices update",
            file.display()
        ))
    };
    let (bytes, at) = match std::fs::read(&file).and_then(|bytes| Ok((bytes, file.metadata()?.modified()?))) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(cannot(&error)),
    };
    let since = at.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let at = Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
    arc_analysis::cost::use_price_table(&bytes, at).map_err(|why| cannot(&why))
}

/// Fetches the price table, or takes it from a file, and keeps it once it can be read.
fn update(config: &Config, from: Option<&str>) -> Result<(), Failure> {
    let url = from.unwrap_or(arc_analysis::cost::PRICE_TABLE_URL);
    let cannot =
        |why: &dyn std::fmt::Display| Failure::unreadable(format!("cannot fetch the price table from {url}: {why}"));
    let bytes = if url.starts_with("https://") || url.starts_with("http://") {
        let http = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build().new_agent();
        let mut answer = http.get(url).call().map_err(|error| cannot(&error))?;
        answer.body_mut().with_config().limit(64 << 20).read_to_vec().map_err(|error| cannot(&error))?
    } else {
        std::fs::read(url).map_err(|error| cannot(&error))?
    };
    let models = arc_analysis::cost::models_in_table(&bytes).map_err(|why| cannot(&why))?;
    let file = config.home()?.join(TABLE);
    let unwritable = |error: std::io::Error| Failure::usage(format!("cannot write {}: {error}", file.display()));
    // In two steps, so that there is never half a table.
    let beside = file.with_extension("json.new");
    std::fs::create_dir_all(config.home()?).map_err(unwritable)?;
    std::fs::write(&beside, &bytes).map_err(unwritable)?;
    std::fs::rename(&beside, &file).map_err(unwritable)?;
    output::talk(&format!(
        "a price table with {} is in use from now on; a running server reads it when it starts, and stored runs keep their \
         cost until arc-eval prices recompute",
        number::counted(u64::try_from(models).unwrap_or(u64::MAX), "model")
    ));
    Ok(())
}
