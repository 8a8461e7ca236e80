use std::{fs, thread};

use arc_store::{StoreError, TraceStore};
use rusqlite::Connection;

use super::{super::SqliteStore, Folder, append, now, open, project, spans, stored};

fn refusal(path: &std::path::Path) -> StoreError {
    let before = fs::read(path).unwrap();
    let Err(error) = SqliteStore::open(path) else { panic!("the file was opened") };
    assert_eq!(fs::read(path).unwrap(), before, "the file was changed");
    error
}

#[tokio::test]
async fn what_was_stored_is_there_after_reopening() {
    let folder = Folder::new();
    let path = folder.file("arc.db");
    let store = open(&path);
    append(&store, &spans(1, 5)).await;
    drop(store);
    let store = open(&path);
    assert_eq!(stored(&store, 1).await, 5);
    assert_eq!(append(&store, &spans(1, 6)).await.new, 1);
}

#[tokio::test]
async fn an_append_that_returned_survives_a_crash() {
    let folder = Folder::new();
    let store = open(&folder.file("arc.db"));
    for trace in 0..20 {
        append(&store, &spans(trace, 3)).await;
        // What a process that dies here leaves behind. Nothing writes while the files are copied.
        for name in ["arc.db", "arc.db-wal"] {
            fs::copy(folder.file(name), folder.file(&format!("after-{name}"))).unwrap();
        }
        let after = open(&folder.file("after-arc.db"));
        for trace in 0..=trace {
            assert_eq!(stored(&after, trace).await, 3);
        }
        drop(after);
        for name in ["after-arc.db", "after-arc.db-wal", "after-arc.db-shm"] {
            let _ = fs::remove_file(folder.file(name));
        }
    }
}

#[tokio::test]
async fn commits_wait_for_the_disk() {
    let folder = Folder::new();
    let store = open(&folder.file("arc.db"));
    let settings = store.writer.write(|db| {
        let mode: String = db.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        let synchronous: i64 = db.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        Ok((mode, synchronous))
    });
    assert_eq!(settings.await.unwrap(), ("wal".to_owned(), 2));
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    let path = folder.file("notes.txt");
    fs::write(&path, "my only copy of something important\n".repeat(100)).unwrap();
    let message = refusal(&path).to_string();
    assert!(message.contains("notes.txt is not an arc-eval database"), "{message}");
}

#[test]
fn a_database_of_another_program_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    let path = folder.file("other.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE runs (mine TEXT)").unwrap();
    assert!(matches!(refusal(&path), StoreError::Invalid(_)));
}

#[test]
fn a_newer_database_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    let path = folder.file("arc.db");
    drop(open(&path));
    let db = Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    db.close().unwrap();
    assert!(matches!(refusal(&path), StoreError::Newer { found: 99, known: 9 }));
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_made_by_who_only_reads() {
    let folder = Folder::new();
    let path = folder.file("typo/arc.db");
    let Err(StoreError::Invalid(message)) = SqliteStore::open_existing(&path) else { panic!("it was opened") };
    assert!(message.starts_with("there is no store at ") && message.ends_with("typo/arc.db"), "{message}");
    assert!(!folder.file("typo").exists());
}

#[tokio::test]
async fn a_file_that_cannot_be_written_to_is_read_and_writing_to_it_fails() {
    let folder = Folder::new();
    // A name that has a meaning in addresses.
    let path = folder.file("a%20b?c.db");
    let store = open(&path);
    append(&store, &spans(1, 5)).await;
    let reader = SqliteStore::open_read_only(&path).unwrap();
    assert_eq!(stored(&reader, 1).await, 5);
    let error = reader.append(&project(), &spans(2, 1), now()).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    drop((reader, store));
    assert_eq!(super::super::readers::Access::Immutable.connect(&path).map(drop).ok(), Some(()));
}

#[tokio::test]
async fn an_older_file_that_cannot_be_brought_up_to_date_is_refused() {
    let folder = Folder::new();
    let path = folder.file("arc.db");
    drop(open(&path));
    let db = Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", 1).unwrap();
    db.close().unwrap();
    let Err(StoreError::Invalid(message)) = SqliteStore::open_read_only(&path) else { panic!("it was opened") };
    assert!(message.contains("has to be brought up to date first"), "{message}");
}

#[test]
fn an_empty_file_becomes_a_database() {
    let folder = Folder::new();
    let path = folder.file("arc.db");
    fs::write(&path, "").unwrap();
    drop(open(&path));
}

#[test]
fn a_folder_in_place_of_the_file_or_a_file_in_place_of_the_folder_is_named() {
    let folder = Folder::new();
    let Err(error) = SqliteStore::open(folder.0.path()) else { panic!("a folder was opened") };
    assert!(error.to_string().contains("is a folder"), "{error}");
    fs::write(folder.file("plain"), "").unwrap();
    let Err(StoreError::Unavailable { source, .. }) = SqliteStore::open(folder.file("plain/arc.db")) else {
        panic!("a file was taken for a folder")
    };
    assert!(source.to_string().contains("cannot make the folder"), "{source}");
}

#[test]
fn many_programs_may_make_the_same_database_at_once() {
    for _ in 0..5 {
        let folder = Folder::new();
        let path = folder.file("arc.db");
        let openers: Vec<_> = (0..8)
            .map(|_| {
                let path = path.clone();
                thread::spawn(move || SqliteStore::open(path).map(drop))
            })
            .collect();
        for opener in openers {
            opener.join().unwrap().unwrap();
        }
    }
}
