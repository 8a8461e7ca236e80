//! What every request passes: who may ask, and what browsers are told about the answers.
//!
//! The server has no password by default and trusts whoever can reach it, so a page on the web must
//! not reach it through a visitor's browser: a foreign name that resolves to this machine is told
//! by its `Host`, a foreign page by its `Origin`.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{Problem, ServerConfig};

const LOCAL_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Styles may be inline because the page's components set them; scripts may not.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; font-src 'self' data:; connect-src 'self'; manifest-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Turns away requests that a foreign page may have caused.
pub(crate) async fn check_caller(State(config): State<Arc<ServerConfig>>, request: Request, next: Next) -> Response {
    match refusal(&config, &request) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

/// Adds the headers that browsers obey.
pub(crate) async fn add_headers(request: Request, next: Next) -> Response {
    let is_page = !is_api(request.uri().path());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !is_page && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Returns whether a path belongs to the API and never to the page.
pub(crate) fn is_api(path: &str) -> bool {
    ["/api", "/v1", "/gateway"]
        .iter()
        .any(|root| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

fn refusal(config: &ServerConfig, request: &Request) -> Option<Problem> {
    let text = |name| request.headers().get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
    let host = text(header::HOST).or_else(|| request.uri().authority().map(axum::http::uri::Authority::as_str));
    if !host.is_some_and(|host| is_allowed(config, host)) {
        return Some(Problem::forbidden(format!(
            "this server does not answer to the host `{}`; reach it as localhost or 127.0.0.1",
            host.unwrap_or_default()
        )));
    }
    let is_reading = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let origin = text(header::ORIGIN).filter(|_| !is_reading)?;
    let origin_host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    if origin_host.is_some_and(|host| is_allowed(config, host)) {
        return None;
    }
    Some(Problem::forbidden(format!("pages of the origin `{origin}` may not change anything here")))
}

fn is_allowed(config: &ServerConfig, authority: &str) -> bool {
    let Some(host) = without_port(authority) else { return false };
    let host = host.trim_end_matches('.');
    let is_host = |known: &str| known.eq_ignore_ascii_case(host);
    LOCAL_HOSTS.iter().any(|known| is_host(known)) || config.allowed_hosts.iter().any(|known| is_host(known))
}

/// Returns the host of `host`, `host:port`, `[address]` or `[address]:port`; `None` for all else.
fn without_port(authority: &str) -> Option<&str> {
    let end = match authority.strip_prefix('[') {
        Some(address) => address.find(']')? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at_checked(end)?;
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port)).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_and_configured_names_are_hosts() {
        let config = ServerConfig { allowed_hosts: vec!["arc.example.com".into()], ..ServerConfig::default() };
        for host in
            ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]", "[::1]:8000", "arc.example.com:443", "localhost."]
        {
            assert!(is_allowed(&config, host), "{host}");
        }
        for host in [
            "",
            "evil.com",
            "localhost.evil.com",
            "localhost@evil.com",
            "127.0.0.1.nip.io",
            "[::1",
            "[::1]x",
            "localhost:",
            "localhost:80:90",
            "::1",
        ] {
            assert!(!is_allowed(&config, host), "{host}");
        }
    }

    #[test]
    fn a_path_of_the_page_may_begin_like_the_api() {
        assert!(is_api("/api") && is_api("/api/x") && is_api("/v1/traces"));
        assert!(!is_api("/apiary") && !is_api("/v1x") && !is_api("/runs/api"));
    }
}
