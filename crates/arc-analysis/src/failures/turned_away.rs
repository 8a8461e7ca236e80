//! A call was turned away: there were too many, or its credentials were refused.
//!
//! # What
//! A model or tool call that failed with a status or an exception made for it: 429 and its names, 401 and its names.
//!
//! # Why it matters
//! The first passes by itself, the second never does; a retry is right for the one and useless for the other.
//!
//! # Example
//! ```text
//! llm gpt-4o !429 "too many requests"
//! ```
//!
//! # When it is wrong
//! An emitter that writes neither the status nor the class of its error is not seen; one that names its own errors like
//! these is.

use arc_model::{Evidence, Field, Json, Span, Status};

use super::{
    Call, Detector, Sighting, View,
    result::{self, Content},
    status_error,
};

/// Finds calls that were turned away because there were too many.
pub(super) struct RateLimit;

/// Finds calls whose credentials were refused.
pub(super) struct AuthExpired;

/// Statuses and classes of errors that say it.
pub(super) const TOO_MANY: &[&str] = &[
    "429",
    "RateLimitError",
    "RateLimitExceeded",
    "ResourceExhausted",
    "ThrottlingException",
    "TooManyRequests",
    "TooManyRequestsError",
    "TooManyRequestsException",
];

const REFUSED: &[&str] = &[
    "401",
    "AuthenticationError",
    "ExpiredTokenException",
    "NotAuthenticated",
    "Unauthenticated",
    "Unauthorized",
    "UnauthorizedError",
    "UnrecognizedClientException",
];

/// Attributes in which a call's HTTP status stands.
const STATUSES: &[&str] = &["http.response.status_code", "http.status_code", "arc_eval.http.status"];

impl Detector for RateLimit {
    fn leaf(&self) -> &'static str {
        "rate-limit"
    }

    fn version(&self) -> u32 {
        1
    }

    // Most runs wait and go on.
    fn is_certain(&self) -> bool {
        false
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        turned_away(view, TOO_MANY, "was turned away because there were too many calls")
    }
}

impl Detector for AuthExpired {
    fn leaf(&self) -> &'static str {
        "auth-expired"
    }

    fn version(&self) -> u32 {
        1
    }

    // The agent may know another way.
    fn is_certain(&self) -> bool {
        false
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        turned_away(view, REFUSED, "was turned away because its credentials were refused")
    }
}

/// Returns the calls that failed with one of these statuses or classes.
pub(super) fn turned_away(view: &View<'_>, names: &[&str], why: &str) -> Vec<Sighting> {
    let models = view.models().iter().map(|span| (span.name.as_str(), evidence(span, names)));
    let calls = view.calls().iter().map(|call| (call.name, of_call(call, names)));
    let found = models
        .chain(calls)
        .filter_map(|(name, first)| Some(Sighting { title: format!("{name} {why}"), first: first?, more: Vec::new() }));
    found.collect()
}

/// Fields of a result in which a tool passes on the status it got.
const RESULT_STATUSES: &[&str] = &["status_code", "statusCode", "http_status", "status"];

/// Returns what shows that a call failed with one of these statuses or classes.
pub(super) fn of_call(call: &Call<'_>, names: &[&str]) -> Option<Evidence> {
    if let Some(evidence) = call.has_own_span().then(|| evidence(call.span, names)).flatten() {
        return Some(evidence);
    }
    let Content::Json(result) = result::content(call.result?) else { return None };
    let (name, status) =
        RESULT_STATUSES.iter().find_map(|name| Some((name, result.get(name)?.as_u64()?.to_string())))?;
    let field = if call.has_own_span() { Field::ToolResult } else { Field::Input };
    let shown = || Evidence::new(call.shown_by.span_id, field, &format!("{name}: {status}"));
    names.contains(&status.as_str()).then(shown)
}

fn evidence(span: &Span, names: &[&str]) -> Option<Evidence> {
    let Status::Error { kind, .. } = &span.status else { return None };
    let class = kind.as_deref().map(|kind| kind.rsplit('.').next().unwrap_or(kind));
    let exceptions = span.events.iter().filter_map(|event| event.attributes.get("exception.type")?.as_str());
    let mut classes = class.into_iter().chain(exceptions.map(|name| name.rsplit('.').next().unwrap_or(name)));
    if classes.any(|class| names.contains(&class)) {
        return Some(Evidence::new(span.span_id, Field::Status, &status_error(span)?));
    }
    STATUSES.iter().find_map(|name| {
        let status = span.attributes.get(*name).and_then(Json::as_u64)?.to_string();
        let field = Field::Attribute((*name).to_owned());
        names.contains(&status.as_str()).then(|| Evidence::new(span.span_id, field, &status))
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    #[test]
    fn a_call_that_was_turned_away_says_why() {
        check(
            "rate-limit",
            "llm gpt-4o !429 \"slow down\"\nllm gpt-4o -> \"fine\"",
            expect![[r"
            medium gpt-4o was turned away because there were too many calls
              span 1 status `429: slow down`
        "]],
        );
        check(
            "auth-expired",
            "tool crm {} !openai.AuthenticationError \"bad key\"",
            expect![[r"
            high crm was turned away because its credentials were refused
              span 1 status `openai.AuthenticationError: bad key`
        "]],
        );
    }

    #[test]
    fn another_error_and_a_word_in_a_message_are_not_taken_for_it() {
        check("rate-limit", "llm gpt-4o !500 \"429 apples\"\nllm gpt-4o -> \"429\"", expect![[""]]);
        check("auth-expired", "tool crm {} !ValueError \"401\"", expect![[""]]);
    }
}
