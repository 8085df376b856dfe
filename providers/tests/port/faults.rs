//! Failures on the way to the service and back, and the errors that the adapters make of them.

use std::sync::Arc;
use std::time::Duration;

use reenact_providers::azure::connection::{Connection, Options};
use reenact_providers::azure::port::{Metadata, Only, PortError, PortErrorKind, StoragePort};
use reenact_testkit::azure::faults::{Fault, Kind, Proxy, Service};

use crate::operations::OPERATIONS;
use crate::stage::{ADAPTERS, Connect, emulator, lease, name_of, unique};

/// A service with proxies before it, through one adapter.
struct Proxied {
    adapter: &'static str,
    port: Arc<dyn StoragePort>,
    blobs: Proxy,
    queues: Proxy,
    queue: String,
}

impl Proxied {
    async fn proxies(adapter: &'static str, connect: Connect, options: Options) -> Self {
        let emulator = emulator().await;
        let blobs = Proxy::start(Service::Blobs, emulator.blob_port()).await.unwrap();
        let queues = Proxy::start(Service::Queues, emulator.queue_port()).await.unwrap();
        let text = emulator.connection_string_through(blobs.port(), queues.port());
        let connection = Connection::parse(&text).unwrap();
        let port = connect(&connection, &unique("faults"), options).unwrap();
        Self { adapter, port, blobs, queues, queue: unique("faults") }
    }

    /// One for each adapter.
    async fn each(options: &Options) -> Vec<Self> {
        let mut all = Vec::new();
        for (adapter, connect) in ADAPTERS {
            all.push(Self::proxies(adapter, *connect, options.clone()).await);
        }
        all
    }

    /// Every request fails so.
    fn always(&self, fault: &Fault) {
        for proxy in [&self.blobs, &self.queues] {
            let fault = fault.clone();
            proxy.plan(move |_| Some(fault.clone()));
        }
    }

    async fn made(&self) {
        self.port.create_container().await.unwrap();
        self.port.create_queue(&self.queue).await.unwrap();
    }

    fn requests(&self) -> u64 {
        self.blobs.total() + self.queues.total()
    }

