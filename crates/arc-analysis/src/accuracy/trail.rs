//! TRAIL: errors in traces of smolagents, each labelled with a category and the span it is at.
//!
//! Predictions are pairs of a span and a category. *Category F1*: for each trace the set of categories;
//! F1 per category over all traces, averaged with the number of labelled traces as weight. *Location
//! accuracy*: the mean over traces of the share of labelled spans that were named; *joint accuracy*: the
//! same over pairs; a trace without labels counts 0. Both are recall only, so the *precision* of locations,
//! summed over traces, stands beside them.

use std::collections::{BTreeMap, BTreeSet};

use arc_model::{Json, SpanId, Trace};

use super::{Constant, Dataset, Decode, Figure, File, Section, costs::Costs, detectors::Leaves, figure::ratio};

/// The data set.
pub(super) struct Trail;

/// The categories of the benchmark, as its code spells them.
pub(super) const CATEGORIES: [&str; 21] = [
    "Language-only",
    "Tool-related",
    "Poor Information Retrieval",
    "Incorrect Memory Usage",
    "Tool Output Misinterpretation",
    "Incorrect Problem Identification",
    "Tool Selection Errors",
    "Formatting Errors",
    "Instruction Non-compliance",
    "Tool Definition Issues",
    "Environment Setup Errors",
    "Rate Limiting",
    "Authentication Errors",
    "Service Errors",
    "Resource Not Found",
    "Resource Exhaustion",
    "Timeout Issues",
    "Context Handling Failures",
    "Resource Abuse",
    "Goal Deviation",
    "Task Orchestration",
];

/// What a reader has to know about the figures.
const NOTE: &str = "The weights and the thresholds are cross-validated (a threshold is chosen within the training part of each fold); the features and the strength of the prior were chosen with figures on these traces in view, so expect somewhat less on new ones. Joint accuracy is recall: up to four leaves are named at a step, so the precision of pairs stands beside it. None of these claims is shown to users.";

impl Dataset for Trail {
    fn folder(&self) -> &'static str {
        "trail"
    }

    fn about(&self) -> &'static str {
        "TRAIL: traces of smolagents on GAIA and SWE-bench, errors labelled by people with category and span."
    }

    fn score(&self, files: &[File], decode: Decode<'_>) -> Section {
        let mut section = Section::of(self);
        let mut leaves = Leaves::default();
        let subsets: BTreeSet<&str> = files.iter().filter_map(|file| subset(&file.path)).collect();
        for name in subsets {
            let mut rows = Vec::new();
            let mut costs = Costs::default();
            for file in files.iter().filter(|file| subset(&file.path) == Some(name) && is_in(&file.path, "traces")) {
                for trace in decode(file) {
                    costs.add(&trace);
                }
            }
            costs.report(name, &mut section);
            let labels = files.iter().filter(|file| subset(&file.path) == Some(name) && is_in(&file.path, "labels"));
            for file in labels {
                let gold = match serde_json::from_slice::<Json>(&file.bytes) {
                    Ok(labels) => gold_of(&labels),
                    Err(problem) => {
                        section.skip(&file.path, format!("the labels are not JSON: {problem}"));
                        continue;
                    }
                };
                let trace = files.iter().find(|other| {
                    subset(&other.path) == Some(name) && is_in(&other.path, "traces") && other.stem() == file.stem()
                });
                let Some(trace) = trace.and_then(|trace| decode(trace).into_iter().next()) else {
                    section.skip(&file.path, "there is no readable trace for these labels");
                    continue;
                };
                let (trace, diagnosis) = section.diagnose(&trace);
                let predicted = diagnosis.claims.iter().flat_map(|claim| {
                    claim.categories().iter().take(1).map(|category| (claim.span_id, canonical(category)))
                });
                let row = Row { models: models_of(&trace), gold, predicted: predicted.collect() };
                let named = diagnosis.claims.iter().map(|claim| claim.leaf.clone()).collect();
                let labelled = categories(&row.gold);
                leaves.add(&trace, &named, |leaf| {
                    let categories = leaf.trail.iter().map(|category| canonical(category));
                    let is = categories.map(|category| labelled.contains(category.as_str()));
                    is.reduce(|a, b| a || b)
                });
                rows.push(row);
            }
            section.figures.extend(figures(name, &rows));
        }
        section.leaves = leaves.rows();
        section.notes.push(NOTE.to_owned());
        section
    }
}

