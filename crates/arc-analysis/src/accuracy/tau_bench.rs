//! τ-bench: runs of a customer-service agent whose final state the environment checks.
//!
//! A failed run here is a *silent failure*: the conversation ends politely, only the reward says that the task was
//! not done. The question is which failed runs are flagged without a look at the reward.

use arc_model::{Json, Payload, Trace, Verdict};

use super::{Constant, Dataset, Decode, Figure, File, Section, blind, detectors::Tally, figure::ratio};
use crate::{
    failures::View,
    localisation::changes_something,
    reliability::{ToolUse, tool_use},
    settle_outcome,
};

/// The data set.
pub(super) struct TauBench;

/// The false-alarm rate at which the share of failed runs that are flagged is told.
const FALSE_ALARMS: f64 = 0.10;

/// What a reader has to know about the figures.
const NOTE: &str = "The threshold of the flag is chosen within the training part of each fold, so that about 5 % of its good runs are flagged; which eight numbers are told about a run was chosen with figures on these runs in view. A flag needs other trials of the task to be worth much.";

impl Dataset for TauBench {
    fn folder(&self) -> &'static str {
        "tau-bench"
    }

    fn about(&self) -> &'static str {
        "τ-bench: a customer-service agent, the final state checked by the environment."
    }

    fn score(&self, files: &[File], decode: Decode<'_>) -> Section {
        let mut section = Section::of(self);
        let mut detectors = Tally::default();
        for file in files.iter().filter(|file| file.is_json()) {
            let mut rows = Vec::new();
            let traces = decode(file);
            let trials: Vec<Trace> = traces.iter().map(blind).collect();
            let records: Vec<Json> = serde_json::from_slice(&file.bytes).unwrap_or_default();
            for (index, (trace, blind)) in traces.iter().zip(&trials).enumerate() {
                let Some(failed) = truth(trace) else { continue };
                let as_expected = records.get(index).filter(|_| records.len() == traces.len());
                let as_expected = as_expected.and_then(|record| changed_as_expected(record, blind));
                let diagnosis = section.diagnose_among(blind, &trials);
                detectors.add(blind, !failed);
                rows.push(Row { failed, probability: diagnosis.failed, flagged: diagnosis.is_flagged, as_expected });
            }
            if rows.is_empty() {
                section.skip(&file.path, "there is no run in it of which it is known whether it failed");
            } else {
                section.figures.extend(figures(file.stem(), &rows));
            }
        }
        section.detectors = detectors.rows();
        section.notes.push(NOTE.to_owned());
        section
    }
}

fn truth(trace: &Trace) -> Option<bool> {
    match settle_outcome(trace, &[]).0.verdict {
        Verdict::Succeeded => Some(false),
        Verdict::Failed => Some(true),
        Verdict::Unknown => None,
    }
}

/// Returns whether the changes that a run made are exactly those that its record expects; `None` when it says none.
fn changed_as_expected(record: &Json, trace: &Trace) -> Option<bool> {
    let actions = record.pointer("/info/task/actions")?.as_array()?;
    let expected: Vec<ToolUse<'_>> = actions
        .iter()
        .filter_map(|action| Some(ToolUse { name: action.get("name")?.as_str()?, arguments: action.get("kwargs") }))
        .filter(|call| changes_something(call.name))
        .collect();
    let view = View::new(trace);
    let calls = view
        .calls()
        .iter()
        .enumerate()
        .filter(|(index, call)| changes_something(call.name) && view.error(*index).is_none());
    let made: Vec<ToolUse<'_>> = calls
        .map(|(_, call)| {
            let arguments = call.arguments.and_then(|arguments| match arguments {
                Payload::Json(value) => Some(value),
                Payload::Text(_) => None,
            });
            ToolUse { name: call.name, arguments }
        })
        .collect();
    Some(tool_use(&expected, &made).is_exact())
}

struct Row {
    /// Whether exactly the expected changes were made, where the record says what was expected.
    as_expected: Option<bool>,
    failed: bool,
    probability: Option<f64>,
    flagged: bool,
}

