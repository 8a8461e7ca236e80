//! `arc-eval alerts`.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use crate::Home;

/// Answers one request with this status, and returns what was sent.
fn receive(status: &'static str) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook/secret", listener.local_addr().unwrap());
    let receiver = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
        while !request.ends_with(b"}") {
            let read = stream.read(&mut buffer).unwrap();
            request.extend_from_slice(&buffer[..read]);
        }
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
        String::from_utf8(request).unwrap()
    });
    (url, receiver)
}

#[test]
fn a_test_alert_reaches_every_channel_that_is_set() {
    let home = Home::new("alerts-test");
    let ((plain, plain_got), (slack, slack_got)) = (receive("200 OK"), receive("200 OK"));
    home.write("arc-eval.toml", format!("alert_webhook = \"{plain}\"\nalert_slack = \"{slack}\"\nalert_alpha = 0.05"));
    let said = home.run(&["alerts", "test"]).ok();
    assert_eq!(said, "  webhook: accepted\n  slack: accepted\n");
    let (plain, slack) = (plain_got.join().unwrap(), slack_got.join().unwrap());
    assert!(plain.contains("\"kind\":\"test\"") && plain.contains("\"project\":\"default\""), "{plain}");
    assert!(slack.contains("{\"text\":\"*arc-eval: a test alert* (project default)\\n"), "{slack}");
}

#[test]
fn an_alert_that_does_not_arrive_is_told_without_the_address() {
    let home = Home::new("alerts-refused");
    let (url, got) = receive("500 Internal Server Error");
    home.write("arc-eval.toml", format!("alert_webhook = \"{url}\""));
    let ran = home.run(&["alerts", "test"]);
    got.join().unwrap();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), "  webhook: did not arrive (the server answered 500)\n"));
    assert!(!ran.stderr.contains("secret"), "{ran:#?}");
}

#[test]
fn without_a_channel_or_alerts_it_says_so() {
    let home = Home::new("alerts-none");
    let ran = home.run(&["alerts", "test"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("alerts are sent nowhere"), "{ran:#?}");
    let ran = home.run(&["alerts"]);
    assert!(ran.code == Some(0) && ran.stderr.starts_with("no alerts"), "{ran:#?}");
    home.write("arc-eval.toml", "alert_webhook = \"example.com\"");
    assert_eq!(home.run(&["alerts", "test"]).code, Some(2));
}
