//! What handlers read from a request, with problems as errors.

use arc_app::App;
use arc_model::ProjectId;
use axum::{
    body::to_bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, request::Parts},
};
use serde::{Deserialize, de::DeserializeOwned};
use utoipa::IntoParams;

use crate::Problem;

/// The header that names the project, where the query does not.
pub(crate) const PROJECT_HEADER: &str = "x-arc-eval-project";

/// Most items of a page.
const MOST_ITEMS: u32 = 500;
/// Items of a page when the request does not say.
const USUAL_ITEMS: u32 = 50;

/// Query parameters; one that is unknown or does not read is a problem that names it.
#[derive(Debug, Clone)]
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(params)) => Ok(Self(params)),
            Err(error) => {
                let text = error.body_text();
                let reason = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
                Err(Problem::invalid(format!("query: {reason}")))
            }
        }
    }
}

/// A segment of the path.
#[derive(Debug, Clone)]
pub(crate) struct Path<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(segment)| Self(segment)).map_err(|error| Problem::invalid(error.body_text()))
    }
}

/// Most bytes of a body that says what to do.
const MOST_BYTES: usize = 64 * 1024;

/// A body of JSON; one that does not read is a problem that says why.
#[derive(Debug, Clone)]
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let bytes = to_bytes(request.into_body(), MOST_BYTES).await;
        let bytes = bytes.map_err(|_| Problem::too_large(MOST_BYTES))?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| Problem::invalid(format!("body: {error}")))
    }
}

/// The parameters of a request that takes no others.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProjectParams {
    /// The project; the header `x-arc-eval-project` names it as well. Default: `default`.
    pub(crate) project: Option<String>,
}

/// Returns the project a request is about: the parameter, else the header, else the default one.
pub(crate) fn project(param: Option<&str>, headers: &HeaderMap) -> Result<ProjectId, Problem> {
    if let Some(name) = given(param) {
        return Ok(App::project(name)?);
    }
    match headers.get(PROJECT_HEADER) {
        None => Ok(ProjectId::default()),
        Some(value) => {
            let name = value.to_str().map_err(|_| Problem::invalid(format!("header {PROJECT_HEADER} is not text")))?;
            Ok(App::project(name)?)
        }
    }
}

/// Returns a text parameter; an empty one counts as not given.
pub(crate) fn given(param: Option<&str>) -> Option<&str> {
    param.filter(|text| !text.is_empty())
}

/// Returns how many items a page may have.
pub(crate) fn limit(param: Option<u32>) -> Result<u32, Problem> {
    match param.unwrap_or(USUAL_ITEMS) {
        limit @ 1..=MOST_ITEMS => Ok(limit),
        limit => Err(Problem::invalid(format!("query: limit: {limit} is not between 1 and {MOST_ITEMS}"))),
    }
}
