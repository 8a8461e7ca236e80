//! Taking in files that are sent here: the same as `arc-eval import`.

use arc_app::{Detected, Imported, Source};
use arc_model::{AgentName, Diagnostic, DiagnosticSeverity};
use axum::{Json, body::Body, extract::State, http::HeaderMap};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Problem,
    error::Problems,
    extract::{Query, given, project},
    otlp::{Intake, read_body},
};

/// Most remarks that an answer holds.
const MOST_DIAGNOSTICS: usize = 1_000;

/// What a file is.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportParams {
    /// The project; the header `x-arc-eval-project` names it as well. Default: `default`.
    project: Option<String>,
    /// The name of the file; runs that name no agent get it as theirs.
    name: Option<String>,
    /// The id of its format, of those in docs/reference/formats.md. Default: it is recognised.
    format: Option<String>,
    /// The agent of every run in it. Default: the one that each run names.
    agent: Option<String>,
}

/// What became of a file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportResult {
    /// The format that was recognised, of several the first.
    #[schema(required = true)]
    format: Option<String>,
    /// Every format that was recognised, and by what.
    detected: Vec<DetectedFormat>,
    /// Runs in it.
    runs: u64,
    /// Spans read.
    spans: u64,
    /// Of these, those that were not known before.
    new: u64,
    /// Those that replaced what was known.
    updated: u64,
    /// Those that said nothing new.
    unchanged: u64,
    /// What was noticed; everything that was not taken in has one of severity `rejected`.
    diagnostics: Vec<ImportDiagnostic>,
    /// How many more remarks there are than the answer holds.
    diagnostics_left_off: u64,
}

/// Something noticed while a file was read.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportDiagnostic {
    /// What became of the thing concerned.
    severity: ImportSeverity,
    /// Where in the file.
    place: ImportPlace,
    /// What was found, what was expected, and what to do.
    message: String,
}

/// What became of a thing in a file.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ImportSeverity {
    /// Taken in; worth knowing.
    Note,
    /// Taken in after a repair.
    Repaired,
    /// Not taken in.
    Rejected,
}

/// Where in a file something was noticed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportPlace {
    /// Line, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    /// JSON pointer within the line or file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
    /// The span, as its id was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    span: Option<String>,
}

impl From<Diagnostic> for ImportDiagnostic {
    fn from(diagnostic: Diagnostic) -> Self {
        let Diagnostic { severity, source: _, place, message } = diagnostic;
        let severity = match severity {
            DiagnosticSeverity::Note => ImportSeverity::Note,
            DiagnosticSeverity::Repaired => ImportSeverity::Repaired,
            DiagnosticSeverity::Rejected => ImportSeverity::Rejected,
        };
        Self { severity, place: ImportPlace { line: place.line, pointer: place.pointer, span: place.span }, message }
    }
}

/// A format that was recognised.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DetectedFormat {
    /// Its id.
    format: String,
    /// How well it fits, out of 100; `null` when the format was asked for.
    #[schema(required = true)]
    score: Option<u8>,
    /// What it was recognised by.
    because: String,
    /// How many records were recognised by it.
    records: u64,
}

impl From<Detected> for DetectedFormat {
    fn from(detected: Detected) -> Self {
        let Detected { format, score, because, records } = detected;
        Self { format: format.to_owned(), score, because: because.to_owned(), records }
    }
}

impl From<Imported> for ImportResult {
    fn from(imported: Imported) -> Self {
        let Imported { format, detected, spans, traces, appended, mut diagnostics } = imported;
        let left_off = diagnostics.len().saturating_sub(MOST_DIAGNOSTICS);
        diagnostics.truncate(MOST_DIAGNOSTICS);
        Self {
            format: format.map(str::to_owned),
            detected: detected.into_iter().map(DetectedFormat::from).collect(),
            runs: traces,
            spans,
            new: appended.new,
            updated: appended.updated,
            unchanged: appended.unchanged,
            diagnostics: diagnostics.into_iter().map(ImportDiagnostic::from).collect(),
            diagnostics_left_off: left_off as u64,
        }
    }
}

/// A file in any of the formats.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only its description is used")]
struct FileBytes(Vec<u8>);

/// Takes in a file of runs in any known format, also packed with gzip or zstd, or a zip archive of them.
///
/// 200 means that what was read is durable; the runs are analysed shortly after. Importing a file again changes nothing.
#[utoipa::path(
    post, path = "/api/v1/import", operation_id = "import_file", tag = "import", params(ImportParams),
    request_body(content((FileBytes = "application/octet-stream"))),
    responses(
        (status = 200, description = "What was taken in, and what was not", body = ImportResult),
        (status = 413, description = "The file is too large, as sent or unpacked"),
        (status = 429, description = "Too much is under way; try again after `Retry-After`"),
        Problems
    )
)]
pub(crate) async fn take_in(
    State(intake): State<Intake>,
    headers: HeaderMap,
    Query(params): Query<ImportParams>,
    body: Body,
) -> Result<Json<ImportResult>, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    let (bytes, admitted) = read_body(&intake, &headers, body).await?;
    let source = Source { name: given(params.name.as_deref()), format: given(params.format.as_deref()) };
    let agent = given(params.agent.as_deref()).map(AgentName::from);
    // How the file is packed is told by its content, whatever the headers say.
    let limit = intake.config.body_limit as u64;
    let imported = intake.app.import_upload(&project, bytes.into(), source, agent, limit).await?;
    drop(admitted);
    Ok(Json(imported.into()))
}
