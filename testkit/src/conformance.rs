//! The contract of a provider, as tests.
//!
//! [`conformance_tests!`](crate::conformance_tests) makes a test of each case:
//!
//! ```
//! # #[cfg(test)]
//! reenact_testkit::conformance_tests!(|clock| async move {
//!     reenact_providers::InMemory::new().with_clock(clock)
//! });
//! ```
//!
//! The closure makes a fresh, empty [`Hub`] on the given clock; each case has a hub of its own. For a store on a
//! durable medium, a hub is a small struct that knows where the data is, opens the store there as often as it
//! is asked, and removes the data when it is dropped.
//!
//! A store that several hosts share runs [`sharing_conformance_tests!`](crate::sharing_conformance_tests)
//! as well, on the same hub:
//!
//! ```
//! # #[cfg(test)]
//! reenact_testkit::sharing_conformance_tests!(|clock| async move {
//!     reenact_providers::InMemory::new().with_clock(clock).shared()
//! });
//! ```
//!
//! [`check`] and [`check_sharing`] run the same cases one after the other, for programs that are no test.
//!
//! A case does not sleep, and it measures no time. It moves the clock that it was given, and it panics when the
//! provider breaks the contract. The message says which sentence of the contract that is.

pub mod append;
pub mod executions;
pub mod fence;
pub mod kept;
mod kit;
pub mod large;
pub mod lease;
pub mod list;
pub mod members;
pub mod purge;
pub mod quarantine;
pub mod queue;
pub mod read;
pub mod recovery;
pub mod summary;
pub mod tags;
pub mod timers;

use std::future::Future;
use std::time::Duration;

use reenact_providers::{InMemory, ManualClock, Provider};

/// The data of one store, apart from the handles that are open on it.
pub trait Hub: Send + Sync + 'static {
    /// The store that opens on the data.
    type Provider: Provider;

    /// Whether a [router](reenact_providers::ExternalEventRouter::send) drops a message whose key is in the queue
    /// already. One that cannot look into its queues takes a key as often as it is sent.
    const TAKES_A_KEY_ONCE: bool = true;

    /// Whether a shard is free for the next provider as soon as everything of the last one is dropped. The
    /// suite does not [wait](Self::outwait) before it opens such a hub again.
    const FREES_SHARDS_WHEN_DROPPED: bool = false;

    /// Opens the store, with at least 2 shards. To see what survives, a case drops everything of the provider
    /// and opens the hub again. A hub that hosts share is also opened several times at once, as hosts in
    /// several processes do.
    fn open(&self) -> impl Future<Output = Self::Provider> + Send;

    /// Lets time pass until each lease that can run out has run out, each delivery is visible again, and each
    /// host that died is taken for dead. Hosts that live go on living. If the medium has a clock of its own, wait
    /// for it here. A store that asks the provider's [`TimerScheduler`](reenact_providers::TimerScheduler)
    /// has nothing to do.
    fn outwait(&self, clock: &ManualClock) -> impl Future<Output = ()> + Send {
        clock.advance(LONG);
        std::future::ready(())
    }
}

/// Longer than leases and visibility times are.
const LONG: Duration = Duration::from_secs(60 * 60);

/// The data exists as long as a clone of the store does.
impl Hub for InMemory {
    type Provider = Self;

    async fn open(&self) -> Self {
        self.clone()
    }
}

/// What a case runs on: a fresh hub and the clock that it runs on.
#[derive(Debug)]
pub struct Stage<H> {
    hub: H,
    clock: ManualClock,
}

/// Runs all cases of the suite, one after the other, each on a hub that `make` makes. Must be called on a runtime
/// of tokio with time.
///
/// # Panics
/// When the store breaks its contract. The message says which sentence of it, and the place of the panic is the
/// case.
pub async fn check<H: Hub, F: Future<Output = H>>(make: impl Fn(ManualClock) -> F) {
    crate::conformance_tests!(@all (check make));
}

/// Runs all cases of the suite for stores that several hosts share, in the same way as [`check`].
///
/// # Panics
/// As [`check`].
pub async fn check_sharing<H: Hub, F: Future<Output = H>>(make: impl Fn(ManualClock) -> F) {
    crate::sharing_conformance_tests!(@all (check make));
}

