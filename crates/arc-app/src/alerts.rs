//! Alerts: an alarm per agent that hears of every run as it settles, and what becomes of what it raises.
//!
//! The alarm itself is `arc_analysis::reliability::Alarm`. Its state is kept in the registry, with the
//! change it has read up to, so a restart neither forgets nor counts twice, and a second server on the
//! same store comes to the same state. An alert's id follows from the run that raised it: it is stored
//! once, and whoever stored it sends it on. Start at [`App::watch_reliability`].

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use arc_analysis::reliability::{Alarm, AlarmSettings, Drop};
use arc_model::{AgentName, Alert, AlertKind, Delivery, ProjectId, ReliabilityDrop, Run, Timestamp, TraceId, Verdict};
use arc_store::{Change, ChangeSeq, StoreError};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{App, AppError};

/// Changes read at once.
const BATCH: u32 = 100;
/// Batches read before other background work has its turn.
const BATCHES: u32 = 20;
/// Runs that are remembered as counted: one that settles again within so many is not counted twice.
const REMEMBERED: usize = 256;
/// A drop among runs longer ago than this is kept, and nobody is called.
const IS_NEWS: Duration = Duration::from_hours(24);
/// Where the position in the change feed is kept.
const POSITION: &str = "alarm";

/// Sends alerts to where people look.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Sends an alert to every channel, and says what became of each attempt.
    async fn send(&self, project: &ProjectId, alert: &Alert) -> Vec<Delivery>;
}

/// What is remembered of an agent between two runs.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Watched {
    after: u64,
    alarm: Alarm,
    counted: VecDeque<TraceId>,
}

impl App {
    /// Returns alerts, the latest first.
    pub async fn alerts(&self, project: &ProjectId, limit: u32) -> Result<Vec<Alert>, AppError> {
        Ok(self.inner.registry.alerts(project, limit).await?)
    }

    /// Sends a test alert to every channel, and says what became of it. It is not stored.
    pub async fn test_alerts(&self, project: &ProjectId) -> Vec<Delivery> {
        let now = self.now();
        let alert = Alert {
            id: format!("test-{}", now.as_nanos()),
            kind: AlertKind::Test,
            agent: "test".into(),
            raised_at: now,
            title: "arc-eval: a test alert".to_owned(),
            text: "Nothing happened: somebody tries whether alerts arrive here. They do.".to_owned(),
            run: None,
            drop: None,
            deliveries: Vec::new(),
        };
        match self.inner.notifier.get() {
            Some(notifier) => notifier.send(project, &alert).await,
            None => Vec::new(),
        }
    }

    /// Follows alerts from now on.
    pub fn follow_alerts(&self) -> tokio::sync::broadcast::Receiver<(ProjectId, Alert)> {
        self.inner.alerts.subscribe()
    }

    /// Sends alerts there from now on; set once, at the start.
    pub fn notify_with(&self, notifier: Arc<dyn Notifier>) {
        // A second one would have to be told of what the first one was; nobody needs that.
        let _ = self.inner.notifier.set(notifier);
    }

    /// Tells the alarms of the runs that settled since they were last told, a bounded number at a time.
    ///
    /// Does nothing on a store that keeps no alerts.
    pub(crate) async fn watch_reliability(&self) -> Result<(), AppError> {
        let (home, registry) = (ProjectId::default(), &self.inner.registry);
        let position = match registry.note(&home, POSITION).await {
            Err(StoreError::Unsupported(_)) => return Ok(()),
            other => other?,
        };
        let mut after = ChangeSeq(position.and_then(|text| text.parse().ok()).unwrap_or_default());
        let mut settled: BTreeSet<ProjectId> = BTreeSet::new();
        for _ in 0..BATCHES {
            if after >= *self.inner.newest.borrow() || self.tasks().is_stopping() {
                break;
            }
            let changes = self.changes(after, BATCH).await?;
            let Some(last) = changes.last() else { break };
            self.watch_runs(&changes).await?;
            settled.extend(changes.iter().filter(|change| !change.run.is_running).map(|change| change.project.clone()));
            after = last.seq;
            registry.put_note(&home, POSITION, &after.0.to_string()).await?;
        }
        self.watch_budgets(&settled).await
    }

