//! Rows as they are inserted and read, and values as they stand in a query.

use std::{collections::BTreeMap, fmt};

use arc_model::{ProjectId, TraceId};
use clickhouse::Row;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor};

/// A record of a span, or of an earlier version of it.
#[derive(Row, Serialize)]
pub(super) struct SpanRow {
    pub(super) project: String,
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    pub(super) revision: u64,
    pub(super) hash: [u8; 16],
    pub(super) segment: i64,
    pub(super) offset: u32,
    pub(super) length: u32,
    pub(super) flags: u8,
    pub(super) received_at: i64,
    pub(super) life: u64,
}

/// A segment of records and bodies.
#[derive(Row, Serialize, Deserialize)]
pub(super) struct SegmentRow {
    pub(super) id: i64,
    pub(super) project: String,
    pub(super) raw_bytes: u64,
    pub(super) data: Bytes,
    /// Tells blanked ones from each other; zero for one as it was written.
    pub(super) version: u64,
}

/// The words of a span that can be found, as of one indexing of its run.
#[derive(Row, Serialize)]
pub(super) struct SearchRow {
    pub(super) project: String,
    pub(super) place: i64,
    pub(super) trace_id: [u8; 16],
    pub(super) position: u32,
    pub(super) span_id: [u8; 8],
    pub(super) agent: String,
    pub(super) seq: u64,
    pub(super) version: u64,
    pub(super) words: Vec<String>,
}

/// The order of the rows in the table `search_spans`: that of a search.
pub(super) const SEARCH_KEY: &str = "project, place, trace_id, position, version";

/// A row of the table `settled`; which of the cells it has depends on its kind.
#[derive(Row, Serialize, Default)]
pub(super) struct SettledRow {
    pub(super) project: String,
    pub(super) kind: u8,
    pub(super) agent: String,
    pub(super) day: i64,
    pub(super) name: String,
    pub(super) place: i64,
    pub(super) trace_id: [u8; 16],
    pub(super) run: RunCell,
    pub(super) trace: TraceCell,
    pub(super) latest: (u64, String),
    pub(super) sums: Sums,
}

/// The order of the rows in the table `settled`. Who asks for all of it is given the first rows without the rest being
/// read.
pub(super) const KEY: &str = "project, kind, agent, day, name, place, trace_id";

/// Sums by their position.
pub(super) type Sums = BTreeMap<u8, i128>;

/// Change number, whether the run is somewhere else now, agent, verdict, task, leaves, run, findings, costs.
pub(super) type RunCell = (u64, u8, String, u8, String, Vec<String>, String, Vec<String>, String);

/// Change number, mark, whether the run is running ([`DELETED`] when it was deleted), when it was settled, when it took
/// place.
pub(super) type TraceCell = (u64, u64, u8, i64, i64);

/// In place of whether a run is running: it was deleted.
pub(super) const DELETED: u8 = 2;

/// What a row of the table `settled` is about.
///
/// Invariant: the numbers are stored.
pub(super) mod kind {
    use arc_model::CostDimension;

    /// A run, at the time it took place, newest first.
    pub(in super::super) const RUN: u8 = 1;
    /// How far a trace was settled.
    pub(in super::super) const TRACE: u8 = 2;
    /// A change, by its number.
    pub(in super::super) const CHANGE: u8 = 3;
    /// Sums of an agent: runs, succeeded, failed; and its latest run.
    pub(in super::super) const AGENT: u8 = 4;
    /// Sums of a task: succeeded, failed, unknown.
    pub(in super::super) const TASK: u8 = 5;
    /// Sums of a day.
    pub(in super::super) const DAY: u8 = 6;
    /// Sums of a kind of failure: runs, findings by severity; and when it was seen.
    pub(in super::super) const LEAF: u8 = 7;
    /// Runs by the reason for an unknown cost.
    pub(in super::super) const UNPRICED: u8 = 8;
    /// Up to which change the runs of a project are to be analysed again.
    pub(in super::super) const AGAIN: u8 = 9;
    /// What of a run is searchable: the change it was settled by, and the version of its text.
    pub(in super::super) const TEXT: u8 = 10;
    /// At which change a trace was deleted, and whether its rows are removed.
    pub(in super::super) const DEATH: u8 = 11;
    /// A segment that deleted runs referred to, as of a time, and whether it was compacted since.
    pub(in super::super) const STALE: u8 = 12;

    /// Returns the kind of the sums of a division; some are read from those of another.
    pub(in super::super) const fn of_costs(by: CostDimension) -> u8 {
        match by {
            CostDimension::Model => 32,
            CostDimension::Tool => 33,
            CostDimension::Step => 34,
            CostDimension::Version => 35,
            CostDimension::User => 36,
            CostDimension::Session => 37,
            CostDimension::Outcome | CostDimension::Agent | CostDimension::Day => 38,
        }
    }
}

/// Bytes that are no list of numbers.
pub(super) struct Bytes(pub(super) Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;
        impl Visitor<'_> for Whole {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Whole)
    }
}

/// Returns bytes as they stand in a query. Text from outside only ever gets there like this.
pub(super) fn literal(bytes: &[u8]) -> String {
    use fmt::Write as _;
    if bytes.is_empty() {
        return "''".to_owned();
    }
    let mut text = String::with_capacity(bytes.len() * 2 + 3);
    text.push_str("X'");
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02X}");
    }
    text.push('\'');
    text
}

pub(super) fn project(project: &ProjectId) -> String {
    literal(project.as_str().as_bytes())
}

/// Returns a list of values for `IN`; never an empty one, which is not a list.
pub(super) fn list(values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.collect();
    if values.is_empty() { "(NULL)".to_owned() } else { format!("({})", values.join(", ")) }
}

pub(super) fn traces<'a>(ids: impl Iterator<Item = &'a TraceId>) -> String {
    list(ids.map(|id| literal(id.as_bytes())))
}

/// Writes a name that may be missing; a missing one comes first.
pub(super) fn optional(name: Option<&str>) -> String {
    name.map(|name| format!("={name}")).unwrap_or_default()
}

/// Reads a name that may be missing.
pub(super) fn read_optional(text: &str) -> Option<&str> {
    text.strip_prefix('=')
}
