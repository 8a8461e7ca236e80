//! What a replay came to, and what it would cost.

use arc_analysis::replay::{Agreement, Change, Cited, Estimate, Judgement, Proof, ProofVerdict, Reason};
use arc_model::{AgentName, NanoUsd};
use owo_colors::OwoColorize;
use serde::Serialize;

use super::{data, json, number, plain_line, style};
use crate::failure::Failure;

/// Calls that are named on the screen; JSON has more.
const NAMED: usize = 5;

/// A replay, as it is printed as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    #[serde(flatten)]
    pub(crate) proof: Proof,
    pub(crate) calls_that_can_be_asked: u64,
    /// Requests of this time; retries of one call count once.
    pub(crate) asked_now: u64,
    /// Answers of earlier times.
    pub(crate) from_journal: u64,
    /// Calls that were begun and of which no answer came.
    pub(crate) unanswered: u64,
    pub(crate) refused: Vec<(String, u64)>,
    /// Calls that are not asked, by the reason.
    pub(crate) skipped: Vec<(String, u64)>,
    /// What recorded calls had and requests have not.
    pub(crate) left_out: Vec<String>,
    pub(crate) max_cost: Option<NanoUsd>,
    pub(crate) method: &'static str,
    pub(crate) journal: String,
}

/// What would be asked.
#[derive(Debug, Serialize)]
pub(crate) struct Preview {
    pub(crate) agent: AgentName,
    pub(crate) from: Vec<String>,
    pub(crate) to: String,
    pub(crate) url: String,
    pub(crate) calls: u64,
    pub(crate) runs: u64,
    /// Calls of different runs that the margin takes at least.
    pub(crate) needed: Option<u64>,
    /// What the recorded calls cost; `None` when that of one is not known.
    pub(crate) recorded_cost: Option<NanoUsd>,
    /// What they are expected to cost; `None` without a price.
    pub(crate) estimate: Option<NanoUsd>,
    pub(crate) skipped: Vec<(String, u64)>,
    pub(crate) left_out: Vec<String>,
}

/// Prints what would be asked.
pub(crate) fn print_plan(preview: &Preview, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return json(preview);
    }
    let dollars = |amount: Option<NanoUsd>| amount.map_or_else(|| "unknown".to_owned(), number::dollars);
    let mut text = Lines::default();
    let (from, to) = (plain_line(&preview.from.join(", "), 60), plain_line(&preview.to, 60));
    text.line(
        "would ask",
        &format!("{} of {}", number::counted(preview.calls, "call"), number::counted(preview.runs, "run")),
    );
    text.line("of", &format!("{to} at {}, answered before by {from}", plain_line(&preview.url, 120)));
    text.line(
        "estimate",
        &format!("{} (the same calls recorded: {})", dollars(preview.estimate), dollars(preview.recorded_cost)),
    );
    if let Some(needed) = preview.needed {
        text.line("needed", &format!("{needed} calls of different runs at least, for this margin"));
    }
    text.reasons("not asked", &preview.skipped);
    text.list("left out", &preview.left_out);
    Ok(data(&text.0)?)
}

/// Prints what a replay came to.
pub(crate) fn print(report: &Report, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return json(report);
    }
    let proof = &report.proof;
    let judged = &proof.judgement;
    let mut text = Lines::default();
    let from = plain_line(&proof.from.join(", "), 60);
    let prompt = if proof.prompt.is_some() { " with other instructions" } else { "" };
    let (to, agent) = (plain_line(&proof.to, 60), plain_line(proof.agent.as_str(), 60));
    text.0 = format!("{}  {from} → {to}{prompt}, agent {agent}\n", verdict(judged.verdict));
    text.line("", &reason(judged.reason, judged.margin, "call"));
    let calls = number::counted(judged.calls, "call");
    text.line(
        "quality",
        &format!(
            "{} of {calls} in {} answered the same, {} differently, {} undecided",
            number::count(judged.same),
            number::counted(judged.runs, "run"),
            number::count(judged.different),
            number::count(judged.undecided)
        ),
    );
    text.by_basis(judged);
    text.difference(judged, "call");
    text.change("cost", judged.cost.as_ref(), &|usd| NanoUsd::from_usd(usd).map_or_else(String::new, number::dollars));
    text.change("latency", judged.latency.as_ref(), &number::duration_ms);
    if judged.latency.is_some() {
        text.line("", "the recorded calls at another time, perhaps from another place");
    }
    let cap = report.max_cost.map_or_else(|| "no cap".to_owned(), |cap| format!("cap {}", number::dollars(cap)));
    let (now, before) = (number::count(report.asked_now), number::count(report.from_journal));
    text.line("spent", &format!("{} ({cap}); {now} asked now, {before} before", number::dollars(proof.spent)));
    if report.unanswered > 0 {
        let n = number::counted(report.unanswered, "call");
        text.line("", &format!("{n} sent and never answered: not compared, counted as spent, not asked again"));
    }
    text.reasons("refused", &report.refused);
    text.reasons("not asked", &report.skipped);
    text.list("left out", &report.left_out);
    let shown = judged.cited.iter().filter(|cited| cited.agreement != Agreement::Same).take(NAMED);
    for (index, cited) in shown.enumerate() {
        text.line(if index == 0 { "see" } else { "" }, &citation(cited));
    }
    text.line("method", report.method);
    Ok(data(&text.0)?)
}

