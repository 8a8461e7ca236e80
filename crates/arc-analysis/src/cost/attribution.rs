//! How the cost and the time of one run divide: by model, by tool, by step, and over the critical path.
//!
//! Every billed call is in exactly one part of each division, so that parts sum to the whole. A model
//! call that asked for several tools is divided among them in equal whole numbers; what is left over
//! goes to the first ones.

use std::collections::{BTreeMap, BTreeSet};

use arc_catalog::Catalog;
use arc_model::{
    Cost, CostDimension, CostPart, CostSums, NanoUsd, Part, RunCosts, Span, SpanId, SpanKind, Trace, Verdict,
};

use super::{priced_spans, savings::Observed, timing};

/// Most names of a division; further ones are gathered under [`OTHERS`].
const MOST_NAMES: usize = 50;
/// The name of what is beyond that.
const OTHERS: &str = "(others)";
/// Longest name, in characters.
const NAME_CHARS: usize = 120;

/// The names a call goes under, by dimension; of tools there can be several.
type Key = (CostDimension, Option<String>);

/// Returns how the cost and the time of a run with this outcome divide.
pub fn attribute(trace: &Trace, verdict: Verdict, catalog: &Catalog) -> RunCosts {
    attribute_priced(trace, verdict, catalog, &priced_spans(trace, catalog.prices()))
}

/// The same of a trace whose billed spans are priced.
pub(crate) fn attribute_priced(
    trace: &Trace,
    verdict: Verdict,
    catalog: &Catalog,
    spans: &[(&Span, Cost)],
) -> RunCosts {
    let repeated = repeated(trace, catalog);
    let mut parts: BTreeMap<Key, CostSums> = BTreeMap::new();
    let mut whole = CostSums::default();
    for (span, cost) in spans {
        let call = of_call(span, cost, repeated.contains(&span.span_id));
        whole.add(&call);
        let model = span.model.as_ref().and_then(|model| model.name()).map(str::to_owned);
        parts.entry((CostDimension::Model, model)).or_default().add(&call);
        parts.entry((CostDimension::Step, step(trace, span))).or_default().add(&call);
        let tools = asked(span);
        for (tool, share) in tools.iter().zip(divided(&call, tools.len())) {
            parts.entry((CostDimension::Tool, tool.clone())).or_default().add(&share);
        }
    }
    add_tool_calls(trace, &mut parts);
    add_time(trace, &mut whole);
    let run = CostSums {
        runs: 1,
        succeeded: u64::from(verdict == Verdict::Succeeded),
        failed: u64::from(verdict == Verdict::Failed),
        priced_runs: u64::from(whole.unpriced_calls == 0 && whole.calls > 0),
        ..CostSums::default()
    };
    whole.add(&run);
    let mut parts = gathered(parts);
    for part in &mut parts {
        part.sums.add(&CostSums { priced_runs: u64::from(part.sums.unpriced_calls == 0), ..run });
    }
    RunCosts { whole, parts }
}

/// Returns what one billed call adds.
fn of_call(span: &Span, cost: &Cost, is_repeated: bool) -> CostSums {
    let usage = span.usage.clone().unwrap_or_default();
    let known = cost.known();
    let paid = match cost {
        Cost::Known { total, .. } => *total,
        Cost::Unknown { at_least, .. } => *at_least,
    };
    let reported = span.reported_cost.filter(|cost| *cost >= NanoUsd::ZERO).zip(known);
    let is_complete = usage.input.is_some() && (usage.output.is_some() || span.kind == SpanKind::Embedding);
    CostSums {
        calls: 1,
        failed_calls: u64::from(span.status.is_error()),
        input_tokens: limited(usage.input),
        output_tokens: limited(usage.output),
        cached_tokens: limited(usage.cache_read),
        uncounted_calls: u64::from(!is_complete),
        cost: nanos(paid),
        unpriced_calls: u64::from(known.is_none()),
        repeated_calls: u64::from(is_repeated),
        repeated_cost: if is_repeated { nanos(paid) } else { 0 },
        reported_cost: reported.map_or(0, |(reported, _)| nanos(reported)),
        reported_cost_here: reported.map_or(0, |(_, here)| nanos(here)),
        reported_calls: u64::from(reported.is_some()),
        time_ns: span.duration_ns().unwrap_or(0),
        timed: u64::from(span.duration_ns().is_some()),
        first_token_ns: span.time_to_first_token_ns.unwrap_or(0),
        first_token_calls: u64::from(span.time_to_first_token_ns.is_some()),
        ..CostSums::default()
    }
}

/// Counts beyond any call are mistakes; they must not hide the others in a sum.
fn limited(tokens: Option<u64>) -> u64 {
    tokens.filter(|&tokens| tokens <= 1 << 40).unwrap_or(0)
}

fn nanos(amount: NanoUsd) -> u64 {
    u64::try_from(amount.0).unwrap_or(0)
}

/// Calls that sent what an earlier call of the run had sent.
fn repeated(trace: &Trace, catalog: &Catalog) -> BTreeSet<SpanId> {
    let mut seen = Observed::default();
    seen.add_prompts(trace, catalog.prices());
    seen.repeated()
}

