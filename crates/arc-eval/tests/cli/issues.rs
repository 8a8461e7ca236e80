//! `arc-eval issues` and `arc-eval scenarios`, and the whole way from a degraded agent to what people see.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    Home,
    fixture::{SIX_RUNS, otlp},
    serve::Running,
};

/// Longest wait for something that has to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// One request with these runs of an agent that books seats; each is asked for the same, and may time out.
fn bookings(numbers: std::ops::Range<u64>, version: &str, fails: bool) -> String {
    let run = |number: u64| {
        let trace = format!("{number:032x}");
        let at = 1_750_000_000_000_000_000_u64 + number * 60_000_000_000;
        let asked = json!([{"role": "user", "parts": [{"type": "text", "content": "Book seat 4A."}]}]).to_string();
        let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
        let span = |id: u8, parent: &str, name: &str, attributes: Vec<Value>, status: Value| {
            json!({"traceId": trace, "spanId": format!("{id:016x}"), "parentSpanId": parent, "name": name,
                "startTimeUnixNano": (at + u64::from(id) * 1_000_000).to_string(),
                "endTimeUnixNano": (at + 900_000_000 - u64::from(id) * 1_000_000).to_string(),
                "attributes": attributes, "status": status})
        };
        let root = vec![
            text("gen_ai.operation.name", "invoke_agent"),
            text("gen_ai.agent.name", "booker"),
            text("gen_ai.agent.version", version),
            text("gen_ai.input.messages", &asked),
            text("arc_eval.outcome.verdict", if fails { "failed" } else { "succeeded" }),
            text("arc_eval.outcome.source", "check"),
        ];
        let tool = vec![
            text("gen_ai.operation.name", "execute_tool"),
            text("gen_ai.tool.name", "book_seat"),
            text("gen_ai.tool.call.arguments", "{\"seat\": \"4A\"}"),
        ];
        let status = if fails {
            json!({"code": 2, "message": format!("no answer from 10.0.0.{} after {} ms", number % 250, 500 + number)})
        } else {
            json!({"code": 1})
        };
        let spans =
            [span(1, "", "booker", root, json!({"code": 1})), span(2, "0000000000000001", "book_seat", tool, status)];
        json!({"resource": {"attributes": []}, "scopeSpans": [{"scope": {"name": "test"}, "spans": spans}]})
    };
    json!({"resourceSpans": numbers.map(run).collect::<Vec<_>>()}).to_string()
}

fn post(endpoint: &str, body: String) {
    let sent = ureq::post(format!("{endpoint}/v1/traces")).content_type("application/json").send(body);
    assert_eq!(sent.unwrap().status(), 200);
}

fn get(endpoint: &str, path: &str) -> Value {
    ureq::get(format!("{endpoint}{path}")).call().unwrap().body_mut().read_json().unwrap()
}

