//! An endpoint that answers by a script, and what becomes of the records.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use arc_spool::{Context, Kind, Options, ProcessId, Record, Spool, Writer};
use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span};
use prost::Message;

use crate::{Pass, Pump, Shipper, Target};

/// What was asked, span names of one request per entry; `+key` when a key came along.
type Log = Arc<Mutex<Vec<String>>>;

/// Status, headers, body.
type Answer = (u16, String, Vec<u8>);

/// Starts an endpoint; `answer` sees the span names of a request and gives status, headers and body.
fn endpoint(answer: impl Fn(&[String]) -> Answer + Send + 'static) -> (String, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let log = Log::default();
    let seen = Arc::clone(&log);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = serve(&stream, &answer, &seen);
        }
    });
    (address, log)
}

fn serve(mut stream: &TcpStream, answer: &dyn Fn(&[String]) -> Answer, log: &Log) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut key) = (0, "");
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        if line == "authorization: bearer secret" {
            key = "+key ";
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut plain)?;
    let request = ExportTraceServiceRequest::decode(&plain[..]).unwrap();
    let scopes = request.resource_spans.iter().flat_map(|spans| &spans.scope_spans);
    let names: Vec<String> = scopes.flat_map(|scope| &scope.spans).map(|span| span.name.clone()).collect();
    log.lock().unwrap().push(format!("{key}{}", names.join(" ")));
    let (status, headers, body) = answer(&names);
    write!(stream, "HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len())?;
    stream.write_all(&body)
}

fn status(status: u16) -> Answer {
    (status, String::new(), Vec::new())
}

fn writer(dir: &Path, endpoint: &str) -> Writer {
    Writer::new(Options { endpoint: Some(endpoint.to_owned()), ..Options::new(dir) })
}

/// Records runs of one span each, named by their number.
fn record(writer: &Writer, runs: std::ops::Range<u8>) {
    let context = Context::new(Vec::new(), Vec::new());
    for run in runs {
        let span = Span { name: format!("run{run}"), trace_id: vec![run; 16], span_id: vec![1; 8], ..Span::default() };
        for (kind, payload) in [(Kind::SpanStart, span.encode_to_vec()), (Kind::SpanEnd, Vec::new())] {
            writer.append(&Record {
                kind,
                root: true,
                context: &context,
                trace_id: [run; 16],
                span_id: [1; 8],
                time_unix_ns: 1,
                payload: &payload,
            });
        }
    }
}

fn pump(dir: &Path, address: &str) -> Pump {
    Pump::new(Spool::open(dir), &Target { endpoint: address.to_owned(), api_key: Some("secret".to_owned()) })
}

fn pass(pump: &mut Pump) -> Pass {
    pump.pass(&|_| true, &mut |_| true).unwrap()
}

fn ledger(dir: &Path) -> arc_spool::Ledger {
    let spool = Spool::open(dir);
    let mut all = arc_spool::Ledger::default();
    spool.processes().unwrap().iter().for_each(|process| all.add(&process.ledger));
    spool.finished().unwrap().iter().for_each(|(_, ledger, _)| all.add(ledger));
    all
}

#[test]
fn what_is_stored_leaves_the_spool() {
    let dir = tempfile::tempdir().unwrap();
    let (address, log) = endpoint(|_| status(200));
    record(&writer(dir.path(), &address), 0..3);
    let pass = pass(&mut pump(dir.path(), &address));
    assert_eq!((pass.spans, pass.runs, pass.finished), (3, 3, 1));
    assert_eq!(*log.lock().unwrap(), ["+key run0 run1 run2"]);
    assert!(Spool::open(dir.path()).processes().unwrap().is_empty());
    assert_eq!(ledger(dir.path()).runs_stored, 3);
}

#[test]
fn a_server_in_trouble_costs_time_and_no_run() {
    let dir = tempfile::tempdir().unwrap();
    let answers = Mutex::new(vec![200, 503, 429]);
    let (address, log) = endpoint(move |_| match answers.lock().unwrap().pop() {
        Some(429) => (429, "retry-after: 7\r\n".to_owned(), Vec::new()),
        other => status(other.unwrap_or(200)),
    });
    record(&writer(dir.path(), &address), 0..2);
    let mut pump = pump(dir.path(), &address);
    let first = pass(&mut pump);
    assert!(first.trouble.as_ref().unwrap().is_passing);
    assert!(first.news[0].contains("answers HTTP 429; runs are kept in"), "{:?}", first.news);
    assert!(pump.wait() > Duration::from_secs(6));
    assert!(ledger(dir.path()).waiting.unwrap().contains("HTTP 429"));
    assert_eq!(ledger(dir.path()).runs_in_flight(), 0, "nothing is known to be stored, nothing was counted yet");
    assert_eq!(pass(&mut pump).news.len(), 1);
    assert_eq!(pass(&mut pump).runs, 2);
    assert_eq!(log.lock().unwrap().len(), 3);
    assert_eq!((ledger(dir.path()).runs_stored, ledger(dir.path()).waiting), (2, None));
}

