//! The application: the ports it works on, and the settings it works by.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize},
    },
    time::Duration,
};

use arc_analysis::{
    checks::Checks,
    reliability::{AlarmSettings, Recent},
};
use arc_catalog::Catalog;
use arc_model::{AgentName, Alert, Clock, ProjectId, Timestamp, TraceId};
use arc_store::{ChangeSeq, Registry, TraceStore, WriteMark};
use tokio::sync::{broadcast, watch};

use crate::{
    IssueNews, Notifier, Retention, SpoolStatus, Tasks, budgets::UserBudgets, capture::Pending, forecasts::Learnt,
};

/// How the application behaves where there is a choice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// How long a trace with an ended root must be left alone before it is analysed.
    pub quiet: Duration,
    /// How long any other trace must be left alone before it is analysed as it stands.
    pub idle: Duration,
    /// How long a running trace is left alone between two analyses, however often it is written to,
    /// and from its first span to the first of them.
    pub watch: Duration,
    /// How often the store is asked what became due, and what other processes changed.
    pub poll: Duration,
    /// How many traces are analysed at the same time.
    pub parallel: usize,
    /// When to say that an agent got less reliable.
    pub alarm: AlarmSettings,
    /// What is kept.
    pub retention: Retention,
    /// Whether the text of runs is made searchable.
    pub search: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(300),
            idle: Duration::from_mins(10),
            watch: Duration::from_secs(1),
            poll: Duration::from_millis(300),
            parallel: std::thread::available_parallelism().map_or(2, usize::from),
            alarm: AlarmSettings::default(),
            retention: Retention::default(),
            search: true,
        }
    }
}

/// Alerts and issues that a slow follower may be behind before it misses some.
const ALERTS_WAITING: usize = 64;

/// Everything the product can do. Cloning it is cheap and gives the same application.
#[derive(Clone)]
pub struct App {
    pub(crate) inner: Arc<Inner>,
}

/// What the latest runs of agents told, as of a change and so many runs.
type Recents = BTreeMap<(ProjectId, AgentName), ((ChangeSeq, u64), Option<Recent>)>;

pub(crate) struct Inner {
    pub(crate) traces: Arc<dyn TraceStore>,
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) catalog: &'static Catalog,
    pub(crate) settings: Settings,
    pub(crate) tasks: Tasks,
    /// The newest change this process knows of.
    pub(crate) newest: watch::Sender<ChangeSeq>,
    /// Alerts, as they are raised in this process.
    pub(crate) alerts: broadcast::Sender<(ProjectId, Alert)>,
    /// Issues that are new or regress, as this process notices them.
    pub(crate) issues: broadcast::Sender<IssueNews>,
    /// Who sends alerts on, where somebody does.
    pub(crate) notifier: OnceLock<Arc<dyn Notifier>>,
    /// The checks that were declared, where there are any.
    pub(crate) checks: OnceLock<Checks>,
    /// Whether the background loop was started.
    pub(crate) in_background: AtomicBool,
    /// Requests whose spans are being taken in.
    pub(crate) arriving: AtomicUsize,
    /// Projects known to be registered.
    pub(crate) projects: Mutex<BTreeSet<ProjectId>>,
    /// What was counted for the ledger and is not in the registry yet.
    pub(crate) captures: Mutex<Pending>,
    /// What was learnt of agents, to warn of runs that go on.
    pub(crate) forecasts: Mutex<BTreeMap<(ProjectId, AgentName), Learnt>>,
    /// What the latest runs of agents told, as of a change and so many runs.
    pub(crate) recents: Mutex<Recents>,
    /// When the budgets of users are looked at next.
    pub(crate) user_budgets: Mutex<UserBudgets>,
    /// How the reader of the spool fares, where there is one.
    pub(crate) spool: Mutex<Option<SpoolStatus>>,
    /// Traces that could not be read or analysed, as of this write.
    pub(crate) broken: Mutex<BTreeSet<(ProjectId, TraceId, WriteMark)>>,
    /// How many records the last compacting could not read that found any; they were told of.
    pub(crate) unreadable: AtomicU64,
}

impl App {
    /// Makes the application on top of these ports.
    pub fn new(
        traces: Arc<dyn TraceStore>,
        registry: Arc<dyn Registry>,
        clock: Arc<dyn Clock>,
        catalog: &'static Catalog,
        settings: Settings,
    ) -> Self {
        let inner = Inner {
            traces,
            registry,
            clock,
            catalog,
            settings,
            tasks: Tasks::new(),
            newest: watch::Sender::new(ChangeSeq::default()),
            alerts: broadcast::Sender::new(ALERTS_WAITING),
            issues: broadcast::Sender::new(ALERTS_WAITING),
            notifier: OnceLock::new(),
            checks: OnceLock::new(),
            in_background: AtomicBool::new(false),
            arriving: AtomicUsize::new(0),
            projects: Mutex::default(),
            captures: Mutex::default(),
            forecasts: Mutex::default(),
            recents: Mutex::default(),
            user_budgets: Mutex::default(),
            spool: Mutex::default(),
            broken: Mutex::default(),
            unreadable: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Returns the current time as this application sees it.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Returns the settings.
    pub fn settings(&self) -> Settings {
        self.inner.settings
    }

    /// Returns what runs in the background; spawn there, so that shutdown waits for it.
    pub fn tasks(&self) -> &Tasks {
        &self.inner.tasks
    }

    /// Stops the background work and returns when what was under way is finished.
    pub async fn shutdown(&self) {
        self.inner.tasks.shutdown().await;
        if let Err(error) = self.flush_captures().await {
            tracing::warn!("the last counts of the capture ledger were not written: {error}");
        }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}

/// Locks a set; a thread that panicked while it held the lock leaves a set that is still valid.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
