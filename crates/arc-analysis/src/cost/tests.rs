//! Prices of sketched calls, and the algebra of costs.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes snapshots this way")]

use arc_model::{
    Cost, ModelRef, NanoUsd, Span, SpanId, SpanKind, Timestamp, Trace, TraceId, UnknownCost, Usage, sketch,
};
use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

/// Prints the cost of a run: its lines, or why it is unknown.
fn check(text: &str, expected: &Expect) {
    let trace = sketch::parse(text).unwrap_or_else(|error| panic!("{error}"));
    expected.assert_eq(&print(&price_trace(&trace)));
}

fn print(cost: &Cost) -> String {
    match cost {
        Cost::Unknown { why, at_least } => format!("unknown: {why}; at least {at_least}\n"),
        Cost::Known { total, lines } => {
            let line = |line: &arc_model::CostLine| {
                format!("{:>10} {} × {} {}\n", line.tokens, line.price_row, line.class, line.amount)
            };
            lines.iter().map(line).collect::<String>() + &format!("{total}\n")
        }
    }
}

fn call(provider: &str, model: &str, usage: Usage) -> Span {
    let trace = TraceId::from_bytes([1; 16]).unwrap();
    let mut span = Span::new(trace, SpanId::from_bytes([1; 8]).unwrap(), SpanKind::Llm, "call");
    span.model = Some(ModelRef { provider: Some(provider.into()), request: Some(model.into()), ..ModelRef::default() });
    span.usage = Some(usage);
    span.start = Timestamp::parse("2025-06-01T12:00:00Z");
    span.end = span.start;
    span
}