/// Returns the folder above `labels` or `traces`; of a bare one, nothing.
fn subset(path: &str) -> Option<&str> {
    let parts: Vec<&str> = path.split('/').collect();
    let at = parts.iter().position(|part| matches!(*part, "labels" | "traces"))?;
    Some(if at > 0 { parts.get(at - 1).copied()? } else { "all" })
}

fn is_in(path: &str, folder: &str) -> bool {
    path.split('/').any(|part| part == folder)
}

/// Pairs of a span and a category.
type Pairs = BTreeSet<(SpanId, String)>;

/// A labelled trace with what was said about it.
#[derive(Debug, Clone)]
struct Row {
    /// The model calls, in order.
    models: Vec<SpanId>,
    gold: Pairs,
    predicted: Pairs,
}

fn gold_of(labels: &Json) -> Pairs {
    let errors = labels.get("errors").and_then(Json::as_array).into_iter().flatten();
    let pairs = errors.filter_map(|error| {
        let span = error.get("location").and_then(Json::as_str)?.trim().parse().ok()?;
        Some((span, canonical(error.get("category").and_then(Json::as_str)?)))
    });
    pairs.collect()
}

fn models_of(trace: &Trace) -> Vec<SpanId> {
    trace.leaf_llm_spans().map(|span| span.span_id).collect()
}

/// Returns a category as the benchmark spells it; spellings in the labels vary.
pub(crate) fn canonical(category: &str) -> String {
    let wanted = key(category);
    let known = CATEGORIES.iter().find(|known| key(known) == wanted);
    known.map_or(wanted, |known| (*known).to_owned())
}

fn key(category: &str) -> String {
    let letters: String =
        category.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let endings = ["errors", "error", "issues", "issue", "failures", "failure"];
    let ending = endings.into_iter().find(|ending| letters.ends_with(ending) && letters.len() > ending.len());
    letters.strip_suffix(ending.unwrap_or_default()).unwrap_or(&letters).to_owned()
}

fn spans(pairs: &Pairs) -> BTreeSet<SpanId> {
    pairs.iter().map(|(span, _)| *span).collect()
}

fn categories(pairs: &Pairs) -> BTreeSet<&str> {
    pairs.iter().map(|(_, category)| category.as_str()).collect()
}

/// Returns F1 per category over traces, averaged by the number of traces labelled with it.
fn category_f1(rows: &[&Row]) -> Option<f64> {
    let mut counts: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    for row in rows {
        let (gold, predicted) = (categories(&row.gold), categories(&row.predicted));
        for category in gold.union(&predicted) {
            let count = counts.entry(category).or_default();
            let (is_gold, is_predicted) = (gold.contains(category), predicted.contains(category));
            count.0 += usize::from(is_gold && is_predicted);
            count.1 += usize::from(is_gold);
            count.2 += usize::from(is_predicted);
        }
    }
    let support: usize = counts.values().map(|(_, gold, _)| gold).sum();
    let weighted = counts.values().filter_map(|&(both, gold, predicted)| {
        let f1 = ratio(2 * both, gold + predicted)?;
        Some(f1 * ratio(gold, support)?)
    });
    (support > 0).then(|| weighted.sum())
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let n = values.len() as u64;
    (n > 0).then(|| values.sum::<f64>() / crate::reliability::float(n))
}

fn location_accuracy(rows: &[&Row]) -> Option<f64> {
    mean(rows.iter().map(|row| {
        let (gold, predicted) = (spans(&row.gold), spans(&row.predicted));
        ratio(gold.intersection(&predicted).count(), gold.len()).unwrap_or(0.0)
    }))
}

