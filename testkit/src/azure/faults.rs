//! A proxy that makes requests to an emulator of Azure Storage fail as a test says, and counts them.
//!
//! It listens on a port of this machine and passes each request on to the blobs or the queues of an emulator. A
//! plan says which request fails, and how.

mod http;
mod kind;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

pub use kind::{Kind, Service};

/// A request that the proxy has received and not yet passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which one it is, counted from 0 since the proxy was started.
    pub number: u64,
    /// Its HTTP method.
    pub method: String,
    /// Where it goes: the path and the query.
    pub target: String,
    /// The operation that it asks for.
    pub kind: Kind,
}

/// How a request fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not passed on. The answer is a refusal in the form of the service.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The service's code, in the header and in the text.
        code: &'static str,
        /// How long to wait before the next try, in seconds.
        retry_after: Option<u64>,
    },
    /// It is not passed on and never answered: until the client gives up, or [`Proxy::cut`].
    HangBefore,
    /// The connection ends before it is passed on.
    CutBefore,
    /// It is passed on and carried out, and the connection ends without the answer.
    LoseReply,
    /// It is passed on and carried out, and never answered: until the client gives up, or
    /// [`Proxy::cut`].
    HangAfter,
    /// It is passed on and carried out, and the connection ends in the middle of the answer: of what
    /// is in it, or of its head when there is nothing in it.
    CutBody,
}

impl Fault {
    /// The service has an internal error (500).
    pub fn internal_error() -> Self {
        Self::Answer { status: 500, code: "InternalError", retry_after: None }
    }

    /// The service is busy (503) and asks to wait for this many seconds.
    pub fn busy(seconds: u64) -> Self {
        Self::Answer { status: 503, code: "ServerBusy", retry_after: Some(seconds) }
    }

    /// Any other refusal of the service.
    pub fn answer(status: u16, code: &'static str) -> Self {
        Self::Answer { status, code, retry_after: None }
    }
}

/// How often each kind of request has come, by method and kind.
pub type Counts = BTreeMap<(String, Kind), u64>;

/// A running proxy. Dropping it cuts every connection.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    service: Service,
    target: u16,
    state: Mutex<State>,
    cut: Notify,
}

#[derive(Default)]
struct State {
    next: u64,
    counts: Counts,
    plan: Option<Plan>,
}

type Plan = Box<dyn FnMut(&Seen) -> Option<Fault> + Send>;

impl Proxy {
    /// Starts a proxy that passes requests on to a port of this machine. It ends with the runtime that starts it.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(service: Service, target: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let state = Mutex::default();
        let shared = Arc::new(Shared { service, target, state, cut: Notify::new() });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { port, shared, accepting })
    }

    /// The port on which it listens, on this machine only.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Asks this plan about each request from now on. It replaces the plan before.
    pub fn plan(&self, plan: impl FnMut(&Seen) -> Option<Fault> + Send + 'static) {
        self.shared.state().plan = Some(Box::new(plan));
    }

    /// The next request fails, and later ones do not.
    pub fn fail_next(&self, fault: Fault) {
        let mut fault = Some(fault);
        self.plan(move |_| fault.take());
    }

    /// The next request of this kind fails, and later ones do not.
    pub fn fail_next_of(&self, kind: Kind, fault: Fault) {
        let mut fault = Some(fault);
        self.plan(move |seen| if seen.kind == kind { fault.take() } else { None });
    }

    /// No request fails from now on.
    pub fn heal(&self) {
        self.shared.state().plan = None;
    }

    /// Ends the connections of all requests that hang.
    pub fn cut(&self) {
        self.shared.cut.notify_waiters();
    }

    /// How often each kind of request has come since the start or since [`reset`](Self::reset).
    pub fn counts(&self) -> Counts {
        self.shared.state().counts.clone()
    }

    /// How many requests of a kind have come.
    pub fn count_of(&self, kind: Kind) -> u64 {
        let state = self.shared.state();
        state.counts.iter().filter(|((_, of), _)| *of == kind).map(|(_, count)| count).sum()
    }

    /// How many requests have come.
    pub fn total(&self) -> u64 {
        self.shared.state().counts.values().sum()
    }

    /// Sets all counts to 0. The numbers of requests go on.
    pub fn reset(&self) {
        self.shared.state().counts.clear();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("port", &self.port)
            .field("service", &self.shared.service)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request and asks the plan.
    fn fault(&self, request: &http::Request) -> Option<Fault> {
        let kind = kind::of(self.service, request);
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        *state.counts.entry((request.method.clone(), kind)).or_default() += 1;
        let (method, target) = (request.method.clone(), request.target.clone());
        let seen = Seen { number, method, target, kind };
        state.plan.as_mut().and_then(|plan| plan(&seen))
    }
}

/// All connections are dropped with this future.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // A connection that breaks is what the proxy is for.
            let _ = serve(client, &shared).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// One request; the client makes another connection for the next.
async fn serve(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    let Some(request) = http::read(&mut client).await? else { return Ok(()) };
    match shared.fault(&request) {
        None => client.write_all(&forward(shared, &request).await?).await?,
        Some(Fault::Answer { status, code, retry_after }) => {
            client.write_all(&http::refusal(status, code, retry_after)).await?;
        }
        Some(Fault::HangBefore) => hang(&mut client, shared).await,
        Some(Fault::CutBefore) => {}
        Some(Fault::LoseReply) => {
            forward(shared, &request).await?;
        }
        Some(Fault::HangAfter) => {
            forward(shared, &request).await?;
            hang(&mut client, shared).await;
        }
        Some(Fault::CutBody) => {
            let answer = forward(shared, &request).await?;
            client.write_all(&answer[..http::middle(&answer)]).await?;
        }
    }
    client.shutdown().await
}

/// The whole answer of the service.
async fn forward(shared: &Shared, request: &http::Request) -> io::Result<Vec<u8>> {
    let mut service = TcpStream::connect((Ipv4Addr::LOCALHOST, shared.target)).await?;
    service.write_all(&request.closing()).await?;
    let mut answer = Vec::new();
    service.read_to_end(&mut answer).await?;
    Ok(answer)
}

async fn hang(client: &mut TcpStream, shared: &Shared) {
    let mut nothing = [0];
    tokio::select! {
        biased;
        () = shared.cut.notified() => {}
        _ = client.read(&mut nothing) => {}
    }
}
