//! Errors as `application/problem+json` (RFC 9457). The only place that chooses a status for one.
//!
//! What a caller can act on is in the detail; what went wrong inside is logged and never sent.

use std::time::Duration;

use arc_app::AppError;
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoResponses, ToSchema};

/// Seconds after which a request that the store had no room for is worth another try.
const RETRY_AFTER_SECONDS: u32 = 1;

/// Why a request was not answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What sort of problem it is; stable, for programs.
    #[serde(rename = "type")]
    kind: String,
    /// What sort of problem it is, for people.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What is wrong with this request and what to do about it.
    detail: String,
}

impl Problem {
    fn new(status: StatusCode, kind: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:arc-eval:problem:{kind}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
        }
    }

    /// The request makes no sense as it is.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid-request", "The request is invalid", detail)
    }

    /// There is no such thing.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    /// The request comes from where requests are not taken from.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "The request is not allowed", detail)
    }

    /// The path exists, but not for this method.
    pub(crate) fn method_not_allowed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The method is not allowed", detail)
    }

    /// The body is bigger than what is taken.
    pub(crate) fn too_large(limit: usize) -> Self {
        let detail = format!("the body is larger than {limit} bytes, as sent or unpacked; send smaller batches");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The request is too large", detail)
    }

    /// The body began and did not go on. Exporters send again what is answered with 503, and nothing that is with 408.
    pub(crate) fn stalled(patience: Duration) -> Self {
        let detail = format!("the body did not go on within {} s; send it again", patience.as_secs_f64());
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stalled", "The request did not go on", detail)
    }

    /// The body is of a type that is not read here.
    pub(crate) fn unsupported_media(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "The media type is not supported",
            detail,
        )
    }

    /// More is under way than the server may hold at once.
    pub(crate) fn too_busy() -> Self {
        let detail = "more is being taken in than this server may hold at once; try again in a moment";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too-busy", "Too much at once", detail)
    }

    /// Whoever the request was to be passed on to does not answer.
    pub(crate) fn unreachable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "unreachable", "The provider cannot be reached", detail)
    }

    /// Returns the HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// After how many seconds a [passing](Self::is_passing) problem may be gone.
    pub(crate) const RETRY_AFTER_SECONDS: u32 = RETRY_AFTER_SECONDS;

    /// Returns whether the same request may be taken later.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self.status(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
    }

    /// Returns what sort of problem it is, in words.
    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    /// Returns what is wrong with the request.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// Adds to a response what goes with the problem's status besides the body.
    pub(crate) fn set_headers(&self, response: &mut Response) {
        if self.is_passing() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        }
        if self.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd"));
        }
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Invalid(detail) => Self::invalid(detail),
            AppError::Unreadable(_) => Self::invalid(error.to_string()),
            AppError::Unavailable(_) | AppError::Spool(_) | AppError::Interrupted(_) => {
                tracing::warn!(cause = chain(&error), "a request was turned away: {error}");
                let detail = "the store cannot take the request at the moment; try again";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Temporarily unavailable", detail)
            }
            AppError::Store(_) => {
                tracing::error!(cause = chain(&error), "a request failed: {error}");
                let detail = "something went wrong inside; the log of the server says what";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error", detail)
            }
        }
    }
}

/// Returns the causes of an error, outermost first.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(&self)).into_response();
        let media = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, media);
        self.set_headers(&mut response);
        response
    }
}

/// The problems any request may meet.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) enum Problems {
    /// The request is invalid: a parameter, a cursor or the name of the project.
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(Problem),
    /// The request names a host or comes from an origin that is not allowed.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// Something went wrong inside; the log says what.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(Problem),
    /// The store is busy; try again after the seconds that `Retry-After` names.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}
