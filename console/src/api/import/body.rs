//! The body of a request, read by a thread as it comes. Little of it is held in memory.

use std::io::{self, BufRead, ErrorKind, Read};
use std::sync::Arc;
use std::sync::mpsc;

use axum::body::Body;
use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::{IMPORT_REST_READ_FOR, MAX_IMPORT_PORTIONS};

enum Portion {
    /// They are here until the reader takes them.
    Bytes { bytes: Bytes, _room: OwnedSemaphorePermit },
    /// Nothing follows.
    End,
}

/// Sends what comes, and waits while the reader has enough to read.
pub(super) struct BodySender {
    portions: mpsc::Sender<Portion>,
    room: Arc<Semaphore>,
}

/// Reads; blocks its thread while nothing comes. A body that breaks off is an error, and no end.
pub(super) struct BodyReader {
    portions: mpsc::Receiver<Portion>,
    room: Arc<Semaphore>,
    current: Bytes,
    is_at_end: bool,
}

pub(super) fn channel() -> (BodySender, BodyReader) {
    let (sender, portions) = mpsc::channel();
    let room = Arc::new(Semaphore::new(MAX_IMPORT_PORTIONS));
    let reader =
        BodyReader { portions, room: room.clone(), current: Bytes::new(), is_at_end: false };
    (BodySender { portions: sender, room }, reader)
}

impl BodySender {
    /// Sends the body. Cancelled, or when the body breaks off, the reader gets an error.
    pub(super) async fn pass_on(self, body: Body) {
        let mut body = body.into_data_stream();
        loop {
            let Some(portion) = body.next().await else {
                // A reader that has gone needs no end.
                let _ = self.portions.send(Portion::End);
                return;
            };
            let Ok(bytes) = portion else { return };
            let room = self.room.clone().acquire_owned().await;
            let sent = room.map(|room| self.portions.send(Portion::Bytes { bytes, _room: room }));
            if !matches!(sent, Ok(Ok(()))) {
                break;
            }
        }
        // A client that still sends would not read why it is refused.
        let rest = async { while let Some(Ok(_)) = body.next().await {} };
        let _ = tokio::time::timeout(IMPORT_REST_READ_FOR, rest).await;
    }
}

impl BufRead for BodyReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.current.is_empty() && !self.is_at_end {
            match self.portions.recv() {
                Ok(Portion::Bytes { bytes, .. }) => self.current = bytes,
                Ok(Portion::End) => self.is_at_end = true,
                Err(_) => {
                    let why = "the request broke off";
                    return Err(io::Error::new(ErrorKind::UnexpectedEof, why));
                }
            }
        }
        Ok(&self.current)
    }

    fn consume(&mut self, amount: usize) {
        self.current.advance(amount);
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl Drop for BodyReader {
    fn drop(&mut self) {
        self.room.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of a body that is sent in these portions.
    async fn read(portions: Vec<Result<&'static str, io::Error>>) -> io::Result<String> {
        let (sender, mut reader) = channel();
        let reading = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).map(|_| text)
        });
        sender.pass_on(Body::from_stream(futures_util::stream::iter(portions))).await;
        reading.await.expect("it does not panic")
    }

    #[tokio::test]
    async fn all_of_a_body_is_read_and_one_that_breaks_off_is_an_error() {
        let many = (0..100).map(|_| Ok("ab")).collect();
        assert_eq!(read(many).await.expect("it is whole"), "ab".repeat(100));
        assert_eq!(read(vec![]).await.expect("it is whole"), "");
        let broken = vec![Ok("ab"), Err(io::Error::other("gone"))];
        assert_eq!(read(broken).await.expect_err("it broke off").kind(), ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn a_sender_whose_reader_has_gone_is_not_held_up() {
        let (sender, reader) = channel();
        drop(reader);
        let portions = (0..1_000).map(|_| Ok::<_, io::Error>("ab"));
        sender.pass_on(Body::from_stream(futures_util::stream::iter(portions))).await;
    }
}
