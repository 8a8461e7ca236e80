//! A provider's own account of usage, beside what was recorded here: where they differ, by day and model, and why.
//!
//! [`read_bill`] reads the CSV files that the consoles of OpenAI and Anthropic export, [`reconcile`] compares. A run counts
//! on the UTC day on which it began; a provider counts a call on the day on which it was made.

use std::collections::{BTreeMap, BTreeSet};

use arc_catalog::PriceOverride;
use arc_model::{Cost, CostLine, ModelRef, NanoUsd, Run, SpanKind, Timestamp, Usage};
use serde::Serialize;

use super::{prices::PriceSheet, span::price_usage, terms::Terms};

/// A provider's account of usage.
#[derive(Debug, Clone, PartialEq)]
pub struct Bill {
    /// Whose.
    pub provider: &'static str,
    lines: BTreeMap<(String, String), Account>,
}

impl Bill {
    /// Returns the first and the last day of the account.
    pub fn days(&self) -> Option<(&str, &str)> {
        let mut days = self.lines.keys().map(|(day, _)| day.as_str());
        let first = days.next()?;
        Some((first, days.next_back().unwrap_or(first)))
    }
}

/// Tokens of one model on one day, and what they cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Account {
    /// Input tokens, cached ones included.
    pub input: u64,
    /// Of these, tokens read from the cache.
    pub cache_read: u64,
    /// Of these, tokens written to the cache.
    pub cache_write: u64,
    /// Output tokens.
    pub output: u64,
    /// What they cost; of a provider's account without amounts, at the prices here. `None` when it is not known.
    pub cost: Option<NanoUsd>,
}

/// One day and model in both accounts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// The UTC day.
    pub day: String,
    /// The price row, or the model as the provider names it where it has none.
    pub model: String,
    /// What the provider says.
    pub theirs: Account,
    /// What was recorded.
    pub ours: Account,
    /// What the difference comes from, as far as the counts tell.
    pub explained: String,
}

/// Both accounts, compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reconciliation {
    /// Whose account it is.
    pub provider: String,
    /// Days and models that are the same in both.
    pub equal: u64,
    /// Those that differ.
    pub different: Vec<Compared>,
    /// Runs on these days of which a call has no known cost: what they used is not in `ours`.
    pub unpriced_runs: u64,
}

/// Names of columns, the first that is there is taken.
struct Columns {
    provider: &'static str,
    day: &'static [&'static str],
    model: &'static [&'static str],
    terms: &'static [&'static str],
    /// Whether the input column leaves out what was cached.
    is_exclusive: bool,
    input: &'static [&'static str],
    cache_read: &'static [&'static str],
    cache_write: &'static [&'static str],
    cache_write_1h: &'static [&'static str],
    output: &'static [&'static str],
}

const SHAPES: [Columns; 2] = [
    Columns {
        provider: "anthropic",
        day: &["usage_date_utc", "starting_at"],
        model: &["model_version", "model"],
        terms: &["usage_type", "service_tier"],
        is_exclusive: true,
        input: &["usage_input_tokens_no_cache", "uncached_input_tokens"],
        cache_read: &["usage_input_tokens_cache_read", "cache_read_input_tokens"],
        cache_write: &["usage_input_tokens_cache_write_5m", "cache_creation_ephemeral_5m_input_tokens"],
        cache_write_1h: &["usage_input_tokens_cache_write_1h", "cache_creation_ephemeral_1h_input_tokens"],
        output: &["usage_output_tokens", "output_tokens"],
    },
    Columns {
        provider: "openai",
        day: &["start_time_iso", "date", "start_time"],
        model: &["model"],
        terms: &["service_tier", "batch"],
        is_exclusive: false,
        input: &["input_tokens"],
        cache_read: &["input_cached_tokens"],
        cache_write: &[],
        cache_write_1h: &[],
        output: &["output_tokens"],
    },
];