fn figures(subset: &str, rows: &[Row]) -> Vec<Figure> {
    let (failed, good): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.failed);
    let flagged = |rows: &[&Row]| rows.iter().filter(|row| row.flagged).count();
    let false_alarms =
        Figure::share(subset, "false alarms on good runs", flagged(&good) as u64, good.len() as u64, "good runs");
    let chance = ratio(flagged(&good), good.len())
        .map(|value| Constant { answer: "flagging at random as often".to_owned(), value });
    let recall =
        Figure::share(subset, "failed runs flagged", flagged(&failed) as u64, failed.len() as u64, "failed runs")
            .beside(chance);
    let area = Figure::statistic(subset, "area under the ROC curve", rows, "runs", area_under_roc);
    let at = |rows: &[&Row]| recall_at(rows, FALSE_ALARMS);
    let curve = Figure::statistic(subset, "failed runs above the threshold of 10 % false alarms", rows, "runs", at);
    let constant = |value| Some(Constant { answer: "ranking at random".to_owned(), value });
    let mut figures = vec![recall, false_alarms, area.beside(constant(0.5)), curve.beside(constant(FALSE_ALARMS))];
    // Not a prediction: it shows that the comparison of calls agrees with the environment's.
    for (measure, rows, items) in [
        ("good runs with exactly the expected changes", &good, "good runs"),
        ("failed runs with exactly the expected changes", &failed, "failed runs"),
    ] {
        let known = rows.iter().filter_map(|row| row.as_expected);
        let exact = known.clone().filter(|is| *is).count() as u64;
        figures.push(Figure::share(subset, measure, exact, known.count() as u64, items));
    }
    figures
}

/// Returns the chance that a failed run is ranked above a good one; ties count half.
fn area_under_roc(rows: &[&Row]) -> Option<f64> {
    let of = |failed: bool| rows.iter().filter(move |row| row.failed == failed).filter_map(|row| row.probability);
    let (bad, good): (Vec<f64>, Vec<f64>) = (of(true).collect(), of(false).collect());
    let wins = bad
        .iter()
        .flat_map(|bad| good.iter().map(move |good| (bad, good)))
        .map(|(bad, good)| if bad > good { 2 } else { usize::from((bad - good).abs() < f64::EPSILON) });
    let wins: usize = wins.sum();
    ratio(wins, 2 * bad.len() * good.len())
}

/// Returns the share of failed runs above the lowest threshold that keeps false alarms at or below a rate.
fn recall_at(rows: &[&Row], rate: f64) -> Option<f64> {
    let probabilities = || rows.iter().filter_map(|row| Some((row.probability?, row.failed)));
    let good = probabilities().filter(|(_, failed)| !failed).count();
    let bad = probabilities().filter(|(_, failed)| *failed).count();
    let thresholds = probabilities().map(|(probability, _)| probability);
    let at = thresholds.filter_map(|threshold| {
        let above = |failed: bool| probabilities().filter(|(p, truth)| *truth == failed && *p >= threshold).count();
        (ratio(above(false), good)? <= rate).then(|| ratio(above(true), bad))?
    });
    (good > 0 && bad > 0).then(|| at.fold(0.0, f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(failed: bool, probability: f64) -> Row {
        Row { as_expected: None, failed, probability: Some(probability), flagged: probability > 0.5 }
    }

    #[test]
    fn a_perfect_ranking_has_the_area_one_and_a_constant_one_half() {
        let perfect = [row(true, 0.9), row(false, 0.1)];
        assert_eq!(area_under_roc(&perfect.iter().collect::<Vec<_>>()), Some(1.0));
        let constant = [row(true, 0.5), row(false, 0.5)];
        assert_eq!(area_under_roc(&constant.iter().collect::<Vec<_>>()), Some(0.5));
        assert_eq!(area_under_roc(&[]), None);
    }

    #[test]
    fn recall_is_told_at_the_rate_of_false_alarms() {
        let mut rows: Vec<Row> = (0..10).map(|index| row(false, f64::from(index) / 20.0)).collect();
        rows.extend([row(true, 0.9), row(true, 0.47), row(true, 0.1)]);
        let rows: Vec<&Row> = rows.iter().collect();
        // One of ten good runs may be above: the threshold is 0.45.
        assert_eq!(recall_at(&rows, 0.10), Some(2.0 / 3.0));
        assert_eq!(recall_at(&rows, 0.0), Some(2.0 / 3.0));
    }
}
