//! What ClickHouse cannot do: each case it fails, with the reason.

use arc_store::conformance::Exception;

const REASON: &str = "it refuses to delete and to compact";

pub(crate) const CLICKHOUSE: &[Exception] = &[
    Exception { case: "a_deleted_run_is_gone_everywhere", reason: REASON },
    Exception { case: "figures_equal_a_recount_after_deleting", reason: REASON },
    Exception { case: "every_selection_deletes_what_it_names", reason: REASON },
    Exception { case: "the_oldest_runs_are_deleted_first", reason: REASON },
    Exception { case: "a_running_run_is_not_old", reason: REASON },
    Exception { case: "a_trace_that_was_never_analysed_can_be_deleted", reason: REASON },
    Exception { case: "deleting_is_confined_to_a_project", reason: REASON },
    Exception { case: "a_deleted_run_can_be_appended_again", reason: REASON },
    Exception { case: "a_run_that_is_deleted_while_it_is_analysed_stays_deleted", reason: REASON },
    Exception { case: "compacting_keeps_what_is_referred_to", reason: REASON },
    Exception { case: "runs_appended_while_others_are_deleted_are_kept", reason: REASON },
    Exception { case: "runs_spans_and_bytes_are_counted", reason: REASON },
    Exception { case: "a_deleted_run_is_not_found", reason: REASON },
];
