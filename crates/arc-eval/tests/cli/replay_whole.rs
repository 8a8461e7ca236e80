//! `arc-eval replay --whole-run`: whole recorded runs gone through by a scripted model.

use expect_test::expect;
use serde_json::{Value, json};

use crate::{
    Home,
    replay::{Llm, span},
};

/// Runs that look a parcel up and then answer: two model calls, 1,000 tokens in and 20 out each.
fn runs(count: u64, parcel: impl Fn(u64) -> u64) -> String {
    let spans = (1..=count).flat_map(|run| {
        let parcel = parcel(run);
        let question =
            json!({"role": "user", "parts": [{"type": "text", "content": format!("Where is parcel {parcel}?")}]});
        let asks = json!({"type": "tool_call", "id": "c1", "name": "track", "arguments": {"parcel": parcel}});
        let result = json!({"type": "tool_call_response", "id": "c1", "result": format!("parcel {parcel} is in Oslo")});
        let asked = json!([question, {"role": "assistant", "parts": [asks]}, {"role": "tool", "parts": [result]}]);
        let answer = json!({"type": "text", "content": "In Oslo"});
        let root = [
            ("gen_ai.operation.name", json!({"stringValue": "invoke_agent"})),
            ("gen_ai.agent.name", json!({"stringValue": "post"})),
        ];
        let text = |value: &Value| json!({"stringValue": value.to_string()});
        let call = |messages: Value, part: &Value| {
            vec![
                ("gen_ai.operation.name", json!({"stringValue": "chat"})),
                ("gen_ai.provider.name", json!({"stringValue": "openai"})),
                ("gen_ai.request.model", json!({"stringValue": "gpt-4o"})),
                ("gen_ai.usage.input_tokens", json!({"intValue": "1000"})),
                ("gen_ai.usage.output_tokens", json!({"intValue": "20"})),
                ("gen_ai.input.messages", text(&messages)),
                ("gen_ai.output.messages", text(&json!([{"role": "assistant", "parts": [part]}]))),
            ]
        };
        [span(run, 1, &root), span(run, 2, &call(json!([question]), &asks)), later(span(run, 3, &call(asked, &answer)))]
    });
    json!({"resourceSpans": [{"scopeSpans": [{"spans": spans.collect::<Vec<_>>()}]}]}).to_string()
}

/// Two seconds after the first call.
fn later(mut span: Value) -> Value {
    for name in ["startTimeUnixNano", "endTimeUnixNano"] {
        let at: u64 = span[name].as_str().unwrap().parse().unwrap();
        span[name] = json!((at + 2_000_000_000).to_string());
    }
    span
}

/// Tracks parcels as recorded, but parcel 3, of which it asks the weight; parcel 4 it answers for without looking.
const SCRIPT: &str = r#"
[[reply]]
match = { contains = "is in Oslo" }
text = "In Oslo."
usage = { input = 1000, output = 20 }

[[reply]]
match = { contains = "parcel 1?" }
tool_calls = [{ name = "track", arguments = { parcel = 1 } }]
usage = { input = 1000, output = 20 }

[[reply]]
match = { contains = "parcel 2?" }
tool_calls = [{ name = "track", arguments = { parcel = 2 } }]
usage = { input = 1000, output = 20 }

[[reply]]
match = { contains = "parcel 3?" }
tool_calls = [{ name = "weigh", arguments = { parcel = 3 } }]
usage = { input = 1000, output = 20 }

[[reply]]
text = "In Oslo."
usage = { input = 1000, output = 20 }
"#;

fn home_of(test: &str, count: u64) -> Home {
    let home = Home::new(test);
    home.write("runs.json", runs(count, |run| run));
    home.run(&["import", "runs.json"]).ok();
    home
}

