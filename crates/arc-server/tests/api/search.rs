use axum::{
    body::Body,
    http::{Request, header},
};

use crate::{Server, id, show};

async fn delete(server: &Server, path: &str, origin: Option<&str>) -> String {
    let mut request = Request::delete(path).header(header::HOST, "localhost:8000");
    if let Some(origin) = origin {
        request = request.header(header::ORIGIN, origin);
    }
    show(server.send(request.body(Body::empty()).unwrap()).await).await
}

#[tokio::test]
async fn what_was_said_is_found_with_its_run_span_and_place() {
    let server = Server::with_runs().await;
    server.app.index_all().await.unwrap();
    let found = server.json("/api/v1/search?q=BOOK+it").await;
    let hits = found["hits"].as_array().unwrap();
    assert_eq!(hits.len(), 1, "{found}");
    assert_eq!((&hits[0]["trace_id"], &hits[0]["agent"]), (&id('2').into(), &"shop/eu".into()));
    assert_eq!(hits[0]["field"], "user");
    let pieces: Vec<_> =
        hits[0]["pieces"].as_array().unwrap().iter().map(|piece| piece["text"].as_str().unwrap()).collect();
    assert_eq!(pieces, ["Book", " ", "it", "."]);
    assert!(found["next"].is_null());
    let none = server.json("/api/v1/search?q=book+nothing").await;
    assert_eq!(none["hits"].as_array().unwrap().len(), 0);
    assert_eq!(server.json("/api/v1/search?q=book&project=other").await["hits"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn a_search_that_cannot_be_is_a_problem_that_says_why() {
    let server = Server::with_runs().await;
    for (query, why) in
        [("q=", "at least one word"), ("q=a&limit=0", "limit"), ("q=a&cursor=x", "not a place"), ("", "q")]
    {
        let answer = server.get(&format!("/api/v1/search?{query}")).await;
        assert!(answer.starts_with("400 application/problem+json") && answer.contains(why), "{query}: {answer}");
    }
}

#[tokio::test]
async fn a_deleted_run_is_gone_from_listings_figures_and_search() {
    let server = Server::with_runs().await;
    server.app.index_all().await.unwrap();
    let path = format!("/api/v1/runs/{}", id('2'));
    let answer = delete(&server, &path, Some("https://evil.example")).await;
    assert!(answer.starts_with("403"), "{answer}");
    assert!(delete(&server, &path, None).await.starts_with("204"));
    assert!(delete(&server, &path, None).await.starts_with("404"));
    assert!(delete(&server, "/api/v1/runs/x", None).await.starts_with("400"));
    assert!(server.get(&path).await.starts_with("404"));
    assert_eq!(server.json("/api/v1/runs").await["runs"].as_array().unwrap().len(), 2);
    assert_eq!(server.json("/api/v1/search?q=book").await["hits"].as_array().unwrap().len(), 0);
    let agents = server.json("/api/v1/agents").await;
    let runs: Vec<_> = agents["agents"].as_array().unwrap().iter().map(|agent| agent["runs"].clone()).collect();
    assert_eq!(runs, [1, 1], "{agents}");
}
