//! Background tasks that end with their owner.

use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use ractor::ActorRef;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, JoinSet};

use crate::panic::Caught;

/// Aborts its task when it is dropped.
#[derive(Debug)]
pub(crate) struct Task(JoinHandle<()>);

impl Task {
    pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(future))
    }

    /// Starts a task that its owner cannot do without. When it panics, `lost` gets the message: otherwise
    /// the panic would go unnoticed, and a wait for the task would never end.
    pub(crate) fn vital(
        future: impl Future<Output = ()> + Send + 'static,
        lost: impl FnOnce(String) + Send + 'static,
    ) -> Self {
        Self::spawn(async move {
            if let Err(panic) = Caught::new(Box::pin(future)).await {
                lost(panic);
            }
        })
    }

    pub(crate) fn spawn_on(
        runtime: &Handle,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        Self(runtime.spawn(future))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Ends an actor of a shard when a task of it has panicked: the shard starts again from its log.
pub(crate) fn end_for_panic<M: ractor::Message>(
    actor: &ActorRef<M>,
    task: &'static str,
) -> impl FnOnce(String) + Send + 'static {
    let actor = actor.clone();
    move |panic| {
        tracing::warn!(
            target: "reenact::shard", parent: None,
            task,
            panic,
            "a task of a shard panicked; the shard starts again from its log"
        );
        actor.stop(Some(format!("{task} panicked: {panic}")));
    }
}

/// Background tasks of a host. Clones are the same set.
#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    /// `None` once the host has ended.
    running: Arc<Mutex<Option<JoinSet<()>>>>,
}

impl Tasks {
    pub(crate) fn new() -> Self {
        Self { running: Arc::new(Mutex::new(Some(JoinSet::new()))) }
    }

    /// Runs a task until it ends or the host does. Does nothing when the host has ended.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = &mut *running {
            // Tasks that have ended are removed, so that they take no memory.
            while running.try_join_next().is_some() {}
            running.spawn(future);
        }
    }

    /// Aborts all tasks, and takes no more.
    pub(crate) fn end(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The lock is released first: a task that is dropped may need it.
        drop(running);
    }
}

/// Lets other tasks that are ready run first. `tokio::task::yield_now` puts a task aside on its own
/// thread until that thread has looked for I/O. This function leaves the task where other threads can
/// take it, so it goes on even if user code blocks this thread next.
pub(crate) async fn let_others_run() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
