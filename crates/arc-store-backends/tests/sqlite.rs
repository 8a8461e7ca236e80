//! `SQLite` keeps the contract, in memory and on a file.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helper functions")]

mod exceptions;

mod in_memory {
    use arc_store::conformance::Subject;

    async fn open() -> Subject {
        let stores = arc_store_backends::open("sqlite::memory:").await.unwrap();
        Subject { traces: stores.traces, registry: stores.registry, damage: None, keep: Box::new(()) }
    }

    arc_store::conformance_suite!(open, super::exceptions::SQLITE);
}

mod on_a_file {
    use arc_store::conformance::{BoxFuture, Subject};

    async fn open() -> Subject {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("made/on/the/way/arc.db");
        let stores = arc_store_backends::open(&format!("sqlite://{}", file.display())).await.unwrap();
        let damage = move || {
            let db = rusqlite::Connection::open(&file).unwrap();
            db.execute("UPDATE segments SET data = CAST('damaged' AS BLOB)", []).unwrap();
            Box::pin(async {}) as BoxFuture<'static, ()>
        };
        let (traces, registry) = (stores.traces, stores.registry);
        Subject { traces, registry, damage: Some(Box::new(damage)), keep: Box::new(folder) }
    }

    arc_store::conformance_suite!(open, super::exceptions::SQLITE);
}
