//! A call got no answer in time.
//!
//! # What
//! A model or tool call that failed with a status or an exception made for it: 408, 504 and their names.
//!
//! # Why it matters
//! The other side may have done what was asked all the same: a retry of a change can do it twice.
//!
//! # Example
//! ```text
//! tool book {flight: "HAT001"} !504 "no answer after 30 s"
//! ```
//!
//! # When it is wrong
//! A call that was slow and came back is none. An emitter that writes no class and no status, or says in prose that it ran
//! out of time, is not seen; there the failed call alone is told.

use super::{Detector, Sighting, View, turned_away::turned_away};

/// Finds calls without an answer in time; the module says when it is wrong.
pub(super) struct ApiTimeout;

/// Statuses and classes of errors that say it.
pub(super) const TIMED_OUT: &[&str] = &[
    "408",
    "504",
    "APITimeoutError",
    "ConnectTimeout",
    "ConnectTimeoutError",
    "DeadlineExceeded",
    "GatewayTimeout",
    "ReadTimeout",
    "ReadTimeoutError",
    "ServerTimeoutError",
    "Timeout",
    "TimeoutError",
    "TimeoutException",
    "TimeoutExpired",
];

impl Detector for ApiTimeout {
    fn leaf(&self) -> &'static str {
        "api-timeout"
    }

    fn version(&self) -> u32 {
        1
    }

    // Most runs try again.
    fn is_certain(&self) -> bool {
        false
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        turned_away(view, TIMED_OUT, "got no answer in time")
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "api-timeout";

    #[test]
    fn a_call_without_an_answer_in_time_is_found_by_its_class_or_status() {
        check(
            LEAF,
            "tool search {q: \"x\"} !httpx.ReadTimeout \"30 s\"\nllm m !504\nllm m -> \"fine\"",
            expect![[r"
                medium search got no answer in time
                  span 1 status `httpx.ReadTimeout: 30 s`
                medium m got no answer in time
                  span 2 status `504`
            "]],
        );
    }

    #[test]
    fn a_word_in_a_message_is_no_timeout() {
        check(LEAF, "tool set_timeout {seconds: 504} !ValueError \"timeout must be below 60\"", expect![[""]]);
    }
}
