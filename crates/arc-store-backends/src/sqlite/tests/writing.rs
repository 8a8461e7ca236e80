use std::{
    collections::BTreeSet,
    sync::{Arc, mpsc},
};

use arc_model::{ProjectId, Span};
use arc_store::{Registry, StoreError, TraceStore};

use super::{super::SqliteStore, Folder, append, now, open, project, spans, stored};

fn make_project(name: &'static str) -> impl FnOnce(&rusqlite::Connection) -> Result<usize, StoreError> {
    move |db| Ok(db.execute("INSERT INTO projects (id, created_at) VALUES (?1, 0)", [name]).unwrap())
}

fn segments(store: &SqliteStore) -> i64 {
    let count =
        |db: &rusqlite::Connection| Ok(db.query_row("SELECT count(*) FROM segments", [], |row| row.get(0)).unwrap());
    store.reading.readers.read("test", count).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_fails_does_not_fail_its_neighbours() {
    let folder = Folder::new();
    let store = open(&folder.file("arc.db"));
    let (release, wait) = mpsc::channel::<()>();
    // While the first job holds the thread, the others gather into one group.
    let hold = store.writer.write(move |_| {
        wait.recv().unwrap();
        Ok(())
    });
    let before = store.writer.write(make_project("before"));
    let fails = store.writer.write(|db| {
        make_project("half done")(db)?;
        Err::<(), _>(StoreError::Invalid("made to fail".to_owned()))
    });
    let after = store.writer.write(make_project("after"));
    let release = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        release.send(()).unwrap();
    };
    let (hold, before, fails, after, ()) = tokio::join!(hold, before, fails, after, release);
    assert!(hold.is_ok() && before.is_ok() && after.is_ok());
    assert!(matches!(fails, Err(StoreError::Invalid(text)) if text == "made to fail"));
    let names: Vec<_> = store.projects().await.unwrap().into_iter().map(|project| project.id).collect();
    assert_eq!(names, ["after".into(), "before".into()] as [ProjectId; 2]);
}

#[tokio::test]
async fn a_job_holds_the_write_lock_from_its_beginning() {
    let folder = Folder::new();
    let store = open(&folder.file("arc.db"));
    let other = rusqlite::Connection::open(folder.file("arc.db")).unwrap();
    other.busy_timeout(std::time::Duration::ZERO).unwrap();
    let refused = store.writer.write(move |_| Ok(other.execute_batch("BEGIN IMMEDIATE").is_err()));
    assert!(refused.await.unwrap(), "another program could write between two steps of a job");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_programs_write_to_one_file() {
    let folder = Folder::new();
    let path = folder.file("arc.db");
    let programs = [Arc::new(open(&path)), Arc::new(open(&path))];
    let tasks: Vec<_> = programs
        .iter()
        .enumerate()
        .map(|(number, store)| {
            let (store, own) = (Arc::clone(store), number as u64 * 1000);
            // Each has traces of its own, and both send the spans of one more.
            async move {
                for round in 0..30 {
                    append(&store, &spans(own + round, 4)).await;
                    append(&store, &spans(5000, round + 1)).await;
                }
            }
        })
        .collect();
    let [first, second]: [_; 2] = tasks.try_into().ok().unwrap();
    tokio::join!(first, second);
    for store in programs {
        for trace in (0..30).chain(1000..1030) {
            assert_eq!(stored(&store, trace).await, 4);
        }
        let shared = store.trace(&project(), super::trace_id(5000)).await.unwrap().unwrap();
        let names: BTreeSet<_> = shared.spans().iter().map(|span| span.name.clone()).collect();
        assert_eq!(names.len(), 30);
        let expected: Vec<Span> = spans(5000, 30);
        assert!(expected.iter().all(|span| shared.span(span.span_id) == Some(span)));
    }
}

#[tokio::test]
async fn a_file_that_is_imported_again_stores_nothing() {
    let folder = Folder::new();
    let path = folder.file("arc.db");
    let store = open(&path);
    append(&store, &spans(1, 100)).await;
    let before = segments(&store);
    append(&store, &spans(1, 100)).await;
    drop(store);
    // Also without a memory of recent bodies.
    let store = open(&path);
    append(&store, &spans(1, 100)).await;
    assert_eq!(segments(&store), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_dropped_finishes_what_it_was_given() {
    let folder = Folder::new();
    let path = folder.file("arc.db");
    let store = open(&path);
    let spans = spans(1, 50);
    let project = project();
    {
        let mut append = store.append(&project, &spans, now());
        // Far enough that the job was handed in, or not at all.
        for _ in 0..20 {
            let polled =
                std::future::poll_fn(|context| std::task::Poll::Ready(append.as_mut().poll(context).is_ready())).await;
            if polled {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
    drop(store);
    let found = stored(&open(&path), 1).await;
    assert!(found == 0 || found == 50, "{found} of 50 spans are stored");
}
