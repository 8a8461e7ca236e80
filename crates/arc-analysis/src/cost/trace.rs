//! The cost of one run: which spans are billed, and the sum over them.

use std::collections::BTreeMap;

use arc_catalog::PriceOverride;
use arc_model::{Cost, CostLine, Json, NanoUsd, Span, SpanKind, Status, Trace, UnknownCost};

use super::price_span_with;

/// Returns the spans whose tokens count for the run, each call once.
///
/// These are the leaf model calls and the embeddings with token counts. Agents repeat the sum of
/// their calls, so an agent's own counts are taken only where no model call was recorded at all,
/// and then of the outermost agents. Of several records of one call (same response id), as two
/// instrumentations make them, the one with most counts is taken, else the first. A request that
/// was turned away is no call: see [`is_turned_away`].
pub fn billed_spans(trace: &Trace) -> Vec<&Span> {
    let mut calls: Vec<&Span> = trace.leaf_llm_spans().collect();
    if calls.is_empty() {
        calls = outermost_agents(trace);
    }
    calls.retain(|span| !is_turned_away(span));
    let embeddings = trace.spans().iter().filter(|span| span.kind == SpanKind::Embedding && counts(span) > 0);
    calls.extend(embeddings);
    without_repeats(calls)
}

/// Returns what a run cost: the sum over its billed spans, with one line per price and class.
///
/// Unknown as soon as one of them is, and then at least what the others cost.
pub fn price_trace(trace: &Trace) -> Cost {
    price_trace_with(trace, &[])
}

/// Returns the same where prices that the user set outrank those of the table.
pub fn price_trace_with(trace: &Trace, own: &[PriceOverride]) -> Cost {
    sum(trace, &priced_spans(trace, own))
}

/// Returns the billed spans of a trace, each with its price.
pub(crate) fn priced_spans<'a>(trace: &'a Trace, own: &[PriceOverride]) -> Vec<(&'a Span, Cost)> {
    billed_spans(trace).into_iter().map(|span| (span, price_span_with(span, own))).collect()
}

/// Returns what the billed spans of a trace cost together.
pub(crate) fn sum(trace: &Trace, spans: &[(&Span, Cost)]) -> Cost {
    let has_calls =
        trace.leaf_llm_spans().next().is_some() || spans.iter().any(|(span, _)| span.kind != SpanKind::Embedding);
    let mut why = (!has_calls).then_some(UnknownCost::NoLlmCalls);
    let mut at_least = NanoUsd::ZERO;
    let mut lines = Vec::new();
    for (_, cost) in spans {
        match cost {
            Cost::Known { total, lines: more } => {
                at_least = at_least + *total;
                for line in more {
                    add(&mut lines, line.clone());
                }
            }
            Cost::Unknown { why: reason, at_least: part } => {
                at_least = at_least + *part;
                why.get_or_insert_with(|| reason.clone());
            }
        }
    }
    match why {
        Some(why) => Cost::Unknown { why, at_least },
        None => Cost::from_lines(lines),
    }
}

/// Returns whether the provider refused a request before any work was done on it, so that nothing is
/// billed: a retried rate limit must not make the cost of a run unknown.
///
/// Only for answers that say so by their HTTP status: no access, no such model, too large, too many
/// requests, overloaded. A bad request or a timeout may have been processed and billed, so those stay
/// unknown (Azure `OpenAI` bills content-filtered 400 and timed-out 408 answers, but not 401 and 429).
fn is_turned_away(span: &Span) -> bool {
    let Status::Error { kind, .. } = &span.status else { return false };
    let written = kind.as_deref().and_then(|kind| kind.parse().ok());
    let recorded = || span.attributes.get("http.response.status_code").and_then(Json::as_u64);
    let refused = matches!(written.or_else(recorded), Some(401 | 403 | 404 | 413 | 429 | 503 | 529));
    refused && counts(span) == 0 && span.messages_out.is_empty()
}

fn add(lines: &mut Vec<CostLine>, line: CostLine) {
    match lines.iter_mut().find(|known| known.price_row == line.price_row && known.class == line.class) {
        Some(known) => {
            known.tokens = known.tokens.saturating_add(line.tokens);
            known.amount = known.amount + line.amount;
        }
        None => lines.push(line),
    }
}

/// Returns how many of the two counts a span has.
fn counts(span: &Span) -> u8 {
    span.usage.as_ref().map_or(0, |usage| u8::from(usage.input.is_some()) + u8::from(usage.output.is_some()))
}

fn outermost_agents(trace: &Trace) -> Vec<&Span> {
    let carries = |span: &Span| {
        let has_model = span.model.as_ref().is_some_and(|model| model.name().is_some());
        span.kind == SpanKind::Agent && counts(span) > 0 && has_model
    };
    let mut outermost = Vec::new();
    // The depth of the agent that was taken last: what follows deeper lies below it.
    let mut below = None;
    for (depth, span) in trace.walk() {
        if below.is_some_and(|above| depth > above) {
            continue;
        }
        below = carries(span).then_some(depth);
        if below.is_some() {
            outermost.push(span);
        }
    }
    outermost
}

fn without_repeats(spans: Vec<&Span>) -> Vec<&Span> {
    let mut kept: Vec<&Span> = Vec::with_capacity(spans.len());
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for span in spans {
        let id = span.model.as_ref().and_then(|model| model.response_id.as_deref()).filter(|id| !id.is_empty());
        let known = id.and_then(|id| places.get(id)).and_then(|&place| kept.get_mut(place));
        match known {
            Some(known) if counts(span) > counts(known) => *known = span,
            Some(_) => {}
            None => {
                places.extend(id.map(|id| (id, kept.len())));
                kept.push(span);
            }
        }
    }
    kept
}
