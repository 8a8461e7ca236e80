//! The report on an agent as text: the card of the home page, and what stands behind it.

use std::fmt::Write;

use arc_analysis::{
    Report,
    cost::savings::Savings,
    frameworks::{Advice, Compared},
    reliability::{ChangePoint, Corrected, Direction, Judged, PassAtK, Quantile, Reliability, TrendTest},
};
use arc_model::{AgentSummary, Interval};
use owo_colors::OwoColorize;

use super::{number, plain, plain_line, style};

/// Issues shown; the others are counted.
const ISSUES_SHOWN: usize = 8;

/// What a card shows and what `--json` prints are the same data.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Overview {
    /// Every agent with settled runs, the most recently active one first.
    pub(crate) agents: Vec<AgentSummary>,
    /// The report on the agent asked for, or on the first one.
    #[serde(flatten)]
    pub(crate) report: Option<Report>,
    /// What could be saved on the agent's latest runs; `None` where nobody looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) savings: Option<Savings>,
    /// What comparisons of frameworks support; nothing where none does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) frameworks: Vec<Advice>,
}

/// Returns the card; `stored` says whether the runs shown can be looked at one by one.
pub(crate) fn card(overview: &Overview, stored: bool) -> String {
    let Some(report) = &overview.report else { return String::new() };
    let mut text = format!("━━━ {} Performance ━━━\n", style::heading(&plain_line(report.agent.name.as_str(), 60)));
    let _ = write_card(&mut text, report);
    if let Some(savings) = overview.savings.as_ref().filter(|savings| !savings.savings.is_empty()) {
        let _ = write!(text, "\n{}\n{}", style::heading("Could be saved"), super::cost::section(savings, &[]));
    }
    let _ = write_frameworks(&mut text, &overview.frameworks);
    let others = overview.agents.iter().map(|agent| plain_line(agent.name.as_str(), 40));
    let others: Vec<String> = others.filter(|name| *name != plain_line(report.agent.name.as_str(), 40)).collect();
    if !others.is_empty() {
        let names: Vec<&str> = others.iter().map(String::as_str).collect();
        let _ =
            writeln!(text, "\n{} {} (show one with --agent)", style::heading("Other agents"), super::listed(&names));
    }
    text.push_str(&next_steps(report, stored));
    text
}

fn write_card(text: &mut String, report: &Report) -> std::fmt::Result {
    let about =
        [("version", &report.agent.version), ("framework", &report.agent.framework), ("domain", &report.agent.domain)];
    let about = about.iter().map(|(what, value)| {
        format!("{what} {}", value.as_deref().map_or_else(|| "unknown".to_owned(), |value| plain_line(value, 40)))
    });
    writeln!(text, "{}\n", style::aside(&about.collect::<Vec<_>>().join(" · ")))?;
    write_reliability(text, &report.reliability)?;
    write_recent(text, report)?;
    write_cost(text, report)?;
    write_issues(text, report)?;
    for (index, todo) in report.recommendations.iter().enumerate() {
        if index == 0 {
            writeln!(text, "\n{}", style::heading("What to do"))?;
        }
        writeln!(text, "  {}. {}", index + 1, plain_line(&todo.text, 400))?;
        writeln!(text, "     {}", style::aside(&format!("because {}", plain_line(&todo.because, 200))))?;
    }
    Ok(())
}

fn write_reliability(text: &mut String, reliability: &Reliability) -> std::fmt::Result {
    let success = &reliability.success;
    let known = reliability.runs - reliability.unknown_outcomes.min(reliability.runs);
    match success.estimate {
        Some(estimate) => {
            let grade = reliability.grade.map(|grade| {
                let letter = grade.letter.style(style::letter(grade.letter)).to_string();
                format!("grade {letter}{}", if grade.provisional { " (provisional)" } else { "" })
            });
            writeln!(
                text,
                "Reliability    {}  {}  {}",
                style::bar(estimate),
                number::percent(estimate),
                grade.unwrap_or_default()
            )?;
            if let Some(interval) = &success.interval {
                let sure =
                    format!("95 % interval {} ({})", number::interval(interval), number::method(interval.method));
                writeln!(text, "               {sure}")?;
            }
        }
        None => writeln!(text, "Reliability    unknown: nobody said of any run whether it succeeded")?,
    }
    let mut from = match reliability.unknown_outcomes {
        0 => format!("n = {}", number::counted(known, "run")),
        _ => format!("n = {} of {}", number::count(known), number::counted(reliability.runs, "run")),
    };
    if reliability.tasks.count > 0 {
        from.extend([" of ", &number::counted(reliability.tasks.count, "task")]);
    }
    if reliability.unknown_outcomes > 0 && known > 0 {
        from.push_str("; of the others nobody said whether they succeeded");
    }
    writeln!(text, "               {from}")?;
    write_pass_k(text, reliability)?;
    writeln!(text, "Trend          {}", trend(reliability))?;
    match reliability.tool_accuracy.estimate {
        Some(_) => writeln!(text, "Tool accuracy  {}", number::rate(&reliability.tool_accuracy, "call"))?,
        None => writeln!(text, "Tool accuracy  unknown: no tool call whose result can be judged")?,
    }
    let (limit, timeout) = (reliability.step_limit_failures, reliability.timeout_failures);
    if limit + timeout > 0 {
        let limit = number::counted(limit, "run");
        writeln!(text, "Cut short      {limit} at the step limit, {timeout} by a timeout (they count as failed)")?;
    }
    Ok(())
}