impl<H: Hub> Stage<H> {
    /// Makes a hub for one case.
    pub async fn new<F: Future<Output = H>>(make: impl FnOnce(ManualClock) -> F) -> Self {
        let clock = ManualClock::default();
        Self { hub: make(clock.clone()).await, clock }
    }

    async fn open(&self) -> H::Provider {
        let provider = self.hub.open().await;
        assert!(provider.shards() >= 2, "open the hub with at least 2 shards");
        provider
    }

    /// Opens the hub again after everything of a provider was dropped.
    async fn reopen(&self, provider: H::Provider) -> H::Provider {
        drop(provider);
        if !H::FREES_SHARDS_WHEN_DROPPED {
            self.outwait().await;
        }
        self.open().await
    }

    async fn outwait(&self) {
        self.hub.outwait(&self.clock).await;
    }
}

/// Expands to one test for each case of the suite, with the name of the case. The argument is a closure that
/// makes a fresh, empty [`Hub`](crate::conformance::Hub) from a
/// [`ManualClock`](reenact_providers::ManualClock).
///
/// The crate that uses it needs `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! conformance_tests {
    ($make:expr) => {
        $crate::conformance_tests!(@all (test $make));
    };
    (@all $make:tt) => {
        $crate::conformance_tests!(@subject $make, append, [
            an_appended_turn_is_stored_as_it_is,
            a_batch_may_hold_turns_of_several_instances_and_several_of_one,
            an_empty_batch_is_proof_as_well,
            receipts_name_their_shard_and_rise,
            a_gap_is_refused_with_all_of_its_batch,
            a_repeated_turn_is_refused_with_all_of_its_batch,
            a_second_start_is_refused_with_all_of_its_batch,
            two_starts_of_one_id_in_a_batch_are_refused,
            a_later_turn_of_an_unknown_instance_is_refused,
            a_turn_of_another_shard_is_refused_with_all_of_its_batch,
            a_shard_that_does_not_exist_is_refused,
            an_overlarge_batch_is_refused,
            appends_to_all_shards_at_once_lose_nothing,
            of_appends_that_compete_for_a_place_exactly_one_wins,
            what_was_appended_survives_reopening,
        ]);
        $crate::conformance_tests!(@subject $make, executions, [
            the_next_execution_begins_at_turn_0_in_the_place_of_the_earlier,
            a_batch_may_end_one_execution_and_begin_the_next,
            an_execution_cannot_be_left_out,
            an_instance_begins_at_turn_0_of_an_execution,
            the_next_execution_begins_at_turn_0_only,
            an_earlier_execution_takes_no_more_turns,
            executions_survive_reopening,
            a_finished_instance_goes_on_in_its_next_execution,
        ]);
        $crate::conformance_tests!(@subject $make, kept, [
            as_many_are_kept_as_the_first_turn_says,
            what_has_gone_does_not_come_back,
            no_more_are_kept_than_the_limit,
            several_executions_may_come_in_one_batch,
            a_refused_batch_takes_no_execution_away,
            kept_executions_survive_reopening,
            kept_executions_are_read_in_pages_of_every_size,
            an_instance_is_listed_once,
            a_purge_removes_all_executions,
        ]);
        $crate::conformance_tests!(@subject $make, read, [
            pages_of_every_size_give_the_same_history,
            reading_begins_at_the_given_turn,
            loading_gives_the_summary_and_the_first_turns,
            reading_at_the_end_gives_an_empty_page,
            reading_past_the_end_is_a_conflict,
            reading_what_does_not_exist_is_not_found,
            reading_needs_no_lease,
        ]);
        $crate::conformance_tests!(@subject $make, summary, [
            the_summary_is_that_of_the_newest_turn,
            the_summary_of_an_unknown_instance_is_none,
            the_last_turn_of_a_batch_gives_the_summary,
            summaries_survive_reopening,
        ]);
        $crate::conformance_tests!(@subject $make, fence, [
            a_superseded_epoch_can_write_nothing,
            a_released_lease_can_write_nothing,
            a_shard_that_was_never_acquired_can_not_be_written,
            an_epoch_that_nobody_was_given_can_write_nothing,
            an_empty_batch_is_fenced_as_well,
            an_owner_that_lost_a_race_to_the_new_one_learns_that_it_is_fenced,
            an_epoch_from_before_the_reopening_is_fenced,
        ]);
        $crate::conformance_tests!(@subject $make, lease, [
            a_held_shard_cannot_be_taken_and_the_error_names_the_holder,
            a_lease_runs_out_if_it_says_so,
            each_acquisition_has_a_higher_epoch,
            epochs_rise_across_reopening,
            renewing_keeps_the_epoch_and_extends_the_lease,
            a_lease_that_ran_out_can_be_renewed_until_another_has_the_shard,
            a_superseded_or_released_lease_cannot_be_renewed,
            releasing_twice_is_no_error,
            releasing_a_lost_lease_leaves_the_new_owner_alone,
            each_shard_has_its_own_lease,
            of_hosts_that_compete_for_a_shard_exactly_one_gets_it,
            a_shard_that_does_not_exist_cannot_be_taken,
        ]);
        $crate::conformance_tests!(@subject $make, list, [
            an_empty_store_lists_nothing,
            instances_are_listed_by_id_in_pages_of_every_size,
            each_filter_lets_through_what_it_says,
            filters_by_time_let_through_what_they_say,
            filters_by_attribute_let_through_what_they_say,
            filters_combine,
            a_filter_or_a_page_that_is_invalid_lists_nothing,
            pages_of_a_filtered_list_are_full,
            instances_are_listed_by_the_time_of_their_last_event,
            instances_are_counted_by_orchestration_and_state,
            a_list_may_begin_after_an_id_that_does_not_exist,
            a_list_is_stable_while_instances_are_appended,
        ]);
        $crate::conformance_tests!(@subject $make, purge, [
            a_purged_instance_is_gone_and_its_id_is_free,
            a_later_execution_is_purged_as_well,
            an_unfinished_instance_cannot_be_purged,
            one_that_has_something_to_tell_others_cannot_be_purged,
            purging_an_unknown_instance_removes_nothing,
            a_purge_of_several_removes_all_or_none,
            an_overlarge_purge_is_refused,
            purging_is_fenced,
            purging_needs_the_lease_of_the_instances_shard,
            a_purge_survives_reopening,
        ]);
        $crate::conformance_tests!(@subject $make, recovery, [
            an_empty_shard_has_nothing_to_recover,
            recovery_gives_the_instances_that_must_be_woken_earliest_first,
            recovery_goes_by_the_newest_turn,
            recovery_leaves_out_what_was_purged,
            recovery_is_fenced,
        ]);
        $crate::conformance_tests!(@subject $make, timers, [
            timers_run_on_the_clock_that_the_store_was_given,
        ]);
    };
    (@subject (check $make:ident), $subject:ident, [$($case:ident),* $(,)?]) => {
        $(
            let stage = $crate::conformance::Stage::new(&$make).await;
            $crate::conformance::$subject::$case(&stage).await;
        )*
    };
    (@subject (test $make:expr), $subject:ident, [$($case:ident),* $(,)?]) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let stage = $crate::conformance::Stage::new($make).await;
                $crate::conformance::$subject::$case(&stage).await;
            }
        )*
    };
}

