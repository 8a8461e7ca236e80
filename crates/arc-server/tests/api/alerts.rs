//! `GET /api/v1/alerts`, and alerts in the live feed.

use std::time::Duration;

use arc_model::{ProjectId, sketch};
use axum::{
    body::Body,
    http::{Request, header},
};
use expect_test::expect;
use futures_util::StreamExt as _;

use crate::{NOON, Server};

#[tokio::test]
async fn without_alerts_the_list_is_empty() {
    expect![[r#"
        200 application/json
        {
          "alerts": []
        }
    "#]]
    .assert_eq(&Server::empty().await.get("/api/v1/alerts").await);
}

#[tokio::test]
async fn an_agent_that_gets_less_reliable_is_told_of_in_the_feed_and_listed() {
    let server = Server::empty().await;
    server.app.run_background();
    let request = Request::get("/api/v1/events").header(header::HOST, "localhost").body(Body::empty()).unwrap();
    let mut feed = server.send(request).await.into_body().into_data_stream();
    for number in 1..160 {
        let outcome = if number <= 120 { "ok" } else { "failed" };
        let text = format!("trace {number:032x} at {NOON}\nagent shop agent=shop @0s +1s {outcome} by check\n");
        let spans = sketch::parse(&text).unwrap().spans().to_vec();
        server.app.ingest(&ProjectId::default(), spans).await.unwrap();
        if number == 120 {
            server.app.settle_all(&ProjectId::default()).await.unwrap();
        }
    }
    let mut said = String::new();
    while !(said.contains("event: alert\ndata: {") && said.contains("Reliability of shop dropped")) {
        let bytes = tokio::time::timeout(Duration::from_secs(20), feed.next()).await.unwrap().unwrap().unwrap();
        said.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    let listed = server.json("/api/v1/alerts?limit=5").await;
    assert_eq!(listed["alerts"].as_array().unwrap().len(), 1);
    assert_eq!(listed["alerts"][0]["kind"], "reliability_dropped");
    assert_eq!(listed["alerts"][0]["drop"]["alpha"], 0.01);
    assert_eq!(listed["alerts"][0]["deliveries"], serde_json::json!([]));
    server.app.shutdown().await;
}
