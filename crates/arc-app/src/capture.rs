//! The capture ledger: what every source captured, and what became of it.
//!
//! What comes over OTLP is counted here, in memory first and with the next tick of the background
//! loop in the registry; what was rejected is in the registry before the sender is told. What comes
//! from the spool is counted by its reader, `spool`. The ledger is per project, like everything else.

use std::{collections::BTreeMap, time::Duration};

use arc_model::{Capture, CaptureKind, Diagnostic, DiagnosticSeverity, ProjectId, RejectedUnit, Span, Timestamp};

use crate::{App, AppError, SpoolStatus, app::lock};

/// How long a gap is news: longer ago it is listed, but nobody is warned of it any more.
const GAP_IS_NEWS: Duration = Duration::from_hours(7 * 24);
/// Exporters told apart by one process; who sends under ever new names is counted together.
const EXPORTERS: usize = 500;
/// Longest reason, in characters.
const REASON_CHARS: usize = 120;
/// Longest name of a source, in characters.
const NAME_CHARS: usize = 100;

/// What became of what was captured for a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// Every source, the one with the latest news first.
    pub sources: Vec<Capture>,
    /// The sum over all sources.
    pub total: Capture,
    /// Sources of which something was found missing in the last seven days.
    pub recent_gaps: u64,
    /// How the reader of the spool fares; `None` when this program does not read it.
    pub spool: Option<SpoolStatus>,
}

/// Counts that are not in the registry yet.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    sources: BTreeMap<(ProjectId, String), Capture>,
    /// Sources of this process, in the registry or not.
    known: std::collections::BTreeSet<(ProjectId, String)>,
}

impl App {
    /// Returns the ledger of a project.
    pub async fn ledger(&self, project: &ProjectId) -> Result<Ledger, AppError> {
        self.flush_captures().await?;
        let sources = self.inner.registry.captures(project).await?;
        let now = self.now();
        let mut total = Capture::new("total", CaptureKind::Earlier, "total", now);
        for source in &sources {
            total.add(source);
        }
        let recent_gaps = sources.iter().filter(|source| is_recent_gap(source, now)).count() as u64;
        Ok(Ledger { sources, total, recent_gaps, spool: self.spool_status() })
    }

    /// Returns the ledger of every project in one.
    pub async fn whole_ledger(&self) -> Result<Ledger, AppError> {
        let mut whole = self.ledger(&ProjectId::default()).await?;
        for project in self.inner.registry.projects().await? {
            if project.id == ProjectId::default() {
                continue;
            }
            let ledger = self.ledger(&project.id).await?;
            whole.total.add(&ledger.total);
            whole.recent_gaps += ledger.recent_gaps;
            whole.sources.extend(ledger.sources);
        }
        whole.sources.sort_by(|one, other| (other.last_at, &one.source).cmp(&(one.last_at, &other.source)));
        Ok(whole)
    }

    /// Counts a request that was turned away before anything in it was read.
    pub async fn count_refused_request(&self, project: &ProjectId, exporter: Option<&str>, why: &str) {
        let mut capture = self.exporter_capture(None, exporter);
        capture.counts.reject(RejectedUnit::Request, &reason(why), 1);
        capture.gap_at = Some(capture.last_at);
        self.count(project, capture);
        self.flush_or_keep().await;
    }

    /// Counts what became of the spans of a request; `stored` are those that were not known before.
    pub(crate) async fn count_request(
        &self,
        project: &ProjectId,
        exporter: Option<&str>,
        service: Option<&str>,
        stored: u64,
        diagnostics: &[Diagnostic],
    ) {
        let mut capture = self.exporter_capture(service, exporter);
        capture.counts.spans_stored = stored;
        let is_rejected_span = |diagnostic: &&Diagnostic| {
            diagnostic.severity == DiagnosticSeverity::Rejected && diagnostic.place.span.is_some()
        };
        for rejected in diagnostics.iter().filter(is_rejected_span) {
            capture.counts.reject(RejectedUnit::Span, &reason(&rejected.message), 1);
        }
        let has_gap = !capture.counts.rejected.is_empty();
        capture.gap_at = has_gap.then_some(capture.last_at);
        if has_gap || stored > 0 {
            self.count(project, capture);
        }
        if has_gap {
            self.flush_or_keep().await;
        }
    }

    /// Writes what was counted to the registry.
    pub(crate) async fn flush_captures(&self) -> Result<(), AppError> {
        let pending = std::mem::take(&mut lock(&self.inner.captures).sources);
        let mut by_project: BTreeMap<ProjectId, Vec<Capture>> = BTreeMap::new();
        for ((project, _), capture) in pending {
            by_project.entry(project).or_default().push(capture);
        }
        let mut failure = None;
        for (project, captures) in by_project {
            if let Err(error) = self.inner.registry.add_captures(&project, &captures).await {
                for capture in captures {
                    self.count(&project, capture);
                }
                failure = Some(error);
            }
        }
        failure.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Writes what was counted; should that fail, it is tried again with the next tick.
    async fn flush_or_keep(&self) {
        if let Err(error) = self.flush_captures().await {
            tracing::debug!("the capture ledger is written later: {error}");
        }
    }

    fn exporter_capture(&self, service: Option<&str>, exporter: Option<&str>) -> Capture {
        let name = match (service, exporter) {
            (Some(service), Some(exporter)) => format!("{} by {}", short(service), short(exporter)),
            (Some(name), None) | (None, Some(name)) => short(name),
            (None, None) => "an exporter that does not say its name".to_owned(),
        };
        Capture::new(format!("otlp/{name}"), CaptureKind::Exporter, name, self.now())
    }

    fn count(&self, project: &ProjectId, mut capture: Capture) {
        let mut pending = lock(&self.inner.captures);
        let mut key = (project.clone(), capture.source.clone());
        if !pending.known.contains(&key) {
            if pending.known.len() >= EXPORTERS {
                "other exporters".clone_into(&mut capture.name);
                "otlp/other".clone_into(&mut capture.source);
                key.1.clone_from(&capture.source);
            } else {
                pending.known.insert(key.clone());
            }
        }
        match pending.sources.get_mut(&key) {
            Some(known) => known.add(&capture),
            None => {
                pending.sources.insert(key, capture);
            }
        }
    }
}

/// Returns whether something was found missing of a source so lately that somebody should know.
fn is_recent_gap(source: &Capture, now: Timestamp) -> bool {
    let news = i64::try_from(GAP_IS_NEWS.as_nanos()).unwrap_or(i64::MAX);
    source.has_gap() && source.gap_at.unwrap_or(source.last_at).plus_nanos(news) >= now
}

/// Returns the service whose spans these are, where they say.
pub(crate) fn service_of(spans: &[Span]) -> Option<String> {
    spans.iter().find_map(|span| Some(span.resource.get("service.name")?.as_str()?.to_owned()))
}

/// Returns why something was rejected without the details that differ from one to the next.
pub(crate) fn reason(message: &str) -> String {
    let end = [": ", "; "].iter().filter_map(|mark| message.find(mark)).min().unwrap_or(message.len());
    message.get(..end).unwrap_or(message).chars().take(REASON_CHARS).collect()
}

fn short(name: &str) -> String {
    let line = name.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(NAME_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_leaves_out_what_differs_from_one_to_the_next() {
        assert_eq!(
            reason("`span_id` is not valid: expected 16 digits; the span is left out"),
            "`span_id` is not valid"
        );
        assert_eq!(reason("too large; send less: now"), "too large");
        assert_eq!(reason(&"é".repeat(500)).chars().count(), REASON_CHARS);
    }
}
