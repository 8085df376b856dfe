//! How turns are stored, and commands in queues. The only module that knows bincode.
//!
//! A stored turn is one byte, the format version, and then the turn in that format. Version 1 is
//! bincode 2 with variable-length integers. Version 2 is written once the execution has a
//! [status](crate::OrchestrationContext::set_status): it has the number of the turn that set the
//! newest one in front of what version 1 has, so that it can be found from the end of a history
//! without reading all of it. A version is read for ever: a change of an event's
//! fields is a new version, with the old shape decoded explicitly. A new kind of event at the end
//! of [`Event`] is no new version.
//!
//! A [command](RemoteCommand) in a queue is one byte, the format version of commands, and then the
//! command in that format, under the same rules: hosts of several versions may share a store. So is
//! the [call of an activity](RemoteActivity) in the queue of a tag.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bincode::config::{self, Configuration, Limit, LittleEndian, Varint};
use bincode::enc::write::Writer;
use bincode::error::{DecodeError, EncodeError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::history::RecordedTurn;
use crate::remote::{RemoteActivity, RemoteCommand};

/// The format that is written of an execution without a status.
pub const FORMAT_VERSION: u8 = 1;

/// The format that is written of an execution with a status.
pub const FORMAT_VERSION_WITH_STATUS: u8 = 2;

/// The format of commands in queues.
pub const COMMAND_FORMAT_VERSION: u8 = 1;

/// The format of activities in the queues of tags, of a run that was started in no trace.
pub const ACTIVITY_FORMAT_VERSION: u8 = 1;

/// The format of activities in the queues of tags, of a run with a trace: that stands after what the first has.
pub const ACTIVITY_FORMAT_VERSION_WITH_TRACE: u8 = 2;

/// What stands in front of a turn, a command or an activity that something between this and the store has
/// encoded: encryption, compression. One byte with the length of a name follows, and the name of what encoded
/// it. It is no format of this module: it must be decoded before.
pub const ENCODED_FORMAT: u8 = 0xE0;

/// What stands in front of a command or an activity that could not be decoded so. It is never stored: see
/// [`Undecodable`].
const UNDECODABLE_FORMAT: u8 = 0xE1;

/// Most memory that decoding one turn may claim, in bytes. A larger turn cannot be written.
pub const MAX_TURN_BYTES: usize = 384 * 1024 * 1024;

/// A command or an activity that came out of a queue encoded, and that the codec of the store cannot decode. In
/// this form it is given to the host, which finds out why when it decodes it, and back to the store,
/// which keeps it as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undecodable {
    /// The name of the codec that cannot.
    pub codec: String,
    /// Why, for people.
    pub why: String,
    /// What was in the queue.
    pub stored: Vec<u8>,
}

impl Undecodable {
    /// The form in which it is given to the host.
    ///
    /// # Errors
    /// [`CodecError::Encode`] when it is larger than [`MAX_TURN_BYTES`].
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        encode(UNDECODABLE_FORMAT, self)
    }

    /// What such a form has; `None` when the bytes are something else.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let (&UNDECODABLE_FORMAT, rest) = bytes.split_first()? else { return None };
        decode(rest).ok()
    }
}

const CONFIG: Configuration<LittleEndian, Varint, Limit<MAX_TURN_BYTES>> =
    config::standard().with_limit::<MAX_TURN_BYTES>();

/// Why a turn or a command cannot be encoded, or stored bytes cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// There are no bytes.
    #[error("there are no stored bytes")]
    Empty,
    /// A newer reenact has written it, or it is no turn at all.
    #[error(
        "a stored turn has format version {found}; this reenact reads up to {FORMAT_VERSION_WITH_STATUS}"
    )]
    UnknownVersion {
        /// The version that is there.
        found: u8,
    },
    /// A newer reenact has sent it, or it is no command at all.
    #[error(
        "a command in a queue has format version {found}; this reenact reads up to \
         {COMMAND_FORMAT_VERSION}"
    )]
    UnknownCommandVersion {
        /// The version that is there.
        found: u8,
    },
    /// A newer reenact has sent it, or it is no call of an activity at all.
    #[error(
        "the call of an activity in a queue has format version {found}; this reenact reads up to \
         {ACTIVITY_FORMAT_VERSION_WITH_TRACE}"
    )]
    UnknownActivityVersion {
        /// The version that is there.
        found: u8,
    },
    /// Something between this and the store has [encoded](ENCODED_FORMAT) it, and it was not decoded: the
    /// store is to be opened with the same codec.
    #[error(
        "it is encoded by the codec `{codec}`; open the store with that codec, as it was opened when this was \
         written"
    )]
    Encoded {
        /// The name of the codec.
        codec: String,
    },
    /// The codec with which the store was opened could not decode it.
    #[error("the codec of the store could not decode it: {0}")]
    Undecodable(String),
    /// The bytes are not what their version says.
    #[error("stored bytes do not decode: {0}")]
    Malformed(String),
    /// It is larger than [`MAX_TURN_BYTES`].
    #[error("a turn or a command does not encode: {0}")]
    Encode(String),
}

