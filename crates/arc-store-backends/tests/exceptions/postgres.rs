//! What PostgreSQL cannot do: each case it fails, with the reason.

use arc_store::conformance::Exception;

pub(crate) const POSTGRES: &[Exception] = &[];
