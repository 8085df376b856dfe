//! Makes turns and messages smaller.

use lz4_flex::block::{DecompressError, compress, decompress};
use reenact_core::codec::MAX_TURN_BYTES;

use super::{Codec, CodecError, EncodedThing};

/// Makes turns and messages smaller, by LZ4. What does not become smaller stays as it is.
///
/// A journal compresses what it stores by itself. This makes smaller what is in the archive, on the way to
/// Azure Storage and in queues as well. Together with [`Encryption`](crate::codec::Encryption) it comes first, as what is
/// encrypted cannot be made smaller: see [`Encoded`](crate::Encoded).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Compression;

/// What is smaller than this is left as it is, in bytes.
const SMALLEST: usize = 128;

/// The length of what was compressed stands in front of it, in this number of bytes.
const LENGTH_BYTES: usize = 4;

impl Compression {
    /// With LZ4.
    pub const fn new() -> Self {
        Self
    }
}

impl Codec for Compression {
    fn name(&self) -> &'static str {
        "lz4"
    }

    fn protects(&self) -> bool {
        false
    }

    fn encode(&self, bytes: &[u8], _: EncodedThing<'_>) -> Result<Option<Vec<u8>>, CodecError> {
        let Some(length) = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() >= SMALLEST)
        else {
            return Ok(None);
        };
        let compressed = compress(bytes);
        let encoded = [&length.to_le_bytes(), compressed.as_slice()].concat();
        Ok(Some(encoded).filter(|encoded| encoded.len() < bytes.len()))
    }

    fn decode(&self, encoded: &[u8], _: EncodedThing<'_>) -> Result<Vec<u8>, CodecError> {
        let Some((length, compressed)) = encoded.split_first_chunk::<LENGTH_BYTES>() else {
            return Err(CodecError::Malformed("it ends in its length".into()));
        };
        let length = u32::from_le_bytes(*length) as usize;
        if length > MAX_TURN_BYTES {
            let why = format!("it claims {length} bytes; at most {MAX_TURN_BYTES} are possible");
            return Err(CodecError::Malformed(why));
        }
        let malformed = |error: DecompressError| CodecError::Malformed(error.to_string());
        let bytes = decompress(compressed, length).map_err(malformed)?;
        match bytes.len() == length {
            true => Ok(bytes),
            false => Err(CodecError::Malformed("it is shorter than its length says".into())),
        }
    }
}
