//! One batch to the endpoint, and what its answer means.
//!
//! | answer | meaning |
//! |---|---|
//! | 2xx | stored, but for the spans that `partial_success` counts |
//! | 413 | the batch is sent in halves; a single span that is too large is rejected |
//! | 400, 422 | the same: the span that is at fault is found and rejected |
//! | 401, 403, 404 and the like | nothing is wrong with the spans: they stay, somebody has to put it right |
//! | 408, 429, 5xx, no answer | they stay, and are sent again later |

use std::{fmt, io::Write, time::Duration};

use arc_spool::{Batch, Delivery, Group, Progress, otlp_request};
use flate2::{Compression, write::GzEncoder};

/// A batch that is refused as a whole is taken apart in at most so many requests; what is left then is rejected together.
const MOST_REQUESTS: u32 = 200;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(30);
/// As much of an answer is read.
const LONGEST_ANSWER: u64 = 64 * 1024;

/// Where to ship to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The server, as `https://host:port`; `/v1/traces` is added when it is not there.
    pub endpoint: String,
    /// The key, sent as bearer.
    pub api_key: Option<String>,
}

impl Target {
    fn url(&self) -> String {
        let base = self.endpoint.trim_end_matches('/');
        if base.ends_with("/v1/traces") { base.to_owned() } else { format!("{base}/v1/traces") }
    }
}

/// Why a batch could not be delivered. It is still in the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What happened, in words.
    pub message: String,
    /// Whether waiting is enough; otherwise somebody has to change something.
    pub is_passing: bool,
    /// How long the server asks to be left alone.
    pub retry_after: Option<Duration>,
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

/// The connection to an endpoint.
#[derive(Debug)]
pub(crate) struct Endpoint {
    agent: ureq::Agent,
    url: String,
    authorization: Option<String>,
}

/// What an answer says about the spans that were sent.
enum Answer {
    Stored,
    Partly {
        rejected: u64,
        why: String,
    },
    /// Fewer spans at once, or without the one at fault.
    Refused(String),
}

impl Endpoint {
    pub(crate) fn new(target: &Target) -> Self {
        let roots = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would take the prompts, and the key, to somebody else.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(TIMEOUT))
            .user_agent(concat!("arc-eval/", env!("CARGO_PKG_VERSION")))
            .tls_config(roots)
            .build()
            .new_agent();
        let authorization = target.api_key.as_ref().map(|key| format!("Bearer {key}"));
        Self { agent, url: target.url(), authorization }
    }

    /// Delivers a batch: what became of every span, or why none of it can be said to be delivered.
    pub(crate) fn deliver(&self, batch: &Batch) -> Result<Delivery, Trouble> {
        let mut requests = 0;
        self.deliver_groups(batch.groups.clone(), Delivery::stored(), &mut requests)
    }

    fn deliver_groups(&self, groups: Vec<Group>, delivery: Delivery, requests: &mut u32) -> Result<Delivery, Trouble> {
        let spans = count(&groups);
        if spans == 0 {
            return Ok(delivery);
        }
        *requests += 1;
        let why = match self.send(&otlp_request(&groups))? {
            Answer::Stored => return Ok(delivery),
            // Which spans: written twice is written once, so halves tell. Only worth it where a run's end may be among them.
            Answer::Partly { rejected, why } if rejected < spans && runs(&groups) == 0 => {
                return Ok(delivery.reject(why, rejected, 0));
            }
            Answer::Partly { rejected, why } if rejected >= spans => {
                return Ok(delivery.reject(why, spans, runs(&groups)));
            }
            Answer::Partly { why, .. } | Answer::Refused(why) => why,
        };
        if spans == 1 || *requests >= MOST_REQUESTS {
            return Ok(delivery.reject(why, spans, runs(&groups)));
        }
        let (first, second) = halves(groups, spans / 2);
        let delivery = self.deliver_groups(first, delivery, requests)?;
        self.deliver_groups(second, delivery, requests)
    }

    fn send(&self, body: &[u8]) -> Result<Answer, Trouble> {
        if !["http://", "https://"].iter().any(|scheme| self.url.starts_with(scheme)) {
            let text = format!("`{}` is no address of a server: it does not begin with http:// or https://", self.url);
            return Err(lasting(text));
        }
        let mut request = self.agent.post(&self.url);
        request = request.header("content-type", "application/x-protobuf").header("content-encoding", "gzip");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let body = gzip(body).map_err(|error| passing(format!("cannot compress a batch: {error}")))?;
        let unreachable = |error: ureq::Error| passing(format!("cannot reach {}: {error}", self.url));
        let mut response = request.send(&body[..]).map_err(unreachable)?;
        let status = response.status().as_u16();
        let retry_after =
            response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let answer = response.body_mut().with_config().limit(LONGEST_ANSWER).read_to_vec().unwrap_or_default();
        match status {
            200..=299 => Ok(partial_success(&answer)),
            413 => Ok(Answer::Refused("too large for the server (HTTP 413)".to_owned())),
            400 | 422 => Ok(Answer::Refused(format!("refused by the server (HTTP {status}{})", said(&answer)))),
            408 | 429 | 500..=599 => Err(Trouble {
                retry_after: retry_after.map(Duration::from_secs),
                ..passing(format!("{} answers HTTP {status}{}", self.url, said(&answer)))
            }),
            401 | 403 => Err(lasting(format!(
                "{} answers HTTP {status}: {}",
                self.url,
                if self.authorization.is_some() {
                    "it does not accept the key in ARC_EVAL_API_KEY"
                } else {
                    "it wants a key; set ARC_EVAL_API_KEY"
                }
            ))),
            _ => Err(lasting(format!(
                "{} answers HTTP {status}{}: is this the address of an OTLP server?",
                self.url,
                said(&answer)
            ))),
        }
    }
}

