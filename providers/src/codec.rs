//! What is done with turns and messages on their way to a store, and on their way back.

#[cfg(feature = "compression")]
mod compression;
#[cfg(feature = "encryption")]
mod encryption;

use std::error::Error;

use reenact_core::codec::ENCODED_FORMAT;
use reenact_core::{ExecutionId, InstanceId};

use crate::limits::MAX_CODEC_NAME_BYTES;

#[cfg(feature = "compression")]
pub use compression::Compression;
#[cfg(feature = "encryption")]
pub use encryption::{Encryption, InvalidKey, Keys};

/// Changes turns and messages on their way to a store, and back: it encrypts them, or makes them smaller. The
/// store is wrapped for it: see [`Encoded`](crate::Encoded).
///
/// A codec is called on the threads of the shards, so it must not block. Whatever it can encode today it must be
/// able to decode for as long as the store exists.
///
/// ```
/// use reenact_providers::codec::{Codec, CodecError, EncodedThing};
/// use reenact_providers::{Encoded, InMemory};
///
/// /// No protection at all, but a codec.
/// struct Reversed;
///
/// impl Codec for Reversed {
///     fn name(&self) -> &'static str {
///         "reversed"
///     }
///
///     fn encode(&self, bytes: &[u8], _: EncodedThing<'_>) -> Result<Option<Vec<u8>>, CodecError> {
///         Ok(Some(bytes.iter().rev().copied().collect()))
///     }
///
///     fn decode(&self, encoded: &[u8], _: EncodedThing<'_>) -> Result<Vec<u8>, CodecError> {
///         Ok(encoded.iter().rev().copied().collect())
///     }
/// }
///
/// let store = Encoded::new(InMemory::new(), Reversed);
/// ```
pub trait Codec: Send + Sync + 'static {
    /// Its name, which stands in front of what it has encoded: at least one and at most
    /// [`MAX_CODEC_NAME_BYTES`] bytes. It must not change while a store has something that it encoded.
    fn name(&self) -> &'static str;

    /// Encodes a turn or a message. `None` leaves it as it is.
    ///
    /// # Errors
    /// [`CodecError::Failed`]: nothing is written then, and the host tries again, as with a store that is
    /// unavailable.
    fn encode(&self, bytes: &[u8], thing: EncodedThing<'_>) -> Result<Option<Vec<u8>>, CodecError>;

    /// Decodes what [`encode`](Self::encode) made of the same thing. It must not believe a length in the bytes.
    ///
    /// # Errors
    /// Why that cannot be. An instance whose turn cannot be decoded is parked for it in memory, and goes
    /// on, on a host that can decode it. A message goes to quarantine.
    fn decode(&self, encoded: &[u8], thing: EncodedThing<'_>) -> Result<Vec<u8>, CodecError>;

    /// Whether what was stored without this codec is taken as it is. One that protects what is stored must
    /// not: somebody who can write to the store could put anything there.
    fn takes_plain(&self) -> bool {
        true
    }

    /// Whether it protects what is stored from those who can read the store: then
    /// [attributes](reenact_core::OrchestrationContext::set_attribute) are only in what is encoded, unless the store is
    /// to [show](crate::Encoded::showing_attributes) them.
    fn protects(&self) -> bool {
        true
    }
}

/// What is encoded. A codec can bind what it makes to this, so that nobody can put it in another place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodedThing<'a> {
    /// A turn of a history.
    Turn {
        /// The instance.
        instance: &'a InstanceId,
        /// Its execution.
        execution: ExecutionId,
        /// The number of the turn in it.
        number: u64,
    },
    /// A message in a queue or in quarantine.
    Message {
        /// The instance that it is for.
        to: &'a InstanceId,
        /// The key of the message.
        key: &'a str,
    },
}

/// Why bytes cannot be encoded, or not be decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The store has it without this codec, which does not take that.
    #[error(
        "it is stored without the codec `{codec}`; if the store is older than the codec, let the codec take \
         what is plain"
    )]
    Plain {
        /// The name of the codec.
        codec: &'static str,
    },
    /// Another codec has encoded it.
    #[error("it is encoded by the codec `{found}`, and this store is opened with `{codec}`")]
    OtherCodec {
        /// The name of the codec that the store is opened with.
        codec: &'static str,
        /// The one that has encoded it.
        found: String,
    },
    /// It is encrypted with a key that is not among those that are given.
    #[error(
        "it is encrypted with the key `{key}`, which is not among the given ones; add that key"
    )]
    UnknownKey {
        /// The id of the key.
        key: String,
    },
    /// It was changed since it was encrypted, or it was encrypted for another place or with another key of the
    /// same id.
    #[error(
        "it is not what was encrypted here with the key `{key}`: it was changed or moved, or the key is another \
         one of that id"
    )]
    NotAuthentic {
        /// The id of the key.
        key: String,
    },
    /// The bytes are not what the codec makes.
    #[error("it is not what the codec makes: {0}")]
    Malformed(String),
    /// The codec failed for a reason of its own.
    #[error("the codec failed: {0}")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

/// What stands in front of what a codec has encoded: the format, and the name of the codec with its length.
fn header(codec: &dyn Codec) -> Result<Vec<u8>, CodecError> {
    let name = codec.name();
    let length = u8::try_from(name.len()).ok();
    match length.filter(|_| (1..=MAX_CODEC_NAME_BYTES).contains(&name.len())) {
        Some(length) => Ok([&[ENCODED_FORMAT, length], name.as_bytes()].concat()),
        None => Err(CodecError::Failed(
            format!("its name has {} bytes; 1 to {MAX_CODEC_NAME_BYTES} are allowed", name.len())
                .into(),
        )),
    }
}

/// The bytes as they are stored; `None` when they stay as they are.
pub(crate) fn encode(
    codec: &dyn Codec,
    bytes: &[u8],
    thing: EncodedThing<'_>,
) -> Result<Option<Vec<u8>>, CodecError> {
    let Some(encoded) = codec.encode(bytes, thing)? else { return Ok(None) };
    let mut stored = header(codec)?;
    stored.extend_from_slice(&encoded);
    Ok(Some(stored))
}

/// What was given to [`encode`]; `None` when it is there as it was.
pub(crate) fn decode(
    codec: &dyn Codec,
    stored: &[u8],
    thing: EncodedThing<'_>,
) -> Result<Option<Vec<u8>>, CodecError> {
    match name_and_body(stored)? {
        None if codec.takes_plain() => Ok(None),
        None => Err(CodecError::Plain { codec: codec.name() }),
        Some((name, body)) if name == codec.name().as_bytes() => {
            codec.decode(body, thing).map(Some)
        }
        Some((name, _)) => Err(CodecError::OtherCodec {
            codec: codec.name(),
            found: String::from_utf8_lossy(name).into_owned(),
        }),
    }
}

/// The name of a codec, and what it has made.
type NameAndBody<'a> = (&'a [u8], &'a [u8]);

/// The name of the codec that has encoded something, and what it made; `None` when none did.
fn name_and_body(stored: &[u8]) -> Result<Option<NameAndBody<'_>>, CodecError> {
    let Some((&ENCODED_FORMAT, rest)) = stored.split_first() else { return Ok(None) };
    let parts = rest.split_first().and_then(|(&length, rest)| rest.split_at_checked(length.into()));
    let cut_short = || CodecError::Malformed("it ends in the name of the codec".into());
    parts.map(Some).ok_or_else(cut_short)
}
