use expect_test::expect;

use crate::Server;

#[tokio::test]
async fn an_empty_store_says_what_to_do_first() {
    expect![[r#"
        200 application/json
        {
          "agent": null,
          "agents": [],
          "chat_ready": false,
          "cost_per_run": null,
          "cost_projected_month": null,
          "cost_unknown": "no runs have been recorded yet",
          "cost_weekly_change": null,
          "domain_detected": null,
          "framework_detected": null,
          "grade": null,
          "issues": [],
          "n": 0,
          "priced_runs": 0,
          "recommendations": [
            {
              "because": "no runs have been recorded yet; a run shows up here within two seconds of finishing",
              "leaf": null,
              "text": "Trace an agent: `from agent_eval.trace import ArcTracer; agent = ArcTracer(\"finance\").trace_agent(agent)`"
            },
            {
              "because": "any framework with OpenTelemetry instrumentation needs no change of code",
              "leaf": null,
              "text": "Point an OpenTelemetry exporter (OTLP over HTTP) at this server: spans go to /v1/traces"
            },
            {
              "because": "files of past runs give figures at once",
              "leaf": null,
              "text": "Load traces you already have: `arc-eval import FILE`"
            }
          ],
          "reliability_interval": null,
          "reliability_score": null,
          "report": null,
          "trend": null,
          "unknown_outcomes": 0
        }
    "#]].assert_eq(&Server::empty().await.get("/api/runtime-analysis").await);
}

#[tokio::test]
async fn the_most_recently_active_agent_is_meant_unless_one_is_named() {
    let server = Server::with_runs().await;
    let mut answer = server.json("/api/runtime-analysis").await;
    let report = answer.as_object_mut().unwrap().remove("report").unwrap();
    assert_eq!(report, server.json("/api/v1/agents/shop%2Feu/report").await);
    for (name, place) in [
        ("issues", "/issues"),
        ("recommendations", "/recommendations"),
        ("trend", "/reliability/trend"),
        ("reliability_interval", "/reliability/success/interval"),
    ] {
        let value = answer.as_object_mut().unwrap().remove(name).unwrap();
        assert_eq!(Some(&value), report.pointer(place), "{name}");
        assert!(!value.is_null() && value != serde_json::json!([]), "{name}");
    }
    expect![[r#"
        {
          "agent": "shop/eu",
          "agents": [
            "shop/eu",
            "planner"
          ],
          "chat_ready": false,
          "cost_per_run": 0.0038,
          "cost_projected_month": null,
          "cost_unknown": null,
          "cost_weekly_change": null,
          "domain_detected": null,
          "framework_detected": null,
          "grade": {
            "letter": "F",
            "provisional": true
          },
          "n": 2,
          "priced_runs": 1,
          "reliability_score": 0.5,
          "unknown_outcomes": 0
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&answer).unwrap());
    assert_eq!(server.json("/api/runtime-analysis?agent=planner").await["agent"], "planner");
}

#[tokio::test]
async fn an_unknown_agent_is_answered_with_the_known_ones() {
    expect![[r#"
        404 application/problem+json
        {
          "detail": "no agent named `nobody`; there are `shop/eu`, `planner`",
          "status": 404,
          "title": "Not found",
          "type": "urn:arc-eval:problem:not-found"
        }
    "#]]
    .assert_eq(&Server::with_runs().await.get("/api/runtime-analysis?agent=nobody").await);
}
