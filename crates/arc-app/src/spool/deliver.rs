//! One batch of the spool into the store: decoded, stored durably, and what could not be taken in told apart.
//!
//! A record nobody can read, or that the store refuses, is rejected alone and with a reason; it never
//! holds up the rest. A store that fails is a different thing: then the whole batch comes again later.

use std::collections::BTreeMap;

use arc_formats::decode_otlp_protobuf;
use arc_model::{Diagnostic, DiagnosticSeverity, ProjectId, Span, TraceId};
use arc_spool::{Batch, Delivery, MergedSpan, Progress};

use super::late;
use crate::{App, AppError, capture::reason, ingest::by_project};

/// What became of a batch.
pub(super) struct Delivered {
    /// What is to be noted.
    pub(super) delivery: Delivery,
    /// The project of its spans.
    pub(super) project: Option<ProjectId>,
    /// Runs that began.
    pub(super) begun: Vec<(ProjectId, TraceId)>,
    /// Runs whose process died.
    pub(super) died: Vec<(ProjectId, TraceId)>,
}

/// How far each run is whose root is in a batch, by the id of the root as text.
type Roots = BTreeMap<String, Progress>;

impl App {
    /// Stores a batch and returns once it is durable. An error means that nothing is decided.
    pub(super) async fn deliver(&self, batch: &Batch) -> Result<Delivered, AppError> {
        let roots = roots(batch);
        let request = late::with_ids(batch);
        let decode = move || decode_otlp_protobuf(&request);
        let decoded = self.tasks().compute(decode).await.map_err(AppError::Interrupted)?;
        let mut diagnostics = decoded.diagnostics;
        let mut delivered = Delivered { delivery: Delivery::stored(), project: None, begun: vec![], died: vec![] };
        for (project, spans) in by_project(&ProjectId::default(), decoded.spans, &mut diagnostics) {
            delivered.note(&project, &spans, &roots);
            let mut empty = Vec::new();
            let spans = self.complete_late(&project, spans, batch, &mut empty).await?;
            for span in empty {
                delivered.reject(&span, "nothing of it can be read", &roots);
            }
            for (span, why) in self.store_or_reject(&project, spans).await? {
                delivered.reject(&span, &why, &roots);
            }
        }
        for rejected in diagnostics.iter().filter(|diagnostic| is_rejected_span(diagnostic)) {
            let span = rejected.place.span.as_deref().unwrap_or_default();
            tracing::warn!("a record of the spool was rejected: {rejected}");
            delivered.reject(span, &reason(&rejected.message), &roots);
        }
        Ok(delivered)
    }

    /// Stores spans; returns those that the store refuses for good, with the reason.
    async fn store_or_reject(&self, project: &ProjectId, spans: Vec<Span>) -> Result<Vec<(String, String)>, AppError> {
        match self.ingest(project, spans.clone()).await {
            Ok(_) => return Ok(Vec::new()),
            Err(AppError::Invalid(_) | AppError::Store(_)) => {}
            Err(error) => return Err(error),
        }
        let mut refused = Vec::new();
        for span in spans {
            let id = span.span_id.to_string();
            match self.ingest(project, vec![span]).await {
                Ok(_) => {}
                Err(AppError::Invalid(why)) => refused.push((id, reason(&why))),
                // What is stored of its run is damaged; if nothing can be read at all, it is the store that fails.
                Err(error @ AppError::Store(_)) => match self.inner.registry.projects().await {
                    Ok(_) => refused.push((id, "what is stored of its run is damaged".to_owned())),
                    Err(_) => return Err(error),
                },
                Err(error) => return Err(error),
            }
        }
        Ok(refused)
    }
}

impl Delivered {
    fn note(&mut self, project: &ProjectId, spans: &[Span], roots: &Roots) {
        self.project.get_or_insert_with(|| project.clone());
        for span in spans {
            match roots.get(&span.span_id.to_string()) {
                Some(Progress::Closed) => self.died.push((project.clone(), span.trace_id)),
                Some(Progress::Running) => self.begun.push((project.clone(), span.trace_id)),
                _ => {}
            }
        }
    }

    fn reject(&mut self, span: &str, why: &str, roots: &Roots) {
        let is_ended_root = roots.get(span).is_some_and(|progress| *progress != Progress::Running);
        let delivery = std::mem::take(&mut self.delivery);
        self.delivery = delivery.reject(why, 1, u64::from(is_ended_root));
    }
}

fn is_rejected_span(diagnostic: &Diagnostic) -> bool {
    diagnostic.severity == DiagnosticSeverity::Rejected && diagnostic.place.span.is_some()
}

/// Returns how far each run is whose root is in a batch.
fn roots(batch: &Batch) -> Roots {
    let roots = batch.spans().filter(|span| span.root);
    roots.map(|span: &MergedSpan| (hex(&span.span_id), span.progress)).collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