/// Every k with how often all k tries succeed, and how often at least one does; only where tasks repeat.
fn write_pass_k(text: &mut String, reliability: &Reliability) -> std::fmt::Result {
    if reliability.tasks.repeated == 0 {
        return Ok(());
    }
    let row = |of: &dyn Fn(&PassAtK) -> String, list: &[PassAtK]| {
        list.iter().map(|one| format!("{:>8}", of(one))).collect::<Vec<_>>().concat()
    };
    let value = |one: &PassAtK| number::percent(one.value);
    writeln!(text, "Tries (k)      {}", row(&|one| one.k.to_string(), &reliability.pass_hat_k))?;
    writeln!(text, "  all succeed  {}  pass^k", row(&value, &reliability.pass_hat_k))?;
    writeln!(text, "  one succeeds {}  pass@k", row(&value, &reliability.pass_at_k))?;
    writeln!(text, "  tasks        {}", row(&|one| number::count(one.tasks), &reliability.pass_hat_k))?;
    if reliability.tasks_change_with_k {
        let note = "not the same tasks for every k: some have fewer tries, so compare only equal numbers of tasks";
        writeln!(text, "               {}", style::aside(note))?;
    }
    if let Some(mean) = &reliability.success_macro {
        let sure = mean.interval.as_ref().map(|range| format!(" ({})", number::interval(range))).unwrap_or_default();
        let each = number::counted(mean.tasks, "task");
        writeln!(text, "Mean of tasks  {}{sure}, each of {each} counted once", number::percent(mean.value))?;
    }
    match &reliability.consistency {
        Some(agree) => writeln!(text, "Consistency    {} of two tries agree", number::percent(agree.value)),
        None => Ok(()),
    }
}

/// What comparisons of frameworks support.
fn write_frameworks(text: &mut String, advice: &[Advice]) -> std::fmt::Result {
    if advice.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n{}", style::heading("Frameworks"))?;
    for one in advice {
        let (better, worse) = (plain_line(&one.better.to_string(), 40), plain_line(&one.worse.to_string(), 40));
        let over = match one.shared_tasks {
            0 => format!("all runs, n = {} and {}", number::count(one.better_runs), number::count(one.worse_runs)),
            tasks => number::counted(tasks, "shared task"),
        };
        let Interval { low, high, .. } = one.interval;
        match one.what {
            Compared::Success => {
                let (points, low, high) = (one.difference * 100.0, low * 100.0, high * 100.0);
                writeln!(
                    text,
                    "  {better} succeeds more often than {worse}: {points:+.1} points ({low:+.1} to {high:+.1}) over {over}"
                )?;
            }
            Compared::Duration => {
                let ms = |value: f64| number::duration_ms(value.abs());
                let (by, least, most) = (ms(one.difference), ms(high), ms(low));
                writeln!(text, "  {better} is faster than {worse}: {by} a run ({least} to {most}) over {over}")?;
            }
        }
    }
    Ok(())
}

/// How long the latest runs took, and whether failed calls were made good.
fn write_recent(text: &mut String, report: &Report) -> std::fmt::Result {
    let Some(recent) = &report.recent else { return Ok(()) };
    if let Some(latency) = &recent.latency_ms {
        let time = |one: &Quantile| number::duration_ms(one.value);
        let (p50, p95, p99) = (time(&latency.p50), time(&latency.p95), time(&latency.p99));
        writeln!(
            text,
            "Time           p50 {p50}, p95 {p95}, p99 {p99} of the latest {}",
            number::counted(latency.n, "run")
        )?;
    }
    if recent.recovered.n > 0 {
        writeln!(text, "Recovery       {} with a failed tool call succeeded", number::rate(&recent.recovered, "run"))?;
    }
    if let Some(judged) = &recent.judged {
        write_judged(text, judged)?;
    }
    match &recent.change {
        Some(change) => write_change(text, change),
        None => Ok(()),
    }
}

/// Since when the success rate is another; nothing where it is not.
fn write_change(text: &mut String, change: &ChangePoint) -> std::fmt::Result {
    let (Some(since), Some(after), Some(p)) = (change.since, &change.after, change.p_value) else { return Ok(()) };
    let is_better = change.direction == Direction::Improving;
    let way = if is_better { "better".green().to_string() } else { "worse".red().to_string() };
    let (before, after) = (number::rate(&change.before, "run"), number::rate(after, "run"));
    writeln!(text, "Changed        {way} since {since}: {before} before, {after} since, p = {p:.3}")?;
    match change.run {
        Some(run) => writeln!(text, "               the first run after it: {run}"),
        None => Ok(()),
    }
}

