//! The price table, and the only file that prices by it: the `genai-prices` crate.
//!
//! The crate answers "what does this usage cost" in `f64` dollars, per direction. To get one exact
//! amount per usage class it is asked for each class alone, and the answer is turned back into the
//! price of a token in whole pico-dollars. Prices in the table have at most six decimals per million
//! tokens, so that price is exact, and every amount is rounded only once, in integers.
//!
//! Prices that users set themselves ([`PriceOverride`]) outrank the table.

use std::{
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use arc_catalog::PriceOverride;
use arc_model::{CostLine, ModelRef, NanoUsd, Timestamp};
use genai_prices::{Calculator, PriceCalculation, PriceRequest, Usage};

use super::terms::Terms;

/// What tokens are billed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Input,
    CacheRead,
    CacheWrite,
    CacheWrite1h,
    AudioInput,
    ImageInput,
    CacheReadAudio,
    VideoInput,
    Output,
    Reasoning,
    AudioOutput,
    ImageOutput,
}

impl Class {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CacheRead => "cache_read",
            Self::CacheWrite => "cache_write",
            Self::CacheWrite1h => "cache_write_1h",
            Self::AudioInput => "audio_input",
            Self::ImageInput => "image_input",
            Self::CacheReadAudio => "cache_read_audio",
            Self::VideoInput => "video_input",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
            Self::AudioOutput => "audio_output",
            Self::ImageOutput => "image_output",
        }
    }

    const fn is_input(self) -> bool {
        !matches!(self, Self::Output | Self::Reasoning | Self::AudioOutput | Self::ImageOutput)
    }

    /// The table's classes that a token of this class is in, from the widest to the narrowest.
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Input => &["input_tokens"],
            Self::CacheRead => &["input_tokens", "cache_read_tokens"],
            Self::CacheWrite => &["input_tokens", "cache_write_tokens"],
            Self::CacheWrite1h => &["input_tokens", "cache_write_tokens", "cache_write_1h_tokens"],
            Self::AudioInput => &["input_tokens", "input_audio_tokens"],
            Self::ImageInput => &["input_tokens", "input_image_tokens"],
            Self::CacheReadAudio => {
                &["input_tokens", "cache_read_tokens", "input_audio_tokens", "cache_audio_read_tokens"]
            }
            Self::VideoInput => &["input_tokens", "input_video_tokens"],
            Self::Output => &["output_tokens"],
            Self::Reasoning => &["output_tokens", "output_reasoning_tokens"],
            Self::AudioOutput => &["output_tokens", "output_audio_tokens"],
            Self::ImageOutput => &["output_tokens", "output_image_tokens"],
        }
    }
}

/// The price of something in pico-dollars (10⁻¹² USD).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PicoUsd(pub(super) u64);

impl PicoUsd {
    const ZERO: Self = Self(0);

    fn from_usd(usd: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "prices are finite and not negative, and the cast saturates"
        )]
        Self((usd * 1e12).round() as u64)
    }

    /// Returns what `count` of it cost, rounded half up to the nano-dollar.
    fn times(self, count: u64) -> NanoUsd {
        let nanos = (u128::from(self.0) * u128::from(count) + 500) / 1000;
        NanoUsd(i64::try_from(nanos).unwrap_or(i64::MAX))
    }
}

/// The prices that hold for one call: of one model, at one time, with one length of input (long
/// inputs cost more a token with some models).
pub(super) struct PriceSheet<'a> {
    model: &'a str,
    provider: &'a str,
    at: SystemTime,
    input_tokens: u64,
    row: String,
    input: PicoUsd,
    output: PicoUsd,
    request: PicoUsd,
    terms: Terms,
    own: Option<&'a PriceOverride>,
}

