//! What calls without token counts would have cost, by the tokens of their text. An estimate stands beside an unknown
//! cost and never in its place.
//!
//! Only where it can be told: the model's own vocabulary is here (`o200k_base`) and it does not think unseen, everything
//! that was sent and answered was recorded whole, as text, and the price is known. Nothing is taken for cached.

use std::collections::HashMap;

use arc_catalog::PriceOverride;
use arc_model::{
    Cost, Json, Message, NanoUsd, Part, Span, SpanKind, ToolDefinition, Trace, UnknownCost, Usage, UsageSource, treated,
};
use serde::{Deserialize, Serialize};
use tiktoken_rs::o200k_base_singleton;

use super::{billed_spans, price_span_with, savings::offered_to, span::price_usage, terms::Terms};

/// Models that read text by `o200k_base` and answer with all that they are billed for. Those of the `o` and GPT-5 families
/// think, which is billed and not shown.
const MODELS: &[&str] = &["gpt-4o", "chatgpt-4o", "gpt-4.1", "gpt-4.5"];
/// Of these, those that are billed for something else than text.
const OTHERS: &[&str] = &["audio", "realtime", "transcribe", "tts", "search", "image"];
/// What is counted at once, in bytes: a piece of a text without a space takes time by the square of its length. A cut
/// adds a token at most.
const PIECE: usize = 4_096;
/// Text of a run that is counted, each message once; it takes a tenth of a second a megabyte.
pub(super) const MOST_BYTES: usize = 4 * 1024 * 1024;
/// What a message has beside its text, and what stands before an answer, by `OpenAI`'s description of the format.
const PER_MESSAGE: u64 = 4;
const PER_PROMPT: u64 = 3;

/// Calls without token counts, by the tokens of their text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Estimated {
    /// Calls that are estimated.
    pub calls: u64,
    /// Their input tokens.
    pub input_tokens: u64,
    /// Their output tokens.
    pub output_tokens: u64,
    /// What they would cost, nothing of it cached. No part of any known cost.
    pub cost: NanoUsd,
    /// Calls without counts that are not estimated: other models, or messages that are not whole.
    pub left_out: u64,
}

/// Counts texts, each once, as long as there is room.
#[derive(Debug)]
pub(super) struct Estimator {
    known: HashMap<[u8; 16], u64>,
    left: usize,
}

/// Returns what the calls of a run that came without token counts would have cost; `None` where there is none.
pub fn estimate(trace: &Trace, own: &[PriceOverride]) -> Option<Estimated> {
    let mut found = Estimated::default();
    Estimator::new(MOST_BYTES).add(trace, own, &mut found);
    (found != Estimated::default()).then_some(found)
}

