//! What is asked of the archive, aside from the threads of an executor.

use std::sync::Arc;

use reenact_core::InstanceId;

use super::shard::{Answers, Shard};
use super::{Inner, Journaled, Threads};
use crate::ProviderError;
use crate::archive::{Archive, Found, Question};
use crate::medium::Medium;

impl<M: Medium, A: Archive> Journaled<M, A> {
    /// Asks the archive where instances end of which memory does not know that.
    pub(super) async fn look_up(
        &self,
        shard: &Arc<Shard<M, A>>,
        instances: Vec<InstanceId>,
    ) -> Result<Answers, ProviderError> {
        let asking = shard.asking();
        let questions: Arc<[_]> = instances.into_iter().map(Question::look_up).collect();
        let found = self.ask_all(&questions).await?;
        shard.are_looked_up(asking, &questions, found)
    }

    /// Asks the archive about several instances at once.
    pub(super) async fn ask_all(
        &self,
        questions: &Arc<[Question]>,
    ) -> Result<Vec<Result<Option<Found>, ProviderError>>, ProviderError> {
        if let Some(reader) = &self.inner().reader {
            return Ok(reader.ask_all(questions).await);
        }
        let questions = Arc::clone(questions);
        self.aside(move |inner| Ok(inner.archive.ask(&questions))).await
    }

    /// Asks the archive about one instance.
    pub(super) async fn ask(&self, question: Question) -> Result<Option<Found>, ProviderError> {
        if let Some(reader) = &self.inner().reader {
            return reader.ask(question).await;
        }
        self.aside(move |inner| {
            let answer = inner.archive.ask(std::slice::from_ref(&question)).pop();
            answer.unwrap_or(Ok(None))
        })
        .await
    }

    /// Asks the archive, where that must not be done: on an executor's thread.
    pub(super) async fn aside<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Inner<M, A>) -> Result<T, ProviderError> + Send + 'static,
    ) -> Result<T, ProviderError> {
        if self.inner().asked_on == Threads::Callers {
            return self.ask_in_turn(ask).await;
        }
        // One that has to wait for a thread does not keep the store open.
        let (inner, look_ups) =
            (Arc::downgrade(&self.handle.inner), Arc::clone(&self.handle.look_ups));
        let asked = tokio::task::spawn_blocking(move || {
            let answer = || inner.upgrade().map(|inner| ask(&inner));
            look_ups.run(answer).flatten().unwrap_or(Err(ProviderError::Closed))
        });
        asked.await.unwrap_or_else(|error| {
            let reason = "a question to the archive was broken off".to_owned();
            Err(ProviderError::Unavailable { reason, source: Some(Box::new(error)) })
        })
    }

    /// Asks on the thread of the caller; where that waits for a service, in step with the caller's task.
    async fn ask_in_turn<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Inner<M, A>) -> Result<T, ProviderError> + Send + 'static,
    ) -> Result<T, ProviderError> {
        if !M::SHARED {
            return ask(self.inner());
        }
        let inner = Arc::downgrade(&self.handle.inner);
        let ask = move || inner.upgrade().map_or(Err(ProviderError::Closed), |inner| ask(&inner));
        let asked = self.inner().in_step.add(ask).await;
        asked.ok().flatten().unwrap_or(Err(ProviderError::Closed))
    }
}
