//! Every operation of the port, for tests of what they have in common.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use reenact_providers::azure::port::{Metadata, Only, PortError, StoragePort};
use reenact_testkit::azure::faults::Kind;

use crate::stage::lease;

type Running<'a> = Pin<Box<dyn Future<Output = Result<(), PortError>> + Send + 'a>>;

/// An operation, and what its request asks for.
pub(crate) struct Operation {
    pub(crate) kind: Kind,
    pub(crate) run: for<'a> fn(&'a dyn StoragePort, &'a str) -> Running<'a>,
}

/// In an order in which all of them succeed but for the receipts that they make up. The container
/// must not be there; the queue is given.
pub(crate) const OPERATIONS: [Operation; 16] = [
    Operation { kind: Kind::CreateContainer, run: |port, _| port.create_container() },
    Operation { kind: Kind::Put, run: |port, _| Box::pin(async { put(port).await.map(drop) }) },
    Operation {
        kind: Kind::Get,
        run: |port, _| Box::pin(async { port.get("blob", 0, None).await.map(drop) }),
    },
    Operation {
        kind: Kind::List,
        run: |port, _| Box::pin(async { port.list("", None).await.map(drop) }),
    },
    Operation { kind: Kind::Delete, run: |port, _| port.delete("blob") },
    Operation { kind: Kind::CreateAppendBlob, run: |port, _| port.create_append_blob("log") },
    Operation {
        kind: Kind::AcquireLease,
        run: |port, _| Box::pin(async { port.acquire_lease("log", &lease(1)).await }),
    },
    Operation { kind: Kind::Append, run: |port, _| Box::pin(async { append(port).await }) },
    Operation { kind: Kind::BreakLease, run: |port, _| port.break_lease("log") },
    Operation { kind: Kind::CreateQueue, run: |port, queue| port.create_queue(queue) },
    Operation { kind: Kind::Send, run: |port, queue| port.send(queue, "text") },
    Operation {
        kind: Kind::CountMessages,
        run: |port, queue| Box::pin(async { port.queue_length(queue).await.map(drop) }),
    },
    Operation {
        kind: Kind::Peek,
        run: |port, queue| Box::pin(async { port.oldest_message(queue).await.map(drop) }),
    },
    Operation {
        kind: Kind::Receive,
        run: |port, queue| Box::pin(async { port.receive(queue, 1, SECOND).await.map(drop) }),
    },
    Operation {
        kind: Kind::Extend,
        run: |port, queue| {
            Box::pin(async { port.extend(queue, "id", "receipt", SECOND).await.map(drop) })
        },
    },
    Operation { kind: Kind::Remove, run: |port, queue| port.remove(queue, "id", "receipt") },
];

const SECOND: Duration = Duration::from_secs(1);

async fn put(port: &dyn StoragePort) -> Result<(), PortError> {
    let metadata = Metadata::from([("epoch".to_owned(), "1".to_owned())]);
    port.put("blob", b"bytes".to_vec(), &metadata, &Only::IfNew).await.map(drop)
}

async fn append(port: &dyn StoragePort) -> Result<(), PortError> {
    port.append("log", b"block".to_vec(), 0, &lease(1)).await
}