fn joint_accuracy(rows: &[&Row]) -> Option<f64> {
    mean(rows.iter().map(|row| ratio(row.gold.intersection(&row.predicted).count(), row.gold.len()).unwrap_or(0.0)))
}

fn location_precision(rows: &[&Row]) -> Option<f64> {
    let (mut hits, mut named) = (0, 0);
    for row in rows {
        let (gold, predicted) = (spans(&row.gold), spans(&row.predicted));
        hits += gold.intersection(&predicted).count();
        named += predicted.len();
    }
    ratio(hits, named)
}

fn pair_precision(rows: &[&Row]) -> Option<f64> {
    let hits: usize = rows.iter().map(|row| row.gold.intersection(&row.predicted).count()).sum();
    ratio(hits, rows.iter().map(|row| row.predicted.len()).sum())
}

/// A figure of labelled traces.
type Measure = fn(&[&Row]) -> Option<f64>;

/// The lowest precision of locations at which a figure of recall means something.
const PRECISION_FLOOR: f64 = 0.30;

fn figures(name: &str, rows: &[Row]) -> Vec<Figure> {
    let published = match name {
        "gaia" => Some([0.389, 0.546, 0.183]),
        "swe-bench" => Some([0.213, 0.238, 0.050]),
        _ => None,
    };
    let constants = constants(rows);
    let measures: [(&str, Measure); 5] = [
        ("category F1", category_f1),
        ("location accuracy", location_accuracy),
        ("joint accuracy", joint_accuracy),
        ("precision of locations", location_precision),
        ("precision of pairs", pair_precision),
    ];
    let figures = measures.iter().enumerate().map(|(index, (measure, of))| {
        let figure = Figure::statistic(name, measure, rows, "traces", *of).beside(constants.get(index).cloned());
        match published.and_then(|published| published.get(index).copied()) {
            Some(value) => figure.published(value),
            None => figure,
        }
    });
    figures.collect()
}

