//! The contract of a router.

use super::*;
use crate::conformance::Hub;
use crate::{HistoryStore, InMemory, Provider, ShardLease};

/// A hub in memory whose messages are in a file.
struct Routed {
    scratch: Scratch,
    rest: InMemory,
}

struct Host {
    messages: Arc<Messages>,
    rest: InMemory,
}

impl Routed {
    fn on(clock: ManualClock) -> Self {
        let mut scratch = Scratch::new("contract");
        scratch.clock = clock.clone();
        drop(scratch.create());
        Self { scratch, rest: InMemory::new().with_shards(2).with_clock(clock) }
    }
}

impl Hub for Routed {
    type Provider = Host;

    async fn open(&self) -> Host {
        Host { messages: Arc::new(self.scratch.open()), rest: self.rest.clone() }
    }
}

impl Provider for Host {
    fn shards(&self) -> u32 {
        self.rest.shards()
    }

    fn histories(&self) -> Arc<dyn HistoryStore> {
        self.rest.histories()
    }

    fn router(&self) -> Arc<dyn ExternalEventRouter> {
        Arc::clone(&self.messages) as Arc<dyn ExternalEventRouter>
    }

    fn timers(&self) -> Arc<dyn TimerScheduler> {
        self.rest.timers()
    }

    fn leases(&self) -> Arc<dyn ShardLease> {
        self.rest.leases()
    }
}

crate::conformance_tests!(@subject |clock| async move { Routed::on(clock) }, queue, [
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
]);
