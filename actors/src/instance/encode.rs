//! Encodes turns into the form in which they are stored.

use std::cell::RefCell;
use std::sync::Arc;

use reenact_core::RecordedTurn;
use reenact_core::codec::{self, CodecError};

thread_local! {
    /// The buffer into which turns are encoded: the size of a turn is known only then.
    static ENCODED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The largest buffer for encoded turns that each thread keeps, in bytes.
const KEPT_ENCODED_BYTES: usize = 64 * 1024;

/// The stored form of a turn, in one allocation.
pub(super) fn encoded(
    turn: &RecordedTurn,
    status_turn: Option<u64>,
) -> Result<Arc<[u8]>, CodecError> {
    ENCODED.with_borrow_mut(|bytes| {
        codec::encode_turn_into(bytes, turn, status_turn)?;
        let encoded = Arc::from(bytes.as_slice());
        bytes.clear();
        bytes.shrink_to(KEPT_ENCODED_BYTES);
        Ok(encoded)
    })
}