/// Asks until the answer is as it has to be, and returns it.
fn until(endpoint: &str, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = get(endpoint, path);
        if is_so(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{path} stayed {answer:#}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_agent_that_degrades_half_way_raises_an_alarm_an_issue_and_a_scenario() {
    let home = Home::new("issues-degraded");
    let (server, endpoint) = Running::serve(&home);
    post(&endpoint, bookings(1..101, "1", false));
    until(&endpoint, "/api/v1/agents", |answer| answer["agents"][0]["runs"] == 100);
    assert_eq!(get(&endpoint, "/api/v1/issues"), json!({"issues": [], "next": null}));
    assert_eq!(get(&endpoint, "/api/v1/alerts"), json!({"alerts": []}));

    post(&endpoint, bookings(101..141, "1", true));
    // The alarm fires.
    let alerts = until(&endpoint, "/api/v1/alerts", |answer| answer["alerts"][0]["kind"] == "reliability_dropped");
    assert_eq!(alerts["alerts"][0]["agent"], "booker");
    // The issue is there once, with its count, its rate and the step.
    let listed = until(&endpoint, "/api/v1/issues", |answer| answer["issues"][0]["issue"]["runs"] == 40);
    assert_eq!(listed["issues"].as_array().unwrap().len(), 1, "{listed:#}");
    let issue = &listed["issues"][0]["issue"];
    assert_eq!(issue["title"], "Tool call failed in book_seat: no answer from <*> after <*> ms");
    assert_eq!((&issue["findings"], &issue["state"]), (&json!(40), &json!("open")));
    let share = &listed["issues"][0]["shares"][0];
    assert_eq!((&share["agent"], &share["rate"]["n"]), (&json!("booker"), &json!(140)));
    assert!(share["rate"]["interval"]["low"].as_f64().unwrap() > 0.2, "{share:#}");
    assert_eq!(issue["latest"][0]["step"]["name"], "book_seat");
    assert_eq!(issue["latest"][0]["step"]["span_id"], "0000000000000002");
    let evidence = issue["latest"][0]["step"]["evidence"][0]["excerpt"].as_str().unwrap();
    assert!(evidence.starts_with("no answer from 10.0.0."), "{evidence}");
    // The scenario is drafted, and verified since the same input failed in the same way again.
    let scenarios = get(&endpoint, "/api/v1/scenarios?agent=booker");
    assert_eq!(scenarios["scenarios"].as_array().unwrap().len(), 1, "{scenarios:#}");
    let scenario = &scenarios["scenarios"][0];
    assert_eq!((&scenario["input"], &scenario["state"]), (&json!("Book seat 4A."), &json!("verified")));
    assert_eq!(
        scenario["trials"],
        json!([{"version": "1", "passed": 0, "failed": 40,
        "last_at": scenario["trials"][0]["last_at"]}])
    );
    let learning = get(&endpoint, "/api/v1/agents/booker/learning");
    assert_eq!((&learning["not_yet"], &learning["next"][0]["mastery"]["n"]), (&json!(1), &json!(40)));

    // The command line shows the same, from the same store.
    let id = issue["id"].as_str().unwrap();
    let told = home.run(&["issues", "--json"]).json();
    assert_eq!(told["issues"][0]["issue"]["runs"], 40);
    let shown = home.run(&["issues", id]).ok();
    assert!(shown.contains("40 times in 40 runs") && shown.contains("at book_seat: "), "{shown}");
    assert!(home.run(&["scenarios", "--agent", "booker"]).ok().contains("asks: Book seat 4A."));
    let next = home.run(&["scenarios", "--next"]).ok();
    assert!(next.contains("this version passed 0 of 40: it is not mastered yet"), "{next}");
    assert!(home.run(&["alerts"]).ok().contains("Reliability of booker dropped"));
    let roots = home.run(&["debug", "--root-cause"]).ok();
    assert!(roots.contains("span 0000000000000002"), "{roots}");

    // Fixed in a version, seen in an old one, then in a new one.
    home.run(&["issues", "fix", id, "--in", "2"]).ok();
    let path = format!("/api/v1/issues/{id}");
    assert_eq!(get(&endpoint, &path)["issue"]["state"], "fixed");
    assert_eq!(get(&endpoint, "/api/v1/issues?state=fixed")["issues"].as_array().unwrap().len(), 1);
    drop(server);
}

#[test]
fn issues_are_counted_without_a_server_and_decided_on() {
    let home = Home::new("issues-by-hand");
    let none = home.run(&["issues"]);
    assert!(none.code == Some(0) && none.stderr.starts_with("no issues"), "{none:#?}");
    home.write("runs.json", otlp(&SIX_RUNS));
    home.run(&["import", "runs.json"]).ok();
    let listed = home.run(&["issues", "--json"]).json();
    let issue = &listed["issues"][0]["issue"];
    assert_eq!((&issue["runs"], &issue["place"]), (&json!(3), &json!("track_parcel")));
    // Either there is a scenario, or it is said why there is none.
    assert_ne!(issue["scenario"].is_string(), issue["no_scenario"].is_string(), "{issue:#}");
    let id = issue["id"].as_str().unwrap();
    let fixed = home.run(&["issues", "fix", id]).ok();
    assert!(fixed.contains("fixed") && fixed.contains("marked as fixed at"), "{fixed}");
    assert!(home.run(&["issues", "reopen", id]).ok().contains("open"));
    for wrong in [
        &["issues", "nothing"][..],
        &["issues", "fix", "nothing"],
        &["issues", "merge", id, id],
        &["issues", "split", id, "nothing"],
    ] {
        let ran = home.run(wrong);
        assert_eq!(ran.code, Some(2), "{ran:#?}");
    }
}

#[test]
fn files_show_their_patterns_without_being_stored() {
    let home = Home::new("issues-patterns");
    home.write("runs.json", otlp(&SIX_RUNS));
    let patterns = home.run(&["debug", "--input", "runs.json", "--pattern-analysis"]).ok();
    assert!(patterns.contains("Tool call failed in track_parcel: no route to warehouse"), "{patterns}");
    assert!(patterns.contains("3 times in 3 runs, 0 today; shop: 50.0 % of 6 runs (18.8 – 81.2 %)"), "{patterns}");
    let roots = home.run(&["debug", "--input", "runs.json", "--root-cause", "--json"]).json();
    assert_eq!(roots["root_causes"][0]["latest"]["step"]["name"], "track_parcel");
    assert!(home.run(&["issues"]).stderr.starts_with("no issues"));
}
