use expect_test::expect;

use crate::{Server, id};

#[tokio::test]
async fn findings_are_listed_with_their_evidence() {
    let server = Server::with_runs().await;
    expect![[r#"
        200 application/json
        {
          "findings": [
            {
              "cause": "root",
              "confidence": {
                "state": "unmeasured"
              },
              "detector": "tool-error@1",
              "evidence": [
                {
                  "excerpt": "timeout: no answer after 500 ms",
                  "field": "status",
                  "span_id": "0000000000000003"
                },
                {
                  "excerpt": "{\"seat\":\"4A\"}",
                  "field": "tool_arguments",
                  "span_id": "0000000000000003"
                }
              ],
              "id": "22222222222222222222222222222222-tool-error-0000000000000003",
              "leaf": "tool-error",
              "severity": "medium",
              "title": "book failed: timeout: no answer after 500 ms",
              "trace_id": "22222222222222222222222222222222"
            }
          ],
          "next": null
        }
    "#]]
    .assert_eq(&server.get("/api/v1/findings?leaf=tool-error").await);
}

#[tokio::test]
async fn findings_are_filtered_by_run_and_agent() {
    let server = Server::with_runs().await;
    let count = async |query: &str| {
        let list = server.json(&format!("/api/v1/findings?{query}")).await;
        list["findings"].as_array().unwrap().len()
    };
    let all = count("").await;
    assert!(all > 0);
    assert_eq!(count(&format!("run={}", id('2'))).await, all);
    assert_eq!(count(&format!("run={}", id('1'))).await, 0);
    assert_eq!(count("agent=shop%2Feu").await, all);
    assert_eq!(count("agent=planner").await, 0);
}

#[tokio::test]
async fn a_run_that_is_no_id_is_a_problem() {
    expect![[r#"
        400 application/problem+json
        {
          "detail": "query: run: expected 32 hexadecimal digits, found 4 characters",
          "status": 400,
          "title": "The request is invalid",
          "type": "urn:arc-eval:problem:invalid-request"
        }
    "#]]
    .assert_eq(&Server::with_runs().await.get("/api/v1/findings?run=4242").await);
}
