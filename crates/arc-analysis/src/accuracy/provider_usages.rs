//! Raw answers of providers with the usage and the price that pydantic's genai-prices extracted.
//!
//! Of the answers only the usages were kept; each is put into an empty answer of the shape that has such a usage.
//! Bodies of other shapes (a reranker's list) are counted apart. Prices are compared for the provider each was computed for.

use arc_model::{Cost, Json, ModelRef, NanoUsd, Span, SpanId, SpanKind, Timestamp, Trace, TraceId, Usage};
use serde_json::json;

use super::{Dataset, Decode, Figure, File, Section};
use crate::price_span;

/// The data set.
pub(super) struct ProviderUsages;

impl Dataset for ProviderUsages {
    fn folder(&self) -> &'static str {
        "provider-usages"
    }

    fn about(&self) -> &'static str {
        "Raw answers of providers with the usage and the price that pydantic's genai-prices extracted."
    }

    fn score(&self, files: &[File], decode: Decode<'_>) -> Section {
        let mut section = Section::of(self);
        for file in files.iter().filter(|file| file.is_json()) {
            let Ok(Json::Array(records)) = serde_json::from_slice(&file.bytes) else {
                section.skip(&file.path, "it is not a JSON list");
                continue;
            };
            let mut counts = Counts::default();
            for record in &records {
                counts.add(record, decode);
            }
            let of = |measure, hits, n, items| Figure::share("all", measure, hits, n, items);
            section.figures.push(of("usage equals what was extracted", counts.same, counts.read, "answers"));
            section.figures.push(of("price within a nano-dollar per line", counts.priced, counts.prices, "prices"));
            section.notes.push(table(&counts.exceptions));
            let Counts { other, foreign, unpriced, .. } = counts;
            section.notes.push(format!(
                "{other} records hold no answer of a known shape; {foreign} usages have classes that spans do not have; \
                 {unpriced} calls without a price are unknown here and zero there. None of them is counted."
            ));
        }
        section
    }
}

#[derive(Default)]
struct Counts {
    read: u64,
    same: u64,
    other: u64,
    prices: u64,
    priced: u64,
    foreign: u64,
    unpriced: u64,
    exceptions: Vec<String>,
}

impl Counts {
    fn add(&mut self, record: &Json, decode: Decode<'_>) {
        let Some(extracted) = record.get("extracted").and_then(Json::as_array) else { return };
        match record.get("body").and_then(|body| read(body, decode)) {
            None => self.other += 1,
            Some(found) => {
                self.read += 1;
                let same = |one: &Json| one.get("usage").is_some_and(|usage| agree(usage, &found));
                if extracted.iter().any(same) {
                    self.same += 1;
                } else {
                    let file = record.pointer("/body/file").and_then(Json::as_str).unwrap_or("a body");
                    self.exceptions.push(format!("usage of `{file}` | we read {}", shown(&found)));
                }
            }
        }
        let model = record.get("model").or_else(|| record.pointer("/body/model")).and_then(Json::as_str);
        for one in extracted {
            let Some(usage) = one.get("usage").and_then(usage_of) else {
                self.foreign += 1;
                continue;
            };
            let Some(model) = model else { continue };
            for priced in one.get("extractors").and_then(Json::as_array).into_iter().flatten() {
                self.add_price(priced, model, &usage);
            }
        }
    }

    fn add_price(&mut self, priced: &Json, model: &str, usage: &Usage) {
        let text = |name: &str| priced.get(name).and_then(Json::as_str);
        let amount = |name: &str| text(name)?.parse().ok().and_then(NanoUsd::from_usd);
        let (Some(provider), Some(input), Some(output)) =
            (text("provider_id"), amount("input_price"), amount("output_price"))
        else {
            return;
        };
        let cost = call(provider, model, usage.clone()).map(|span| price_span(&span));
        match cost {
            Some(Cost::Unknown { .. }) if input.0 == 0 && output.0 == 0 => self.unpriced += 1,
            Some(Cost::Known { lines, .. }) => {
                self.prices += 1;
                let is_output = |class: &str| class == "output" || class == "reasoning";
                let agrees = [(false, input), (true, output)].into_iter().all(|(direction, expected)| {
                    let lines =
                        lines.iter().filter(|line| line.class != "request" && is_output(&line.class) == direction);
                    let amounts: Vec<i64> = lines.map(|line| line.amount.0).collect();
                    let difference = (amounts.iter().sum::<i64>() - expected.0).unsigned_abs();
                    difference <= amounts.len().max(1) as u64
                });
                if agrees {
                    self.priced += 1;
                } else {
                    let ours: NanoUsd = lines.iter().map(|line| line.amount).sum();
                    let row = lines.first().map_or("no row", |line| line.price_row.as_str());
                    self.exceptions.push(format!(
                        "price of {provider}/{model} | {} there; {ours} here by the row {row}",
                        input + output
                    ));
                }
            }
            Some(Cost::Unknown { why, .. }) => {
                self.prices += 1;
                self.exceptions.push(format!("price of {provider}/{model} | {} there; here {why}", input + output));
            }
            None => self.prices += 1,
        }
    }
}

