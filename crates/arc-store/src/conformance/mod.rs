//! The contract as tests: every case is named after a sentence of it, and every backend runs them all.
//!
//! A backend's test file says how to open an empty store and calls
//! [`conformance_suite!`](crate::conformance_suite) once for each way of opening it. A case is an
//! `async fn(&Backend)` in one of the modules here, and one line in
//! [`for_each_case!`](crate::for_each_case).
//!
//! What a backend cannot do is listed in its `tests/exceptions/`, each case with a reason. The
//! data comes from [`Generator`], which is random with a fixed seed: every run sees the same.

pub mod alerts;
pub mod append;
pub mod captures;
pub mod changes;
pub mod concurrency;
pub mod costs;
pub mod damage;
pub mod delete;
pub mod figures;
mod generate;
pub mod leases;
pub mod listings;
mod make;
pub mod projects;
pub mod records;
pub mod search;
pub mod settle;
pub mod storage;
pub mod unsettled;
pub mod values;

use std::{any::Any, pin::Pin, sync::Arc};

pub use generate::Generator;

use crate::{Registry, TraceStore};

/// A future with its type forgotten.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Overwrites the segments of a store.
pub type Damage = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// An open, empty store.
pub struct Subject {
    /// The port for what was captured.
    pub traces: Arc<dyn TraceStore>,
    /// The port for what was decided.
    pub registry: Arc<dyn Registry>,
    /// Makes everything unreadable that was appended so far, but not what is known about it; `None` where nobody else
    /// gets at the data.
    pub damage: Option<Damage>,
    /// Dropped after the store: removes its files, say.
    pub keep: Box<dyn Any + Send + Sync>,
}

/// How to open empty stores.
pub struct Backend {
    open: Box<dyn Fn() -> BoxFuture<'static, Subject> + Send + Sync>,
}

impl Backend {
    /// Wraps a function that opens an empty store, each time another one.
    pub fn new<F: Future<Output = Subject> + Send + 'static>(open: impl Fn() -> F + Send + Sync + 'static) -> Self {
        Self { open: Box::new(move || Box::pin(open())) }
    }

    /// Opens an empty store.
    pub async fn open(&self) -> Subject {
        (self.open)().await
    }
}

/// A case a backend does not pass, and why that is accepted.
#[derive(Debug, Clone, Copy)]
pub struct Exception {
    /// The case.
    pub case: &'static str,
    /// Why.
    pub reason: &'static str,
}

/// Names of all cases.
pub const CASES: &[&str] = crate::for_each_case!(case_names);

/// A case as a function.
pub type Case = for<'a> fn(&'a Backend) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// All cases with their names, for a backend whose server is worth sharing among them.
pub const EVERY_CASE: &[(&str, Case)] = crate::for_each_case!(case_functions);

