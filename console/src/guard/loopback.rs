//! Requests of this machine, and no others.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderName, header};

use crate::problem::{Problem, ProblemKind};

/// What a proxy adds: then the request may have come from anywhere.
const OF_PROXIES: [HeaderName; 3] = [
    header::FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-real-ip"),
];

const WHAT_TO_DO: &str = "give the console a token (`ConsoleOptions::token`), or put a login of \
     your own in front of it and say so (`ConsoleOptions::guarded_by_layer`)";

/// Refuses a request that another machine may have sent, by itself, by a proxy, or by a browser here that was led to
/// this machine under another name.
pub(super) async fn check(parts: &mut Parts) -> Result<(), Problem> {
    let Ok(ConnectInfo(peer)) = ConnectInfo::<SocketAddr>::from_request_parts(parts, &()).await
    else {
        return Err(refused(
            "the console does not know where the request comes from; serve the router with \
             `into_make_service_with_connect_info::<SocketAddr>()`",
        ));
    };
    if !peer.ip().to_canonical().is_loopback() {
        return Err(refused("the console answers requests of its own machine only"));
    }
    if OF_PROXIES.iter().any(|name| parts.headers.contains_key(name)) {
        return Err(refused("the request came by a proxy, and may be of another machine"));
    }
    if !host(parts).is_some_and(is_loopback) {
        return Err(refused(
            "the header `Host` does not name this machine; open the console as `localhost`",
        ));
    }
    Ok(())
}

fn refused(why: &str) -> Problem {
    Problem::new(ProblemKind::Forbidden, format!("{why}; or {WHAT_TO_DO}"))
}

fn host(parts: &Parts) -> Option<&str> {
    let authority = parts.uri.authority().map(|authority| authority.as_str());
    let header = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    header.or(authority)
}

/// Whether a host, with or without a port, is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_number);
        return is_port && address.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback());
    }
    let name = match host.split_once(':') {
        Some((name, port)) if is_number(port) => name,
        Some(_) => return false,
        None => host,
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_number(port: &str) -> bool {
    !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for host in
            ["localhost", "LOCALHOST:80", "127.0.0.1", "127.8.9.1:7777", "[::1]:80", "[::1]"]
        {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "localhost:",
            "localhost:80@evil.example",
            "[::2]:80",
            "[::1]evil",
            "::1",
            "0.0.0.0",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