    /// Tells the alarms of the agents that these runs are of.
    async fn watch_runs(&self, changes: &[Change]) -> Result<(), AppError> {
        let mut agents: BTreeMap<(&ProjectId, &AgentName), Watched> = BTreeMap::new();
        for change in changes {
            let (project, run) = (&change.project, &change.run);
            let succeeded = match run.outcome.verdict {
                _ if run.is_running => continue,
                Verdict::Succeeded => true,
                Verdict::Failed => false,
                Verdict::Unknown => continue,
            };
            let key = (project, &run.agent.name);
            let watched = match agents.entry(key) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(self.watched(project, &run.agent.name).await?),
            };
            if let Some(drop) = watched.hear(change, succeeded, &self.inner.settings.alarm) {
                let alert = alert(run, &drop, &self.inner.settings.alarm, self.now());
                self.raise(project, alert, run.at()).await?;
            }
        }
        // After the alerts: what is told twice is raised once.
        for ((project, agent), watched) in agents {
            let text = serde_json::to_string(&watched).map_err(|error| AppError::Invalid(format!("alarm: {error}")))?;
            self.inner.registry.put_note(project, &note_of(agent), &text).await?;
        }
        Ok(())
    }

    async fn watched(&self, project: &ProjectId, agent: &AgentName) -> Result<Watched, AppError> {
        let kept = self.inner.registry.note(project, &note_of(agent)).await?;
        // What an older version kept and this one cannot read is begun anew.
        Ok(kept.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    /// Stores an alert and, where it is new, tells who follows and sends it on.
    pub(crate) async fn raise(&self, project: &ProjectId, alert: Alert, ran_at: Timestamp) -> Result<(), AppError> {
        if !self.inner.registry.add_alert(project, &alert).await? {
            return Ok(());
        }
        tracing::warn!(project.id = %project, agent = %alert.agent, "{}", alert.title);
        // Nobody following is no failure.
        let _ = self.inner.alerts.send((project.clone(), alert.clone()));
        let is_news = ran_at.plus_nanos(i64::try_from(IS_NEWS.as_nanos()).unwrap_or(i64::MAX)) >= alert.raised_at;
        let Some(notifier) = self.inner.notifier.get().filter(|_| is_news).cloned() else { return Ok(()) };
        let (app, project) = (self.clone(), project.clone());
        // The runs behind this one do not wait for somebody else's server.
        self.tasks().spawn(async move {
            let deliveries = notifier.send(&project, &alert).await;
            for failed in deliveries.iter().filter_map(|one| Some((&one.channel, one.error.as_ref()?))) {
                tracing::warn!(alert.id = alert.id, "an alert did not arrive at {}: {}", failed.0, failed.1);
            }
            if let Err(error) = app.inner.registry.put_deliveries(&project, &alert.id, &deliveries).await {
                tracing::warn!(alert.id = alert.id, "what became of an alert was not noted: {error}");
            }
        });
        Ok(())
    }
}

impl Watched {
    /// Takes in a run that settled, unless it was taken in before.
    fn hear(&mut self, change: &Change, succeeded: bool, settings: &AlarmSettings) -> Option<Drop> {
        let run = change.run.trace_id;
        if self.after >= change.seq.0 || self.counted.contains(&run) {
            return None;
        }
        self.after = change.seq.0;
        self.counted.push_back(run);
        if self.counted.len() > REMEMBERED {
            self.counted.pop_front();
        }
        self.alarm.observe(succeeded, settings)
    }
}

fn note_of(agent: &AgentName) -> String {
    format!("{POSITION}/{agent}")
}

fn alert(run: &Run, drop: &Drop, settings: &AlarmSettings, now: Timestamp) -> Alert {
    let agent = &run.agent.name;
    let text = format!(
        "Of the last {} runs of known outcome {} succeeded; of the {} before, {} did, so that the rate was at least \
         {:.1} %. A false alarm has a chance of at most {} over the whole life of the agent. Look at the runs since: \
         arc-eval trace {}, arc-eval debug --agent {agent}.",
        drop.recent_n,
        drop.recent_successes,
        drop.baseline_n,
        drop.baseline_successes,
        drop.baseline_at_least * 100.0,
        settings.alpha,
        run.trace_id,
    );
    Alert {
        id: format!("reliability-dropped-{}", run.trace_id),
        kind: AlertKind::ReliabilityDropped,
        agent: agent.clone(),
        raised_at: now,
        title: format!("Reliability of {agent} dropped"),
        text,
        run: Some(run.trace_id),
        drop: Some(ReliabilityDrop {
            baseline_n: drop.baseline_n,
            baseline_successes: drop.baseline_successes,
            baseline_at_least: drop.baseline_at_least,
            recent_n: drop.recent_n,
            recent_successes: drop.recent_successes,
            e_value: drop.e_value,
            threshold: drop.threshold,
            alpha: settings.alpha,
        }),
        deliveries: Vec::new(),
    }
}
