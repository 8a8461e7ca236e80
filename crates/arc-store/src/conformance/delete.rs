//! Deleting: what went is gone everywhere, and what stays is what it was.

use std::collections::{BTreeMap, BTreeSet};

use arc_model::{Message, ProjectId, Role, Span, TraceId};

use super::{
    Backend, Generator, Subject, costs,
    make::{FOREVER, at, join_all, project, run, settled, span, trace_id},
};
use crate::{ChangeSeq, Compacted, Deleted, FindingQuery, RunQuery, Selection, Settled, WriteMark};

const ALL: u32 = 1000;

impl Subject {
    pub(super) async fn delete(&self, selection: Selection) -> Deleted {
        let count = self.traces.count(&project(), &selection).await.unwrap();
        let deleted = self.traces.delete(&project(), &selection, ALL).await.unwrap();
        assert_eq!(deleted.runs, count, "{selection:?}");
        deleted
    }

    async fn listed(&self) -> BTreeSet<TraceId> {
        let runs = self.runs(&RunQuery { limit: 7, ..RunQuery::default() }).await;
        runs.iter().map(|run| run.trace_id).collect()
    }
}

fn ids(numbers: &[u8]) -> Vec<TraceId> {
    numbers.iter().map(|number| trace_id(*number)).collect()
}

/// Nobody reads a deleted run; what stays is untouched.
pub async fn a_deleted_run_is_gone_everywhere(backend: &Backend) {
    let store = backend.open().await;
    let mut random = Generator::new(60);
    for number in [1, 2] {
        store.append(&[span(number, 1), span(number, 2)], at(10)).await;
        let (mut run, findings) = random.run_with_findings(trace_id(number));
        run.is_running = false;
        store.settle(&[settled(run, findings)]).await;
    }
    let last = store.traces.last_change().await.unwrap();
    let kept = (store.run(trace_id(2)).await, store.trace(trace_id(2)).await.map(|trace| trace.spans().to_vec()));
    assert_eq!(store.delete(Selection::Runs(ids(&[1, 9]))).await, Deleted { runs: 1, spans: 2 });
    assert_eq!(store.delete(Selection::Runs(ids(&[1, 9]))).await, Deleted::default());
    assert!(store.trace(trace_id(1)).await.is_none() && store.run(trace_id(1)).await.is_none());
    assert_eq!(store.listed().await, BTreeSet::from([trace_id(2)]));
    let findings = store.findings(&FindingQuery { limit: 3, ..FindingQuery::default() }).await;
    let of_kept = FindingQuery { trace_id: Some(trace_id(2)), limit: 3, ..FindingQuery::default() };
    assert_eq!(findings, store.findings(&of_kept).await);
    let of_deleted = FindingQuery { trace_id: Some(trace_id(1)), limit: 3, ..FindingQuery::default() };
    assert!(store.findings(&of_deleted).await.is_empty());
    assert!(store.waiting().await.iter().all(|waiting| waiting.trace_id == trace_id(2)));
    let changes = store.traces.changes(ChangeSeq(0), 10).await.unwrap();
    assert_eq!(changes.iter().map(|change| change.run.trace_id).collect::<Vec<_>>(), ids(&[2]));
    assert_eq!(store.traces.last_change().await.unwrap(), last);
    assert_eq!(kept.0, store.run(trace_id(2)).await);
    assert_eq!(kept.1, store.trace(trace_id(2)).await.map(|trace| trace.spans().to_vec()));
    // Its number is not used again.
    store.settle(&[settled(run(3, "a", at(1)), Vec::new())]).await;
    assert!(store.traces.last_change().await.unwrap() > last);
}

