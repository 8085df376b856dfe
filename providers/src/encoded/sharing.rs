//! What hosts share of a store in which messages are encoded.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reenact_core::codec::{MAX_TURN_BYTES, Undecodable};
use reenact_core::{Name, ShardId};

use crate::codec::{self, Codec, CodecError, EncodedThing};
use crate::limits::{MAX_QUARANTINE_DETAILS_BYTES, check_message};
use crate::{
    Delivery, DeliveryId, ExternalEventRouter, Membership, Message, ProviderError, QuarantineId,
    Quarantined, Sharing, SharingHost, Waiting,
};

pub(super) struct EncodedSharing {
    sharing: Arc<dyn Sharing>,
    router: Arc<EncodedRouter>,
}

struct EncodedRouter {
    router: Arc<dyn ExternalEventRouter>,
    codec: Arc<dyn Codec>,
    takes_large: bool,
}

impl EncodedSharing {
    pub(super) fn new(sharing: Arc<dyn Sharing>, codec: Arc<dyn Codec>, takes_large: bool) -> Self {
        let router = Arc::new(EncodedRouter { router: sharing.router(), codec, takes_large });
        Self { sharing, router }
    }
}

impl EncodedRouter {
    /// One that could not be decoded, and is in quarantine or on its way there, is stored as it was.
    fn encode(&self, message: Message) -> Result<Message, ProviderError> {
        let Message { key, to, bytes } = &message;
        let encoded = match Undecodable::of(bytes) {
            Some(failed) if failed.codec == self.codec.name() => Some(failed.stored),
            Some(_) => None,
            None => {
                // The limit is for what a receiver gets.
                check_message(&message, self.takes_large)?;
                let thing = EncodedThing::Message { to, key };
                codec::encode(&*self.codec, bytes, thing).map_err(|error| {
                    ProviderError::Unavailable {
                        reason: format!("a message to instance {to} cannot be encoded"),
                        source: Some(Box::new(error)),
                    }
                })?
            }
        };
        Ok(with_bytes(message, encoded))
    }

    fn decode(&self, message: Message) -> Result<Message, ProviderError> {
        let Message { key, to, bytes } = &message;
        if Undecodable::of(bytes).is_some() {
            return Ok(message);
        }
        let thing = EncodedThing::Message { to, key };
        let decoded = match codec::decode(&*self.codec, bytes, thing) {
            Ok(decoded) => decoded,
            Err(error) => Some(self.undecodable(&error, bytes)?),
        };
        Ok(with_bytes(message, decoded))
    }

    /// The form of a message that cannot be decoded: the host finds that out, and puts it into quarantine.
    fn undecodable(&self, error: &CodecError, stored: &[u8]) -> Result<Vec<u8>, ProviderError> {
        let codec = self.codec.name().to_owned();
        let failed = Undecodable { codec, why: error.to_string(), stored: stored.to_vec() };
        failed.encode().map_err(|_| ProviderError::TooLarge {
            what: "a message in a queue",
            size: stored.len(),
            limit: MAX_TURN_BYTES,
        })
    }

    /// They may quote the message. What cannot be encoded is left out.
    fn encode_details(&self, what: &Quarantined) -> String {
        let Some(thing) = thing_of(what) else { return String::new() };
        let encoded = match codec::encode(&*self.codec, what.details.as_bytes(), thing) {
            Ok(Some(encoded)) => hex(&encoded),
            Ok(None) => what.details.clone(),
            Err(_) => String::new(),
        };
        if encoded.len() <= MAX_QUARANTINE_DETAILS_BYTES { encoded } else { String::new() }
    }

    /// What another codec has written is left out: the reason for people is there.
    fn decode_details(&self, what: &Quarantined) -> String {
        let Some(thing) = thing_of(what) else { return String::new() };
        let stored = of_hex(&what.details).unwrap_or_else(|| what.details.clone().into_bytes());
        match codec::decode(&*self.codec, &stored, thing) {
            Ok(Some(decoded)) => String::from_utf8(decoded).unwrap_or_default(),
            Ok(None) => what.details.clone(),
            Err(_) => String::new(),
        }
    }

