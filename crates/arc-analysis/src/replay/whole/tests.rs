//! Runs as sketches, answers as sketches, and what becomes of a walk through one with the others.

use arc_model::{SpanKind, sketch};

use super::*;

/// Looks for a ship, then for its port; the second search of the same words is answered otherwise.
const RUN: &str = r#"
agent a
  llm gpt-4o @0s +1s
    <- user "Where is the Fram?"
    -> search{q: "Fram"}#1
  llm gpt-4o @2s +1s
    <- user "Where is the Fram?"
    <- assistant search{q: "Fram"}#1
    <- tool #1="In a port."
    -> search{q: "port"}#2 search{q: "Fram"}#3
  llm gpt-4o @4s +1s
    <- user "Where is the Fram?"
    <- assistant search{q: "Fram"}#1
    <- tool #1="In a port."
    <- assistant search{q: "port"}#2 search{q: "Fram"}#3
    <- tool #2="Oslo has one."
    <- tool #3="In Oslo."
    -> "Oslo"
"#;

fn recording(text: &str) -> Recording {
    let trace = sketch::parse(text.trim_start()).unwrap();
    let call = |span: &arc_model::Span| RecordedCall {
        span_id: span.span_id,
        asked: span.messages_in.clone(),
        answer: span.messages_out.iter().map(|message| Message::clone(message)).collect(),
        schema: None,
    };
    let calls = trace.spans().iter().filter(|span| span.kind == SpanKind::Llm).map(call).collect();
    Recording::new(calls, &trace).unwrap()
}

/// Answers each request with the next of these, and returns how it ended: at which answer, and what was sent last.
fn walk(run: &str, answers: &[&str]) -> (u32, String) {
    let recording = recording(run);
    let mut walk = Walk::default();
    for answer in answers {
        assert!(walk.request(&recording).is_some());
        let said = sketch::parse(&format!("llm x\n  -> {answer}\n")).unwrap();
        let said: Vec<Message> = said.spans()[0].messages_out.iter().map(|message| Message::clone(message)).collect();
        if let Some(end) = walk.take(&recording, &said) {
            let words = match &end {
                End::Diverged(why) => why.words(),
                End::Answered { .. } => format!("{:?}", end.agreement(None)),
            };
            return (walk.answers(), words);
        }
    }
    let (at, sent) = walk.request(&recording).unwrap();
    let last = sent.last().map(|message| format!("{:?}", message.parts)).unwrap_or_default();
    (walk.answers(), format!("would ask with the tools of call {at}, last {last}"))
}

#[test]
fn a_model_that_answers_as_recorded_is_sent_what_was_recorded() {
    let same = ["search{q: \"Fram\"}#a", "search{q: \"fram\"}#b search{q: \"port\"}#c", "\"oslo.\""];
    assert_eq!(walk(RUN, &same), (3, "Same".to_owned()));
    let recording = recording(RUN);
    let mut one = Walk::default();
    assert_eq!(one.take(&recording, &recording.calls()[0].answer.clone()), None);
    let (at, sent) = one.request(&recording).unwrap();
    assert!(one.is_on_path());
    assert_eq!((at, sent.len()), (1, 3));
}

#[test]
fn a_tool_call_in_another_order_is_answered_from_the_recording() {
    let (answers, words) = walk(RUN, &["search{q: \"port\"}#a"]);
    assert_eq!(answers, 1);
    assert!(words.starts_with("would ask with the tools of call 0") && words.contains("Oslo has one."), "{words}");
    // The calls that were recorded, each as often, and the same answer.
    let other_way = ["search{q: \"port\"}#a", "search{q: \"Fram\"}#b", "search{q: \"Fram\"}#c", "\"Oslo\""];
    assert_eq!(walk(RUN, &other_way), (4, "Same".to_owned()));
    // The second time is answered as the second time was.
    let (_, words) = walk(RUN, &other_way[..3]);
    assert!(words.contains("In Oslo."), "{words}");
}

#[test]
fn the_same_answer_after_other_tool_calls_is_undecided() {
    assert_eq!(walk(RUN, &["\"Oslo\""]), (1, "Undecided".to_owned()));
    assert_eq!(walk(RUN, &["\"Bergen\""]), (1, "Different".to_owned()));
    assert_eq!(walk(RUN, &["search{q: \"Fram\"}#a", "\"Somewhere in the north, it seems to me\""]).1, "Undecided");
}

#[test]
fn a_call_that_was_not_recorded_ends_the_walk_there() {
    let found = walk(RUN, &["search{q: \"Fram\"}#a", "buy{ship: \"Fram\"}#b"]);
    assert_eq!(found, (2, "asks for a call of buy that was not recorded".to_owned()));
    let again = ["search{q: \"Fram\"}#a", "search{q: \"Fram\"}#b", "search{q: \"Fram\"}#c"];
    let varies = "asks once more for a call of search that was answered differently each time";
    assert_eq!(walk(RUN, &again), (3, varies.to_owned()));
}

#[test]
fn a_walk_that_goes_in_circles_ends() {
    let port = "search{q: \"port\"}#a";
    // Twice three calls, and four.
    assert_eq!(walk(RUN, &[port; 12]), (10, "asks for recorded calls on and on".to_owned()));
}

#[test]
fn what_a_user_or_a_program_would_have_done_with_another_answer_is_not_known() {
    let chat = r#"
agent a
  llm gpt-4o @0s +1s
    <- user "Hello"
    -> "Which city?"
  llm gpt-4o @2s +1s
    <- user "Hello"
    <- assistant "Which city?"
    <- user "Oslo"
    -> "It rains."
"#;
    let diverged = "answers otherwise, and what would have followed was not recorded";
    assert_eq!(walk(chat, &["\"Where?\""]), (1, diverged.to_owned()));
    assert_eq!(walk(chat, &["\"which city\""]).0, 1, "it goes on");
    assert_eq!(walk(chat, &["\"Which city?\"", "\"It snows a bit\""]), (2, "Undecided".to_owned()));
    // Two prompts of which the second was made of the first answer.
    let program = "agent a\n  llm gpt-4o @0s +1s\n    <- user \"plan\"\n    -> \"A\"\n  llm gpt-4o @2s +1s\n    <- user \
                   \"do A\"\n    -> \"done\"\n";
    assert_eq!(walk(program, &["\"B\""]), (1, diverged.to_owned()));
    assert_eq!(walk(program, &["\"A\"", "\"done\""]), (2, "Same".to_owned()));
}

#[test]
fn what_a_tool_answered_last_is_taken_from_its_span() {
    let run = r#"
agent a
  llm gpt-4o @0s +1s
    <- user "Refund it"
    -> refund{order: 7}#1
  tool refund {order: 7} #1 @1s +1s -> "refunded"
"#;
    let (_, words) = walk(run, &["look{order: 7}#a"]);
    assert_eq!(words, "asks for a call of look that was not recorded");
    assert_eq!(walk(run, &["refund{order: 7}#a"]), (1, "Same".to_owned()));
    let (answers, words) = walk(run, &["refund{order: 7}#a refund{order: 7}#b"]);
    assert_eq!(answers, 1);
    assert!(words.contains("refunded"), "{words}");
}

#[test]
fn a_run_without_an_answer_is_no_recording() {
    let trace = sketch::parse("agent a\n  llm gpt-4o\n    <- user \"x\"\n").unwrap();
    let call = RecordedCall { span_id: trace.spans()[1].span_id, asked: Vec::new(), answer: Vec::new(), schema: None };
    assert!(Recording::new(vec![call], &trace).is_none());
    assert!(Recording::new(Vec::new(), &trace).is_none());
}