impl Estimator {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self { known: HashMap::new(), left: most_bytes }
    }

    /// Adds the calls of a run that came without token counts.
    pub(super) fn add(&mut self, trace: &Trace, own: &[PriceOverride], found: &mut Estimated) {
        for span in billed_spans(trace) {
            let Cost::Unknown { why: UnknownCost::NoUsage, .. } = price_span_with(span, own) else { continue };
            let usage = self.usage(span, offered_to(trace, span));
            let cost = usage.as_ref().and_then(|usage| {
                let at = span.start.or(span.end);
                price_usage(span.model.as_ref(), usage, at, span.kind, Terms::of(span), own).known()
            });
            match usage.zip(cost) {
                Some((usage, cost)) => {
                    found.calls += 1;
                    found.input_tokens = found.input_tokens.saturating_add(usage.input.unwrap_or(0));
                    found.output_tokens = found.output_tokens.saturating_add(usage.output.unwrap_or(0));
                    found.cost = found.cost + cost;
                }
                None => found.left_out += 1,
            }
        }
    }

    /// Returns the tokens of a call by its text; `None` where that cannot be told.
    fn usage(&mut self, span: &Span, tools: &[std::sync::Arc<ToolDefinition>]) -> Option<Usage> {
        let is_counted = span.usage.as_ref().is_some_and(|usage| !usage.is_empty());
        let name = span.model.as_ref()?.name()?;
        let is_whole = |name: &str| span.attributes.get(name).and_then(Json::as_bool) != Some(true);
        let is_ended = !span.is_running() && !span.status.is_error();
        if is_counted || span.kind != SpanKind::Llm || !is_ended || !is_known(name) {
            return None;
        }
        if !is_whole("arc_eval.http.truncated") || !is_whole("arc_eval.stream_closed_early") {
            return None;
        }
        if span.messages_in.is_empty() || span.messages_out.iter().all(|message| message.parts.is_empty()) {
            return None;
        }
        let mut input = PER_PROMPT;
        for message in &span.messages_in {
            input = input.checked_add(self.message(message)?)?.checked_add(PER_MESSAGE)?;
        }
        for tool in tools {
            let schema = tool.parameters.as_ref().map(ToString::to_string).unwrap_or_default();
            for text in [&tool.name, tool.description.as_deref().unwrap_or_default(), &schema] {
                input = input.checked_add(self.tokens(text)?)?;
            }
        }
        let mut output = 0_u64;
        for message in &span.messages_out {
            output = output.checked_add(self.message(message)?)?;
        }
        Some(Usage { input: Some(input), output: Some(output), source: UsageSource::Estimated, ..Usage::default() })
    }

    fn message(&mut self, message: &Message) -> Option<u64> {
        let mut sum = 0_u64;
        for part in &message.parts {
            let more = match part {
                Part::Text { text } => self.tokens(text)?,
                Part::ToolCall { name, arguments, .. } => {
                    self.tokens(name)?.checked_add(self.tokens(&arguments.to_text())?)?
                }
                Part::ToolResult { result, .. } => self.tokens(&result.to_text())?,
                // These models show no reasoning; whatever it is, it was not counted as text.
                Part::Reasoning { .. } | Part::Media { .. } | Part::Other { .. } => return None,
            };
            sum = sum.checked_add(more)?;
        }
        Some(sum)
    }

    /// Returns the tokens of a text; `None` where it is not whole, or there is no room left.
    fn tokens(&mut self, text: &str) -> Option<u64> {
        if treated::is_treated(text) {
            return None;
        }
        let mut key = [0; 16];
        blake3::Hasher::new().update(text.as_bytes()).finalize_xof().fill(&mut key);
        if let Some(&known) = self.known.get(&key) {
            return Some(known);
        }
        self.left = self.left.checked_sub(text.len())?;
        let tokens = pieces(text).map(|piece| o200k_base_singleton().count_ordinary(piece)).sum::<usize>();
        let tokens = u64::try_from(tokens).ok()?;
        self.known.insert(key, tokens);
        Some(tokens)
    }
}

