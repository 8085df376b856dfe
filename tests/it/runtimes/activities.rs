//! Activities on a runtime of the caller's.

use crate::kit::{Complaints, Door, Gate, Way, until};
use reenact::{ActivityThreads, Error, ErrorKind};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::*;

/// A runtime of the program, beside that of the test. It ends as it is dropped, anywhere.
struct Programs(Option<Runtime>);

impl Programs {
    fn begin() -> Self {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("the-programs").enable_all().build();
        Self(Some(runtime.unwrap()))
    }

    fn options(&self, options: HostOptions) -> HostOptions {
        let runtime = self.0.as_ref().unwrap().handle().clone();
        options.activity_threads(ActivityThreads::On(runtime))
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

/// Waits at a gate.
#[activity]
async fn wait(_: ActivityContext, State(gate): State<Gate>) -> Result<u64, ActivityError> {
    gate.pass().await;
    Ok(7)
}

/// Blocks its thread at a door.
#[activity(blocking)]
fn block(_: ActivityContext, State(way): State<Way>) -> Result<u64, ActivityError> {
    way.pass();
    Ok(7)
}

#[activity]
async fn name_of_its_thread(_: ActivityContext) -> Result<String, ActivityError> {
    Ok(thread::current().name().unwrap_or_default().to_owned())
}

#[orchestration]
async fn ask(ctx: OrchestrationContext) -> Result<String, OrchestrationError> {
    let first = ctx.call_activity(name_of_its_thread, ()).await?;
    assert_eq!(ctx.call_local(name_of_its_thread, ()).await?, first);
    Ok(first)
}

/// Needs no activity.
#[orchestration]
async fn wait_for_go(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
    Ok(ctx.wait_external("Go").await?)
}

#[tokio::test]
async fn they_run_there_and_those_that_block_on_threads_of_their_own() {
    for options in both_kinds() {
        let (programs, door) = (Programs::begin(), Door::closed());
        let host = host(programs.options(options), &Seen::default());
        let host = host.state(door.way()).activity(block).activity(name_of_its_thread);
        let host = guard(host.orchestration(ask).start()).await.unwrap();
        let asked = guard(host.start_new(ask, ())).await.unwrap();
        assert_eq!(guard(asked.result()).await.unwrap(), "the-programs");
        let blocked = start(&host, "blocked", "block").await;
        door.until_came(1).await;
        assert_eq!(door.came(), ["reenact-blocking"]);
        door.open();
        assert_eq!(guard(blocked.result()).await.unwrap(), 7);
        guard(host.shutdown()).await.unwrap();
    }
}

#[tokio::test]
async fn what_an_activity_makes_there_outlives_the_host() {
    #[activity]
    async fn listen(
        _: ActivityContext,
        State(to): State<mpsc::UnboundedSender<TcpListener>>,
    ) -> Result<u64, ActivityError> {
        to.send(TcpListener::bind("127.0.0.1:0").await?).unwrap();
        Ok(7)
    }

    for options in both_kinds() {
        let programs = Programs::begin();
        let (to, mut listeners) = mpsc::unbounded_channel::<TcpListener>();
        let host = host(programs.options(options), &Seen::default()).state(to).activity(listen);
        let host = guard(host.start()).await.unwrap();
        assert_eq!(guard(start(&host, "i", "listen").await.result()).await.unwrap(), 7);
        guard(host.shutdown()).await.unwrap();
        let listener = guard(listeners.recv()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = guard(TcpStream::connect(address)).await.unwrap();
        let (mut server, _) = guard(listener.accept()).await.unwrap();
        guard(client.write_u64(7)).await.unwrap();
        assert_eq!(guard(server.read_u64()).await.unwrap(), 7);
    }
}

#[tokio::test]
async fn the_runtime_of_the_shards_can_be_named_too() {
    let seen = Seen::default();
    let here = ActivityThreads::On(Handle::current());
    let options = on_the_tests_runtime().activity_threads(here);
    let host = guard(host(options, &seen).start()).await.unwrap();
    assert_eq!(guard(start(&host, "i", "where_it_runs").await.result()).await.unwrap(), 7);
    assert_eq!(*seen.0.lock().unwrap(), [thread::current().id()]);
    guard(host.shutdown()).await.unwrap();
}

#[test]
fn on_a_runtime_that_block_on_alone_drives_they_run_while_somebody_is_in_it() {
    let (programs, others, seen) = (current_thread(), Programs::begin(), Seen::default());
    let others = others.0.as_ref().unwrap();
    let there = ActivityThreads::On(programs.handle().clone());
    let options = options().activity_threads(there);
    let (host, instance, neighbour) = others.block_on(async {
        let host = host(options, &seen).orchestration(wait_for_go).start().await.unwrap();
        let instance = start(&host, "i", "where_it_runs").await;
        // All else of the host goes on.
        let neighbour = guard(host.start_new(wait_for_go, ())).await.unwrap();
        guard(neighbour.raise_event("Go", 7)).await.unwrap();
        let result = guard(neighbour.result()).await.unwrap();
        (host, instance, result)
    });
    assert_eq!(neighbour, 7);
    assert_eq!(*seen.0.lock().unwrap(), []);
    assert_eq!(programs.block_on(guard(instance.result())).unwrap(), 7);
    assert_eq!(*seen.0.lock().unwrap(), [thread::current().id()]);
    others.block_on(guard(host.shutdown())).unwrap();
}

#[test]
fn a_runtime_that_has_ended_is_refused() {
    let runtimes = [current_thread(), Builder::new_multi_thread().enable_all().build().unwrap()];
    for ended in runtimes {
        let there = ActivityThreads::On(ended.handle().clone());
        drop(ended);
        let options = options().activity_threads(there);
        let starting = host(options, &Seen::default()).start();
        let refused = current_thread().block_on(guard(starting)).map(drop).unwrap_err();
        assert!(matches!(refused, Error::ActivityRuntimeEnded), "{refused}");
        assert_eq!(refused.kind(), ErrorKind::Setup);
    }
}

#[tokio::test]
async fn they_wait_when_it_ends_later_and_run_on_the_next_host() {
    let heard = Complaints::default();
    let _listening = heard.listen();
    let (programs, gate, store) = (Programs::begin(), Gate::closed(), store().0.with_shards(1));
    let first = host(programs.options(on_the_tests_runtime()), &Seen::default());
    let first = first.provider(store.clone()).state(gate.clone()).activity(wait);
    let first = guard(first.orchestration(wait_for_go).start()).await.unwrap();
    start(&first, "running", "wait").await;
    gate.until_came(1).await;
    drop(programs);
    until(|| !heard.all().is_empty()).await;
    start(&first, "later", "wait").await;
    // All else goes on.
    let neighbour = guard(first.start_new(wait_for_go, ())).await.unwrap();
    guard(neighbour.raise_event("Go", 7)).await.unwrap();
    assert_eq!(guard(neighbour.result()).await.unwrap(), 7);
    assert_eq!(gate.came(), 1);
    guard(first.shutdown()).await.unwrap();
    let heard = heard.all();
    assert!(matches!(&heard[..], [one] if one.contains("activity_threads")), "{heard:?}");

    gate.let_all_through();
    let second = host(options(), &Seen::default()).provider(store).state(gate).activity(wait);
    let second = guard(second.orchestration(wait_for_go).start()).await.unwrap();
    for id in ["running", "later"] {
        assert_eq!(guard(second.instance::<u64>(id).result()).await.unwrap(), 7);
    }
    guard(second.shutdown()).await.unwrap();
}

#[tokio::test]
async fn they_are_dropped_there_when_the_host_is_dropped() {
    /// Says on which thread it is dropped.
    struct Says(Option<oneshot::Sender<String>>);

    impl Drop for Says {
        fn drop(&mut self) {
            let name = thread::current().name().unwrap_or_default().to_owned();
            let _ = self.0.take().unwrap().send(name);
        }
    }

    for options in both_kinds() {
        let (programs, gate) = (Programs::begin(), Gate::closed());
        let (say, said) = oneshot::channel();
        let says = Mutex::new(Some(Says(Some(say))));
        let at = gate.clone();
        let host = host(programs.options(options), &Seen::default()).register_activity(
            "hold",
            move |_: ActivityContext, (): ()| {
                let (says, at) = (says.lock().unwrap().take(), at.clone());
                async move {
                    at.pass().await;
                    drop(says);
                    Ok(7)
                }
            },
        );
        let host = guard(host.start()).await.unwrap();
        start(&host, "i", "hold").await;
        gate.until_came(1).await;
        drop(host);
        assert_eq!(guard(said).await.unwrap(), "the-programs");
    }
}
