//! `arc-eval trace RUN_ID`: one stored run as a tree. Without a run id, see `live`.

use arc_model::TraceId;

use super::{open_to_read, settle_if_possible};
use crate::{cli::Trace, config::Config, failure::Failure, output};

pub(super) async fn run(config: &Config, arguments: &Trace, id: TraceId) -> Result<(), Failure> {
    let app = open_to_read(config).await?;
    settle_if_possible(&app).await?;
    match app.run(&config.project, id).await? {
        Some(detail) => {
            let figures = app.run_figures(&detail).await?;
            output::run::print(&detail, &figures, arguments.full, arguments.json)
        }
        None => Err(Failure::usage(format!(
            "no settled run {id} in project `{}` of {}; a run that was just sent settles a moment after it ends",
            config.project,
            arc_store_backends::without_password(&config.store)
        ))),
    }
}
