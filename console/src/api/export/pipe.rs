//! What a thread writes and a stream reads, of which little is held in memory.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use reenact_actors::transfer::TransferError;
use tokio::sync::Notify;

use crate::limits::{EXPORT_PORTION_BYTES, MAX_EXPORT_PORTIONS};

/// Portions on their way.
#[derive(Default)]
struct Pipe {
    state: Mutex<State>,
    has_room: Condvar,
    has_more: Notify,
}

#[derive(Default)]
struct State {
    portions: VecDeque<Bytes>,
    ended: Option<Result<(), TransferError>>,
    /// Nobody writes or reads any more.
    is_left: bool,
}

/// Writes; blocks its thread while the reader has enough to read.
pub(super) struct PipeWriter {
    pipe: Arc<Pipe>,
    portion: Vec<u8>,
}

/// Reads.
pub(super) struct PipeReader(Arc<Pipe>);

pub(super) fn pipe() -> (PipeWriter, PipeReader) {
    let pipe = Arc::<Pipe>::default();
    (PipeWriter { pipe: pipe.clone(), portion: Vec::new() }, PipeReader(pipe))
}

impl Pipe {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PipeWriter {
    fn pass_on(&mut self) -> io::Result<()> {
        if self.portion.is_empty() {
            return Ok(());
        }
        let is_full =
            |state: &mut State| state.portions.len() >= MAX_EXPORT_PORTIONS && !state.is_left;
        let state = self.pipe.has_room.wait_while(self.pipe.state(), is_full);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        if state.is_left {
            return Err(ErrorKind::BrokenPipe.into());
        }
        state.portions.push_back(std::mem::take(&mut self.portion).into());
        drop(state);
        self.pipe.has_more.notify_one();
        Ok(())
    }

    /// Says how it ended, after all that was written.
    pub(super) fn end(mut self, ended: Result<(), TransferError>) {
        // A reader that has gone does not need it.
        let _ = self.pass_on();
        self.pipe.state().ended = Some(ended);
    }
}

impl Write for PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.portion.extend_from_slice(bytes);
        if self.portion.len() >= EXPORT_PORTION_BYTES {
            self.pass_on()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass_on()
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        self.pipe.state().is_left = true;
        self.pipe.has_more.notify_one();
    }
}

impl PipeReader {
    /// The next portion; an error when it was not written to its end, and `None` after the last one.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, TransferError>> {
        loop {
            {
                let mut state = self.0.state();
                if let Some(portion) = state.portions.pop_front() {
                    self.0.has_room.notify_one();
                    return Some(Ok(portion));
                }
                match state.ended.take() {
                    Some(Ok(())) => {
                        state.ended = Some(Ok(()));
                        return None;
                    }
                    Some(Err(error)) => return Some(Err(error)),
                    None if state.is_left => {
                        let source = ErrorKind::UnexpectedEof.into();
                        return Some(Err(TransferError::Unwritable { source }));
                    }
                    None => {}
                }
            }
            self.0.has_more.notified().await;
        }
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        self.0.state().is_left = true;
        self.0.has_room.notify_one();
    }
}
