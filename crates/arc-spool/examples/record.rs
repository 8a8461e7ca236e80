//! A program that records, for the tests and for trying things by hand: `record hang|exit|fill|fork|drain DIR [NUMBER]`.
#![expect(clippy::print_stdout, reason = "a program of the tests, which read what it prints")]

use std::{env, error::Error, thread, time::Duration};

use arc_spool::{Context, Delivery, Kind, Options, Record, Spool, Writer};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let what = arguments.next().ok_or("say what: hang, exit, fill, fork, drain")?;
    let dir = arguments.next().ok_or("say where")?;
    let number: i32 = arguments.next().map_or(Ok(0), |number| number.parse())?;
    let writer = Writer::new(Options::new(&dir));
    match what.as_str() {
        "hang" => {
            a_run(&writer, 1);
            wait_for_the_end()
        }
        "exit" => {
            a_run(&writer, 1);
            std::process::exit(number)
        }
        "fork" => {
            a_run(&writer, 1);
            if matches!(fork::fork(), Ok(fork::Fork::Child)) {
                if number == 1 {
                    a_run(&writer, 2);
                }
                println!("child {}", std::process::id());
            }
            wait_for_the_end()
        }
        "drain" => {
            a_run(&writer, 1);
            let spool = Spool::open(&dir);
            let process = writer.process().ok_or("nothing was written")?;
            let mut drain = spool.drain(&process)?.ok_or("somebody else drains")?;
            let batch = drain.next(1 << 20)?.ok_or("nothing to drain")?;
            drain.commit(&batch, &Delivery::stored())?;
            if matches!(fork::fork(), Ok(fork::Fork::Child)) {
                println!("child {}", std::process::id());
            }
            wait_for_the_end()
        }
        _ => fill(&writer, &dir, number),
    }
}

fn wait_for_the_end() -> ! {
    println!("ready");
    loop {
        thread::sleep(Duration::from_secs(1));
    }
}

/// A run whose search is done and whose model call is not.
fn a_run(writer: &Writer, trace: u8) {
    let context = Context::new(Vec::new(), Vec::new());
    for (kind, span, name) in [
        (Kind::SpanStart, 1, "agent"),
        (Kind::SpanStart, 2, "search"),
        (Kind::SpanEnd, 2, "search"),
        (Kind::SpanStart, 3, "llm"),
    ] {
        append(writer, &context, kind, trace, span, &named(name, 0));
    }
}

/// Records runs until there is no room and beyond, then prints what was counted, and what a drainer finds.
fn fill(writer: &Writer, dir: &str, runs: i32) -> Result<(), Box<dyn Error>> {
    let context = Context::new(Vec::new(), Vec::new());
    for run in 0..runs {
        let trace = u8::try_from(run)?;
        append(writer, &context, Kind::SpanStart, trace, 1, &named("agent", 2000));
        append(writer, &context, Kind::SpanEnd, trace, 1, &named("agent", 2000));
    }
    let counts = writer.counts();
    println!("dropped {} of {}", counts.runs_dropped, counts.runs_started);
    let spool = Spool::open(dir);
    for process in spool.processes()? {
        let Some(mut drain) = spool.drain(&process.id)? else { continue };
        while let Some(batch) = drain.next(1 << 20)? {
            drain.commit(&batch, &Delivery::stored())?;
        }
        let ledger = drain.ledger();
        println!("stored {} lost {} of {}", ledger.runs_stored, ledger.runs_dropped, ledger.runs_started);
        println!("in flight {} damages {}", ledger.runs_in_flight(), ledger.damages);
    }
    Ok(())
}

fn append(writer: &Writer, context: &Context, kind: Kind, trace: u8, span: u8, payload: &[u8]) {
    let root = span == 1;
    let (trace_id, span_id, time_unix_ns) = ([trace; 16], [span; 8], 1_000);
    writer.append(&Record { kind, root, context, trace_id, span_id, time_unix_ns, payload });
}

/// A protobuf `Span` with a name, and a trace state of so many bytes.
fn named(name: &str, filling: usize) -> Vec<u8> {
    let mut bytes = vec![5 << 3 | 2, u8::try_from(name.len()).unwrap_or(0)];
    bytes.extend_from_slice(name.as_bytes());
    if filling > 0 {
        let [low, high, ..] = filling.to_le_bytes();
        let length = [low | 0x80, (high << 1) | (low >> 7)];
        bytes.push(3 << 3 | 2);
        bytes.extend_from_slice(&length);
        bytes.resize(bytes.len() + filling, b'x');
    }
    bytes
}
