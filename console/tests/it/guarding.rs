//! Who is let in, and what may change something.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::connect_info::MockConnectInfo;
use axum::http::{Method, header};
use reenact_console::{ConsoleOptions, Token};
use serde_json::json;

use super::asking::{Program, ask, get, request};

fn from(peer: [u8; 4], console: Router) -> Router {
    console.layer(MockConnectInfo(SocketAddr::from((peer, 1234))))
}

#[tokio::test]
async fn without_more_only_this_machine_is_answered() {
    let program = Program::start().await;
    let console = program.console_with(ConsoleOptions::new());
    let here = from([127, 0, 0, 1], console.clone());
    get(&here, "/api/info").await.ok();
    let elsewhere = from([10, 0, 0, 7], console.clone());
    let refused = get(&elsewhere, "/api/info").await.problem(403);
    assert!(refused["detail"].to_string().contains("ConsoleOptions::token"), "{refused}");
    let unknown = get(&console, "/api/info").await.problem(403);
    assert!(unknown["detail"].to_string().contains("connect_info"), "{unknown}");
    let mut rebound = request(Method::GET, "/api/info", None);
    rebound.headers_mut().insert(header::HOST, "evil.example:7777".parse().unwrap());
    ask(&here, rebound).await.problem(403);
    let mut forwarded = request(Method::GET, "/api/info", None);
    forwarded.headers_mut().insert("x-forwarded-for", "10.0.0.7".parse().unwrap());
    ask(&here, forwarded).await.problem(403);
}

#[tokio::test(start_paused = true)]
async fn a_token_lets_in_and_a_wrong_one_does_not() {
    let program = Program::start().await;
    let token = Token::draw().unwrap();
    let console = program.console_with(ConsoleOptions::new().token(token.clone()));
    let with = |bearer: String| {
        let mut request = request(Method::GET, "/api/info", None);
        request.headers_mut().insert(header::AUTHORIZATION, bearer.parse().unwrap());
        request
    };
    ask(&console, with(format!("Bearer {}", token.expose()))).await.ok();
    let wrong = ask(&console, with("Bearer guessed".into())).await;
    assert_eq!(wrong.problem(401)["kind"], "unauthorized");
    let without = get(&console, "/api/info").await;
    without.problem(401);
    assert!(without.headers[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Bearer"));
    let in_the_address = get(&console, &format!("/api/info?token={}", token.expose())).await;
    in_the_address.problem(401);
}

#[tokio::test]
async fn every_answer_has_the_headers_that_keep_a_browser_in_bounds() {
    let program = Program::start().await;
    for console in [program.console(), program.console_with(ConsoleOptions::new())] {
        let answer = get(&console, "/api/info").await;
        let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(answer.headers[header::REFERRER_POLICY], "no-referrer");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    }
}

#[tokio::test]
async fn a_read_only_console_changes_nothing() {
    let program = Program::start().await;
    let options = ConsoleOptions::new().guarded_by_layer().read_only(true);
    let console = program.console_with(options);
    let start = request(Method::POST, "/api/start", Some(json!({"orchestration": "echo"})));
    assert_eq!(ask(&console, start).await.problem(403)["kind"], "read_only");
    assert_eq!(get(&console, "/api/info").await.ok()["allowed"], json!([]));
}

#[tokio::test]
async fn a_login_is_kept_in_a_cookie_that_has_no_token_and_no_other_site_sends() {
    let program = Program::start().await;
    program.begin("wait", "a", json!(null)).await;
    let token = Token::draw().unwrap();
    let console = program.console_with(ConsoleOptions::new().token(token.clone()).https(true));
    let page = get(&console, "/login").await;
    let html = String::from_utf8(page.body).unwrap();
    let (_, form) = html.split_once("name=\"form_token\" value=\"").expect("a form");
    let (form_token, _) = form.split_once('"').expect("a value");
    let mut fields = form_urlencoded::Serializer::new(String::new());
    fields.append_pair("form_token", form_token).append_pair("token", token.expose());
    let mut login = request(Method::POST, "/login", None);
    *login.body_mut() = fields.finish().into();
    let media = "application/x-www-form-urlencoded".parse().unwrap();
    login.headers_mut().insert(header::CONTENT_TYPE, media);
    let answer = ask(&console, login).await;
    let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap().to_string();
    for part in ["; HttpOnly", "; SameSite=Strict", "; Secure", "; Max-Age="] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains(token.expose()), "{cookie}");
    let (cookie, _) = cookie.split_once(';').unwrap();
    let with_cookie = |method, address: &str, body| {
        let mut request = request(method, address, body);
        request.headers_mut().insert(header::COOKIE, cookie.parse().unwrap());
        request
    };
    ask(&console, with_cookie(Method::GET, "/api/info", None)).await.ok();
    let mut forged = with_cookie(Method::POST, "/api/terminate?id=a", Some(json!({})));
    forged.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
    ask(&console, forged).await.problem(403);
    let mine = with_cookie(Method::POST, "/api/terminate?id=a", Some(json!({})));
    ask(&console, mine).await.ok();
}

#[tokio::test]
async fn a_browser_without_a_login_is_led_to_it_and_a_program_is_refused() {
    let program = Program::start().await;
    let options = ConsoleOptions::new().token(Token::draw().unwrap());
    let nested: Router<()> = Router::new().nest_service("/admin", program.console_with(options));
    for (address, login) in
        [("/admin", "admin/login"), ("/admin/", "login"), ("/admin/instance?id=a", "login")]
    {
        let led = get(&nested, address).await;
        assert_eq!(led.status, 303, "{address}");
        assert_eq!(led.headers[header::LOCATION], login, "{address}");
    }
    get(&nested, "/admin/api/instances").await.problem(401);
    get(&nested, "/admin/metrics").await.problem(401);
}
