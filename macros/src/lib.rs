//! The attributes `#[orchestration]`, `#[activity]`, `#[activities]` and `#[entity]` of reenact.
//!
//! Depend on `reenact` and use them from there; what they write refers to `::reenact`.

mod activities;
mod clash;
mod determinism;
mod entity;
mod errors;
mod expand;
mod kind;
mod options;
mod signature;

use proc_macro::TokenStream;

use crate::kind::Kind;

#[cfg_attr(not(doctest), doc = include_str!("orchestration.md"))]
#[proc_macro_attribute]
pub fn orchestration(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::Orchestration, options.into(), item.into()).into()
}

#[cfg_attr(not(doctest), doc = include_str!("activity.md"))]
#[proc_macro_attribute]
pub fn activity(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::Activity, options.into(), item.into()).into()
}

#[cfg_attr(not(doctest), doc = include_str!("activities.md"))]
#[proc_macro_attribute]
pub fn activities(options: TokenStream, item: TokenStream) -> TokenStream {
    activities::expand(options.into(), item.into()).into()
}

#[cfg_attr(not(doctest), doc = include_str!("entity.md"))]
#[proc_macro_attribute]
pub fn entity(options: TokenStream, item: TokenStream) -> TokenStream {
    entity::expand(options.into(), item.into()).into()
}
