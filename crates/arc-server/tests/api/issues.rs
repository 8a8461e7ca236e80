//! `/api/v1/issues`, `/api/v1/scenarios` and what an agent learnt.

use axum::{
    body::{Body, to_bytes},
    http::{Request, header},
};
use serde_json::{Value, json};

use crate::{Server, id};

/// A run that failed at a tool, at some seconds after ten.
fn failing(error: &str, version: &str, seconds: u32) -> String {
    format!(
        "agent shop agent=shop version={version} \"Book seat 4A\" @{seconds}s +2s failed by check\n  tool book {{seat: \
         \"4A\"}} @{seconds}s +1s !\"{error}\"\n"
    )
}

impl Server {
    async fn patch(&self, path: &str, body: Value) -> (u16, Value) {
        let request = Request::patch(path).header(header::HOST, "localhost").body(Body::from(body.to_string()));
        let response = self.send(request.unwrap()).await;
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn with_issues() -> Self {
        let server = Self::empty().await;
        server.settle('1', &failing("no answer after 500 ms", "1", 0)).await;
        server.settle('2', &failing("no answer after 900 ms", "1", 60)).await;
        server.settle('3', &failing("no such seat", "1", 120)).await;
        server.settle('4', "agent shop agent=shop version=1 \"Hello\" @180s +1s ok by check").await;
        server.app.catch_up_issues().await.unwrap();
        server
    }

    /// The id of the issue with this template.
    async fn issue(&self, template: &str) -> String {
        let listed = self.json("/api/v1/issues").await;
        let found = listed["issues"].as_array().unwrap().iter().find(|one| one["issue"]["template"] == template);
        found.unwrap_or_else(|| panic!("{listed:#}"))["issue"]["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn issues_are_listed_with_counts_of_today_and_rates() {
    let server = Server::with_issues().await;
    let listed = server.json("/api/v1/issues?agent=shop&limit=1").await;
    assert_eq!(listed["issues"][0]["issue"]["template"], "no such seat");
    let next = listed["next"].as_str().unwrap();
    let rest = server.json(&format!("/api/v1/issues?agent=shop&limit=1&cursor={next}")).await;
    assert_eq!(rest["next"], Value::Null);
    let one = &rest["issues"][0];
    assert_eq!(
        (&one["issue"]["runs"], &one["today"], &one["shares"][0]["rate"]["n"]),
        (&json!(2), &json!(2), &json!(4))
    );
    assert_eq!(one["issue"]["agents"][0]["versions"], json!([{"version": "1", "runs": 2}]));
    assert_eq!(server.json("/api/v1/issues?agent=nobody").await["issues"], json!([]));
    assert_eq!(server.json("/api/v1/issues?state=fixed").await["issues"], json!([]));
    assert!(server.get("/api/v1/issues/nothing").await.starts_with("404"));
    assert!(server.get("/api/v1/issues?state=nothing").await.starts_with("400"));
}

#[tokio::test]
async fn a_run_that_settles_again_is_counted_once_and_one_that_recovers_not_at_all() {
    let server = Server::with_issues().await;
    let path = format!("/api/v1/issues/{}", server.issue("no answer after <*> ms").await);
    server.settle('2', &(failing("no answer after 700 ms", "1", 60) + "  step more @61s +1s")).await;
    server.app.catch_up_issues().await.unwrap();
    assert_eq!(server.json(&path).await["issue"]["runs"], 2);
    // A later revision says that the call went well after all, and so did the run.
    let text = format!("trace {} at 2026-03-02T10:00:00Z\n{}", id('2'), failing("x", "1", 60));
    let mut spans = arc_model::sketch::parse(&text).unwrap().spans().to_vec();
    for span in &mut spans {
        (span.revision, span.status) = (9, arc_model::Status::Ok);
        span.facts.outcomes.clear();
    }
    server.app.ingest(&arc_model::ProjectId::default(), spans).await.unwrap();
    server.app.settle_all(&arc_model::ProjectId::default()).await.unwrap();
    server.app.catch_up_issues().await.unwrap();
    let issue = server.json(&path).await["issue"].clone();
    assert_eq!((&issue["runs"], &issue["findings"]), (&json!(1), &json!(1)));
    assert_eq!(
        (&issue["last_seen"], &issue["latest"][0]["trace_id"]),
        (&json!("2026-03-02T10:00:00Z"), &json!(id('1')))
    );
}

#[tokio::test]
async fn issues_are_fixed_regress_merge_and_split() {
    let server = Server::with_issues().await;
    let (answer, seat) = (server.issue("no answer after <*> ms").await, server.issue("no such seat").await);
    let path = format!("/api/v1/issues/{seat}");
    let (status, fixed) = server.patch(&path, json!({"state": "fixed", "version": "2"})).await;
    assert_eq!((status, &fixed["issue"]["state"]), (200, &json!("fixed")));
    assert_eq!(fixed["issue"]["fix"]["before"], json!(["1"]));
    // The clock stands at noon: an hour later a version that had it, and one that should not.
    let mut news = server.app.follow_issues();
    server.settle('5', &failing("no such seat", "1", 10_000)).await;
    server.app.catch_up_issues().await.unwrap();
    assert_eq!(server.json(&path).await["issue"]["state"], "fixed");
    server.settle('6', &failing("no such seat", "2", 10_060)).await;
    server.app.catch_up_issues().await.unwrap();
    assert_eq!(server.json(&path).await["issue"]["state"], "regressed");
    let told = news.try_recv().unwrap();
    assert_eq!((told.change, told.issue.id.as_str()), (arc_app::IssueChange::Regressed, seat.as_str()));
    let (_, open) = server.patch(&path, json!({"state": "open"})).await;
    assert_eq!((&open["issue"]["state"], &open["issue"]["fix"]), (&json!("open"), &Value::Null));

    let (status, merged) = server.patch(&path, json!({"merge_into": answer})).await;
    assert_eq!((status, &merged["issue"]["id"], &merged["issue"]["runs"]), (200, &json!(answer), &json!(5)));
    assert_eq!(server.json(&path).await["issue"]["merged_into"], json!(answer));
    assert_eq!(server.json("/api/v1/issues").await["issues"].as_array().unwrap().len(), 1);
    // What comes from now on counts there.
    server.settle('7', &failing("no such seat", "2", 10_120)).await;
    server.app.catch_up_issues().await.unwrap();
    let whole = format!("/api/v1/issues/{answer}");
    assert_eq!(server.json(&whole).await["issue"]["runs"], 6);
    let (status, split) = server.patch(&whole, json!({"split": seat})).await;
    assert_eq!((status, &split["issue"]["id"], &split["issue"]["runs"]), (200, &json!(seat), &json!(4)));
    assert_eq!(server.json(&whole).await["issue"]["runs"], 2);
    server.settle('8', &failing("no such seat", "2", 10_180)).await;
    server.app.catch_up_issues().await.unwrap();
    assert_eq!(server.json(&path).await["issue"]["runs"], 5);

    for wrong in
        [json!({}), json!({"state": "open", "split": "x"}), json!({"stat": "open"}), json!({"merge_into": seat})]
    {
        assert_eq!(server.patch(&path, wrong.clone()).await.0, 400, "{wrong}");
    }
    assert_eq!(server.patch("/api/v1/issues/nothing", json!({"state": "open"})).await.0, 404);
}

#[tokio::test]
async fn scenarios_are_drafted_once_verified_by_a_second_failure_and_retired() {
    let server = Server::with_issues().await;
    let listed = server.json("/api/v1/scenarios").await;
    let scenarios = listed["scenarios"].as_array().unwrap();
    assert_eq!(scenarios.len(), 2, "{listed:#}");
    let of = |template: &str| {
        let is_it = |one: &&Value| one["checks"][0]["template"] == template;
        scenarios.iter().find(is_it).unwrap_or_else(|| panic!("{listed:#}")).clone()
    };
    let (answer, seat) = (of("no answer after <*> ms"), of("no such seat"));
    assert_eq!((&answer["state"], &seat["state"]), (&json!("verified"), &json!("draft")));
    assert_eq!(answer["verified"], json!({"by": "reproduction", "trace_id": id('2')}));
    let path = format!("/api/v1/scenarios/{}", seat["id"].as_str().unwrap());
    assert_eq!(server.patch(&path, json!({"state": "verified"})).await.1["verified"]["by"], "person");
    assert_eq!(server.json("/api/v1/scenarios?state=draft").await["scenarios"], json!([]));
    // A run with the same input that goes well is a trial of both.
    server.settle('5', "agent shop agent=shop version=2 \"Book seat  4A\" @300s +1s ok by check").await;
    server.app.catch_up_issues().await.unwrap();
    let learnt = server.json("/api/v1/agents/shop/learning").await;
    assert_eq!((&learnt["version"], &learnt["learning"]), (&json!("2"), &json!(2)), "{learnt:#}");
    assert_eq!(
        (&learnt["next"][0]["mastery"]["passed"], &learnt["velocity"]["pace"]),
        (&json!(1), &json!("not_enough_data"))
    );
    assert_eq!(server.patch(&path, json!({"state": "retired"})).await.1["state"], "retired");
    assert_eq!(server.json("/api/v1/agents/shop/learning").await["next"].as_array().unwrap().len(), 1);
    assert_eq!(server.patch("/api/v1/scenarios/nothing", json!({"state": "retired"})).await.0, 404);
    assert!(server.get("/api/v1/agents/nobody/learning").await.starts_with("404"));
}

#[tokio::test]
async fn a_deleted_run_counts_nowhere_and_takes_the_scenario_made_from_it_along() {
    let server = Server::with_issues().await;
    let (answer, seat) = (server.issue("no answer after <*> ms").await, server.issue("no such seat").await);
    let project = arc_model::ProjectId::default();
    for digit in ['1', '3'] {
        assert!(server.app.delete_run(&project, id(digit).parse().unwrap()).await.unwrap());
    }
    let detail = server.json(&format!("/api/v1/issues/{answer}")).await;
    assert_eq!((&detail["issue"]["runs"], &detail["issue"]["scenario"]), (&json!(1), &Value::Null));
    assert_eq!(detail["issue"]["latest"].as_array().unwrap().len(), 1);
    assert_eq!(detail["issue"]["first_seen"], "2026-03-02T10:01:00Z");
    assert!(server.get(&format!("/api/v1/issues/{seat}")).await.starts_with("404"));
    assert_eq!(server.json("/api/v1/scenarios").await["scenarios"], json!([]));
}
