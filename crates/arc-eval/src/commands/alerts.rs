//! `arc-eval alerts`: what was raised, and whether alerts arrive.

use std::process::ExitCode;

use arc_model::{Alert, Delivery};
use serde::Serialize;

use super::{MEMORY, open, open_to_read};
use crate::{
    cli::{Alerts, AlertsDeed},
    config::Config,
    failure::Failure,
    notify::Channels,
    output,
};

#[derive(Serialize)]
struct Listed {
    alerts: Vec<Alert>,
}

#[derive(Serialize)]
struct Tried {
    deliveries: Vec<Delivery>,
}

pub(super) async fn run(config: &Config, arguments: &Alerts) -> Result<ExitCode, Failure> {
    match arguments.deed {
        Some(AlertsDeed::Test) => test(config, arguments.json).await,
        None => list(config, arguments).await,
    }
}

async fn list(config: &Config, arguments: &Alerts) -> Result<ExitCode, Failure> {
    let app = open_to_read(config).await?;
    let alerts = app.alerts(&config.project, arguments.limit).await?;
    if arguments.json {
        output::json(&Listed { alerts })?;
    } else if alerts.is_empty() {
        output::talk("no alerts; `arc-eval serve` raises them as runs arrive");
    } else {
        output::data(&output::alerts::page(&alerts))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Sends a test alert to every channel; fails when one does not take it.
async fn test(config: &Config, as_json: bool) -> Result<ExitCode, Failure> {
    let Some(channels) = Channels::of(config) else {
        return Err(Failure::usage(
            "alerts are sent nowhere: set alert_webhook or alert_slack in arc-eval.toml, or their variables",
        ));
    };
    let app = open(config, MEMORY).await?;
    app.notify_with(channels);
    let deliveries = app.test_alerts(&config.project).await;
    let arrived = deliveries.iter().all(|one| one.error.is_none());
    if as_json {
        output::json(&Tried { deliveries })?;
    } else {
        output::data(&output::alerts::deliveries(&deliveries))?;
    }
    Ok(if arrived { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
