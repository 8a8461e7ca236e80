use std::time::Duration;

use arc_server::ServerConfig;
use axum::{
    body::{Body, BodyDataStream},
    http::{Request, StatusCode, header},
};
use futures_util::StreamExt as _;

use crate::{Server, get, show};

const PATIENCE: Duration = Duration::from_secs(10);

/// The events of a stream, one at a time, as they are written.
struct Events(BodyDataStream, String);

impl Events {
    async fn open(server: &Server, path: &str, last: Option<&str>) -> Self {
        let mut request = Request::get(path).header(header::HOST, "localhost");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = server.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        Self(response.into_body().into_data_stream(), String::new())
    }

    /// Returns the next event; `None` when the stream ended.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.1.split_once("\n\n") {
                let event = event.to_owned();
                self.1 = rest.into();
                return Some(event);
            }
            let bytes = tokio::time::timeout(PATIENCE, self.0.next()).await.unwrap()?.unwrap();
            self.1.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    /// Returns the id and the agent of the next run.
    async fn run(&mut self) -> (String, String) {
        let event = self.next().await.unwrap();
        let field = |name| event.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        assert_eq!(field("event:"), "run");
        let data: serde_json::Value = serde_json::from_str(&field("data:")).unwrap();
        assert_eq!(data["seq"].to_string(), field("id:"));
        assert_eq!(data["project"], "default");
        (field("id:"), data["run"]["agent"]["name"].as_str().unwrap().to_owned())
    }
}

#[tokio::test]
async fn a_run_is_delivered_once_it_settles_and_a_reader_resumes_after_it() {
    let server = Server::empty().await;
    server.app.run_background();
    let mut events = Events::open(&server, "/api/v1/events", None).await;
    assert_eq!(events.next().await.unwrap(), "id: 0\nretry: 1000");
    server.ingest('1', "agent x agent=first @0s +1s").await;
    let (id, agent) = events.run().await;
    assert_eq!(agent, "first");
    drop(events);

    server.settle('2', "agent x agent=second @0s +1s").await;
    let mut events = Events::open(&server, "/api/v1/events", Some(&id)).await;
    assert_eq!(events.next().await.unwrap(), format!("id: {id}\nretry: 1000"));
    assert_eq!(events.run().await.1, "second");
}

#[tokio::test]
async fn a_reader_may_ask_for_what_was_and_sees_only_its_project() {
    let server = Server::with_runs().await;
    let mut events = Events::open(&server, "/api/v1/events?after=0", None).await;
    events.next().await;
    assert_eq!([events.run().await.1, events.run().await.1, events.run().await.1], ["shop/eu", "shop/eu", "planner"]);

    let mut other = Events::open(&server, "/api/v1/events?after=0&project=other", None).await;
    other.next().await;
    server.app.shutdown().await;
    assert_eq!(other.next().await, None);
}

#[tokio::test]
async fn a_stream_without_events_stays_alive() {
    let config = ServerConfig { keep_alive: Duration::from_millis(20), ..ServerConfig::default() };
    let server = Server::configured(config).await;
    let mut events = Events::open(&server, "/api/v1/events", None).await;
    events.next().await;
    assert_eq!(events.next().await.unwrap(), ":");
}

#[tokio::test]
async fn an_event_id_that_is_no_number_is_a_problem() {
    let server = Server::empty().await;
    let mut request = get("/api/v1/events");
    request.headers_mut().insert("last-event-id", "latest".parse().unwrap());
    let answer = show(server.send(request).await).await;
    assert!(answer.starts_with("400 application/problem+json"), "{answer}");
    assert!(answer.contains("`latest` is not the id of an event"), "{answer}");
}