/// Expands to one test for each case of the suite for stores that several hosts share. The argument is
/// as that of [`conformance_tests!`](crate::conformance_tests), which such a store runs as well.
#[macro_export]
macro_rules! sharing_conformance_tests {
    ($make:expr) => {
        $crate::sharing_conformance_tests!(@all (test $make));
    };
    (@all $make:tt) => {
        $crate::conformance_tests!(@subject $make, members, [
            one_host_alone_has_all_shards,
            hosts_that_join_have_equal_parts_and_every_shard_has_one_host,
            a_host_that_leaves_is_gone_at_once,
            leaving_twice_is_no_error,
            a_host_that_died_is_gone_after_a_while,
            hosts_that_live_keep_their_parts_however_long,
            hosts_of_one_name_are_two,
            a_host_that_comes_back_is_a_new_one,
        ]);
        $crate::conformance_tests!(@subject $make, queue, [
            messages_are_delivered_in_order_of_arrival,
            no_more_messages_are_delivered_than_asked_for,
            a_key_that_is_in_the_queue_is_not_taken_twice,
            an_acknowledged_key_can_be_sent_again,
            what_is_not_acknowledged_is_delivered_again_with_a_higher_attempt,
            what_is_acknowledged_is_never_delivered_again,
            acknowledging_twice_or_late_is_no_error,
            receiving_waits_until_a_message_arrives,
            receiving_waits_until_a_delivery_has_run_out,
            a_dropped_receive_loses_nothing,
            each_shard_has_its_own_queue,
            concurrent_senders_lose_nothing,
            an_overlarge_message_is_refused,
            a_queue_survives_reopening,
            what_waits_is_counted_until_it_is_acknowledged,
        ]);
        $crate::conformance_tests!(@subject $make, tags, [
            messages_of_a_tag_go_to_those_who_ask_for_it,
            a_message_of_a_tag_goes_to_one_of_those_who_ask,
            what_is_not_acknowledged_or_extended_comes_again,
            what_is_extended_stays_hidden_for_another_time,
            a_delivery_that_has_run_out_cannot_be_extended,
            an_acknowledged_message_of_a_tag_is_gone,
            receiving_from_a_tag_waits_until_a_message_arrives,
            an_overlarge_message_of_a_tag_is_refused,
            a_queue_of_a_tag_survives_reopening,
        ]);
        $crate::conformance_tests!(@subject $make, quarantine, [
            what_is_in_quarantine_is_as_it_was_put_there,
            quarantine_is_read_in_pages_of_every_size,
            the_same_may_be_in_quarantine_twice,
            what_is_discarded_is_gone,
            quarantine_survives_reopening,
        ]);
    };
}

