//! `arc-eval label`: what a person, or a judge, says of a run.

use arc_app::Label;
use arc_model::{OutcomeSource, Verdict};
use serde::Serialize;

use super::select;
use crate::{
    cli::{self, LabelSource, LabelVerdict},
    config::Config,
    failure::Failure,
    output,
};

/// What was said, and what the run comes to with it.
#[derive(Debug, Serialize)]
struct Labelled {
    run: arc_model::TraceId,
    verdict: Verdict,
    source: OutcomeSource,
    outcome: arc_model::Outcome,
}

pub(super) async fn run(config: &Config, arguments: &cli::Label) -> Result<(), Failure> {
    let app = select::stored(config).await?;
    let verdict = match arguments.verdict {
        LabelVerdict::Pass => Verdict::Succeeded,
        LabelVerdict::Fail => Verdict::Failed,
    };
    let source = match arguments.source {
        LabelSource::Human => OutcomeSource::Human,
        LabelSource::Judge => OutcomeSource::Judge,
    };
    let unknown = || Failure::usage(format!("no settled run {} in project {}", arguments.run, config.project));
    let label = Label { verdict, source, score: arguments.score, note: arguments.note.clone() };
    app.label(&config.project, arguments.run, label).await?.ok_or_else(unknown)?;
    let detail = app.run(&config.project, arguments.run).await?.ok_or_else(unknown)?;
    let labelled = Labelled { run: arguments.run, verdict, source, outcome: detail.run.outcome };
    if arguments.json {
        return output::json(&labelled);
    }
    Ok(output::data(&output::label::told(arguments.run, &labelled.outcome))?)
}
