//! `arc-eval replay`: recorded calls asked again of a scripted model, and what is made of its answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::TcpListener,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use expect_test::expect;
use scripted_llm::{desk::Desk, http::router, script::Script};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{Home, Ran};

/// A model that says what its script says, and knows what it was asked.
pub(crate) struct Llm {
    pub(crate) base: String,
    pub(crate) desk: Arc<Desk>,
    _runtime: Runtime,
}

impl Llm {
    pub(crate) fn start(script: &str) -> Self {
        let desk = Arc::new(Desk::new(Script::parse(script).unwrap()));
        let runtime = Runtime::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let routes = router(Arc::clone(&desk));
        runtime.spawn(async move {
            axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), routes).await.unwrap();
        });
        Self { base, desk, _runtime: runtime }
    }

    /// Returns how often each question was asked.
    fn asked(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for entry in self.desk.log() {
            *counts.entry(entry.asked.last_message).or_default() += 1;
        }
        counts
    }
}

/// Answers as the recorded model did, after one rate limit.
const SAME: &str = r#"
[[reply]]
times = 1
error = "rate_limit"
retry_after_ms = 5

[[reply]]
match = { contains = "parcel" }
tool_calls = [{ name = "track_parcel", arguments = { parcel = 7 } }]
usage = { input = 1000, output = 20 }

[[reply]]
text = "refund"
usage = { input = 1000, output = 20 }
"#;

/// Never asks for a tool.
const WORSE: &str = r#"
[[reply]]
text = "No idea."
usage = { input = 1000, output = 20 }
"#;

/// Runs with one model call each: every second one asks for a tool, the others answer with a label.
fn runs(count: u64) -> String {
    let spans = (1..=count).flat_map(|run| {
        let asks = run.is_multiple_of(2);
        let question = if asks { format!("Where is parcel {run}?") } else { format!("Classify letter {run}.") };
        let answer = if asks {
            json!({"type": "tool_call", "id": "c1", "name": "track_parcel", "arguments": {"parcel": 7}})
        } else {
            json!({"type": "text", "content": "Refund"})
        };
        let system = json!([{"type": "text", "content": "You work at a post office."}]);
        let text = |value: &Value| json!({"stringValue": value.to_string()});
        let root = [
            ("gen_ai.operation.name", json!({"stringValue": "invoke_agent"})),
            ("gen_ai.agent.name", json!({"stringValue": "post"})),
        ];
        let call = [
            ("gen_ai.operation.name", json!({"stringValue": "chat"})),
            ("gen_ai.provider.name", json!({"stringValue": "openai"})),
            ("gen_ai.request.model", json!({"stringValue": "gpt-4o"})),
            ("gen_ai.response.model", json!({"stringValue": "gpt-4o"})),
            ("gen_ai.usage.input_tokens", json!({"intValue": "1000"})),
            ("gen_ai.usage.output_tokens", json!({"intValue": "20"})),
            ("gen_ai.system_instructions", text(&system)),
            (
                "gen_ai.input.messages",
                text(&json!([{"role": "user", "parts": [{"type": "text", "content": question}]}])),
            ),
            ("gen_ai.output.messages", text(&json!([{"role": "assistant", "parts": [answer]}]))),
        ];
        [span(run, 1, &root), span(run, 2, &call)]
    });
    json!({"resourceSpans": [{"scopeSpans": [{"spans": spans.collect::<Vec<_>>()}]}]}).to_string()
}

pub(crate) fn span(run: u64, id: u64, attributes: &[(&str, Value)]) -> Value {
    let start = 1_750_000_000_000_000_000_u64 + run * 60_000_000_000;
    let attributes: Vec<Value> = attributes.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    json!({
        "traceId": format!("{run:032x}"),
        "spanId": format!("{id:016x}"),
        "parentSpanId": if id == 1 { String::new() } else { format!("{:016x}", 1) },
        "name": if id == 1 { "post" } else { "chat gpt-4o" },
        "startTimeUnixNano": start.to_string(),
        "endTimeUnixNano": (start + 2_000_000_000 / id).to_string(),
        "attributes": attributes,
    })
}

fn home(test: &str, count: u64) -> Home {
    let home = Home::new(test);
    home.write("runs.json", runs(count));
    home.run(&["import", "runs.json"]).ok();
    home
}

fn replay(home: &Home, llm: &Llm, model: &str, more: &[&str]) -> Value {
    let arguments = ["replay", "--model", model, "--base-url", &llm.base, "--margin", "0.1", "--json"];
    home.run(&[&arguments[..], more].concat()).json()
}

