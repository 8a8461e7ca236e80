//! What the product can do, one file per resource. No HTTP or CLI words.
//!
//! Start at [`App`]: a cheap handle that every deed is a method of. Writing: `ingest` (spans as they
//! arrive) and `import` (whole files), then `settle` (analyse what is complete). Reading: `runs`,
//! `findings`, `agents`. `keeping` deletes, searches and retains. `live` tells when something changed, `tasks` keeps track of what runs in
//! the background. A new resource is a new file with its own `impl App`.
//!
//! Not here: SQL and drivers (`arc-store-backends`), the analysis itself (`arc-analysis`), wire
//! formats (`arc-formats`), and anything a user sees.

mod agents;
mod alerts;
mod app;
mod budgets;
mod capture;
mod checks;
mod clock;
mod costs;
mod error;
mod findings;
mod forecasts;
mod frameworks;
mod gateway;
mod import;
mod ingest;
mod issues;
mod keeping;
mod labels;
mod launched;
mod learning;
mod live;
mod otlp_span;
mod projects;
mod records;
mod runs;
mod scenarios;
mod settle;
mod spool;
mod tasks;

pub use agents::Overview;
pub use alerts::Notifier;
pub use app::{App, Settings};
pub use capture::Ledger;
pub use clock::SystemClock;
pub use error::AppError;
pub use forecasts::{AgentForecast, RunWarning};
pub use gateway::{PassedAnswer, PassingCall};
pub use import::Imported;
pub use ingest::{Ingested, OtlpEncoding, OtlpSignal};
pub use issues::{IssueChange, IssueDeed, IssueNews, IssueQuery};
pub use keeping::{Removed, Retention};
pub use labels::Label;
pub use launched::{Launch, LaunchedRun};
pub use live::Follow;
pub use runs::{RunDetail, RunFigures};
pub use scenarios::{ScenarioDeed, ScenarioQuery};
pub use spool::{SpoolSettings, SpoolState, SpoolStatus};
pub use tasks::Tasks;

// The words listings are asked for in are the port's; callers need not know the port for them.
pub use arc_analysis::{checks::Checks, reliability::AlarmSettings};
pub use arc_formats::{Detected, Source};
pub use arc_store::{
    Appended, Change, ChangeSeq, Compacted, CostQuery, Cursor, Deleted, FindingQuery, Page, RunQuery, SearchHit,
    SearchQuery, Selection, Storage,
};
