//! Methods may be called from many tasks at once.

use super::{
    Backend, BoxFuture, Generator,
    make::{at, join_all, project, span, trace_id},
};
use crate::{Settled, WriteMark};

/// Appends at once are all stored.
pub async fn appends_at_once_are_all_stored(backend: &Backend) {
    let store = &backend.open().await;
    let appends = (0..40_u8).map(|number| -> BoxFuture<'_, _> {
        // Two spans of a trace of its own, and one of a trace all share.
        Box::pin(async move { store.append(&[span(number, 1), span(number, 2), span(200, number)], at(10)).await })
    });
    for counts in join_all(appends.collect()).await {
        assert_eq!(counts, (3, 0, 0));
    }
    for number in 0..40 {
        store.expect(trace_id(number), &[span(number, 1), span(number, 2)]).await;
    }
    let shared: Vec<_> = (0..40).map(|number| span(200, number)).collect();
    store.expect(trace_id(200), &shared).await;
    assert_eq!(store.waiting().await.len(), 41);
}

/// Of several records of a span the highest revision is kept.
pub async fn of_revisions_appended_at_once_the_highest_is_kept(backend: &Backend) {
    let store = &backend.open().await;
    let revision = |number: u64| {
        let mut record = span(1, 1);
        record.revision = number;
        record.name = format!("revision {number}");
        record
    };
    let appends = (0..30).map(|number| -> BoxFuture<'_, _> {
        Box::pin(async move { store.append(&[revision(number * 7 % 30)], at(10)).await })
    });
    let counts = join_all(appends.collect()).await;
    assert_eq!(counts.iter().map(|(new, _, _)| new).sum::<u64>(), 1);
    store.expect(trace_id(1), &[revision(29)]).await;
}

/// MUST write run, findings and every figure derived from them in one transaction.
pub async fn runs_settled_at_once_are_all_counted(backend: &Backend) {
    let store = &backend.open().await;
    let mut random = Generator::new(6);
    let all: Vec<Settled> = (0..30)
        .map(|number| {
            let (run, findings) = random.run(trace_id(number));
            Settled { project: project(), mark: WriteMark(0), run, findings, costs: arc_model::RunCosts::default() }
        })
        .collect();
    let settles = all.chunks(3).map(|part| -> BoxFuture<'_, _> { Box::pin(store.settle(part)) });
    join_all(settles.collect()).await;
    store.expect_figures(&all).await;
    assert_eq!(store.traces.changes(crate::ChangeSeq(0), 100).await.unwrap().len(), 30);
}
