//! The published figures of public data sets, from the raw files. Not part of the repository: the
//! files lie in `../shared/data` beside the checkout or where `ARC_EVAL_DATA` says, and a test whose
//! file is not there says so and passes.

#![expect(clippy::unwrap_used, reason = "a test; its own functions are not recognised as one")]

use std::{collections::BTreeMap, fs, path::PathBuf};

use arc_analysis::{price_span, reliability::reliability};
use arc_model::{
    AgentFigures, Cost, ModelRef, NanoUsd, Rate, Span, SpanId, SpanKind, TaskId, TaskTally, Timestamp, TraceId, Usage,
};
use serde_json::Value;

/// Returns a file's text, or says that the test is skipped.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests find their data, and say when there is none"
)]
fn data(file: &str) -> Option<String> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let folder = std::env::var("ARC_EVAL_DATA").map_or_else(|_| PathBuf::from(beside), PathBuf::from);
    let path = folder.join(file);
    let text = fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("SKIPPED: {} is not there", path.display());
    }
    text
}

/// Tallies by task of `(task, succeeded)`.
fn figures(runs: impl Iterator<Item = (String, bool)>) -> AgentFigures {
    let mut tasks: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (task, succeeded) in runs {
        let counts = tasks.entry(task).or_default();
        *(if succeeded { &mut counts.0 } else { &mut counts.1 }) += 1;
    }
    let tally =
        |(task, (succeeded, failed))| TaskTally { task: Some(TaskId::new(task)), succeeded, failed, unknown: 0 };
    AgentFigures { tasks: tasks.into_iter().map(tally).collect(), ..AgentFigures::default() }
}

fn ends(rate: &Rate) -> String {
    let interval = rate.interval.unwrap();
    format!("{:.4} ({:.4}, {:.4})", rate.estimate.unwrap(), interval.low, interval.high)
}

/// S. Yao et al., τ-bench, arXiv:2406.12045: gpt-4o on the airline tasks, 50 tasks of 4 trials.
#[test]
fn tau_bench_has_its_published_pass_k_and_intervals() {
    let Some(text) = data("tau-bench/gpt-4o-airline.json") else { return };
    let runs: Vec<Value> = serde_json::from_str(&text).unwrap();
    let runs = runs.iter().map(|run| (run["task_id"].to_string(), run["reward"].as_f64() == Some(1.0)));
    let result = reliability(&figures(runs), Timestamp::from_millis(0));

    let values = |pass: &[arc_analysis::reliability::PassAtK]| -> Vec<String> {
        pass.iter().map(|pass| format!("{:.4} of {}", pass.value, pass.tasks)).collect()
    };
    assert_eq!(values(&result.pass_hat_k), ["0.4200 of 50", "0.2733 of 50", "0.2200 of 50", "0.2000 of 50"]);
    assert_eq!(values(&result.pass_at_k), ["0.4200 of 50", "0.5667 of 50", "0.6600 of 50", "0.7200 of 50"]);
    assert_eq!(ends(&result.success_naive), "0.4200 (0.3537, 0.4893)");
    assert_eq!(ends(&result.success), "0.4200 (0.3151, 0.5249)");
}

/// Usage classes that a span has; a body with other priced ones is not compared.
fn usage(extracted: &Value) -> Option<Usage> {
    let count = |key: &str| extracted.get(key).and_then(Value::as_u64);
    // A search is no token, and how much of what was cached is audio no span says.
    let foreign = ["web_searches", "cache_audio_read_tokens"];
    let has_foreign = foreign.iter().any(|key| count(key).is_some_and(|count| count > 0));
    (!has_foreign).then(|| Usage {
        input: count("input_tokens"),
        output: Some(count("output_tokens").unwrap_or(0)),
        cache_read: count("cache_read_tokens"),
        cache_write: count("cache_write_tokens"),
        cache_write_1h: count("cache_write_1h_tokens"),
        reasoning: count("output_reasoning_tokens"),
        audio_input: count("input_audio_tokens"),
        audio_output: count("output_audio_tokens"),
        image_input: count("input_image_tokens"),
        image_output: count("output_image_tokens"),
        video_input: count("input_video_tokens"),
        tool_input: count("input_tool_tokens"),
        ..Usage::default()
    })
}

/// Within a nano-dollar for each line of the two directions.
fn agrees(lines: &[arc_model::CostLine], input: &str, output: &str) -> bool {
    let is_output = |class: &str| matches!(class, "output" | "reasoning" | "audio_output" | "image_output");
    [(false, input), (true, output)].iter().all(|&(direction, expected)| {
        let lines = lines.iter().filter(|line| line.class != "request" && is_output(&line.class) == direction);
        let amounts: Vec<NanoUsd> = lines.map(|line| line.amount).collect();
        let expected = NanoUsd::from_usd(expected.parse().unwrap()).unwrap();
        let difference = (amounts.iter().copied().sum::<NanoUsd>() - expected).0.unsigned_abs();
        difference <= u64::try_from(amounts.len().max(1)).unwrap()
    })
}

/// 838 recorded answers of providers, with the price that pydantic's tools computed. Where they say
/// zero, because a row has no prices or an answer no counts, the cost is unknown here.
#[test]
#[expect(clippy::print_stderr, reason = "what was compared is part of the result")]
fn recorded_answers_cost_what_the_price_table_says() {
    let Some(text) = data("provider-usages/usages.json") else { return };
    let bodies: Vec<Value> = serde_json::from_str(&text).unwrap();
    let (mut equal, mut unknown, mut foreign, mut wrong) = (0, 0, 0, Vec::new());
    for body in &bodies {
        let Some(model) = body.get("model").or_else(|| body["body"].get("model")).and_then(Value::as_str) else {
            continue;
        };
        for extracted in body["extracted"].as_array().unwrap() {
            let Some(usage) = usage(&extracted["usage"]) else {
                foreign += 1;
                continue;
            };
            for priced in extracted["extractors"].as_array().unwrap() {
                let (Some(input), Some(output)) = (priced["input_price"].as_str(), priced["output_price"].as_str())
                else {
                    continue;
                };
                let provider = priced["provider_id"].as_str().unwrap();
                let cost = price_span(&call(provider, model, usage.clone()));
                let is_zero = |price: &str| price.parse() == Ok(0.0);
                match &cost {
                    Cost::Known { lines, .. } if agrees(lines, input, output) => equal += 1,
                    Cost::Unknown { .. } if is_zero(input) && is_zero(output) => unknown += 1,
                    _ => wrong.push(format!("{provider} {model} {usage:?}: {cost:?}, not {input} + {output}")),
                }
            }
        }
    }
    let different = wrong.len();
    eprintln!("{equal} prices equal, {unknown} unknown instead of zero, {different} different: {wrong:?}");
    eprintln!("{foreign} usages not compared: they have classes that spans do not have");
    assert!(equal > 1_800, "{equal}");
    // One row of the table was corrected since: the output of ministral-8b.
    assert!(different <= 1);
}

fn call(provider: &str, model: &str, usage: Usage) -> Span {
    let trace = TraceId::from_bytes([1; 16]).unwrap();
    let mut span = Span::new(trace, SpanId::from_bytes([1; 8]).unwrap(), SpanKind::Llm, "call");
    span.model =
        Some(ModelRef { provider: Some(provider.into()), response: Some(model.into()), ..ModelRef::default() });
    span.usage = Some(usage);
    // The prices were computed before the table's changes of 2026.
    span.start = Timestamp::parse("2025-12-01T12:00:00Z");
    span.end = span.start;
    span
}
