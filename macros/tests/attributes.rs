//! What `#[orchestration]` and `#[activity]` accept, and what they say of the rest.
//!
//! After a message has changed on purpose: `TRYBUILD=overwrite cargo test -p reenact-macros`, and read
//! the diff of `tests/ui/*.stderr`.

#[test]
fn the_attributes_accept_what_they_document_and_explain_the_rest() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/*.rs");
}
