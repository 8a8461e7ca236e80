//! What going through whole runs with another model came to.

use std::collections::BTreeMap;

use arc_analysis::replay::{Agreement, Contrast, Divergence, Judgement};
use arc_model::{AgentName, NanoUsd, Rate, TraceId};
use serde::Serialize;

use super::{
    data, json, number, plain_line,
    replay::{self, Lines},
};
use crate::failure::Failure;

/// Runs that are named on the screen; JSON has all.
const NAMED: usize = 5;

/// The runs, as they are printed as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) agent: AgentName,
    pub(crate) from: Vec<String>,
    pub(crate) to: String,
    pub(crate) base_url: String,
    /// Whether it does as well, each run taken as one call: what cannot be told of runs that diverged or were refused
    /// is undecided.
    pub(crate) judgement: Judgement,
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// Runs that ended as recorded, of those that ended or diverged: at least, and at most where everything of which
    /// nobody can tell counts as well.
    pub(crate) as_recorded_at_least: Rate,
    pub(crate) as_recorded_at_most: Rate,
    pub(crate) cost: RunCost,
    pub(crate) spent: NanoUsd,
    pub(crate) max_cost: Option<NanoUsd>,
    pub(crate) asked_now: u64,
    pub(crate) from_journal: u64,
    /// Why it stopped before every run was gone through.
    pub(crate) stopped: Option<&'static str>,
    pub(crate) each: Vec<RunReport>,
    /// Runs that are left out, by the reason.
    pub(crate) skipped: Vec<(String, u64)>,
    /// What recorded calls had and requests have not.
    pub(crate) left_out: Vec<String>,
    pub(crate) journal: String,
}

/// How many runs ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// Runs that were to be gone through.
    pub(crate) runs: u64,
    /// With the recorded answer, or one that passes the checks of the output, after the recorded tool calls.
    pub(crate) same: u64,
    /// With another answer, or one that fails such a check.
    pub(crate) different: u64,
    /// With an answer in other words, or after other tool calls.
    pub(crate) undecided: u64,
    /// Off the recording: neither failed nor succeeded.
    pub(crate) diverged: u64,
    /// A request was refused.
    pub(crate) refused: u64,
    /// A request was sent and never answered.
    pub(crate) unanswered: u64,
    /// A request could not be written.
    pub(crate) not_asked: u64,
    /// Stopped before their end.
    pub(crate) not_finished: u64,
}

/// What runs cost, recorded and replayed: those that ended and of which both are known.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct RunCost {
    pub(crate) n: u64,
    pub(crate) recorded: NanoUsd,
    pub(crate) replayed: NanoUsd,
}

/// What became of a run.
#[derive(Debug, Serialize)]
pub(crate) struct RunReport {
    pub(crate) trace_id: TraceId,
    /// The model call at which it ended, from 1.
    pub(crate) step: u32,
    /// Model calls that were recorded.
    pub(crate) recorded_steps: u64,
    /// Whether the model had answered otherwise than was recorded.
    #[serde(skip)]
    pub(crate) left_path: bool,
    #[serde(flatten)]
    pub(crate) fate: Fate,
    pub(crate) recorded_cost: Option<NanoUsd>,
    /// What it cost; `null` where it did not end, or that is not known.
    pub(crate) replayed_cost: Option<NanoUsd>,
}

/// How it ended.
#[derive(Debug, Serialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub(crate) enum Fate {
    Answered(Answered),
    Diverged {
        #[serde(flatten)]
        because: Divergence,
    },
    Refused {
        why: String,
    },
    Unanswered,
    NotAsked {
        why: String,
    },
    NotFinished,
}

/// An answer beside the recorded one.
#[derive(Debug, Serialize)]
pub(crate) struct Answered {
    pub(crate) agreement: Agreement,
    pub(crate) contrast: Option<Contrast>,
    pub(crate) has_same_calls: bool,
    /// Whether it passes the checks of the output that the recorded answer passes; missing where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) passes_checks: Option<bool>,
    /// Whether a judge said so.
    pub(crate) by_judge: bool,
    /// The answer, where a judge may be asked about it.
    #[serde(skip)]
    pub(crate) replayed: Option<String>,
}

impl Counts {
    pub(crate) fn of(runs: &[RunReport]) -> Self {
        let mut counts = Self { runs: runs.len() as u64, ..Self::default() };
        for run in runs {
            *match &run.fate {
                Fate::Answered(Answered { agreement: Agreement::Same, .. }) => &mut counts.same,
                Fate::Answered(Answered { agreement: Agreement::Different, .. }) => &mut counts.different,
                Fate::Answered(Answered { agreement: Agreement::Undecided, .. }) => &mut counts.undecided,
                Fate::Diverged { .. } => &mut counts.diverged,
                Fate::Refused { .. } => &mut counts.refused,
                Fate::Unanswered => &mut counts.unanswered,
                Fate::NotAsked { .. } => &mut counts.not_asked,
                Fate::NotFinished => &mut counts.not_finished,
            } += 1;
        }
        counts
    }

    /// Returns the runs of which something is known: those that ended, and those that left the recording.
    pub(crate) fn gone_through(&self) -> u64 {
        self.same + self.different + self.undecided + self.diverged
    }
}

impl RunCost {
    pub(crate) fn of(runs: &[RunReport]) -> Self {
        let both = runs.iter().filter_map(|run| Some((run.recorded_cost?, run.replayed_cost?)));
        both.fold(Self::default(), |sum, (recorded, replayed)| Self {
            n: sum.n + 1,
            recorded: sum.recorded + recorded,
            replayed: sum.replayed + replayed,
        })
    }
}

