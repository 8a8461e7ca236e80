//! `arc-eval serve`, and the commands that follow a running server.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command},
    sync::mpsc,
    thread,
    time::Duration,
};

use expect_test::expect;
use serde_json::Value;

use crate::{
    Home, Ran,
    fixture::{SIX_RUNS, otlp},
};

/// Longest wait for something that has to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process whose lines are read as they come; killed at the end of the test.
pub(crate) struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
    talk: mpsc::Receiver<String>,
}

impl Running {
    fn start(home: &Home, arguments: &[&str], endpoint: Option<&str>) -> Self {
        let mut command = home.command(arguments);
        if let Some(endpoint) = endpoint {
            command.env("ARC_EVAL_ENDPOINT", endpoint);
        }
        let mut child = command.spawn().unwrap();
        let talk = lines(child.stderr.take().unwrap());
        let lines = lines(child.stdout.take().unwrap());
        Self { child, lines, talk }
    }

    pub(crate) fn serve(home: &Home) -> (Self, String) {
        let server = Self::start(home, &["serve", "--port", "0"], None);
        let line = server.next_line();
        let endpoint = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}")).to_owned();
        (server, endpoint)
    }

    fn next_line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("no line came")
    }

    fn stop(mut self) -> Ran {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        Ran { code: status.code(), stdout: String::new(), stderr: String::new() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(stdout: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

#[test]
fn the_address_is_the_first_line_and_a_signal_ends_it_well() {
    let home = Home::new("serve");
    let (server, endpoint) = Running::serve(&home);
    let health: Value = ureq::get(format!("{endpoint}/api/v1/health")).call().unwrap().body_mut().read_json().unwrap();
    assert_eq!(health["status"], "ok");
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_second_server_on_the_same_port_says_what_to_do() {
    let home = Home::new("serve-twice");
    let (server, endpoint) = Running::serve(&home);
    let port = endpoint.rsplit(':').next().unwrap();
    let ran = home.run(&["serve", "--port", port]);
    expect![[r#"
        exit 2
        --- stdout
        --- stderr
        error: port PORT is in use, perhaps by another arc-eval: see http://127.0.0.1:PORT
        stop that one, or choose another port with --port (0 takes a free one)
    "#]]
    .assert_eq(&ran.all().replace(port, "PORT"));
    drop(server);
}

#[test]
fn an_address_that_others_can_reach_is_refused() {
    expect![[r#"
        exit 2
        --- stdout
        --- stderr
        error: refusing to listen on 0.0.0.0: other machines could read every prompt and answer, and there are no API keys yet to keep them out
        listen on 127.0.0.1 and reach it from elsewhere through a tunnel: ssh -L 8000:127.0.0.1:8000 <this machine>
    "#]].assert_eq(&Home::new("serve-open").run(&["serve", "--host", "0.0.0.0"]).all());
}

#[test]
fn runs_show_as_they_arrive() {
    let home = Home::new("serve-live");
    let (server, endpoint) = Running::serve(&home);
    let tail = Running::start(&home, &["trace"], Some(&endpoint));
    let json = Running::start(&home, &["trace", "--json", "--agent", "shop"], Some(&endpoint));
    let report = Running::start(&home, &["debug", "--live", "--json"], Some(&endpoint));
    assert_eq!(report.next_line(), r#"{"agents":[]}"#);
    // Both say so once they are connected.
    for tail in [&tail, &json] {
        assert!(tail.talk.recv_timeout(PATIENCE).unwrap().starts_with(&format!("runs at {endpoint} show here")));
    }
    let sent = ureq::post(format!("{endpoint}/v1/traces")).content_type("application/json").send(otlp(&SIX_RUNS[3..4]));
    assert_eq!(sent.unwrap().status(), 200);
    expect!["2025-06-15T15:10:40Z  shop                      failed          1.0 s       $0.0035  04040404040404040404040404040404  tool-error"].assert_eq(&tail.next_line());
    let run: Value = serde_json::from_str(&json.next_line()).unwrap();
    assert_eq!(run["trace_id"], SIX_RUNS[3].trace_id());
    let report: Value = serde_json::from_str(&report.next_line()).unwrap();
    assert_eq!(report["reliability"]["success"]["n"], 1);
    // Open streams do not keep the server from stopping.
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn without_a_server_there_is_nothing_to_follow() {
    let home = Home::new("serve-none");
    for arguments in [&["trace"][..], &["debug", "--live"][..]] {
        let ran = Ran::from(home.command(arguments).env("ARC_EVAL_ENDPOINT", "http://127.0.0.1:9").output().unwrap());
        assert_eq!(ran.code, Some(3), "{ran:#?}");
        assert!(ran.stderr.contains("no server answers at http://127.0.0.1:9"), "{}", ran.stderr);
        assert!(ran.stderr.contains("start one with `arc-eval serve`"), "{}", ran.stderr);
    }
}
