//! What ClickHouse cannot do: nothing.

use arc_store::conformance::Exception;

pub(crate) const CLICKHOUSE: &[Exception] = &[];
