//! `arc-eval vacuum`: room of deleted runs, back to the disk.

use serde::Serialize;

use super::open;
use crate::{cli::Vacuum, config::Config, failure::Failure, output};

#[derive(Serialize)]
struct Answer {
    before_bytes: u64,
    after_bytes: u64,
    runs: u64,
    spans: u64,
}

pub(super) async fn run(config: &Config, arguments: &Vacuum) -> Result<(), Failure> {
    if !config.store_exists() {
        return Err(Failure::usage(format!("there is no store at {}", config.store)));
    }
    let app = open(config, &config.store).await?;
    let before = app.storage().await?;
    app.compact().await?;
    app.vacuum().await?;
    let after = app.storage().await?;
    let answer = Answer {
        before_bytes: before.used_bytes + before.free_bytes,
        after_bytes: after.used_bytes + after.free_bytes,
        runs: after.runs,
        spans: after.spans,
    };
    if arguments.json {
        return output::json(&answer);
    }
    let size = output::doctor::size;
    Ok(output::data(&format!("{} before, {} now\n", size(answer.before_bytes), size(answer.after_bytes)))?)
}
