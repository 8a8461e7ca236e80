//! One call took most of the run's time, and others like it were quick.
//!
//! # What
//! A call of a model or of a tool lasted at least ten seconds, ten times the median of at least five calls of the same
//! model or tool in the run, and three tenths of the whole run. A model that wrote the more is not slow: where tokens
//! are counted, the time for each has to be three times the usual one as well.
//!
//! # Why it matters
//! Users wait, and callers give up; the cause is in one place and not in the work.
//!
//! # Example
//! ```text
//! llm m @0s +4s -> "1"
//! llm m @4s +4s -> "2"
//! llm m @8s +4s -> "3"
//! llm m @12s +4s -> "4"
//! llm m @16s +900s -> "5"
//! ```
//!
//! # When it is wrong
//! A tool that runs what it is given takes as long as that takes. A machine that slept meanwhile makes its call look slow.
//! What is usual for the agent over many runs is not known here.

use std::collections::BTreeMap;

use arc_model::{Evidence, Field, Span};

use super::{
    Detector, Sighting, View,
    outlier::{Limits, Outlier, Sample, median, outliers},
};

/// Finds calls that took most of the time; the module says when it is wrong.
pub(super) struct Delays;

const SECOND: u64 = 1_000_000_000;
/// A shorter call keeps nobody waiting.
const LEAST: u64 = 10 * SECOND;
/// Times the median.
const TIMES: u64 = 10;
/// Times the median time for a token.
const TIMES_PER_TOKEN: u64 = 3;

impl Detector for Delays {
    fn leaf(&self) -> &'static str {
        "delays"
    }

    fn version(&self) -> u32 {
        1
    }

    // It is late, not wrong.
    fn is_certain(&self) -> bool {
        false
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        let Some(whole) = duration(view) else { return Vec::new() };
        let limits = Limits { times: TIMES, least: LEAST, whole };
        let models: Vec<Sample<'_>> = view.models().iter().filter_map(|span| sample(model(span)?, span)).collect();
        let own = view.calls().iter().filter(|call| call.has_own_span());
        let tools: Vec<Sample<'_>> = own.filter_map(|call| sample(call.name, call.span)).collect();
        let pace = usual_pace(&models);
        let slow = outliers(&models, limits).into_iter().filter(|slow| is_slow_per_token(&slow.sample, &pace));
        slow.chain(outliers(&tools, limits)).map(|slow| sighting(&slow, whole)).collect()
    }
}

fn model(span: &Span) -> Option<&str> {
    span.model.as_ref()?.name()
}

fn sample<'a>(kind: &'a str, span: &'a Span) -> Option<Sample<'a>> {
    Some(Sample { kind, span, amount: span.duration_ns()? })
}

/// Returns how long the run took; `None` when no times were recorded.
fn duration(view: &View<'_>) -> Option<u64> {
    let spans = view.trace().spans();
    let first = spans.iter().filter_map(|span| span.start).min()?;
    spans.iter().filter_map(|span| span.end).max()?.nanos_since(first)
}

fn per_token(sample: &Sample<'_>) -> Option<u64> {
    sample.amount.checked_div(sample.span.usage.as_ref()?.output?)
}

/// Returns the median time for a token by model.
fn usual_pace<'a>(models: &[Sample<'a>]) -> BTreeMap<&'a str, u64> {
    let mut paces: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for sample in models {
        paces.entry(sample.kind).or_default().extend(per_token(sample));
    }
    paces.into_iter().filter_map(|(kind, paces)| Some((kind, median(&paces)?))).collect()
}

fn is_slow_per_token(sample: &Sample<'_>, usual: &BTreeMap<&str, u64>) -> bool {
    match (per_token(sample), usual.get(sample.kind)) {
        (Some(own), Some(usual)) => own >= usual.saturating_mul(TIMES_PER_TOKEN),
        _ => true,
    }
}

fn sighting(slow: &Outlier<'_>, whole: u64) -> Sighting {
    let Outlier { sample: Sample { kind, span, amount }, usual, of } = *slow;
    let percent = amount.saturating_mul(100).checked_div(whole).unwrap_or(100).min(100);
    Sighting {
        title: format!("a call of {kind} took {}, {percent} % of the run's time", seconds(amount)),
        first: Evidence::new(
            span.span_id,
            Field::Attribute("duration".to_owned()),
            &format!("{}, where the median of {of} calls is {}", seconds(amount), seconds(usual)),
        ),
        more: Vec::new(),
    }
}

fn seconds(nanos: u64) -> String {
    format!("{}.{} s", nanos / SECOND, nanos % SECOND / (SECOND / 10))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "delays";
    const QUICK: &str =
        "llm m @0s +4s -> \"1\"\nllm m @4s +4s -> \"2\"\nllm m @8s +4s -> \"3\"\nllm m @12s +4s -> \"4\"\n";

    #[test]
    fn a_call_that_takes_most_of_the_time_is_found() {
        check(
            LEAF,
            &format!("{QUICK}llm m @16s +900s -> \"5\""),
            expect![[r"
                medium a call of m took 900.0 s, 98 % of the run's time
                  span 5 duration `900.0 s, where the median of 5 calls is 4.0 s`
            "]],
        );
        check(
            LEAF,
            "tool a {} @0s +1s\ntool a {} @1s +1s\ntool a {} @2s +1s\ntool a {} @3s +1s\ntool a {} @4s +60s",
            expect![[r"
                medium a call of a took 60.0 s, 93 % of the run's time
                  span 5 duration `60.0 s, where the median of 5 calls is 1.0 s`
            "]],
        );
    }

    #[test]
    fn another_model_few_calls_short_ones_and_long_answers_are_not() {
        check(LEAF, &format!("{QUICK}llm n @16s +900s -> \"5\""), expect![[""]]);
        check(LEAF, "llm m @0s +1s -> \"1\"\nllm m @1s +99s -> \"2\"", expect![[""]]);
        check(LEAF, &QUICK.replace("4s", "4ms").replace("8s", "8ms"), expect![[""]]);
        let counted = QUICK.replace(" -> ", " in=9 out=10 -> ");
        check(LEAF, &format!("{counted}llm m @16s +90s in=9 out=225 -> \"5\""), expect![[""]]);
    }
}
