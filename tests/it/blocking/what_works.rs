//! What works in an activity that blocks: all that works in others, and what blocks on a runtime of its own.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Calls "work" with these options.
#[orchestration]
async fn work_with(ctx: OrchestrationContext, attempts: u32) -> Result<u64, OrchestrationError> {
    let policy = RetryPolicy::new(attempts).first_delay(Duration::ZERO);
    let work = NamedActivity::new("work").with(ActivityOptions::new().retry(policy));
    let result: Result<u64, ActivityError> = ctx.call_activity_by_name(work, &()).await;
    Ok(result.map_err(|error| format!("{:?}: {error}", error.kind()))?)
}

/// A host whose activity "work" blocks.
async fn host_of<F, R>(work: F) -> Host
where
    F: Fn(ActivityContext) -> R + Send + Sync + 'static,
    R: Future<Output = Result<u64, ActivityError>> + Send + 'static,
{
    let host = Host::builder()
        .provider(store().0)
        .options(options().blocking_activities(["work"]))
        .orchestration(work_with)
        .register_activity("work", move |ctx, (): ()| work(ctx));
    guard(host.start()).await.unwrap()
}

async fn result_of(host: Host, attempts: u32) -> Result<u64, Error> {
    let instance = guard(host.start_new(work_with, attempts)).await.unwrap();
    let result = guard(instance.result()).await;
    guard(host.shutdown()).await.unwrap();
    result
}

#[tokio::test]
async fn timers_tasks_and_io_of_tokio_work_on_its_thread() {
    let host = host_of(|_| async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            stream.write_u64(7).await
        });
        let number = TcpStream::connect(address).await?.read_u64().await?;
        server.await.unwrap()?;
        // More of them than there are threads for activities would be no matter either.
        let doubled = tokio::task::spawn_blocking(move || number * 2).await.unwrap();
        let slow = std::future::pending::<()>();
        assert!(tokio::time::timeout(Duration::from_millis(1), slow).await.is_err());
        Ok(doubled)
    });
    assert_eq!(result_of(host.await, 1).await.unwrap(), 14);
}

#[tokio::test]
async fn code_that_drives_a_runtime_of_its_own_works_before_and_after_an_await() {
    fn blocking_client() -> u64 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            7
        })
    }
    let host = host_of(|_| async {
        let before = blocking_client();
        tokio::time::sleep(Duration::from_millis(1)).await;
        let handle = tokio::runtime::Handle::current();
        let between = handle.block_on(tokio::spawn(async { 7 })).unwrap();
        Ok(before + between + blocking_client())
    });
    assert_eq!(result_of(host.await, 1).await.unwrap(), 21);
}

#[tokio::test]
async fn a_panic_is_a_typed_failure_and_another_attempt_can_help() {
    let runs = Arc::new(AtomicU32::new(0));
    let host = host_of({
        let runs = runs.clone();
        move |ctx| {
            runs.fetch_add(1, Ordering::SeqCst);
            if ctx.attempt() == 1 {
                panic!("out of paper");
            }
            async { panic!("out of ink") }
        }
    });
    let failed = result_of(host.await, 2).await.unwrap_err();
    assert!(failed.to_string().contains("Panicked: the activity panicked: out of ink"), "{failed}");
    assert_eq!(runs.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_a_heartbeat_says_is_known_to_the_next_attempt() {
    let host = host_of(|ctx| async move {
        match ctx.heartbeat_details::<u64>() {
            Some(done) => Ok(done),
            None => {
                ctx.heartbeat(&7_u64)?;
                Err("not yet".into())
            }
        }
    });
    assert_eq!(result_of(host.await, 2).await.unwrap(), 7);
}

#[tokio::test]
async fn a_local_call_runs_on_a_thread_of_its_own_too() {
    #[orchestration]
    async fn locally(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
        Ok(ctx.call_local(block, 3).await? + ctx.call_local(quick, 4).await?)
    }
    let door = Door::closed();
    let host = host(&door, on_the_tests_runtime()).orchestration(locally);
    let host = guard(host.start()).await.unwrap();
    let starting = host.start_new(locally, ());
    let meanwhile = async {
        door.until_came(1).await;
        run_neighbours(&host, "neighbour", 2).await;
        door.open();
    };
    let (instance, ()) = guard(async { tokio::join!(starting.into_future(), meanwhile) }).await;
    assert_eq!(guard(instance.unwrap().result()).await.unwrap(), 7);
    assert_eq!(door.came(), ["reenact-blocking"]);
    guard(host.shutdown()).await.unwrap();
}
