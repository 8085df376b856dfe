//! The streams of instances.

use reenact_actors::inspect::StreamPage;
use reenact_actors::{ItemStream, Result};
use reenact_core::{Name, ToInstanceId};

use super::{Client, InstanceHandle};

impl Client {
    /// The items of a stream that an instance [emits](reenact_core::OrchestrationContext::emit): those that are
    /// there, and then each new one, until the instance ends. See [`ItemStream`].
    ///
    /// It begins with the first item that is there; [`from`](ItemStream::from) begins elsewhere. It is answered from
    /// the log, and no code of the instance runs.
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// #[activity]
    /// async fn answer(ctx: ActivityContext, question: String) -> Result<(), ActivityError> {
    ///     for word in question.split(' ') {
    ///         ctx.emit("tokens", word).await?;
    ///     }
    ///     Ok(())
    /// }
    ///
    /// #[orchestration]
    /// async fn chat(ctx: OrchestrationContext, question: String) -> Result<(), OrchestrationError> {
    ///     ctx.call_activity(answer, question).await?;
    ///     ctx.emit("tokens", ".");
    ///     Ok(())
    /// }
    ///
    /// # #[tokio::main]
    /// # async fn main() -> reenact::Result<()> {
    /// let host = Host::builder()
    ///     .provider(InMemory::new())
    ///     .orchestration(chat)
    ///     .activity(answer)
    ///     .start()
    ///     .await?;
    /// host.start_new(chat, "to be or not".to_string()).id("chat-1").await?;
    ///
    /// let mut tokens = host.stream::<String>("chat-1", "tokens")?.from(1);
    /// let mut read = Vec::new();
    /// while let Some(token) = tokens.next().await {
    ///     let token = token?;
    ///     read.push((token.offset, token.value));
    /// }
    /// assert_eq!(read[0], (1, "be".to_string()));
    /// assert_eq!(tokens.next_offset(), 5);
    /// # host.shutdown().await
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidName`](crate::Error::InvalidName).
    pub fn stream<T>(
        &self,
        id: impl ToInstanceId,
        stream: impl AsRef<str>,
    ) -> Result<ItemStream<T>> {
        Ok(self.access.item_stream(&id.to_instance_id()?, &Name::new(stream)?))
    }

    /// A page of a stream, as its items are stored: at most `most` of them, from an offset on, or from the first one
    /// that is there. It waits for nothing. A page has at most
    /// [`MAX_ITEMS_PER_PAGE`](crate::limits::MAX_ITEMS_PER_PAGE) items.
    ///
    /// # Errors
    /// [`Error::StreamTrimmed`](crate::Error::StreamTrimmed), with the first offset that is there;
    /// [`Error::NotFound`](crate::Error::NotFound), [`Error::InvalidName`](crate::Error::InvalidName),
    /// [`Error::Unreadable`](crate::Error::Unreadable), [`Error::Store`](crate::Error::Store).
    ///
    /// Cancelling it is harmless.
    pub async fn stream_page(
        &self,
        id: impl ToInstanceId,
        stream: impl AsRef<str>,
        from: Option<u64>,
        most: usize,
    ) -> Result<StreamPage> {
        let (instance, stream) = (id.to_instance_id()?, Name::new(stream)?);
        self.access.stream_page(&instance, &stream, from, most).await
    }
}

impl<O> InstanceHandle<O> {
    /// The items of a stream of the instance; see [`Client::stream`].
    ///
    /// # Errors
    /// [`Error::InvalidName`](crate::Error::InvalidName).
    pub fn stream<T>(&self, stream: impl AsRef<str>) -> Result<ItemStream<T>> {
        self.client().stream(self.checked_id()?, stream)
    }
}
