//! How cost and time divide, and what could be saved, as text and as CSV.

use std::fmt::Write as _;

use arc_analysis::{
    cost::{
        CostReport, Estimated,
        savings::{Basis, ModelSwitch, Saving, Savings},
    },
    replay::{Proof, ProofVerdict, Reason},
};
use arc_model::{CostDimension, CostSums, NanoUsd};
use owo_colors::OwoColorize as _;

use super::{number, plain_line, style};
use crate::commands::CostAnswer;

/// Savings and models shown; `--json` has all.
const SHOWN: usize = 5;
/// Models shown.
const MODELS: usize = 3;

/// Returns everything as text.
pub(crate) fn text(answer: &CostAnswer) -> String {
    let mut text = String::new();
    let _ = write_total(&mut text, &answer.report);
    let _ = write_lines(&mut text, &answer.report);
    if let Some(savings) = &answer.savings {
        let of = answer.savings_of.as_ref().map_or("", |agent| agent.as_str());
        let _ = writeln!(text, "\n{} {}", style::heading("Could be saved by"), plain_line(of, 60));
        text.push_str(&section(savings, &answer.proofs));
    }
    text
}

fn write_total(text: &mut String, report: &CostReport) -> std::fmt::Result {
    let (total, figures) = (&report.total, &report.figures);
    let of = report.agent.as_ref().map_or_else(|| "all agents".to_owned(), |agent| plain_line(agent.as_str(), 60));
    let since = report.since.map(|since| format!(" since {since}")).unwrap_or_default();
    writeln!(text, "━━━ Cost of {}{since} ━━━", style::heading(&of))?;
    if total.runs == 0 {
        return writeln!(text, "no settled runs");
    }
    let of = format!("{}, {}", number::counted(total.runs, "run"), number::counted(total.calls, "model call"));
    writeln!(text, "Total           {}  {}", paid(total).bold(), style::aside(&of))?;
    if total.unpriced_calls > 0 {
        let unknown = number::counted(total.unpriced_calls, "call");
        let bound = if total.cost > 0 { ": the total is a lower bound" } else { "" };
        writeln!(text, "                {unknown} without a known cost{bound}")?;
    }
    let uncalled = total.runs.saturating_sub(total.priced_runs);
    if uncalled > 0 {
        writeln!(text, "                {} of which the whole cost is not known", number::counted(uncalled, "run"))?;
    }
    let amount = |amount: Option<NanoUsd>| amount.map_or_else(|| "unknown".to_owned(), number::dollars);
    writeln!(text, "Per run         {}", amount(figures.per_run))?;
    let success = format!("n = {} of {}", number::count(total.succeeded), number::counted(total.runs, "run"));
    writeln!(text, "Per success     {}  {}", amount(figures.per_success), style::aside(&success))?;
    if total.failed > 0 {
        let failed = number::counted(total.failed, "run");
        writeln!(text, "Failed runs     {}  {}", amount(figures.failed_cost), style::aside(&failed))?;
    }
    if total.repeated_calls > 0 {
        let again = format!("{} that sent what its run had sent", number::counted(total.repeated_calls, "call"));
        writeln!(text, "Repeated calls  {}  {}", amount(figures.repeated_cost), style::aside(&again))?;
    }
    if let (Some(run), Some(model), Some(tool), Some(other)) =
        (figures.run_ns, figures.model_time, figures.tool_time, figures.other_time)
    {
        let split = format!(
            "{} model, {} tools, {} other, over {}",
            number::percent(model),
            number::percent(tool),
            number::percent(other),
            number::counted(total.timed, "run")
        );
        writeln!(text, "Time of a run   {}  {}", time(run), style::aside(&split))?;
    }
    if let Some(first) = figures.first_token_ns {
        let n = format!("mean of {}", number::counted(total.first_token_calls, "call"));
        writeln!(text, "First token     {}  {}", time(first), style::aside(&n))?;
    }
    if let Some(explained) = &figures.reported_explained {
        writeln!(text, "Reported        {}", plain_line(explained, 300))?;
    }
    Ok(())
}

fn write_lines(text: &mut String, report: &CostReport) -> std::fmt::Result {
    if report.lines.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "\n{:<40} {:>12} {:>7} {:>9} {:>14} {:>12} {:>12} {:>9}",
        format!("By {}", report.by).bold(),
        "cost",
        "share",
        "calls",
        "input",
        "cached",
        "output",
        "time"
    )?;
    for line in &report.lines {
        let sums = &line.sums;
        let mut name = line.name.as_deref().map_or_else(|| nameless(report.by).to_owned(), |name| plain_line(name, 38));
        if let Some(agent) = &line.agent {
            name = format!("{} ({})", plain_line(&name, 22), plain_line(agent.as_str(), 13));
        }
        let share = share(sums.cost, report.total.cost).map_or_else(|| "–".to_owned(), number::percent);
        let time = sums.time_ns.checked_div(sums.timed).map_or_else(|| "–".to_owned(), time);
        writeln!(
            text,
            "{name:<40} {:>12} {share:>7} {:>9} {:>14} {:>12} {:>12} {time:>9}",
            paid(sums),
            number::count(sums.calls),
            tokens(sums, sums.input_tokens),
            tokens(sums, sums.cached_tokens),
            tokens(sums, sums.output_tokens),
        )?;
    }
    if report.is_cut {
        writeln!(text, "{}", style::aside("there are more: raise --limit"))?;
    }
    Ok(())
}

