//! What to do next: from the taxonomy for what breaks, and about recording where data is missing.
//!
//! The numbers in a recommendation are the report's own counts; what a change would bring is not
//! known here, so it is not said.

use arc_catalog::Catalog;
use arc_model::{LeafId, UnknownCost, UnpricedTally};
use serde::{Deserialize, Serialize};

use super::Issue;
use crate::{cost::CostFigures, reliability::Reliability};

/// The most recommendations a report gives: more are not read.
const MAX_RECOMMENDATIONS: usize = 3;

/// A gap in the data is worth a recommendation when it hides one run in this many.
const WORTH_MENTIONING: u64 = 10;

/// Something to do, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Recommendation {
    /// The leaf it would mend; `None` when it is about what is recorded.
    pub leaf: Option<LeafId>,
    /// What to do.
    pub text: String,
    /// The counts that speak for it.
    pub because: String,
}

/// Returns at most three things to do: for the worst issues first, in the order of `issues`, but
/// with one place kept for a gap in the data where there is one, since a gap hides issues.
pub(super) fn recommend(
    reliability: &Reliability,
    cost: &CostFigures,
    issues: &[Issue],
    catalog: &Catalog,
) -> Vec<Recommendation> {
    let gaps: Vec<_> = outcome_gap(reliability).into_iter().chain(cost_gap(cost)).collect();
    let places = MAX_RECOMMENDATIONS - usize::from(!gaps.is_empty());
    let mut chosen: Vec<_> = issues.iter().filter_map(|issue| mend(issue, catalog)).take(places).collect();
    chosen.extend(gaps);
    chosen.truncate(MAX_RECOMMENDATIONS);
    chosen
}

/// Returns what the taxonomy advises; nothing for a leaf that it does not know.
fn mend(issue: &Issue, catalog: &Catalog) -> Option<Recommendation> {
    let leaf = catalog.leaf(issue.leaf.as_str())?;
    let (title, with, all) = (&leaf.title, issue.runs.successes, issue.runs.n);
    let because = format!("{title}: in {with} of {}", runs(all));
    Some(Recommendation { leaf: Some(issue.leaf.clone()), text: leaf.next_step.clone(), because })
}

fn outcome_gap(reliability: &Reliability) -> Option<Recommendation> {
    let (unknown, all) = (reliability.unknown_outcomes, reliability.runs);
    let text = "Report whether each run succeeded (record_outcome in the Python SDK, or the attribute \
                arc_eval.outcome.verdict): a run that merely returned counts in no rate.";
    worth_mentioning(unknown, all).then(|| Recommendation {
        leaf: None,
        text: text.to_owned(),
        because: format!("the outcome of {unknown} of {} is unknown", runs(all)),
    })
}

fn cost_gap(cost: &CostFigures) -> Option<Recommendation> {
    let UnpricedTally { why, runs: without } = cost.unpriced.first()?;
    let text = match why {
        UnknownCost::NoLlmCalls => {
            "Record the model calls of a run, not only the run: without them its cost is unknown."
        }
        UnknownCost::NoModel => {
            "Record the model's name with each call (gen_ai.request.model): without it the cost is unknown."
        }
        UnknownCost::NoUsage => {
            "Record token counts with each model call (gen_ai.usage.input_tokens and output_tokens; for streams of \
             OpenAI's API, stream_options.include_usage): without them the cost is unknown."
        }
        UnknownCost::Unpriced { .. } => {
            "Check the provider and the model's name as recorded: the price table has no price for that model."
        }
        UnknownCost::UnclearUsage => {
            "Check the token counts that the instrumentation records: they contradict each other, so the cost is unknown."
        }
        UnknownCost::Running => {
            "End the span of each model call, also when it is aborted: until then its cost is unknown."
        }
    };
    worth_mentioning(*without, cost.runs).then(|| Recommendation {
        leaf: None,
        text: text.to_owned(),
        because: format!("{without} of {} have no cost: {why}", runs(cost.runs)),
    })
}

const fn worth_mentioning(hidden: u64, all: u64) -> bool {
    hidden > 0 && hidden.saturating_mul(WORTH_MENTIONING) >= all
}

fn runs(count: u64) -> String {
    if count == 1 { "1 run".to_owned() } else { format!("{count} runs") }
}
