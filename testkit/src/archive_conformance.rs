//! The contract of an archive, as tests.
//!
//! [`archive_conformance_tests!`](crate::archive_conformance_tests) makes a test of each case:
//!
//! ```
//! # #[cfg(test)]
//! reenact_testkit::archive_conformance_tests!(|check: fn(&FakeArchive)| {
//!     check(&FakeArchive::new(FakeDisk::new()))
//! });
//! ```
//!
//! The closure makes an empty archive and calls `check` with it. It can remove the archive afterwards.
//!
//! A case panics when the archive breaks its contract. No case opens an archive again: how an archive is opened,
//! and what a crash leaves of it, is for tests of your own.
#![allow(clippy::unwrap_used, reason = "a case panics where an archive fails that must not")]

pub mod earlier;
pub mod growing;
pub mod listing;
pub mod parts;
pub mod reading;

/// Expands to one test for each case of the suite for archives, with the name of the case. The argument is a
/// closure that takes `check: fn(&A)`, makes an empty archive of the type `A`, and calls `check` with it.
#[macro_export]
macro_rules! archive_conformance_tests {
    ($with:expr) => {
        $crate::archive_conformance_tests!(@subject $with, growing, [
            a_new_archive_has_nothing,
            what_was_absorbed_can_be_looked_up,
            each_shard_has_its_own_position,
            an_instance_grows,
            absorbing_the_same_part_again_changes_nothing,
            a_later_execution_takes_the_place_of_the_earlier,
            executions_may_have_passed_in_between,
            what_was_purged_is_gone,
            an_id_may_be_used_anew_after_a_purge,
            what_does_not_follow_is_refused_and_changes_nothing,
        ]);
        $crate::archive_conformance_tests!(@subject $with, earlier, [
            an_earlier_execution_is_kept,
            an_execution_that_was_cut_off_is_kept,
            several_executions_may_pass_in_one_part,
            what_is_kept_stays_through_many_parts,
            a_purge_removes_what_is_kept,
            keeping_the_same_again_changes_nothing,
            earlier_turns_that_do_not_follow_are_refused,
        ]);
        $crate::archive_conformance_tests!(@subject $with, reading, [
            turns_are_read_from_any_number_on,
            long_runs_are_read_across_all_seams,
            the_largest_numbers_come_back,
            what_must_wake_is_known_by_shard,
            several_threads_may_read_while_one_absorbs,
            questions_are_answered_each_in_its_place,
            all_ids_are_shown,
        ]);
        $crate::archive_conformance_tests!(@subject $with, listing, [
            ids_are_in_the_order_of_their_bytes,
            any_prefix_selects_what_begins_so,
            lists_come_a_page_at_a_time,
            filters_by_state_and_name,
            filters_by_time,
            filters_by_attribute,
            times_beyond_half_of_all_are_in_order,
            the_first_by_time_are_found_among_many,
            a_list_by_time_is_ordered_by_id_however_many_there_are,
        ]);
    };
    (@subject $with:expr, $subject:ident, [$($case:ident),* $(,)?]) => {
        $(
            #[test]
            fn $case() {
                ($with)($crate::archive_conformance::$subject::$case);
            }
        )*
    };
}
