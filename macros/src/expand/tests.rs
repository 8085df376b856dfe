//! Where attributes go, which name is stored, and mistakes that need no compiler to show.

use quote::quote;

use super::*;

fn activity(options: TokenStream, item: TokenStream) -> String {
    expand(Kind::Activity, options, item).to_string()
}

/// The function whose name and attributes do not matter.
fn greet() -> TokenStream {
    quote! {
        async fn greet(_ctx: ActivityContext) -> Result<(), ActivityError> { Ok(()) }
    }
}

fn count(text: &str, part: &TokenStream) -> usize {
    text.matches(&part.to_string()).count()
}

#[test]
fn each_attribute_goes_where_it_acts() {
    let greet = greet();
    let code = activity(
        quote!(),
        quote! {
            /// Greets.
            #[cfg(unix)]
            #[allow(dead_code)]
            #[instrument]
            pub(crate) #greet
        },
    );
    // The struct, the body and two traits.
    assert_eq!(count(&code, &quote!(#[cfg(unix)])), 4, "{code}");
    assert_eq!(count(&code, &quote!(#[allow(dead_code)])), 4, "{code}");
    assert_eq!(count(&code, &quote!(#[doc = r" Greets."])), 1, "{code}");
    assert_eq!(
        count(
            &code,
            &quote!(
                pub(crate) struct greet;
            )
        ),
        1,
        "{code}"
    );
    assert_eq!(count(&code, &quote!(#[instrument] async fn greet)), 1, "{code}");
}

#[test]
fn a_deprecated_activity_does_not_warn_of_itself() {
    let greet = greet();
    let code = activity(quote!(), quote!(#[deprecated] #greet));
    assert_eq!(count(&code, &quote!(#[deprecated])), 1, "{code}");
    assert_eq!(count(&code, &quote!(#[allow(deprecated)] impl)), 2, "{code}");
}

#[test]
fn the_name_is_the_one_given_or_else_the_functions_own() {
    let named = |options| activity(options, greet());
    assert!(named(quote!()).contains("NAME : & 'static str = \"greet\""));
    assert!(named(quote!(name = "billing.greet",)).contains("= \"billing.greet\""));
}

#[test]
fn a_name_that_could_not_be_stored_is_refused() {
    let long = "n".repeat(128);
    assert!(!activity(quote!(name = #long), greet()).contains("compile_error"));
    let longer = "n".repeat(129);
    let code = activity(quote!(name = #longer), greet());
    assert!(code.contains("the name has 129 bytes; at most 128 are allowed"), "{code}");
    let code = activity(quote!(name = "greet\n"), greet());
    assert!(code.contains("the name has the control character"), "{code}");
}

#[test]
fn every_keyword_that_does_not_belong_is_named() {
    let code = activity(
        quote!(),
        quote! {
            const unsafe extern "C" fn greet(_ctx: ActivityContext) -> Result<(), ActivityError> {
                Ok(())
            }
        },
    );
    assert_eq!(code.matches("compile_error").count(), 4, "{code}");
}

#[test]
fn options_that_are_half_written_are_explained() {
    for (options, message) in [
        (quote!(name), "must be a string literal"),
        (quote!(name = 7), "must be a string literal"),
        (quote!(allow), "say what to allow"),
        (quote!(allow(rand), allow(uuid)), "`allow` is given twice"),
    ] {
        let item = quote! {
            async fn idle(_ctx: OrchestrationContext) -> Result<(), String> { Ok(()) }
        };
        let code = expand(Kind::Orchestration, options, item).to_string();
        assert!(code.contains(message), "{code}");
    }
}
