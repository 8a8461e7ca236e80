//! What backends behind a network share: long work off the async threads, and segments fetched before they are asked for.

use std::collections::HashMap;

use arc_model::{ProjectId, Timestamp, TraceId};
use arc_store::{AppendedEach, ReadSpans, StoreError, TraceStore, Visit};

use crate::segment::Compressed;

/// Segments fetched at once.
const AHEAD: usize = 64;

/// Runs work on a thread where it may take long.
pub(crate) async fn compute<T: Send + 'static>(
    attempted: &'static str,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(source) => Err(StoreError::Unavailable { attempted, source: source.into() }),
    }
}

/// Reads spans where that may take long, and appends them project by project.
pub(crate) async fn append_read(
    store: &impl TraceStore,
    read: ReadSpans,
    now: Timestamp,
) -> Result<AppendedEach, StoreError> {
    let spans = compute("read spans", move || Ok(read())).await?;
    let mut all = Vec::with_capacity(spans.len());
    for (project, spans) in spans {
        let appended = store.append_owned(&project, spans, now).await;
        all.push((project, appended));
    }
    Ok(all)
}

/// Reads traces one after the other, and visits each where that may take long.
pub(crate) async fn visit_each(
    store: &impl TraceStore,
    traces: Vec<(ProjectId, TraceId)>,
    mut visit: Visit,
) -> Result<(), StoreError> {
    for (place, (project, id)) in traces.into_iter().enumerate() {
        let trace = store.trace(&project, id).await;
        let visited = move || {
            visit(place, trace);
            Ok(visit)
        };
        visit = compute("analyse a trace", visited).await?;
    }
    Ok(())
}

/// Segments that are wanted one after the other, many of them fetched at once: each way to the database costs more than
/// what it brings.
pub(crate) struct Ahead {
    wanted: Vec<i64>,
    fetched: HashMap<i64, Compressed>,
}

impl Ahead {
    pub(crate) fn of(mut wanted: Vec<i64>) -> Self {
        wanted.dedup();
        Self { wanted, fetched: HashMap::new() }
    }

    /// Returns a segment, which `fetch` gets with those that follow unless it was fetched before.
    pub(crate) fn load<I: IntoIterator<Item = (i64, Compressed)>>(
        &mut self,
        segment: i64,
        fetch: impl FnOnce(&[i64]) -> Result<I, StoreError>,
    ) -> Result<Option<Compressed>, StoreError> {
        if let Some(found) = self.fetched.remove(&segment) {
            return Ok(Some(found));
        }
        let from = self.wanted.partition_point(|wanted| *wanted < segment);
        let ahead = self.wanted.iter().skip(from).take(AHEAD).copied().filter(|ahead| *ahead != segment);
        let numbers: Vec<i64> = ahead.chain([segment]).collect();
        self.fetched.extend(fetch(&numbers)?);
        Ok(self.fetched.remove(&segment))
    }
}
