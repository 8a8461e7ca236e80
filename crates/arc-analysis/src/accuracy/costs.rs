//! Tokens and dollars of a data set's runs: each call counted once, with its price rows, beside what the runs themselves
//! say they cost.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use arc_model::{Cost, CostLine, NanoUsd, Span, Trace};

use super::{Figure, Section};
use crate::{billed_spans, cost::priced_as, price_span};

/// Price rows that are printed.
const ROWS: usize = 12;

/// What some runs used and cost.
#[derive(Debug, Default)]
pub(super) struct Costs {
    runs: u64,
    calls: u64,
    input: u64,
    output: u64,
    /// Input tokens of every span that counts some, those that repeat their children's included.
    input_of_all: u64,
    /// Tokens and dollars by price row and class.
    lines: BTreeMap<(String, String), (u64, NanoUsd)>,
    /// Calls whose cost is not known, by the reason.
    unknown: BTreeMap<String, u64>,
    /// Runs that say what they cost, and how that compares: reported, ours, the model whose prices explain it.
    reported: Vec<(NanoUsd, Option<NanoUsd>, Option<String>)>,
}

impl Costs {
    pub(super) fn add(&mut self, trace: &Trace) {
        let count = |span: &Span| span.usage.as_ref().and_then(|usage| usage.input).unwrap_or(0);
        self.runs += 1;
        self.input_of_all += trace.spans().iter().map(count).sum::<u64>();
        let mut total = Some(NanoUsd::ZERO);
        for span in billed_spans(trace) {
            self.calls += 1;
            self.input += count(span);
            self.output += span.usage.as_ref().and_then(|usage| usage.output).unwrap_or(0);
            match price_span(span) {
                Cost::Known { total: cost, lines } => {
                    total = total.map(|total| total + cost);
                    for line in lines {
                        self.add_line(line);
                    }
                }
                Cost::Unknown { why, .. } => {
                    total = None;
                    *self.unknown.entry(why.to_string()).or_default() += 1;
                }
            }
        }
        if let Some(reported) = trace.roots().find_map(|root| root.reported_cost) {
            let agrees = total.is_some_and(|total| total.0.abs_diff(reported.0) <= 1_000);
            let explained = if agrees { None } else { priced_as(trace, reported) };
            self.reported.push((reported, total, explained));
        }
    }

    fn add_line(&mut self, line: CostLine) {
        let sum = self.lines.entry((line.price_row, line.class)).or_default();
        sum.0 += line.tokens;
        sum.1 = sum.1 + line.amount;
    }

    /// Writes what was counted into a section.
    pub(super) fn report(&self, subset: &str, section: &mut Section) {
        let total: NanoUsd = self.lines.values().map(|(_, amount)| *amount).sum();
        let Self { runs, calls, input, output, input_of_all, .. } = self;
        let mut text = format!(
            "**Cost of {subset}**: {runs} runs, {calls} calls of models counted once: {input} input and {output} output \
             tokens (all spans together say {input_of_all} input tokens: agents repeat those of their calls). Known cost \
             {total}."
        );
        if !self.lines.is_empty() {
            text.push_str("\n\n| price row | class | tokens | dollars |\n|---|---|---|---|");
            for ((row, class), (tokens, amount)) in self.lines.iter().take(ROWS) {
                let _ = write!(text, "\n| {row} | {class} | {tokens} | {amount} |");
            }
        }
        for (why, n) in &self.unknown {
            let _ = write!(text, "\n\n{n} calls have no known cost: {why}.");
        }
        section.notes.push(text);
        self.report_mismatch(subset, section);
    }

    fn report_mismatch(&self, subset: &str, section: &mut Section) {
        let n = self.reported.len() as u64;
        if n == 0 {
            return;
        }
        let agrees = |(reported, ours, _): &&(NanoUsd, Option<NanoUsd>, Option<String>)| {
            ours.is_some_and(|ours| ours.0.abs_diff(reported.0) <= 1_000)
        };
        let equal = self.reported.iter().filter(agrees).count() as u64;
        let explained = self.reported.iter().filter(|(_, _, as_model)| as_model.is_some()).count() as u64;
        section.figures.push(Figure::share(subset, "recorded cost is what its tokens cost", equal, n, "runs"));
        let measure = "recorded cost that differs, explained as priced as another model";
        section.figures.push(Figure::share(subset, measure, explained, n - equal, "runs"));
        let recorded: NanoUsd = self.reported.iter().map(|(reported, _, _)| *reported).sum();
        let ours: Option<NanoUsd> = self.reported.iter().map(|(_, ours, _)| *ours).sum();
        let ours = ours.map_or_else(|| "unknown".to_owned(), |ours| ours.to_string());
        let models: BTreeSet<&str> = self.reported.iter().filter_map(|(_, _, model)| model.as_deref()).collect();
        let models = models.into_iter().collect::<Vec<_>>().join(", ");
        let because = if models.is_empty() { String::new() } else { format!(": priced as {models}") };
        section
            .notes
            .push(format!("The runs of {subset} say they cost {recorded}; their tokens cost {ours}{because}."));
    }
}
