//! The JSON API and the web console of reenact, as a router of axum. Programs use it as `reenact::console`, with the
//! feature `console`.
//!
//! [`router`] gives a [`Router`] that a program nests under any path of its own, with its own login in front of it.
//! [`Console::serve`] serves it at an address of its own.
//!
//! # Who is let in
//! Without a [token](ConsoleOptions::token) and without [a login of the program's own](ConsoleOptions::guarded_by_layer),
//! requests of this machine are answered and all others refused. Nothing of the console is open to a page of another
//! site: see the module [`limits`] for all bounds, and [`ConsoleOptions`] for what can be chosen.
//!
//! # The API
//! It describes itself at `api/openapi.json`. Ids are in the query (`?id=`), as an id may be `..` or have a `/`.
//! What is refused is answered with a [`Problem`]. The types of all answers are in [`dto`].

mod api;
mod base;
mod bulk;
pub mod dto;
mod guard;
pub mod hour;
pub mod limits;
mod options;
mod pages;
mod params;
mod problem;
mod quarantined;
mod quotes;
mod serve;
mod shared;
mod shown;
mod token;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use reenact_actors::Access;

pub use self::options::{ConsoleOptions, PayloadOf};
pub use self::problem::{PROBLEM_JSON, Problem, ProblemKind};
pub use self::serve::{Announced, Console, ConsoleError, ConsoleListener};
pub use self::token::{InvalidToken, Token};
use crate::shared::Shared;

/// The API and the pages, to be nested under any path: with `nest_service`, so that the path leads to it with a slash
/// at its end and without one.
///
/// ```
/// use axum::Router;
/// use reenact_actors::Access;
/// use reenact_console::{ConsoleOptions, router};
///
/// fn app(access: Access) -> Router {
///     Router::new().nest_service("/admin", router(access, ConsoleOptions::new()))
/// }
/// ```
///
/// Without a token and without a login of the program's own, the router must know where a request comes from: serve
/// it with `into_make_service_with_connect_info::<SocketAddr>()`. Otherwise it refuses all of them.
pub fn router(access: impl Into<Access>, options: ConsoleOptions) -> Router {
    router_of(&Shared::new(access.into(), options, None))
}

pub(crate) fn router_of(shared: &Shared) -> Router {
    pages::routes()
        .merge(api::routes())
        .fallback(pages::not_found)
        .method_not_allowed_fallback(|| async {
            Problem::invalid(
                "this address does not take that method; what changes something is a POST",
            )
            .with_status(StatusCode::METHOD_NOT_ALLOWED)
        })
        .layer(from_fn_with_state(shared.clone(), guard::protect))
        .with_state(shared.clone())
}
