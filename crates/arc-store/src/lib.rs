//! The storage port: what the product asks of a store, and the contract every backend keeps.
//!
//! Reading order: [`TraceStore`] (append, settle, read), [`Registry`] (projects, [`Record`]s), the queries and
//! rows they exchange, [`recount`] (what figures mean), [`StoreError`]. Backends live in `arc-store-backends`; each runs the
//! conformance suite, whose cases are named after the sentences of the contract.

#[cfg(feature = "conformance")]
#[expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "these are tests, which fail by panicking"
)]
pub mod conformance;
mod error;
mod keeping;
mod query;
mod record;
mod recount;
mod recount_costs;
mod registry;
pub mod search;
mod trace_store;

pub use error::StoreError;
pub use keeping::{Compacted, Deleted, Selection, Storage};
pub use query::{Change, ChangeSeq, CostQuery, Cursor, FindingQuery, Page, RunQuery};
pub use record::{Expected, Record, RecordContent, RecordOrder, RecordQuery, RecordWrite};
pub use recount::{reason_key, recount, utc_day};
pub use recount_costs::recount_costs;
pub use registry::{Project, Registry, WorkId};
pub use search::{Indexed, SearchHit, SearchQuery};
pub use trace_store::{Appended, AppendedEach, ReadSpans, Settled, TraceStore, Unsettled, Visit, WriteMark};