/// Returns what the best answers that do not look at a trace get, chosen with the labels at hand: for
/// categories the best fixed set of them; for places the most of the last model calls that keeps the
/// precision, each named with the most frequent category.
fn constants(rows: &[Row]) -> Vec<Constant> {
    let mut frequent: BTreeMap<&str, usize> = BTreeMap::new();
    for category in rows.iter().flat_map(|row| categories(&row.gold)) {
        *frequent.entry(category).or_default() += 1;
    }
    let mut order: Vec<(&str, usize)> = frequent.into_iter().collect();
    order.sort_by_key(|&(category, count)| (std::cmp::Reverse(count), category));
    let first = order.first().map_or("", |(category, _)| *category);
    let always = |predict: &dyn Fn(&Row) -> Pairs| -> Vec<Row> {
        rows.iter().map(|row| Row { predicted: predict(row), ..row.clone() }).collect()
    };
    let by_set = (1..=order.len()).filter_map(|size| {
        let set: Vec<&str> = order.iter().take(size).map(|(category, _)| *category).collect();
        let rows = always(&|row| {
            let span = row.models.first().copied();
            span.map(|span| set.iter().map(|category| (span, (*category).to_owned())).collect()).unwrap_or_default()
        });
        let value = category_f1(&rows.iter().collect::<Vec<_>>())?;
        Some(Constant { answer: format!("the {size} most frequent categories"), value })
    });
    let longest = rows.iter().map(|row| row.models.len()).max().unwrap_or(0);
    let mut places: Option<(f64, Vec<Constant>)> = None;
    for (last, count) in [true, false].into_iter().flat_map(|last| (1..=longest).map(move |count| (last, count))) {
        let rows = always(&|row| {
            let skipped = if last { row.models.len().saturating_sub(count) } else { 0 };
            row.models.iter().skip(skipped).take(count).map(|span| (*span, first.to_owned())).collect()
        });
        let rows: Vec<&Row> = rows.iter().collect();
        let (Some(location), Some(joint), Some(precision), Some(pairs)) =
            (location_accuracy(&rows), joint_accuracy(&rows), location_precision(&rows), pair_precision(&rows))
        else {
            continue;
        };
        if precision >= PRECISION_FLOOR && places.as_ref().is_none_or(|(best, _)| location > *best) {
            let side = if last { "last" } else { "first" };
            let answer = format!("the {side} {count} model calls");
            let constant = |value, with: &str| Constant { answer: format!("{answer}{with}"), value };
            let with = format!(", as {first}");
            places = Some((
                location,
                vec![constant(location, ""), constant(joint, &with), constant(precision, ""), constant(pairs, &with)],
            ));
        }
    }
    let by_set = by_set.max_by(|a, b| a.value.total_cmp(&b.value));
    by_set.into_iter().chain(places.into_iter().flat_map(|(_, constants)| constants)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: u8) -> SpanId {
        SpanId::from_bytes([id; 8]).unwrap()
    }

    fn pairs(pairs: &[(u8, &str)]) -> Pairs {
        pairs.iter().map(|(id, category)| (span(*id), canonical(category))).collect()
    }

    fn row(gold: &[(u8, &str)], predicted: &[(u8, &str)]) -> Row {
        Row { models: vec![span(1), span(2)], gold: pairs(gold), predicted: pairs(predicted) }
    }

    #[test]
    fn spellings_of_a_category_are_one() {
        assert_eq!(canonical("Formatting Error"), "Formatting Errors");
        assert_eq!(canonical("context handling failure"), "Context Handling Failures");
        assert_eq!(canonical("Instruction Non-Compliance"), "Instruction Non-compliance");
        assert_eq!(canonical("Task Orchestration Errors"), "Task Orchestration");
        assert_eq!(canonical("something else"), "somethingelse");
        let keys: BTreeSet<String> = CATEGORIES.iter().map(|category| key(category)).collect();
        assert_eq!(keys.len(), CATEGORIES.len());
    }

    #[test]
    fn accuracies_are_means_of_recall_over_traces() {
        let found_half =
            row(&[(1, "Goal Deviation"), (2, "Resource Abuse")], &[(1, "Goal Deviation"), (2, "Tool-related")]);
        let nothing_to_find = row(&[], &[(1, "Goal Deviation")]);
        let rows = [&found_half, &nothing_to_find];
        assert_eq!(location_accuracy(&rows), Some(0.5));
        assert_eq!(joint_accuracy(&rows), Some(0.25));
        assert_eq!(location_precision(&rows), Some(2.0 / 3.0));
    }

    #[test]
    fn category_f1_is_weighted_by_support() {
        // A: two labelled, one found, one false alarm: F1 = 2·1/(2+2). B: one labelled, found: 1.
        let rows = [
            row(&[(1, "Goal Deviation"), (1, "Tool-related")], &[(2, "Goal Deviation"), (2, "Tool-related")]),
            row(&[(1, "Goal Deviation")], &[]),
            row(&[], &[(1, "Goal Deviation")]),
        ];
        let f1 = category_f1(&rows.iter().collect::<Vec<_>>()).unwrap();
        assert!((f1 - (2.0 / 3.0 * 0.5 + 1.0 / 3.0)).abs() < 1e-12, "{f1}");
    }

    #[test]
    fn a_constant_keeps_the_floor_of_precision() {
        let rows = [row(&[(2, "Goal Deviation")], &[]), row(&[(2, "Goal Deviation")], &[])];
        let [category, location, joint, precision, pairs] = constants(&rows).try_into().unwrap();
        assert_eq!((category.value, location.value, joint.value, pairs.value), (1.0, 1.0, 1.0, 1.0));
        assert_eq!((location.answer.as_str(), precision.value), ("the last 1 model calls", 1.0));
    }
}
