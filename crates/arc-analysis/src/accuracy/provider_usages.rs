//! Raw answers of providers with the usage and the price that pydantic's genai-prices extracted.
//!
//! Of the answers only the usages were kept; each is put into an empty answer of the shape that has such a usage, every
//! class of tokens is compared, and prices are compared for the provider each was computed for.

use std::collections::{BTreeMap, BTreeSet};

use arc_model::{Cost, CostLine, Json, ModelRef, NanoUsd, Span, SpanId, SpanKind, Timestamp, Trace, TraceId, Usage};
use serde_json::json;

use super::{Dataset, Decode, Figure, File, Section, usage_classes};
use crate::price_span;

/// The data set.
pub(super) struct ProviderUsages;

/// What was found out about prices that differ: the row, and why.
const CORRECTED: [(&str, &str); 1] = [(
    "mistral/ministral-8b",
    "the table's row said $1 for a million output tokens when the price there was computed; it has since been corrected \
     to the $0.10 that Mistral documents from the launch on",
)];

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
            section.figures.push(of(
                "every class of the usage equals what was extracted",
                counts.same,
                counts.read,
                "answers",
            ));
            section.figures.push(of("price within a nano-dollar per line", counts.priced, counts.prices, "prices"));
            section.notes.push(table(&counts.exceptions));
            let unpriced: Vec<&str> = counts.unpriced.iter().map(String::as_str).collect();
            section.notes.push(format!(
                "{} records hold no answer of a known shape. {} prices are zero there and unknown here, and not counted \
                 as equal or different: {}.",
                counts.other,
                counts.unpriced_prices,
                if unpriced.is_empty() { "none".to_owned() } else { unpriced.join("; ") }
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
    unpriced_prices: u64,
    unpriced: BTreeSet<String>,
    exceptions: Vec<String>,
}

impl Counts {
    fn add(&mut self, record: &Json, decode: Decode<'_>) {
        let Some(extracted) = record.get("extracted").and_then(Json::as_array) else { return };
        let body = record.get("body").unwrap_or(&Json::Null);
        match read(body, decode) {
            None => self.other += 1,
            Some(found) => {
                self.read += 1;
                let readings = readings(extracted);
                if usage_classes::agrees(&found, &readings) {
                    self.same += 1;
                } else {
                    let file = body.get("file").and_then(Json::as_str).unwrap_or("a body");
                    let (ours, theirs) = (usage_classes::of(&found), readings.iter().max_by_key(|one| one.len()));
                    self.exceptions.push(format!(
                        "usage of `{file}` | {} here; {} there",
                        usage_classes::shown(&ours),
                        theirs.map_or_else(String::new, usage_classes::shown)
                    ));
                }
            }
        }
        let model = record.get("model").or_else(|| body.get("model")).and_then(Json::as_str);
        for one in extracted {
            let usage = usage_classes::usage(&classes(one));
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
        let Some(span) = call(provider, model, usage.clone()) else { return };
        match price_span(&span) {
            Cost::Unknown { why, .. } if input.0 == 0 && output.0 == 0 => {
                self.unpriced_prices += 1;
                self.unpriced.insert(format!("{provider}/{model}: {why}"));
            }
            Cost::Known { lines, .. } => {
                self.prices += 1;
                let sides = [("input", false, input, usage.input), ("output", true, output, usage.output)];
                let wrong: Vec<String> = sides.into_iter().filter_map(|side| difference(&lines, side)).collect();
                if wrong.is_empty() {
                    self.priced += 1;
                } else {
                    let row = lines.first().map_or("no row", |line| line.price_row.as_str());
                    let known = CORRECTED.iter().find(|(begin, _)| row.starts_with(begin)).map(|(_, why)| *why);
                    let known = known.map_or_else(String::new, |why| format!("; {why}"));
                    self.exceptions
                        .push(format!("price of {provider}/{model} | row {row}: {}{known}", wrong.join(", ")));
                }
            }
            Cost::Unknown { why, .. } => {
                self.prices += 1;
                self.exceptions.push(format!("price of {provider}/{model} | {} there; here {why}", input + output));
            }
        }
    }
}

/// Says how one side of a price differs, as dollars for a million tokens; `None` when it agrees.
fn difference(lines: &[CostLine], side: (&str, bool, NanoUsd, Option<u64>)) -> Option<String> {
    let (name, is_output, expected, tokens) = side;
    let is_of = |class: &str| (class.contains("output") || class == "reasoning") == is_output;
    let beside = |class: &str| class == "request" || class == "web_search";
    let amounts = lines.iter().filter(|line| !beside(&line.class) && is_of(&line.class)).map(|line| line.amount.0);
    let amounts: Vec<i64> = amounts.collect();
    let ours: i64 = amounts.iter().sum();
    let is_equal = (ours - expected.0).unsigned_abs() <= amounts.len().max(1) as u64;
    let million = |nanos: i64| {
        let tokens = tokens.filter(|tokens| *tokens > 0)?;
        Some(NanoUsd(nanos.saturating_mul(1_000_000) / i64::try_from(tokens).ok()?))
    };
    let rate =
        |nanos: i64| million(nanos).map_or_else(|| NanoUsd(nanos).to_string(), |rate| format!("{rate} a million"));
    (!is_equal).then(|| format!("{name} tokens at {} there and {} here", rate(expected.0), rate(ours)))
}

/// Returns what differs and how, in a table.
fn table(exceptions: &[String]) -> String {
    let plural = if exceptions.len() == 1 { "" } else { "s" };
    let mut text = format!("{} exception{plural}.", exceptions.len());
    if !exceptions.is_empty() {
        text.push_str("\n\n| exception | reason |\n|---|---|");
    }
    for exception in exceptions {
        text.extend(["\n| ", exception.as_str(), " |"]);
    }
    text
}

/// Returns the classes of every reading; Cohere's own default is what it bills, so it stands alone where there is one.
fn readings(extracted: &[Json]) -> Vec<BTreeMap<String, u64>> {
    let is_billed = |one: &&Json| {
        let mut by = one.get("extractors").and_then(Json::as_array).into_iter().flatten();
        let is = |by: &Json, name: &str, value: &str| by.get(name).and_then(Json::as_str) == Some(value);
        by.any(|by| is(by, "provider_id", "cohere") && is(by, "api_flavor", "default"))
    };
    match extracted.iter().find(is_billed) {
        Some(billed) => vec![classes(billed)],
        None => extracted.iter().map(classes).collect(),
    }
}

fn classes(extracted: &Json) -> BTreeMap<String, u64> {
    let counts = extracted.get("usage").and_then(Json::as_object).into_iter().flatten();
    counts.filter_map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect()
}

/// Decodes an answer of which only the usage was kept.
fn read(body: &Json, decode: Decode<'_>) -> Option<Usage> {
    let bytes = answer_around(body)?.to_string().into_bytes();
    let traces = decode(&File { path: "answer.json".to_owned(), bytes });
    let is_call = |span: &&Span| matches!(span.kind, SpanKind::Llm | SpanKind::Embedding | SpanKind::Rerank);
    let span = traces.iter().flat_map(Trace::spans).find(is_call)?;
    Some(span.usage.clone().unwrap_or_default())
}

/// Returns an answer without text around a usage, in the shape that has such a usage; a body that is a whole answer
/// itself is taken as it is.
fn answer_around(body: &Json) -> Option<Json> {
    const WHOLE: [&str; 7] = ["choices", "candidates", "content", "output", "message", "outputs", "embeddings"];
    if WHOLE.iter().any(|name| body.get(*name).is_some()) {
        return Some(body.clone());
    }
    let model = body.get("model").or_else(|| body.get("modelVersion")).cloned().unwrap_or_else(|| "unknown".into());
    if let Some(usage) = body.get("usageMetadata") {
        let candidates = json!([{"content": {"parts": []}}]);
        return Some(json!({"modelVersion": model, "candidates": candidates, "usageMetadata": usage}));
    }
    if let Some(meta) = body.get("meta") {
        return Some(json!({"id": "", "embeddings": {"float": []}, "texts": [], "meta": meta}));
    }
    if body.get("prompt_eval_count").is_some() {
        let mut whole = body.clone();
        let fields = whole.as_object_mut()?;
        fields.insert("message".to_owned(), json!({"role": "assistant", "content": ""}));
        fields.insert("done".to_owned(), true.into());
        return Some(whole);
    }
    // Realtime answers stand one level deeper.
    let usage = body.get("usage").or_else(|| body.pointer("/response/usage"))?;
    let has = |name: &str| usage.get(name).is_some();
    if has("prompt_tokens") {
        Some(json!({"object": "chat.completion", "model": model, "choices": [], "usage": usage}))
    } else if has("input_tokens_details") || has("input_token_details") {
        Some(json!({"object": "response", "model": model, "output": [], "usage": usage}))
    } else if has("inputTokens") || has("outputTokens") {
        let message = json!({"role": "assistant", "content": []});
        Some(json!({"output": {"message": message}, "stopReason": "end_turn", "usage": usage}))
    } else if has("billed_units") || has("tokens") {
        let message = json!({"role": "assistant", "content": []});
        Some(json!({"message": message, "finish_reason": "COMPLETE", "usage": usage}))
    } else if has("total_input_tokens") || has("total_output_tokens") {
        Some(json!({"object": "interaction", "model": model, "status": "completed", "outputs": [], "usage": usage}))
    } else if has("input_tokens") {
        Some(json!({"type": "message", "role": "assistant", "model": model, "content": [], "usage": usage}))
    } else {
        None
    }
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
