//! Work that blocks, in step with a task: the thread that does it and the thread of the task take turns, so that only one
//! of the two runs at a time.
//!
//! A simulation has all of its time and all of its chance in one thread. What such work waits for is polled when the task
//! is, and with the waker of the task: so it waits in virtual time, and everything comes in the same order each time.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Waker};
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

thread_local! {
    /// What a thread has that works in step.
    static WORKER: RefCell<Option<Worker>> = const { RefCell::new(None) };
}

/// The side of the work.
struct Worker {
    /// The waker of the task.
    waker: Waker,
    /// The waker of the task, each time it is the turn of the work.
    turns: Receiver<Waker>,
    /// Says that the work waits.
    waits: Box<dyn Fn()>,
}

/// What the work says at the end of its turn.
enum Said<T> {
    Waits,
    Done(T),
}

/// The work was broken off, because nobody waits for it.
struct BrokenOff;

/// Does work that may [`block_on`] futures. `None` when it has panicked, or could not begin. When this is dropped, the
/// work is broken off where it waits.
pub(crate) async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (turn, turns) = channel::<Waker>();
    let (say, said) = channel::<Said<T>>();
    let runtime = Handle::current();
    let begun = thread::Builder::new().name("reenact-in-step".to_owned()).spawn(move || {
        let Ok(waker) = turns.recv() else { return };
        let _runtime = runtime.enter();
        let waiting: Sender<Said<T>> = say.clone();
        // The task may have gone.
        let waits = Box::new(move || drop(waiting.send(Said::Waits)));
        WORKER.with_borrow_mut(|worker| *worker = Some(Worker { waker, turns, waits }));
        let done = catch_unwind(AssertUnwindSafe(work));
        WORKER.with_borrow_mut(|worker| *worker = None);
        if let Ok(done) = done {
            let _ = say.send(Said::Done(done));
        }
    });
    begun.ok()?;
    poll_fn(move |task| {
        if turn.send(task.waker().clone()).is_err() {
            return Poll::Ready(None);
        }
        match said.recv() {
            Ok(Said::Waits) => Poll::Pending,
            Ok(Said::Done(done)) => Poll::Ready(Some(done)),
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}

/// Whether this thread works in step with a task.
pub(crate) fn is_in_step() -> bool {
    WORKER.with_borrow(Option::is_some)
}

/// Waits for a future, on a thread that works in step. Unwinds when nobody waits for the work any more.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        let waker = WORKER.with_borrow(|worker| worker.as_ref().map(|worker| worker.waker.clone()));
        let waker = waker.unwrap_or_else(|| Waker::noop().clone());
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return done;
        }
        let is_awaited = WORKER.with_borrow_mut(|worker| {
            let worker = worker.as_mut()?;
            (worker.waits)();
            worker.waker = worker.turns.recv().ok()?;
            Some(())
        });
        if is_awaited.is_none() {
            resume_unwind(Box::new(BrokenOff));
        }
    }
}

/// Work of which one part is done at a time, in the order in which it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue(Arc<Mutex<()>>);

impl Queue {
    /// Does work, also when nobody awaits it any more.
    pub(crate) fn add<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<Option<T>> {
        let queue = Arc::clone(&self.0);
        tokio::spawn(async move {
            let _alone = queue.lock().await;
            run(work).await
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_that_blocks_waits_in_virtual_time() {
        let began = Instant::now();
        let waited = run(move || {
            block_on(sleep(Duration::from_secs(3600)));
            began.elapsed()
        });
        assert_eq!(waited.await, Some(Duration::from_secs(3600)));
    }

    #[tokio::test(start_paused = true)]
    async fn parts_of_work_are_done_one_after_the_other_in_their_order() {
        let queue = Queue::default();
        let began = Instant::now();
        let part = |seconds| {
            move || {
                block_on(sleep(Duration::from_secs(seconds)));
                began.elapsed().as_secs()
            }
        };
        let (first, second) = (queue.add(part(5)), queue.add(part(1)));
        let ended = [second.await.expect("it ends"), first.await.expect("it ends")];
        assert_eq!(ended, [Some(6), Some(5)]);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_nobody_awaits_is_broken_off_and_a_panic_gives_nothing() {
        let (ended, end) = std::sync::mpsc::channel::<()>();
        let task = tokio::spawn(run(move || {
            let _ended = ended;
            block_on(std::future::pending::<()>());
        }));
        tokio::task::yield_now().await;
        task.abort();
        assert!(task.await.is_err());
        assert!(end.recv().is_err(), "what the work had is dropped");
        assert_eq!(run(|| -> u8 { resume_unwind(Box::new("it panics")) }).await, None);
    }
}
