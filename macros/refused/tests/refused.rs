//! What `#[orchestration]`, `#[activity]` and `#[entity]` refuse, and what they say of it.
//!
//! After a message has changed on purpose: `TRYBUILD=overwrite cargo test -p reenact-macros-refused`, and
//! read the diff of `tests/ui/*.stderr`.

#[test]
fn the_attributes_explain_what_they_refuse() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
