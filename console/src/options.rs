//! `ConsoleOptions`: what the console may do, and who may use it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use crate::token::Token;

/// What the console may do, and who may use it.
///
/// Without [`token`](Self::token) and [`guarded_by_layer`](Self::guarded_by_layer), requests from this machine
/// are answered, and no others.
#[derive(Clone)]
#[must_use = "options do nothing until a console gets them"]
pub struct ConsoleOptions {
    pub(crate) guard: Guard,
    pub(crate) read_only: bool,
    pub(crate) is_https: bool,
    pub(crate) redact: Option<Redact>,
    pub(crate) announce_in: Option<PathBuf>,
    /// Opens the console besides what the guard lets in: for tools that find it in a file.
    pub(crate) tool_token: Option<Token>,
}

/// Who is let in.
#[derive(Clone, Debug)]
pub(crate) enum Guard {
    /// Requests of this machine.
    Loopback,
    /// Requests with the token, or with the cookie of a login with it.
    Token(Token),
    /// All: the program's own layer has looked at them.
    Layer,
}

/// Which payload is about to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PayloadOf<'a> {
    /// The instance that it belongs to; `None` for a message in quarantine.
    pub instance: Option<&'a str>,
    /// The field that holds it: `input`, `output`, `data`, `value`, `status`, `details` or `heartbeat`.
    pub field: &'a str,
    /// The orchestration, the activity or the event that stands beside it, where one does.
    pub name: Option<&'a str>,
}

type Redact = Arc<dyn Fn(PayloadOf<'_>, &Value) -> Value + Send + Sync>;

impl ConsoleOptions {
    /// For requests from this machine, with everything allowed.
    pub fn new() -> Self {
        Self {
            guard: Guard::Loopback,
            read_only: false,
            is_https: false,
            redact: None,
            announce_in: None,
            tool_token: None,
        }
    }

    /// Lets in those who have the token, from anywhere: as `Authorization: Bearer ..`, or by the page
    /// `login`. Serve it over TLS then.
    pub fn token(mut self, token: Token) -> Self {
        self.guard = Guard::Token(token);
        self
    }

    /// Lets in all requests: the program's own layer around the router has asked for a login. Where the
    /// browser sends that login by itself, as it does with cookies, changes are still refused to other sites.
    pub fn guarded_by_layer(mut self) -> Self {
        self.guard = Guard::Layer;
        self
    }

    /// Refuses everything that would change something.
    pub const fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Says that browsers come by HTTPS, so that the cookie of a login is sent over nothing else. It is
    /// known without this where a proxy says so in `X-Forwarded-Proto`.
    pub const fn https(mut self, is_https: bool) -> Self {
        self.is_https = is_https;
        self
    }

    /// What is shown in the place of each payload: inputs, outputs, data of events, statuses, details of
    /// errors and heartbeats. It is called for all that leaves the console, in the API, in its streams and
    /// on its pages. Messages of errors and reasons are text of the program, and pass as they are; but where a host says
    /// in which way code and history differ, what it quotes of payloads is left out.
    ///
    /// ```
    /// use reenact_console::ConsoleOptions;
    /// use serde_json::json;
    ///
    /// let options = ConsoleOptions::new().redact(|of, payload| match of.name {
    ///     Some("charge") => json!("(not shown)"),
    ///     _ => payload.clone(),
    /// });
    /// # let _ = options;
    /// ```
    pub fn redact(
        mut self,
        redact: impl Fn(PayloadOf<'_>, &Value) -> Value + Send + Sync + 'static,
    ) -> Self {
        self.redact = Some(Arc::new(redact));
        self
    }

    /// Writes the console's address and a token into `console.json` in this directory, for tools of the same
    /// user. For [`Console::serve`](crate::Console::serve) only; over a store with a directory it is done
    /// without this.
    pub fn announce_in(mut self, directory: impl Into<PathBuf>) -> Self {
        self.announce_in = Some(directory.into());
        self
    }

    /// Whether something else may be shown in the place of payloads.
    pub(crate) const fn redacts(&self) -> bool {
        self.redact.is_some()
    }

    /// What is shown in the place of this payload.
    pub(crate) fn shown(&self, of: PayloadOf<'_>, payload: Value) -> Value {
        match &self.redact {
            Some(redact) => redact(of, &payload),
            None => payload,
        }
    }
}

impl Default for ConsoleOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ConsoleOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleOptions")
            .field("guard", &self.guard)
            .field("read_only", &self.read_only)
            .field("https", &self.is_https)
            .field("redacts", &self.redact.is_some())
            .field("announce_in", &self.announce_in)
            .finish_non_exhaustive()
    }
}