    fn decode_all(&self, deliveries: Vec<Delivery>) -> Result<Vec<Delivery>, ProviderError> {
        let decode = |delivery: Delivery| {
            let message = self.decode(delivery.message)?;
            Ok(Delivery { message, ..delivery })
        };
        deliveries.into_iter().map(decode).collect()
    }
}

/// What the details of a message in quarantine belong to, if there are any.
fn thing_of(what: &Quarantined) -> Option<EncodedThing<'_>> {
    let message = what.message.as_ref().filter(|_| !what.details.is_empty())?;
    Some(EncodedThing::Message { to: &message.to, key: &message.key })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn of_hex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2).map(std::str::from_utf8);
    pairs.map(|pair| u8::from_str_radix(pair.ok()?, 16).ok()).collect()
}

fn with_bytes(message: Message, bytes: Option<Vec<u8>>) -> Message {
    match bytes {
        Some(bytes) => Message { bytes: bytes.into(), ..message },
        None => message,
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ExternalEventRouter for EncodedRouter {
    async fn send(&self, shard: ShardId, message: Message) -> Result<(), ProviderError> {
        self.router.send(shard, self.encode(message)?).await
    }

    async fn receive(&self, shard: ShardId, limit: usize) -> Result<Vec<Delivery>, ProviderError> {
        self.decode_all(self.router.receive(shard, limit).await?)
    }

    async fn acknowledge(&self, shard: ShardId, delivery: DeliveryId) -> Result<(), ProviderError> {
        self.router.acknowledge(shard, delivery).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Sharing for EncodedSharing {
    fn router(&self) -> Arc<dyn ExternalEventRouter> {
        self.router.clone()
    }

    async fn join(&self, host: &str) -> Result<Arc<dyn Membership>, ProviderError> {
        self.sharing.join(host).await
    }

    async fn send_to(&self, tag: &Name, message: Message) -> Result<(), ProviderError> {
        self.sharing.send_to(tag, self.router.encode(message)?).await
    }

    async fn receive_from(&self, tag: &Name, limit: usize) -> Result<Vec<Delivery>, ProviderError> {
        self.router.decode_all(self.sharing.receive_from(tag, limit).await?)
    }

    fn visibility_time(&self) -> Duration {
        self.sharing.visibility_time()
    }

    async fn extend(&self, tag: &Name, delivery: DeliveryId) -> Result<(), ProviderError> {
        self.sharing.extend(tag, delivery).await
    }

    async fn acknowledge_from(
        &self,
        tag: &Name,
        delivery: DeliveryId,
    ) -> Result<(), ProviderError> {
        self.sharing.acknowledge_from(tag, delivery).await
    }

    async fn quarantine(&self, what: Quarantined) -> Result<(), ProviderError> {
        let details = self.router.encode_details(&what);
        let message = what.message.map(|message| self.router.encode(message)).transpose()?;
        self.sharing.quarantine(Quarantined { message, details, ..what }).await
    }

    async fn quarantined(
        &self,
        after: Option<&QuarantineId>,
        limit: usize,
    ) -> Result<Vec<(QuarantineId, Quarantined)>, ProviderError> {
        let quarantined = self.sharing.quarantined(after, limit).await?;
        let decode = |(id, what): (QuarantineId, Quarantined)| {
            let details = self.router.decode_details(&what);
            let message = what.message.map(|message| self.router.decode(message)).transpose()?;
            Ok((id, Quarantined { message, details, ..what }))
        };
        quarantined.into_iter().map(decode).collect()
    }

    async fn discard(&self, id: &QuarantineId) -> Result<(), ProviderError> {
        self.sharing.discard(id).await
    }

    async fn waiting(&self) -> Result<Option<Waiting>, ProviderError> {
        self.sharing.waiting().await
    }

    async fn hosts(&self) -> Result<Vec<SharingHost>, ProviderError> {
        self.sharing.hosts().await
    }
}
