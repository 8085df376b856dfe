//! The JSON API: its endpoints, and what handlers have in common.

mod body;
mod history;
mod info;
mod list;

use axum::Router;
use axum::http::Method;
use axum::routing::{MethodRouter, get};

use crate::shared::Shared;

/// An endpoint of the API.
pub(crate) struct Endpoint {
    /// Its method.
    pub(crate) method: Method,
    /// Its path below the console's.
    pub(crate) path: &'static str,
    handler: MethodRouter<Shared>,
}

/// All endpoints. The router is made of this list, and the test of the description goes through it.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let reads = |path, handler| Endpoint { method: Method::GET, path, handler };
    vec![
        reads("/api/info", get(info::info)),
        reads("/api/instances", get(list::instances)),
        reads("/api/count", get(list::count)),
        reads("/api/counts", get(list::counts)),
        reads("/api/instance", get(list::instance)),
        reads("/api/history", get(history::page)),
    ]
}

/// The endpoints as a router.
pub(crate) fn routes() -> Router<Shared> {
    endpoints()
        .into_iter()
        .fold(Router::new(), |router, endpoint| router.route(endpoint.path, endpoint.handler))
}
