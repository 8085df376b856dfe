//! The in-memory provider keeps the contract.

reenact_providers::conformance_tests!(|clock| async move {
    reenact_providers::InMemory::new().with_clock(clock)
});
