//! The protocol by which one owner at a time writes to the journal of a shard in a hub, in all orders of its requests: a
//! model of `providers/src/azure/medium.rs`, whose code makes too many requests to try all orders of them.

#[path = "lease/model.rs"]
mod model;
#[path = "lease/service.rs"]
mod service;

use model::{Bounds, Found, Rules, explore};

/// All there is, as it is.
const RULES: Rules = Rules {
    breaks_the_lease: true,
    needs_the_lease: true,
    checks_the_position: true,
    looks_again_after_taking: true,
    takes_again_what_was_begun: true,
    looks_for_newer_after_beginning: true,
    marks_its_heads: true,
};

#[test]
fn two_owners_and_three_appends_in_all_orders_leave_one_log() {
    let found = explore(&RULES, &Bounds { appends: 3, claims: [1, 1], losses: 0, late: 0 });
    let Found::Nothing { states } = found else { panic!("{found}") };
    println!("{states} states");
    assert!(states > 100_000, "{states}");
}

#[test]
fn without_one_of_its_rules_the_log_is_not_one() {
    let bounds = Bounds { appends: 3, claims: [1, 1], losses: 0, late: 1 };
    for rules in
        [Rules { checks_the_position: false, ..RULES }, Rules { breaks_the_lease: false, ..RULES }]
    {
        let found = explore(&rules, &bounds);
        assert!(matches!(found, Found::Wrong { .. }), "{rules:?}: {found}");
    }
}
