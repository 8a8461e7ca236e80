//! Asks the running server: plain requests, and the live feed as server-sent events.

use std::{
    io::{self, BufRead, BufReader},
    time::Duration,
};

use arc_model::{ProjectId, Run};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    config::Config,
    failure::{Exit, Failure},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A stream without any sign of life for this long is taken for dead; the server sends one every 15 s.
const SILENCE: Duration = Duration::from_mins(1);
/// Pause before the next attempt to reach a server that went away.
pub(crate) const RETRY: Duration = Duration::from_secs(1);

/// The server that `endpoint` names.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    http: ureq::Agent,
    endpoint: String,
    project: ProjectId,
}

/// A run that settled, or settled anew.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RunEvent {
    /// The event's number.
    pub(crate) seq: u64,
    /// The run as it is now.
    pub(crate) run: Run,
}

impl Server {
    pub(crate) fn new(config: &Config) -> Self {
        let http = ureq::Agent::config_builder()
            // The server is this machine or one reached directly; a proxy would look elsewhere.
            .proxy(None)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_per_read(Some(SILENCE))
            .build()
            .new_agent();
        Self { http, endpoint: config.endpoint.clone(), project: config.project.clone() }
    }

    /// Returns the address.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns whether it answers, at once or not at all.
    pub(crate) fn answers(&self) -> bool {
        let request = self.http.get(format!("{}/api/v1/health", self.endpoint)).config();
        request
            .timeout_global(Some(Duration::from_millis(500)))
            .build()
            .call()
            .is_ok_and(|reply| reply.status().is_success())
    }

    /// Reads a JSON resource; `path` has no query.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let mut response = self.request(path, None)?;
        let body = response.body_mut().read_json();
        body.map_err(|error| {
            Failure::unreadable(format!("{}{path} did not answer as expected: {error}", self.endpoint))
        })
    }

    /// Follows the feed after an event, or from now on. The feed is on when this returns.
    pub(crate) fn follow(
        &self,
        after: Option<u64>,
    ) -> Result<impl Iterator<Item = io::Result<RunEvent>> + use<>, Failure> {
        let response = self.request("/api/v1/events", after)?;
        Ok(events(BufReader::new(response.into_body().into_reader())))
    }

    fn request(&self, path: &str, after: Option<u64>) -> Result<ureq::http::Response<ureq::Body>, Failure> {
        let url = format!("{}{path}?project={}", self.endpoint, escaped(self.project.as_str()));
        let mut request = self.http.get(&url);
        if let Some(after) = after {
            request = request.header("last-event-id", after.to_string());
        }
        let mut response = request.call().map_err(|error| {
            Failure::unreadable(format!(
                "no server answers at {}: {error}\nstart one with `arc-eval serve`, or set ARC_EVAL_ENDPOINT to where it is",
                self.endpoint
            ))
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        // The body is problem+json from our server, anything from another one.
        let problem: Option<Problem> = response.body_mut().read_json().ok();
        let detail = problem.and_then(|problem| problem.detail.or(problem.title)).unwrap_or_else(|| status.to_string());
        let exit = if status.is_client_error() { Exit::Usage } else { Exit::Unreadable };
        Err(Failure::new(exit, format!("{} refuses {path}: {detail}", self.endpoint)))
    }
}

#[derive(Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
}

/// Reads the events named `run` of a stream. An error ends it.
fn events(mut stream: impl BufRead) -> impl Iterator<Item = io::Result<RunEvent>> {
    let (mut name, mut data, mut line) = (String::new(), String::new(), String::new());
    std::iter::from_fn(move || {
        loop {
            line.clear();
            match stream.by_ref().read_line(&mut line) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
            let text = line.trim_end_matches(['\r', '\n']);
            if let Some(value) = text.strip_prefix("event:") {
                value.trim_start().clone_into(&mut name);
            } else if let Some(value) = text.strip_prefix("data:") {
                data.push_str(value.trim_start());
            } else if text.is_empty() {
                let (is_run, event) = (name == "run", serde_json::from_str(&data));
                name.clear();
                data.clear();
                if is_run {
                    return Some(event.map_err(io::Error::other));
                }
            }
        }
    })
}

/// Writes a text so that it can stand in a URL.
pub(crate) fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_escaped_byte_by_byte() {
        assert_eq!(escaped("Ärzte/1 & 2"), "%C3%84rzte%2F1%20%26%202");
    }

    #[test]
    fn only_events_named_run_are_events_of_the_feed() {
        let stream = ": keep-alive\n\nid: 4\nretry: 1000\n\nevent: other\ndata: {}\n\nevent: run\ndata: {broken\n\n";
        let found: Vec<_> = events(stream.as_bytes()).collect();
        assert_eq!(found.len(), 1);
        assert!(found[0].is_err());
    }
}
