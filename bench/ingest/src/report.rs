//! The figures as a section of `bench/RESULTS.md`.

use std::{fmt::Write as _, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::{
    growth::{self, Row},
    measure::Figures,
    place::KINDS,
    workload::SPANS,
};

/// Prints the medians, and puts them into a file where one is named.
pub(crate) fn write(figures: &[Figures], store: &str, repeats: usize, results: Option<&Path>) -> Result<()> {
    put(&named("bench-ingest", store), &section(figures, store, repeats)?, results)
}

/// Prints what reading costs at each size, and puts it into a file where one is named.
pub(crate) fn write_growth(rows: &[Row], store: &str, results: Option<&Path>) -> Result<()> {
    let mut text = format!("## Reading as the store grows: {}\n\n", title(store));
    writeln!(
        text,
        "`make bench-growth STORE={store}`, {}. Over HTTP, one after the other; medians in ms. NaN: not answered.\n",
        machine()?
    )?;
    writeln!(text, "| spans | runs | on disk, MB | {} |", growth::questions().join(" | "))?;
    writeln!(text, "|---:|---:|---:|{}", "---:|".repeat(growth::questions().len()))?;
    for row in rows {
        let medians: Vec<String> = row.medians_ms.iter().map(|median| format!("{median:.2}")).collect();
        let (spans, runs, megabytes) = (row.spans, row.spans / SPANS, row.bytes >> 20);
        writeln!(text, "| {spans} | {runs} | {megabytes} | {} |", medians.join(" | "))?;
    }
    put(&named("bench-growth", store), &text, results)
}

/// Returns the name of a section: that of SQLite, the default, says nothing more.
fn named(section: &str, store: &str) -> String {
    if store == KINDS[0] { section.to_owned() } else { format!("{section}-{store}") }
}

fn title(store: &str) -> &'static str {
    match store {
        "postgres" => "PostgreSQL",
        "clickhouse" => "ClickHouse's engine",
        _ => "SQLite",
    }
}

/// Prints a section, and replaces the one of this name in a file.
fn put(name: &str, section: &str, results: Option<&Path>) -> Result<()> {
    println!("{section}");
    let Some(path) = results else { return Ok(()) };
    let (begin_mark, end_mark) = (format!("<!-- {name}: begin -->"), format!("<!-- {name}: end -->"));
    let before = std::fs::read_to_string(path).unwrap_or_else(|_| "# Measured\n".to_owned());
    let framed = format!("{begin_mark}\n{section}{end_mark}\n");
    let after = match (before.find(&begin_mark), before.find(&end_mark)) {
        (Some(begin), Some(end)) => {
            let (head, tail) = (before.get(..begin), before.get(end + end_mark.len()..));
            format!("{}{framed}{}", head.unwrap_or_default(), tail.unwrap_or_default().trim_start())
        }
        _ => format!("{}\n\n{framed}", before.trim_end()),
    };
    std::fs::write(path, after).with_context(|| format!("write {}", path.display()))
}

fn section(figures: &[Figures], store: &str, repeats: usize) -> Result<String> {
    let median = |figure: fn(&Figures) -> f64| {
        let mut values: Vec<f64> = figures.iter().map(figure).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let rate = median(|round| round.spans_per_second);
    let limit = median(|round| round.limit);
    let rows = [
        ("acknowledged, so durable and readable, spans/s", format!("{rate:.0}"), "≥ 60,000"),
        ("share of the limit", format!("{:.0} %", rate * 100.0 / limit), "≥ 70 %"),
        ("the limit: decoded, hashed, compressed, inserted in one process, spans/s", format!("{limit:.0}"), ""),
        (
            "until every run was analysed and counted, spans/s",
            format!("{:.0}", median(|round| round.counted_per_second)),
            "",
        ),
        (
            "acknowledgement at full load, p50 / p99 ms",
            format!("{:.1} / {:.1}", median(|round| round.p50_ms), median(|round| round.p99_ms)),
            "",
        ),
        (
            "acknowledgement at half load, p50 / p99 ms",
            format!("{:.1} / {:.1}", median(|round| round.half_p50_ms), median(|round| round.half_p99_ms)),
            "p99 ≤ 100",
        ),
        (
            "processor time of the server until the last acknowledgement, ms per 1,000 spans",
            format!("{:.1}", median(|round| round.ingest_processor_ms)),
            "≤ 20",
        ),
        (
            "with the analysis of every run, ms per 1,000 spans",
            format!("{:.1}", median(|round| round.processor_ms)),
            "",
        ),
        (
            "memory idle / at most, MB",
            format!("{:.0} / {:.0}", median(|round| round.idle_mb), median(|round| round.most_mb)),
            "≤ 40 / ≤ 200",
        ),
        (
            "disk, bytes a span (analysed, with the database's log)",
            format!("{:.0}", median(|round| round.bytes_per_span)),
            "≤ 500",
        ),
        (
            "40 turns that send their history again, share of the messages as JSON",
            format!("{:.1} %", median(|round| round.resend_percent)),
            "≤ 5 %",
        ),
        ("batches put off with 429 or 503", format!("{:.0}", median(|round| round.put_off)), ""),
    ];
    let mut text = format!("## Taking spans in: {}\n\n", title(store));
    writeln!(
        text,
        "`make bench-ingest STORE={store}`, {}. Medians of {repeats} rounds; agent traces of 8 spans and about 13 KB, 128 spans a request, \
         OTLP/HTTP protobuf over 8 connections; the load generator, and what else the store needs, run beside the server on the same \
         processors. Goals are those of SQLite; processor time and memory are those of arc-eval, without the database's.\n",
        machine()?
    )?;
    text.push_str("| | measured | goal |\n|---|---:|---:|\n");
    for (what, value, goal) in rows {
        writeln!(text, "| {what} | {value} | {goal} |")?;
    }
    Ok(text)
}

/// Says where and when: date, commit, processor, how many of them, what else they do.
fn machine() -> Result<String> {
    let ask = |program: &str, arguments: &[&str]| -> Result<String> {
        let output = Command::new(program).args(arguments).output().with_context(|| program.to_owned())?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    Ok(format!(
        "{}, commit {}; {}, {} processors, {}, load {}",
        ask("date", &["+%F"])?,
        ask("git", &["rev-parse", "--short", "HEAD"])?,
        model.unwrap_or("an unknown processor"),
        std::thread::available_parallelism().map_or(0, usize::from),
        ask("uname", &["-sr"])?,
        load.split(' ').next().unwrap_or_default()
    ))
}
