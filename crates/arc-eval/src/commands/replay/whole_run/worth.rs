//! What a run that was gone through is worth: by its own checks, by a judge, and as one pair of a comparison.

use arc_analysis::replay::{Agreement, Basis, Contrast, Pair, Proof, basis, judge, passes_checks};
use arc_model::{AgentName, Message, Timestamp};

use super::{
    super::{
        opinion::{Case, Opinions},
        plan::Target,
        proofs::Models,
        work::words,
    },
    Done, Plan, Recorded,
};
use crate::output::whole_run::{Answered, Fate, RunReport};

/// Decides whether the model does as well, and keeps what that rests on.
pub(in crate::commands::replay) fn proof(
    agent: &AgentName,
    plan: &Plan,
    target: &Target,
    done: &Done,
    at: Timestamp,
    margin: f64,
) -> Proof {
    let pairs: Vec<Pair> = plan.runs.iter().zip(&done.runs).filter_map(|(run, report)| run.pair(report)).collect();
    let models = Models { from: &plan.models, rows: &plan.rows, to_row: plan.to_row.as_ref() };
    Proof {
        whole_runs: true,
        ..models.proof(agent, target, (at, done.bill.spent), judge(&pairs, margin, done.bill.stop))
    }
}

impl Plan {
    /// Returns what a judge may be asked about.
    pub(super) fn cases(&self, reports: &[RunReport]) -> Vec<Case> {
        self.runs.iter().zip(reports).filter_map(|(run, report)| run.case(report)).collect()
    }
}

impl Done {
    /// Returns what a judge may be asked about.
    pub(in crate::commands::replay) fn in_other_words(&self, plan: &Plan) -> Vec<Case> {
        plan.cases(&self.runs)
    }

    /// Takes over what a judge said of answers in other words.
    pub(in crate::commands::replay) fn decide(&mut self, plan: &Plan, opinions: Opinions) {
        for (run, report) in plan.runs.iter().zip(&mut self.runs) {
            run.decide(report, &opinions);
        }
        self.bill.go_on_with(opinions.bill);
    }
}

impl Recorded {
    /// Returns whether an answer passes the checks of the output that the recorded one passes.
    pub(super) fn passes_checks(&self, answer: &[Message]) -> Option<bool> {
        let (agent, task) = &self.who;
        let checks = self.checks.0.iter().chain(&self.checks.1);
        let recorded = &self.recording.calls().last()?.answer;
        passes_checks(checks.filter(|check| check.applies_to(agent, task.as_ref())), recorded, answer)
    }

    /// Returns what a judge may be asked about.
    fn case(&self, report: &RunReport) -> Option<Case> {
        let Fate::Answered(Answered { replayed: Some(replayed), .. }) = &report.fate else { return None };
        let last = self.recording.calls().last()?;
        let recorded = words(&last.answer);
        Some(Case { trace_id: self.trace_id, span_id: last.span_id, recorded, replayed: replayed.clone() })
    }

    /// Takes over what a judge said.
    fn decide(&self, report: &mut RunReport, opinions: &Opinions) {
        let last = self.recording.calls().last().map(|call| call.span_id);
        let said = last.and_then(|last| opinions.of(self.trace_id, last));
        if let (Fate::Answered(answered), Some(said)) = (&mut report.fate, said) {
            (answered.agreement, answered.by_judge) = (said, true);
        }
    }

    /// Returns the run as one pair, where it was gone through or left the recording.
    fn pair(&self, report: &RunReport) -> Option<Pair> {
        let last = self.recording.calls().last()?;
        let compared = basis(&last.answer, last.schema.as_ref())?;
        let (basis, agreement, contrast) = match &report.fate {
            Fate::Answered(Answered { agreement, contrast, by_judge: true, .. }) => {
                (Basis::Judge, *agreement, *contrast)
            }
            Fate::Answered(Answered { agreement, contrast, passes_checks, .. }) => {
                (passes_checks.map_or(compared, |_| Basis::Checks), *agreement, *contrast)
            }
            Fate::Diverged { .. } => (compared, Agreement::Undecided, Some(Contrast::Diverged)),
            Fate::Refused { .. } => (compared, Agreement::Undecided, Some(Contrast::Refused)),
            // Runs that go on otherwise take longer: to leave them out where something stopped them would favour the model.
            Fate::Unanswered | Fate::NotAsked { .. } | Fate::NotFinished if report.left_path => {
                (compared, Agreement::Undecided, Some(Contrast::Diverged))
            }
            Fate::Unanswered | Fate::NotAsked { .. } | Fate::NotFinished => return None,
        };
        Some(Pair {
            trace_id: self.trace_id,
            span_id: last.span_id,
            basis,
            agreement,
            contrast,
            recorded_cost: report.recorded_cost,
            replayed_cost: report.replayed_cost,
            recorded_ns: None,
            replayed_ns: None,
        })
    }
}