#[test]
fn a_refused_key_is_said_once_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (address, _) = endpoint(|_| status(401));
    record(&writer(dir.path(), &address), 0..2);
    let mut pump = pump(dir.path(), &address);
    let first = pass(&mut pump);
    assert!(!first.trouble.unwrap().is_passing);
    assert!(first.news[0].contains("does not accept the key in ARC_EVAL_API_KEY"), "{:?}", first.news);
    assert!(pass(&mut pump).news.is_empty());
    assert_eq!(Spool::open(dir.path()).processes().unwrap().len(), 1);
}

#[test]
fn a_batch_that_is_too_large_is_sent_in_halves_and_one_span_too_large_is_rejected() {
    let dir = tempfile::tempdir().unwrap();
    let (address, log) = endpoint(|names| match names {
        [name] if name == "run2" => status(413),
        [_] => status(200),
        _ => status(413),
    });
    record(&writer(dir.path(), &address), 0..4);
    let pass = pass(&mut pump(dir.path(), &address));
    assert_eq!((pass.spans, pass.rejected, pass.trouble), (3, 1, None));
    assert_eq!(
        *log.lock().unwrap(),
        ["run0 run1 run2 run3", "run0 run1", "run0", "run1", "run2 run3", "run2", "run3"].map(|n| format!("+key {n}"))
    );
    let ledger = ledger(dir.path());
    assert_eq!((ledger.runs_stored, ledger.runs_rejected(), ledger.runs_in_flight()), (3, 1, 0));
    assert_eq!(ledger.rejected["too large for the server (HTTP 413)"].runs, 1);
}

#[test]
fn a_partial_success_counts_the_run_that_was_rejected_with_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let (address, _) = endpoint(|names| {
        let is_bad = names.iter().any(|name| name == "run1");
        // partial_success { rejected_spans: 1, error_message: "bad id" }
        let body = if is_bad { b"\x0a\x0a\x08\x01\x12\x06bad id".to_vec() } else { Vec::new() };
        (200, String::new(), body)
    });
    record(&writer(dir.path(), &address), 0..4);
    let pass = pass(&mut pump(dir.path(), &address));
    assert_eq!((pass.spans, pass.rejected), (3, 1));
    assert_eq!(pass.news, ["the server does not take some spans: bad id"]);
    assert_eq!(ledger(dir.path()).rejected["bad id"].runs, 1);
}

#[test]
fn nobody_listening_is_trouble_and_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    record(&writer(dir.path(), "http://127.0.0.1:9"), 0..1);
    let pass = pass(&mut pump(dir.path(), "http://127.0.0.1:9"));
    assert!(pass.trouble.unwrap().is_passing);
    assert!(pass.news[0].starts_with("cannot reach http://127.0.0.1:9/v1/traces: "), "{:?}", pass.news);
}

#[test]
fn what_is_no_address_is_said_to_be_none() {
    let dir = tempfile::tempdir().unwrap();
    record(&writer(dir.path(), "localhost:8000"), 0..1);
    let pass = pass(&mut pump(dir.path(), "localhost:8000"));
    assert!(!pass.trouble.unwrap().is_passing);
    let told = "`localhost:8000/v1/traces` is no address of a server: it does not begin with http:// or https://; ";
    assert!(pass.news[0].starts_with(told), "{:?}", pass.news);
}

#[test]
fn the_thread_ships_while_the_process_lives_and_flush_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let (address, log) = endpoint(|_| status(200));
    // A process that had the same endpoint and died.
    record(&writer(dir.path(), &address), 7..8);
    let writer = Arc::new(writer(dir.path(), &address));
    let shipper = Shipper::new(Arc::clone(&writer), Target { endpoint: address, api_key: None });
    record(&writer, 0..2);
    shipper.ensure_running();
    assert!(shipper.flush(Duration::from_secs(20)));
    let all = log.lock().unwrap().join(" ");
    assert!(["run0", "run1", "run7"].iter().all(|run| all.contains(run)), "{all}");
    record(&writer, 2..3);
    assert!(shipper.close(Duration::from_secs(20)));
    assert_eq!(ledger(dir.path()).runs_stored, 4);
}

#[test]
fn a_server_that_hangs_holds_up_an_exit_for_no_longer_than_asked() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let writer = Arc::new(writer(dir.path(), &address));
    let shipper = Shipper::new(Arc::clone(&writer), Target { endpoint: address, api_key: None });
    record(&writer, 0..1);
    shipper.ensure_running();
    let start = Instant::now();
    assert!(!shipper.close(Duration::from_millis(50)));
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    // It is still in the spool, whoever comes next.
    let process: ProcessId = writer.process().unwrap();
    assert_eq!(Spool::open(dir.path()).processes().unwrap()[0].id, process);
}