/// Passes every case on to another macro of this crate. The only list of cases.
#[macro_export]
macro_rules! for_each_case {
    ($callback:ident $($args:tt)*) => {
        $crate::$callback! { $($args)* =>
            append::appended_spans_come_back_exactly,
            append::an_unknown_trace_is_absent,
            append::appending_again_changes_nothing,
            append::the_highest_revision_is_kept_in_any_order,
            append::of_one_revision_the_same_record_is_kept_in_any_order,
            append::a_batch_counts_like_single_appends,
            append::spans_without_times_or_a_known_parent_are_kept,
            append::an_abandoned_append_leaves_all_or_nothing,
            append::appending_nothing_changes_nothing,
            append::spans_that_are_read_by_the_store_are_stored,
            values::a_resent_history_comes_back_exactly,
            values::large_bodies_come_back_exactly,
            values::any_text_comes_back_exactly,
            values::deeply_nested_values_come_back_exactly,
            values::extreme_numbers_come_back_exactly,
            values::many_spans_of_one_trace_come_back,
            concurrency::appends_at_once_are_all_stored,
            concurrency::of_revisions_appended_at_once_the_highest_is_kept,
            concurrency::runs_settled_at_once_are_all_counted,
            projects::projects_are_isolated_in_every_method,
            projects::a_project_is_made_once,
            projects::projects_are_listed_by_id,
            alerts::an_alert_is_stored_once,
            alerts::alerts_are_listed_by_time_and_project,
            alerts::deliveries_are_replaced,
            alerts::a_note_is_replaced,
            records::a_record_comes_back_exactly,
            records::a_record_is_written_only_where_what_is_expected_holds,
            records::records_are_written_all_or_none,
            records::of_writers_at_once_one_is_told_that_it_wrote,
            records::a_removed_record_is_gone_and_can_be_made_again,
            records::records_are_listed_by_rank_and_tag_in_pages,
            records::records_are_those_of_one_project_and_collection,
            records::names_and_pages_that_cannot_be_are_refused,
            leases::work_is_given_to_one_program_at_a_time,
            leases::a_lease_ends_with_its_time,
            leases::of_programs_that_ask_at_once_one_gets_the_work,
            captures::what_became_of_a_source_is_replaced,
            captures::what_became_of_a_source_adds_up,
            captures::sources_are_listed_by_their_latest_news,
            captures::old_sources_are_folded_into_one,
            unsettled::a_trace_waits_until_it_is_settled,
            unsettled::a_trace_with_an_ended_root_is_due_when_it_is_quiet,
            unsettled::a_trace_without_an_ended_root_is_due_when_it_is_idle,
            unsettled::a_trace_without_times_is_due_when_it_is_quiet,
            unsettled::an_orphan_that_ended_is_not_an_ended_root,
            unsettled::a_root_that_runs_again_is_not_ended,
            unsettled::the_longest_untouched_trace_comes_first,
            unsettled::a_trace_keeps_the_time_it_arrived,
            unsettled::an_append_after_the_mark_was_read_keeps_a_trace_unsettled,
            unsettled::an_unchanged_append_leaves_a_trace_settled,
            unsettled::a_run_that_saw_less_than_an_earlier_one_leaves_its_trace_unsettled,
            unsettled::a_running_trace_is_due_once_its_first_write_is_past,
            unsettled::a_running_trace_is_due_at_most_so_often,
            unsettled::a_running_run_leaves_its_trace_unsettled,
            unsettled::a_trace_that_is_unsettled_waits_again_and_its_run_stays,
            unsettled::a_trace_that_was_set_aside_is_due_once_it_is_written_to,
            settle::a_settled_run_comes_back_exactly,
            settle::settling_again_replaces_the_run_and_its_findings,
            settle::a_run_without_stored_spans_can_be_settled,
            settle::of_two_runs_of_one_trace_the_last_is_kept,
            settle::a_running_run_is_listed_and_counts_once_it_ended,
            figures::figures_equal_a_recount_of_the_runs,
            figures::an_agent_without_runs_has_no_figures,
            figures::a_run_that_changes_its_agent_leaves_the_old_one,
            figures::an_agent_is_described_by_its_latest_run,
            figures::figures_stop_at_the_largest_number,
            costs::divisions_equal_a_recount_of_the_runs,
            costs::divisions_are_those_of_one_project,
            costs::the_dearest_lines_come_first_and_no_more_than_asked_for,
            costs::a_time_is_refused_where_only_sums_over_all_time_are_kept,
            costs::sums_stop_at_the_largest_number,
            listings::pages_of_runs_concatenate_to_the_whole,
            listings::runs_are_filtered_by_everything_at_once,
            listings::pages_of_findings_concatenate_to_the_whole,
            listings::a_run_settled_between_pages_repeats_nothing,
            listings::a_foreign_cursor_is_invalid,
            listings::a_page_of_nothing_is_invalid,
            changes::every_settled_run_gets_a_greater_number,
            changes::a_run_settled_again_appears_once_at_its_newest_number,
            changes::changes_can_be_read_in_parts,
            delete::a_deleted_run_is_gone_everywhere,
            delete::figures_equal_a_recount_after_deleting,
            delete::every_selection_deletes_what_it_names,
            delete::the_oldest_runs_are_deleted_first,
            delete::a_running_run_is_not_old,
            delete::a_trace_that_was_never_analysed_can_be_deleted,
            delete::deleting_is_confined_to_a_project,
            delete::a_deleted_run_can_be_appended_again,
            delete::a_run_that_is_deleted_while_it_is_analysed_stays_deleted,
            delete::compacting_keeps_what_is_referred_to,
            delete::runs_appended_while_others_are_deleted_are_kept,
            damage::searching_goes_on_where_records_cannot_be_read,
            damage::compacting_goes_on_where_records_cannot_be_read,
            storage::runs_spans_and_bytes_are_counted,
            storage::used_bytes_fall_with_what_is_deleted,
            search::text_is_found_once_it_was_indexed,
            search::text_that_arrived_apart_is_found_at_its_span,
            search::every_word_has_to_be_there_in_any_case_and_script,
            search::hits_come_newest_run_first_and_pages_concatenate,
            search::hits_are_filtered_by_agent_and_time,
            search::a_run_settled_anew_is_found_by_its_new_text,
            search::a_deleted_run_is_not_found,
            search::searching_is_confined_to_a_project,
            search::any_query_is_only_words,
        }
    };
}

/// Makes a list of the cases' names.
#[doc(hidden)]
#[macro_export]
macro_rules! case_names {
    (=> $($module:ident :: $case:ident,)*) => { &[$(stringify!($case)),*] };
}

/// Makes a list of the cases.
#[doc(hidden)]
#[macro_export]
macro_rules! case_functions {
    (=> $($module:ident :: $case:ident,)*) => {
        &[$((stringify!($case), |backend| Box::pin($module::$case(backend)))),*]
    };
}

/// Makes a test of every case, given a function that opens an empty store and the backend's exceptions.
///
/// ```ignore
/// async fn open() -> Subject { … }
/// arc_store::conformance_suite!(open, exceptions::SQLITE);
/// ```
#[macro_export]
macro_rules! conformance_suite {
    ($open:path, $exceptions:path) => {
        $crate::for_each_case!(conformance_tests[$open][$exceptions]);

        #[test]
        fn every_exception_names_a_case_and_a_reason() {
            for exception in $exceptions {
                assert!($crate::conformance::CASES.contains(&exception.case), "no case {}", exception.case);
                assert!(!exception.reason.is_empty(), "no reason for {}", exception.case);
            }
        }
    };
}

/// Makes the tests of [`conformance_suite!`](crate::conformance_suite).
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ([$open:path] [$exceptions:path] => $($module:ident :: $case:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                if $exceptions.iter().all(|exception| exception.case != stringify!($case)) {
                    $crate::conformance::$module::$case(&$crate::conformance::Backend::new($open)).await;
                }
            }
        )*
    };
}
