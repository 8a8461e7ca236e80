//! Which runs are recorded when only a share of them is: decided by the run's id alone, so that every process that works
//! for a run decides alike.

/// Where a run is among all runs: its id is random.
pub(crate) fn sample_of(trace_id: [u8; 16]) -> u64 {
    u64::from_be_bytes(trace_id.last_chunk().copied().unwrap_or_default())
}

/// The ids below which a run is recorded, for a share of all runs.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of all ids"
)]
pub(crate) fn share_of(sample: f64) -> u64 {
    (sample * u64::MAX as f64) as u64
}
