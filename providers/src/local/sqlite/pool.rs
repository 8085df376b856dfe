//! Connections to read with, several at a time.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use rusqlite::Connection;

use super::{Failure, OpenedFile, Reading, lock};

/// Most connections of a pool. A call that comes while all are in use waits for one.
const MAX_READERS: usize = 4;

/// Connections that never write. Made when they are needed, then kept.
#[derive(Debug)]
pub(in crate::local) struct Pool {
    file: Arc<OpenedFile>,
    reading: Reading,
    state: Mutex<State>,
    /// One was given back.
    returned: Condvar,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Connection>,
    /// The number of connections, those in use included.
    open: usize,
}

impl Pool {
    pub(in crate::local) fn new(file: Arc<OpenedFile>, reading: Reading) -> Self {
        Self { file, reading, state: Mutex::default(), returned: Condvar::new() }
    }

    /// A connection, until the guard is dropped. Never ask for a second one while holding one.
    pub(in crate::local) fn reader(&self) -> Result<Reader<'_>, Failure> {
        let mut state = lock(&self.state);
        loop {
            if let Some(connection) = state.idle.pop() {
                return Ok(Reader { pool: self, connection: Some(connection) });
            }
            if state.open < MAX_READERS {
                break;
            }
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.open += 1;
        drop(state);
        // Counted from here on, whatever becomes of it.
        let mut reader = Reader { pool: self, connection: None };
        // Before, so that nothing else is opened; and after, as it may have been replaced in between.
        self.file.check()?;
        let connection = self.reading.connect(self.file.path())?;
        self.file.check()?;
        reader.connection = Some(connection);
        Ok(reader)
    }
}

/// A connection of the pool in use.
#[derive(Debug)]
pub(in crate::local) struct Reader<'a> {
    pool: &'a Pool,
    /// `None` only when it could not be opened, and then nobody gets to see it.
    connection: Option<Connection>,
}

impl Reader<'_> {
    /// Closes the connection: it may keep in memory what was read wrong.
    pub(in crate::local) fn discard(mut self) {
        self.connection = None;
    }
}

impl Deref for Reader<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a reader has its connection until it is dropped")
    }
}

impl DerefMut for Reader<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("a reader has its connection until it is dropped")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.pool.state);
        match self.connection.take() {
            Some(connection) => state.idle.push(connection),
            None => state.open -= 1,
        }
        drop(state);
        self.pool.returned.notify_one();
    }
}
