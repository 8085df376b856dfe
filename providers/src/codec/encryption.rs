//! Encrypts turns and messages.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Codec, CodecError, EncodedThing};
use crate::limits::MAX_KEY_ID_BYTES;

/// Encrypts turns and messages with AES-256-GCM, under keys that have ids.
///
/// Each instance has a key of its own, which is derived from the given one (HKDF-SHA256) and stored nowhere. What
/// is encrypted is bound to its place: a turn to its instance, execution and number, a message to its instance
/// and key. So it can be neither read, nor changed, nor put in another place by somebody who can write to
/// the store. That somebody can still take away what is newest, or put back an older copy of the whole store.
///
/// **What is not encrypted:** ids of instances, names of orchestrations, states, times, numbers of turns and
/// events, names of tags, and the size of what is encrypted.
///
/// To change the key, add a new one, which is used from then on, and keep the old one for as long as the
/// store has something that is encrypted with it: [`Keys`].
///
/// ```
/// use reenact_providers::codec::{Compression, Encryption, Keys};
/// use reenact_providers::{Encoded, InMemory};
///
/// // 32 random bytes, from wherever the program keeps its secrets.
/// let (january, february) = ([1; 32], [2; 32]);
/// let keys = Keys::new("february", february)?.and("january", january)?;
/// // What is outside comes first on the way to the store: it is compressed, then encrypted.
/// let store = Encoded::new(Encoded::new(InMemory::new(), Encryption::new(keys)), Compression::new());
/// # Ok::<_, reenact_providers::codec::InvalidKey>(())
/// ```
#[derive(Debug)]
pub struct Encryption {
    keys: Keys,
    takes_plain: bool,
}

/// The keys of an [`Encryption`] by their ids: the one that encrypts, and others that only decrypt.
pub struct Keys {
    newest: String,
    keys: BTreeMap<String, Key>,
}

/// Why a key cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKey {
    /// The id is empty or too long.
    #[error("the id of a key has {bytes} bytes; 1 to {MAX_KEY_ID_BYTES} are allowed")]
    IdLength {
        /// Its length in bytes of UTF-8.
        bytes: usize,
    },
    /// A line of a text with keys is no key.
    #[error(
        "line {line} is no key: {why}; a key is its id, a space, and {} hexadecimal digits",
        2 * KEY_BYTES
    )]
    Line {
        /// The number of the line; the first is 1.
        line: usize,
        /// What is wrong with it. It shows nothing of the key.
        why: &'static str,
    },
    /// The text has no key at all.
    #[error("there is no key; a key is its id, a space, and {} hexadecimal digits", 2 * KEY_BYTES)]
    NoKey,
    /// There is another key with that id.
    #[error("there is a key with the id `{id}` already; give each key an id of its own")]
    IdTaken {
        /// The id.
        id: String,
    },
}

/// A key from which those of the instances are derived.
struct Key(Hkdf<Sha256>);

/// Bytes of a key.
const KEY_BYTES: usize = 32;

/// Bytes of a number that is used once. It is random: within one instance there are far too few turns and messages for two to be
/// the same.
const NONCE_BYTES: usize = 12;

impl Encryption {
    /// With these keys. What is stored plain is refused.
    pub const fn new(keys: Keys) -> Self {
        Self { keys, takes_plain: false }
    }

    /// Takes what is stored plain as it is, for a store that is older than its encryption. It stays plain
    /// until it is written again.
    pub fn and_take_plain(self) -> Self {
        Self { takes_plain: true, ..self }
    }
}

impl Keys {
    /// The key that encrypts, with an id, which is stored with everything that it encrypts. The key must be random; a
    /// password is none.
    ///
    /// # Errors
    /// [`InvalidKey::IdLength`]: the id is empty or longer than [`MAX_KEY_ID_BYTES`].
    pub fn new(id: impl Into<String>, key: [u8; KEY_BYTES]) -> Result<Self, InvalidKey> {
        let id = id.into();
        Self { newest: id.clone(), keys: BTreeMap::new() }.and(id, key)
    }

    /// And an older key, which only decrypts.
    ///
    /// # Errors
    /// [`InvalidKey::IdLength`]; [`InvalidKey::IdTaken`] when another key has the id.
    pub fn and(mut self, id: impl Into<String>, key: [u8; KEY_BYTES]) -> Result<Self, InvalidKey> {
        let (id, key) = (id.into(), Zeroizing::new(key));
        if !(1..=MAX_KEY_ID_BYTES).contains(&id.len()) {
            return Err(InvalidKey::IdLength { bytes: id.len() });
        }
        if self.keys.contains_key(&id) {
            return Err(InvalidKey::IdTaken { id });
        }
        self.keys.insert(id, Key(Hkdf::new(None, key.as_slice())));
        Ok(self)
    }
}