impl RunReport {
    /// Says what became of it; `None` where it ended as recorded.
    fn words(&self) -> Option<String> {
        let step = self.step;
        Some(match &self.fate {
            Fate::Answered(Answered { agreement: Agreement::Same, .. }) => return None,
            Fate::Answered(Answered { has_same_calls: false, contrast: None, .. }) => {
                format!("the recorded answer at step {step}, after other tool calls")
            }
            Fate::Answered(Answered { contrast, .. }) => {
                let contrast = contrast.map_or("is another answer", Contrast::words);
                format!("what it ends with at step {step} {contrast}")
            }
            Fate::Diverged { because } => format!("diverged at step {step}: {}", because.words()),
            Fate::Refused { why } => format!("step {step} was refused: {why}"),
            Fate::Unanswered => format!("step {step} was sent and never answered"),
            Fate::NotAsked { why } => format!("step {step} cannot be asked: {why}"),
            Fate::NotFinished => format!("stopped before step {step}"),
        })
    }
}

/// Prints what would be asked.
pub(crate) fn print_plan(
    (agent, to, url): (&AgentName, &str, &str),
    (runs, calls): (u64, u64),
    estimate: Option<NanoUsd>,
    skipped: &BTreeMap<String, u64>,
    as_json: bool,
) -> Result<(), Failure> {
    if as_json {
        return json(&serde_json::json!({
            "agent": agent, "to": to, "url": url, "runs": runs, "calls": calls, "estimate": estimate,
            "skipped": skipped,
        }));
    }
    let mut text = Lines::default();
    let of = format!("{} with {}", number::counted(runs, "run"), number::counted(calls, "recorded call"));
    text.line("would ask", &of);
    text.line("of", &format!("{} at {}", plain_line(to, 60), plain_line(url, 120)));
    let estimate = estimate.map_or_else(|| "unknown".to_owned(), number::dollars);
    text.line("estimate", &format!("{estimate} for the recorded calls; more where the model takes more steps"));
    text.counted("left out", skipped.iter().map(|(why, n)| (why.as_str(), *n)), "run");
    Ok(data(&text.0)?)
}

/// Prints what came of it.
pub(crate) fn print(report: &Report, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return json(report);
    }
    let counts = &report.counts;
    let runs = number::counted(counts.runs, "whole run");
    let (from, to) = (plain_line(&report.from.join(", "), 60), plain_line(&report.to, 60));
    let agent = plain_line(report.agent.as_str(), 60);
    let judged = &report.judgement;
    let verdict = replay::verdict(judged.verdict);
    let mut text = Lines(format!("{verdict}  {from} → {to}, {runs} of agent {agent}\n"));
    text.line("", &replay::reason(judged.reason, judged.margin, "run"));
    text.line(
        "ended",
        &format!(
            "{} as recorded, {} otherwise, {} undecided (other words, or other tool calls)",
            number::count(counts.same),
            number::count(counts.different),
            number::count(counts.undecided)
        ),
    );
    text.by_basis(judged);
    text.line("diverged", &format!("{}: neither failed nor succeeded", number::count(counts.diverged)));
    for (count, what) in [
        (counts.refused, "refused by the provider"),
        (counts.unanswered, "sent and never answered: counted as spent, not asked again"),
        (counts.not_asked, "went on with a request that cannot be written"),
        (counts.not_finished, report.stopped.unwrap_or("not gone through to the end")),
    ] {
        if count > 0 {
            text.line("", &format!("{}: {what}", number::counted(count, "run")));
        }
    }
    let share = |rate: &Rate| rate.estimate.map_or_else(|| "unknown".to_owned(), number::percent);
    let (least, most) = (&report.as_recorded_at_least, &report.as_recorded_at_most);
    let (low, high) = (least.interval.map(|found| found.low), most.interval.map(|found| found.high));
    let interval = low
        .zip(high)
        .map(|(low, high)| format!(", 95 % confidence {} – {}", number::percent(low), number::percent(high)));
    text.line(
        "the same",
        &format!(
            "{} – {} of {}{}",
            share(least),
            share(most),
            number::counted(least.n, "run"),
            interval.unwrap_or_default()
        ),
    );
    text.difference(judged, "run");
    match report.cost {
        RunCost { n: 0, .. } => text.line("cost", "unknown"),
        RunCost { n, recorded, replayed } => {
            let n = number::counted(n, "run");
            let (recorded, replayed) = (number::dollars(recorded), number::dollars(replayed));
            text.line("cost", &format!("{recorded} → {replayed} for the {n} that ended"));
        }
    }
    let cap = report.max_cost.map_or_else(|| "no cap".to_owned(), |cap| format!("cap {}", number::dollars(cap)));
    let (now, before) = (number::count(report.asked_now), number::count(report.from_journal));
    text.line("spent", &format!("{} ({cap}); {now} asked now, {before} before", number::dollars(report.spent)));
    text.counted("left out", report.skipped.iter().map(|(why, n)| (why.as_str(), *n)), "run");
    text.list("not sent", &report.left_out);
    let worth_a_look = report.each.iter().filter_map(|run| Some((run, run.words()?)));
    for (index, (run, words)) in worth_a_look.take(NAMED).enumerate() {
        text.line(if index == 0 { "see" } else { "" }, &format!("run {}: {}", run.trace_id, plain_line(&words, 200)));
    }
    Ok(data(&text.0)?)
}
