//! Searching the text of runs.

use arc_app::{App, Cursor, SearchHit, SearchQuery};
use arc_model::{AgentName, SpanId, Timestamp, TraceId};
use axum::{Json, extract::State, http::HeaderMap};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Problem,
    error::Problems,
    extract::{Query, given, limit, project},
};

/// What to search for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Search {
    /// The project; the header `x-arc-eval-project` names it as well. Default: `default`.
    project: Option<String>,
    /// Words that a span has to contain, all of them, in any case and order.
    q: String,
    /// Only runs of this agent.
    agent: Option<String>,
    /// Only runs at or after this time (RFC 3339).
    since: Option<Timestamp>,
    /// Only runs before this time (RFC 3339).
    until: Option<Timestamp>,
    /// Continue where a page ended: its `next`.
    cursor: Option<String>,
    /// Most places of the page, 1 to 500. Default: 50.
    limit: Option<u32>,
}

/// A page of places, those of the newest run first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct SearchResults {
    /// The places.
    hits: Vec<Hit>,
    /// The `cursor` of the next page; `null` on the last one.
    #[schema(required = true)]
    next: Option<String>,
}

/// A span that contains what was searched for.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Hit {
    /// Its run.
    trace_id: TraceId,
    /// The span.
    span_id: SpanId,
    /// The agent that ran.
    agent: AgentName,
    /// When the run began.
    at: Timestamp,
    /// Which text of the span it is: the role of a message, or `input`, `output`, `arguments`, `result`, `error`;
    /// `unreadable`, with no pieces, where what is stored of the span is damaged.
    field: String,
    /// A piece of that text in order, cut where it begins or ceases to match.
    pieces: Vec<HitPiece>,
}

/// A part of a piece of text.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct HitPiece {
    /// The text as it was written.
    text: String,
    /// Whether it is a word that was searched for.
    is_match: bool,
}

impl From<SearchHit> for Hit {
    fn from(hit: SearchHit) -> Self {
        let SearchHit { trace_id, span_id, agent, at, excerpt } = hit;
        let pieces = excerpt.pieces.into_iter().map(|piece| HitPiece { text: piece.text, is_match: piece.is_match });
        Self { trace_id, span_id, agent, at, field: excerpt.field, pieces: pieces.collect() }
    }
}

/// Finds spans of runs that ended by what is said in them. A run is searchable a moment after it was analysed.
#[utoipa::path(
    get, path = "/api/v1/search", operation_id = "search", tag = "runs", params(Search),
    responses((status = 200, description = "A page of places", body = SearchResults), Problems)
)]
pub(crate) async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    Query(params): Query<Search>,
) -> Result<Json<SearchResults>, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    let query = SearchQuery {
        text: params.q,
        agent: given(params.agent.as_deref()).map(AgentName::from),
        since: params.since,
        until: params.until,
        after: given(params.cursor.as_deref()).map(|cursor| Cursor(cursor.to_owned())),
        limit: limit(params.limit)?,
    };
    let page = app.search(&project, &query).await?;
    let hits = page.items.into_iter().map(Hit::from).collect();
    Ok(Json(SearchResults { hits, next: page.next.map(|Cursor(next)| next) }))
}
