//! What backends cannot do: each case they fail, with the reason. The only place for opt-outs.

#![allow(dead_code, reason = "each test uses the list of its backend")]

use arc_store::conformance::Exception;

pub(crate) const SQLITE: &[Exception] = &[];

pub(crate) const POSTGRES: &[Exception] = &[];
