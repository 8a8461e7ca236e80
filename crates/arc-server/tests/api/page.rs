use axum::http::{StatusCode, header};

use crate::{Server, get, show};

#[tokio::test]
async fn an_address_of_the_page_is_answered_with_the_page() {
    let server = Server::empty().await;
    let home = server.get("/").await;
    assert!(home.starts_with("200 text/html; charset=utf-8\n"), "{home}");
    assert!(home.contains("arc-eval"), "{home}");
    for path in ["/runs", "/agents/gpt-4.1/report", "/index.html"] {
        assert_eq!(server.get(path).await, home, "{path}");
    }
}

#[tokio::test]
async fn a_missing_file_is_not_answered_with_the_page() {
    let server = Server::empty().await;
    for path in ["/assets/index-00000000.js", "/api", "/api/v2/runs", "/v1/metrics"] {
        let answer = show(server.send(get(path)).await).await;
        assert!(answer.starts_with("404 application/problem+json\n"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_page_that_is_known_is_not_sent_again() {
    let server = Server::empty().await;
    let etag = server.send(get("/")).await.headers()[header::ETAG].clone();
    let mut request = get("/");
    request.headers_mut().insert(header::IF_NONE_MATCH, etag.clone());
    let response = server.send(request).await;
    assert_eq!((response.status(), &response.headers()[header::ETAG]), (StatusCode::NOT_MODIFIED, &etag));
    let mut changed = get("/");
    changed.headers_mut().insert(header::IF_NONE_MATCH, "\"other\"".parse().unwrap());
    assert_eq!(server.send(changed).await.status(), StatusCode::OK);
}
