//! Labels: what a person or a judge says of a run afterwards.
//!
//! A label is a span of the run it is about, without times and below its root, that claims an outcome. So it is as
//! durable as the run, goes where the run goes and ends with it, and the run is analysed anew by the same path as any
//! other that was written to. The last label of a source counts.

use arc_model::{
    AgentName, Json, OutcomeClaim, OutcomeSource, ProjectId, RunFacts, Span, SpanId, SpanKind, Timestamp, Trace,
    TraceId, Verdict,
};
use arc_store::Unsettled;

use crate::{App, AppError};

/// Marks the span of a label.
const ATTRIBUTE: &str = arc_analysis::LABEL;

/// Waiting traces among which the labelled one is looked for.
const LOOKED_AT: u32 = 1_000;

/// Longest note that is kept, in characters.
const LONGEST_NOTE: usize = 2_000;

/// What is said of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// What is said.
    pub verdict: Verdict,
    /// Who says it: a person or a judge.
    pub source: OutcomeSource,
    /// The score behind it.
    pub score: Option<f64>,
    /// Why.
    pub note: Option<String>,
}

impl App {
    /// Stores what is said of a run, and returns the run as it is with that; `None` when there is no such run.
    pub async fn label(&self, project: &ProjectId, id: TraceId, label: Label) -> Result<Option<AgentName>, AppError> {
        if !matches!(label.source, OutcomeSource::Human | OutcomeSource::Judge) {
            return Err(AppError::Invalid("a label is a person's or a judge's: human or judge".to_owned()));
        }
        if label.verdict == Verdict::Unknown {
            return Err(AppError::Invalid("a label says succeeded or failed".to_owned()));
        }
        if label.score.is_some_and(|score| !score.is_finite()) {
            return Err(AppError::Invalid("a score is a number".to_owned()));
        }
        let Some(trace) = self.whole_trace(project, id).await? else { return Ok(None) };
        let Some(run) = self.inner.traces.run(project, id).await? else { return Ok(None) };
        self.ingest(project, vec![self.label_span(&trace, &label)]).await?;
        if !run.is_running {
            // Whoever says something wants to see what it changed; what is missed here is analysed as usual.
            let end = Timestamp::from_nanos(i64::MAX);
            let waiting = self.inner.traces.unsettled(end, end, end, LOOKED_AT).await?;
            let is_it = |one: &Unsettled| one.trace_id == id && one.project == *project;
            self.settle_traces(waiting.into_iter().filter(is_it).collect()).await?;
        }
        Ok(Some(run.agent.name))
    }

    fn label_span(&self, trace: &Trace, label: &Label) -> Span {
        let earlier = trace.spans().iter().filter(|span| span.attributes.contains_key(ATTRIBUTE));
        let last = earlier.map(|span| span.sequence).max();
        // Labels have no time of their own, so that a run does not last until it was labelled; this is their order.
        let seconds = u32::try_from(self.now().as_nanos() / 1_000_000_000).unwrap_or(u32::MAX);
        let sequence = last.map_or(seconds, |last| seconds.max(last.saturating_add(1)));
        let who = if label.source == OutcomeSource::Human { "human" } else { "judge" };
        // Two that came at once are two.
        let said = format!("{who} {:?} {:?} {:?}", label.verdict, label.score, label.note);
        let span_id =
            SpanId::derive(&[b"arc-eval label", trace.id().as_bytes(), &sequence.to_le_bytes(), said.as_bytes()]);
        let mut span = Span::new(trace.id(), span_id, SpanKind::Evaluation, format!("label by {who}"));
        span.parent_id = trace.roots().next().map(|root| root.span_id);
        span.sequence = sequence;
        span.attributes.insert(ATTRIBUTE.to_owned(), Json::from(who));
        span.attributes.insert("arc_eval.label.at".to_owned(), Json::from(self.now().to_string()));
        let note = label.note.as_deref().map(str::trim).filter(|note| !note.is_empty());
        span.facts = RunFacts {
            outcomes: vec![OutcomeClaim {
                verdict: label.verdict,
                source: label.source,
                score: label.score,
                reason: note.map(|note| note.chars().take(LONGEST_NOTE).collect()),
                span_id: Some(span_id),
            }],
            ..RunFacts::default()
        };
        span
    }
}
