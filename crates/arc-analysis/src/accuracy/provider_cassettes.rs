//! Recorded HTTP of real calls of many providers: whether every answer decodes, its counts are read as the price table's
//! own library reads them, and its price is what that library asks.
//!
//! What the provider says in total is held against our parts as well: a total leaves cached tokens in whatever the parts
//! do, which is what is most often read wrongly.

use arc_model::{Cost, Json, Span, SpanKind, Trace};
use serde_json::json;

use super::{Dataset, Decode, Figure, File, Section, usage_classes};
use crate::{
    cost::library::{self, Reading},
    price_span,
};

/// The data set.
pub(super) struct ProviderCassettes;

/// Exceptions that are printed.
const SHOWN: usize = 40;

impl Dataset for ProviderCassettes {
    fn folder(&self) -> &'static str {
        "provider-cassettes"
    }

    fn about(&self) -> &'static str {
        "Recorded HTTP of real calls of OpenAI, Anthropic, Gemini, Bedrock, Groq, Mistral and others, streams included."
    }

    fn score(&self, files: &[File], decode: Decode<'_>) -> Section {
        let mut section = Section::of(self);
        let mut counts = Counts::default();
        let is_recording = |file: &&File| matches!(file.path.rsplit_once('.'), Some((_, ending)) if ending == "yaml" || ending == "yml");
        for file in files.iter().filter(is_recording) {
            let traces = decode(file);
            let spans = traces.iter().flat_map(Trace::spans);
            for span in spans.filter(|span| span.kind == SpanKind::Llm && !span.status.is_error()) {
                counts.add(span, &file.path);
            }
        }
        let figure = |measure, hits, n, items| Figure::share("all", measure, hits, n, items);
        section.figures = vec![
            figure("the model of an answer is read", counts.named, counts.calls, "answers"),
            figure(
                "input and output tokens of an answer that has counts are read",
                counts.counted,
                counts.with,
                "answers",
            ),
            figure(
                "our input and output come to the total that the answer says",
                counts.equal,
                counts.totals,
                "answers",
            ),
            figure(
                "every class of the usage is what the price table's library reads",
                counts.same,
                counts.comparable,
                "answers",
            ),
            figure("price is what the price table's library asks", counts.priced, counts.prices, "prices"),
        ];
        section.notes.push(counts.table());
        section
    }
}

#[derive(Default)]
struct Counts {
    calls: u64,
    named: u64,
    with: u64,
    counted: u64,
    totals: u64,
    equal: u64,
    comparable: u64,
    same: u64,
    prices: u64,
    priced: u64,
    /// What differs.
    exceptions: Vec<String>,
    /// What cannot be known.
    unknown: Vec<String>,
}

impl Counts {
    fn add(&mut self, span: &Span, path: &str) {
        self.calls += 1;
        let name = span.model.as_ref().and_then(|model| model.name());
        self.named += u64::from(name.is_some());
        if name.is_none() {
            self.exceptions.push(format!("`{path}` | the answer of {} names no model", span.name));
        }
        let raw = raw_counts(span);
        let usage = span.usage.as_ref().filter(|usage| usage.input.is_some() && usage.output.is_some());
        if raw.is_none() && usage.is_none() {
            self.unknown.push(format!("`{path}` | the answer holds no counts, so its cost is unknown"));
            return;
        }
        self.with += 1;
        self.counted += u64::from(usage.is_some());
        let Some(usage) = usage else {
            self.exceptions.push(format!("`{path}` | the counts of {} are not read", span.name));
            return;
        };
        if let Some(total) = raw.and_then(stated_total) {
            self.totals += 1;
            let sum = usage.input.unwrap_or(0).saturating_add(usage.output.unwrap_or(0));
            self.equal += u64::from(sum == total);
            if sum != total {
                self.exceptions.push(format!("`{path}` | we count {sum}, the answer says {total} in total"));
            }
        }
        let provider = span.model.as_ref().and_then(|model| model.provider.as_deref());
        let (Some(provider), Some(name), Some(raw)) = (provider, name, raw) else { return };
        let readings = library::readings(provider, name, &body_around(raw, name), span.start.or(span.end));
        self.compare(span, &format!("`{path}`: {provider}/{name}"), &readings);
    }

    fn compare(&mut self, span: &Span, what: &str, readings: &[Reading]) {
        let Some(usage) = &span.usage else { return };
        let classes: Vec<_> = readings.iter().map(|reading| reading.usage.clone()).collect();
        if classes.iter().all(|reading| usage_classes::ours(reading).is_empty()) {
            return;
        }
        self.comparable += 1;
        let is_same = usage_classes::agrees(usage, &classes);
        self.same += u64::from(is_same);
        if !is_same {
            let ours = usage_classes::shown(&usage_classes::of(usage));
            let theirs =
                classes.iter().max_by_key(|reading| reading.len()).map_or_else(String::new, usage_classes::shown);
            self.exceptions.push(format!("usage of {what} | {ours} here; {theirs} there"));
        }
        // Readings that leave something out have other prices; the one that reads as we do is compared.
        let is_ours = |reading: &&Reading| usage_classes::ours(&reading.usage) == usage_classes::of(usage);
        let Some(price) = readings.iter().filter(is_ours).find_map(|reading| reading.price) else { return };
        match price_span(span) {
            Cost::Known { total, lines } => {
                self.prices += 1;
                let is_equal = (total.0 - price.0).unsigned_abs() <= lines.len().max(1) as u64;
                self.priced += u64::from(is_equal);
                if !is_equal {
                    let row = lines.first().map_or("no row", |line| line.price_row.as_str());
                    self.exceptions.push(format!("price of {what} | {price} there; {total} here by the row {row}"));
                }
            }
            Cost::Unknown { why, .. } if price.0 == 0 => {
                self.unknown.push(format!("price of {what} | zero there; here {why}"));
            }
            Cost::Unknown { why, .. } => {
                self.prices += 1;
                self.exceptions.push(format!("price of {what} | {price} there; here {why}"));
            }
        }
    }

    fn table(&self) -> String {
        let mut text = format!(
            "{} exceptions; {} answers whose cost nobody can know, which are not counted above.",
            self.exceptions.len(),
            self.unknown.len()
        );
        let rows: Vec<&String> = self.exceptions.iter().chain(&self.unknown).take(SHOWN).collect();
        if !rows.is_empty() {
            text.push_str("\n\n| answer | reason |\n|---|---|");
        }
        for row in rows {
            text.extend(["\n| ", row.as_str(), " |"]);
        }
        text
    }
}

/// Returns the counts of an answer as the provider wrote them.
fn raw_counts(span: &Span) -> Option<&Json> {
    ["arc_eval.usage.raw", "usage"].iter().find_map(|name| span.attributes.get(*name)).filter(|raw| raw.is_object())
}

/// Returns the total among the raw counts.
fn stated_total(raw: &Json) -> Option<u64> {
    ["total_tokens", "totalTokens", "totalTokenCount"].iter().find_map(|name| raw.get(*name)).and_then(Json::as_u64)
}

/// Returns the answer that has these counts, as far as the library looks at it.
fn body_around(raw: &Json, model: &str) -> Json {
    let is_gemini = raw.get("totalTokenCount").is_some() || raw.get("promptTokenCount").is_some();
    if is_gemini {
        return json!({"modelVersion": model, "usageMetadata": raw});
    }
    json!({"model": model, "usage": raw})
}
