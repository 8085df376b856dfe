//! Which names are stored, and mistakes that need no compiler to show.

use quote::quote;

use super::*;

fn entity(options: TokenStream, item: TokenStream) -> String {
    expand(options, item).to_string()
}

#[test]
fn the_name_of_the_type_is_stored_in_snake_case_or_as_it_is_given() {
    let names = [
        ("Account", "account"),
        ("BankAccount", "bank_account"),
        ("HTTPCache", "httpcache"),
        ("Shard2Map", "shard2_map"),
    ];
    for (name, stored) in names {
        assert_eq!(snake_case(name), stored);
    }
    let block = quote!(impl Account { fn get(&self) -> u64 { 0 } });
    assert!(entity(quote!(), block.clone()).contains("NAME : & 'static str = \"account\""));
    let named = entity(quote!(name = "konto"), block);
    assert!(named.contains("NAME : & 'static str = \"konto\""), "{named}");
}

#[test]
fn what_cannot_be_an_entity_is_refused_with_the_reason() {
    let refused = [
        (
            quote!(),
            quote!(
                struct Account;
            ),
            "goes on the `impl` block",
        ),
        (quote!(), quote!(impl Clone for Account {}), "not of a trait"),
        (
            quote!(),
            quote!(
                impl<T> Account<T> {
                    fn get(&self) {}
                }
            ),
            "takes no generics",
        ),
        (quote!(), quote!(impl Account { fn new() -> Self { Account } }), "no operation here"),
        (quote!(), quote!(impl Account { fn take(self) {} }), "keeps its state"),
        (quote!(), quote!(impl Account { fn state(&self) {} }), "a `state` of its own"),
        (quote!(), quote!(impl Account { fn get<T>(&self) {} }), "takes no generics"),
        (quote!(), quote!(impl Account { fn get(&self, name: &str) {} }), "arguments are stored"),
        (
            quote!(),
            quote!(impl Account { fn get(&self) -> Result<u64> {} }),
            "write out both types",
        ),
        (
            quote!(),
            quote!(impl Account { async fn get(&self, n: u64, ctx: EntityContext) {} }),
            "take the context first",
        ),
        (
            quote!(),
            quote!(impl Account { async fn get(&self, ctx: OrchestrationContext) {} }),
            "an operation takes `ctx: EntityContext`",
        ),
        (
            quote!(),
            quote!(impl Account { async fn get(&self) { tokio::time::sleep(x).await } }),
            "is not deterministic",
        ),
        (quote!(name = "a@b"), quote!(impl Account { fn get(&self) {} }), "the character '@'"),
        (quote!(name = ""), quote!(impl Account { fn get(&self) {} }), "no characters"),
        (quote!(version = "1"), quote!(impl Account { fn get(&self) {} }), "unknown option"),
    ];
    for (options, item, reason) in refused {
        let code = entity(options, item);
        assert!(code.contains("compile_error") && code.contains(reason), "{reason}: {code}");
    }
}

#[test]
fn a_plain_operation_may_look_at_the_clock_as_it_never_runs_again() {
    let code = entity(
        quote!(),
        quote!(impl Account { fn touch(&mut self) { self.at = std::time::SystemTime::now(); } }),
    );
    assert!(!code.contains("compile_error"), "{code}");
}
