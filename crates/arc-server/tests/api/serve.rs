//! The server on a socket: how fast a run shows up, and how it goes down.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arc_app::{App, Settings, SystemClock};
use arc_catalog::Catalog;
use arc_server::{ServerConfig, serve};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

/// Sends a request, and reads the answer until it contains `end`.
async fn exchange(stream: &mut TcpStream, request: &str, end: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    read_until(stream, end).await
}

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let mut bytes = [0; 4096];
    while !text.contains(end) {
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut bytes)).await.unwrap().unwrap();
        assert!(read > 0, "the connection ended after: {text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    text
}

#[tokio::test]
async fn a_run_shows_up_within_two_seconds_and_an_open_stream_does_not_hold_up_the_end() {
    let stores = arc_store_backends::open("sqlite::memory:").await.unwrap();
    let app = App::new(stores.traces, stores.registry, Arc::new(SystemClock), Catalog::builtin(), Settings::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = serve(listener, app, ServerConfig::default(), async move { stopped.await.unwrap() });

    let visit = async {
        let mut events = TcpStream::connect(address).await.unwrap();
        exchange(&mut events, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n", "retry:").await;

        let span = r#"{"traceId": "11111111111111111111111111111111", "spanId": "1111111111111111", "name": "run",
            "startTimeUnixNano": "1772445600000000000", "endTimeUnixNano": "1772445601000000000"}"#;
        let body = format!(r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{span}]}}]}}]}}"#);
        let head = "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
        let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let sent = Instant::now();
        let mut traces = TcpStream::connect(address).await.unwrap();
        let answer = exchange(&mut traces, &request, "\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let event = read_until(&mut events, "event: run").await;
        assert!(sent.elapsed() < Duration::from_secs(2), "{:?}: {event}", sent.elapsed());

        // Both connections are still open.
        stop.send(()).unwrap();
        Instant::now()
    };
    let (result, stopping) = tokio::join!(server, visit);
    result.unwrap();
    assert!(stopping.elapsed() < Duration::from_secs(5), "{:?}", stopping.elapsed());
}
