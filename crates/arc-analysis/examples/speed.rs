//! Measures how fast runs are analysed on one core: runs of eight spans, and one of 33,000.
//!
//! `cargo run --release -p arc-analysis --example speed`

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program of developers; it ends at the first problem")]

use std::{fmt::Write, time::Instant};

use arc_analysis::{Context, analyse, checks::Checks};
use arc_catalog::Catalog;
use arc_model::{Timestamp, Trace, sketch};

const RUNS: u32 = 4_000;
const LONG: usize = 33_000;

fn main() {
    let run = run_of(8);
    let context =
        Context { received_at: Timestamp::from_nanos(0), agent: None, is_running: false, checks: Checks::default() };
    // Once before, so that what is read from files is read.
    let findings = analyse(&run, &context, Catalog::builtin()).findings.len();
    let began = Instant::now();
    for _ in 0..RUNS {
        std::hint::black_box(analyse(std::hint::black_box(&run), &context, Catalog::builtin()));
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{:.0} runs/s of {} spans with {findings} findings each, n = {RUNS}",
        f64::from(RUNS) / seconds,
        run.spans().len()
    );
    let long = run_of(LONG);
    let began = Instant::now();
    let findings = analyse(&long, &context, Catalog::builtin()).findings.len();
    println!(
        "{:.2} s for one run of {} spans with {findings} findings",
        began.elapsed().as_secs_f64(),
        long.spans().len()
    );
}

/// Returns a run of an agent that asks a model and calls a tool in turns; every tenth call fails.
fn run_of(spans: usize) -> Trace {
    let mut text = String::from("agent shop \"What did I buy in March, and what did it cost?\"\n");
    for index in 0..(spans - 1) / 2 {
        let result = if index % 10 == 9 {
            "!ValueError \"no such order\""
        } else {
            "-> {order: \"A-17\", cents: 1250, note: \"as you wished\"}"
        };
        writeln!(
            text,
            "  llm gpt-4o in=1200 out=80 offers=[get_order(id: integer!)] -> get_order{{id: {index}}}#c{index}"
        )
        .unwrap();
        writeln!(text, "  tool get_order {{id: {index}}} #c{index} {result}").unwrap();
    }
    text.push_str("  llm gpt-4o in=1400 out=60 -> \"You bought A-17 for 12.50.\"\n");
    sketch::parse(&text).unwrap()
}
