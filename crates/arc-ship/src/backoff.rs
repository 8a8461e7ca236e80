//! How long to wait after a failed attempt: twice as long each time, spread at random, so that a thousand processes do not
//! come back to a server that was down at the same moment.

use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_mins(1);
/// A server may ask for more, but not for ever.
const LONGEST_ASKED: Duration = Duration::from_mins(10);

/// Counts failures in a row, and says when to try again.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    until: Option<Instant>,
}

impl Backoff {
    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Notes a failure; `asked` is what the server asked for.
    pub(crate) fn failed(&mut self, asked: Option<Duration>) {
        let doubled = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        // Half of it is certain, the other half is chance.
        let chance = u32::try_from(RandomState::new().hash_one(self.failures) >> 32).unwrap_or(0);
        let spread = doubled / 2 + (doubled / 2).mul_f64(f64::from(chance) / f64::from(u32::MAX));
        let asked = asked.unwrap_or_default().min(LONGEST_ASKED);
        self.until = Some(Instant::now() + spread.max(asked));
    }

    /// Returns how long to wait yet.
    pub(crate) fn remaining(&self) -> Duration {
        self.until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_have_a_bound() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.remaining(), Duration::ZERO);
        for failures in 0..20_u32 {
            backoff.failed(None);
            let expected = FIRST.saturating_mul(1 << failures.min(10)).min(LONGEST);
            let remaining = backoff.remaining() + Duration::from_millis(20);
            assert!(remaining >= expected / 2 && backoff.remaining() <= expected, "{failures}: {remaining:?}");
        }
        backoff.succeeded();
        assert_eq!(backoff.remaining(), Duration::ZERO);
    }

    #[test]
    fn a_server_that_asks_for_time_gets_it() {
        let mut backoff = Backoff::default();
        backoff.failed(Some(Duration::from_secs(30)));
        assert!(backoff.remaining() > Duration::from_secs(29));
        backoff.failed(Some(Duration::from_secs(100_000)));
        assert!(backoff.remaining() <= LONGEST_ASKED);
    }
}
