//! What was captured and what was not.

use arc_app::{App, Ledger, SpoolState, SpoolStatus};
use arc_model::{Capture, CaptureCounts, CaptureRuns, Timestamp};
use axum::{Json, extract::State, http::HeaderMap};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Problem,
    error::Problems,
    extract::{ProjectParams, Query, project},
};

/// The capture ledger of a project.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct CaptureLedger {
    /// Sources of which something was found missing in the last seven days.
    recent_gaps: u64,
    /// The sum over all sources.
    total: CaptureTotal,
    /// How the reader of the spool on this machine fares; `null` when this server does not read it.
    #[schema(required = true)]
    spool: Option<Spool>,
    /// Every source, the one with the latest news first.
    sources: Vec<CaptureSource>,
}

/// What became of everything that was captured.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct CaptureTotal {
    /// Runs, of the sources that say how many they started.
    runs: CaptureRuns,
    /// Runs of whose end nothing is stored: they go on, are on their way, or are lost where their process is gone.
    runs_in_flight: u64,
    /// The rest.
    counts: CaptureCounts,
}

/// What became of what one source captured.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct CaptureSource {
    /// The source and its counts.
    #[serde(flatten)]
    capture: Capture,
    /// Runs of whose end nothing is stored: they go on, are on their way, or are lost where the process is
    /// gone; `null` for a source that does not say how many it started.
    #[schema(required = true)]
    runs_in_flight: Option<u64>,
    /// Whether something is known to be missing.
    has_gap: bool,
}

/// How the reader of the spool fares.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Spool {
    /// What it does.
    state: SpoolReader,
    /// Since when.
    since: Timestamp,
    /// Why it waits; `null` while it reads.
    #[schema(required = true)]
    why: Option<String>,
    /// Processes that have files in the spool.
    processes: u64,
    /// Their size.
    bytes: u64,
}

/// What the reader of the spool does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SpoolReader {
    /// It takes in what is written.
    Reading,
    /// It waits, because the store or the spool fails; nothing is lost meanwhile.
    Waiting,
}

impl Spool {
    /// Returns what the reader does.
    pub(crate) const fn state(&self) -> SpoolReader {
        self.state
    }
}

impl From<SpoolStatus> for Spool {
    fn from(status: SpoolStatus) -> Self {
        let SpoolStatus { state, since, why, processes, bytes } = status;
        let state = match state {
            SpoolState::Reading => SpoolReader::Reading,
            SpoolState::Waiting => SpoolReader::Waiting,
        };
        Self { state, since, why, processes, bytes }
    }
}

impl From<Ledger> for CaptureLedger {
    fn from(ledger: Ledger) -> Self {
        let Ledger { sources, total, recent_gaps, spool } = ledger;
        let source = |capture: Capture| CaptureSource {
            runs_in_flight: capture.runs.map(CaptureRuns::in_flight),
            has_gap: capture.has_gap(),
            capture,
        };
        let runs = total.runs.unwrap_or_default();
        Self {
            recent_gaps,
            total: CaptureTotal { runs, runs_in_flight: runs.in_flight(), counts: total.counts },
            spool: spool.map(Spool::from),
            sources: sources.into_iter().map(source).collect(),
        }
    }
}

/// Says what was captured and what was not: per process, per exporter and in total.
#[utoipa::path(
    get, path = "/api/v1/capture", operation_id = "get_capture", tag = "capture", params(ProjectParams),
    responses((status = 200, description = "The capture ledger", body = CaptureLedger), Problems)
)]
pub(crate) async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    Query(params): Query<ProjectParams>,
) -> Result<Json<CaptureLedger>, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    Ok(Json(app.ledger(&project).await?.into()))
}
