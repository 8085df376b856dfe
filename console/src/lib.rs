//! The JSON API and the web console of reenact, as a router of axum.

use axum::Router;
use reenact_actors::Access;

/// What the console may do, and who may use it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ConsoleOptions {}

/// The API and the pages, to be nested under any path.
pub fn router(access: impl Into<Access>, options: ConsoleOptions) -> Router {
    let _ = (access.into(), options);
    Router::new()
}
