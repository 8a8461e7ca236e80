//! Recorded HTTP of real calls of many providers: whether every answer decodes, and its counts add up.
//!
//! Nobody extracted the usage of these answers, so it is held against what the provider itself says beside its counts:
//! the total. A total leaves cached tokens in whatever the parts do, which is what is most often read wrongly.

use arc_model::{Json, Span, SpanKind, Trace};

use super::{Dataset, Decode, Figure, File, Section};

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
        let (mut calls, mut named, mut counted, mut totals, mut equal) = (0, 0, 0, 0, 0);
        let mut exceptions: Vec<String> = Vec::new();
        let is_recording = |file: &&File| matches!(file.path.rsplit_once('.'), Some((_, ending)) if ending == "yaml" || ending == "yml");
        for file in files.iter().filter(is_recording) {
            let traces = decode(file);
            let spans = traces.iter().flat_map(Trace::spans);
            for span in spans.filter(|span| span.kind == SpanKind::Llm && !span.status.is_error()) {
                calls += 1;
                let is_named = span.model.as_ref().is_some_and(|model| model.name().is_some());
                named += u64::from(is_named);
                let usage = span.usage.as_ref().filter(|usage| usage.input.is_some() && usage.output.is_some());
                counted += u64::from(usage.is_some());
                if !is_named || usage.is_none() {
                    let what = if is_named { "has no token counts" } else { "names no model" };
                    exceptions.push(format!("`{}`: the answer of {} {what}", file.path, span.name));
                }
                let (Some(usage), Some(total)) = (usage, stated_total(span)) else { continue };
                totals += 1;
                let sum = usage.input.unwrap_or(0).saturating_add(usage.output.unwrap_or(0));
                if sum == total {
                    equal += 1;
                } else {
                    exceptions.push(format!("`{}`: we count {sum}, the answer says {total} in total", file.path));
                }
            }
        }
        let figure = |measure, hits, n, items| Figure::share("all", measure, hits, n, items);
        section.figures = vec![
            figure("the model of an answer is read", named, calls, "answers"),
            figure("input and output tokens of an answer are read", counted, calls, "answers"),
            figure("our input and output come to the total that the answer says", equal, totals, "answers"),
        ];
        let n = exceptions.len();
        let mut text = format!("{n} exceptions.");
        if n > 0 {
            text.push_str("\n\n| exception |\n|---|");
        }
        for exception in exceptions.iter().take(SHOWN) {
            text.extend(["\n| ", exception.as_str(), " |"]);
        }
        section.notes.push(text);
        section
    }
}

/// Returns the total among the raw counts that a span keeps.
fn stated_total(span: &Span) -> Option<u64> {
    let raw = ["arc_eval.usage.raw", "usage"].iter().find_map(|name| span.attributes.get(*name))?;
    ["total_tokens", "totalTokens", "totalTokenCount"].iter().find_map(|name| raw.get(*name)).and_then(Json::as_u64)
}
