//! Stores are opened so that what is compressed or encrypted in them can be read.

use reenact::Encoded;
use reenact::codec::{Codec, CodecError, Compression, EncodedThing, Encryption, Keys};
use reenact::providers::Provider;

use super::environment;
use crate::arguments::place::{KEYS_VARIABLE, Place};
use crate::failure::{Done, Failure};

/// A store in which what is compressed or encrypted is read.
pub(crate) type Readable<P> = Encoded<Encoded<P>>;

/// What decodes a store.
pub(crate) struct Codecs(IfKeys);

impl Codecs {
    /// With the keys that were given.
    pub(crate) fn of(place: &Place) -> Done<Self> {
        keys(place).map(IfKeys).map(Self)
    }

    pub(crate) fn read<P: Provider>(self, store: P) -> Readable<P> {
        Encoded::new(Encoded::new(store, self.0), OnlyRead(Compression::new()))
    }
}

/// A store that is opened with the keys that were given.
pub(crate) fn readable<P: Provider>(store: P, place: &Place) -> Done<Readable<P>> {
    Ok(Codecs::of(place)?.read(store))
}

fn keys(place: &Place) -> Done<Option<Encryption>> {
    let path = place.keys.clone().or_else(|| environment(KEYS_VARIABLE).map(Into::into));
    let Some(path) = path else { return Ok(None) };
    let shown = path.display();
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Failure::misused(format_args!("{shown} cannot be read: {error}")))?;
    let keys = text
        .parse::<Keys>()
        .map_err(|error| Failure::misused(format_args!("{shown} has no keys: {error}")))?;
    // What has an end is to be readable, whatever its age.
    Ok(Some(Encryption::new(keys).and_take_plain()))
}

/// Encryption, where there are keys.
struct IfKeys(Option<Encryption>);

/// What is written stays as large as it is: the hosts of the store may not have this codec.
struct OnlyRead(Compression);

/// The name under which [`Encryption`] stores.
const ENCRYPTION: &str = "aes-256-gcm";

impl Codec for IfKeys {
    fn name(&self) -> &'static str {
        self.0.as_ref().map_or(ENCRYPTION, Codec::name)
    }

    fn protects(&self) -> bool {
        self.0.is_some()
    }

    fn encode(&self, bytes: &[u8], thing: EncodedThing<'_>) -> Result<Option<Vec<u8>>, CodecError> {
        self.0.as_ref().map_or(Ok(None), |encryption| encryption.encode(bytes, thing))
    }

    fn decode(&self, encoded: &[u8], thing: EncodedThing<'_>) -> Result<Vec<u8>, CodecError> {
        let without = || {
            let what = "it is encrypted; give the file with the keys: `--keys FILE`";
            Err(CodecError::Failed(what.into()))
        };
        self.0.as_ref().map_or_else(without, |encryption| encryption.decode(encoded, thing))
    }
}

impl Codec for OnlyRead {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn protects(&self) -> bool {
        self.0.protects()
    }

    fn encode(&self, _: &[u8], _: EncodedThing<'_>) -> Result<Option<Vec<u8>>, CodecError> {
        Ok(None)
    }

    fn decode(&self, encoded: &[u8], thing: EncodedThing<'_>) -> Result<Vec<u8>, CodecError> {
        self.0.decode(encoded, thing)
    }
}
