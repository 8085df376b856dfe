//! The calls that give another result at each run, which an orchestration must not make.
//!
//! The check reads names in tokens, so it looks into the arguments of macros too. What it cannot
//! see (imports from outside the function, calls into others) is left to the runtime, which
//! compares with the history.

mod scan;

use quote::ToTokens;
use syn::{Block, Error, Path};

use crate::determinism::scan::{Found, paths_in};
use crate::errors::combined;

/// One thing that an orchestration must not do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// What `allow(..)` calls it.
    pub(crate) name: &'static str,
    /// The paths that are refused, with all below them; macros end in `!`. A path counts from its
    /// first segment only, so a user's `crate::rand::roll` is nobody's business.
    paths: &'static [&'static str],
    /// What is harmless below `paths`: plain data.
    except: &'static [&'static str],
    /// What to do instead: the rest of "`path` is not deterministic; …".
    instead: &'static str,
}

/// All rules. Of two that cover a path, the first speaks.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "std::time",
        paths: &[
            "std::time::Instant::now",
            "std::time::SystemTime::now",
            "tokio::time::Instant::now",
            "time::Instant::now",
            "time::SystemTime::now",
            "Instant::now",
            "SystemTime::now",
        ],
        except: &[],
        instead: "use `ctx.now()`",
    },
    Rule {
        name: "chrono",
        paths: &["chrono::Utc::now", "chrono::Local::now", "Utc::now", "Local::now"],
        except: &[],
        instead: "use `ctx.now()`",
    },
    Rule {
        name: "tokio::time",
        paths: &["tokio::time"],
        except: &["tokio::time::Duration"],
        instead: "use `ctx.timer(..)`, or `ctx.timeout(..)` for a time limit",
    },
    Rule {
        name: "rand",
        paths: &["rand", "fastrand", "getrandom", "RandomState::new"],
        except: &[],
        instead: "use `ctx.random()` or `ctx.new_guid()`, or record the value with \
                  `ctx.side_effect(..)`",
    },
    Rule {
        name: "uuid",
        paths: &[
            "uuid::Uuid::new_v4",
            "uuid::Uuid::now_v1",
            "uuid::Uuid::now_v6",
            "uuid::Uuid::now_v7",
            "Uuid::new_v4",
            "Uuid::now_v1",
            "Uuid::now_v6",
            "Uuid::now_v7",
        ],
        except: &[],
        instead: "use `ctx.new_guid()`",
    },
    Rule {
        name: "std::thread",
        paths: &[
            "std::thread",
            "thread::spawn",
            "thread::scope",
            "thread::sleep",
            "thread::current",
            "thread::park",
            "thread::park_timeout",
            "thread::yield_now",
            "thread::Builder",
        ],
        except: &[],
        instead: "do it in an activity; to wait, use `ctx.timer(..)`",
    },
    Rule {
        name: "tokio::spawn",
        paths: &[
            "tokio::spawn",
            "tokio::task",
            "tokio::runtime",
            "task::spawn",
            "task::spawn_blocking",
            "task::spawn_local",
            "JoinSet::new",
        ],
        except: &[],
        instead: "schedule activities or child orchestrations, and join their futures",
    },
    Rule {
        name: "tokio::select",
        paths: &["tokio::select!", "select!"],
        except: &[],
        instead: "write `biased;` as its first line (with the `futures` crate: `select_biased!`), \
                  or use `ctx.when_any(..)`",
    },
    Rule {
        name: "futures::select",
        paths: &["futures::select!", "futures_util::select!"],
        except: &[],
        instead: "use `select_biased!` or `ctx.when_any(..)`",
    },
    in_activity("tokio::fs", &["tokio::fs"], &[]),
    in_activity("tokio::net", &["tokio::net"], &[]),
    in_activity("tokio::process", &["tokio::process"], &[]),
    in_activity("tokio::io", &["tokio::io"], &[]),
    in_activity("std::fs", &["std::fs", "fs::read", "fs::read_to_string", "fs::write"], &[]),
    in_activity(
        "std::net",
        &["std::net", "TcpStream::connect", "TcpListener::bind", "UdpSocket::bind"],
        &[
            "std::net::AddrParseError",
            "std::net::IpAddr",
            "std::net::Ipv4Addr",
            "std::net::Ipv6Addr",
            "std::net::SocketAddr",
            "std::net::SocketAddrV4",
            "std::net::SocketAddrV6",
        ],
    ),
    in_activity("std::process", &["std::process", "process::exit"], &[]),
    in_activity("std::env", &["std::env", "env::args", "env::var", "env::vars"], &[]),
    in_activity("std::io", &["std::io::stdin", "io::stdin"], &[]),
    Rule {
        name: "tokio::signal",
        paths: &["tokio::signal"],
        except: &[],
        instead: "raise an external event, and use `ctx.wait_external(..)`",
    },
];

const fn in_activity(
    name: &'static str,
    paths: &'static [&'static str],
    except: &'static [&'static str],
) -> Rule {
    Rule { name, paths, except, instead: "do it in an activity" }
}

impl Rule {
    fn refuses(&self, path: &str) -> bool {
        let covers = |prefixes: &[&str]| prefixes.iter().any(|prefix| is_below(path, prefix));
        covers(self.paths) && !covers(self.except)
    }
}

/// Finds what breaks a rule in the body of an orchestration.
pub(crate) fn check(body: &Block, allowed: &[&'static Rule]) -> Result<(), Error> {
    let found = paths_in(body.to_token_stream());
    let errors = found.iter().filter_map(|found| {
        let rule = RULES.iter().find(|rule| rule.refuses(&found.path))?;
        (!allowed.contains(&rule)).then(|| complaint(rule, found))
    });
    combined(errors).map_or(Ok(()), Err)
}

/// A path as rules write it: without spaces.
pub(crate) fn path_text(path: &Path) -> String {
    let segments: Vec<_> = path.segments.iter().map(|part| part.ident.to_string()).collect();
    segments.join("::")
}

fn complaint(rule: &Rule, found: &Found) -> Error {
    let Rule { name, instead, .. } = rule;
    let message = format!(
        "`{}` is not deterministic; {instead}\n\
         where it is safe: `#[orchestration(allow({name}))]`",
        found.path
    );
    Error::new_spanned(&found.tokens, message)
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests;
