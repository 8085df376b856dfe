//! The login with the console's token, and the switch of colours: what a browser keeps in cookies.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use maud::{Markup, html};

use super::form::{Form, FormBody};
use super::page::{Page, THEME_COOKIE, View};
use super::shell::{Tab, Theme, token};
use crate::guard::Login;
use crate::options::Guard;
use crate::problem::{Problem, ProblemKind};

/// How long a browser keeps the look, in seconds: a year.
const THEME_LASTS_SECONDS: u32 = 365 * 24 * 60 * 60;

/// `GET login`
pub(crate) async fn login(page: Page) -> Response {
    if !matches!(page.shared.options().guard, Guard::Token(_)) {
        return page.go_to("overview");
    }
    let view = view(&page, None);
    page.answer(Ok(view))
}

fn view(page: &Page, problem: Option<&Problem>) -> View {
    let content: Markup = html! {
        div.login id="login" {
            section.card aria-labelledby="login-title" {
                header { h1 id="login-title" { "Log in" } }
                form.in method="post" action="login" {
                    (token(&page.form_token()))
                    @if let Some(problem) = problem {
                        div.note.problem role="alert" id="login-problem" { p { (problem.detail) } }
                    }
                    div.field {
                        label for="token" { "Token of this console" }
                        input id="token" name="token" type="password" required autofocus autocomplete="current-password"
                            aria-describedby=[problem.map(|_| "login-problem")];
                        p.hint { "The program that serves the console has set it." }
                    }
                    button.primary { "Log in" }
                }
            }
        }
    };
    View::new(Tab::None, "Log in", content)
}

/// `POST login`
pub(crate) async fn log_in(page: Page, FormBody(body): FormBody) -> Response {
    let cookie = match Form::read(&page, &body) {
        Ok(form) => Login::log_in(&page.shared, &page.headers, form.text("token")).await,
        Err(problem) => Err(problem),
    };
    match cookie {
        Ok(cookie) => with_cookie(page.go_to("overview"), cookie),
        Err(problem) if problem.kind == ProblemKind::Setup => page.answer(Err(problem)),
        Err(problem) => {
            let mut response = page.answer(Ok(view(&page, Some(&problem))));
            *response.status_mut() =
                StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNAUTHORIZED);
            response
        }
    }
}

/// `POST logout`
pub(crate) async fn log_out(page: Page, FormBody(body): FormBody) -> Response {
    let cookie = Form::read(&page, &body).and_then(|_| Login::log_out(&page.shared, &page.headers));
    match cookie {
        Ok(cookie) => with_cookie(page.go_to("login"), cookie),
        Err(problem) => page.answer(Err(problem)),
    }
}

/// `POST theme`: keeps the look, and leads back.
pub(crate) async fn theme(page: Page, FormBody(body): FormBody) -> Response {
    let form = match Form::read(&page, &body) {
        Ok(form) => form,
        Err(problem) => return page.answer(Err(problem)),
    };
    let theme = Theme::named(form.text("theme")).name();
    let cookie =
        format!("{THEME_COOKIE}={theme}; Max-Age={THEME_LASTS_SECONDS}; SameSite=Lax; HttpOnly");
    let response = page.go_to(back(form.text("back")));
    match HeaderValue::from_str(&cookie) {
        Ok(cookie) => with_cookie(response, cookie),
        Err(_) => response,
    }
}

/// A page of this console, whatever the form says.
fn back(address: &str) -> &str {
    const PAGES: [&str; 6] = ["overview", "instances", "instance", "shards", "quarantine", "act"];
    let page = address.split_once('?').map_or(address, |(page, _)| page);
    let is_plain = address.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if PAGES.contains(&page) && is_plain { address } else { "overview" }
}

fn with_cookie(mut response: Response, cookie: HeaderValue) -> Response {
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response
}

#[cfg(test)]
mod tests {
    use super::back;

    #[test]
    fn the_way_back_is_a_page_of_the_console() {
        assert_eq!(back("instance?id=a%2Fb"), "instance?id=a%2Fb");
        for address in [
            "//evil.example",
            "https://evil.example",
            "",
            "login",
            "instance\r\nx",
            "instances/../..",
        ] {
            assert_eq!(back(address), "overview", "{address:?}");
        }
    }
}
