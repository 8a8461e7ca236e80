//! The cost of one model call: its tokens, split into classes that are billed differently.

use arc_catalog::PriceOverride;
use arc_model::{Cost, CostLine, ModelRef, NanoUsd, Span, SpanKind, Timestamp, UnknownCost, Usage};

use super::{
    cached_answer::is_answered_by_cache,
    prices::{Class, PriceSheet},
    terms::Terms,
};

/// More tokens than any call can have: such a count is a mistake, and pricing it would be another.
const MOST_TOKENS: u64 = 1 << 40;

/// Returns what one call of a model cost, with one line per class of tokens that has a price of its
/// own.
///
/// Prices that change with time are those of when the call began. Unknown without token counts, a
/// model, or a price; a count that is missing beside another makes the cost unknown and at least
/// what the other one costs.
pub fn price_span(span: &Span) -> Cost {
    price_span_with(span, &[])
}

/// Returns the same where prices that the user set outrank those of the table.
pub fn price_span_with(span: &Span, own: &[PriceOverride]) -> Cost {
    if is_answered_by_cache(span) {
        return Cost::from_lines(Vec::new());
    }
    let Some(usage) = span.usage.as_ref().filter(|usage| !usage.is_empty()) else {
        return Cost::unknown(if span.is_running() { UnknownCost::Running } else { UnknownCost::NoUsage });
    };
    price_usage(span.model.as_ref(), usage, span.start.or(span.end), span.kind, Terms::of(span), own)
}

/// Returns what so many tokens of a model cost at a time.
pub(super) fn price_usage(
    model: Option<&ModelRef>,
    usage: &Usage,
    at: Option<Timestamp>,
    kind: SpanKind,
    terms: Terms,
    own: &[PriceOverride],
) -> Cost {
    if usage.input.max(usage.output).is_some_and(|tokens| tokens > MOST_TOKENS) {
        return Cost::unknown(UnknownCost::UnclearUsage);
    }
    let Some((model, name)) = model.and_then(|model| Some((model, model.name()?))) else {
        return Cost::unknown(UnknownCost::NoModel);
    };
    let Some(sheet) = PriceSheet::find(model, at, usage.input.unwrap_or(0), terms, own) else {
        return Cost::unknown(UnknownCost::Unpriced { model: name.to_owned() });
    };
    let Some(mut lines) = lines(usage, &sheet) else {
        return Cost::unknown(UnknownCost::UnclearUsage);
    };
    lines.extend(sheet.request_line());
    let searches = usage.web_searches.unwrap_or(0);
    let of_searches = sheet.search_line(searches);
    let are_priced = searches == 0 || of_searches.is_some();
    lines.extend(of_searches);
    if !are_priced {
        let why = UnknownCost::Unpriced { model: format!("{name}, searches of the web") };
        return Cost::Unknown { why, at_least: lines.iter().map(|line| line.amount).sum() };
    }
    // Embeddings have no output.
    let is_complete = usage.input.is_some() && (usage.output.is_some() || kind == SpanKind::Embedding);
    if is_complete {
        return Cost::from_lines(lines);
    }
    Cost::Unknown { why: UnknownCost::NoUsage, at_least: lines.iter().map(|line| line.amount).sum() }
}

/// Returns the price row of a model and its rates of input and output, for calls with so much input.
pub(super) fn rates(
    model: &ModelRef,
    at: Option<Timestamp>,
    input: u64,
    own: &[PriceOverride],
) -> Option<(String, [u64; 2])> {
    let sheet = PriceSheet::find(model, at, input, Terms::Standard, own)?;
    let rates = [sheet.rate(Class::Input).0, sheet.rate(Class::Output).0];
    // A model whose output has no price answers with something else than text.
    rates.iter().all(|&rate| rate > 0).then(|| (sheet.row().to_owned(), rates))
}

/// Returns what tokens cost, whole or summed over calls, at the rates of calls with so much input.
pub(super) fn price_at_tier(
    model: &ModelRef,
    usage: &Usage,
    at: Option<Timestamp>,
    input: u64,
    own: &[PriceOverride],
) -> Option<NanoUsd> {
    let sheet = PriceSheet::find(model, at, input, Terms::Standard, own)?;
    Some(lines(usage, &sheet)?.iter().map(|line| line.amount).sum())
}

/// Returns what tokens cost at these prices.
pub(super) fn price_with(usage: &Usage, sheet: &PriceSheet<'_>) -> Option<NanoUsd> {
    Some(lines(usage, sheet)?.iter().map(|line| line.amount).sum())
}

/// Returns the lines of the counts there are; `None` when the counts contradict each other.
fn lines(usage: &Usage, sheet: &PriceSheet<'_>) -> Option<Vec<CostLine>> {
    let mut lines = Vec::new();
    if let Some(input) = usage.input {
        lines.extend(input_lines(input, usage, sheet)?);
    }
    if let Some(output) = usage.output {
        let parts = [
            (Class::Reasoning, usage.reasoning.unwrap_or(0)),
            (Class::AudioOutput, usage.audio_output.unwrap_or(0)),
            (Class::ImageOutput, usage.image_output.unwrap_or(0)),
        ];
        lines.extend(split(Class::Output, output, &parts, sheet)?);
    }
    Some(lines)
}

fn input_lines(input: u64, usage: &Usage, sheet: &PriceSheet<'_>) -> Option<Vec<CostLine>> {
    let read = usage.cache_read.unwrap_or(0);
    let hour = usage.cache_write_1h.unwrap_or(0);
    let written = usage.cache_write.unwrap_or(hour);
    let audio = usage.audio_input.unwrap_or(0);
    // Nobody said how much of the audio was cached when it is none of the kinds that are named.
    let cached_audio = if read == 0 { Some(0) } else { usage.cache_read_audio };
    let others =
        [(Class::ImageInput, usage.image_input.unwrap_or(0)), (Class::VideoInput, usage.video_input.unwrap_or(0))];
    if read.checked_add(written)? > input {
        return None;
    }
    let is_cached = read > 0 || written > 0;
    let is_apart = |&(class, tokens): &(Class, u64)| tokens > 0 && sheet.has_own_rate(class);
    let is_audio_apart = audio > 0 && sheet.has_own_rate(Class::AudioInput);
    if is_cached && (others.iter().any(is_apart) || is_audio_apart && (cached_audio.is_none() || written > 0)) {
        // Cached audio and cached images have yet another price, and how many there are was not said.
        return None;
    }
    let heard = if is_audio_apart { cached_audio.unwrap_or(0) } else { 0 };
    let [image, video] = others;
    let parts = [
        (Class::CacheRead, read.checked_sub(heard)?),
        (Class::CacheReadAudio, heard),
        (Class::CacheWrite, written.checked_sub(hour)?),
        (Class::CacheWrite1h, hour),
        (Class::AudioInput, audio.checked_sub(heard)?),
        image,
        video,
    ];
    split(Class::Input, input, &parts, sheet)
}

/// Splits `total` into the `parts` that have a price of their own, and the rest; `None` when a part
/// is larger than its whole.
fn split(whole: Class, total: u64, parts: &[(Class, u64)], sheet: &PriceSheet<'_>) -> Option<Vec<CostLine>> {
    let mut rest = total;
    let mut own = Vec::new();
    for &(class, tokens) in parts {
        if tokens > total {
            return None;
        }
        if tokens > 0 && sheet.has_own_rate(class) {
            rest = rest.checked_sub(tokens)?;
            own.extend(sheet.line(class, tokens));
        }
    }
    Some(sheet.line(whole, rest).into_iter().chain(own).collect())
}
