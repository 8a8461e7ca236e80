//! One request to the model, and what its answer means.
//!
//! | answer | meaning |
//! |---|---|
//! | 2xx | the answer |
//! | 408, 409, 429, 5xx, no connection | not billed: tried again, after as long as the server asks for |
//! | 401, 402, 403, 404 | would befall every call: the replay stops |
//! | other 4xx | this request is refused, now and later |
//! | sent, and no answer | may be billed: not tried again |

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use arc_formats::{
    encode::Api,
    provider::{self, Exchange},
};

use super::{journal::Answer, plan::Target};
use crate::output;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Reasoning models think for minutes.
const TIMEOUT: Duration = Duration::from_mins(10);
/// An answer is not longer.
const LONGEST_ANSWER: u64 = 32 * 1024 * 1024;
/// Attempts at one call.
const ATTEMPTS: u32 = 6;
/// The first wait between attempts; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait, whatever the server asks for.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// The connection to a model.
#[derive(Debug)]
pub(super) struct Endpoint {
    agent: ureq::Agent,
    api: Api,
    url: String,
    key: Option<String>,
}

/// What became of a call.
#[derive(Debug)]
pub(super) enum Asked {
    Answered(Box<Answer>),
    /// This request is refused.
    Refused(String),
    /// It was sent, and nothing came back.
    Unanswered(String),
    /// No call gets through: why.
    Closed(String),
}

/// What one attempt came to.
enum Attempt {
    Done(Asked),
    Later(String, Option<Duration>),
}

impl Endpoint {
    pub(super) fn new(target: &Target, key: Option<String>) -> Self {
        let roots = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build();
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would take the prompts, and the key, to somebody else.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(TIMEOUT))
            .user_agent(concat!("arc-eval/", env!("CARGO_PKG_VERSION")))
            .tls_config(roots);
        if target.is_here {
            config = config.proxy(None);
        }
        Self { agent: config.build().new_agent(), api: target.api, url: target.url.clone(), key }
    }

    /// Asks one call, with patience; `stop` ends the waiting between attempts.
    pub(super) fn ask(&self, body: &str, stop: &AtomicBool) -> Asked {
        let mut wait = FIRST_WAIT;
        let mut attempt = 1;
        loop {
            let (why, asked_for) = match self.attempt(body) {
                Attempt::Done(asked) => return asked,
                Attempt::Later(why, asked_for) => (why, asked_for),
            };
            if attempt == ATTEMPTS {
                return Asked::Closed(format!("{why}, {ATTEMPTS} times in a row"));
            }
            attempt += 1;
            let until = Instant::now() + asked_for.unwrap_or(wait).min(LONGEST_WAIT);
            wait *= 2;
            while Instant::now() < until {
                if stop.load(Ordering::Relaxed) {
                    return Asked::Closed("it was stopped".to_owned());
                }
                thread::sleep(Duration::from_millis(20).min(until.saturating_duration_since(Instant::now())));
            }
        }
    }

    fn attempt(&self, body: &str) -> Attempt {
        let mut request = self.agent.post(&self.url).content_type("application/json");
        match (self.api, &self.key) {
            (Api::OpenAi, Some(key)) => request = request.header("authorization", format!("Bearer {key}")),
            (Api::Anthropic, key) => {
                request = request.header("anthropic-version", "2023-06-01");
                if let Some(key) = key {
                    request = request.header("x-api-key", key);
                }
            }
            (Api::OpenAi, None) => {}
        }
        let begun = Instant::now();
        let mut response = match request.send(body) {
            Ok(response) => response,
            Err(error) if was_not_sent(&error) => {
                return Attempt::Later(format!("cannot reach {}: {error}", self.url), None);
            }
            Err(error) => return Attempt::Done(Asked::Unanswered(error.to_string())),
        };
        let status = response.status().as_u16();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (retry_after, content_type) = (header("retry-after"), header("content-type"));
        let retry_after_ms = header("retry-after-ms");
        let read = response.body_mut().with_config().limit(LONGEST_ANSWER).read_to_vec();
        let latency_ns = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let bytes = match read {
            Ok(bytes) => bytes,
            // What was not an answer need not be read to its end.
            Err(_) if status >= 400 => Vec::new(),
            Err(error) => return Attempt::Done(Asked::Unanswered(error.to_string())),
        };
        let call = provider::exchange(&Exchange {
            url: Some(&self.url),
            request: Some(body.as_bytes()),
            status: Some(status),
            content_type: content_type.as_deref(),
            response: Some(&bytes),
            is_whole: Some(true),
            is_truncated: false,
            retry_after: retry_after.as_deref(),
        });
        let said = call.error.as_ref().map(|error| error.message.as_str()).filter(|message| !message.is_empty());
        let said = said.map(|said| format!(": {}", output::plain_line(said, 200))).unwrap_or_default();
        let why = format!("HTTP {status}{said}");
        let is_readable = !call.has_unread_response && call.error.is_none();
        match status {
            200..=299 if is_readable => Attempt::Done(Asked::Answered(Box::new(Answer {
                messages: call.messages_out,
                model: call.response_model,
                usage: call.usage,
                latency_ns,
            }))),
            200..=299 => Attempt::Done(Asked::Unanswered(format!("the answer cannot be read{said}"))),
            408 | 409 | 429 | 500..=599 => Attempt::Later(why, wait(retry_after_ms.as_deref(), retry_after.as_deref())),
            300..=399 | 401..=404 => Attempt::Done(Asked::Closed(why)),
            _ => Attempt::Done(Asked::Refused(why)),
        }
    }
}

/// Returns how long the server asks to be left alone: seconds, as `Retry-After` has it, or milliseconds.
fn wait(milliseconds: Option<&str>, seconds: Option<&str>) -> Option<Duration> {
    let number = |text: Option<&str>| text?.trim().parse::<f64>().ok().filter(|number| *number >= 0.0);
    let seconds = number(milliseconds).map(|ms| ms / 1e3).or_else(|| number(seconds))?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Returns whether a request certainly did not reach anybody.
fn was_not_sent(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => true,
        ureq::Error::Timeout(timeout) => matches!(timeout, ureq::Timeout::Connect | ureq::Timeout::Resolve),
        ureq::Error::Io(error) => error.kind() == io::ErrorKind::ConnectionRefused,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_says_how_long_to_wait() {
        assert_eq!(wait(None, Some("2")), Some(Duration::from_secs(2)));
        assert_eq!(wait(Some("250"), Some("1")), Some(Duration::from_millis(250)));
        for bad in ["-1", "Wed, 21 Oct 2026 07:28:00 GMT", "NaN", "1e300"] {
            assert_eq!(wait(None, Some(bad)), None, "{bad}");
        }
    }
}
