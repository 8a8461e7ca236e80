//! Taking in whole files.

use std::{collections::BTreeMap, path::Path};

use arc_formats::{Decoded, Detected, MAX_DECOMPRESSED_BYTES, Source};
use arc_model::{AgentName, Attributes, Diagnostic, DiagnosticSeverity, Json, ProjectId, Span, TraceId};
use arc_store::Appended;

use crate::{App, AppError};

/// Spans stored in one transaction; a bigger file takes several.
const BATCH_SPANS: usize = 5_000;

/// What became of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The format that was recognised; `None` when none was.
    pub format: Option<&'static str>,
    /// Every format that was recognised, and by what.
    pub detected: Vec<Detected>,
    /// Spans read.
    pub spans: u64,
    /// Traces they belong to.
    pub traces: u64,
    /// What became of the spans; they are durable.
    pub appended: Appended,
    /// What was noticed; one of severity rejected for everything that was not taken in.
    pub diagnostics: Vec<Diagnostic>,
}

impl App {
    /// Reads a file and stores its spans. Importing it again changes nothing.
    ///
    /// `agent` overrides the name of the agent; without it, a trace that names no agent gets the
    /// name of the file. Call [`App::settle_all`] afterwards to see the runs at once.
    pub async fn import(
        &self,
        project: &ProjectId,
        bytes: Vec<u8>,
        source: Source<'_>,
        agent: Option<AgentName>,
    ) -> Result<Imported, AppError> {
        self.import_from_folder(project, bytes, source, agent, None).await
    }

    /// Imports a file found in a folder that was imported as a whole.
    ///
    /// A file with a single trace is a run of the folder's agent, unless it names one itself.
    pub async fn import_from_folder(
        &self,
        project: &ProjectId,
        bytes: Vec<u8>,
        source: Source<'_>,
        agent: Option<AgentName>,
        folder: Option<String>,
    ) -> Result<Imported, AppError> {
        self.take_file(project, bytes, source, (agent, folder), MAX_DECOMPRESSED_BYTES).await
    }

    /// Imports a file that was sent here, of which at most `limit` bytes are unpacked.
    ///
    /// Fails with [`AppError::Unreadable`] when nothing could be read from it.
    pub async fn import_upload(
        &self,
        project: &ProjectId,
        bytes: Vec<u8>,
        source: Source<'_>,
        agent: Option<AgentName>,
        limit: u64,
    ) -> Result<Imported, AppError> {
        let imported = self.take_file(project, bytes, source, (agent, None), limit).await?;
        if imported.spans == 0
            && imported.diagnostics.iter().any(|found| found.severity == DiagnosticSeverity::Rejected)
        {
            return Err(AppError::Unreadable(imported.diagnostics));
        }
        Ok(imported)
    }

    async fn take_file(
        &self,
        project: &ProjectId,
        bytes: Vec<u8>,
        source: Source<'_>,
        (agent, folder): (Option<AgentName>, Option<String>),
        limit: u64,
    ) -> Result<Imported, AppError> {
        let (name, format) = (source.name.map(str::to_owned), source.format.map(str::to_owned));
        let read = move || {
            let source = Source { name: name.as_deref(), format: format.as_deref() };
            let mut decoded = arc_formats::decode_within(&bytes, source, limit);
            let file = match folder {
                Some(folder) if has_one_trace(&decoded.spans) => Some(folder),
                _ => name.as_deref().and_then(file_stem),
            };
            name_agent(&mut decoded.spans, agent.as_ref(), file.as_deref());
            decoded
        };
        let Decoded { spans, diagnostics, format, detected } =
            self.tasks().compute(read).await.map_err(AppError::Interrupted)?;
        let mut by_trace: BTreeMap<TraceId, Vec<Span>> = BTreeMap::new();
        let mut imported = Imported {
            format,
            detected,
            spans: spans.len() as u64,
            traces: 0,
            appended: Appended::default(),
            diagnostics,
        };
        for span in spans {
            by_trace.entry(span.trace_id).or_default().push(span);
        }
        imported.traces = by_trace.len() as u64;
        let mut batch = Vec::new();
        for spans in by_trace.into_values() {
            batch.extend(spans);
            if batch.len() >= BATCH_SPANS {
                self.append_batch(project, std::mem::take(&mut batch), &mut imported).await?;
            }
        }
        self.append_batch(project, batch, &mut imported).await?;
        Ok(imported)
    }