/// Expands to one test for each case of the suite for stores that take large payloads. The argument is as that of
/// [`conformance_tests!`](crate::conformance_tests), which such a store runs as well; with `shared:` in front of it for a
/// store that several hosts share.
#[macro_export]
macro_rules! large_payload_conformance_tests {
    (shared: $make:expr) => {
        $crate::large_payload_conformance_tests!($make);
        $crate::conformance_tests!(@subject (test $make), large, [
            a_large_message_arrives_as_it_was_sent,
        ]);
    };
    ($make:expr) => {
        $crate::conformance_tests!(@subject (test $make), large, [
            a_store_says_that_it_takes_large_payloads,
            a_large_turn_is_stored_as_it_is,
            a_large_turn_is_loaded_as_it_is,
            a_turn_is_stored_as_it_is_whatever_it_begins_with,
            a_refused_large_turn_leaves_no_trace,
            the_next_execution_takes_the_place_of_large_turns,
            a_purged_instance_with_large_turns_is_gone,
            a_look_at_large_turns_finds_nothing_left_over,
            a_batch_over_the_limit_of_large_ones_is_refused,
        ]);
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_in_the_list() {
        let list = include_str!("conformance.rs");
        let subjects = [
            include_str!("conformance/append.rs"),
            include_str!("conformance/executions.rs"),
            include_str!("conformance/fence.rs"),
            include_str!("conformance/large.rs"),
            include_str!("conformance/lease.rs"),
            include_str!("conformance/list.rs"),
            include_str!("conformance/members.rs"),
            include_str!("conformance/purge.rs"),
            include_str!("conformance/quarantine.rs"),
            include_str!("conformance/queue.rs"),
            include_str!("conformance/read.rs"),
            include_str!("conformance/recovery.rs"),
            include_str!("conformance/summary.rs"),
            include_str!("conformance/tags.rs"),
            include_str!("conformance/timers.rs"),
        ];
        let lines = subjects.iter().flat_map(|subject| subject.lines());
        let cases = lines.filter_map(|line| line.strip_prefix("pub async fn ")?.split('<').next());
        for case in cases {
            assert!(list.contains(&format!(" {case},\n")), "{case} is missing in the macro");
        }
    }
}
