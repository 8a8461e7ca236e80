use expect_test::expect;

use crate::Server;

#[tokio::test]
async fn agents_are_listed_most_recently_active_first() {
    expect![[r#"
        200 application/json
        {
          "agents": [
            {
              "domain": null,
              "failed": 1,
              "framework": null,
              "last_run_at": "2026-03-02T10:01:00Z",
              "name": "shop/eu",
              "runs": 2,
              "succeeded": 1,
              "version": "2"
            },
            {
              "domain": null,
              "failed": 0,
              "framework": null,
              "last_run_at": "2026-03-02T09:00:00Z",
              "name": "planner",
              "runs": 1,
              "succeeded": 0,
              "version": null
            }
          ]
        }
    "#]]
    .assert_eq(&Server::with_runs().await.get("/api/v1/agents").await);
}

#[tokio::test]
async fn an_agent_whose_name_needs_encoding_has_a_report() {
    let server = Server::with_runs().await;
    server.settle('4', r#"agent x agent="my agent %" @0s +1s"#).await;
    for (path, name) in [("shop%2Feu", "shop/eu"), ("my%20agent%20%25", "my agent %")] {
        let report = server.json(&format!("/api/v1/agents/{path}/report")).await;
        assert_eq!(report["agent"]["name"], name);
    }
}

#[tokio::test]
async fn a_report_is_what_the_application_computes() {
    let server = Server::with_runs().await;
    let answer = server.json("/api/v1/agents/shop%2Feu/report").await;
    let report = server.app.report(&"default".into(), &"shop/eu".into()).await.unwrap().unwrap();
    assert_eq!(answer, serde_json::to_value(report).unwrap());
    assert_eq!(
        (&answer["reliability"]["success"]["successes"], &answer["reliability"]["success"]["n"]),
        (&1.into(), &2.into())
    );
}

#[tokio::test]
async fn an_unknown_agent_has_no_report() {
    expect![[r#"
        404 application/problem+json
        {
          "detail": "no settled runs of an agent named `nobody` in project `default`",
          "status": 404,
          "title": "Not found",
          "type": "urn:arc-eval:problem:not-found"
        }
    "#]]
    .assert_eq(&Server::with_runs().await.get("/api/v1/agents/nobody/report").await);
}

#[tokio::test]
async fn a_project_sees_only_its_own_agents() {
    let server = Server::with_runs().await;
    assert_eq!(server.json("/api/v1/agents?project=other").await["agents"], serde_json::json!([]));
    expect![[r#"
        400 application/problem+json
        {
          "detail": "the name of a project is 1 to 100 characters without control characters",
          "status": 400,
          "title": "The request is invalid",
          "type": "urn:arc-eval:problem:invalid-request"
        }
    "#]]
    .assert_eq(&server.get("/api/v1/agents?project=%00").await);
}