fn is_known(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    let is_of = |family: &&str| {
        let rest = name.strip_prefix(*family);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    MODELS.iter().any(is_of) && !OTHERS.iter().any(|other| name.contains(other))
}

/// Cuts a text into pieces of at most [`PIECE`] bytes, behind a line break or a space where there is one.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if rest.len() <= PIECE {
            return Some(std::mem::take(&mut rest));
        }
        let most = (0..=PIECE).rev().find(|&at| rest.is_char_boundary(at)).filter(|&at| at > 0).unwrap_or(rest.len());
        let (head, _) = rest.split_at(most);
        // A space belongs to the word behind it.
        let at = head.rfind(' ').filter(|&at| at > PIECE / 2).unwrap_or(most);
        let (piece, more) = rest.split_at(at);
        rest = more;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use arc_model::sketch;
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Option<Estimated> {
        estimate(&sketch::parse(text).unwrap_or_else(|error| panic!("{error}")), &[])
    }

    fn count(text: &str) -> u64 {
        Estimator::new(MOST_BYTES).tokens(text).unwrap()
    }

    #[test]
    fn texts_have_the_tokens_that_the_vocabulary_gives_them() {
        // As OpenAI's cookbook counts them.
        for (text, tokens) in [("", 0), ("hello world", 2), ("tiktoken is great!", 6), ("お誕生日おめでとう", 8)]
        {
            assert_eq!(count(text), tokens, "{text}");
        }
    }

    #[test]
    fn a_call_without_counts_is_estimated_by_its_text() {
        let found =
            of("agent a\n  llm gpt-4o provider=openai\n    <- user \"hello world\"\n    -> \"hello world\"\n  \
                        llm gpt-4o provider=openai in=10 out=1\n    <- user \"x\"\n    -> \"y\"")
            .unwrap();
        // Two tokens, four for the message and three before the answer: 9 in at $2.50 a million, 2 out at $10.
        let expected = Estimated {
            calls: 1,
            input_tokens: 9,
            output_tokens: 2,
            cost: NanoUsd(9 * 2_500 + 2 * 10_000),
            left_out: 0,
        };
        assert_eq!(found, expected);
        assert_eq!(of("agent a\n  llm gpt-4o provider=openai in=10 out=1\n    <- user \"x\"\n    -> \"y\""), None);
    }

    #[test]
    fn what_is_not_whole_or_not_told_by_its_text_is_left_out() {
        let whole = "<- user \"x\"\n    -> \"y\"";
        for call in [
            // Thinks unseen; has another vocabulary; has no price of its own.
            &format!("llm o3 provider=openai\n    {whole}"),
            &format!("llm gpt-5 provider=openai\n    {whole}"),
            &format!("llm claude-sonnet-4-5 provider=anthropic\n    {whole}"),
            &format!("llm gpt-4o-audio-preview provider=openai\n    {whole}"),
            // Nothing was recorded of what was sent, or of what was answered.
            "llm gpt-4o provider=openai\n    -> \"y\"",
            "llm gpt-4o provider=openai\n    <- user \"x\"",
            // An image, a hash, a cut body, a stream that broke off.
            "llm gpt-4o provider=openai\n    <- user &\"https://example.org/a.png\"\n    -> \"y\"",
            "llm gpt-4o provider=openai\n    <- user \"blake3:0123456789abcdef\"\n    -> \"y\"",
            &format!("llm gpt-4o provider=openai attributes={{\"arc_eval.http.truncated\": true}}\n    {whole}"),
            &format!("llm gpt-4o provider=openai attributes={{\"arc_eval.stream_closed_early\": true}}\n    {whole}"),
        ] {
            let found = of(&format!("agent a\n  {call}")).unwrap_or_else(|| panic!("{call}"));
            assert_eq!(found, Estimated { left_out: 1, ..Estimated::default() }, "{call}");
        }
    }

    #[test]
    fn each_text_is_counted_once_and_no_more_than_there_is_room_for() {
        let mut estimator = Estimator::new(11);
        assert_eq!(estimator.tokens("hello world"), Some(2));
        assert_eq!(estimator.tokens("hello world"), Some(2));
        assert_eq!(estimator.tokens("x"), None);
    }

    #[test]
    fn a_long_text_is_counted_in_pieces_that_change_little() {
        let words = "The quick brown fox jumps over the lazy dog. ".repeat(2_000);
        let whole = u64::try_from(o200k_base_singleton().count_ordinary(&words)).unwrap();
        assert!(count(&words).abs_diff(whole) <= u64::try_from(words.len() / (PIECE / 2)).unwrap());
        // Without a space, where time would grow by the square.
        assert!(count(&"a".repeat(200_000)) > 20_000);
        assert!(count(&" ".repeat(200_000)) > 0);
    }

    proptest! {
        /// Nothing panics, and pieces are the text.
        #[test]
        fn pieces_concatenate_to_the_text(text in "(\\PC{0,3}|[ \n\t]{0,9}|A{0,50}){0,300}") {
            prop_assert_eq!(pieces(&text).collect::<String>(), text.clone());
            prop_assert!(pieces(&text).all(|piece| !piece.is_empty() && piece.len() <= PIECE));
            count(&text);
        }
    }
}
