//! Who is let in, and which requests may change something. All requests pass here first.

mod forms;
mod headers;
mod login;
mod loopback;
mod origin;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

pub(crate) use self::forms::Forms;
pub(crate) use self::login::{Login, WrongTokens};
use crate::api::JSON_LINES;
use crate::base::Base;
use crate::options::Guard;
use crate::problem::{Problem, ProblemKind};
use crate::shared::Shared;

/// The page on which one logs in.
pub(crate) const LOGIN: &str = "/login";

/// Ends a login.
pub(crate) const LOGOUT: &str = "/logout";

/// Remembers in a cookie how the pages look.
const THEME: &str = "/theme";

/// Files of the pages: they have no data, and the page of the login needs them.
pub(crate) const ASSETS: &str = "/assets/";

/// The API.
const API: &str = "/api/";

/// Lets a request in or refuses it, and gives each response its headers.
pub(crate) async fn protect(
    State(shared): State<Shared>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut response = match admit(&shared, &mut parts).await {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refusal) => refusal,
    };
    headers::add(&mut response);
    response
}

async fn admit(shared: &Shared, parts: &mut Parts) -> Result<(), Response> {
    let is_open = is_open_to_all(parts.uri.path());
    if !is_open {
        let_in(shared, parts).await?;
    } else if matches!(shared.options().guard, Guard::Loopback) {
        loopback::check(parts).await.map_err(IntoResponse::into_response)?;
    }
    if !parts.method.is_safe() {
        may_change(shared, parts).map_err(IntoResponse::into_response)?;
    }
    Ok(())
}

fn is_open_to_all(path: &str) -> bool {
    path == LOGIN || path.starts_with(ASSETS)
}

async fn let_in(shared: &Shared, parts: &mut Parts) -> Result<(), Response> {
    let options = shared.options();
    if let (Some(tools), Some(bearer)) = (&options.tool_token, bearer(parts))
        && tools.is(bearer)
    {
        return Ok(());
    }
    let token = match &options.guard {
        Guard::Layer => return Ok(()),
        Guard::Loopback => {
            return loopback::check(parts).await.map_err(IntoResponse::into_response);
        }
        Guard::Token(token) => token,
    };
    match bearer(parts) {
        Some(bearer) if token.is(bearer) => Ok(()),
        Some(_) => Err(shared.wrong_tokens().refuse().await.into_response()),
        None if Login::of(token).is_valid(&parts.headers, now()) => Ok(()),
        None if wants_page(parts) => {
            let base = Base::of(parts);
            Err(Redirect::to(&format!("{base}login")).into_response())
        }
        None => Err(Problem::new(
            ProblemKind::Unauthorized,
            "send the console's token as `Authorization: Bearer ..`, or log in on the page `login`",
        )
        .into_response()),
    }
}

/// The token that a request brings in its header.
fn bearer(parts: &Parts) -> Option<&str> {
    let text = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn wants_page(parts: &Parts) -> bool {
    let path = parts.uri.path();
    parts.method == Method::GET && !path.starts_with(API) && path != "/metrics"
}

/// Refuses what another site has a browser send, what changes something where that is not allowed, and what a
/// form could send to the API.
fn may_change(shared: &Shared, parts: &Parts) -> Result<(), Problem> {
    origin::check(&parts.headers, parts.uri.authority().map(|authority| authority.as_str()))?;
    let path = parts.uri.path();
    if shared.options().read_only && ![LOGIN, LOGOUT, THEME].contains(&path) {
        return Err(Problem::new(
            ProblemKind::ReadOnly,
            "this console only reads; nothing was changed",
        ));
    }
    if path.starts_with(API) && !is_json(parts) {
        let detail = "changes need the header `Content-Type: application/json`";
        return Err(Problem::invalid(detail).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    Ok(())
}

fn is_json(parts: &Parts) -> bool {
    let value = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = value.and_then(|value| value.split(';').next());
    // No form can send either of them to another site without asking.
    media.is_some_and(|media| {
        ["application/json", JSON_LINES]
            .iter()
            .any(|known| media.trim().eq_ignore_ascii_case(known))
    })
}

/// The time since the Unix epoch: logins and forms last until then.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
