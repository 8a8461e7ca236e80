//! What became of a check that the user declared, in one run.

use serde::{Deserialize, Serialize};

use crate::{Evidence, id::text_id};

text_id!(CheckId, "Names a check within a project, as the user declared it: `refund-is-booked`.");

/// What a declared check came to in a run it applies to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckResult {
    /// The check.
    pub check: CheckId,
    /// What sort of check it is: `tools`, `arguments`, `forbidden`, `output`, `state`, `budget`.
    pub kind: String,
    /// What it came to.
    #[serde(flatten)]
    pub state: CheckState,
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CheckState {
    /// What was asked for is so.
    Passed,
    /// It is not.
    Failed {
        /// What is not as asked for, in a sentence.
        why: String,
        /// What shows it; never empty.
        evidence: Vec<Evidence>,
    },
    /// The run does not show whether it is.
    Unknown {
        /// What is missing, in a sentence.
        why: String,
    },
}
