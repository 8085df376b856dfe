//! The in-memory provider keeps the contract, for one host and for several.

mod of_one_host {
    reenact_testkit::conformance_tests!(|clock| async move {
        reenact_providers::InMemory::new().with_clock(clock)
    });
}

mod shared {
    fn store(clock: reenact_providers::ManualClock) -> reenact_providers::InMemory {
        reenact_providers::InMemory::new().with_clock(clock).shared()
    }

    reenact_testkit::conformance_tests!(|clock| async move { super::shared::store(clock) });
    reenact_testkit::sharing_conformance_tests!(|clock| async move { super::shared::store(clock) });
}

mod with_large_payloads {
    fn store(clock: reenact_providers::ManualClock) -> reenact_providers::InMemory {
        reenact_providers::InMemory::new().with_clock(clock).shared().large_payloads(true)
    }

    reenact_testkit::conformance_tests!(|clock| async move { store(clock) });
    reenact_testkit::large_payload_conformance_tests!(
        shared: |clock| async move { store(clock) }
    );
}
