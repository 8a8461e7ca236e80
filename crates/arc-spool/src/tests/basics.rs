use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

use super::*;
use crate::{Appended, Liveness};

#[test]
fn what_was_appended_is_drained_merged_and_then_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::new(Options::new(dir.path()));
    let context = a_context();
    append(&writer, &context, &said(Kind::SpanStart, 1, 1, 10, &named("agent", "a")));
    append(&writer, &context, &said(Kind::SpanStart, 1, 2, 11, &named("llm", "b")));
    append(&writer, &context, &said(Kind::SpanEnd, 1, 2, 12, &named("llm", "c")));
    let mut drain = only_drain(dir.path());
    let batch = drain.next(1 << 20).unwrap().unwrap();
    assert_eq!(lines(&batch), ["1/1 agent open r1 a", "1/2 llm ended r2 c"]);
    assert_eq!(
        (batch.groups[0].context.resource(), batch.groups[0].context.scope()),
        (&b"resource"[..], &b"scope"[..])
    );
    drain.commit(&batch, &Delivery::stored()).unwrap();
    assert!(drain.next(1 << 20).unwrap().is_none());

    append(&writer, &context, &said(Kind::SpanEnd, 1, 1, 13, &named("agent", "d")));
    writer.end_process(ProcessEnd::AtExit, 14);
    let batch = drain.next(1 << 20).unwrap().unwrap();
    assert_eq!(lines(&batch), ["1/1 agent ended r2 d"]);
    drain.commit(&batch, &Delivery::stored()).unwrap();
    assert!(!drain.is_finished());
    drop(writer);
    assert!(drain.next(1 << 20).unwrap().is_none());
    assert!(drain.is_finished());
    assert_eq!((drain.ledger().runs_started, drain.ledger().runs_stored, drain.ledger().runs_in_flight()), (1, 1, 0));
    drop(drain);
    assert!(Spool::open(dir.path()).processes().unwrap().is_empty());
    let [(process, ledger, _)] = Spool::open(dir.path()).finished().unwrap().try_into().unwrap();
    assert_eq!(ledger.records_read, 4);
    Spool::open(dir.path()).forget(&process).unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_context_larger_than_a_batch_holds_nothing_up() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::new(Options::new(dir.path()));
    let context = Context::new(vec![b'r'; 4_000], Vec::new());
    append(&writer, &context, &said(Kind::SpanEnd, 1, 1, 10, &named("agent", "a")));
    drop(writer);
    for most in [0, 1, 300] {
        let mut drain = only_drain(dir.path());
        let batch = drain.next(most).unwrap();
        assert_eq!(batch.map(|batch| lines(&batch)), Some(vec!["1/1 agent ended r1 a".to_owned()]), "{most}");
    }
}

#[test]
fn nothing_is_deleted_before_the_commit() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::new(Options::new(dir.path()));
    append(&writer, &a_context(), &said(Kind::SpanEnd, 1, 1, 10, &named("agent", "a")));
    drop(writer);
    let mut drain = only_drain(dir.path());
    assert_eq!(lines(&drain.next(1 << 20).unwrap().unwrap()).len(), 1);
    assert!(drain.next(1 << 20).unwrap().is_none());
    drop(drain);
    let mut drain = only_drain(dir.path());
    assert_eq!(lines(&drain.next(1 << 20).unwrap().unwrap()), ["1/1 agent ended r1 a"]);
    drain.rewind().unwrap();
    assert_eq!(all(&mut drain).len(), 1);
    assert!(drain.is_finished());
}

#[test]
fn open_spans_of_a_dead_process_are_closed_at_the_time_of_its_last_record() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::new(Options::new(dir.path()));
    let context = a_context();
    append(&writer, &context, &said(Kind::SpanStart, 1, 1, 10, &named("agent", "a")));
    append(&writer, &context, &said(Kind::SpanStart, 1, 2, 11, &named("search", "b")));
    append(&writer, &context, &said(Kind::SpanEnd, 1, 2, 12, &[]));
    append(&writer, &context, &said(Kind::SpanStart, 1, 3, 20, &named("llm", "c")));
    let mut drain = only_drain(dir.path());
    assert_eq!(all(&mut drain).len(), 3);
    drop(drain);
    writer.end_process(ProcessEnd::Exited(3), 30);
    drop(writer);
    // Another drainer knows the rest by reading the file again.
    let mut drain = only_drain(dir.path());
    let batch = drain.next(1 << 20).unwrap().unwrap();
    assert_eq!(lines(&batch), ["1/1 agent closed r2 a", "1/3 llm closed r2 c"]);
    let root = &batch.groups[0].spans[0].bytes;
    let text = |key: &str| merge::text_attribute(root, key);
    assert_eq!(text("arc_eval.termination").as_deref(), Some("exited"));
    assert_eq!(text("arc_eval.last_step").as_deref(), Some("search"));
    assert_eq!(merge::integer_attribute(root, "arc_eval.exit.code"), Some(3));
    assert_eq!(merge::end_time(root), Some(30));
    drain.commit(&batch, &Delivery::stored()).unwrap();
    assert!(drain.next(1 << 20).unwrap().is_none());
    assert!(drain.is_finished());
    assert_eq!((drain.ledger().runs_stored, drain.ledger().runs_closed), (1, 1));
}