impl<'a> PriceSheet<'a> {
    /// Returns the prices of a model; `None` when the table has none for its tokens.
    ///
    /// Without a provider, the one is taken whose models are named like this, or that the name says
    /// before a slash. A provider that the table does not know has no prices there, whatever its
    /// models are called. Without a time the prices of the table's own date are taken, so that the
    /// answer does not depend on when it is asked for.
    /// The prices that users set come first, on whatever terms a call was served.
    ///
    /// Terms that the table has no prices for have none here: the standard price would be wrong.
    pub(super) fn find(
        model: &'a ModelRef,
        at: Option<Timestamp>,
        input_tokens: u64,
        terms: Terms,
        own: &'a [PriceOverride],
    ) -> Option<Self> {
        let own = own.iter().find(|price| price.fits(model, at));
        let mut sheet = Self {
            model: model.name()?,
            // The table takes this one for a proxy: it looks at the model's name.
            provider: model.provider.as_deref().map_or("litellm", provider_id),
            at: at.map_or_else(table_date, system_time),
            input_tokens: input_tokens.max(1),
            row: String::new(),
            input: PicoUsd::ZERO,
            output: PicoUsd::ZERO,
            request: PicoUsd::ZERO,
            terms: Terms::Standard,
            own,
        };
        if let Some(own) = own {
            sheet.row = format!("{}/{}", arc_catalog::price::FILE, own.model);
            sheet.input = PicoUsd::from_usd(own.input / 1e6);
            sheet.output = PicoUsd::from_usd(own.output / 1e6);
            return Some(sheet);
        }
        let price = sheet.ask(&[("input_tokens", sheet.input_tokens), ("output_tokens", MILLION)])?;
        sheet.row = format!("{}/{}", price.provider_id, price.model_id);
        sheet.input = per_token(price.input_price, sheet.input_tokens);
        sheet.output = per_token(price.output_price, MILLION);
        sheet.request = PicoUsd::from_usd((price.total_price - price.input_price - price.output_price).max(0.0));
        // A row without token prices (images, hours of audio, a subscription) answers zero; only
        // models that are called free are.
        let is_priced = sheet.input != PicoUsd::ZERO || price.model_id.ends_with(":free");
        sheet.on(terms).filter(|_| is_priced)
    }

    /// Returns the same on other terms. The table has the prices of terms only from when they were verified; for
    /// calls of before they hold as well while the standard price was the same.
    fn on(self, terms: Terms) -> Option<Self> {
        let Some((_, name)) = terms.context() else {
            return (terms == Terms::Standard).then_some(self);
        };
        let standard = (self.input, self.output);
        let of = |sheet: &Self| {
            let price = sheet.ask(&[("input_tokens", sheet.input_tokens), ("output_tokens", MILLION)])?;
            Some((per_token(price.input_price, sheet.input_tokens), per_token(price.output_price, MILLION)))
        };
        let then = Self { at: table_date(), terms: Terms::Standard, row: self.row.clone(), ..self };
        let was_the_same = of(&then)? == standard;
        let mut sheet = Self { terms, at: self.at, ..then };
        let mut rates = of(&sheet)?;
        if rates == standard && was_the_same {
            sheet.at = table_date();
            rates = of(&sheet)?;
        }
        (sheet.input, sheet.output) = rates;
        sheet.row = format!("{} ({name})", self.row);
        (rates != standard).then_some(sheet)
    }

    /// Returns the price of a token of this class; what has no price of its own is billed as the
    /// wider class it is in.
    pub(super) fn rate(&self, class: Class) -> PicoUsd {
        match class {
            Class::Input => return self.input,
            Class::Output => return self.output,
            _ => {}
        }
        if let Some(own) = self.own {
            let usd = match class {
                Class::CacheRead => own.cache_read,
                Class::CacheWrite => own.cache_write,
                Class::CacheWrite1h => own.cache_write_1h.or(own.cache_write),
                _ => None,
            };
            let wider = if class.is_input() { self.input } else { self.output };
            return usd.map_or(wider, |usd| PicoUsd::from_usd(usd / 1e6));
        }
        let count = if class.is_input() { self.input_tokens } else { MILLION };
        let usage: Vec<_> = class.keys().iter().map(|&key| (key, count)).collect();
        let wider = if class.is_input() { self.input } else { self.output };
        self.ask(&usage).map_or(wider, |price| {
            per_token(if class.is_input() { price.input_price } else { price.output_price }, count)
        })
    }