/// After deleting, every figure and division equals a recount of the runs that stay.
pub async fn figures_equal_a_recount_after_deleting(backend: &Backend) {
    for seed in 0..3 {
        let store = backend.open().await;
        let mut random = Generator::new(600 + seed);
        let mut latest: BTreeMap<TraceId, Settled> = BTreeMap::new();
        for round in 0..12u8 {
            let batch: Vec<Settled> = (0..6)
                .map(|_| {
                    let trace = u8::try_from(random.below(30)).unwrap();
                    costs::random_run(&mut random, trace)
                })
                .collect();
            store.settle(&batch).await;
            latest.extend(batch.into_iter().map(|settled| (settled.run.trace_id, settled)));
            let Some(some) = latest.values().nth(usize::from(round) % latest.len()).cloned() else { continue };
            let selection = match round % 5 {
                0 => Selection::Runs(latest.keys().take(3).copied().collect()),
                1 => Selection::Before(some.run.at()),
                2 => some.run.session.clone().map_or(Selection::Runs(Vec::new()), Selection::Session),
                3 => some.run.user.clone().map_or(Selection::Runs(Vec::new()), Selection::User),
                _ => Selection::Agent(some.run.agent.name.clone()),
            };
            let before = latest.len();
            latest.retain(|_, settled| !selects(&selection, settled));
            assert_eq!(store.delete(selection).await.runs, (before - latest.len()) as u64);
            let latest: Vec<Settled> = latest.values().cloned().collect();
            store.expect_figures(&latest).await;
            costs::expect_divisions(&store, &latest).await;
        }
    }
}

fn selects(selection: &Selection, settled: &Settled) -> bool {
    let run = &settled.run;
    match selection {
        Selection::Runs(ids) => ids.contains(&run.trace_id),
        Selection::Agent(agent) => run.agent.name == *agent,
        Selection::Session(session) => run.session.as_ref() == Some(session),
        Selection::User(user) => run.user.as_ref() == Some(user),
        Selection::Before(time) => run.at() < *time && !run.is_running,
    }
}

/// Each selection deletes the runs it names and no others.
pub async fn every_selection_deletes_what_it_names(backend: &Backend) {
    let store = backend.open().await;
    let made = |number: u8, agent: &str, session: Option<&str>, user: Option<&str>| {
        let mut run = run(number, agent, at(number.into()));
        (run.session, run.user) = (session.map(Into::into), user.map(Into::into));
        settled(run, Vec::new())
    };
    let strange = "it's \0 100% _ü";
    store
        .settle(&[
            made(1, "a", Some("s"), None),
            made(2, "b", Some("s"), Some("u")),
            made(3, "b", None, Some(strange)),
            made(4, "s", Some("u"), None),
            made(5, "c", Some(strange), Some("s")),
            made(6, strange, None, None),
        ])
        .await;
    let mut left = BTreeSet::from_iter(ids(&[1, 2, 3, 4, 5, 6]));
    for (selection, gone) in [
        (Selection::Session("S".into()), &[][..]),
        (Selection::Session("s".into()), &[1, 2]),
        (Selection::User(strange.into()), &[3]),
        (Selection::Session(strange.into()), &[5]),
        (Selection::Agent(strange.into()), &[6]),
        (Selection::Before(at(4)), &[]),
        (Selection::Before(at(5)), &[4]),
    ] {
        assert_eq!(store.delete(selection.clone()).await.runs, gone.len() as u64, "{selection:?}");
        left.retain(|id| !ids(gone).contains(id));
        assert_eq!(store.listed().await, left, "{selection:?}");
    }
}

/// At most `limit` at once, the oldest first, fewer when none is left.
pub async fn the_oldest_runs_are_deleted_first(backend: &Backend) {
    let store = backend.open().await;
    let runs: Vec<_> =
        (1..=5).map(|number| settled(run(number, "a", at(10 - i64::from(number))), Vec::new())).collect();
    store.settle(&runs).await;
    let everything = Selection::Before(FOREVER);
    assert_eq!(store.traces.count(&project(), &everything).await.unwrap(), 5);
    assert_eq!(store.traces.delete(&project(), &everything, 2).await.unwrap().runs, 2);
    assert_eq!(store.listed().await, BTreeSet::from_iter(ids(&[1, 2, 3])));
    assert_eq!(store.traces.delete(&project(), &Selection::Agent("a".into()), 2).await.unwrap().runs, 2);
    assert_eq!(store.listed().await, BTreeSet::from_iter(ids(&[1])));
    assert_eq!(store.traces.delete(&project(), &everything, 2).await.unwrap().runs, 1);
    assert_eq!(store.traces.delete(&project(), &everything, 2).await.unwrap(), Deleted::default());
}