/// What a judge's verdicts come to, with and without correction.
fn write_judged(text: &mut String, judged: &Judged) -> std::fmt::Result {
    writeln!(text, "Judged         {} succeeded, as the judge says", number::rate(&judged.judged, "run"))?;
    for (name, corrected) in
        [("Rogan–Gladen", &judged.rogan_gladen), ("prediction-powered", &judged.prediction_powered)]
    {
        match corrected {
            Corrected::Known { estimate, interval } => {
                let (estimate, range) = (number::percent(*estimate), number::interval(interval));
                let labels = number::counted(judged.labelled, "label");
                writeln!(text, "               {estimate} ({range}) corrected with {labels} of people")?;
            }
            Corrected::Refused { why } => {
                writeln!(text, "               {}", style::aside(&format!("not corrected ({name}): {why}")))?;
                // Both are refused for the same reason.
                break;
            }
        }
    }
    Ok(())
}

fn trend(reliability: &Reliability) -> String {
    let trend = &reliability.trend;
    let windows = format!("this week n = {}, the week before n = {}", trend.recent.n, trend.before.n);
    let test = match trend.test {
        Some(TrendTest::FisherExact) => "Fisher's exact test",
        Some(TrendTest::PooledZ) => "z test",
        None => return format!("not enough data: {windows}"),
    };
    let p_value = trend.p_value.map(|p| format!(", p = {p:.3}")).unwrap_or_default();
    let points = trend.change_points.map(|points| format!("{points:+.1} points")).unwrap_or_default();
    let said = match trend.direction {
        Direction::Improving => format!("{} {points}", "▲ improving".green()),
        Direction::Declining => format!("{} {points}", "▼ declining".red()),
        Direction::NoClearChange | Direction::NotEnoughData => format!("no clear change ({points})"),
    };
    format!("{said}; {windows}; {test}{p_value}")
}

fn write_cost(text: &mut String, report: &Report) -> std::fmt::Result {
    let cost = &report.cost;
    match cost.per_run {
        Some(per_run) => {
            let n = if cost.priced_runs == cost.runs {
                format!("mean of {}", number::counted(cost.runs, "run"))
            } else {
                format!(
                    "mean of the {} of {} that can be priced",
                    number::count(cost.priced_runs),
                    number::counted(cost.runs, "run")
                )
            };
            writeln!(text, "\nCost per run   {}  {}", number::dollars(per_run).bold(), style::aside(&n))?;
        }
        None => writeln!(text, "\nCost per run   unknown")?,
    }
    for unpriced in &cost.unpriced {
        let why = plain_line(&unpriced.why.to_string(), 120);
        writeln!(text, "               {} without a cost: {why}", number::counted(unpriced.runs, "run"))?;
    }
    if let Some(change) = &cost.weekly_change {
        let n = format!("{} against {}", number::counted(change.recent_runs, "run"), number::count(change.before_runs));
        let chance = match change.is_significant {
            Some(true) => "more than days differ by chance",
            Some(false) => "days differ as much by chance",
            None => "too few days to tell from chance",
        };
        let ratio = change.ratio * 100.0;
        writeln!(text, "  this week    {ratio:+.1} % against the week before ({n}; {chance})")?;
    }
    if let Some(month) = &cost.projected_month {
        let pace = format!("{:.1} runs a day over {:.1} days", month.runs_per_day, month.days_observed);
        let interval = match (month.at_least, month.at_most) {
            (Some(least), Some(most)) => format!(" ({} – {})", number::dollars(least), number::dollars(most)),
            _ => String::new(),
        };
        writeln!(text, "  per month    {}{interval} at {pace}", number::dollars(month.amount))?;
    }
    Ok(())
}

fn write_issues(text: &mut String, report: &Report) -> std::fmt::Result {
    if report.issues.is_empty() {
        return writeln!(text, "\nIssues         none found");
    }
    writeln!(text, "\n{}", style::heading(&format!("Issues found: {}", report.issues.len())))?;
    for issue in report.issues.iter().take(ISSUES_SHOWN) {
        let title = plain_line(&issue.title, 60);
        writeln!(text, "  {} {title}: {}", style::severity(issue.severity), number::rate(&issue.runs, "run"))?;
        let look =
            format!("{} · {} · look at run {}", issue.leaf, number::counted(issue.findings, "finding"), issue.latest);
        writeln!(text, "           {}", style::aside(&look))?;
    }
    let more = report.issues.len().saturating_sub(ISSUES_SHOWN);
    if more > 0 {
        writeln!(text, "           and {more} more: see --json")?;
    }
    Ok(())
}

fn next_steps(report: &Report, stored: bool) -> String {
    let mut steps = Vec::new();
    if !stored {
        steps.push(("arc-eval import FILE".to_owned(), "store these runs, to look at them one by one"));
    } else if let Some(issue) = report.issues.first() {
        steps.push((format!("arc-eval trace {}", issue.latest), "the latest run with the first issue"));
    }
    steps.push(("arc-eval serve".to_owned(), "the same in a browser, live"));
    let width = steps.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    let steps = steps.iter().map(|(command, what)| format!("  {:width$}  {}\n", plain(command), style::aside(what)));
    format!("\n{}\n{}", style::heading("Next"), steps.collect::<String>())
}
