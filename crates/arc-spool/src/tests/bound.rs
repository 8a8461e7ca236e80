use super::*;
use crate::{Appended, DropReason};

#[test]
fn a_full_spool_drops_whole_runs_and_counts_them() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::new(Options { limit_bytes: 60_000, ..Options::new(dir.path()) });
    let context = a_context();
    let payload = named("agent", &"x".repeat(1000));
    let mut started = 0;
    for run in 0..200 {
        if append(&writer, &context, &said(Kind::SpanStart, run, 1, 1, &payload)) == Appended::Written {
            started += 1;
        }
    }
    assert!((30..60).contains(&started), "{started}");
    assert_eq!(writer.counts().runs_dropped, 200 - started);
    let part = append(&writer, &context, &said(Kind::SpanEnd, 199, 1, 1, b""));
    assert_eq!(part, Appended::Dropped(DropReason::RunDropped));
    // A run that is there can still end.
    assert_eq!(append(&writer, &context, &said(Kind::SpanEnd, 0, 1, 1, &payload)), Appended::Written);
    let mut drain = only_drain(dir.path());
    all(&mut drain);
    let ledger = drain.ledger();
    assert_eq!((ledger.runs_started, ledger.runs_dropped, ledger.runs_stored), (200, 200 - started, 1));
    assert_eq!(ledger.runs_in_flight(), started - 1);
    assert!(Spool::open(dir.path()).used_bytes() < 64_000);
}

#[test]
fn runs_that_are_left_out_on_purpose_are_counted_without_being_missing() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::new(Options::new(dir.path()));
    for _ in 0..3 {
        writer.leave_out_run(std::process::id(), 1);
    }
    append(&writer, &a_context(), &said(Kind::SpanStart, 1, 1, 1, b""));
    append(&writer, &a_context(), &said(Kind::SpanEnd, 1, 1, 1, b""));
    writer.leave_out_run(std::process::id(), 1);
    assert_eq!(writer.counts().runs_unsampled, 4);
    drop(writer);
    let mut drain = only_drain(dir.path());
    all(&mut drain);
    let ledger = drain.ledger();
    assert_eq!((ledger.runs_unsampled, ledger.runs_started, ledger.runs_stored), (4, 1, 1));
    assert_eq!(ledger.runs_in_flight(), 0);
}

#[test]
fn a_directory_that_cannot_be_made_costs_records_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let in_the_way = dir.path().join("file");
    std::fs::write(&in_the_way, "").unwrap();
    let writer = Writer::new(Options::new(in_the_way.join("spool")));
    let appended = append(&writer, &a_context(), &said(Kind::SpanStart, 1, 1, 1, b""));
    assert_eq!(appended, Appended::Dropped(DropReason::DiskFull));
    writer.end_process(ProcessEnd::AtExit, 1);
    assert_eq!((writer.counts().runs_started, writer.counts().runs_dropped), (1, 1));
}

#[test]
fn a_payload_that_is_too_large_leaves_the_fact_that_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::new(Options::new(dir.path()));
    let context = a_context();
    append(&writer, &context, &said(Kind::SpanStart, 1, 1, 1, &named("agent", "a")));
    let payload = vec![0; crate::MAX_PAYLOAD_BYTES + 1];
    assert_eq!(append(&writer, &context, &said(Kind::SpanEnd, 1, 1, 7, &payload)), Appended::Written);
    let spans = all(&mut only_drain(dir.path()));
    assert_eq!(told(&spans[0]), "1/1 agent ended r2 a");
    assert_eq!(merge::end_time(&spans[0].bytes), Some(7));
    assert_eq!(writer.counts().bytes_dropped, payload.len() as u64);
}
