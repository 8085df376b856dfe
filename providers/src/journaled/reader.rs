//! Threads that read instances from the archive, many at a time.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use crate::ProviderError;
use crate::archive::{Archive, Found, Question};

/// Questions that a thread takes at a time.
const TAKEN_AT_ONCE: usize = 128;

/// Most threads. Each takes what waits, so that a second one is of use only where there are processors
/// that nothing else uses.
const MAX_THREADS: usize = 4;

/// Processors for each thread, about.
const PROCESSORS_FOR_A_THREAD: usize = 2;

/// Asks the archive what waits to be asked: while it answers some questions, further ones gather and
/// are asked together. Nobody's own thread is held up.
#[derive(Debug)]
pub(super) struct Reader {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// Notified when something has come, or nothing comes any more.
    came: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    asked: VecDeque<Asked>,
    is_closed: bool,
}

type Answer = Result<Option<Found>, ProviderError>;

#[derive(Debug)]
struct Asked {
    question: Question,
    reply: oneshot::Sender<Answer>,
}

impl Reader {
    pub(super) fn start<A: Archive>(archive: &Arc<A>) -> Result<Self, ProviderError> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let count = (processors / PROCESSORS_FOR_A_THREAD).clamp(1, MAX_THREADS);
        let mut reader = Self { queue: Arc::default(), threads: Vec::with_capacity(count) };
        for _ in 0..count {
            let (queue, archive) = (Arc::clone(&reader.queue), Arc::clone(archive));
            let thread = thread::Builder::new().name("reenact-reader".to_owned());
            let thread = thread.spawn(move || queue.answer(&*archive));
            let thread = thread.map_err(|error| ProviderError::Unavailable {
                reason: "the system has no thread to give".to_owned(),
                source: Some(Box::new(error)),
            })?;
            reader.threads.push(thread);
        }
        Ok(reader)
    }

    /// What the archive says.
    pub(super) async fn ask(&self, question: Question) -> Answer {
        let (reply, answer) = oneshot::channel();
        self.queue.put([Asked { question, reply }]);
        answer.await.unwrap_or_else(|_| Err(broken_off()))
    }

    /// What the archive says to each of some questions.
    pub(super) async fn ask_all(&self, questions: &[Question]) -> Vec<Answer> {
        let asked = questions.iter().map(|question| {
            let (reply, answer) = oneshot::channel();
            (Asked { question: question.clone(), reply }, answer)
        });
        let (asked, answers): (Vec<_>, Vec<_>) = asked.unzip();
        self.queue.put(asked);
        let mut all = Vec::with_capacity(answers.len());
        for answer in answers {
            all.push(answer.await.unwrap_or_else(|_| Err(broken_off())));
        }
        all
    }
}

/// When this returns, nothing is read any more.
impl Drop for Reader {
    fn drop(&mut self) {
        let mut waiting = self.queue.waiting();
        waiting.is_closed = true;
        let left = std::mem::take(&mut waiting.asked);
        drop(waiting);
        drop(left);
        self.queue.came.notify_all();
        for thread in self.threads.drain(..) {
            // It catches panics.
            let _ = thread.join();
        }
    }
}

impl Queue {
    fn put(&self, asked: impl IntoIterator<Item = Asked>) {
        self.waiting().asked.extend(asked);
        self.came.notify_one();
    }

    fn answer(&self, archive: &dyn Archive) {
        while let Some(asked) = self.take() {
            // Without an answer, the caller gets an error.
            let answered = catch_unwind(AssertUnwindSafe(|| answer(archive, asked)));
            if answered.is_err() {
                tracing::error!(target: "reenact::store", parent: None, "the archive has panicked at a question, whose caller gets an error: report it, with this line");
            }
        }
    }

    /// Waits for questions that somebody waits for; `None` once it is closed.
    fn take(&self) -> Option<Vec<Asked>> {
        let mut waiting = self.waiting();
        loop {
            if waiting.is_closed {
                return None;
            }
            let count = waiting.asked.len().min(TAKEN_AT_ONCE);
            if count > 0 {
                return Some(waiting.asked.drain(..count).collect());
            }
            waiting = self.came.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn broken_off() -> ProviderError {
    let reason = "a question to the archive was broken off".to_owned();
    ProviderError::Unavailable { reason, source: None }
}

fn answer(archive: &dyn Archive, asked: Vec<Asked>) {
    let (questions, replies): (Vec<_>, Vec<_>) = asked
        .into_iter()
        .filter(|asked| !asked.reply.is_closed())
        .map(|asked| (asked.question, asked.reply))
        .unzip();
    for (reply, answer) in replies.into_iter().zip(archive.ask(&questions)) {
        // The caller may have gone.
        let _ = reply.send(answer);
    }
}