    /// Returns the row: provider and model as in the table, or the user's own.
    pub(super) fn row(&self) -> &str {
        &self.row
    }

    /// Returns whether tokens of this class cost other than input, or output, in general.
    pub(super) fn has_own_rate(&self, class: Class) -> bool {
        self.rate(class) != if class.is_input() { self.input } else { self.output }
    }

    /// Returns what so many tokens of a class cost; `None` for no tokens, or when the class is not
    /// billed (embedding models do not bill their output).
    pub(super) fn line(&self, class: Class, tokens: u64) -> Option<CostLine> {
        let rate = self.rate(class);
        let billed = tokens > 0 && (rate != PicoUsd::ZERO || class == Class::Input);
        billed.then(|| CostLine {
            price_row: self.row.clone(),
            class: class.as_str().to_owned(),
            tokens,
            amount: rate.times(tokens),
        })
    }

    /// Returns the fee some providers take for each request, beside its tokens.
    pub(super) fn request_line(&self) -> Option<CostLine> {
        // Below a hundredth of a nano-dollar it is what the sums of the table's answer leave over.
        (self.request.0 > 10).then(|| CostLine {
            price_row: self.row.clone(),
            class: "request".to_owned(),
            tokens: 0,
            amount: self.request.times(1),
        })
    }

    /// Returns what searches of the web cost that the provider made for a call; `None` for none, or without a price.
    pub(super) fn search_line(&self, searches: u64) -> Option<CostLine> {
        const MANY: u64 = 1_000;
        if searches == 0 || self.own.is_some() {
            return None;
        }
        let tokens = ("input_tokens", self.input_tokens);
        let without = self.ask(&[tokens])?;
        let with = self.ask(&[tokens, ("web_searches", MANY)])?;
        let rate = per_token(with.total_price - without.total_price, MANY);
        (rate.0 > 10).then(|| CostLine {
            price_row: self.row.clone(),
            class: "web_search".to_owned(),
            tokens: 0,
            amount: rate.times(searches),
        })
    }

    fn ask(&self, usage: &[(&str, u64)]) -> Option<PriceCalculation> {
        #[expect(clippy::cast_precision_loss, reason = "token counts stay far below 2^53")]
        let usage: Usage = usage.iter().map(|&(key, count)| (key, count as f64)).collect();
        let mut request = PriceRequest::new(self.model, &usage).with_provider_id(self.provider).with_timestamp(self.at);
        if let Some((key, value)) = self.terms.context() {
            request = request.with_price_context(key, value);
        }
        table().calculate(&request).ok()
    }
}

const MILLION: u64 = 1_000_000;

#[expect(clippy::cast_precision_loss, reason = "token counts stay far below 2^53")]
fn per_token(price: f64, tokens: u64) -> PicoUsd {
    PicoUsd::from_usd(price / tokens as f64)
}

/// Returns every model of a provider of the table, with the tokens its context window holds where that is known.
pub(super) fn models_of(provider: &str) -> Vec<(&'static str, Option<u64>)> {
    let found = table().find_provider(Some(provider), None).ok().flatten();
    found.into_iter().flat_map(|found| found.models().map(|model| (model.id(), model.context_window()))).collect()
}

/// Returns the table's id of a provider in OpenTelemetry's or an instrumentation's spelling, where
/// the table does not read that spelling itself.
pub(super) fn provider_id(name: &str) -> &str {
    let is = |text: &str| name.eq_ignore_ascii_case(text);
    let begins = |text: &str| name.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text));
    if begins("az.") || begins("azure") {
        return "azure";
    }
    if begins("gcp.") {
        return "google";
    }
    if is("x_ai") {
        return "x-ai";
    }
    if begins("fireworks") {
        return "fireworks";
    }
    if is("open_router") { "openrouter" } else { name }
}

pub(super) fn system_time(at: Timestamp) -> SystemTime {
    let since_epoch = Duration::from_nanos(at.as_nanos().unsigned_abs());
    let time = if at.as_nanos() < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(since_epoch)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(since_epoch)
    };
    time.unwrap_or_else(table_date)
}