/// Room for an event as it usually is, and for what is in front of the first, without its payload, in
/// bytes.
const EXPECTED_EVENT_BYTES: usize = 24;

/// Room for a command as it usually is, in bytes.
const EXPECTED_COMMAND_BYTES: usize = 256;

/// Bytes as they are written.
struct Stored<'a>(&'a mut Vec<u8>);

impl Writer for Stored<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// The stored form of a turn of an execution without a status.
///
/// # Errors
/// [`CodecError::Encode`] when it is larger than [`MAX_TURN_BYTES`].
pub fn encode_turn(turn: &RecordedTurn) -> Result<Vec<u8>, CodecError> {
    encode_turn_with_status(turn, None)
}

/// The stored form of a turn of an execution whose newest status was set in a turn of that number:
/// [`Machine::status_turn`](crate::Machine::status_turn).
///
/// # Errors
/// [`CodecError::Encode`] when it is larger than [`MAX_TURN_BYTES`].
pub fn encode_turn_with_status(
    turn: &RecordedTurn,
    status_turn: Option<u64>,
) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::new();
    encode_turn_into(&mut bytes, turn, status_turn)?;
    Ok(bytes)
}

/// As [`encode_turn_with_status`], into a buffer that is used again. What was in it is gone; after an
/// error its content is of no use.
///
/// # Errors
/// [`CodecError::Encode`] when it is larger than [`MAX_TURN_BYTES`].
pub fn encode_turn_into(
    bytes: &mut Vec<u8>,
    turn: &RecordedTurn,
    status_turn: Option<u64>,
) -> Result<(), CodecError> {
    bytes.clear();
    // At once, and not by doubling: a large payload is copied once.
    let payloads: usize = turn.events.iter().map(Event::payload_bytes).sum();
    bytes.reserve(payloads + EXPECTED_EVENT_BYTES * (turn.events.len() + 1));
    write(bytes, status_turn, turn)
}

fn write(
    bytes: &mut Vec<u8>,
    status_turn: Option<u64>,
    turn: &RecordedTurn,
) -> Result<(), CodecError> {
    let refused = |e: EncodeError| CodecError::Encode(e.to_string());
    match status_turn {
        None => bytes.push(FORMAT_VERSION),
        Some(number) => {
            bytes.push(FORMAT_VERSION_WITH_STATUS);
            bincode::serde::encode_into_writer(number, Stored(bytes), CONFIG).map_err(refused)?;
        }
    }
    bincode::serde::encode_into_writer(turn, Stored(bytes), CONFIG).map_err(refused)?;
    within_limit(bytes)
}

fn within_limit(bytes: &[u8]) -> Result<(), CodecError> {
    if bytes.len() > MAX_TURN_BYTES {
        return Err(CodecError::Encode("it is larger than MAX_TURN_BYTES".into()));
    }
    Ok(())
}

/// Reads a turn of any version.
///
/// # Errors
/// [`CodecError::Empty`], [`CodecError::UnknownVersion`] or [`CodecError::Malformed`]; never a
/// panic. No length in the bytes is believed beyond [`MAX_TURN_BYTES`]; what they decode to can take
/// several times their own size in memory, as events are larger than their shortest encoding.
pub fn decode_turn(bytes: &[u8]) -> Result<RecordedTurn, CodecError> {
    let (_, body) = parts(bytes)?;
    let (turn, read) = bincode::serde::borrow_decode_from_slice(body, CONFIG).map_err(malformed)?;
    if read != body.len() {
        return Err(CodecError::Malformed("bytes are left over after it".into()));
    }
    Ok(turn)
}

/// The form in which a command is in a queue.
///
/// # Errors
/// [`CodecError::Encode`] when it is larger than [`MAX_TURN_BYTES`].
pub fn encode_command(command: &RemoteCommand) -> Result<Vec<u8>, CodecError> {
    encode(COMMAND_FORMAT_VERSION, command)
}

