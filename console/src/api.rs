//! The JSON API: its endpoints, and what handlers have in common.

mod body;
mod bulk;
mod change;
mod converse;
mod doctor;
pub(crate) mod entities;
mod export;
mod history;
mod import;
mod info;
mod inspect;
mod instance;
mod items;
mod lines;
pub(crate) mod list;
mod metrics;
mod openapi;
mod quarantine;
mod watch;

use axum::Router;
use axum::http::Method;
use axum::routing::{MethodRouter, get, post};

pub(crate) use self::lines::JSON_LINES;
use crate::shared::Shared;

/// An endpoint of the API.
pub(crate) struct Endpoint {
    /// Its method.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the test of the description"))]
    pub(crate) method: Method,
    /// Its path below the console's.
    pub(crate) path: &'static str,
    handler: MethodRouter<Shared>,
}

/// All endpoints. The router is made of this list, and the test of the description goes through it.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let reads = |path, handler| Endpoint { method: Method::GET, path, handler };
    let changes = |path, handler| Endpoint { method: Method::POST, path, handler };
    vec![
        reads("/api/info", get(info::info)),
        reads("/api/openapi.json", get(openapi::document)),
        reads("/api/instances", get(list::instances)),
        reads("/api/count", get(list::count)),
        reads("/api/counts", get(list::counts)),
        reads("/api/instance", get(instance::instance)),
        reads("/api/state", get(instance::state)),
        reads("/api/published", get(converse::published)),
        reads("/api/history", get(history::page)),
        reads("/api/history.jsonl", get(history::download)),
        reads("/api/stream", get(items::page)),
        reads("/api/export", get(export::export)),
        reads("/api/timeline", get(inspect::timeline)),
        reads("/api/executions", get(inspect::executions)),
        reads("/api/tree", get(inspect::tree)),
        reads("/api/failure", get(inspect::failure)),
        reads("/api/shards", get(inspect::shards)),
        reads("/api/watch", get(watch::list)),
        reads("/api/watch/instance", get(watch::instance)),
        changes("/api/import", post(import::import)),
        reads("/api/watch/stream", get(items::watch)),
        changes("/api/start", post(change::start)),
        changes("/api/raise", post(change::raise)),
        changes("/api/update", post(converse::update)),
        changes("/api/activity/complete", post(converse::complete)),
        changes("/api/activity/fail", post(converse::fail)),
        changes("/api/activity/heartbeat", post(converse::heartbeat)),
        changes("/api/cancel", post(change::cancel)),
        changes("/api/suspend", post(change::suspend)),
        changes("/api/resume", post(change::resume)),
        changes("/api/terminate", post(change::terminate)),
        changes("/api/rewind", post(change::rewind)),
        changes("/api/fork", post(change::fork)),
        changes("/api/purge", post(change::purge)),
        changes("/api/bulk/prepare", post(bulk::prepare)),
        changes("/api/bulk/run", post(bulk::run)),
        changes("/api/bulk/stop", post(bulk::stop)),
        reads("/api/entity-types", get(entities::types)),
        reads("/api/entities", get(entities::list)),
        reads("/api/entity", get(entities::entity)),
        changes("/api/entity/call", post(entities::call)),
        changes("/api/entity/signal", post(entities::signal)),
        changes("/api/entity/delete", post(entities::delete)),
        changes("/api/entity/purge", post(entities::purge)),
        reads("/api/doctor", get(doctor::doctor)),
        reads("/api/metrics", get(metrics::json)),
        reads("/metrics", get(metrics::prometheus)),
        reads("/api/metrics/hour", get(metrics::hour)),
        reads("/api/quarantine", get(quarantine::list)),
        changes("/api/quarantine/requeue", post(quarantine::requeue)),
        changes("/api/quarantine/discard", post(quarantine::discard)),
    ]
}

/// The endpoints as a router.
pub(crate) fn routes() -> Router<Shared> {
    endpoints()
        .into_iter()
        .fold(Router::new(), |router, endpoint| router.route(endpoint.path, endpoint.handler))
}