    /// Runs every operation; each must fail with one request, and with what is expected.
    async fn all_fail(&self, but: &[Kind], expected: impl Fn(&PortErrorKind) -> bool) {
        for operation in OPERATIONS {
            let before = self.requests();
            let result = (operation.run)(&*self.port, &self.queue).await;
            let (adapter, kind) = (self.adapter, operation.kind);
            assert_eq!(self.requests(), before + 1, "{adapter} {kind:?}");
            if but.contains(&kind) {
                result.unwrap();
            } else {
                let failure = result.unwrap_err().kind;
                assert!(expected(&failure), "{adapter} {kind:?}: {failure:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_of_the_service_means_the_same_in_every_operation() {
    let refusals = [
        (500, "InternalError", "unknown"),
        (500, "OperationTimedOut", "unknown"),
        (503, "ServerBusy", "throttled"),
        (429, "TooManyRequests", "throttled"),
        (401, "NoAuthenticationInformation", "denied"),
        (403, "AuthenticationFailed", "denied"),
        (404, "ResourceNotFound", "not found"),
        (409, "ResourceAlreadyExists", "exists"),
        (409, "LeaseAlreadyPresent", "unmet"),
        (409, "ContainerBeingDeleted", "throttled"),
        (409, "InvalidBlobType", "refused"),
        (412, "ConditionNotMet", "unmet"),
        (413, "RequestBodyTooLarge", "too large"),
        (400, "InvalidInput", "refused"),
        (302, "Found", "refused"),
    ];
    for proxied in Proxied::each(&Options::default()).await {
        for (status, code, expected) in refusals {
            proxied.always(&Fault::answer(status, code));
            // A queue that is there need not be made.
            let but: &[Kind] = if expected == "exists" { &[Kind::CreateQueue] } else { &[] };
            proxied.all_fail(but, |kind| name_of(kind) == expected).await;
        }
    }
}

#[tokio::test]
async fn how_long_the_service_asks_to_wait_is_passed_on() {
    for proxied in Proxied::each(&Options::default()).await {
        let throttled =
            |seconds| PortErrorKind::Throttled { after: Some(Duration::from_secs(seconds)) };
        proxied.always(&Fault::busy(7));
        proxied.all_fail(&[], |kind| *kind == throttled(7)).await;
        proxied.always(&Fault::Answer { status: 429, code: "Slow", retry_after: Some(1) });
        proxied.all_fail(&[], |kind| *kind == throttled(1)).await;
        proxied.always(&Fault::answer(503, "ServerBusy"));
        let no_delay_named = PortErrorKind::Throttled { after: None };
        proxied.all_fail(&[], |kind| *kind == no_delay_named).await;
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_leaves_the_outcome_unknown() {
    for proxied in Proxied::each(&Options::default()).await {
        proxied.always(&Fault::CutBefore);
        proxied.all_fail(&[], |kind| name_of(kind) == "unknown").await;
    }
}

#[tokio::test]
async fn a_request_that_is_not_answered_in_time_leaves_the_outcome_unknown() {
    let request_timeout = Duration::from_millis(100);
    let options = Options { request_timeout, ..Options::default() };
    for proxied in Proxied::each(&options).await {
        for fault in [Fault::HangBefore, Fault::HangAfter] {
            proxied.always(&fault);
            proxied.all_fail(&[], |kind| name_of(kind) == "unknown").await;
        }
    }
}

#[tokio::test]
async fn a_service_that_is_not_there_cannot_be_reached_and_nothing_has_happened() {
    for (adapter, connect) in ADAPTERS {
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dead = free.local_addr().unwrap().port();
        drop(free);
        let text = emulator().await.connection_string_through(dead, dead);
        let connection = Connection::parse(&text).unwrap();
        let port = connect(&connection, "nobody", Options::default()).unwrap();
        for operation in OPERATIONS {
            let failure = (operation.run)(&*port, "nobody").await.unwrap_err().kind;
            assert_eq!(name_of(&failure), "unreachable", "{adapter} {:?}", operation.kind);
        }
    }
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_was_carried_out_once() {
    for proxied in Proxied::each(&Options::default()).await {
        proxied.made().await;
        let Proxied { port, blobs, queues, queue, .. } = &proxied;
        port.create_append_blob("log").await.unwrap();
        port.acquire_lease("log", &lease(1)).await.unwrap();

        blobs.fail_next_of(Kind::Append, Fault::LoseReply);
        is_unknown(port.append("log", b"block".to_vec(), 0, &lease(1)).await);
        assert_eq!(port.get("log", 0, None).await.unwrap().bytes, b"block");
        assert_eq!(blobs.count_of(Kind::Append), 1);

        blobs.fail_next_of(Kind::Put, Fault::LoseReply);
        is_unknown(port.put("a", b"bytes".to_vec(), &Metadata::new(), &Only::IfNew).await);
        assert_eq!(port.get("a", 0, None).await.unwrap().bytes, b"bytes");
        assert_eq!(blobs.count_of(Kind::Put), 1);

        blobs.fail_next_of(Kind::BreakLease, Fault::LoseReply);
        is_unknown(port.break_lease("log").await);
        port.acquire_lease("log", &lease(2)).await.unwrap();

        queues.fail_next_of(Kind::Send, Fault::LoseReply);
        is_unknown(port.send(queue, "text").await);
        let minute = Duration::from_secs(60);
        assert_eq!(port.receive(queue, 32, minute).await.unwrap().len(), 1);
        assert_eq!(queues.count_of(Kind::Send), 1);
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_is_no_answer() {
    for proxied in Proxied::each(&Options::default()).await {
        proxied.made().await;
        let Proxied { port, blobs, queues, queue, .. } = &proxied;
        port.put("a", vec![7; 100_000], &Metadata::new(), &Only::IfNew).await.unwrap();
        port.send(queue, "text").await.unwrap();
        blobs.fail_next(Fault::CutBody);
        is_unknown(port.get("a", 0, None).await);
        blobs.fail_next(Fault::CutBody);
        is_unknown(port.list("", None).await);
        blobs.fail_next(Fault::CutBody);
        is_unknown(port.put("b", b"bytes".to_vec(), &Metadata::new(), &Only::IfNew).await);
        assert_eq!(port.get("b", 0, None).await.unwrap().bytes, b"bytes");
        queues.fail_next(Fault::CutBody);
        is_unknown(port.receive(queue, 1, Duration::from_secs(60)).await);
        assert_eq!(port.get("a", 0, None).await.unwrap().bytes, vec![7; 100_000]);
    }
}

#[tokio::test]
async fn one_call_is_one_request_however_large() {
    for proxied in Proxied::each(&Options::default()).await {
        let Proxied { adapter, port, blobs, queues, queue, .. } = &proxied;
        for operation in OPERATIONS {
            // The last two make up a receipt; they are refused by the service.
            let _ = (operation.run)(&**port, queue).await;
        }
        for operation in OPERATIONS {
            let kind = operation.kind;
            assert_eq!(blobs.count_of(kind) + queues.count_of(kind), 1, "{adapter} {kind:?}");
        }
        blobs.reset();
        // Larger than any part into which the crates would divide it.
        let large = vec![7; 20 * 1024 * 1024];
        port.put("large", large.clone(), &Metadata::new(), &Only::IfNew).await.unwrap();
        assert_eq!(port.get("large", 0, None).await.unwrap().bytes.len(), large.len());
        port.put("empty", vec![], &Metadata::new(), &Only::IfNew).await.unwrap();
        assert_eq!(port.get("empty", 0, None).await.unwrap().bytes.len(), 0);
        assert_eq!(port.get("empty", 5, None).await.unwrap().bytes.len(), 0);
        assert_eq!(blobs.total(), 5, "{adapter}");
    }
}

#[tokio::test]
async fn what_cannot_be_written_as_a_request_is_not_sent() {
    for proxied in Proxied::each(&Options::default()).await {
        let Proxied { port, .. } = &proxied;
        let metadata = Metadata::from([("owner".to_owned(), "two\r\nlines".to_owned())]);
        let failure = port.put("a", vec![], &metadata, &Only::IfNew).await.unwrap_err();
        assert_eq!(name_of(&failure.kind), "unreachable");
        let failure = port.send("../other", "text").await.unwrap_err();
        assert_eq!(name_of(&failure.kind), "refused");
        assert_eq!(proxied.requests(), 0);
    }
}

#[tokio::test]
async fn requests_that_hang_end_when_they_are_cut() {
    for proxied in Proxied::each(&Options::default()).await {
        let (hanging, mut hangs) = tokio::sync::mpsc::unbounded_channel();
        proxied.blobs.plan(move |_| {
            hanging.send(()).unwrap();
            Some(Fault::HangBefore)
        });
        let get = proxied.port.get("a", 0, None);
        let cut = async {
            hangs.recv().await;
            // The request may not wait yet when it has only just been seen.
            loop {
                proxied.blobs.cut();
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            result = get => is_unknown(result),
            () = cut => {}
        }
    }
}

#[track_caller]
fn is_unknown<T: std::fmt::Debug>(result: Result<T, PortError>) {
    let failure = result.unwrap_err();
    assert_eq!(name_of(&failure.kind), "unknown", "{failure}");
}