#[test]
fn an_equivalent_model_is_measured_and_a_worse_one_is_withdrawn() {
    let home = home("replay", 60);
    let same = Llm::start(SAME);
    let measured = replay(&home, &same, "gpt-4o-mini", &[]);
    assert_eq!((&measured["verdict"], &measured["reason"]), (&json!("measured"), &json!("non_inferior")));
    assert_eq!((&measured["calls"], &measured["runs"], &measured["same"]), (&json!(60), &json!(60), &json!(60)));
    // 1,000 tokens in and 20 out: $0.0027 with the recorded model, $0.000162 with this one.
    assert_eq!(measured["spent"], 60 * 162_000);
    assert!((measured["cost"]["recorded"].as_f64().unwrap() - 0.0027).abs() < 1e-12, "{}", measured["cost"]);
    assert!((measured["cost"]["replayed"].as_f64().unwrap() - 0.000_162).abs() < 1e-12, "{}", measured["cost"]);
    assert_eq!(measured["latency"]["n"], 60);
    assert_eq!(same.desk.log().len(), 61, "one call was tried again after the rate limit");
    let body = &same.desk.log()[1].asked.body;
    assert_eq!(body["messages"][0], json!({"role": "system", "content": "You work at a post office."}));

    let worse = Llm::start(WORSE);
    let withdrawn = replay(&home, &worse, "gpt-4.1-nano", &[]);
    assert_eq!((&withdrawn["verdict"], &withdrawn["reason"]), (&json!("withdrawn"), &json!("worse")));
    let cited = withdrawn["cited"].as_array().unwrap();
    let contrasts: BTreeSet<&str> = cited.iter().map(|cited| cited["contrast"].as_str().unwrap()).collect();
    assert_eq!(contrasts, BTreeSet::from(["no_tool_call", "other_answer"]));

    let kept: Value = serde_json::from_slice(&std::fs::read(home.at("replay/proofs.json")).unwrap()).unwrap();
    let verdicts: Vec<(&Value, &Value)> =
        kept.as_array().unwrap().iter().map(|proof| (&proof["to"], &proof["verdict"])).collect();
    assert_eq!(verdicts, [(&json!("gpt-4o-mini"), &json!("measured")), (&json!("gpt-4.1-nano"), &json!("withdrawn"))]);
    let shown = home.run(&["cost", "--json"]).json();
    assert_eq!(shown["proofs"].as_array().unwrap().len(), 2);
    assert_eq!(shown["proofs"][0]["to_row"], "openai/gpt-4o-mini");
    let text = home.run(&["cost"]).ok();
    let withdrawn = "withdrawn: gpt-4o to gpt-4.1-nano, 60 replayed calls were worse by more than 10.0 points";
    assert!(text.contains(withdrawn), "{text}");
}

#[test]
fn the_spend_cap_stops_before_the_call_that_could_exceed_it() {
    let home = home("replay-cap", 60);
    let llm = Llm::start(SAME);
    // Ten calls of $0.000162 cost $0.00162; the eleventh would be beyond the cap.
    let stopped = replay(&home, &llm, "gpt-4o-mini", &["--max-cost", "0.0017"]);
    assert_eq!((&stopped["verdict"], &stopped["reason"]), (&json!("stopped"), &json!("spend_cap")));
    assert_eq!((&stopped["calls"], &stopped["spent"]), (&json!(10), &json!(10 * 162_000)));
    assert_eq!(llm.desk.log().len(), 11, "with the one that was rate limited");
    // What was paid for is used when the cap is raised, and not paid for again.
    let measured = replay(&home, &llm, "gpt-4o-mini", &["--max-cost", "1"]);
    assert_eq!(measured["verdict"], "measured");
    assert_eq!((&measured["asked_now"], &measured["from_journal"]), (&json!(50), &json!(10)));
    assert_eq!(llm.desk.log().len(), 61);
}

