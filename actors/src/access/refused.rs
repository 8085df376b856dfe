//! What is refused before it is sent to another host.

use reenact_core::{InstanceId, Rewind, Timestamp};

use super::Access;
use crate::error::{Error, Result};
use crate::message::InstanceMessage;

impl Access {
    /// Refuses a message that is certain to be refused. Returns when its instance was created; a rewind
    /// names the instance by its history.
    pub(super) async fn check(
        &self,
        instance: &InstanceId,
        message: &InstanceMessage,
    ) -> Result<Option<Timestamp>> {
        match self.check_as_seen(instance, message).await {
            // Others may have done more than was seen last: the instance goes on again, or has come further.
            Err(
                Error::Finished { .. }
                | Error::NoSuchPosition { .. }
                | Error::TooLate { .. }
                | Error::TokenUsed { .. },
            ) => {
                self.store().summary_now(instance).await?;
                self.check_as_seen(instance, message).await
            }
            checked => checked,
        }
    }

    async fn check_as_seen(
        &self,
        instance: &InstanceId,
        message: &InstanceMessage,
    ) -> Result<Option<Timestamp>> {
        if let Some(outside) = message.as_outside() {
            return self.is_awaited(&outside.token).await.map(|()| None);
        }
        if let Some(rewind) = message.rewind() {
            return self.can_be_rewound(instance, rewind.clone()).await.map(|()| None);
        }
        let summary = self.store().summary(instance).await?;
        if summary.state.is_finished() {
            return Err(Error::Finished { instance: instance.clone() });
        }
        Ok(Some(summary.created_at))
    }

    async fn can_be_rewound(&self, instance: &InstanceId, rewind: Rewind) -> Result<()> {
        let history = self.store().history(instance, None).await?;
        let rewound = history.rewound(instance, rewind, self.store().clock.now());
        rewound.map(drop).map_err(|none| Error::NoSuchPosition {
            instance: instance.clone(),
            position: none.position,
            length: none.length,
        })
    }
}
