//! A call was not allowed.
//!
//! # What
//! A model or tool call that failed with a status or an exception made for it: 403 and its names, or a result whose
//! status field says 403.
//!
//! # Why it matters
//! No retry helps: somebody has to grant the right, or the agent has to do without.
//!
//! # Example
//! ```text
//! tool read_file {path: "/etc/shadow"} !PermissionError "permission denied"
//! ```
//!
//! # When it is wrong
//! A refusal can be what was wanted, as in a test of access rights. "403" in a text is not looked at.

use super::{Detector, Sighting, View, turned_away::turned_away};

/// Finds calls that were not allowed; the module says when it is wrong.
pub(super) struct PermissionDenied;

const FORBIDDEN: &[&str] = &[
    "403",
    "AccessDenied",
    "AccessDeniedException",
    "EACCES",
    "Forbidden",
    "ForbiddenError",
    "InsufficientPrivilege",
    "NotAuthorizedException",
    "PermissionDenied",
    "PermissionDeniedError",
    "PermissionError",
];

impl Detector for PermissionDenied {
    fn leaf(&self) -> &'static str {
        "permission-denied"
    }

    fn version(&self) -> u32 {
        1
    }

    // The agent may know another way.
    fn is_certain(&self) -> bool {
        false
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        turned_away(view, FORBIDDEN, "was not allowed")
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "permission-denied";

    #[test]
    fn a_call_that_was_not_allowed_is_found_by_its_class_or_the_status_in_its_result() {
        check(
            LEAF,
            "tool read {path: \"/etc/shadow\"} !PermissionError \"denied\"\ntool http {url: \"x\"} -> {status_code: 403, body: \"no\"}",
            expect![[r"
                high read was not allowed
                  span 1 status `PermissionError: denied`
                high http was not allowed
                  span 2 tool_result `status_code: 403`
            "]],
        );
    }

    #[test]
    fn a_number_that_is_no_status_is_not_looked_at() {
        check(LEAF, "tool count {} -> {rows: 403}\ntool page {} -> \"Room 403: permission denied\"", expect![[""]]);
    }
}