/// When the prices of the table were current; those of the bundled one 2026-10-21, noon UTC, which moves with the
/// version of the crate. The table lists later, announced prices too, so "as late as possible" would be wrong.
pub(super) fn table_date() -> SystemTime {
    match FETCHED.get() {
        Some((_, at)) => *at,
        None => SystemTime::UNIX_EPOCH + Duration::from_hours(20_747 * 24 + 12),
    }
}

/// A newer table than the bundled one, and when it was current.
static FETCHED: OnceLock<(Calculator, SystemTime)> = OnceLock::new();

/// Where the current table is.
pub const PRICE_TABLE_URL: &str = genai_prices::REMOTE_DATA_URL;

/// Prices by this table from now on, which was current at this time. The first table of a process stays: prices must
/// not change between two calls.
pub fn use_price_table(bytes: &[u8], at: Timestamp) -> Result<(), String> {
    if FETCHED.get().is_none() {
        let table = Calculator::from_json(bytes).map_err(|error| error.to_string())?;
        let _ = FETCHED.set((table, system_time(at)));
    }
    Ok(())
}

/// Returns how many models a table has prices of; an error when it is no table, or an empty one.
pub fn models_in_table(bytes: &[u8]) -> Result<usize, String> {
    let table = Calculator::from_json(bytes).map_err(|error| error.to_string())?;
    let models = table.providers().map(|provider| provider.models().count()).sum();
    if models == 0 { Err("it has no models".to_owned()) } else { Ok(models) }
}

pub(super) fn table() -> &'static Calculator {
    FETCHED.get().map_or_else(Calculator::bundled, |(table, _)| table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(provider: Option<&str>, model: &str) -> Option<String> {
        let model =
            ModelRef { provider: provider.map(str::to_owned), response: Some(model.to_owned()), ..ModelRef::default() };
        PriceSheet::find(&model, None, 1_000, Terms::Standard, &[]).map(|sheet| sheet.row)
    }

    #[test]
    fn providers_are_found_in_every_spelling() {
        for (provider, model, row) in [
            ("openai", "gpt-4o", "openai/gpt-4o"),
            ("az.ai.openai", "gpt-4o", "azure/gpt-4o"),
            ("azure.ai.inference", "gpt-4o", "azure/gpt-4o"),
            ("gcp.vertex_ai", "gemini-2.0-flash", "google/gemini-2.0-flash"),
            ("gcp.gen_ai", "gemini-2.0-flash", "google/gemini-2.0-flash"),
            ("anthropic", "claude-3-5-haiku-20241022", "anthropic/claude-3-5-haiku-latest"),
            ("x_ai", "grok-3", "x-ai/grok-3"),
        ] {
            assert_eq!(sheet(Some(provider), model).as_deref(), Some(row), "{provider} {model}");
        }
    }

    #[test]
    fn without_a_provider_the_name_of_the_model_decides() {
        assert_eq!(sheet(None, "gpt-4o").as_deref(), Some("openai/gpt-4o"));
        assert_eq!(sheet(None, "openai/gpt-4o").as_deref(), Some("openai/gpt-4o"));
        assert_eq!(sheet(None, "my-finetune"), None);
    }

    #[test]
    fn a_provider_without_prices_has_none_whatever_its_models_are_called() {
        assert_eq!(sheet(Some("my-proxy"), "gpt-4o"), None);
    }

    #[test]
    fn a_row_without_token_prices_is_not_free() {
        assert_eq!(sheet(Some("github-copilot"), "gpt-4o"), None);
        assert_eq!(sheet(Some("openai"), "whisper-1"), None);
        assert!(sheet(Some("openrouter"), "deepseek/deepseek-r1:free").is_some());
    }

    #[test]
    fn amounts_are_rounded_half_up_to_the_nano_dollar() {
        assert_eq!(PicoUsd(37_500).times(1), NanoUsd(38));
        assert_eq!(PicoUsd(37_500).times(2), NanoUsd(75));
        assert_eq!(PicoUsd(37_499).times(1), NanoUsd(37));
        assert_eq!(PicoUsd(u64::MAX).times(u64::MAX), NanoUsd(i64::MAX));
    }
}
