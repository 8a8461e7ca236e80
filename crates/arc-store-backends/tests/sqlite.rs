//! `SQLite` keeps the contract, in memory and on a file.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helper functions")]

mod exceptions;

mod in_memory {
    use arc_store::conformance::Subject;

    async fn open() -> Subject {
        let stores = arc_store_backends::open("sqlite::memory:").await.unwrap();
        Subject { traces: stores.traces, registry: stores.registry, keep: Box::new(()) }
    }

    arc_store::conformance_suite!(open, super::exceptions::SQLITE);
}

mod on_a_file {
    use arc_store::conformance::Subject;

    async fn open() -> Subject {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("made/on/the/way/arc.db").display());
        let stores = arc_store_backends::open(&url).await.unwrap();
        Subject { traces: stores.traces, registry: stores.registry, keep: Box::new(folder) }
    }

    arc_store::conformance_suite!(open, super::exceptions::SQLITE);
}
