//! The conformance suite can fail: each of these stores breaks its contract in one way, and the
//! case that is there for it says so.

mod faulty;

use std::future::Future;

use reenact_testkit::conformance::{
    Stage, append, executions, fence, lease, list, purge, queue, read, recovery, summary, timers,
};

use crate::faulty::{Fault, Faulty};

/// Whether the case panics on a store with this fault.
async fn fails<F>(fault: Fault, case: impl FnOnce(Stage<Faulty>) -> F) -> bool
where
    F: Future<Output = ()> + Send + 'static,
{
    let stage = Stage::new(|clock| async move { Faulty::new(fault, clock) }).await;
    match tokio::spawn(case(stage)).await {
        Ok(()) => false,
        Err(error) => {
            assert!(error.is_panic());
            true
        }
    }
}

/// One test for each fault: the cases named find it, and they find nothing in a store without it.
/// Time is paused, so that a wait that would never end fails at once.
macro_rules! caught {
    ($($test:ident: $fault:ident by $($subject:ident::$case:ident),+;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $test() {$(
            let case = |stage| async move { $subject::$case(&stage).await };
            let name = stringify!($subject::$case);
            assert!(fails(Fault::$fault, case).await, "{name} overlooks {:?}", Fault::$fault);
            assert!(!fails(Fault::None, case).await, "{name} fails without a fault");
        )+}
    )*};
}

caught! {
    a_partial_append_is_found: AppendsTurnByTurn by
        append::a_gap_is_refused_with_all_of_its_batch,
        append::a_turn_of_another_shard_is_refused_with_all_of_its_batch,
        append::two_starts_of_one_id_in_a_batch_are_refused,
        executions::an_execution_cannot_be_left_out;
    a_conflict_that_is_acknowledged_is_found: AcknowledgesConflicts by
        append::of_appends_that_compete_for_a_place_exactly_one_wins,
        append::a_second_start_is_refused_with_all_of_its_batch,
        executions::an_earlier_execution_takes_no_more_turns;
    a_missing_fence_is_found: ForgetsTheFence by
        fence::a_superseded_epoch_can_write_nothing,
        fence::an_empty_batch_is_fenced_as_well,
        fence::an_epoch_from_before_the_reopening_is_fenced;
    receipts_that_do_not_rise_are_found: CountsNoCommits by
        append::receipts_name_their_shard_and_rise;
    lost_data_is_found: LosesDataOnReopening by
        append::what_was_appended_survives_reopening,
        executions::executions_survive_reopening,
        lease::epochs_rise_across_reopening,
        summary::summaries_survive_reopening,
        recovery::recovery_goes_by_the_newest_turn,
        purge::a_purge_survives_reopening,
        queue::a_queue_survives_reopening;
    a_cursor_out_of_place_is_found: TakesEndsForPages by
        read::reading_past_the_end_is_a_conflict;
    a_history_cut_short_is_found: ReadsOnlyOnePage by
        read::pages_of_every_size_give_the_same_history;
    an_old_summary_is_found: ForgetsTheNewestSummary by
        summary::the_summary_is_that_of_the_newest_turn,
        summary::the_last_turn_of_a_batch_gives_the_summary,
        executions::a_finished_instance_goes_on_in_its_next_execution;
    a_filter_that_is_ignored_is_found: IgnoresTheFilter by
        list::each_filter_lets_through_what_it_says,
        list::filters_combine;
    a_list_out_of_order_is_found: ListsBackwards by
        list::instances_are_listed_by_id_in_pages_of_every_size,
        list::a_list_is_stable_while_instances_are_appended;
    a_list_with_an_empty_last_page_is_found: ListsAnEmptyLastPage by
        list::instances_are_listed_by_id_in_pages_of_every_size,
        list::pages_of_a_filtered_list_are_full;
    an_order_by_time_that_is_ignored_is_found: ListsTheOldestAsTheNewest by
        list::instances_are_listed_by_the_time_of_their_last_event;
    counts_of_the_wrong_states_are_found: CountsAllAsOneState by
        list::instances_are_counted_by_orchestration_and_state;
    a_count_that_ignores_the_filter_is_found: CountsEverything by
        list::each_filter_lets_through_what_it_says;
    a_purge_that_does_nothing_is_found: PurgesNothing by
        purge::a_purged_instance_is_gone_and_its_id_is_free,
        purge::an_unfinished_instance_cannot_be_purged,
        purge::purging_an_unknown_instance_removes_nothing,
        purge::purging_is_fenced;
    an_execution_that_is_kept_too_long_is_found: KeepsEarlierExecutions by
        executions::the_next_execution_begins_at_turn_0_in_the_place_of_the_earlier,
        executions::a_batch_may_end_one_execution_and_begin_the_next;
    recovery_out_of_order_is_found: RecoversLatestFirst by
        recovery::recovery_gives_the_instances_that_must_be_woken_earliest_first;
    a_recovery_that_forgets_is_found: RecoversNothing by
        recovery::recovery_leaves_out_what_was_purged;
    a_stolen_lease_is_found: StealsLeases by
        lease::a_held_shard_cannot_be_taken_and_the_error_names_the_holder,
        lease::of_hosts_that_compete_for_a_shard_exactly_one_gets_it;
    a_lease_renewed_for_anybody_is_found: RenewsForAnybody by
        lease::a_superseded_or_released_lease_cannot_be_renewed;
    a_lease_released_by_anybody_is_found: ReleasesForAnybody by
        lease::releasing_a_lost_lease_leaves_the_new_owner_alone;
    a_duplicate_message_is_found: KeepsDuplicates by
        queue::a_key_that_is_in_the_queue_is_not_taken_twice;
    an_acknowledgement_without_effect_is_found: ForgetsAcknowledgements by
        queue::what_is_acknowledged_is_never_delivered_again,
        queue::an_acknowledged_key_can_be_sent_again;
    a_message_delivered_only_once_is_found: DeliversOnlyOnce by
        queue::what_is_not_acknowledged_is_delivered_again_with_a_higher_attempt,
        queue::receiving_waits_until_a_delivery_has_run_out;
    attempts_that_are_not_counted_are_found: CountsNoAttempts by
        queue::what_is_not_acknowledged_is_delivered_again_with_a_higher_attempt;
    a_message_lost_by_cancelling_is_found: TakesBeforeItReturns by
        queue::a_dropped_receive_loses_nothing;
    a_message_in_the_wrong_queue_is_found: HasOneQueueForAllShards by
        queue::each_shard_has_its_own_queue;
    receiving_that_does_not_wait_is_found: ComesBackEmpty by
        queue::receiving_waits_until_a_message_arrives;
    another_clock_is_found: KeepsItsOwnTime by
        timers::timers_run_on_the_clock_that_the_store_was_given;
}