/// Returns the name of what is around a model call: the nearest step, agent or workflow that is named.
fn step(trace: &Trace, span: &Span) -> Option<String> {
    let mut at = trace.parent(span.span_id);
    while let Some(here) = at {
        if !matches!(here.kind, SpanKind::Llm | SpanKind::Embedding | SpanKind::Other) && !here.name.is_empty() {
            return Some(here.name.clone());
        }
        at = trace.parent(here.span_id);
    }
    None
}

/// Returns the tools a call asked for; of one that asked for none, `None` alone.
fn asked(span: &Span) -> Vec<Option<String>> {
    let parts = span.messages_out.iter().flat_map(|message| &message.parts);
    let names: Vec<_> = parts
        .filter_map(|part| match part {
            Part::ToolCall { name, .. } => Some(Some(name.clone())),
            _ => None,
        })
        .collect();
    if names.is_empty() { vec![None] } else { names }
}

/// Divides amounts and tokens into whole numbers that sum to them; counts of calls go with the first share.
fn divided(call: &CostSums, among: usize) -> Vec<CostSums> {
    if among == 1 {
        return vec![*call];
    }
    let count = u64::try_from(among).unwrap_or(1).max(1);
    let share = |whole: u64, index: u64| whole / count + u64::from(index < whole % count);
    (0..count)
        .map(|index| {
            let rest = if index == 0 { *call } else { CostSums::default() };
            CostSums {
                cost: share(call.cost, index),
                input_tokens: share(call.input_tokens, index),
                output_tokens: share(call.output_tokens, index),
                cached_tokens: share(call.cached_tokens, index),
                repeated_cost: share(call.repeated_cost, index),
                reported_cost: share(call.reported_cost, index),
                reported_cost_here: share(call.reported_cost_here, index),
                // What is not known of the call is not known of any of its shares.
                unpriced_calls: call.unpriced_calls,
                uncounted_calls: call.uncounted_calls,
                ..rest
            }
        })
        .collect()
}

/// Replaces the time of model calls in the division by tool by that of the tool calls themselves.
fn add_tool_calls(trace: &Trace, parts: &mut BTreeMap<Key, CostSums>) {
    for ((by, name), sums) in parts.iter_mut() {
        if *by == CostDimension::Tool && name.is_some() {
            (sums.time_ns, sums.timed, sums.first_token_ns, sums.first_token_calls) = (0, 0, 0, 0);
            sums.failed_calls = 0;
        }
    }
    for span in trace.spans().iter().filter(|span| span.kind == SpanKind::Tool) {
        let name = span.tool.as_ref().map_or_else(|| span.name.clone(), |call| call.name.clone());
        let sums = parts.entry((CostDimension::Tool, Some(name))).or_default();
        sums.add(&CostSums {
            failed_calls: u64::from(span.status.is_error()),
            time_ns: span.duration_ns().unwrap_or(0),
            timed: u64::from(span.duration_ns().is_some()),
            ..CostSums::default()
        });
    }
}

/// Bounds the names of each division: the dearest are kept.
fn gathered(parts: BTreeMap<Key, CostSums>) -> Vec<CostPart> {
    let mut by_dimension: BTreeMap<CostDimension, Vec<(Option<String>, CostSums)>> = BTreeMap::new();
    for ((by, name), sums) in parts {
        let name = name.map(|name| name.chars().take(NAME_CHARS).collect::<String>());
        let list = by_dimension.entry(by).or_default();
        match list.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => known.add(&sums),
            None => list.push((name, sums)),
        }
    }
    let mut gathered = Vec::new();
    for (by, mut list) in by_dimension {
        if list.len() > MOST_NAMES {
            list.sort_by_key(|(_, sums)| std::cmp::Reverse(sums.cost));
            let mut others = CostSums::default();
            for (_, sums) in list.drain(MOST_NAMES - 1..) {
                others.add(&sums);
            }
            list.push((Some(OTHERS.to_owned()), others));
            list.sort_by(|a, b| a.0.cmp(&b.0));
        }
        gathered.extend(list.into_iter().map(|(name, sums)| CostPart { by, name, sums }));
    }
    gathered
}

/// Adds how long the run took, and what it waited for.
fn add_time(trace: &Trace, whole: &mut CostSums) {
    let timing = timing(trace);
    (whole.time_ns, whole.timed) = (timing.time_ns.unwrap_or(0), u64::from(timing.time_ns.is_some()));
    (whole.model_ns, whole.tool_ns) = (timing.model_ns, timing.tool_ns);
}

#[cfg(test)]
mod tests {
    use arc_model::sketch;
    use proptest::prelude::*;

    use super::*;

    fn costs(text: &str) -> RunCosts {
        let trace = sketch::parse(text).unwrap_or_else(|error| panic!("{error}"));
        attribute(&trace, Verdict::Succeeded, Catalog::builtin())
    }

