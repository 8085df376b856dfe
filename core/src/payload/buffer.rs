//! The bytes of a payload.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use core::ops::Deref;

/// Up to this number of bytes is kept without an allocation. A buffer is no larger for it than it is anyway.
const INLINE_BYTES: usize = 22;

/// From this number of bytes on, a vector is shared as it is, instead of copied into one allocation with its
/// counter.
const LARGE_BYTES: usize = 4 * 1024;

/// Bytes that do not change. A clone shares them, or copies a few.
#[derive(Clone)]
pub(super) enum Buffer {
    Inline { len: u8, bytes: [u8; INLINE_BYTES] },
    Shared(Arc<[u8]>),
    Large(Arc<Vec<u8>>),
}

impl Buffer {
    /// Takes over a vector. A large one is not copied.
    pub(super) fn of(mut bytes: Vec<u8>) -> Self {
        if bytes.len() < LARGE_BYTES {
            return Self::copy_of(&bytes);
        }
        bytes.shrink_to_fit();
        Self::Large(Arc::new(bytes))
    }

    pub(super) fn copy_of(bytes: &[u8]) -> Self {
        match (u8::try_from(bytes.len()), bytes.len() <= INLINE_BYTES) {
            (Ok(len), true) => {
                let mut inline = [0; INLINE_BYTES];
                inline[..bytes.len()].copy_from_slice(bytes);
                Self::Inline { len, bytes: inline }
            }
            _ => Self::Shared(Arc::from(bytes)),
        }
    }

    /// What it takes besides itself: of those that are shared, with the counters.
    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Self::Inline { .. } => 0,
            Self::Shared(bytes) => bytes.len() + 2 * size_of::<usize>(),
            Self::Large(bytes) => bytes.len() + 5 * size_of::<usize>(),
        }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Self::Shared(bytes) => bytes,
            Self::Large(bytes) => bytes,
        }
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Self::Inline { len: 0, bytes: [0; INLINE_BYTES] }
    }
}

impl PartialEq for Buffer {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Buffer {}

impl Hash for Buffer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_was_given_whatever_its_length() {
        for len in [0, 1, INLINE_BYTES, INLINE_BYTES + 1, LARGE_BYTES - 1, LARGE_BYTES, 100_000] {
            let bytes: Vec<u8> = (0..len).map(|at| at as u8).collect();
            assert_eq!(*Buffer::of(bytes.clone()), *bytes);
            assert!(Buffer::of(bytes.clone()) == Buffer::copy_of(&bytes));
        }
    }

    #[test]
    fn a_large_vector_is_shared_as_it_is() {
        let bytes: Vec<u8> = Vec::from([7; LARGE_BYTES]);
        let place = bytes.as_ptr();
        let buffer = Buffer::of(bytes);
        assert_eq!((buffer.as_ptr(), buffer.clone().as_ptr()), (place, place));
    }

    #[test]
    fn a_buffer_is_not_larger_for_what_it_keeps_inline() {
        assert_eq!(size_of::<Buffer>(), 24);
    }
}