fn passing(message: String) -> Trouble {
    Trouble { message, is_passing: true, retry_after: None }
}

fn lasting(message: String) -> Trouble {
    Trouble { message, is_passing: false, retry_after: None }
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4 + 64), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

fn count(groups: &[Group]) -> u64 {
    groups.iter().map(|group| group.spans.len() as u64).sum()
}

/// Returns how many runs end in these spans.
fn runs(groups: &[Group]) -> u64 {
    let spans = groups.iter().flat_map(|group| &group.spans);
    spans.filter(|span| span.root && span.progress != Progress::Running).count() as u64
}

fn halves(groups: Vec<Group>, mut first_half: u64) -> (Vec<Group>, Vec<Group>) {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for mut group in groups {
        let spans = group.spans.len() as u64;
        if first_half >= spans {
            first_half -= spans;
            first.push(group);
            continue;
        }
        let rest = group.spans.split_off(usize::try_from(first_half).unwrap_or(0));
        first_half = 0;
        second.push(Group { context: group.context.clone(), spans: rest });
        if !group.spans.is_empty() {
            first.push(group);
        }
    }
    (first, second)
}

/// OTLP's `ExportTraceServiceResponse`.
#[derive(Clone, PartialEq, prost::Message)]
struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_spans: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

fn partial_success(answer: &[u8]) -> Answer {
    // An answer in another form is no reason to send everything again: the status says that it is stored.
    let response: ExportResponse = prost::Message::decode(answer).unwrap_or_default();
    match response.partial_success {
        Some(partial) if partial.rejected_spans > 0 => Answer::Partly {
            rejected: partial.rejected_spans.cast_unsigned(),
            why: Some(one_line(&partial.error_message))
                .filter(|why| !why.is_empty())
                .unwrap_or_else(|| "rejected by the server without a reason".to_owned()),
        },
        _ => Answer::Stored,
    }
}

/// Returns what an error's body says, where it is text.
fn said(answer: &[u8]) -> String {
    let text = std::str::from_utf8(answer).map(one_line).unwrap_or_default();
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

/// The server's text goes to a terminal: one line, no control characters, not long.
fn one_line(text: &str) -> String {
    let words = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    words.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect()
}
