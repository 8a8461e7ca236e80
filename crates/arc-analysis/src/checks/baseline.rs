//! Successes that look unlike every success before them.
//!
//! A run that its program reported a success is compared with the agent's own successful runs: whether it made fewer
//! tool calls, or wrote fewer tokens, than all of them. The p value is conformal: were the run like the others, it
//! would be the lowest of n + 1 with a chance of 1 / (n + 1), whatever their distribution (V. Vovk, A. Gammerman and
//! G. Shafer, *Algorithmic Learning in a Random World*, 2005, chapter 2; for outliers R. Laxhammar and G. Falkman,
//! *Conformal prediction for distribution-independent anomaly detection*, 2010). Two things are compared, so each is
//! held against half of `FALSE_ALARMS`: at most that share of good runs is called odd. It is a finding, and decides
//! nothing about the outcome.

use arc_catalog::Catalog;
use arc_model::{Evidence, Field, Finding, LeafCount, LeafId, OutcomeSource, Run, TraceId, Verdict};

use super::findings::{SILENT, finding};
use crate::{Analysis, reliability::float};

/// The share of good runs that may be called odd, at most.
const FALSE_ALARMS: f64 = 0.02;

/// How something of a run is counted; `None` when it is not known.
type Count = fn(&Run) -> Option<u64>;

/// What is counted of a run, and what it is called.
const COUNTED: [(&str, Count); 2] =
    [("tool calls", |run| Some(run.tool_calls)), ("output tokens", |run| run.output_tokens)];

/// An agent's successful runs, as far as they are compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Baseline {
    counts: Vec<(TraceId, [Option<u64>; 2])>,
}

impl Baseline {
    /// Gathers the successful ones of these runs of one agent.
    pub fn of(runs: &[Run]) -> Self {
        let good = runs.iter().filter(|run| !run.is_running && run.outcome.verdict == Verdict::Succeeded);
        Self { counts: good.map(|run| (run.trace_id, COUNTED.map(|(_, count)| count(run)))).collect() }
    }

    /// Adds a finding to a run that was reported a success and is unlike every other one.
    pub fn judge(&self, analysis: &mut Analysis, catalog: &Catalog) {
        let Some((title, claim)) = self.odd(&analysis.run) else { return };
        let Some(found) = finding(analysis.run.trace_id, SILENT, title, claim, [], catalog) else { return };
        // A check that failed is the better reason.
        if analysis.findings.iter().any(|known| known.leaf().as_str() == SILENT) {
            return;
        }
        add(analysis, found);
    }

    /// Returns what is odd about a run, with the claim that it was a success.
    fn odd(&self, run: &Run) -> Option<(String, Evidence)> {
        if run.is_running || run.outcome.source != Some(OutcomeSource::HostDeclared) {
            return None;
        }
        let claim = run.outcome.claims.first().filter(|claim| claim.verdict == Verdict::Succeeded)?;
        let span = claim.span_id?;
        COUNTED.iter().enumerate().find_map(|(index, (what, count))| {
            let own = count(run)?;
            let others = self.counts.iter().filter(|(id, _)| *id != run.trace_id);
            let others: Vec<u64> = others.filter_map(|(_, counts)| *counts.get(index)?).collect();
            let as_low = others.iter().filter(|other| **other <= own).count() as u64;
            let p_value = float(as_low + 1) / float(others.len() as u64 + 1);
            if p_value > FALSE_ALARMS / 2.0 {
                return None;
            }
            let (n, least) = (others.len(), others.iter().min()?);
            let title = format!(
                "reported a success with {own} {what}; of the agent's {n} other successful runs {as_low} had as few (the \
                 fewest: {least}), p = {p_value:.3}"
            );
            Some((title, Evidence::new(span, Field::Attribute("arc_eval.outcome.verdict".to_owned()), "succeeded")))
        })
    }
}

fn add(analysis: &mut Analysis, found: Finding) {
    let counts = &mut analysis.run.findings;
    if let Some(known) = counts.iter_mut().find(|count| count.leaf == *found.leaf()) {
        known.count += 1;
    } else {
        counts.push(LeafCount { leaf: LeafId::from(SILENT), count: 1 });
        counts.sort_by(|one, other| one.leaf.cmp(&other.leaf));
    }
    analysis.findings.push(found);
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use arc_model::{Timestamp, sketch};

    use super::*;
    use crate::{Context, analyse, checks::Checks};

    fn analysed(number: usize, tools: usize, by: &str) -> Analysis {
        let mut text = format!("trace {:032x}\nagent a agent=a ok by {by}\n", number + 1);
        for call in 0..tools {
            writeln!(text, "  tool t {{n: {call}}} -> 1").unwrap();
        }
        let context =
            Context { received_at: Timestamp::default(), agent: None, is_running: false, checks: Checks::default() };
        analyse(&sketch::parse(&text).unwrap(), &context, Catalog::builtin())
    }

    fn baseline(runs: usize) -> Baseline {
        let runs: Vec<Run> = (0..runs).map(|number| analysed(number, 2 + number % 4, "host_declared").run).collect();
        Baseline::of(&runs)
    }

    fn judged(baseline: &Baseline, tools: usize, by: &str) -> Vec<String> {
        let mut analysis = analysed(999, tools, by);
        baseline.judge(&mut analysis, Catalog::builtin());
        assert_eq!(analysis.run.findings.iter().map(|count| count.count).sum::<u64>(), analysis.findings.len() as u64);
        analysis.findings.iter().map(|finding| finding.title().to_owned()).collect()
    }

    #[test]
    fn a_success_that_did_less_than_every_other_one_is_odd() {
        let told = "reported a success with 0 tool calls; of the agent's 120 other successful runs 0 had as few (the \
                    fewest: 2), p = 0.008";
        assert_eq!(judged(&baseline(120), 0, "host_declared"), [told]);
        assert!(judged(&baseline(120), 2, "host_declared").is_empty());
    }

    #[test]
    fn few_runs_and_runs_that_somebody_checked_say_nothing() {
        assert!(judged(&baseline(98), 0, "host_declared").is_empty());
        assert!(judged(&baseline(120), 0, "check").is_empty());
        assert!(judged(&Baseline::default(), 0, "host_declared").is_empty());
    }
}