pub(super) fn verdict(verdict: ProofVerdict) -> String {
    let word = verdict.as_str();
    match verdict {
        ProofVerdict::Measured => word.green().bold().to_string(),
        ProofVerdict::Withdrawn => word.red().bold().to_string(),
        ProofVerdict::Stopped => word.yellow().bold().to_string(),
    }
}

/// Says why, of calls or of runs.
pub(super) fn reason(reason: Reason, margin: f64, noun: &str) -> String {
    let points = margin * 100.0;
    match reason {
        Reason::NonInferior => format!("shown to be worse by less than {points:.1} points, if at all"),
        Reason::Worse => format!("shown to be worse by more than {points:.1} points"),
        Reason::CostsMore => "as good, and shown to cost more".to_owned(),
        Reason::SpendCap => {
            format!("the next call could have exceeded the spend cap; too few {noun}s were compared to tell")
        }
        Reason::TooFew { needed } if noun == "run" => format!("too few runs to tell: it takes about {needed}"),
        Reason::TooFew { needed } => format!("too few calls to tell: it takes about {needed} of different runs"),
        Reason::Unclear => "nobody can tell: too many answers are in other words or lie around the margin".to_owned(),
        Reason::Interrupted => format!("stopped before enough {noun}s were compared; the same command goes on"),
        Reason::Refused => "the provider let no more calls through".to_owned(),
    }
}

fn points(estimate: &Estimate) -> String {
    format!("{:+.1} ({:+.1} – {:+.1})", estimate.value * 100.0, estimate.low * 100.0, estimate.high * 100.0)
}

fn citation(cited: &Cited) -> String {
    let contrast = cited.contrast.map_or("", |contrast| contrast.words());
    format!("run {} call {}: {contrast}", cited.trace_id, cited.span_id)
}

/// Lines of a word and what belongs to it.
#[derive(Default)]
pub(super) struct Lines(pub(super) String);

impl Lines {
    pub(super) fn line(&mut self, word: &str, rest: &str) {
        // The word is padded before it is coloured: colours have a width of their own.
        let word = style::aside(&format!("{word:<11}"));
        self.0.extend(["  ", &word, " ", rest, "\n"]);
    }

    fn reasons(&mut self, word: &str, reasons: &[(String, u64)]) {
        self.counted(word, reasons.iter().map(|(why, n)| (why.as_str(), *n)), "call");
    }

    /// Reasons with how many of something they hold for.
    pub(super) fn counted<'a>(&mut self, word: &str, reasons: impl Iterator<Item = (&'a str, u64)>, noun: &str) {
        for (index, (why, n)) in reasons.enumerate() {
            let why = plain_line(why, 160);
            self.line(if index == 0 { word } else { "" }, &format!("{}: {why}", number::counted(n, noun)));
        }
    }

    pub(super) fn list(&mut self, word: &str, items: &[String]) {
        if !items.is_empty() {
            let items: Vec<&str> = items.iter().map(String::as_str).collect();
            self.line(word, &super::listed(&items));
        }
    }

    /// What answers were compared by, and how many were equal by that.
    pub(super) fn by_basis(&mut self, judged: &Judgement) {
        for count in &judged.by_basis {
            let n = count.same + count.different + count.undecided;
            self.line("", &format!("{}: {} of {}", count.basis.words(), number::count(count.same), number::count(n)));
        }
    }

    /// How much worse it is, at worst and at best.
    pub(super) fn difference(&mut self, judged: &Judgement, noun: &str) {
        let Some((worst, best)) = judged.at_worst.as_ref().zip(judged.at_best.as_ref()) else { return };
        let margin = judged.margin * 100.0;
        let at_worst = format!("{} points with undecided {noun}s as different, margin −{margin:.1}", points(worst));
        self.line("difference", &at_worst);
        if judged.undecided > 0 {
            self.line("", &format!("{} points with undecided {noun}s as the same", points(best)));
        }
    }

    fn change(&mut self, word: &str, change: Option<&Change>, show: &dyn Fn(f64) -> String) {
        let Some(change) = change else {
            return self.line(word, "unknown");
        };
        let ratio = change.ratio.map(|ratio| format!(" ({:+.1} %)", ratio * 100.0)).unwrap_or_default();
        let (before, after) = (show(change.recorded), show(change.replayed));
        let n = number::counted(change.n, "call");
        self.line(word, &format!("{before} → {after} per call{ratio}, over {n}"));
        if let Some(difference) = &change.difference {
            let signed = |value: f64| format!("{}{}", if value < 0.0 { "−" } else { "+" }, show(value.abs()));
            let (low, high) = (signed(difference.low), signed(difference.high));
            self.line("", &format!("mean difference {} ({low} – {high})", signed(difference.value)));
        }
    }
}
