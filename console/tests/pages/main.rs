//! The pages, read as HTML over the router, without a socket and without a browser.

mod browsing;
mod changing;
mod entities;
mod escaping;
mod looking;
mod markup;
mod quarantine;
mod starting;
mod stopping;