/// Reads a usage export; an error says what was expected.
pub fn read_bill(text: &[u8], own: &[PriceOverride]) -> Result<Bill, String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
    let header: Vec<String> = match reader.headers() {
        Ok(header) => header.iter().map(|name| name.trim_matches(['\u{feff}', ' ']).to_ascii_lowercase()).collect(),
        Err(error) => return Err(format!("it is no CSV: {error}")),
    };
    let place = |names: &[&str]| names.iter().find_map(|name| header.iter().position(|known| known == name));
    let fits = |shape: &&Columns| {
        [shape.day, shape.model, shape.input, shape.output].iter().all(|names| place(names).is_some())
    };
    let Some(shape) = SHAPES.iter().find(fits) else {
        return Err(format!(
            "its columns are {}; expected are those of OpenAI's usage export (start_time_iso, model, input_tokens, \
             input_cached_tokens, output_tokens) or of Anthropic's (usage_date_utc, model_version, \
             usage_input_tokens_no_cache, usage_output_tokens)",
            header.join(", ")
        ));
    };
    let mut bill = Bill { provider: shape.provider, lines: BTreeMap::new() };
    for (index, record) in reader.records().enumerate() {
        let line = index + 2;
        let record = record.map_err(|error| format!("line {line} cannot be read: {error}"))?;
        let cell =
            |names: &[&str]| place(names).and_then(|column| record.get(column)).map(str::trim).unwrap_or_default();
        let count = |names: &[&str]| match cell(names) {
            "" => Ok(0),
            number => number.parse::<u64>().map_err(|_| format!("line {line}: `{number}` is no count of tokens")),
        };
        let (day, model) = (cell(shape.day), cell(shape.model));
        // Days without usage have a line without a model.
        if model.is_empty() {
            continue;
        }
        let day = day_of(day).ok_or_else(|| format!("line {line}: `{day}` is no date"))?;
        let (read, minutes, hour) = (count(shape.cache_read)?, count(shape.cache_write)?, count(shape.cache_write_1h)?);
        let written = minutes.saturating_add(hour);
        let beside = if shape.is_exclusive { read.saturating_add(written) } else { 0 };
        let usage = Usage {
            input: Some(count(shape.input)?.saturating_add(beside)),
            output: Some(count(shape.output)?),
            cache_read: Some(read),
            cache_write: Some(written),
            cache_write_1h: Some(hour),
            ..Usage::default()
        };
        let terms = shape.terms.iter().map(|name| cell(&[*name])).map(terms).find(|terms| *terms != Terms::Standard);
        bill.add(&day, model, &usage, terms.unwrap_or_default(), own);
    }
    Ok(bill)
}

fn terms(cell: &str) -> Terms {
    match cell.to_ascii_lowercase().as_str() {
        "batch" | "true" => Terms::Batch,
        "flex" => Terms::Flex,
        "priority" => Terms::Priority,
        _ => Terms::Standard,
    }
}

/// Reads a date, a time, or seconds since 1970.
fn day_of(text: &str) -> Option<String> {
    let text = match text.parse::<i64>() {
        Ok(seconds) => Timestamp::from_millis(seconds.checked_mul(1_000)?).to_string(),
        Err(_) => text.to_owned(),
    };
    let day = text.get(..10)?;
    Timestamp::parse(&format!("{day}T00:00:00Z")).map(|_| day.to_owned())
}

impl Bill {
    fn add(&mut self, day: &str, model: &str, usage: &Usage, terms: Terms, own: &[PriceOverride]) {
        let named = ModelRef {
            provider: Some(self.provider.to_owned()),
            response: Some(model.to_owned()),
            ..ModelRef::default()
        };
        let at = Timestamp::parse(&format!("{day}T12:00:00Z"));
        let row = PriceSheet::find(&named, at, 1, Terms::Standard, own).map(|sheet| sheet.row().to_owned());
        // A line sums many calls, so the price of short ones is taken; where long ones cost more, the amounts differ.
        let cost = price_in_parts(&named, usage, at, terms, own);
        let account = self.lines.entry((day.to_owned(), row.unwrap_or_else(|| model.to_owned())));
        match account {
            std::collections::btree_map::Entry::Vacant(new) => {
                new.insert(Account { cost, ..account_of(usage) });
            }
            std::collections::btree_map::Entry::Occupied(mut known) => {
                let known = known.get_mut();
                let more = account_of(usage);
                known.input = known.input.saturating_add(more.input);
                known.cache_read = known.cache_read.saturating_add(more.cache_read);
                known.cache_write = known.cache_write.saturating_add(more.cache_write);
                known.output = known.output.saturating_add(more.output);
                known.cost = known.cost.zip(cost).map(|(known, more)| known + more);
            }
        }
    }
}

fn price_in_parts(
    model: &ModelRef,
    usage: &Usage,
    at: Option<Timestamp>,
    terms: Terms,
    own: &[PriceOverride],
) -> Option<NanoUsd> {
    const PART: u64 = 100_000;
    let parts = usage.input.unwrap_or(0).div_ceil(PART).max(1);
    if parts == 1 {
        return price_usage(Some(model), usage, at, SpanKind::Llm, terms, own).known();
    }
    let sheet = PriceSheet::find(model, at, PART, terms, own)?;
    super::span::price_with(usage, &sheet)
}

