//! `arc-eval alerts`.

use std::{
    io::{BufRead, BufReader, Read, Write},
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

/// A server that takes one message over SMTP, and returns what it was told.
fn mailbox(answer_to_data: &'static str) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let receiver = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let (mut lines, mut stream) = (BufReader::new(stream.try_clone().unwrap()), stream);
        let (mut told, mut in_message) = (String::new(), false);
        write!(stream, "220 sink\r\n").unwrap();
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap() == 0 {
                return told;
            }
            told += &line;
            let answer = match (in_message, line.trim_end()) {
                (true, ".") => {
                    in_message = false;
                    answer_to_data
                }
                (true, _) => continue,
                (false, "DATA") => {
                    in_message = true;
                    "354 go on"
                }
                (false, "QUIT") => "221 bye",
                (false, _) => "250 fine",
            };
            write!(stream, "{answer}\r\n").unwrap();
        }
    });
    (address, receiver)
}

#[test]
fn a_test_alert_arrives_by_mail() {
    let home = Home::new("alerts-mail");
    let (address, got) = mailbox("250 taken");
    let to = "alert_email_to = \"Ann <ann@example.org>, bob@example.org\"\nalert_email_from = \"arc@example.org\"";
    home.write("arc-eval.toml", format!("alert_smtp = \"smtp://{address}\"\n{to}"));
    assert_eq!(home.run(&["alerts", "test"]).ok(), "  email: accepted\n");
    let got = got.join().unwrap();
    for part in [
        "MAIL FROM:<arc@example.org>",
        "RCPT TO:<ann@example.org>",
        "RCPT TO:<bob@example.org>",
        "Subject: arc-eval: a test alert",
        "Nothing happened: somebody tries whether alerts arrive",
    ] {
        assert!(got.contains(part), "{part} is not in {got}");
    }
}

#[test]
fn mail_that_a_server_refuses_is_told() {
    let home = Home::new("alerts-mail-refused");
    let (address, got) = mailbox("554 no such people");
    home.write("arc-eval.toml", format!("alert_smtp = \"smtp://{address}\"\nalert_email_to = \"ann@example.org\""));
    let ran = home.run(&["alerts", "test"]);
    got.join().unwrap();
    assert!(
        ran.code == Some(1) && ran.stdout.contains("email: did not arrive") && ran.stdout.contains("no such people"),
        "{ran:#?}"
    );
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