    async fn append_batch(
        &self,
        project: &ProjectId,
        batch: Vec<Span>,
        imported: &mut Imported,
    ) -> Result<(), AppError> {
        let one = self.ingest(project, batch).await?;
        imported.appended.new += one.new;
        imported.appended.updated += one.updated;
        imported.appended.unchanged += one.unchanged;
        Ok(())
    }
}

fn has_one_trace(spans: &[Span]) -> bool {
    spans.windows(2).all(|pair| matches!(pair, [one, other] if one.trace_id == other.trace_id))
}

/// Names the agent of traces: always with an explicit name, else only where nothing names it.
fn name_agent(spans: &mut [Span], explicit: Option<&AgentName>, otherwise: Option<&str>) {
    if let Some(agent) = explicit {
        for span in spans {
            span.facts.agent = Some(agent.clone());
        }
        return;
    }
    let Some(name) = otherwise else { return };
    let mut named: BTreeMap<TraceId, bool> = BTreeMap::new();
    for span in spans.iter() {
        let names_it = span.facts.agent.is_some() || names_service(&span.resource);
        *named.entry(span.trace_id).or_default() |= names_it;
    }
    for span in spans {
        if named.get(&span.trace_id) == Some(&false) {
            span.facts.agent = Some(AgentName::new(name));
        }
    }
}

/// Returns whether a resource names its service; OpenTelemetry's stand-in is not a name.
fn names_service(resource: &Attributes) -> bool {
    match resource.get("service.name") {
        Some(Json::String(name)) => !name.trim().is_empty() && !name.starts_with("unknown_service"),
        _ => false,
    }
}

/// Returns the name of a file without its folder and its endings: `runs.jsonl.gz` is `runs`.
fn file_stem(name: &str) -> Option<String> {
    let file = Path::new(name).file_name()?.to_str()?;
    let mut stem = file;
    for ending in [".gz", ".zst", ".jsonl", ".ndjson", ".json", ".pb", ".binpb", ".eval", ".zip"] {
        stem = stem.strip_suffix(ending).unwrap_or(stem);
    }
    let stem = stem.trim();
    (!stem.is_empty() && !matches!(stem, "-" | "stdin")).then(|| stem.to_owned())
}

#[cfg(test)]
mod tests {
    use arc_model::{SpanId, SpanKind};

    use std::sync::Arc;

    use super::*;

    fn span(trace: u8) -> Span {
        let trace = TraceId::from_bytes([trace; 16]).unwrap();
        Span::new(trace, SpanId::from_bytes([1; 8]).unwrap(), SpanKind::Agent, "run")
    }

    fn named(mut spans: Vec<Span>, explicit: Option<&str>, file: Option<&str>) -> Vec<String> {
        name_agent(&mut spans, explicit.map(AgentName::from).as_ref(), file.and_then(file_stem).as_deref());
        let name = |span: Span| span.facts.agent.map_or("-".to_owned(), |agent| agent.to_string());
        spans.into_iter().map(name).collect()
    }

    #[test]
    fn a_file_names_only_traces_that_name_no_agent() {
        let (mut agent, mut service) = (span(1), span(2));
        agent.facts.agent = Some("planner".into());
        service.resource = Arc::new([("service.name".into(), "shop".into())].into());
        let spans = vec![agent, service, span(3)];
        assert_eq!(named(spans.clone(), None, Some("/tmp/airline.jsonl.gz")), ["planner", "-", "airline"]);
        assert_eq!(named(spans.clone(), Some("mine"), Some("airline.json")), ["mine", "mine", "mine"]);
        assert_eq!(named(spans, None, Some("stdin")), ["planner", "-", "-"]);
    }

    #[test]
    fn a_stand_in_for_a_service_name_is_not_a_name() {
        let mut unnamed = span(1);
        unnamed.resource = Arc::new([("service.name".into(), "unknown_service:python".into())].into());
        assert_eq!(named(vec![unnamed], None, Some("airline.json")), ["airline"]);
    }
}