fn arguments<'a>(llm: &'a Llm, more: &[&'a str]) -> Vec<&'a str> {
    [&["replay", "--whole-run", "--model", "gpt-4o-mini", "--base-url", &llm.base][..], more].concat()
}

#[test]
fn runs_are_gone_through_and_a_call_that_was_not_recorded_is_counted_as_diverged() {
    let home = home_of("replay-whole", 4);
    let llm = Llm::start(SCRIPT);
    let found = home.run(&arguments(&llm, &["--json"])).json();
    let counts =
        ["runs", "same", "different", "undecided", "diverged", "not_finished"].map(|name| found[name].as_u64());
    assert_eq!(counts, [Some(4), Some(2), Some(0), Some(1), Some(1), Some(0)], "{found:#}");
    let of = |run: u64| {
        let id = format!("{run:032x}");
        found["each"].as_array().unwrap().iter().find(|each| each["trace_id"] == id.as_str()).unwrap().clone()
    };
    assert_eq!((&of(1)["end"], &of(1)["step"]), (&json!("answered"), &json!(2)));
    assert_eq!((&of(3)["end"], &of(3)["step"]), (&json!("diverged"), &json!(1)));
    assert_eq!((&of(3)["why"], &of(3)["tool"]), (&json!("unrecorded_call"), &json!("weigh")));
    assert_eq!((&of(4)["agreement"], &of(4)["has_same_calls"]), (&json!("undecided"), &json!(false)));
    // 1,000 tokens at $0.15 and 20 at $0.60 a million are 162,000 nano-dollars: two calls for runs 1 and 2, one for 3 and 4.
    assert_eq!(found["spent"], 6 * 162_000);
    // Recorded, a call costs 1,000 × 2,500 + 20 × 10,000; runs 1, 2 and 4 ended.
    assert_eq!(found["cost"], json!({"n": 3, "recorded": 6 * 2_700_000, "replayed": 5 * 162_000}));
    assert_eq!(
        (&found["as_recorded_at_least"]["successes"], &found["as_recorded_at_most"]["successes"]),
        (&json!(2), &json!(4))
    );
    // The tool was answered from the recording.
    let sent = llm.desk.log();
    assert_eq!(sent.len(), 6);
    assert!(sent.iter().any(|entry| entry.asked.body["messages"][2]["content"] == "parcel 2 is in Oslo"));

    // Nothing is paid for twice, neither whole nor call by call: the recorded requests are the same.
    let again = home.run(&arguments(&llm, &["--json"])).json();
    assert_eq!((&again["asked_now"], &again["from_journal"], &again["spent"]), (&json!(0), &json!(6), &found["spent"]));
    let single = home.run(&["replay", "--model", "gpt-4o-mini", "--base-url", &llm.base, "--json"]).json();
    assert_eq!((&single["from_journal"], &single["asked_now"]), (&json!(6), &json!(2)));
}

#[test]
fn the_spend_cap_and_an_interruption_stop_a_run_where_it_is() {
    let home = home_of("replay-whole-cap", 2);
    let llm = Llm::start(SCRIPT);
    // Three calls of $0.000162.
    let capped = arguments(&llm, &["--json", "--max-cost", "0.0005", "--concurrency", "1"]);
    let stopped = home.run(&capped).json();
    assert_eq!(
        (&stopped["same"], &stopped["not_finished"], &stopped["spent"]),
        (&json!(1), &json!(1), &json!(3 * 162_000))
    );
    assert_eq!(stopped["stopped"], "the next call could have exceeded the spend cap");
    let done = home.run(&arguments(&llm, &["--json"])).json();
    assert_eq!((&done["same"], &done["asked_now"], &done["from_journal"]), (&json!(2), &json!(1), &json!(3)));
    assert_eq!(llm.desk.log().len(), 4);
}

#[test]
fn what_became_of_whole_runs_is_said_with_what_nobody_can_tell() {
    let home = home_of("replay-whole-text", 4);
    let llm = Llm::start(SCRIPT);
    let plan = home.run(&arguments(&llm, &["--dry-run"])).ok();
    expect![[r#"
        plan
          would ask   4 runs with 8 recorded calls
          of          gpt-4o-mini at BASE/chat/completions
          estimate    $0.001296 for the recorded calls; more where the model takes more steps
    "#]]
    .assert_eq(&format!("plan\n{}", plan.replace(&llm.base, "BASE")));
    assert!(llm.desk.log().is_empty());
    expect![[r#"
        stopped  gpt-4o → gpt-4o-mini, 4 whole runs of agent post
                      nobody can tell: too many answers are in other words or lie around the margin
          ended       2 as recorded, 0 otherwise, 1 undecided (other words, or other tool calls)
                      texts: equal but for case and white space: 2 of 4
          diverged    1: neither failed nor succeeded
          the same    50.0 % – 100.0 % of 4 runs, 95 % confidence 15.0 % – 100.0 %
          difference  -50.0 (-85.0 – +23.5) points with undecided runs as different, margin −5.0
                      +0.0 (-49.0 – +49.0) points with undecided runs as the same
          cost        $0.0162 → $0.00081 for the 3 runs that ended
          spent       $0.000972 (cap $1.00); 6 asked now, 0 before
          see         run 00000000000000000000000000000004: the recorded answer at step 1, after other tool calls
                      run 00000000000000000000000000000003: diverged at step 1: asks for a call of weigh that was not recorded
    "#]].assert_eq(&home.run(&arguments(&llm, &[])).ok());
    let ran = home.run(&arguments(&llm, &["--from", "gpt-5"]));
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("no run of `post` can be asked again: it has calls of another model"),
        "{}",
        ran.stderr
    );
}

/// Looks every parcel up, and says where it is in words of its own.
const WORDY: &str = r#"
[[reply]]
match = { contains = "is in Oslo" }
text = "As far as the tracking system can tell, your parcel has arrived in Oslo by now"
usage = { input = 1000, output = 20 }

[[reply]]
tool_calls = [{ name = "track", arguments = { parcel = 1 } }]
usage = { input = 1000, output = 20 }
"#;

#[test]
fn enough_runs_decide_and_the_runs_own_checks_decide_about_other_words() {
    let home = Home::new("replay-whole-verdict");
    home.write("runs.json", runs(40, |_| 1));
    home.run(&["import", "runs.json"]).ok();
    let llm = Llm::start(WORDY);
    let by_words = home.run(&arguments(&llm, &["--json", "--margin", "0.1"])).json();
    let judged = &by_words["judgement"];
    assert_eq!((&judged["verdict"], &judged["reason"]), (&json!("stopped"), &json!("unclear")), "{judged:#}");
    assert_eq!((&judged["undecided"], &by_words["undecided"]), (&json!(40), &json!(40)));

    // What the answer has to hold is declared: then it is not the words that count.
    home.write("arc-eval.toml", "[[check]]\nid = \"says where\"\nkind = \"output\"\nregex = \"Oslo\"\n");
    let by_check = home.run(&arguments(&llm, &["--json", "--margin", "0.1"])).json();
    let judged = &by_check["judgement"];
    assert_eq!((&judged["verdict"], &judged["reason"]), (&json!("measured"), &json!("non_inferior")), "{judged:#}");
    assert_eq!(judged["by_basis"], json!([{"basis": "checks", "same": 40, "different": 0, "undecided": 0}]));
    assert_eq!(by_check["cost"], json!({"n": 40, "recorded": 80 * 2_700_000, "replayed": 80 * 162_000}));
    assert!(judged["cost"]["difference"]["high"].as_f64().unwrap() < 0.0, "{judged:#}");
    assert_eq!(by_check["asked_now"], 0);
    expect![[r#"
        measured  gpt-4o → gpt-4o-mini, 40 whole runs of agent post
                      shown to be worse by less than 10.0 points, if at all
          ended       40 as recorded, 0 otherwise, 0 undecided (other words, or other tool calls)
                      the declared checks of the output: passed: 40 of 40
          diverged    0: neither failed nor succeeded
          the same    100.0 % – 100.0 % of 40 runs, 95 % confidence 91.2 % – 100.0 %
          difference  +0.0 (-8.8 – +8.8) points with undecided runs as different, margin −10.0
          cost        $0.216 → $0.01296 for the 40 runs that ended
          spent       $0.01296 (cap $1.00); 0 asked now, 80 before
    "#]]
    .assert_eq(&home.run(&arguments(&llm, &["--margin", "0.1"])).ok());

    // An answer that fails a check the recorded one passes is worse, whatever its words.
    home.write("arc-eval.toml", "[[check]]\nid = \"short\"\nkind = \"output\"\nregex = \"^.{1,20}$\"\n");
    let failing = home.run(&arguments(&llm, &["--json", "--margin", "0.1"])).json();
    let judged = &failing["judgement"];
    assert_eq!((&judged["verdict"], &judged["reason"]), (&json!("withdrawn"), &json!("worse")), "{judged:#}");
    assert_eq!(judged["cited"][0]["contrast"], "fails_check");
    // That a check passes does not make another label the recorded one.
    let label = "[[reply]]\nmatch = { contains = \"is in Oslo\" }\ntext = \"In Bergen\"\nusage = { input = 1000, output = 20 }\n";
    let other = Llm::start(&format!("{label}\n{WORDY}"));
    home.write("arc-eval.toml", "[[check]]\nid = \"says where\"\nkind = \"output\"\nregex = \"In [A-Z]\"\n");
    let wrong = home.run(&arguments(&other, &["--json", "--margin", "0.1"])).json();
    assert_eq!((&wrong["judgement"]["verdict"], &wrong["different"]), (&json!("withdrawn"), &json!(40)), "{wrong:#}");
    // The advice to switch carries it.
    let cost = home.run(&["cost"]).ok();
    assert!(cost.contains("withdrawn"), "{cost}");
}

#[test]
fn a_judge_decides_about_other_words_where_it_says_the_same_in_both_orders() {
    let judged = |name: &str, says: &str| {
        let home = Home::new(name);
        home.write("runs.json", runs(40, |_| 1));
        home.run(&["import", "runs.json"]).ok();
        let llm = Llm::start(&format!("{says}\n{WORDY}"));
        let judge = ["--json", "--margin", "0.1", "--judge", "gpt-4.1"];
        let found = home.run(&arguments(&llm, &judge)).json();
        // Nothing is asked twice.
        assert_eq!(home.run(&arguments(&llm, &judge)).json()["asked_now"], 0);
        // Call by call, it is the same question.
        let single = ["replay", "--model", "gpt-4o-mini", "--base-url", &llm.base, "--json", "--judge", "gpt-4.1"];
        let single = home.run(&single).json();
        assert_eq!((&single["asked_now"], &single["undecided"]), (&json!(0), &found["undecided"]), "{single:#}");
        assert_eq!(single["judge"], "gpt-4.1");
        (found, llm)
    };
    let (found, llm) = judged("replay-judge", "[[reply]]\nmatch = { contains = \"<answer-1\" }\ntext = \"Same.\"\n");
    assert_eq!(found["judgement"]["verdict"], "measured", "{found:#}");
    assert_eq!(found["judgement"]["by_basis"], json!([{"basis": "judge", "same": 40, "different": 0, "undecided": 0}]));
    // Forty runs of two calls, each judged twice.
    assert_eq!((&found["asked_now"], llm.desk.log().len()), (&json!(160), 160));
    let asked = llm.desk.log().into_iter().find(|entry| entry.asked.last_message.contains("<answer-1")).unwrap();
    assert_eq!(asked.asked.body["model"], "gpt-4.1");

    // Who says different of one order and the same of the other knows nothing.
    let moody = "[[reply]]\nmatch = { contains = \">\\nIn Oslo\\n</answer-1\" }\ntext = \"different\"\n\n\
                 [[reply]]\nmatch = { contains = \"<answer-1\" }\ntext = \"same\"\n";
    let (found, _) = judged("replay-judge-moody", moody);
    assert_eq!((&found["judgement"]["verdict"], &found["undecided"]), (&json!("stopped"), &json!(40)), "{found:#}");

    // What the judge was paid before counts under the cap, also before it is asked again.
    let home = Home::new("replay-judge-cap");
    home.write("runs.json", runs(40, |_| 1));
    home.run(&["import", "runs.json"]).ok();
    let llm = Llm::start(&format!("[[reply]]\nmatch = {{ contains = \"<answer-1\" }}\ntext = \"same\"\n\n{WORDY}"));
    let some = home.run(&arguments(&llm, &["--json", "--judge", "gpt-4.1", "--calls", "20"])).json();
    assert!(some["spent"].as_u64().unwrap() > 20 * 162_000, "{some:#}");
    let more = home.run(&arguments(&llm, &["--json", "--judge", "gpt-4.1", "--max-cost", "0.015"])).json();
    assert!(more["asked_now"].as_u64().unwrap() > 0 && more["spent"].as_u64().unwrap() <= 15_000_000, "{more:#}");
    assert_eq!(more["stopped"], "the next call could have exceeded the spend cap");

    let home = home_of("replay-judge-self", 1);
    let llm = Llm::start(WORDY);
    let own = home.run(&arguments(&llm, &["--judge", "gpt-4o-mini"]));
    assert!(own.code == Some(2) && own.stderr.contains("nobody judges their own answers"), "{}", own.stderr);
}
