//! `arc-eval collect`: from the spool of this machine to a server.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    thread,
};

use arc_spool::{Context, Kind, Options, Record, Writer};

use crate::Home;

/// Records a run that ended and one that did not, and leaves.
fn record(home: &Home) {
    let writer = Writer::new(Options::new(home.path("../spool")));
    let context = Context::new(Vec::new(), Vec::new());
    for (kind, run) in [(Kind::SpanStart, 1), (Kind::SpanEnd, 1), (Kind::SpanStart, 2)] {
        let (trace_id, span_id) = ([run; 16], [1; 8]);
        writer.append(&Record {
            kind,
            root: true,
            context: &context,
            trace_id,
            span_id,
            time_unix_ns: 1,
            payload: b"\x2a\x05agent",
        });
    }
}

/// Starts a server that answers every request with this status.
fn server(status: u16) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|bytes| bytes > 2) {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
        }
    });
    address
}

#[test]
fn collect_delivers_what_dead_processes_left_and_closes_their_runs() {
    let home = Home::new("collect");
    record(&home);
    let endpoint = server(200);
    let collected = home.run(&["collect", "--once", "--endpoint", &endpoint, "--json"]).json();
    assert_eq!((&collected["runs"], &collected["processes_finished"]), (&2.into(), &1.into()), "{collected}");
    let ledger = &collected["ledger"];
    assert_eq!(
        (&ledger["runs_started"], &ledger["runs_stored"], &ledger["runs_closed"]),
        (&2.into(), &2.into(), &1.into())
    );
    assert_eq!(collected["bytes_left"], 0);
    let again = home.run(&["collect", "--once", "--endpoint", &endpoint]).ok();
    assert_eq!(
        again,
        format!(
            "delivered 0 spans, 0 runs ended, to {endpoint}\non this machine: 2 runs started, 2 stored, 1 of them ended by \
             the death of their process\n"
        )
    );
}

#[test]
fn collect_says_that_nothing_is_lost_when_the_server_wants_a_key() {
    let home = Home::new("collect-key");
    record(&home);
    let ran = home.run(&["collect", "--once", "--endpoint", &server(401)]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("it wants a key; set ARC_EVAL_API_KEY"), "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing is lost; run the same command again later"), "{}", ran.stderr);
    let collected = home.run(&["collect", "--once", "--endpoint", &server(200), "--json"]).json();
    assert_eq!(collected["ledger"]["runs_stored"], 2);
}

#[test]
fn collect_needs_an_address() {
    let ran = Home::new("collect-address").run(&["collect", "--endpoint", "localhost:4318"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("has to begin with http:// or https://"), "{}", ran.stderr);
}
