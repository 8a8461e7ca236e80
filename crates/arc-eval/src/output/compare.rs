//! A comparison as text: the answer first, then what it rests on.

use std::fmt::Write;

use arc_analysis::compare::{Change, Comparison, Difference, Paired, PairedTest, Side, TaskChange, Unpaired};
use arc_analysis::reliability::TrendTest;
use arc_model::{Interval, NanoUsd};
use owo_colors::OwoColorize;

use super::{number, plain_line, style};

/// Tasks named per list; more are counted.
const TASKS_SHOWN: usize = 10;

/// Returns the page.
pub(crate) fn page(comparison: &Comparison) -> String {
    let mut text = String::new();
    let _ = write_page(&mut text, comparison);
    text
}

fn write_page(text: &mut String, comparison: &Comparison) -> std::fmt::Result {
    let answer = match comparison.change {
        Change::Better => "▲ more reliable".green().to_string(),
        Change::Worse => "▼ less reliable".red().to_string(),
        Change::NoClearChange => "no clear change in reliability".to_owned(),
        Change::NotEnoughData => "not enough data: fewer than five comparable runs of known outcome".to_owned(),
    };
    let name = |side: &Side| plain_line(&side.name, 60);
    writeln!(
        text,
        "{} against {}: {answer}\n",
        style::heading(&name(&comparison.candidate)),
        name(&comparison.baseline)
    )?;
    for (what, side) in [("baseline", &comparison.baseline), ("candidate", &comparison.candidate)] {
        let unknown = match side.unknown_outcomes {
            0 => String::new(),
            unknown => format!("; the outcome of {} is unknown", number::counted(unknown, "run")),
        };
        writeln!(text, "{what:<13}  {}{unknown}", number::rate(&side.success, "run"))?;
    }
    if let Some(paired) = &comparison.paired {
        write_paired(text, paired)?;
    }
    if let Some(unpaired) = &comparison.unpaired {
        write_unpaired(text, unpaired, comparison.paired.is_some())?;
    }
    write_amount(text, "cost per run", comparison.cost_nano_usd.as_ref(), &dollars)?;
    write_amount(text, "time per run", comparison.duration_ms.as_ref(), &|ms| {
        format!("{}{}", if ms < 0.0 { "-" } else { "" }, number::duration_ms(ms.abs()))
    })?;
    write_tasks(text, "Newly failing", &comparison.newly_failing)?;
    write_tasks(text, "Newly passing", &comparison.newly_passing)?;
    write_tasks(text, "Flaky", &comparison.flaky)?;
    let note = format!("intervals are 95 %; bootstrap with seed {}", comparison.seed);
    writeln!(text, "\n{}", style::aside(&note))
}

fn write_paired(text: &mut String, paired: &Paired) -> std::fmt::Result {
    let named = match paired.test {
        PairedTest::McnemarExact => "McNemar's exact test",
        PairedTest::StratifiedExact => "exact test within tasks",
        PairedTest::MantelHaenszel => "Mantel–Haenszel test within tasks",
    };
    writeln!(
        text,
        "shared tasks   {}: {} → {} (mean over tasks), {}{}",
        number::counted(paired.tasks, "task"),
        number::percent(paired.baseline_macro),
        number::percent(paired.candidate_macro),
        points(paired.difference),
        reach(paired.interval.as_ref()),
    )?;
    let (better, worse) = (number::count(paired.better_tasks), number::count(paired.worse_tasks));
    writeln!(text, "               better on {better}, worse on {worse}; {named}, p = {:.3}", paired.p_value)
}

fn write_unpaired(text: &mut String, unpaired: &Unpaired, is_aside: bool) -> std::fmt::Result {
    let named = match (unpaired.test, unpaired.p_value) {
        (Some(TrendTest::FisherExact), Some(p)) => format!("; Fisher's exact test, p = {p:.3}"),
        (Some(TrendTest::PooledZ), Some(p)) => format!("; z test, p = {p:.3}"),
        _ => String::new(),
    };
    let what = if is_aside { "other runs" } else { "all runs" };
    writeln!(
        text,
        "{what:<13}  {} → {}, {}{}{named}",
        number::rate(&unpaired.baseline, "run"),
        number::rate(&unpaired.candidate, "run"),
        points(unpaired.difference),
        reach(unpaired.interval.as_ref()),
    )?;
    writeln!(text, "               {}", style::aside("not the same tasks: a difference may be that of the tasks"))
}

fn points(difference: f64) -> String {
    format!("{:+.1} points", difference * 100.0)
}

fn reach(interval: Option<&Interval>) -> String {
    let text = |interval: &Interval| {
        let method = number::method(interval.method);
        format!(" ({:+.1} to {:+.1}, {method})", interval.low * 100.0, interval.high * 100.0)
    };
    interval.map(text).unwrap_or_default()
}

fn write_amount(
    text: &mut String,
    what: &str,
    amount: Option<&Difference>,
    show: &dyn Fn(f64) -> String,
) -> std::fmt::Result {
    let Some(amount) = amount else { return writeln!(text, "{what:<13}  unknown for one of the two") };
    let said = match amount.change {
        Change::Better => "less",
        Change::Worse => "more",
        Change::NoClearChange => "no clear change",
        Change::NotEnoughData => "too few to say",
    };
    let signed = |value: f64| format!("{}{}", if value > 0.0 { "+" } else { "" }, show(value));
    let sure = amount.interval.as_ref().map(|interval| {
        format!(" ({} to {}, {})", signed(interval.low), signed(interval.high), number::method(interval.method))
    });
    let over = match amount.shared_tasks {
        0 => "over all runs".to_owned(),
        tasks => format!("over {}", number::counted(tasks, "shared task")),
    };
    writeln!(
        text,
        "{what:<13}  {} → {} (n = {}, {}); {said}: {}{} {over}",
        show(amount.baseline.mean),
        show(amount.candidate.mean),
        number::count(amount.baseline.runs),
        number::count(amount.candidate.runs),
        signed(amount.difference),
        sure.unwrap_or_default(),
    )
}

#[expect(clippy::cast_possible_truncation, reason = "the mean cost of a run")]
fn dollars(nanos: f64) -> String {
    number::dollars(NanoUsd(nanos.round() as i64))
}

fn write_tasks(text: &mut String, title: &str, tasks: &[TaskChange]) -> std::fmt::Result {
    if tasks.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n{}", style::heading(&format!("{title}: {}", number::counted(tasks.len() as u64, "task"))))?;
    for task in tasks.iter().take(TASKS_SHOWN) {
        let of = |result: &arc_analysis::compare::TaskResult| {
            format!("{} of {}", result.succeeded, result.succeeded + result.failed)
        };
        let look = task.candidate.runs.first().map(|run| format!(" · look at run {run}")).unwrap_or_default();
        let line = format!("{} → {} succeeded{look}", of(&task.baseline), of(&task.candidate));
        writeln!(text, "  {}: {line}", plain_line(task.task.as_str(), 60))?;
    }
    match tasks.len().saturating_sub(TASKS_SHOWN) {
        0 => Ok(()),
        more => writeln!(text, "  and {more} more: see --json"),
    }
}
