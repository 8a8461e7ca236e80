//! How many runs of the workload one core analyses: decoded before, nothing stored.

use std::time::{Duration, Instant};

use arc_analysis::{Context as About, analyse, checks::Checks};
use arc_catalog::Catalog;
use arc_model::{Timestamp, Trace};

use crate::{
    load::TRACES,
    workload::{self, Workload},
};

/// Requests decoded at once.
const REQUESTS: usize = 64;

/// Returns runs a second, measured for so long on one thread.
pub(crate) fn measure(seconds: u64) -> f64 {
    let mut workload = Workload::new(77, workload::pool());
    let mut traces = Vec::new();
    for _ in 0..REQUESTS {
        let spans = arc_formats::decode_otlp_protobuf(&workload.request(TRACES).0).spans;
        let of_one = spans.chunk_by(|one, other| one.trace_id == other.trace_id);
        traces.extend(of_one.filter_map(|spans| Some(Trace::new(spans.first()?.trace_id, spans.to_vec()))));
    }
    let about =
        About { received_at: Timestamp::from_nanos(0), agent: None, is_running: false, checks: Checks::default() };
    let (begin, duration, mut runs) = (Instant::now(), Duration::from_secs(seconds), 0_u32);
    for trace in traces.iter().cycle() {
        std::hint::black_box(analyse(std::hint::black_box(trace), &about, Catalog::builtin()));
        runs += 1;
        if begin.elapsed() > duration {
            break;
        }
    }
    f64::from(runs) / begin.elapsed().as_secs_f64()
}
