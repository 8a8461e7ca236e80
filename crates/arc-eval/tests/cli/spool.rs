//! An agent that is killed in the middle of a model call, seen over the API.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant, SystemTime},
};

use arc_spool::{Context, Kind, Options, Record, Writer};
use serde_json::Value;

use crate::{Home, serve::Running};

/// Names the spool to a process that is to be killed.
const CHILD: &str = "ARC_EVAL_TEST_SPOOL_CHILD";

#[test]
fn an_agent_that_is_killed_shows_within_two_seconds_at_the_step_where_it_was() {
    if let Some(dir) = std::env::var_os(CHILD) {
        call_a_model_until_killed(Path::new(&dir));
    }
    let home = Home::new("spool-killed");
    let (server, endpoint) = Running::serve(&home);
    let name = "spool::an_agent_that_is_killed_shows_within_two_seconds_at_the_step_where_it_was";
    let mut agent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, home.at("spool"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(agent.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.ends_with("calling")), "the agent did not come to its call");
    wait_for(&endpoint, |run| run["is_running"] == true);
    agent.kill().unwrap();
    let killed = Instant::now();
    let run = wait_for(&endpoint, |run| run["is_running"] == false);
    assert!(killed.elapsed() < Duration::from_secs(2), "{:?}", killed.elapsed());
    agent.wait().unwrap();
    assert_eq!((&run["termination"], &run["outcome"]["verdict"]), (&"killed".into(), &"failed".into()));
    assert_eq!((&run["death"]["during"]["name"], &run["death"]["after"]), (&"chat gpt-4o".into(), &"search".into()));
    drop(server);
}

/// Asks for runs until there is one that is as it should be.
fn wait_for(endpoint: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let list: Value = ureq::get(format!("{endpoint}/api/v1/runs")).call().unwrap().body_mut().read_json().unwrap();
        if let Some(run) = list["runs"].as_array().unwrap().iter().find(|run| is_it(run)) {
            return run.clone();
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{list}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[expect(clippy::print_stdout, reason = "the child tells its parent by printing")]
fn call_a_model_until_killed(dir: &Path) -> ! {
    let writer = Writer::new(Options::new(dir));
    let context = Context::new(Vec::new(), Vec::new());
    let say = |kind, span: u8, payload: &[u8]| {
        let record = Record {
            kind,
            root: span == 1,
            context: &context,
            trace_id: [7; 16],
            span_id: [span; 8],
            time_unix_ns: now_ns(),
            payload,
        };
        writer.append(&record);
    };
    say(Kind::SpanStart, 1, &begun(1, "shop"));
    say(Kind::SpanStart, 2, &begun(2, "search"));
    let ended = [&[0x41][..], &now_ns().to_le_bytes()].concat();
    say(Kind::SpanEnd, 2, &ended);
    say(Kind::SpanStart, 3, &begun(3, "chat gpt-4o"));
    println!("calling");
    loop {
        thread::sleep(Duration::from_mins(1));
    }
}

/// The beginning of a span in protobuf: trace id, span id, parent, name, start.
fn begun(span: u8, name: &str) -> Vec<u8> {
    let parent: &[u8] = if span == 1 { &[] } else { &[0x22, 8, 1, 1, 1, 1, 1, 1, 1, 1] };
    let length = u8::try_from(name.len()).unwrap();
    let ids = [&[0x0a, 16][..], &[7; 16], &[0x12, 8], &[span; 8], parent].concat();
    [&ids[..], &[0x2a, length], name.as_bytes(), &[0x39], &now_ns().to_le_bytes()].concat()
}

fn now_ns() -> u64 {
    u64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos()).unwrap()
}
