//! The ids of children that the library makes.

use alloc::format;

use crate::ids::{CorrelationId, Guid, InstanceId};
use crate::message::fnv;

/// The id of a child that was given none: readable, and another one in each run of the parent.
pub(crate) fn generated_id(parent: &InstanceId, lineage: u64, id: CorrelationId) -> InstanceId {
    let run = lineage ^ (lineage >> 32);
    let readable = InstanceId::new(format!("{parent}/{}-{:08x}", id.0, run & 0xffff_ffff));
    readable.unwrap_or_else(|_| short_id(parent, lineage, id.0))
}

/// An id that is not readable, where one that is would be too long.
pub(super) fn short_id(of: &InstanceId, lineage: u64, number: u64) -> InstanceId {
    let high = u128::from(fnv(of.as_str().as_bytes()) ^ lineage) << 64;
    let bits = high | u128::from(lineage.rotate_left(17) ^ number);
    InstanceId::of_guid(Guid::of_custom(bits.to_be_bytes()))
}

/// The id of a further attempt: that of the first one, and the number. Attempts that were made before a
/// rewind may have had the same number, so after a rewind the run is in it as well.
pub(super) fn id_of_attempt(
    first: &InstanceId,
    attempt: u32,
    rewound_to: Option<u64>,
) -> InstanceId {
    let readable = match rewound_to {
        None => InstanceId::new(format!("{first}~{attempt}")),
        Some(run) => {
            let run = (run ^ (run >> 32)) & 0xffff_ffff;
            InstanceId::new(format!("{first}~{attempt}-{run:08x}"))
        }
    };
    readable.unwrap_or_else(|_| short_id(first, rewound_to.unwrap_or_default(), attempt.into()))
}
