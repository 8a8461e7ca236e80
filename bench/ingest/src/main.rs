//! Load for the server's ingest, measured; and a proof that what was acknowledged survives.
//!
//! `workload` makes requests: agent traces of eight spans. `load` sends them over connections of its
//! own, `server` is the process they go to. `measure` and `limit` are the figures that `report`
//! writes into `bench/RESULTS.md`; `growth` asks stores of growing size the same questions; `crash` kills servers and
//! looks whether anything is missing, `full` fills their disk, `read_only` takes writing to it away. Development only: it
//! panics on nothing, but it trusts its arguments.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that people run and read")]

mod analysis;
mod crash;
mod full;
mod growth;
mod limit;
mod load;
mod measure;
mod place;
mod read_only;
mod report;
mod server;
mod workload;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};

/// The server's: the limit is measured in this process.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str =
    "ingest-bench measure --server PATH [--store sqlite] [--repeats 5] [--seconds 10] [--results bench/RESULTS.md]
ingest-bench crash --server PATH [--kills 200]
ingest-bench full --server PATH
ingest-bench growth --server PATH [--store sqlite] [--most 10000000] [--results bench/RESULTS.md]
ingest-bench load --address 127.0.0.1:8000 [--seconds 10]
ingest-bench limit [--store sqlite] [--seconds 10]
ingest-bench analysis [--seconds 10]

--store is sqlite, postgres or clickhouse; the last two are started as the tests of the stores start them.";

/// What is said on the command line.
struct Arguments {
    server: Option<PathBuf>,
    results: Option<PathBuf>,
    repeats: usize,
    seconds: u64,
    kills: u32,
    most: u64,
    store: String,
    address: Option<SocketAddr>,
}

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let command = words.next().context(USAGE)?;
    let mut arguments = Arguments {
        server: None,
        results: None,
        repeats: 5,
        seconds: 10,
        kills: 200,
        most: 10_000_000,
        store: place::KINDS[0].to_owned(),
        address: None,
    };
    while let Some(flag) = words.next() {
        let value = words.next().with_context(|| format!("{flag} needs a value\n{USAGE}"))?;
        match flag.as_str() {
            "--server" => arguments.server = Some(value.into()),
            "--store" => arguments.store = value,
            "--results" => arguments.results = Some(value.into()),
            "--repeats" => arguments.repeats = value.parse().context("--repeats")?,
            "--seconds" => arguments.seconds = value.parse().context("--seconds")?,
            "--most" => arguments.most = value.parse().context("--most")?,
            "--address" => arguments.address = Some(value.parse().context("--address")?),
            "--kills" => arguments.kills = value.parse().context("--kills")?,
            _ => bail!("{flag} is no flag\n{USAGE}"),
        }
    }
    let server = || arguments.server.clone().context("--server names the arc-eval to start");
    match command.as_str() {
        "measure" => {
            let figures = measure::run(&server()?, &arguments.store, arguments.repeats, arguments.seconds)?;
            report::write(&figures, &arguments.store, arguments.repeats, arguments.results.as_deref())
        }
        "growth" => {
            let sizes: Vec<u64> =
                (4..=9).map(|power| 10_u64.pow(power)).take_while(|size| *size <= arguments.most).collect();
            let rows = growth::run(&server()?, &arguments.store, &sizes)?;
            report::write_growth(&rows, &arguments.store, arguments.results.as_deref())
        }
        "load" => {
            let address = arguments.address.context("--address names a server")?;
            let duration = Duration::from_secs(arguments.seconds);
            let sent = load::send(address, measure::CONNECTIONS, duration, None, 1, &workload::pool())?;
            println!("{} traces, {:.0} spans/s", sent.traces, sent.spans_per_second());
            Ok(())
        }
        "crash" => crash::run(&server()?, arguments.kills),
        "full" => full::run(&server()?).and_then(|()| read_only::run_under(&server()?)),
        "limit" => {
            let limit = limit::measure(&arguments.store, arguments.seconds)?;
            let (rate, processor) = (limit.spans_per_second, limit.processor_ms_per_thousand);
            println!("{rate:.0} spans/s, {processor:.1} ms of the processor per 1,000 spans");
            Ok(())
        }
        "analysis" => {
            println!("{:.0} runs/s of {} spans on one core", analysis::measure(arguments.seconds), workload::SPANS);
            Ok(())
        }
        _ => bail!("{command} is no command\n{USAGE}"),
    }
}
