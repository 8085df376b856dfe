//! Runs a test in virtual time.

use std::cell::RefCell;
use std::future::Future;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// The longest virtual time that a test takes: ten years. What has not come by then never comes.
pub const LONGEST_TEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// The longest single sleep: tokio's timers go no further than two years.
const LONGEST_SLEEP: Duration = Duration::from_secs(365 * 24 * 60 * 60);

thread_local! {
    /// Where a host of the running test says that nothing can happen any more.
    static STANDSTILLS: RefCell<Option<UnboundedSender<String>>> = const { RefCell::new(None) };
}

/// Runs a test in virtual time, on a runtime of its own with one thread: whatever waits for time goes on as soon as
/// nothing else can, so that a month passes within milliseconds. A test that can never end does not hang: it panics,
/// and says what the instances of its [`TestHost`](super::TestHost) wait for.
///
/// ```
/// use reenact::prelude::*;
/// use reenact::testing::{self, TestHost};
///
/// #[orchestration]
/// async fn remind(ctx: OrchestrationContext, days: u32) -> Result<u32, OrchestrationError> {
///     for _ in 0..days {
///         ctx.timer(Duration::from_secs(24 * 60 * 60)).await;
///     }
///     Ok(days)
/// }
///
/// testing::run(async {
///     let host = TestHost::of(Host::builder().orchestration(remind)).start().await?;
///     assert_eq!(host.start_new(remind, 30).await?.result().await?, 30);
///     assert_eq!(host.elapsed(), Duration::from_secs(30 * 24 * 60 * 60));
///     Ok::<_, Box<dyn std::error::Error>>(())
/// })
/// # .unwrap();
/// ```
///
/// Time moves on when nothing on this runtime can run. It does not wait for other threads, but for those of
/// `tokio::task::spawn_blocking`; nor for sockets: put a [double](super::Double) in the place of an activity that uses
/// the network.
///
/// # Panics
/// When it is called within a runtime; when the test panics; and when the test has not ended after [`LONGEST_TEST`].
pub fn run<T>(test: impl Future<Output = T>) -> T {
    assert!(
        Handle::try_current().is_err(),
        "`reenact::testing::run` makes a runtime of its own, and was called within one: call it in a plain `#[test]`, or \
         await the test itself under `#[tokio::test(start_paused = true)]`"
    );
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.expect("the system gives a runtime what it needs");
    let (sender, mut standstills) = unbounded_channel();
    let _taken_back = Listening::begin(sender);
    runtime.block_on(async {
        tokio::select! {
            biased;
            output = test => output,
            Some(why) = standstills.recv() => panic!("{why}"),
            // A host says more, so it comes first.
            () = sleep(LONGEST_TEST * 2) => panic!(
                "the test has not ended, and nothing can happen any more: it waits for something that never comes"
            ),
        }
    })
}

/// Sleeps for a time that may be longer than tokio's timers go.
pub(super) async fn sleep(mut left: Duration) {
    while !left.is_zero() {
        let part = left.min(LONGEST_SLEEP);
        tokio::time::sleep(part).await;
        left -= part;
    }
}

/// Says that nothing can happen any more; gives the text back where no [`run`] hears it.
pub(super) fn report_standstill(why: String) -> Result<(), String> {
    STANDSTILLS.with_borrow(|sender| match sender {
        Some(sender) => sender.send(why).map_err(|unsent| unsent.0),
        None => Err(why),
    })
}

/// The thread hears of standstills until it is dropped.
struct Listening;

impl Listening {
    fn begin(sender: UnboundedSender<String>) -> Self {
        STANDSTILLS.set(Some(sender));
        Self
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        STANDSTILLS.set(None);
    }
}