/// Reads keys from a text: one in each line, the one that encrypts first. A line is the id of the key, a space, and its
/// 32 bytes as hexadecimal digits. Empty lines, and those that begin with `#`, count for nothing.
///
/// ```
/// use reenact_providers::codec::Keys;
///
/// let text = "\
/// ## made with: openssl rand -hex 32
/// february 4b1f6f0ae25f3d1d1c6f3c9f8a52b9c71e0e1a1d7f5b8c2d3e4f5061728394a5
/// january  0c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f405162738495a6b7c8d9eafb
/// ";
/// let keys: Keys = text.parse()?;
/// # Ok::<_, reenact_providers::codec::InvalidKey>(())
/// ```
impl FromStr for Keys {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let lines = text.lines().map(str::trim).zip(1..);
        let lines = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
        let mut keys = None;
        for (line, number) in lines {
            let at = |why| InvalidKey::Line { line: number, why };
            let (id, key) =
                line.split_once(char::is_whitespace).ok_or_else(|| at("it has no space"))?;
            let key = of_hex(key.trim()).map_err(at)?;
            keys = Some(match keys {
                None => Self::new(id, key)?,
                Some(keys) => Self::and(keys, id, key)?,
            });
        }
        keys.ok_or(InvalidKey::NoKey)
    }
}

fn of_hex(digits: &str) -> Result<[u8; KEY_BYTES], &'static str> {
    let mut key = [0; KEY_BYTES];
    let digit = |byte: u8| char::from(byte).to_digit(16).ok_or("it has another digit");
    if digits.len() != 2 * KEY_BYTES {
        return Err("it does not have as many digits");
    }
    for (byte, pair) in key.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Ok(key)
}

/// The ids only.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("newest", &self.newest)
            .field("ids", &self.keys.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Key {
    /// The cipher of an instance.
    fn of(&self, instance: &str) -> Result<Aes256Gcm, CodecError> {
        let mut derived = Zeroizing::new([0; KEY_BYTES]);
        let purpose = [b"reenact instance ", instance.as_bytes()];
        self.0
            .expand_multi_info(&purpose, derived.as_mut_slice())
            .map_err(|error| CodecError::Failed(error.to_string().into()))?;
        Ok(Aes256Gcm::new(derived.as_slice().into()))
    }
}

impl Codec for Encryption {
    fn name(&self) -> &'static str {
        "aes-256-gcm"
    }

    /// The length of the id of the key, the id, the nonce, and what is encrypted with its tag.
    fn encode(&self, bytes: &[u8], thing: EncodedThing<'_>) -> Result<Option<Vec<u8>>, CodecError> {
        let id = &self.keys.newest;
        let key =
            self.keys.keys.get(id).ok_or_else(|| CodecError::UnknownKey { key: id.clone() })?;
        let cipher = key.of(instance_of(thing))?;
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| CodecError::Failed(Box::new(error)))?;
        let place = place_of(thing);
        let encrypted = cipher
            .encrypt(Nonce::from_slice(&nonce), Payload { msg: bytes, aad: &place })
            .map_err(|error| CodecError::Failed(error.to_string().into()))?;
        // The id was checked when it was given.
        let length = [id.len() as u8];
        Ok(Some([&length, id.as_bytes(), nonce.as_slice(), &encrypted].concat()))
    }

    fn decode(&self, encoded: &[u8], thing: EncodedThing<'_>) -> Result<Vec<u8>, CodecError> {
        let cut_short = || CodecError::Malformed("it ends before what is encrypted".into());
        let (&length, rest) = encoded.split_first().ok_or_else(cut_short)?;
        let (id, rest) = rest.split_at_checked(length.into()).ok_or_else(cut_short)?;
        let (nonce, encrypted) = rest.split_at_checked(NONCE_BYTES).ok_or_else(cut_short)?;
        let id = String::from_utf8_lossy(id);
        let Some(key) = self.keys.keys.get(&*id) else {
            return Err(CodecError::UnknownKey { key: id.into_owned() });
        };
        let place = place_of(thing);
        let payload = Payload { msg: encrypted, aad: &place };
        key.of(instance_of(thing))?
            .decrypt(Nonce::from_slice(nonce), payload)
            .map_err(|_| CodecError::NotAuthentic { key: id.into_owned() })
    }

    fn takes_plain(&self) -> bool {
        self.takes_plain
    }
}

/// The instance whose key is used.
fn instance_of(thing: EncodedThing<'_>) -> &str {
    match thing {
        EncodedThing::Turn { instance, .. } => instance.as_str(),
        EncodedThing::Message { to, .. } => to.as_str(),
    }
}

/// To what it is bound, besides the instance.
fn place_of(thing: EncodedThing<'_>) -> Vec<u8> {
    match thing {
        EncodedThing::Turn { execution, number, .. } => {
            [b"turn".as_slice(), &execution.0.to_le_bytes(), &number.to_le_bytes()].concat()
        }
        EncodedThing::Message { key, .. } => [b"message".as_slice(), key.as_bytes()].concat(),
    }
}