#[test]
fn a_call_costs_its_input_and_its_output() {
    check(
        "llm gpt-4o provider=openai in=1000 out=100",
        &expect![[r#"
              1000 openai/gpt-4o × input $0.0025
               100 openai/gpt-4o × output $0.001
        $0.0035
    "#]],
    );
}

#[test]
fn cached_tokens_are_billed_at_their_own_price() {
    check(
        "llm gpt-4o provider=openai in=1000 out=100 cache=800",
        &expect![[r#"
               200 openai/gpt-4o × input $0.0005
               800 openai/gpt-4o × cache_read $0.001
               100 openai/gpt-4o × output $0.001
        $0.0025
    "#]],
    );
    check(
        "llm claude-3-5-sonnet-20241022 provider=anthropic in=1000 out=100 cache=500 cache_write=300",
        &expect![[r#"
                   200 anthropic/claude-3-5-sonnet × input $0.0006
                   500 anthropic/claude-3-5-sonnet × cache_read $0.00015
                   300 anthropic/claude-3-5-sonnet × cache_write $0.001125
                   100 anthropic/claude-3-5-sonnet × output $0.0015
            $0.003375
        "#]],
    );
}

#[test]
fn reasoning_without_a_price_of_its_own_is_output() {
    check(
        "llm o3 provider=openai in=1000 out=500 reasoning=400",
        &expect![[r#"
              1000 openai/o3 × input $0.002
               500 openai/o3 × output $0.004
        $0.006
    "#]],
    );
}

#[test]
fn the_model_that_answered_is_priced() {
    check(
        "llm router provider=openai answered=gpt-4o-mini-2024-07-18 in=1000 out=100",
        &expect![[r#"
              1000 openai/gpt-4o-mini × input $0.00015
               100 openai/gpt-4o-mini × output $0.00006
        $0.00021
    "#]],
    );
}

#[test]
fn a_cost_that_is_not_known_says_why() {
    check(
        "agent a",
        &expect![[r#"
        unknown: no model calls were recorded; at least $0
    "#]],
    );
    check(
        "llm gpt-4o",
        &expect![[r#"
        unknown: token counts were not recorded; at least $0
    "#]],
    );
    check(
        "llm call model=- in=10 out=2",
        &expect![[r#"
        unknown: the model's name was not recorded; at least $0
    "#]],
    );
    check(
        "llm my-finetune in=10 out=2",
        &expect![[r#"
        unknown: no price for model `my-finetune`; at least $0
    "#]],
    );
    check(
        "llm gpt-4o provider=my-proxy in=10 out=2",
        &expect![[r#"
        unknown: no price for model `gpt-4o`; at least $0
    "#]],
    );
    check(
        "llm gpt-4o @0s running",
        &expect![[r#"
            unknown: it, or a model call in it, has not ended; at least $0
        "#]],
    );
    check(
        "llm gpt-4o provider=openai in=10 out=2 cache=11",
        &expect![[r#"
        unknown: the token counts do not add up; at least $0
    "#]],
    );
    check(
        "llm gpt-4o provider=openai in=10 out=2 reasoning=3",
        &expect![[r#"
        unknown: the token counts do not add up; at least $0
    "#]],
    );
}

#[test]
fn a_missing_output_count_leaves_a_lower_bound() {
    check(
        "llm gpt-4o provider=openai in=1000",
        &expect![[r#"
        unknown: token counts were not recorded; at least $0.0025
    "#]],
    );
}

#[test]
fn one_unknown_call_makes_the_run_unknown_and_at_least_the_rest() {
    check(
        "agent a\n  llm gpt-4o provider=openai in=1000 out=100\n  llm mystery in=10 out=2",
        &expect![[r#"
        unknown: no price for model `mystery`; at least $0.0035
    "#]],
    );
}

#[test]
fn calls_at_one_price_share_a_line() {
    check(
        "agent a\n  llm gpt-4o in=1000 out=100\n  llm gpt-4o in=2000 out=10\n  llm gpt-4o-mini in=10 out=1",
        &expect![[r#"
                  3000 openai/gpt-4o × input $0.0075
                   110 openai/gpt-4o × output $0.0011
                    10 openai/gpt-4o-mini × input $0.0000015
                     1 openai/gpt-4o-mini × output $0.0000006
            $0.0086021
        "#]],
    );
}

#[test]
fn agents_and_wrappers_repeat_the_tokens_of_their_calls() {
    check(
        "agent a model=gpt-4o in=1000 out=100\n  llm gpt-4o in=1000 out=100\n    llm gpt-4o in=1000 out=100",
        &expect![[r#"
                  1000 openai/gpt-4o × input $0.0025
                   100 openai/gpt-4o × output $0.001
            $0.0035
        "#]],
    );
}

#[test]
fn an_agents_own_counts_are_taken_only_when_no_call_was_recorded() {
    check(
        "agent a model=gpt-4o in=1000 out=100\n  agent b model=gpt-4o in=400 out=40\n  tool t",
        &expect![[r#"
              1000 openai/gpt-4o × input $0.0025
               100 openai/gpt-4o × output $0.001
        $0.0035
    "#]],
    );
    check(
        "agent a\n  agent b model=gpt-4o in=400 out=40\n  agent c model=gpt-4o in=1 out=1",
        &expect![[r#"
               401 openai/gpt-4o × input $0.0010025
                41 openai/gpt-4o × output $0.00041
        $0.0014125
    "#]],
    );
}

#[test]
fn embeddings_have_no_output_and_are_no_model_calls() {
    let embedding = "embedding e model=text-embedding-3-small provider=openai in=1000";
    check(
        &format!("agent a\n  llm gpt-4o in=1000 out=100\n  {embedding}"),
        &expect![[r#"
              1000 openai/gpt-4o × input $0.0025
               100 openai/gpt-4o × output $0.001
              1000 openai/text-embedding-3-small × input $0.00002
        $0.00352
    "#]],
    );
    check(
        &format!("agent a\n  {embedding}"),
        &expect![[r#"
        unknown: no model calls were recorded; at least $0.00002
    "#]],
    );
}

#[test]
fn two_records_of_one_call_are_billed_once() {
    let mut spans = vec![call("openai", "gpt-4o", Usage::default()); 2];
    spans[1].span_id = SpanId::from_bytes([2; 8]).unwrap();
    spans[1].usage = Some(Usage { input: Some(1000), output: Some(100), ..Usage::default() });
    for span in &mut spans {
        span.model.as_mut().unwrap().response_id = Some("chatcmpl-1".into());
    }
    let trace = Trace::new(spans[0].trace_id, spans.clone());
    assert_eq!(price_trace(&trace).known(), Some(NanoUsd(3_500_000)));
    assert_eq!(billed_spans(&trace).len(), 1);

    spans[1].model.as_mut().unwrap().response_id = Some("chatcmpl-2".into());
    let trace = Trace::new(spans[0].trace_id, spans);
    assert_eq!(billed_spans(&trace).len(), 2);
}

#[test]
fn a_request_that_was_turned_away_costs_nothing_and_one_that_may_have_worked_is_unknown() {
    let answered = "llm gpt-4o provider=openai in=1000 out=100";
    check(
        &format!("agent a\n  llm gpt-4o provider=openai !429 \"slow down\"\n  {answered}"),
        &expect![[r#"
                  1000 openai/gpt-4o × input $0.0025
                   100 openai/gpt-4o × output $0.001
            $0.0035
        "#]],
    );
    check(
        "agent a\n  llm gpt-4o provider=openai !429",
        &expect![[r"
        $0
    "]],
    );
    check(
        &format!("agent a\n  llm gpt-4o provider=openai !408\n  {answered}"),
        &expect![[r#"
            unknown: token counts were not recorded; at least $0.0035
        "#]],
    );
}

#[test]
fn a_count_that_cannot_be_has_no_price() {
    check(
        &format!("agent a\n  llm gpt-4o provider=openai in={} out=1", i64::MAX),
        &expect![[r#"
            unknown: the token counts do not add up; at least $0
        "#]],
    );
}

/// o3 became cheaper on 2025-06-10.
#[test]
fn prices_are_those_of_when_the_call_began() {
    let usage = Usage { input: Some(1_000_000), output: Some(0), ..Usage::default() };
    let mut span = call("openai", "o3", usage);
    assert_eq!(price_span(&span).known(), Some(NanoUsd(10_000_000_000)));
    span.start = Timestamp::parse("2025-06-10T00:00:00Z");
    assert_eq!(price_span(&span).known(), Some(NanoUsd(2_000_000_000)));
    (span.start, span.end) = (None, None);
    assert_eq!(price_span(&span).known(), Some(NanoUsd(2_000_000_000)));
}

/// Over 200,000 tokens of input, every token of the call costs more.
#[test]
fn long_inputs_are_billed_at_their_tier() {
    let cost = |input| {
        let usage = Usage { input: Some(input), output: Some(1_000), ..Usage::default() };
        price_span(&call("gcp.gemini", "gemini-2.5-pro", usage)).known()
    };
    assert_eq!(cost(200_000), Some(NanoUsd(200_000 * 1_250 + 1_000 * 10_000)));
    assert_eq!(cost(200_001), Some(NanoUsd(200_001 * 2_500 + 1_000 * 15_000)));
}

const MODELS: [(&str, &str); 6] = [
    ("openai", "gpt-4o"),
    ("openai", "gpt-4.1-mini"),
    ("openai", "o3"),
    ("anthropic", "claude-3-5-sonnet-20241022"),
    ("anthropic", "claude-3-5-haiku-20241022"),
    ("gcp.gemini", "gemini-2.5-pro"),
];

#[test]
fn providers_that_are_named_by_the_host_of_a_call_have_prices() {
    let usage = Usage { input: Some(1000), output: Some(10), ..Usage::default() };
    let unpriced: Vec<_> = [
        ("openai", "gpt-4o"),
        ("azure.ai.openai", "gpt-4o"),
        ("anthropic", "claude-3-5-haiku-20241022"),
        ("aws.bedrock", "anthropic.claude-3-haiku-20240307-v1:0"),
        ("aws.bedrock", "claude-3-haiku-20240307"),
        ("gcp.gemini", "gemini-2.5-flash"),
        ("gcp.vertex_ai", "gemini-2.5-flash"),
        ("mistral_ai", "mistral-large-latest"),
        ("groq", "llama-3.3-70b-versatile"),
        ("cohere", "command-r-plus"),
        ("deepseek", "deepseek-chat"),
        ("x_ai", "grok-3"),
        ("moonshot_ai", "kimi-k2-0711-preview"),
        ("openrouter", "openai/gpt-4o"),
        ("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
        ("perplexity", "sonar-pro"),
        ("cerebras", "llama3.1-8b"),
    ]
    .into_iter()
    .filter(|(provider, model)| price_span(&call(provider, model, usage.clone())).known().is_none())
    .collect();
    assert_eq!(unpriced, []);
}

fn priced_call() -> impl Strategy<Value = Span> {
    let counts = (0u64..400_000, 0u64..50_000, 0u64..100, 0u64..100, 0u64..100);
    (prop::sample::select(&MODELS), counts).prop_map(|((provider, model), (input, output, read, write, think))| {
        let usage = Usage {
            input: Some(input),
            output: Some(output),
            cache_read: Some(input * read / 200),
            cache_write: Some(input * write / 200),
            reasoning: Some(output * think / 100),
            ..Usage::default()
        };
        call(provider, model, usage)
    })
}

/// A call of which something that its cost needs may be missing.
fn any_call() -> impl Strategy<Value = Span> {
    (priced_call(), 0u8..5).prop_map(|(mut span, missing)| {
        match missing {
            0 => span.model = None,
            1 => span.usage = None,
            2 => span.usage.as_mut().unwrap().output = None,
            3 => span.model.as_mut().unwrap().request = Some("my-finetune".into()),
            _ => {}
        }
        span
    })
}

fn in_one_trace(mut spans: Vec<Span>) -> Trace {
    for (index, span) in (1u64..).zip(&mut spans) {
        span.span_id = SpanId::from_bytes(index.to_be_bytes()).unwrap();
    }
    Trace::new(TraceId::from_bytes([1; 16]).unwrap(), spans)
}

proptest! {
    #[test]
    fn a_total_is_the_sum_of_its_lines_and_tokens_are_billed_once(span in priced_call()) {
        let Cost::Known { total, lines } = price_span(&span) else { panic!("priced") };
        prop_assert_eq!(total, lines.iter().map(|line| line.amount).sum());
        let usage = span.usage.unwrap();
        let billed: u64 = lines.iter().map(|line| line.tokens).sum();
        prop_assert_eq!(billed, usage.input.unwrap() + usage.output.unwrap());
    }

    #[test]
    fn a_run_costs_what_its_calls_cost(calls in prop::collection::vec(priced_call(), 1..6)) {
        let sum: NanoUsd = calls.iter().map(|span| price_span(span).known().unwrap()).sum();
        prop_assert_eq!(price_trace(&in_one_trace(calls)).known(), Some(sum));
    }

    #[test]
    fn unknown_never_becomes_zero(calls in prop::collection::vec(any_call(), 1..6)) {
        let costs: Vec<Cost> = calls.iter().map(price_span).collect();
        let known = costs.iter().all(|cost| cost.known().is_some());
        let cost = price_trace(&in_one_trace(calls));
        prop_assert_eq!(cost.known().is_some(), known);
        if let Cost::Unknown { why, .. } = cost {
            let first = costs.into_iter().find_map(|cost| match cost {
                Cost::Unknown { why, .. } => Some(why),
                Cost::Known { .. } => None,
            });
            prop_assert_eq!(Some(why), first);
        }
    }

    /// One token more from the cache instead of read afresh; lines are rounded, so by whole calls.
    #[test]
    fn a_token_more_from_the_cache_never_costs_more(span in priced_call()) {
        let usage = span.usage.clone().unwrap();
        let (read, written) = (usage.cache_read.unwrap(), usage.cache_write.unwrap());
        prop_assume!(read + written < usage.input.unwrap());
        let mut cached = span.clone();
        cached.usage = Some(Usage { cache_read: Some(read + 1), ..usage });
        prop_assert!(price_span(&cached).known() <= price_span(&span).known());
    }

    /// Pricing looks at nothing but the call: at another model and back, or at the user's prices and back, is as before.
    #[test]
    fn repricing_is_reversible(span in priced_call(), (provider, model) in prop::sample::select(&MODELS)) {
        let before = price_span(&span);
        let mut other = span.clone();
        other.model = call(provider, model, Usage::default()).model;
        let own = arc_catalog::PriceOverride::read("[[price]]\nmodel = \"*\"\ninput = 1\noutput = 2.5").unwrap();
        let usage = span.usage.clone().unwrap();
        let at_own = price_span_with(&span, &own);
        prop_assert_eq!(at_own.known(), Some(NanoUsd(
            i64::try_from(usage.input.unwrap() * 1_000 + usage.output.unwrap() * 2_500).unwrap()
        )));
        price_span(&other);
        other.model.clone_from(&span.model);
        prop_assert_eq!(price_span(&other), before.clone());
        prop_assert_eq!(price_span_with(&span, &[]), before);
    }

    #[test]
    fn any_counts_are_priced_without_a_panic(counts in prop::array::uniform8(prop::option::of(any::<u64>()))) {
        let [input, output, cache_read, cache_write, cache_write_1h, reasoning, audio_input, audio_output] = counts;
        let usage = Usage {
            input, output, cache_read, cache_write, cache_write_1h, reasoning, audio_input, audio_output,
            ..Usage::default()
        };
        if let Cost::Unknown { why, .. } = price_span(&call("openai", "gpt-4o", usage)) {
            prop_assert!(matches!(why, UnknownCost::NoUsage | UnknownCost::UnclearUsage));
        }
    }
}
