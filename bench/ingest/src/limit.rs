//! What is possible at most: the same requests decoded, hashed, compressed and inserted in one process, without network,
//! analysis or anybody who waits for an answer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use arc_model::{ProjectId, Timestamp};

use crate::{
    load::TRACES,
    place::Place,
    server::processor_ms,
    workload::{self, SPANS, Workload},
};

/// Tasks that decode and append; enough that the writer always has something to commit.
const TASKS: u64 = 8;

/// What is possible.
pub(crate) struct Limit {
    /// Stored durably.
    pub(crate) spans_per_second: f64,
    pub(crate) processor_ms_per_thousand: f64,
}

/// Measures for so long.
pub(crate) fn measure(store: &str, seconds: u64) -> Result<Limit> {
    let folder = tempfile::tempdir()?;
    let pool = workload::pool();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let place = Place::start(store, folder.path())?;
    let store = runtime.block_on(place.open())?.traces;
    // As many threads as processors make requests would, but made beforehand: making them is no part of this.
    let batches = usize::try_from(seconds * 900 / TASKS).unwrap_or(usize::MAX);
    let prepared: Vec<Vec<Vec<u8>>> = (0..TASKS)
        .map(|task| {
            let mut workload = Workload::new(9_000 + task, Arc::clone(&pool));
            (0..batches).map(|_| workload.request(TRACES).0).collect()
        })
        .collect();
    let (begin, before) = (Instant::now(), processor_ms("self")?);
    let spans: u64 = runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for requests in prepared {
            let store = Arc::clone(&store);
            tasks.spawn(async move {
                let mut spans = 0;
                for request in requests {
                    if begin.elapsed() > Duration::from_secs(seconds) {
                        break;
                    }
                    let read = move || vec![(ProjectId::default(), arc_formats::decode_otlp_protobuf(&request).spans)];
                    for (_, appended) in store.append_read(Arc::new(read), Timestamp::from_nanos(1)).await? {
                        appended?;
                    }
                    spans += TRACES as u64 * SPANS;
                }
                anyhow::Ok(spans)
            });
        }
        let mut all = 0;
        while let Some(spans) = tasks.join_next().await {
            all += spans??;
        }
        anyhow::Ok(all)
    })?;
    #[expect(clippy::cast_precision_loss, reason = "rates")]
    let spans = spans as f64;
    Ok(Limit {
        spans_per_second: spans / begin.elapsed().as_secs_f64(),
        processor_ms_per_thousand: (processor_ms("self")? - before) * 1e3 / spans,
    })
}