/// Returns what differs and how, in a table.
fn table(exceptions: &[String]) -> String {
    let mut text = format!("{} exceptions.", exceptions.len());
    if !exceptions.is_empty() {
        text.push_str("\n\n| exception | reason |\n|---|---|");
    }
    for exception in exceptions {
        text.push_str("\n| ");
        text.push_str(exception);
        text.push_str(" |");
    }
    text
}

fn shown(usage: &Usage) -> String {
    let count = |count: Option<u64>| count.map_or_else(|| "no".to_owned(), |count| count.to_string());
    format!(
        "{} input, {} output, {} read and {} written cached tokens",
        count(usage.input),
        count(usage.output),
        count(usage.cache_read),
        count(usage.cache_write)
    )
}

/// Decodes an answer of which only the usage was kept.
fn read(body: &Json, decode: Decode<'_>) -> Option<Usage> {
    let bytes = answer_around(body)?.to_string().into_bytes();
    let traces = decode(&File { path: "answer.json".to_owned(), bytes });
    let span = traces.iter().flat_map(Trace::spans).find(|span| span.kind == SpanKind::Llm)?;
    Some(span.usage.clone().unwrap_or_default())
}

/// Returns an answer without text around a usage, in the shape that has such a usage.
fn answer_around(body: &Json) -> Option<Json> {
    let model = body.get("model").or_else(|| body.get("modelVersion")).cloned().unwrap_or_else(|| "unknown".into());
    if let Some(usage) = body.get("usageMetadata") {
        let candidates = json!([{"content": {"parts": []}}]);
        return Some(json!({"modelVersion": model, "candidates": candidates, "usageMetadata": usage}));
    }
    let usage = body.get("usage")?;
    if usage.get("prompt_tokens").is_some() {
        Some(json!({"object": "chat.completion", "model": model, "choices": [], "usage": usage}))
    } else if usage.get("input_tokens_details").is_some() {
        Some(json!({"object": "response", "model": model, "output": [], "usage": usage}))
    } else if usage.get("inputTokens").is_some() || usage.get("outputTokens").is_some() {
        let message = json!({"role": "assistant", "content": []});
        Some(json!({"output": {"message": message}, "stopReason": "end_turn", "usage": usage}))
    } else if usage.get("billed_units").is_some() {
        let message = json!({"role": "assistant", "content": []});
        Some(json!({"message": message, "finish_reason": "COMPLETE", "usage": usage}))
    } else if usage.get("input_tokens").is_some() {
        Some(json!({"type": "message", "role": "assistant", "model": model, "content": [], "usage": usage}))
    } else {
        None
    }
}

fn agree(expected: &Json, found: &Usage) -> bool {
    let is =
        |name: &str, found: Option<u64>| expected.get(name).and_then(Json::as_u64).unwrap_or(0) == found.unwrap_or(0);
    is("input_tokens", found.input)
        && is("output_tokens", found.output)
        && is("cache_read_tokens", found.cache_read)
        && is("cache_write_tokens", found.cache_write)
}

/// Usage classes that a span has; one with other priced classes is not compared.
fn usage_of(extracted: &Json) -> Option<Usage> {
    let count = |key: &str| extracted.get(key).and_then(Json::as_u64);
    let foreign = ["image", "video", "tool", "audio", "web_searches"];
    let is_foreign = |key: &str| foreign.iter().any(|word| key.contains(word));
    if extracted.as_object()?.iter().any(|(key, value)| is_foreign(key) && value.as_u64().is_some_and(|n| n > 0)) {
        return None;
    }
    Some(Usage {
        input: count("input_tokens"),
        output: Some(count("output_tokens").unwrap_or(0)),
        cache_read: count("cache_read_tokens"),
        cache_write: count("cache_write_tokens"),
        reasoning: count("output_reasoning_tokens"),
        ..Usage::default()
    })
}

fn call(provider: &str, model: &str, usage: Usage) -> Option<Span> {
    let mut span =
        Span::new(TraceId::from_bytes([1; 16]).ok()?, SpanId::from_bytes([1; 8]).ok()?, SpanKind::Llm, "call");
    span.model =
        Some(ModelRef { provider: Some(provider.into()), response: Some(model.into()), ..ModelRef::default() });
    span.usage = Some(usage);
    // The expected prices were computed before the table's changes of 2026.
    span.start = Timestamp::parse("2025-12-01T12:00:00Z");
    span.end = span.start;
    Some(span)
}
