//! The runtimes of programs: those that a host is started on, and those that its activities run on.

mod activities;

use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use crate::kit::{guard, on_the_tests_runtime, options, store};
use reenact::prelude::*;
use reenact::{HostBuilder, ShardThreads};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

/// The threads on which "where" has run.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<ThreadId>>>);

/// Notes its thread.
#[activity]
async fn where_it_runs(_: ActivityContext, State(seen): State<Seen>) -> Result<u64, ActivityError> {
    seen.0.lock().unwrap().push(thread::current().id());
    tokio::time::sleep(Duration::from_millis(1)).await;
    Ok(7)
}

/// Calls one activity.
#[orchestration]
async fn call(ctx: OrchestrationContext, name: String) -> Result<u64, OrchestrationError> {
    Ok(ctx.call_activity_by_name(NamedActivity::new(&name), &()).await?)
}

fn host(options: HostOptions, seen: &Seen) -> HostBuilder {
    Host::builder()
        .provider(store().0.with_shards(1))
        .options(options)
        .state(seen.clone())
        .orchestration(call)
        .activity(where_it_runs)
}

async fn start(host: &Host, id: &str, activity: &str) -> InstanceHandle<u64> {
    guard(host.start_new(call, activity.to_owned()).id(id)).await.unwrap()
}

/// With threads of its own, and on the runtime that it is started on.
fn both_kinds() -> [HostOptions; 2] {
    [options().threads(ShardThreads::Exactly(1)), on_the_tests_runtime()]
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_host_can_be_started_in_a_local_set_and_used_by_its_tasks() {
    for options in both_kinds() {
        current_thread().block_on(LocalSet::new().run_until(async {
            let host = host(options, &Seen::default()).start().await.unwrap();
            // What cannot leave its thread.
            let host = Rc::new(host);
            let mut tasks = Vec::new();
            for n in 0..3 {
                let host = host.clone();
                tasks.push(tokio::task::spawn_local(async move {
                    let id = format!("i-{n}");
                    guard(start(&host, &id, "where_it_runs").await.result()).await.unwrap()
                }));
            }
            for task in tasks {
                assert_eq!(guard(task).await.unwrap(), 7);
            }
            guard(Rc::into_inner(host).unwrap().shutdown()).await.unwrap();
        }));
    }
}

#[test]
fn code_without_async_drives_a_host_call_by_call() {
    for options in both_kinds() {
        let runtime = current_thread();
        let host = runtime.block_on(host(options, &Seen::default()).start()).unwrap();
        let instance = runtime.block_on(start(&host, "i", "where_it_runs"));
        assert_eq!(runtime.block_on(guard(instance.result())).unwrap(), 7);
        runtime.block_on(guard(host.shutdown())).unwrap();
    }
}

#[test]
fn on_the_runtime_that_it_is_started_on_a_host_stands_still_while_nobody_drives_that() {
    let (runtime, seen) = (current_thread(), Seen::default());
    let host = runtime.block_on(host(on_the_tests_runtime(), &seen).start()).unwrap();
    let instance = runtime.block_on(start(&host, "i", "where_it_runs"));
    // On whichever thread somebody drives it.
    let driver = thread::spawn(move || {
        assert_eq!(runtime.block_on(guard(instance.result())).unwrap(), 7);
        runtime.block_on(guard(host.shutdown())).unwrap();
        thread::current().id()
    });
    let driver = driver.join().unwrap();
    let seen = seen.0.lock().unwrap().clone();
    assert!(seen == [driver] || seen == [thread::current().id()], "{seen:?}");
}

#[tokio::test]
async fn a_listener_of_the_program_is_accepted_from_by_an_activity_on_a_thread_of_the_host() {
    #[activity]
    async fn accept(
        _: ActivityContext,
        State(listener): State<Arc<TcpListener>>,
    ) -> Result<u64, ActivityError> {
        Ok(listener.accept().await?.0.read_u64().await?)
    }

    for options in both_kinds() {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = listener.local_addr().unwrap();
        let host = host(options, &Seen::default()).state(listener).activity(accept);
        let host = guard(host.start()).await.unwrap();
        let instance = start(&host, "i", "accept").await;
        let mut stream = guard(TcpStream::connect(address)).await.unwrap();
        guard(stream.write_u64(7)).await.unwrap();
        assert_eq!(guard(instance.result()).await.unwrap(), 7);
        guard(host.shutdown()).await.unwrap();
    }
}

#[tokio::test]
async fn a_stream_of_an_activity_is_used_by_the_program_while_the_host_runs() {
    #[activity]
    async fn connect(
        _: ActivityContext,
        State(to): State<mpsc::UnboundedSender<TcpStream>>,
        State(listener): State<Arc<TcpListener>>,
    ) -> Result<u64, ActivityError> {
        to.send(TcpStream::connect(listener.local_addr()?).await?).unwrap();
        Ok(7)
    }

    for options in both_kinds() {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let (to, mut streams) = mpsc::unbounded_channel::<TcpStream>();
        let host = host(options, &Seen::default());
        let host = host.state(to).state(listener.clone()).activity(connect);
        let host = guard(host.start()).await.unwrap();
        let instance = start(&host, "i", "connect").await;
        let (mut server, _) = guard(listener.accept()).await.unwrap();
        let mut client = guard(streams.recv()).await.unwrap();
        guard(server.write_u64(7)).await.unwrap();
        assert_eq!(guard(client.read_u64()).await.unwrap(), 7);
        assert_eq!(guard(instance.result()).await.unwrap(), 7);
        guard(host.shutdown()).await.unwrap();
    }
}
