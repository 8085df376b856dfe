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
    begins_after_what_it_took: true,
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
    const FEW: Bounds = Bounds { appends: 1, claims: [1, 1], losses: 0, late: 0 };
    for (rules, bounds) in [
        (Rules { breaks_the_lease: false, ..RULES }, FEW),
        (Rules { needs_the_lease: false, ..RULES }, FEW),
        (Rules { checks_the_position: false, ..RULES }, Bounds { appends: 2, late: 1, ..FEW }),
        (Rules { takes_again_what_was_begun: false, ..RULES }, Bounds { claims: [2, 1], ..FEW }),
        (Rules { begins_after_what_it_took: false, ..RULES }, FEW),
        (Rules { looks_for_newer_after_beginning: false, ..RULES }, FEW),
        (Rules { marks_its_heads: false, ..RULES }, FEW),
    ] {
        let found = explore(&rules, &bounds);
        assert!(matches!(found, Found::Wrong { .. }), "{rules:?}: {found}");
    }
}

/// A claim that does not look again has the wrong segment, and may not begin another: it has lost the shard, and others
/// lose nothing. So this rule keeps claims, and not the log.
#[test]
fn a_claim_that_does_not_look_again_breaks_nothing() {
    let rules = Rules { looks_again_after_taking: false, ..RULES };
    let found = explore(&rules, &Bounds { appends: 2, claims: [1, 1], losses: 0, late: 0 });
    assert!(matches!(found, Found::Nothing { .. }), "{found}");
}
