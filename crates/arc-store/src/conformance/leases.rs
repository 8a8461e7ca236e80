//! Leases of work: each piece to one program at a time.

use std::time::Duration;

use super::{Backend, BoxFuture, Subject, make::join_all};
use crate::WorkId;

const LONG: Duration = Duration::from_mins(10);

fn work(numbers: impl IntoIterator<Item = u8>) -> Vec<WorkId> {
    numbers.into_iter().map(|number| WorkId([number; 16])).collect()
}

async fn lease(store: &Subject, program: &str, numbers: impl IntoIterator<Item = u8>, time: Duration) -> Vec<bool> {
    store.registry.lease(program, &work(numbers), time).await.unwrap()
}

/// MUST give a piece of work to one program at a time, and again to who has it.
pub async fn work_is_given_to_one_program_at_a_time(backend: &Backend) {
    let store = backend.open().await;
    assert!(lease(&store, "a", [], LONG).await.is_empty());
    assert_eq!(lease(&store, "a", [3, 1, 2], LONG).await, [true, true, true]);
    assert_eq!(lease(&store, "b", [0, 1, 2, 4], LONG).await, [true, false, false, true]);
    assert_eq!(lease(&store, "a", [0, 1, 2, 3, 4], LONG).await, [false, true, true, true, false]);
    // The same piece twice is one.
    assert_eq!(lease(&store, "c", [9, 9], LONG).await, [true, true]);
}

/// A time of nothing gives back.
pub async fn a_lease_ends_with_its_time(backend: &Backend) {
    let store = backend.open().await;
    assert_eq!(lease(&store, "a", [1, 2], LONG).await, [true, true]);
    lease(&store, "a", [1], Duration::ZERO).await;
    assert_eq!(lease(&store, "b", [1, 2], LONG).await, [true, false]);
    // Who does not have one cannot give it back.
    lease(&store, "a", [1], Duration::ZERO).await;
    assert_eq!(lease(&store, "c", [1], LONG).await, [false]);
}

/// Also when they ask at once.
pub async fn of_programs_that_ask_at_once_one_gets_the_work(backend: &Backend) {
    let store = &backend.open().await;
    let programs = (0..8_u8).map(|program| -> BoxFuture<'_, _> {
        Box::pin(async move {
            let first = program * 5;
            lease(store, &program.to_string(), (0..40).map(|number| (first + number) % 40), LONG).await
        })
    });
    let given = join_all(programs.collect()).await;
    assert_eq!(given.iter().flatten().filter(|is_given| **is_given).count(), 40);
}
