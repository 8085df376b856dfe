//! A client that reads the stream of an instance.

use reenact::Emitted;
use tokio::time::timeout;

use super::Run;
use super::call::{PATIENCE, TRIES, may_pass};
use crate::workload::{ITEMS, Item};

/// The items that a reader has.
#[derive(Clone, Default)]
pub(super) struct Items {
    pub(super) items: Vec<Emitted<Item>>,
    next: u64,
}

impl Items {
    /// Reads on until the instance ends, with as many readers as it takes: each begins where the one before was.
    pub(super) async fn read(mut self, run: Run, id: String) -> Result<Self, String> {
        for _ in 0..TRIES {
            let client = run.world.client();
            let stream = client.stream::<Item>(&*id, ITEMS).map_err(|error| error.to_string())?;
            let mut stream = stream.from(self.next);
            loop {
                match timeout(PATIENCE, stream.next()).await {
                    Ok(Some(Ok(item))) => self.items.push(item),
                    Ok(Some(Err(error))) if may_pass(&error) => break,
                    Ok(Some(Err(error))) => return Err(format!("stream: {error}")),
                    Ok(None) => return Ok(self),
                    Err(_) => break,
                }
                self.next = stream.next_offset();
            }
            run.pause("again", 900).await;
        }
        Err(format!("the stream has not ended after {TRIES} readers"))
    }
}