#[test]
fn a_replay_that_was_killed_goes_on_and_asks_no_call_twice() {
    let home = home("replay-killed", 60);
    let slow = format!("{}\ndelay_ms = 60\n", SAME.trim_end()).replacen("usage", "delay_ms = 60\nusage", 1);
    let llm = Llm::start(&slow);
    let arguments =
        ["replay", "--model", "gpt-4o-mini", "--base-url", &llm.base, "--margin", "0.1", "--concurrency", "2"];
    let mut child = home.command(&arguments).spawn().unwrap();
    let begun = Instant::now();
    while llm.desk.log().len() < 12 {
        assert!(begun.elapsed() < Duration::from_mins(1), "it asks nothing");
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let resumed = replay(&home, &llm, "gpt-4o-mini", &[]);
    let unanswered = resumed["unanswered"].as_u64().unwrap();
    assert!(unanswered <= 2, "at most those that were under way: {unanswered}");
    assert_eq!(resumed["calls"].as_u64().unwrap() + unanswered, 60);
    assert_eq!(resumed["verdict"], "measured");
    let twice: Vec<(String, usize)> = llm.asked().into_iter().filter(|(_, times)| *times > 1).collect();
    assert!(twice.len() <= 1 && llm.desk.log().len() <= 61, "only the one that was rate limited: {twice:?}");
    // A call that was sent and never answered may be paid for, so its estimate counts.
    assert_eq!(resumed["spent"], 60 * 162_000);
    let again = replay(&home, &llm, "gpt-4o-mini", &[]);
    assert_eq!((&again["asked_now"], &again["spent"]), (&json!(0), &resumed["spent"]));
}

#[test]
fn other_instructions_are_sent_in_place_of_the_recorded_ones() {
    let home = home("replay-prompt", 2);
    home.write("prompt.txt", "Answer in one word.");
    let llm = Llm::start(SAME);
    let replayed = replay(&home, &llm, "gpt-4o-mini", &["--system", "prompt.txt"]);
    assert!(replayed["prompt"].is_string());
    assert_eq!(llm.desk.log()[1].asked.body["messages"][0]["content"], "Answer in one word.");
    assert_eq!((&replayed["verdict"], &replayed["reason"]), (&json!("stopped"), &json!("too_few")));
}

#[test]
fn a_call_can_be_asked_of_another_provider() {
    let home = home("replay-anthropic", 2);
    let llm = Llm::start(SAME);
    let base = llm.base.trim_end_matches("/v1");
    let arguments = ["replay", "--model", "claude-haiku-4-5", "--base-url", base, "--api", "anthropic", "--json"];
    let replayed = home.run(&arguments).json();
    assert_eq!((&replayed["same"], &replayed["calls"]), (&json!(2), &json!(2)), "{replayed:#}");
    assert_eq!(llm.desk.log()[1].asked.body["system"], "You work at a post office.");
}

#[test]
fn what_would_be_asked_is_shown_without_asking() {
    let home = home("replay-plan", 60);
    let llm = Llm::start(SAME);
    let shown = home.run(&["replay", "--model", "gpt-4o-mini", "--base-url", &llm.base, "--dry-run"]).ok();
    expect![[r#"
        plan
          would ask   60 calls of 60 runs
          of          gpt-4o-mini at BASE/chat/completions, answered before by gpt-4o
          estimate    $0.00972 (the same calls recorded: $0.162)
          needed      73 calls of different runs at least, for this margin
    "#]]
    .assert_eq(&format!("plan\n{}", shown.replace(&llm.base, "BASE")));
    assert!(llm.desk.log().is_empty());
}

#[test]
fn a_report_says_what_was_compared_and_how() {
    let home = home("replay-report", 60);
    let llm = Llm::start(WORSE);
    let ran = home.run(&["replay", "--model", "gpt-4.1-nano", "--base-url", &llm.base, "--margin", "0.1"]).ok();
    let steady: Vec<&str> =
        ran.lines().filter(|line| !line.contains(" ms") && !line.contains("mean difference")).collect();
    expect![[r#"
        withdrawn  gpt-4o → gpt-4.1-nano, agent post
                      shown to be worse by more than 10.0 points
          quality     0 of 60 calls in 60 runs answered the same, 60 differently, 0 undecided
                      tool calls: names and arguments equal: 0 of 30
                      texts: equal but for case and white space: 0 of 30
          difference  -100.0 (-100.0 – -88.0) points with undecided calls as different, margin −10.0
          cost        $0.0027 → $0.000108 per call (-96.0 %), over 60 calls
                      the recorded calls at another time, perhaps from another place
          spent       $0.00648 (cap $1.00); 60 asked now, 0 before
          see         run 0000000000000000000000000000002b call 0000000000000002: is another answer
                      run 00000000000000000000000000000006 call 0000000000000002: asks for no tool
                      run 0000000000000000000000000000001b call 0000000000000002: is another answer
                      run 00000000000000000000000000000002 call 0000000000000002: asks for no tool
                      run 0000000000000000000000000000000b call 0000000000000002: is another answer
          method      non-inferiority of paired shares at one-sided 2.5 %: Tango's score interval (Statistics in Medicine 17, 1998, 891–908), counts divided by the design effect of calls within runs (Rao and Scott, Biometrics 48, 1992, 577–585)
    "#]].assert_eq(&(steady.join("\n") + "\n"));
}

#[test]
fn what_cannot_be_is_said_before_anything_is_asked() {
    let home = home("replay-refused", 2);
    let llm = Llm::start("[[reply]]\nerror = \"unauthorized\"\n");
    let run = |model: &str, base: &str, more: &[&str]| {
        home.run(&[&["replay", "--model", model, "--base-url", base], more].concat())
    };
    for (ran, code, said) in [
        (run("no-such-model", &llm.base, &[]), 2, "no price is known for `no-such-model`"),
        (run("gpt-4o-mini", "https://api.openai.com/v1", &[]), 2, "OPENAI_API_KEY is not set"),
        (run("gpt-4o-mini", "http://models.example/v1", &[]), 2, "is not encrypted"),
        (run("gpt-4o-mini", &llm.base, &["--margin", "5"]), 2, "the margin has to lie between"),
        (run("gpt-4o-mini", &llm.base, &["--from", "gpt-5"]), 2, "it is of a model other than gpt-5 (2)"),
        (run("gpt-4o-mini", &llm.base, &[]), 3, "HTTP 401"),
    ] {
        assert_eq!(ran.code, Some(code), "{ran:#?}");
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
    // What was turned away can be asked later.
    let ran: Ran = run("gpt-4o-mini", &llm.base, &["--json"]);
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap()["spent"], 0);
}
