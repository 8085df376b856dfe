//! `Page`: a request for a page, and the answer to it: a view within the shell, or a problem in words.

use std::convert::Infallible;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use reenact_core::Timestamp;

use super::address::Address;
use super::shell::{Live, Shell, Tab, Theme};
use crate::base::Base;
use crate::options::Guard;
use crate::params::Params;
use crate::problem::{Problem, ProblemKind};
use crate::shared::Shared;

/// The name of the cookie that keeps the look.
pub(crate) const THEME_COOKIE: &str = "reenact_console_theme";

/// A request for a page.
pub(crate) struct Page {
    /// What all handlers share.
    pub(crate) shared: Shared,
    /// What the browser has sent.
    pub(crate) headers: HeaderMap,
    /// The way from the page to the folder of the pages.
    pub(crate) base: Base,
    /// When it came.
    pub(crate) now: Timestamp,
    uri: Uri,
}

/// What a page shows.
pub(crate) struct View {
    /// Its title.
    pub(crate) title: String,
    /// Its tab.
    pub(crate) tab: Tab,
    /// How it hears of changes.
    pub(crate) live: Option<Live>,
    /// Its content.
    pub(crate) content: Markup,
}

impl View {
    /// A page that does not change by itself.
    pub(crate) fn new(tab: Tab, title: impl Into<String>, content: Markup) -> Self {
        Self { title: title.into(), tab, live: None, content }
    }

    /// It hears of changes: by a stream, or by looking.
    pub(crate) fn live(mut self, watch: Option<Address>, every_ms: u64) -> Self {
        self.live = Some(Live { watch, every_ms });
        self
    }
}

impl FromRequestParts<Shared> for Page {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Infallible> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            shared: shared.clone(),
            headers: parts.headers.clone(),
            base: Base::of(parts),
            now: Timestamp::EPOCH + since_epoch,
            uri: parts.uri.clone(),
        })
    }
}

impl Page {
    /// What stands in the address after the `?`.
    pub(crate) fn params(&self) -> Result<Params, Problem> {
        Params::parse(self.query())
    }

    /// The same, as it was sent.
    pub(crate) fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    /// The path within the console.
    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }

    /// Whether a browser shows the answer to somebody.
    pub(crate) fn is_for_people(&self) -> bool {
        let accept = self.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
        !self.path().starts_with("/api/")
            && accept.is_some_and(|accept| accept.contains("text/html"))
    }

    /// The token for the forms of this page. Empty when the system gives no random bytes: then forms are refused.
    pub(crate) fn form_token(&self) -> String {
        self.shared.forms().token(&self.headers).unwrap_or_default()
    }

    /// Whether something may be changed here.
    pub(crate) fn may_change(&self) -> bool {
        !self.shared.options().read_only
    }

    /// The answer: the view, or the problem in words.
    pub(crate) fn answer(&self, view: Result<View, Problem>) -> Response {
        match view {
            Ok(view) => self.shell(&view).around(&view.content).into_response(),
            Err(problem) => self.problem(&problem),
        }
    }

    /// The HTML of a view.
    pub(crate) fn html(&self, view: &View) -> String {
        self.shell(view).around(&view.content).into_string()
    }

    /// Leads to another page of the console.
    pub(crate) fn go_to(&self, address: impl std::fmt::Display) -> Response {
        Redirect::to(&format!("{}{address}", self.base)).into_response()
    }

    fn problem(&self, problem: &Problem) -> Response {
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let view = View::new(Tab::None, problem.title.clone(), self.problem_in_words(problem));
        let page = self.shell(&view).around(&view.content);
        (status, page).into_response()
    }

    fn problem_in_words(&self, problem: &Problem) -> Markup {
        let advice = match problem.kind {
            ProblemKind::NotFound => Some(
                "It may have been purged, or the id is not exactly as it was given. Ids are compared letter by letter.",
            ),
            ProblemKind::Busy | ProblemKind::ShuttingDown | ProblemKind::Store => {
                Some("Try again in a moment.")
            }
            ProblemKind::Uncertain => Some("Look whether it has happened before you do it again."),
            ProblemKind::Internal => Some("Please report it."),
            _ => None,
        };
        html! {
            div id="problem" data-kind=(problem.kind.name()) {
                p.crumb { "Status " (problem.status) }
                div.head { h1 { (problem.title) } }
                div.note.problem role="alert" {
                    p.break { (problem.detail) }
                    @if let Some(advice) = advice { p.quiet { (advice) } }
                }
                p {
                    @if let Some(instance) = &problem.instance {
                        @if problem.kind != ProblemKind::NotFound {
                            a.button href={ (self.base) (instance) } { "To the instance" } " "
                        }
                    }
                    a.button href={ (self.base) "instances" } { "All instances" } " "
                    a.button href={ (self.base) "overview" } { "Overview" }
                }
            }
        }
    }

    fn shell(&self, view: &View) -> Shell {
        let path = self.uri.path().trim_start_matches('/');
        let here = match self.query() {
            "" => path.to_owned(),
            query => format!("{path}?{query}"),
        };
        Shell {
            title: view.title.clone(),
            tab: view.tab,
            root: self.base.to_string(),
            theme: self.theme(),
            here,
            form_token: self.form_token(),
            read_only: !self.may_change(),
            has_login: matches!(self.shared.options().guard, Guard::Token(_)),
            live: view.live.clone(),
        }
    }

    fn theme(&self) -> Theme {
        let lines = self.headers.get_all(header::COOKIE).iter();
        let cookies = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
        let theme = cookies.filter_map(|cookie| cookie.trim().split_once('='));
        let theme = theme.filter(|(name, _)| *name == THEME_COOKIE).map(|(_, value)| value).next();
        theme.map(Theme::named).unwrap_or_default()
    }
}
