//! The stored form of attributes.

use reenact_core::limits::MAX_ATTRIBUTES;
use reenact_core::{AttributeValue, Attributes, Name, Timestamp};

use super::BodyError;
use super::bytes::Bytes;
use super::varint::put;
use crate::store::attribute_kind;

/// Kinds of values. Never changed; new ones get new numbers.
const BOOL: u8 = 1;
const INTEGER: u8 = 2;
const FLOAT: u8 = 3;
const TIMESTAMP: u8 = 4;
const TEXT: u8 = 5;

const WRONG: BodyError = BodyError::Malformed("an attribute in it is none");

/// Adds how many there are, and for each its name, the number of its kind, and the value.
pub(crate) fn write(body: &mut Vec<u8>, attributes: &Attributes) {
    put(body, attributes.len() as u64);
    for (name, value) in attributes.iter() {
        put_counted(body, name.as_str().as_bytes());
        body.push(attribute_kind(value));
        match value {
            AttributeValue::Bool(is_so) => body.push(u8::from(*is_so)),
            AttributeValue::Integer(number) => body.extend_from_slice(&number.to_le_bytes()),
            AttributeValue::Float(number) => {
                body.extend_from_slice(&number.to_bits().to_le_bytes());
            }
            AttributeValue::Timestamp(at) => body.extend_from_slice(&at.as_micros().to_le_bytes()),
            AttributeValue::Text(text) => put_counted(body, text.as_bytes()),
        }
    }
}

fn put_counted(body: &mut Vec<u8>, bytes: &[u8]) {
    put(body, bytes.len() as u64);
    body.extend_from_slice(bytes);
}

/// Reads what [`write`] has written, and nothing else.
#[cfg(feature = "local")]
pub(crate) fn read(bytes: &[u8]) -> Result<Attributes, BodyError> {
    let mut bytes = Bytes(bytes);
    let count = bytes.number()?;
    let attributes = take(&mut bytes, count)?;
    if bytes.0.is_empty() { Ok(attributes) } else { Err(WRONG) }
}

/// Reads so many.
pub(super) fn take(bytes: &mut Bytes<'_>, count: u64) -> Result<Attributes, BodyError> {
    let count = usize::try_from(count).map_err(|_| WRONG)?;
    if count == 0 || count > MAX_ATTRIBUTES {
        return Err(WRONG);
    }
    let attribute = |_| Ok((Name::new(text(bytes)?).map_err(|_| WRONG)?, value(bytes)?));
    let attributes: Vec<_> = (0..count).map(attribute).collect::<Result<_, BodyError>>()?;
    Ok(Attributes::of_stored(attributes))
}

fn value(bytes: &mut Bytes<'_>) -> Result<AttributeValue, BodyError> {
    Ok(match bytes.byte()? {
        BOOL => AttributeValue::Bool(bytes.byte()? != 0),
        INTEGER => AttributeValue::Integer(i64::from_le_bytes(bytes.array()?)),
        FLOAT => AttributeValue::Float(f64::from_bits(u64::from_le_bytes(bytes.array()?))),
        TIMESTAMP => {
            AttributeValue::Timestamp(Timestamp::from_micros(u64::from_le_bytes(bytes.array()?)))
        }
        TEXT => AttributeValue::Text(text(bytes)?.into()),
        _ => return Err(WRONG),
    })
}

fn text<'a>(bytes: &mut Bytes<'a>) -> Result<&'a str, BodyError> {
    std::str::from_utf8(bytes.counted()?).map_err(|_| WRONG)
}
