//! What backends cannot do: each case they fail, with the reason. The only place for opt-outs.

use arc_store::conformance::Exception;

pub(crate) const SQLITE: &[Exception] = &[];
