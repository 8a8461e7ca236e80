//! Sends alerts to where people look: a webhook that takes our JSON, one that takes Slack's, and e-mail.
//!
//! A new channel is a setting in `config` and an entry of [`Channels::of`].

use std::{sync::Arc, time::Duration};

use arc_app::{Notifier, SystemClock};
use arc_model::{Alert, Clock, Delivery, ProjectId};
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::{config::Config, mail::Mail};

/// Longest time that an attempt takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// How an alert is written for a channel.
type Body = fn(&ProjectId, &Alert) -> Value;

/// A place to post alerts to.
#[derive(Clone)]
struct Channel {
    name: &'static str,
    url: String,
    body: Body,
}

/// Every place that is set.
pub(crate) struct Channels {
    posted: Vec<Channel>,
    http: ureq::Agent,
    mail: Option<Mail>,
}

impl Channels {
    /// Returns the channels that the settings name; `None` when they name none.
    pub(crate) fn of(config: &Config) -> Option<Arc<dyn Notifier>> {
        let set: [(&str, &Option<String>, Body); 2] =
            [("webhook", &config.alert_webhook, plain), ("slack", &config.alert_slack, slack)];
        let channel =
            |(name, url, body): (&'static str, &Option<String>, Body)| Some(Channel { name, url: url.clone()?, body });
        let channels: Vec<Channel> = set.into_iter().filter_map(channel).collect();
        if channels.is_empty() && config.alert_mail.is_none() {
            return None;
        }
        let http = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build().new_agent();
        Some(Arc::new(Self { posted: channels, http, mail: config.alert_mail.clone() }))
    }
}

#[async_trait]
impl Notifier for Channels {
    async fn send(&self, project: &ProjectId, alert: &Alert) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        for channel in self.posted.clone() {
            let (body, http) = ((channel.body)(project, alert), self.http.clone());
            deliveries.push(attempt(channel.name, move || post(&http, &channel.url, &body)).await);
        }
        if let Some(mail) = self.mail.clone() {
            let (project, alert) = (project.clone(), alert.clone());
            deliveries.push(attempt("email", move || mail.send(&project, &alert)).await);
        }
        deliveries
    }
}

/// Makes one attempt where it does not hold up other tasks.
async fn attempt(name: &str, send: impl FnOnce() -> Result<(), String> + Send + 'static) -> Delivery {
    let outcome = tokio::task::spawn_blocking(send).await;
    let error = outcome.unwrap_or_else(|_| Err("the attempt broke off".to_owned())).err();
    Delivery { channel: name.to_owned(), at: SystemClock.now(), error }
}

/// Posts once; the error never shows the address, which is a secret of its owner.
fn post(http: &ureq::Agent, url: &str, body: &Value) -> Result<(), String> {
    match http.post(url).content_type("application/json").send(body.to_string()) {
        Ok(_) => Ok(()),
        Err(ureq::Error::StatusCode(status)) => Err(format!("the server answered {status}")),
        Err(error) => Err(error.to_string().replace(url, "the address")),
    }
}

fn plain(project: &ProjectId, alert: &Alert) -> Value {
    json!({"project": project, "alert": alert})
}

/// Slack reads `&`, `<` and `>` as its own marks; names of agents are text from outside.
fn slack(project: &ProjectId, alert: &Alert) -> Value {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let text = format!("*{}* (project {project})\n{}", escaped(&alert.title), escaped(&alert.text));
    json!({"text": text})
}
