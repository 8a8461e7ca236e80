//! PostgreSQL keeps the contract, and what only this backend promises.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips, also in its helper functions"
)]

mod exceptions;
mod postgres_server;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use arc_store::conformance::{Backend, CASES, EVERY_CASE, Subject};
use postgres_server::Server;
use tokio::runtime::Runtime;

/// Opens an empty store, each time another one.
async fn open(url: impl Fn(&str) -> String, number: &AtomicU32) -> Subject {
    let schema = format!("case_{}", number.fetch_add(1, Ordering::Relaxed));
    let stores = arc_store_backends::open(&url(&schema)).await.unwrap();
    Subject { traces: stores.traces, registry: stores.registry, keep: Box::new(()) }
}

// All cases in one test, which starts one server.
#[test]
fn postgresql_keeps_the_contract() {
    let Some(server) = Server::start() else { return };
    let server = Arc::new(server);
    let number = Arc::new(AtomicU32::new(0));
    let mut failed = Vec::new();
    for (name, case) in EVERY_CASE {
        if exceptions::POSTGRES.iter().any(|exception| exception.case == *name) {
            continue;
        }
        let runtime = Runtime::new().unwrap();
        let (server, number) = (Arc::clone(&server), Arc::clone(&number));
        let backend = Backend::new(move || {
            let (server, number) = (Arc::clone(&server), Arc::clone(&number));
            async move { open(|schema| server.url(schema), &number).await }
        });
        let start = std::time::Instant::now();
        if catch_unwind(AssertUnwindSafe(|| runtime.block_on(case(&backend)))).is_err() {
            failed.push(*name);
        }
        eprintln!("{name}: {:?}", start.elapsed());
    }
    assert!(failed.is_empty(), "{} of {} cases failed: {}", failed.len(), CASES.len(), failed.join(", "));
}

#[test]
fn every_exception_names_a_case_and_a_reason() {
    for exception in exceptions::POSTGRES {
        assert!(CASES.contains(&exception.case), "no case {}", exception.case);
        assert!(!exception.reason.is_empty(), "no reason for {}", exception.case);
    }
}