fn account_of(usage: &Usage) -> Account {
    let count = |count: Option<u64>| count.unwrap_or(0);
    Account {
        input: count(usage.input),
        cache_read: count(usage.cache_read),
        cache_write: count(usage.cache_write),
        output: count(usage.output),
        cost: None,
    }
}

/// What was recorded, by day and price row; filled a page of runs at a time.
#[derive(Debug, Default)]
pub struct Recorded {
    lines: BTreeMap<(String, String), Account>,
    unpriced_runs: u64,
}

impl Recorded {
    /// Adds a run that ended.
    pub fn add(&mut self, run: &Run) {
        let day: String = run.at().to_string().chars().take(10).collect();
        match &run.cost {
            Cost::Known { lines, .. } => {
                for line in lines {
                    self.add_line(&day, line);
                }
            }
            Cost::Unknown { .. } => self.unpriced_runs += 1,
        }
    }

    fn add_line(&mut self, day: &str, line: &CostLine) {
        // The row of other terms has them behind its name.
        let row = line.price_row.split(" (").next().unwrap_or(&line.price_row);
        let account = self.lines.entry((day.to_owned(), row.to_owned())).or_default();
        account.cost = Some(account.cost.unwrap_or(NanoUsd::ZERO) + line.amount);
        let tokens = line.tokens;
        match line.class.as_str() {
            "output" | "reasoning" | "audio_output" | "image_output" => {
                account.output = account.output.saturating_add(tokens);
            }
            "gateway_cache" => {}
            class => {
                account.input = account.input.saturating_add(tokens);
                if class.starts_with("cache_read") {
                    account.cache_read = account.cache_read.saturating_add(tokens);
                } else if class.starts_with("cache_write") {
                    account.cache_write = account.cache_write.saturating_add(tokens);
                }
            }
        }
    }
}

/// Compares a provider's account with what was recorded on its days, of its models.
pub fn reconcile(bill: &Bill, recorded: &Recorded) -> Reconciliation {
    let prefix = format!("{}/", bill.provider);
    let ours = recorded.lines.iter().filter(|((_, row), _)| row.starts_with(&prefix)).map(|(key, _)| key);
    let keys: BTreeSet<&(String, String)> = bill.lines.keys().chain(ours).collect();
    let (mut equal, mut different) = (0, Vec::new());
    for key in keys {
        let theirs = bill.lines.get(key).copied().unwrap_or_default();
        let ours = recorded.lines.get(key).copied().unwrap_or_default();
        match explain(&theirs, &ours) {
            None => equal += 1,
            Some(explained) => {
                let (day, model) = key.clone();
                different.push(Compared { day, model, theirs, ours, explained });
            }
        }
    }
    Reconciliation { provider: bill.provider.to_owned(), equal, different, unpriced_runs: recorded.unpriced_runs }
}