/// A run that is running is not deleted for its age, but by name.
pub async fn a_running_run_is_not_old(backend: &Backend) {
    let store = backend.open().await;
    let mut running = run(1, "a", at(1));
    running.is_running = true;
    store.append(&[span(1, 1)], at(1)).await;
    store.settle(&[settled(running, Vec::new())]).await;
    assert_eq!(store.delete(Selection::Before(FOREVER)).await, Deleted::default());
    assert_eq!(store.delete(Selection::Agent("a".into())).await, Deleted { runs: 1, spans: 1 });
    assert!(store.traces.agents(&project()).await.unwrap().is_empty());
}

/// Traces that were never analysed count by their last write.
pub async fn a_trace_that_was_never_analysed_can_be_deleted(backend: &Backend) {
    let store = backend.open().await;
    for number in [1, 2, 3] {
        store.append(&[span(number, 1)], at(i64::from(number) * 10)).await;
    }
    assert_eq!(store.delete(Selection::Runs(ids(&[3]))).await, Deleted { runs: 1, spans: 1 });
    assert_eq!(store.delete(Selection::Before(at(20))).await, Deleted { runs: 1, spans: 1 });
    assert_eq!(store.waiting().await.iter().map(|waiting| waiting.trace_id).collect::<Vec<_>>(), ids(&[2]));
}

/// Nothing of another project is deleted or counted.
pub async fn deleting_is_confined_to_a_project(backend: &Backend) {
    let store = backend.open().await;
    let other = ProjectId::new("other");
    for project in [&project(), &other] {
        store.traces.append(project, &[span(1, 1)], at(1)).await.unwrap();
        let item = Settled { project: project.clone(), ..settled(run(1, "a", at(1)), Vec::new()) };
        store.traces.settle(&[item], at(2)).await.unwrap();
    }
    for selection in [Selection::Runs(ids(&[1])), Selection::Agent("a".into()), Selection::Before(FOREVER)] {
        let nobody = ProjectId::new("nobody");
        assert_eq!(store.traces.count(&nobody, &selection).await.unwrap(), 0);
        assert_eq!(store.traces.delete(&nobody, &selection, ALL).await.unwrap(), Deleted::default());
    }
    store.delete(Selection::Before(FOREVER)).await;
    store.traces.compact().await.unwrap();
    assert!(store.trace(trace_id(1)).await.is_none());
    assert!(store.traces.trace(&other, trace_id(1)).await.unwrap().is_some());
    assert!(store.traces.run(&other, trace_id(1)).await.unwrap().is_some());
}

/// Spans of a deleted run that are appended later are stored as if they were never there.
pub async fn a_deleted_run_can_be_appended_again(backend: &Backend) {
    let store = backend.open().await;
    let spans = conversation(&mut Generator::new(61), 1, 6);
    for _ in 0..3 {
        assert_eq!(store.append(&spans, at(1)).await, (6, 0, 0));
        store.expect(trace_id(1), &spans).await;
        assert_eq!(store.delete(Selection::Runs(ids(&[1]))).await, Deleted { runs: 1, spans: 6 });
        store.traces.compact().await.unwrap();
    }
}

