//! Reading the body of a request: of at most the configured size, counted as it comes, and not waited for for ever.
//!
//! A sender that stalls holds room that others wait for. It is told to send again, which takes no longer than going on.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
};
use futures_util::StreamExt as _;
use tokio::time::{Instant, timeout};

use super::{
    Intake,
    admission::{Admitted, UNKNOWN_BYTES},
};
use crate::Problem;

/// Bytes a second that a body has to come with on average, once patience is at its end.
const SLOWEST: u32 = 16 * 1024;

/// Reads a body; it counts as under way from here until what is returned with it is dropped.
pub(crate) async fn read_body(intake: &Intake, headers: &HeaderMap, body: Body) -> Result<(Bytes, Admitted), Problem> {
    let (limit, patience) = (intake.config.body_limit, intake.config.body_patience);
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(Problem::too_large(limit));
    }
    let mut counted = length.unwrap_or(UNKNOWN_BYTES);
    let mut admitted = intake.admission.admit(counted)?;
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::with_capacity(length.unwrap_or_default());
    let begin = Instant::now();
    loop {
        let may_take = patience + Duration::from_secs(bytes.len() as u64) / SLOWEST;
        let wait = may_take.saturating_sub(begin.elapsed()).min(patience);
        let Ok(chunk) = timeout(wait, chunks.next()).await else {
            return Err(Problem::stalled(patience));
        };
        let Some(chunk) = chunk else { break };
        let chunk = chunk.map_err(|error| Problem::invalid(format!("the body broke off: {error}")))?;
        bytes.extend_from_slice(&chunk);
        if bytes.len() > limit {
            return Err(Problem::too_large(limit));
        }
        if bytes.len() > counted {
            counted = bytes.len() + UNKNOWN_BYTES;
            admitted.resize(counted)?;
        }
    }
    admitted.resize(bytes.len())?;
    Ok((bytes.into(), admitted))
}
