//! What to do next: from the taxonomy for what breaks, and about the data where it hides something.

use arc_catalog::Catalog;
use arc_model::LeafId;
use serde::{Deserialize, Serialize};

use super::Issue;
use crate::{cost::CostFigures, reliability::Reliability};

/// Something to do, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Recommendation {
    /// The leaf it would mend; `None` when it is about what is recorded.
    pub leaf: Option<LeafId>,
    /// What to do.
    pub text: String,
    /// The counts that speak for it.
    pub because: String,
}

/// Returns at most three things to do.
pub(super) fn recommend(
    _reliability: &Reliability,
    _cost: &CostFigures,
    _issues: &[Issue],
    _catalog: &Catalog,
) -> Vec<Recommendation> {
    Vec::new()
}