/// Reads a command of any version.
///
/// # Errors
/// [`CodecError::Empty`], [`CodecError::UnknownCommandVersion`] or [`CodecError::Malformed`]; never a
/// panic. No length in the bytes is believed beyond [`MAX_TURN_BYTES`].
pub fn decode_command(bytes: &[u8]) -> Result<RemoteCommand, CodecError> {
    match split(bytes)? {
        (COMMAND_FORMAT_VERSION, body) => decode(body),
        (found, _) => Err(CodecError::UnknownCommandVersion { found }),
    }
}

/// The form in which the call of an activity is in the queue of a tag.
///
/// # Errors
/// [`CodecError::Encode`] when it is larger than [`MAX_TURN_BYTES`].
pub fn encode_activity(activity: &RemoteActivity) -> Result<Vec<u8>, CodecError> {
    match &activity.trace {
        None => encode(ACTIVITY_FORMAT_VERSION, activity),
        Some(trace) => encode(ACTIVITY_FORMAT_VERSION_WITH_TRACE, &(activity, trace)),
    }
}

/// Reads the call of an activity of any version.
///
/// # Errors
/// [`CodecError::Empty`], [`CodecError::UnknownActivityVersion`] or [`CodecError::Malformed`]; never a
/// panic. No length in the bytes is believed beyond [`MAX_TURN_BYTES`].
pub fn decode_activity(bytes: &[u8]) -> Result<RemoteActivity, CodecError> {
    match split(bytes)? {
        (ACTIVITY_FORMAT_VERSION, body) => decode(body),
        (ACTIVITY_FORMAT_VERSION_WITH_TRACE, body) => {
            let (activity, trace): (RemoteActivity, _) = decode(body)?;
            Ok(RemoteActivity { trace: Some(trace), ..activity })
        }
        (found, _) => Err(CodecError::UnknownActivityVersion { found }),
    }
}

fn encode<T: Serialize>(version: u8, value: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::with_capacity(EXPECTED_COMMAND_BYTES);
    bytes.push(version);
    bincode::serde::encode_into_writer(value, Stored(&mut bytes), CONFIG)
        .map_err(|error| CodecError::Encode(error.to_string()))?;
    within_limit(&bytes)?;
    Ok(bytes)
}

/// Of all of the bytes.
fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let (value, read) = bincode::serde::decode_from_slice(bytes, CONFIG).map_err(malformed)?;
    if read != bytes.len() {
        return Err(CodecError::Malformed("bytes are left over after it".into()));
    }
    Ok(value)
}

/// The number of the turn that set the newest status, as of a stored turn; `None` when the execution
/// had none then. Reads a few bytes, however large the turn is.
///
/// # Errors
/// As [`decode_turn`], as far as these bytes show it.
pub fn status_turn(bytes: &[u8]) -> Result<Option<u64>, CodecError> {
    Ok(parts(bytes)?.0)
}

/// The number of the turn that set the status, and the turn as version 1 has it.
fn parts(bytes: &[u8]) -> Result<(Option<u64>, &[u8]), CodecError> {
    let (version, body) = split(bytes)?;
    match version {
        FORMAT_VERSION => Ok((None, body)),
        FORMAT_VERSION_WITH_STATUS => {
            let (number, read) =
                bincode::serde::decode_from_slice(body, CONFIG).map_err(malformed)?;
            let turn = body.get(read..).ok_or(CodecError::Empty)?;
            Ok((Some(number), turn))
        }
        found => Err(CodecError::UnknownVersion { found }),
    }
}

/// The version, and what follows.
fn split(bytes: &[u8]) -> Result<(u8, &[u8]), CodecError> {
    match bytes.split_first().ok_or(CodecError::Empty)? {
        (&ENCODED_FORMAT, rest) => {
            let name = rest.split_first().and_then(|(&length, rest)| rest.get(..length.into()));
            let codec = String::from_utf8_lossy(name.unwrap_or_default()).into_owned();
            Err(CodecError::Encoded { codec })
        }
        (&UNDECODABLE_FORMAT, rest) => Err(match decode::<Undecodable>(rest) {
            Ok(Undecodable { why, .. }) => CodecError::Undecodable(why),
            Err(error) => error,
        }),
        (version, body) => Ok((*version, body)),
    }
}

fn malformed(error: DecodeError) -> CodecError {
    CodecError::Malformed(error.to_string())
}
