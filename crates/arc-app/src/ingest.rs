//! Taking in spans as they arrive.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use arc_formats::{Decoded, decode_otlp_json, decode_otlp_logs_json, decode_otlp_logs_protobuf, decode_otlp_protobuf};
use arc_model::{Diagnostic, DiagnosticSeverity, Json, Place, ProjectId, Span};
use arc_store::{Appended, StoreError};

use crate::{App, AppError, capture::service_of};

/// The resource attribute by which an emitter names its project.
const PROJECT_ATTRIBUTE: &str = "arc_eval.project";

/// How an OTLP request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtlpEncoding {
    /// Protocol buffers.
    Protobuf,
    /// JSON, as OTLP maps it.
    Json,
}

/// What an OTLP request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtlpSignal {
    /// Spans.
    Traces,
    /// Log records, of which events of generative AI are read.
    Logs,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Ingested {
    /// What became of the spans that were taken in; they are durable.
    pub appended: Appended,
    /// What was noticed; one of severity rejected for each span that was not taken in.
    pub diagnostics: Vec<Diagnostic>,
}

impl App {
    /// Stores spans of a project and returns once they are durable.
    ///
    /// Idempotent and free of order: sending a span again changes nothing.
    pub async fn ingest(&self, project: &ProjectId, spans: Vec<Span>) -> Result<Appended, AppError> {
        if spans.is_empty() {
            return Ok(Appended::default());
        }
        self.ensure_project(project).await?;
        Ok(self.inner.traces.append_owned(project, spans, self.now()).await?)
    }

    /// Reads an OTLP request and stores its spans, each in the project its resource names, else in
    /// `project`. One unusable span never rejects the others. What became of the spans is counted in
    /// the ledger under the service they name and `exporter`, what the sender calls itself.
    pub async fn ingest_otlp(
        &self,
        project: &ProjectId,
        bytes: Vec<u8>,
        encoding: OtlpEncoding,
        exporter: Option<&str>,
    ) -> Result<Ingested, AppError> {
        self.ingest_otlp_signal(project, bytes, OtlpSignal::Traces, encoding, exporter).await
    }

    /// Like [`Self::ingest_otlp`], for a request of either signal.
    pub async fn ingest_otlp_signal(
        &self,
        project: &ProjectId,
        bytes: Vec<u8>,
        signal: OtlpSignal,
        encoding: OtlpEncoding,
        exporter: Option<&str>,
    ) -> Result<Ingested, AppError> {
        let _arrival = Arrival::begin(&self.inner.arriving);
        let noticed = Arc::new(OnceLock::new());
        let (fallback, notice) = (project.clone(), Arc::clone(&noticed));
        let read = move || {
            let Decoded { spans, mut diagnostics, format, .. } = match (signal, encoding) {
                (OtlpSignal::Traces, OtlpEncoding::Protobuf) => decode_otlp_protobuf(&bytes),
                (OtlpSignal::Traces, OtlpEncoding::Json) => decode_otlp_json(&bytes),
                (OtlpSignal::Logs, OtlpEncoding::Protobuf) => decode_otlp_logs_protobuf(&bytes),
                (OtlpSignal::Logs, OtlpEncoding::Json) => decode_otlp_logs_json(&bytes),
            };
            let service = service_of(&spans);
            let groups = by_project(&fallback, spans, &mut diagnostics);
            // Read a second time, it says the same.
            let _ = notice.set((format, service, diagnostics));
            groups.into_iter().collect()
        };
        let all = self.inner.traces.append_read(Arc::new(read), self.now()).await?;
        let Some((format, service, diagnostics)) = noticed.get().cloned() else {
            let source = "the store did not read what it was to store".into();
            return Err(AppError::Store(StoreError::Corrupt { attempted: "append spans".to_owned(), source }));
        };
        if format.is_none() {
            return Err(AppError::Unreadable(diagnostics));
        }
        let mut appended = Appended::default();
        let mut failed = Ok(());
        for (own, one) in all {
            let stored = async {
                let one = one?;
                self.ensure_project(&own).await?;
                Ok::<_, AppError>(one)
            };
            // What is stored counts, whatever becomes of the other projects' spans.
            match stored.await {
                Ok(one) => {
                    appended.new += one.new;
                    appended.updated += one.updated;
                    appended.unchanged += one.unchanged;
                    self.count_request(&own, exporter, service.as_deref(), one.new, &[]).await;
                }
                Err(error) => failed = failed.and(Err(error)),
            }
        }
        failed?;
        // What was rejected has no project of its own.
        self.count_request(project, exporter, service.as_deref(), 0, &diagnostics).await;
        Ok(Ingested { appended, diagnostics })
    }
}

/// A request that is being taken in, counted until this is dropped.
struct Arrival<'a>(&'a AtomicUsize);

impl<'a> Arrival<'a> {
    fn begin(arriving: &'a AtomicUsize) -> Self {
        arriving.fetch_add(1, Ordering::Relaxed);
        Self(arriving)
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) fn by_project(
    fallback: &ProjectId,
    spans: Vec<Span>,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<ProjectId, Vec<Span>> {
    let mut groups: BTreeMap<ProjectId, Vec<Span>> = BTreeMap::new();
    for span in spans {
        let project = match span.resource.get(PROJECT_ATTRIBUTE) {
            None => Ok(fallback.clone()),
            Some(Json::String(name)) => App::project(name),
            Some(_) => Err(AppError::Invalid("the name of a project is a text".to_owned())),
        };
        match project {
            Ok(project) => groups.entry(project).or_default().push(span),
            Err(error) => diagnostics.push(Diagnostic {
                severity: DiagnosticSeverity::Rejected,
                source: None,
                place: Place { span: Some(span.span_id.to_string()), ..Place::default() },
                message: format!("resource attribute {PROJECT_ATTRIBUTE}: {error}"),
            }),
        }
    }
    groups
}
