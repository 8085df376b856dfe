//! Instants in JSON as seconds since 1970, as all times of the figures are.

use reenact_core::Timestamp;
use serde::{Deserialize, Deserializer, Serializer};

const MICROS: f64 = 1e6;

pub(super) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(at.as_micros() as f64 / MICROS)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Timestamp, D::Error> {
    // Past the ends of all times it is the nearest one.
    let seconds = f64::deserialize(deserializer)?;
    Ok(Timestamp::from_micros((seconds * MICROS).round() as u64))
}
