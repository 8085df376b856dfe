//! The pages of the console: HTML that the server renders, in one folder, so that they work under any prefix.

mod act;
mod address;
mod assets;
mod bulk;
mod deeds;
mod entities;
mod form;
mod instance;
mod limits;
mod list;
mod login;
mod overview;
mod page;
mod parts;
mod quarantine;
mod shards;
mod shell;
mod start;

use axum::Router;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use self::page::Page;
use crate::problem::{Problem, ProblemKind};
use crate::shared::Shared;

/// How long a browser keeps a file of the console. Its name changes with its content.
const KEEP_FILES: &str = "public, max-age=31536000, immutable";

/// The pages, their forms and their files.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(overview::root))
        .route("/overview", get(overview::overview))
        .route("/instances", get(list::list))
        .route("/instance", get(instance::instance))
        .route("/start", get(start::form).post(start::start))
        .route("/act", get(act::ask).post(act::act))
        .route("/bulk", get(bulk::again).post(bulk::bulk))
        .route("/entities", get(entities::list))
        .route("/entity", get(entities::entity))
        .route("/entity-act", get(entities::ask).post(entities::act))
        .route("/shards", get(shards::shards))
        .route("/quarantine", get(quarantine::list))
        .route("/quarantine-act", get(quarantine::ask).post(quarantine::act))
        .route("/login", get(login::login).post(login::log_in))
        .route("/logout", axum::routing::post(login::log_out))
        .route("/theme", axum::routing::post(login::theme))
        .route("/assets/{name}", get(asset))
}

/// What is at no address: as a page for a browser, as a problem document for a program. The console's own address
/// with a slash at its end is the overview.
pub(crate) async fn not_found(page: Page) -> Response {
    if matches!(page.path(), "" | "/") {
        return overview::root(page).await;
    }
    let problem = Problem::new(ProblemKind::NotFound, "the console has nothing at this address");
    if page.is_for_people() { page.answer(Err(problem)) } else { problem.into_response() }
}

/// A file of the console.
async fn asset(page: Page, Path(name): Path<String>) -> Response {
    match assets::find(&name) {
        Some(asset) => {
            let headers =
                [(header::CONTENT_TYPE, asset.content_type), (header::CACHE_CONTROL, KEEP_FILES)];
            (headers, asset.content).into_response()
        }
        None => page.answer(Err(Problem::new(ProblemKind::NotFound, "there is no such file"))),
    }
}