fn nameless(by: CostDimension) -> &'static str {
    match by {
        CostDimension::Tool => "(asked for no tool)",
        _ => "(none recorded)",
    }
}

/// Returns a count of tokens, marked as a lower bound where some calls did not report theirs.
fn tokens(sums: &CostSums, count: u64) -> String {
    match sums.uncounted_calls {
        0 => number::count(count),
        uncounted if uncounted >= sums.calls => "unknown".to_owned(),
        _ => format!("≥ {}", number::count(count)),
    }
}

/// Returns an amount, marked as a lower bound where a part of it is not known.
fn paid(sums: &CostSums) -> String {
    match sums.known_cost() {
        Some(cost) => number::dollars(cost),
        None if sums.cost == 0 && sums.unpriced_calls >= sums.calls => "unknown".to_owned(),
        None => format!("≥ {}", number::dollars(sums.at_least())),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share tolerates rounding in the 16th digit")]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[expect(clippy::cast_precision_loss, reason = "a duration tolerates rounding in the 16th digit")]
fn time(nanos: u64) -> String {
    number::duration_ms(nanos as f64 / 1e6)
}

/// Returns what could be saved, with what it rests on.
pub(crate) fn section(savings: &Savings, proofs: &[Proof]) -> String {
    let mut text = String::new();
    let _ = write_savings(&mut text, savings, proofs);
    text
}

fn write_savings(text: &mut String, savings: &Savings, proofs: &[Proof]) -> std::fmt::Result {
    let looked = format!(
        "from {} with {} that cost {}; each is computed alone, and they overlap",
        number::counted(savings.runs, "run"),
        number::counted(savings.calls, "model call"),
        number::dollars(savings.cost)
    );
    writeln!(text, "  {}", style::aside(&looked))?;
    for (count, why) in [
        (savings.unpriced_calls, "without a known cost are left out"),
        (savings.unseen_calls, "without a recorded prompt cannot be compared with others"),
    ] {
        if count > 0 {
            writeln!(text, "  {}", style::aside(&format!("{} {why}", number::counted(count, "call"))))?;
        }
    }
    if let Some(line) = savings.estimated.as_ref().and_then(estimated) {
        writeln!(text, "  {}", style::aside(&line))?;
    }
    if savings.savings.is_empty() {
        writeln!(text, "  nothing found in the runs themselves")?;
    }
    for saving in savings.savings.iter().take(SHOWN) {
        write_saving(text, saving)?;
    }
    let switches: Vec<&ModelSwitch> = savings.switches.iter().filter(|switch| !is_withdrawn(switch, proofs)).collect();
    for switch in switches.iter().take(MODELS) {
        let month = match (switch.month_before, switch.month_after) {
            (Some(before), Some(after)) => {
                format!(", projected monthly {} → {}", number::dollars(before), number::dollars(after))
            }
            _ => String::new(),
        };
        let change = format!(
            "Switch {} to {}: {:+.0} %{month}",
            plain_line(&switch.from, 40),
            plain_line(&switch.to, 40),
            switch.change * 100.0
        );
        writeln!(text, "  {change}  {}", style::aside(&tested(switch, proofs)))?;
    }
    for proof in proofs.iter().rev().take(SHOWN) {
        let (from, to) = (plain_line(&proof.from.join(", "), 40), plain_line(&proof.to, 40));
        let prompt = if proof.prompt.is_some() { " with other instructions" } else { "" };
        let verdict = proof.judgement.verdict.as_str();
        writeln!(text, "  {}", style::aside(&format!("{verdict}: {from} to {to}{prompt}, {}", outcome(proof))))?;
    }
    if switches.len() > MODELS {
        let more = switches.len() - MODELS;
        writeln!(text, "  {}", style::aside(&format!("and {more} more models: see `arc-eval cost --json`")))?;
    }
    Ok(())
}

/// Says what calls without token counts would have cost; `None` where none could be estimated.
pub(crate) fn estimated(found: &Estimated) -> Option<String> {
    let of = match found.left_out {
        0 => String::new(),
        left_out => format!(" of {}", found.calls.saturating_add(left_out)),
    };
    (found.calls > 0).then(|| {
        format!(
            "estimated {} for {}{of} without token counts, by their text ({} tokens in, {} out): in no figure",
            number::dollars(found.cost),
            number::counted(found.calls, "call"),
            number::count(found.input_tokens),
            number::count(found.output_tokens)
        )
    })
}

/// Returns the replay of a switch that counts.
fn proof_of<'a>(switch: &ModelSwitch, proofs: &'a [Proof]) -> Option<&'a Proof> {
    Proof::of_switch(proofs, &switch.from, &switch.to)
}