    fn part(costs: &RunCosts, by: CostDimension, name: Option<&str>) -> CostSums {
        let found = costs.parts.iter().find(|part| part.by == by && part.name.as_deref() == name);
        found.unwrap_or_else(|| panic!("no {by} {name:?} in {costs:#?}")).sums
    }

    const RUN: &str = "agent a @0s +10s\n  step plan @0s +4s\n    \
        llm gpt-4o provider=openai in=1000 out=100 @0s +2s ttft=500ms -> search{q: 1}#1 book{}#2\n  \
        tool search {q: 1} #1 @2s +3s\n  tool book {} #2 @2s +1s !500 \"full\"\n  \
        llm gpt-4o-mini provider=openai in=1001 out=10 @6s +2s -> \"done\"";

    #[test]
    fn a_run_divides_by_model_tool_and_step() {
        let costs = costs(RUN);
        let (large, small) = (1_000 * 2_500 + 100 * 10_000, 1_001 * 150 + 10 * 600);
        assert_eq!((costs.whole.cost, costs.whole.calls, costs.whole.succeeded), (large + small, 2, 1));
        assert_eq!(part(&costs, CostDimension::Model, Some("gpt-4o")).cost, large);
        assert_eq!(part(&costs, CostDimension::Model, Some("gpt-4o")).first_token_ns, 500_000_000);
        assert_eq!(part(&costs, CostDimension::Step, Some("plan")).cost, large);
        assert_eq!(part(&costs, CostDimension::Step, Some("a")).cost, small);
        let (search, book) =
            (part(&costs, CostDimension::Tool, Some("search")), part(&costs, CostDimension::Tool, Some("book")));
        assert_eq!((search.cost, book.cost), (large / 2, large / 2));
        assert_eq!((search.time_ns, book.failed_calls), (3_000_000_000, 1));
        assert_eq!(part(&costs, CostDimension::Tool, None).cost, small);
    }

    #[test]
    fn the_time_of_a_run_is_that_of_its_critical_path() {
        let whole = costs(RUN).whole;
        // 0–2 model, 2–5 the longer tool, 5–6 nothing, 6–8 model, 8–10 nothing.
        assert_eq!((whole.time_ns, whole.model_ns, whole.tool_ns), (10_000_000_000, 4_000_000_000, 3_000_000_000));
    }

    #[test]
    fn a_call_sent_again_is_counted_as_repeated() {
        let call = "  llm gpt-4o provider=openai in=10 out=1 <- user \"x\"\n";
        let whole = costs(&format!("agent a\n{call}{call}{call}")).whole;
        assert_eq!((whole.calls, whole.repeated_calls, whole.repeated_cost), (3, 2, 2 * (10 * 2_500 + 10_000)));
    }

    #[test]
    fn what_is_not_known_is_counted_and_not_taken_for_nothing() {
        let whole = costs("agent a\n  llm mystery in=10 out=1\n  llm gpt-4o provider=openai").whole;
        assert_eq!((whole.unpriced_calls, whole.uncounted_calls, whole.priced_runs), (2, 1, 0));
        assert_eq!(whole.known_cost(), None);
        assert_eq!(costs("agent a").whole.priced_runs, 0);
    }

    #[test]
    fn what_the_emitter_says_stands_beside_what_is_computed() {
        let whole =
            costs("agent a\n  llm gpt-4o provider=openai in=1000 out=100 $0.004\n  llm gpt-4o in=1 out=1").whole;
        assert_eq!((whole.reported_cost, whole.reported_cost_here, whole.reported_calls), (4_000_000, 3_500_000, 1));
    }

    proptest! {
        /// Parts sum exactly to wholes, in every division.
        #[test]
        fn every_division_sums_to_the_whole(
            calls in prop::collection::vec((0usize..3, 0u64..5_000, 0u64..500, 0usize..4, any::<bool>()), 1..20)
        ) {
            let mut text = "agent a\n".to_owned();
            for (model, input, output, tools, in_step) in calls {
                let model = ["gpt-4o", "gpt-4o-mini", "mystery"][model];
                let asked = ["-> \"x\"", "-> a{}", "-> a{} b{}", "-> a{} b{} c{}"][tools];
                let indent = if in_step { "  step s\n    " } else { "  " };
                text.extend([indent, &format!("llm {model} in={input} out={output} {asked}\n")]);
            }
            let costs = costs(&text);
            for by in [CostDimension::Model, CostDimension::Tool, CostDimension::Step] {
                let mut sum = CostSums::default();
                for part in costs.parts.iter().filter(|part| part.by == by) {
                    sum.add(&part.sums);
                }
                let of = |sums: &CostSums| {
                    (sums.cost, sums.input_tokens, sums.output_tokens, sums.calls, sums.repeated_cost)
                };
                prop_assert_eq!(of(&sum), of(&costs.whole), "{}", by);
                // Each tool that an unpriced call asked for says so.
                prop_assert!(sum.unpriced_calls >= costs.whole.unpriced_calls);
                prop_assert_eq!(sum.unpriced_calls > 0, costs.whole.unpriced_calls > 0);
            }
        }
    }
}