/// A run that is deleted between being read for analysis and being settled stays deleted.
pub async fn a_run_that_is_deleted_while_it_is_analysed_stays_deleted(backend: &Backend) {
    let store = backend.open().await;
    for number in 1..=3 {
        store.append(&[span(1, number)], at(i64::from(number))).await;
    }
    let mark = store.waiting().await[0].mark;
    assert!(mark > WriteMark(0));
    store.delete(Selection::Runs(ids(&[1]))).await;
    let late = Settled { mark, ..settled(run(1, "a", at(1)), Vec::new()) };
    store.settle(std::slice::from_ref(&late)).await;
    assert!(store.run(trace_id(1)).await.is_none() && store.traces.agents(&project()).await.unwrap().is_empty());
    // The same when it began anew meanwhile.
    store.append(&[span(1, 9)], at(9)).await;
    store.settle(&[late]).await;
    assert!(store.run(trace_id(1)).await.is_none());
    assert_eq!(store.waiting().await.len(), 1);
}

/// Returns model calls of a run that resends its history and shares its first message with all others.
fn conversation(random: &mut Generator, trace: u8, turns: u8) -> Vec<Span> {
    let mut history = arc_model::shared([Message::text(Role::System, "shared instructions ".repeat(40))]);
    let calls = (0..turns).map(|turn| {
        history.push(Message::text(Role::User, format!("{trace} {turn} {}", random.words(60))).into());
        let mut call = span(trace, turn);
        call.messages_in.clone_from(&history);
        call
    });
    calls.collect()
}

/// MUST keep every span readable exactly, whatever it shares with deleted runs, and free what only those had.
pub async fn compacting_keeps_what_is_referred_to(backend: &Backend) {
    let store = backend.open().await;
    let mut random = Generator::new(62);
    let runs: BTreeMap<u8, Vec<Span>> = (0..12).map(|trace| (trace, conversation(&mut random, trace, 6))).collect();
    // Turn by turn, so that every piece of storage holds something of every run.
    for turn in 0..6 {
        let batch: Vec<Span> = runs.values().map(|spans| spans[turn].clone()).collect();
        store.append(&batch, at(1)).await;
    }
    assert_eq!(store.traces.compact().await.unwrap(), Compacted::default(), "nothing was deleted");
    for gone in [&[0, 1, 2][..], &[7], &[3, 4, 5, 6, 8, 9, 10]] {
        store.delete(Selection::Runs(ids(gone))).await;
        let compacted = store.traces.compact().await.unwrap();
        assert!(compacted.freed_bytes > 0, "{compacted:?}");
        assert_eq!(store.traces.compact().await.unwrap(), Compacted::default(), "it is compact");
        for (trace, spans) in runs.iter().filter(|(trace, _)| **trace == 11 || (**trace == 8 && gone.len() < 4)) {
            store.expect(trace_id(*trace), spans).await;
        }
    }
    store.traces.vacuum().await.unwrap();
    store.expect(trace_id(11), &runs[&11]).await;
    // What is appended after that finds the room and its bodies.
    store.append(&runs[&0], at(2)).await;
    store.expect(trace_id(0), &runs[&0]).await;
    store.expect(trace_id(11), &runs[&11]).await;
}

/// Appends, deletes and compactions at once: what was not deleted is there, exactly.
pub async fn runs_appended_while_others_are_deleted_are_kept(backend: &Backend) {
    let store = backend.open().await;
    let mut random = Generator::new(63);
    let runs: Vec<Vec<Span>> = (0..40).map(|trace| conversation(&mut random, trace, 5)).collect();
    let append = |from: u8, to: u8| {
        let (store, runs) = (&store, &runs);
        async move {
            for turn in 0..5 {
                for spans in &runs[usize::from(from)..usize::from(to)] {
                    store.append(&spans[turn..=turn], at(1)).await;
                }
            }
        }
    };
    append(0, 20).await;
    let delete = async {
        for number in 0..20 {
            store.traces.delete(&project(), &Selection::Runs(ids(&[number])), ALL).await.unwrap();
            store.traces.compact().await.unwrap();
        }
    };
    join_all(vec![Box::pin(append(20, 30)), Box::pin(append(30, 40)), Box::pin(delete)]).await;
    for (number, spans) in (0..).zip(&runs) {
        if number < 20 {
            assert!(store.trace(trace_id(number)).await.is_none());
        } else {
            store.expect(trace_id(number), spans).await;
        }
    }
}
