//! The operation that a request asks for, by the operations of `StoragePort`.

use super::http::Request;

/// The service to which a proxy passes requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Blobs.
    Blobs,
    /// Queues.
    Queues,
}

/// The operation that a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// To make a container.
    CreateContainer,
    /// A page of the list of blobs.
    List,
    /// Bytes of a blob.
    Get,
    /// To write a block blob.
    Put,
    /// To remove a blob.
    Delete,
    /// To make an append blob.
    CreateAppendBlob,
    /// To append a block.
    Append,
    /// To take a lease.
    AcquireLease,
    /// To end a lease.
    BreakLease,
    /// To make a queue.
    CreateQueue,
    /// To put a message into a queue.
    Send,
    /// How many messages a queue has.
    CountMessages,
    /// To look at the messages in a queue.
    Peek,
    /// To take messages out of a queue.
    Receive,
    /// To hide a message for another while.
    Extend,
    /// To remove a message.
    Remove,
    /// Something else.
    Other,
}

pub(super) fn of(service: Service, request: &Request) -> Kind {
    match service {
        Service::Blobs => of_blobs(request),
        Service::Queues => of_queues(request),
    }
}

fn of_blobs(request: &Request) -> Kind {
    let parameter = |name| request.parameter(name);
    match (request.method.as_str(), parameter("comp"), parameter("restype")) {
        ("GET", Some("list"), _) => Kind::List,
        ("GET", None, None) => Kind::Get,
        ("DELETE", None, None) => Kind::Delete,
        ("PUT", None, Some("container")) => Kind::CreateContainer,
        ("PUT", Some("appendblock"), _) => Kind::Append,
        ("PUT", Some("lease"), _) => match request.header("x-ms-lease-action") {
            Some("acquire") => Kind::AcquireLease,
            Some("break") => Kind::BreakLease,
            _ => Kind::Other,
        },
        ("PUT", None, None) => match request.header("x-ms-blob-type") {
            Some("AppendBlob") => Kind::CreateAppendBlob,
            Some("BlockBlob") => Kind::Put,
            _ => Kind::Other,
        },
        _ => Kind::Other,
    }
}

/// The path is the queue's, or that of its messages, or that of one of them.
fn of_queues(request: &Request) -> Kind {
    let path = request.target.split('?').next().unwrap_or_default();
    let messages = path.ends_with("/messages");
    let message = path.contains("/messages/");
    match request.method.as_str() {
        "POST" if messages => Kind::Send,
        "GET" if messages && request.parameter("peekonly") == Some("true") => Kind::Peek,
        "GET" if messages => Kind::Receive,
        "GET" if request.parameter("comp") == Some("metadata") => Kind::CountMessages,
        "PUT" if message => Kind::Extend,
        "DELETE" if message => Kind::Remove,
        "PUT" if !messages => Kind::CreateQueue,
        _ => Kind::Other,
    }
}
