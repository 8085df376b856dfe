//! The lines of an export, and the checksums over them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reenact_core::{Attributes, ExecutionId, InstanceId, Name, Timestamp, codec};
use reenact_providers::{InstanceState, InstanceSummary, StoredTurn};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The format of exports that is written, and the newest that is read.
pub const FORMAT: u32 = 1;

/// Turns with more bytes are exported without their events for people.
const MAX_READABLE_BYTES: usize = 32 * 1024 * 1024;

/// What the first line says of the file.
pub(super) const WHAT: &str = "histories of reenact";

/// The first line.
#[derive(Debug, Serialize)]
pub(super) struct HeaderLine<'a> {
    pub(super) kind: &'static str,
    pub(super) what: &'static str,
    pub(super) format: u32,
    pub(super) reenact: &'a str,
    pub(super) at_rest: bool,
    pub(super) instances: u64,
}

/// The kind of a line that begins an instance.
pub(super) const INSTANCE: &str = "instance";

/// The kind of a line that begins an execution before the newest one of the instance that follows.
pub(super) const EARLIER: &str = "earlier";

/// Begins an instance, or an execution before its newest one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct InstanceLine {
    pub(super) kind: String,
    id: InstanceId,
    execution: u32,
    name: Name,
    state: String,
    created_at: u64,
    updated_at: u64,
    turn_count: u64,
    event_count: u64,
    wake_at: Option<u64>,
}

/// One turn of the instance before it.
#[derive(Debug, Serialize)]
pub(super) struct TurnLine<'a> {
    kind: &'static str,
    number: u64,
    bytes: String,
    /// For people only.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<&'a [reenact_core::Event]>,
}

/// Ends an instance.
#[derive(Debug, Serialize)]
pub(super) struct EndLine<'a> {
    pub(super) kind: &'static str,
    pub(super) id: &'a InstanceId,
    pub(super) turns: u64,
    pub(super) checksum: String,
}

/// The last line.
#[derive(Debug, Serialize)]
pub(super) struct TotalLine {
    pub(super) kind: &'static str,
    pub(super) instances: u64,
    pub(super) turns: u64,
    pub(super) checksum: String,
}

/// Takes back an instance that is not whole: another execution has taken its place. It comes anew.
#[derive(Debug, Serialize)]
pub(super) struct DroppedLine {
    pub(super) kind: &'static str,
}

/// Any line but that of an instance, as it is read. What is there for people only is passed over.
#[derive(Debug, Deserialize)]
pub(super) struct AnyLine {
    pub(super) kind: String,
    #[serde(default)]
    pub(super) what: Option<String>,
    #[serde(default)]
    pub(super) format: Option<u32>,
    #[serde(default)]
    pub(super) reenact: Option<String>,
    #[serde(default)]
    pub(super) at_rest: bool,
    #[serde(default)]
    pub(super) instances: u64,
    #[serde(default)]
    pub(super) id: Option<InstanceId>,
    #[serde(default)]
    pub(super) number: u64,
    #[serde(default)]
    pub(super) bytes: String,
    #[serde(default)]
    pub(super) turns: u64,
    #[serde(default)]
    pub(super) checksum: String,
}

impl InstanceLine {
    pub(super) fn of(summary: &InstanceSummary) -> Self {
        Self {
            kind: INSTANCE.to_owned(),
            id: summary.instance.clone(),
            execution: summary.execution.0,
            name: summary.name.clone(),
            state: summary.state.to_string(),
            created_at: summary.created_at.as_micros(),
            updated_at: summary.updated_at.as_micros(),
            turn_count: summary.turns,
            event_count: summary.events,
            wake_at: summary.wake_at.map(Timestamp::as_micros),
        }
    }

    /// The same of an execution before the newest one.
    pub(super) fn of_earlier(summary: &InstanceSummary) -> Self {
        Self { kind: EARLIER.to_owned(), ..Self::of(summary) }
    }

    /// The error says what is invalid.
    pub(super) fn summary(self) -> Result<InstanceSummary, String> {
        let state: InstanceState = self.state.parse().map_err(|error| format!("{error}"))?;
        Ok(InstanceSummary {
            instance: self.id,
            execution: ExecutionId(self.execution),
            name: self.name,
            state,
            created_at: Timestamp::from_micros(self.created_at),
            updated_at: Timestamp::from_micros(self.updated_at),
            turns: self.turn_count,
            events: self.event_count,
            wake_at: self.wake_at.map(Timestamp::from_micros),
            attributes: Attributes::default(),
        })
    }
}

/// Writes the line of a turn; with its events for people, if they are wanted, can be decoded, and are not too large.
pub(super) fn turn_line(turn: &StoredTurn, is_readable: bool) -> serde_json::Result<String> {
    let is_readable = is_readable && turn.bytes.len() <= MAX_READABLE_BYTES;
    let decoded = is_readable.then(|| codec::decode_turn(&turn.bytes).ok()).flatten();
    serde_json::to_string(&TurnLine {
        kind: "turn",
        number: turn.number,
        bytes: STANDARD.encode(&turn.bytes),
        at: decoded.as_ref().map(|decoded| decoded.at.to_string()),
        events: decoded.as_ref().map(|decoded| &*decoded.events),
    })
}

/// The bytes of a turn in its line.
pub(super) fn turn_bytes(encoded: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(encoded).map_err(|error| error.to_string())
}

/// The checksum of an instance: over all that its store knows of it, and its turns.
pub(super) struct Checksum(Sha256);

impl Checksum {
    pub(super) fn of(summary: &InstanceSummary) -> serde_json::Result<Self> {
        let mut sum = Sha256::new();
        sum.update(serde_json::to_string(&InstanceLine::of(summary))?.as_bytes());
        Ok(Self(sum))
    }

    pub(super) fn add(&mut self, turn: &StoredTurn) {
        self.0.update(turn.number.to_le_bytes());
        self.0.update((turn.bytes.len() as u64).to_le_bytes());
        self.0.update(&turn.bytes);
    }

    pub(super) fn end(self) -> String {
        hex(&self.0.finalize())
    }
}

/// The checksum of all instances: over their checksums, in order.
#[derive(Default)]
pub(super) struct Total {
    sum: Sha256,
    pub(super) instances: u64,
    pub(super) turns: u64,
}

impl Total {
    /// Adds an instance with its executions: of each the checksum and how many turns it has.
    pub(super) fn add<'a>(&mut self, executions: impl IntoIterator<Item = &'a (String, u64)>) {
        self.instances += 1;
        for (checksum, turns) in executions {
            self.sum.update(checksum.as_bytes());
            self.turns += turns;
        }
    }

    pub(super) fn checksum(&self) -> String {
        hex(&self.sum.clone().finalize())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
