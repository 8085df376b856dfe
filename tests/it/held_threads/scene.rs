//! Code that holds its thread until the test lets it go.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{Error, HostBuilder};

use crate::kit::{HOUR, guard, id, options, until};

/// Where code blocks its thread. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Held(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    came: usize,
    let_go: usize,
    is_open: bool,
}

/// Lets all go at the end of the test, also where that fails.
pub(crate) struct AtTheEnd(Held);

impl Held {
    /// Blocks the thread until this is let go.
    pub(crate) fn hold(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        let place = state.came;
        state.came += 1;
        drop(changed.wait_while(state, |state| !state.is_open && place >= state.let_go).unwrap());
    }

    pub(crate) fn came(&self) -> usize {
        self.0.0.lock().unwrap().came
    }

    pub(crate) async fn until_came(&self, many: usize) {
        until(|| self.came() >= many).await;
    }

    /// Lets the next go that came.
    pub(crate) fn let_one_go(&self) {
        self.0.0.lock().unwrap().let_go += 1;
        self.0.1.notify_all();
    }

    pub(crate) fn let_go(&self) {
        self.0.0.lock().unwrap().is_open = true;
        self.0.1.notify_all();
    }

    pub(crate) fn let_go_at_the_end(&self) -> AtTheEnd {
        AtTheEnd(self.clone())
    }
}

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        self.0.let_go();
    }
}

/// Threads are replaced as soon as they can be.
pub(crate) fn replaces() -> HostOptions {
    options().replace_threads_after(Duration::ZERO).shutdown_deadline(Duration::ZERO)
}

/// "loops" waits for "Go" and then holds its thread, "loops_at_once" holds it and then sleeps for an hour, and
/// "adds" gives 7 when "Go" has come.
pub(crate) fn host(provider: impl Provider, held: &Held, options: HostOptions) -> HostBuilder {
    let (in_loop, at_once) = (held.clone(), held.clone());
    Host::builder()
        .provider(provider)
        .options(options)
        .register_orchestration("loops", move |ctx: OrchestrationContext, ()| {
            let held = in_loop.clone();
            async move {
                ctx.wait_external::<()>("Go").await?;
                held.hold();
                Ok(7_u64)
            }
        })
        .register_orchestration("loops_at_once", move |ctx: OrchestrationContext, ()| {
            let held = at_once.clone();
            async move {
                held.hold();
                ctx.schedule_timer(HOUR).await;
                Ok(7_u64)
            }
        })
        .register_orchestration("adds", |ctx: OrchestrationContext, ()| async move {
            ctx.wait_external::<()>("Go").await?;
            Ok(7_u64)
        })
}

/// Starts one that waits for "Go".
pub(crate) async fn begin_waiting(host: &Host, code: &str, name: &str) {
    let already = |error: &Error| matches!(error, Error::AlreadyExists { .. });
    surely(async || match host.start_new_by_name::<u64>(code, ()).id(name).await {
        Err(error) if already(&error) => Ok(()),
        started => started.map(drop),
    })
    .await;
}

pub(crate) async fn raise(host: &Host, name: &str) -> reenact::Result<()> {
    guard(host.raise_event(&id(name), "Go", ())).await
}

pub(crate) async fn raise_surely(host: &Host, name: &str) {
    surely(async || host.raise_event(&id(name), "Go", ()).await).await;
}

/// Asks until it is not interrupted: the shard may be about to start again.
pub(crate) async fn surely(ask: impl AsyncFn() -> reenact::Result<()>) {
    guard(async {
        while let Err(error) = ask().await {
            assert!(matches!(error, Error::Interrupted { .. }), "{error}");
            tokio::task::yield_now().await;
        }
    })
    .await;
}
