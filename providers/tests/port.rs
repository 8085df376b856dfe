//! The contract of the storage port, on each implementation: both adapters on the emulator, and the service in
//! memory.
#![allow(clippy::unwrap_used, reason = "in a test, an error that nobody expects is to panic")]

#[path = "port/append.rs"]
mod append;
#[path = "port/blobs.rs"]
mod blobs;
#[path = "port/connecting.rs"]
mod connecting;
#[path = "port/emulator.rs"]
mod emulator;
#[path = "port/faults.rs"]
mod faults;
#[path = "port/operations.rs"]
mod operations;
#[path = "port/queues.rs"]
mod queues;
#[path = "port/sas.rs"]
mod sas;
#[path = "port/stage.rs"]
mod stage;

/// One test for each case, named after it, in a module for each subject of the list.
macro_rules! cases {
    ($stage:path, $($subject:ident: [$($case:ident),* $(,)?]),* $(,)?) => {
        $(
            mod $subject {
                $(
                    #[tokio::test]
                    async fn $case() {
                        crate::$subject::$case(&$stage().await).await;
                    }
                )*
            }
        )*
    };
}

/// The whole suite for one implementation.
macro_rules! suite {
    ($stage:path) => {
        cases!(
            $stage,
            blobs: [
                a_container_is_made_once,
                nothing_can_be_done_in_a_container_that_is_not_there,
                what_was_put_is_read,
                a_range_is_read,
                a_read_at_or_after_the_end_gives_nothing,
                an_empty_blob_is_read_as_nothing,
                what_is_read_says_which_version_it_is,
                a_blob_that_is_not_there_is_not_found,
                a_new_blob_is_put_once,
                a_put_under_a_version_replaces_that_version_only,
                a_put_under_a_version_needs_the_blob,
                a_list_tells_names_sizes_versions_and_metadata,
                a_list_goes_by_prefix_and_name,
                a_long_list_comes_in_pages,
                an_empty_list_has_no_next_page,
                a_deleted_blob_is_gone,
                names_with_folders_and_strange_characters_are_kept,
            ],
            append: [
                appended_blocks_stand_one_after_the_other,
                an_append_blob_is_made_once_and_never_emptied,
                an_append_at_another_place_is_refused,
                an_append_without_the_lease_being_taken_is_refused,
                an_append_under_anothers_lease_is_refused,
                an_append_under_a_broken_lease_is_refused,
                an_append_to_a_blob_that_is_not_there_is_not_found,
                an_append_makes_another_version,
                a_lease_is_taken_by_one,
                a_lease_is_taken_again_under_the_same_id,
                a_broken_lease_can_be_taken_by_another,
                breaking_what_is_not_leased_is_no_error,
                a_lease_of_what_is_not_there_is_not_found,
                a_leased_blob_is_not_deleted,
            ],
            queues: [
                a_queue_is_made_again_without_an_error,
                a_queue_that_is_not_there_is_not_found,
                a_received_message_is_hidden,
                hidden_messages_are_counted_and_removed_ones_are_not,
                the_oldest_message_is_one_that_is_visible,
                a_message_comes_again_after_its_time_and_counts,
                messages_are_received_up_to_the_limit,
                no_more_than_32_messages_are_received_at_once,
                an_extended_message_has_a_new_receipt_and_keeps_its_text,
                an_old_receipt_neither_extends_nor_removes,
                a_removed_message_is_gone,
                what_stands_in_base64_is_kept,
                queues_are_apart,
            ],
        );
    };
}

mod in_memory {
    suite!(crate::stage::in_memory);
}

#[cfg(feature = "azure")]
mod azure {
    suite!(crate::stage::azure);
}

#[cfg(feature = "azure-legacy")]
mod azure_legacy {
    suite!(crate::stage::azure_legacy);
}