#[test]
fn a_process_is_drained_by_one_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::new(Options::new(dir.path()));
    append(&writer, &a_context(), &said(Kind::SpanStart, 1, 1, 10, b""));
    let first = only_drain(dir.path());
    let spool = Spool::open(dir.path());
    assert!(spool.drain(first.process()).unwrap().is_none());
    let process = first.process().clone();
    drop(first);
    assert!(spool.drain(&process).unwrap().is_some());
    assert_eq!(spool.processes().unwrap()[0].liveness, Liveness::Alive);
    drop(writer);
    assert_eq!(spool.processes().unwrap()[0].liveness, Liveness::Dead);
}

#[test]
fn files_of_a_living_process_go_when_no_open_span_needs_them() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::new(Options { file_bytes: 8192, ..Options::new(dir.path()) });
    let context = a_context();
    append(&writer, &context, &said(Kind::SpanStart, 9, 1, 1, &named("agent", "a")));
    for round in 2..60 {
        let name = format!("tool{round}");
        append(&writer, &context, &said(Kind::SpanStart, 9, round, 2, &named(&name, &"x".repeat(500))));
        append(&writer, &context, &said(Kind::SpanEnd, 9, round, 3, &[]));
    }
    let files = || {
        std::fs::read_dir(dir.path()).unwrap().flatten().filter(|e| e.path().extension().unwrap() == "spool").count()
    };
    assert!(files() > 4);
    let mut drain = only_drain(dir.path());
    assert_eq!(all(&mut drain).len(), 59);
    // The first, where the run began, and the current one.
    assert_eq!(files(), 2);
    drop(drain);
    drop(writer);
    let mut drain = only_drain(dir.path());
    let batch = drain.next(1 << 20).unwrap().unwrap();
    assert_eq!(lines(&batch), ["9/1 agent closed r2 a"]);
    let last_step = merge::text_attribute(&batch.groups[0].spans[0].bytes, "arc_eval.last_step");
    assert_eq!(last_step.as_deref(), Some("tool59"));
    drain.commit(&batch, &Delivery::stored()).unwrap();
    assert!(drain.next(1 << 20).unwrap().is_none());
    assert_eq!(files(), 0);
}

#[test]
fn what_is_said_after_the_end_comes_with_the_whole_span() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::new(Options::new(dir.path()));
    let context = a_context();
    append(&writer, &context, &said(Kind::SpanStart, 1, 1, 1, &named("agent", "a")));
    append(&writer, &context, &said(Kind::SpanEnd, 1, 1, 2, &[]));
    let mut drain = only_drain(dir.path());
    assert_eq!(all(&mut drain).len(), 1);
    append(&writer, &context, &said(Kind::SpanPart, 1, 1, 3, &named("agent", "outcome")));
    let spans = all(&mut drain);
    assert_eq!(told(&spans[0]), "1/1 agent ended r3 outcome");
    assert!(spans[0].whole);
    assert_eq!((drain.ledger().runs_started, drain.ledger().runs_stored), (1, 1));
}

#[test]
fn what_was_refused_is_counted_by_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::new(Options::new(dir.path()));
    let context = a_context();
    for run in 1..=3 {
        append(&writer, &context, &said(Kind::SpanStart, run, 1, 1, &named("agent", "a")));
        append(&writer, &context, &said(Kind::SpanEnd, run, 1, 2, &[]));
    }
    let mut drain = only_drain(dir.path());
    let batch = drain.next(1 << 20).unwrap().unwrap();
    drain.commit(&batch, &Delivery::stored().reject("too large", 1, 1)).unwrap();
    let ledger = drain.ledger();
    assert_eq!((ledger.runs_started, ledger.runs_stored, ledger.runs_rejected()), (3, 2, 1));
    assert_eq!(ledger.rejected["too large"].spans, 1);
}

#[test]
fn a_batch_is_an_otlp_request() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::new(Options::new(dir.path()));
    append(&writer, &Context::new(Vec::new(), Vec::new()), &said(Kind::SpanEnd, 1, 1, 1, &named("agent", "a")));
    let batch = only_drain(dir.path()).next(1 << 20).unwrap().unwrap();
    let request: ExportTraceServiceRequest = prost::Message::decode(&*batch.to_otlp()).unwrap();
    let span = &request.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!((span.name.as_str(), span.attributes.len()), ("agent", 2));
}

#[test]
fn threads_append_side_by_side() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::new(Options { file_bytes: 100_000, ..Options::new(dir.path()) });
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let writer = &writer;
            scope.spawn(move || {
                let context = a_context();
                for span in 0..250 {
                    let appended = append(writer, &context, &said(Kind::SpanEnd, thread, span, 1, &named("x", "y")));
                    assert_eq!(appended, Appended::Written);
                }
            });
        }
    });
    let mut drain = only_drain(dir.path());
    assert_eq!(all(&mut drain).len(), 2000);
    assert_eq!((drain.ledger().damages, drain.ledger().records_damaged), (0, 0));
}