/// Says what a difference comes from; `None` when there is none. Amounts within a cent are equal: exports round.
fn explain(theirs: &Account, ours: &Account) -> Option<String> {
    const CENT: u64 = 10_000_000;
    let is_same_size = theirs.input == ours.input && theirs.output == ours.output;
    let is_same_cached = theirs.cache_read == ours.cache_read && theirs.cache_write == ours.cache_write;
    let apart = theirs.cost.zip(ours.cost).is_some_and(|(theirs, ours)| theirs.0.abs_diff(ours.0) > CENT);
    let more = |name: &str, theirs: u64, ours: u64| {
        (theirs != ours).then(|| {
            let side = if theirs > ours { "with the provider" } else { "here" };
            format!("{} {name} tokens more {side}", theirs.abs_diff(ours))
        })
    };
    if *ours == Account::default() {
        return (*theirs != Account::default()).then(|| "nothing of it was recorded here: calls of programs that are not traced, or of runs without a known cost".to_owned());
    }
    if *theirs == Account::default() {
        return Some("the provider does not list it: another account or key, or another day by its clock".to_owned());
    }
    if is_same_size && is_same_cached {
        return apart
            .then(|| "the same tokens at other prices: a tier, a batch, long inputs, or a contract".to_owned());
    }
    if is_same_size {
        return Some(
            "the same tokens, of which others were cached: what the emitter says about the cache is not what is billed"
                .to_owned(),
        );
    }
    let parts = [more("input", theirs.input, ours.input), more("output", theirs.output, ours.output)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let why = if theirs.input >= ours.input && theirs.output >= ours.output {
        "calls that were not recorded: programs that are not traced, retries inside of a client, answers cut off"
    } else if theirs.input <= ours.input && theirs.output <= ours.output {
        "calls of another account or key, of another day by the provider's clock, or answered by a gateway's cache"
    } else {
        "counts that the emitter made itself"
    };
    Some(format!("{}: {why}", parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENAI: &str = "start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,model,batch,service_tier,input_tokens,output_tokens,input_cached_tokens\n\
        1764547200,1764633600,2025-12-01T00:00:00+00:00,2025-12-02T00:00:00+00:00,p,2,gpt-4o-2024-08-06,false,default,1000,100,400\n\
        1764633600,1764720000,2025-12-02T00:00:00+00:00,2025-12-03T00:00:00+00:00,p,,,,,,,\n";
    const ANTHROPIC: &str = "usage_date_utc,model_version,api_key,workspace,usage_type,context_window,usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens,web_search_count\n\
        2025-12-01,claude-sonnet-4-5-20250929,k,w,standard,0-200k,600,10,0,400,100,0\n\
        2025-12-01,claude-sonnet-4-5-20250929,k,w,batch,0-200k,600,0,0,0,100,0\n";

    fn recorded(day: &str, text: &str) -> Recorded {
        let text = format!("trace {:032x} at {day}T10:00:00Z\n{text}", 1);
        let trace = arc_model::sketch::parse(&text).unwrap();
        let mut recorded = Recorded::default();
        let Cost::Known { lines, .. } = crate::price_trace(&trace) else { panic!("no price: {text}") };
        for line in &lines {
            recorded.add_line(day, line);
        }
        recorded
    }

    #[test]
    fn an_export_of_openai_is_inclusive_and_has_days_without_usage() {
        let bill = read_bill(OPENAI.as_bytes(), &[]).unwrap();
        assert_eq!((bill.provider, bill.days()), ("openai", Some(("2025-12-01", "2025-12-01"))));
        let account = bill.lines[&("2025-12-01".to_owned(), "openai/gpt-4o".to_owned())];
        // 600 at $2.50, 400 at $1.25, 100 at $10 a million.
        let cost = Some(NanoUsd(600 * 2_500 + 400 * 1_250 + 100 * 10_000));
        assert_eq!(account, Account { input: 1_000, cache_read: 400, cache_write: 0, output: 100, cost });
    }

    #[test]
    fn an_export_of_anthropic_is_exclusive_and_names_batches() {
        let bill = read_bill(ANTHROPIC.as_bytes(), &[]).unwrap();
        let account = bill.lines.values().next().unwrap();
        assert_eq!((account.input, account.cache_read, account.cache_write, account.output), (1_610, 400, 10, 200));
        // 600 at $3, 400 at $0.30, 10 at $3.75, 100 at $15; in a batch 600 at $1.50 and 100 at $7.50.
        let standard = 600 * 3_000 + 400 * 300 + 10 * 3_750 + 100 * 15_000;
        assert_eq!(account.cost, Some(NanoUsd(standard + 600 * 1_500 + 100 * 7_500)));
    }

    #[test]
    fn what_differs_is_explained_by_its_tokens() {
        let bill = read_bill(OPENAI.as_bytes(), &[]).unwrap();
        let compare = |text: &str| {
            let found = reconcile(&bill, &recorded("2025-12-01", text));
            found.different.first().map_or_else(String::new, |one| one.explained.clone())
        };
        let call = |counts: &str| format!("agent a\n  llm gpt-4o provider=openai {counts}");
        assert_eq!(compare(&call("in=1000 out=100 cache=400")), "");
        assert!(compare(&call("in=1000 out=100 cache=0")).starts_with("the same tokens, of which others were cached"));
        let fewer = compare(&call("in=900 out=100 cache=400"));
        assert!(fewer.starts_with("100 input tokens more with the provider: calls that were not recorded"), "{fewer}");
        let nothing = reconcile(&bill, &Recorded::default());
        assert!(nothing.different[0].explained.starts_with("nothing of it was recorded here"));
        let other_day = reconcile(&bill, &recorded("2025-12-05", &call("in=1 out=1")));
        assert!(other_day.different[1].explained.starts_with("the provider does not list it"));
    }

    #[test]
    fn a_file_of_another_shape_is_refused_with_what_was_expected() {
        let error = read_bill(b"a,b\n1,2\n", &[]).unwrap_err();
        assert!(error.starts_with("its columns are a, b; expected are those of OpenAI's usage export"), "{error}");
        let bad = OPENAI.replace(",1000,", ",many,");
        assert_eq!(read_bill(bad.as_bytes(), &[]).unwrap_err(), "line 2: `many` is no count of tokens");
    }
}
