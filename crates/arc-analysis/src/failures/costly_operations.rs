//! One model call cost most of what the run cost, and others of that model were cheap.
//!
//! # What
//! A call of a model cost at least a cent, four times the median of at least five calls of the same model in the run, and
//! three tenths of what all model calls of the run cost. Only runs of which every call has a known price are looked at.
//!
//! # Why it matters
//! A single call that is sent or writes far too much can cost more than the rest of the work.
//!
//! # Example
//! ```text
//! llm gpt-4o in=1000 out=50 -> "1"
//! llm gpt-4o in=1000 out=50 -> "2"
//! llm gpt-4o in=1000 out=50 -> "3"
//! llm gpt-4o in=1000 out=50 -> "4"
//! llm gpt-4o in=90000 out=50 -> "5"
//! ```
//!
//! # When it is wrong
//! The one call may be the work, and the others its preparation. What is usual for the agent over many runs is not known
//! here. Prices that the user set are not.

use arc_model::{Evidence, Field, NanoUsd, Span};

use super::{
    Detector, Sighting, View,
    outlier::{FEWEST, Limits, Outlier, Sample, outliers},
};
use crate::cost::price_span;

/// Finds model calls that cost most of the money; the module says when it is wrong.
pub(super) struct CostlyOperations;

/// A cheaper call is not worth a look: one cent.
const LEAST: u64 = 10_000_000;
/// Times the median.
const TIMES: u64 = 4;

impl Detector for CostlyOperations {
    fn leaf(&self) -> &'static str {
        "costly-operations"
    }

    fn version(&self) -> u32 {
        1
    }

    // It is expensive, not wrong.
    fn is_certain(&self) -> bool {
        false
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        if view.models().len() < FEWEST {
            return Vec::new();
        }
        let samples: Option<Vec<Sample<'_>>> = view.models().iter().map(|span| sample(span)).collect();
        let Some(samples) = samples else { return Vec::new() };
        let whole = samples.iter().fold(0_u64, |sum, sample| sum.saturating_add(sample.amount));
        let limits = Limits { times: TIMES, least: LEAST, whole };
        outliers(&samples, limits).iter().map(|costly| sighting(costly, whole)).collect()
    }
}

fn sample(span: &Span) -> Option<Sample<'_>> {
    let kind = span.model.as_ref()?.name()?;
    Some(Sample { kind, span, amount: u64::try_from(price_span(span).known()?.0).ok()? })
}

fn sighting(costly: &Outlier<'_>, whole: u64) -> Sighting {
    let Outlier { sample: Sample { kind, span, amount }, usual, of } = *costly;
    let percent = amount.saturating_mul(100).checked_div(whole).unwrap_or(100);
    let tokens = span.usage.as_ref().map_or((0, 0), |usage| (usage.input.unwrap_or(0), usage.output.unwrap_or(0)));
    Sighting {
        title: format!("a call of {kind} cost {}, {percent} % of the run's", dollars(amount)),
        first: Evidence::new(
            span.span_id,
            Field::Attribute("usage".to_owned()),
            &format!(
                "{} input and {} output tokens for {}, where the median of {of} calls is {}",
                tokens.0,
                tokens.1,
                dollars(amount),
                dollars(usual)
            ),
        ),
        more: Vec::new(),
    }
}

fn dollars(nanos: u64) -> String {
    NanoUsd(i64::try_from(nanos).unwrap_or(i64::MAX)).to_string()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "costly-operations";

    fn run(last: &str) -> String {
        format!("{}{last}", "llm gpt-4o in=1000 out=50 -> \"1\"\n".repeat(4))
    }

    #[test]
    fn a_call_that_costs_most_is_found() {
        check(
            LEAF,
            &run("llm gpt-4o in=90000 out=50 -> \"5\""),
            expect![[r"
                medium a call of gpt-4o cost $0.2255, 94 % of the run's
                  span 5 usage `90000 input and 50 output tokens for $0.2255, where the median of 5 calls is $0.003`
            "]],
        );
    }

    #[test]
    fn a_usual_one_one_of_another_model_and_one_without_a_price_are_not() {
        check(LEAF, &run("llm gpt-4o in=3000 out=60 -> \"5\""), expect![[""]]);
        check(LEAF, &run("llm gpt-4.1 in=90000 out=50 -> \"5\""), expect![[""]]);
        check(LEAF, &run("llm gpt-4o in=90000 out=50 -> \"5\"\nllm nobody-knows in=1 out=1 -> \"6\""), expect![[""]]);
    }
}