fn is_withdrawn(switch: &ModelSwitch, proofs: &[Proof]) -> bool {
    proof_of(switch, proofs).is_some_and(|proof| proof.judgement.verdict == ProofVerdict::Withdrawn)
}

/// Says how far a switch was tested.
fn tested(switch: &ModelSwitch, proofs: &[Proof]) -> String {
    let estimated = format!("estimated from {}", number::counted(switch.calls, "call"));
    match proof_of(switch, proofs) {
        Some(proof) if proof.judgement.verdict == ProofVerdict::Measured => format!("measured: {}", outcome(proof)),
        Some(proof) => format!("{estimated}; {}", outcome(proof)),
        None => format!("{estimated}; quality not tested"),
    }
}

/// Says what a replay came to.
fn outcome(proof: &Proof) -> String {
    let judged = &proof.judgement;
    let asked = number::counted(judged.calls, if proof.whole_runs { "replayed run" } else { "replayed call" });
    let margin = format!("{:.1} points", judged.margin * 100.0);
    let dollars = judged.cost.and_then(|cost| cost.ratio).map(|ratio| format!(", {:+.0} %", ratio * 100.0));
    // A judge errs as well, and nobody knows how often.
    let rests_on_judge = judged.by_basis.iter().any(|count| count.basis == arc_analysis::replay::Basis::Judge);
    let judge = proof.judge.as_deref().filter(|_| rests_on_judge);
    let judge = judge.map_or_else(String::new, |judge| format!(", partly in the view of {}", plain_line(judge, 60)));
    match (judged.verdict, judged.reason) {
        (ProofVerdict::Measured, _) => {
            format!("{asked} were worse by less than {margin}, if at all{judge}{}", dollars.unwrap_or_default())
        }
        (ProofVerdict::Withdrawn, Reason::CostsMore) => format!("{asked} cost more"),
        (ProofVerdict::Withdrawn, _) => format!("{asked} were worse by more than {margin}"),
        (ProofVerdict::Stopped, _) => format!("{asked} are too few to tell"),
    }
}

fn write_saving(text: &mut String, saving: &Saving) -> std::fmt::Result {
    let amount = match saving.amount {
        Some(amount) if saving.unpriced_calls > 0 => format!("≥ {}", number::dollars(amount)),
        Some(amount) => number::dollars(amount),
        None => "unknown".to_owned(),
    };
    let month = saving.per_month.map(|month| format!(", {} a month", number::dollars(month))).unwrap_or_default();
    let time = saving.time_ns.map(|saved| format!(", {} of time", self::time(saved))).unwrap_or_default();
    let basis = match saving.basis {
        Basis::Counted => "tokens as counted by the provider",
        Basis::Estimated => "tokens estimated by length",
    };
    writeln!(text, "  {}{month}{time}: {}", amount.bold(), plain_line(&saving.title, 300))?;
    let tokens = if saving.tokens > 0 {
        format!("{}, {basis}; ", number::counted(saving.tokens, "token"))
    } else {
        String::new()
    };
    let calls = format!("{} in {}", number::counted(saving.calls, "call"), number::counted(saving.runs, "run"));
    let look = saving.evidence.first().map(|cited| format!("; look at run {}", cited.trace_id)).unwrap_or_default();
    writeln!(text, "      {}", style::aside(&format!("{} · {tokens}{calls}{look}", saving.kind)))?;
    writeln!(text, "      {}", plain_line(&saving.fix, 400))?;
    for assumed in &saving.assumes {
        writeln!(text, "      {}", style::aside(&format!("if {}", plain_line(assumed, 300))))?;
    }
    Ok(())
}

/// Returns the lines of a division as CSV (RFC 4180), amounts in nano-dollars.
pub(crate) fn csv(report: &CostReport) -> String {
    let mut text = format!("{},agent,{}\r\n", report.by, CostSums::NAMES.join(","));
    for line in &report.lines {
        let numbers: Vec<String> = line.sums.numbers().iter().map(ToString::to_string).collect();
        let name = field(line.name.as_deref().unwrap_or(""));
        let agent = field(line.agent.as_ref().map_or("", |agent| agent.as_str()));
        let _ = write!(text, "{name},{agent},{}\r\n", numbers.join(","));
    }
    text
}

/// Returns a field of a CSV file; what a spreadsheet would take for a formula begins with an apostrophe.
fn field(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_csv_is_quoted_where_it_has_to_be_and_never_a_formula() {
        for (text, written) in
            [("gpt-4o", "gpt-4o"), ("a,b", "\"a,b\""), ("say \"x\"", "\"say \"\"x\"\"\""), ("=1+1", "'=1+1")]
        {
            assert_eq!(field(text), written);
        }
    }
}
