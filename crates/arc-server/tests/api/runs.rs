use expect_test::{expect, expect_file};
use serde_json::Value;

use crate::{Server, id};

/// Returns the first digit of the trace id of each run, which is how these tests name runs.
fn digits(list: &Value) -> String {
    let runs = list["runs"].as_array().unwrap();
    runs.iter().map(|run| run["trace_id"].as_str().unwrap().chars().next().unwrap()).collect()
}

#[tokio::test]
async fn runs_are_listed_newest_first_and_filtered() {
    let server = Server::with_runs().await;
    for (query, expected) in [
        ("", "213"),
        ("?agent=shop%2Feu", "21"),
        ("?agent=", "213"),
        ("?verdict=failed", "2"),
        ("?verdict=unknown", "3"),
        ("?task=t1", "21"),
        ("?leaf=tool-error", "2"),
        ("?leaf=no-such-leaf", ""),
        ("?since=2026-03-02T10:00:00Z", "21"),
        ("?until=2026-03-02T10:00:00Z", "3"),
        ("?agent=shop%2Feu&verdict=succeeded", "1"),
        ("?project=other", ""),
    ] {
        assert_eq!(digits(&server.json(&format!("/api/v1/runs{query}")).await), expected, "{query}");
    }
}

#[tokio::test]
async fn pages_of_runs_concatenate_to_the_whole() {
    let server = Server::with_runs().await;
    let (mut all, mut path) = (String::new(), "/api/v1/runs?limit=1".to_owned());
    for _ in 0..5 {
        let page = server.json(&path).await;
        all.push_str(&digits(&page));
        let Some(next) = page["next"].as_str() else { break };
        let cursor = next.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
        path = format!("/api/v1/runs?limit=1&cursor={cursor}");
    }
    assert_eq!(all, "213");
}

#[tokio::test]
async fn a_run_is_shown_with_its_spans_and_findings() {
    let server = Server::with_runs().await;
    let mut detail = server.json(&format!("/api/v1/runs/{}", id('2'))).await;
    let findings = detail.as_object_mut().unwrap().remove("findings").unwrap();
    assert_eq!(findings, server.json(&format!("/api/v1/findings?run={}", id('2'))).await["findings"]);
    let text = format!("{}\n", serde_json::to_string_pretty(&detail).unwrap());
    expect_file!["snapshots/run.json"].assert_eq(&text);
}

#[tokio::test]
async fn what_cannot_be_asked_is_a_problem_that_names_it() {
    let server = Server::with_runs().await;
    for (path, status, detail) in [
        ("/api/v1/runs/4242", 400, "`4242` is not the id of a run: expected 32 hexadecimal digits, found 4 characters"),
        ("/api/v1/runs?limit=0", 400, "query: limit: 0 is not between 1 and 500"),
        ("/api/v1/runs?cursor=invented", 400, ""),
        ("/api/v1/runs?agnet=shop", 400, "unknown field `agnet`"),
        ("/api/v1/runs?since=yesterday", 400, "`yesterday` is not an RFC 3339 time"),
        ("/api/v1/runs?verdict=fine", 400, "unknown variant `fine`"),
        ("/api/v1/runs/99999999999999999999999999999999", 404, "no settled run 9999"),
        ("/api/v1/rnus", 404, "there is no /api/v1/rnus"),
    ] {
        let problem = server.json(path).await;
        assert_eq!(problem["status"], status, "{path}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{path}: {problem}");
    }
    expect![[r#"
        404 application/problem+json
        {
          "detail": "no settled run 99999999999999999999999999999999 in project `default`",
          "status": 404,
          "title": "Not found",
          "type": "urn:arc-eval:problem:not-found"
        }
    "#]]
    .assert_eq(&server.get("/api/v1/runs/99999999999999999999999999999999").await);
}

#[tokio::test]
async fn the_runs_of_another_project_are_not_found() {
    let server = Server::with_runs().await;
    let answer = server.json(&format!("/api/v1/runs/{}?project=other", id('1'))).await;
    assert_eq!(answer["status"], 404);
}

#[tokio::test]
async fn a_label_is_taken_in_and_decides_the_outcome() {
    let server = Server::with_runs().await;
    let path = format!("/api/v1/runs/{}/labels", id('3'));
    let (status, answer) = server.post_json(&path, r#"{"verdict": "failed", "note": "wrong parcel"}"#).await;
    assert_eq!((status, &answer["source"]), (202, &"human".into()), "{answer}");
    server.app.settle_all(&arc_model::ProjectId::default()).await.unwrap();
    let run = &server.json(&format!("/api/v1/runs/{}", id('3'))).await["run"];
    assert_eq!((&run["outcome"]["verdict"], &run["outcome"]["source"]), (&"failed".into(), &"human".into()), "{run:#}");
    for (path, body, status) in [
        (path.as_str(), r#"{"verdict": "unknown"}"#, 400),
        (path.as_str(), r#"{"verdict": "failed", "source": "detector"}"#, 400),
        (path.as_str(), r#"{"verdict": 1}"#, 400),
        ("/api/v1/runs/00000000000000000000000000000009/labels", r#"{"verdict": "failed"}"#, 404),
    ] {
        assert_eq!(server.post_json(path, body).await.0, status, "{path} {body}");
    }
}
