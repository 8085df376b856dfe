//! The pages of the console.

use axum::Router;

use crate::shared::Shared;

/// The pages, their forms and their files.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
}
