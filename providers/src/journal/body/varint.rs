//! Numbers in as many bytes as they need: seven bits in each, the lowest first; the upper bit says
//! that more follow.

/// Most bytes of a number.
const MAX_BYTES: usize = 10;

pub(crate) fn put(body: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        body.push(number as u8 | 0x80);
        number >>= 7;
    }
    body.push(number as u8);
}

/// The number, and what follows it. `None` when the bytes end before, or are no number.
pub(crate) fn take(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(MAX_BYTES) {
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * at as u32;
        // The last byte has room for one bit.
        if (bits << shift) >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some((number, &bytes[at + 1..]));
        }
    }
    None
}

/// How far `to` is from `from`, either way around, so that near ones are small.
pub(super) fn difference(from: u64, to: u64) -> u64 {
    let difference = to.wrapping_sub(from) as i64;
    ((difference << 1) ^ (difference >> 63)) as u64
}

/// What is so far from `from`.
pub(super) fn apart(from: u64, difference: u64) -> u64 {
    let difference = (difference >> 1) as i64 ^ -((difference & 1) as i64);
    from.wrapping_add(difference as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_differences_come_back() {
        let numbers = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX];
        for to in numbers {
            let mut bytes = Vec::new();
            put(&mut bytes, to);
            assert_eq!(take(&bytes), Some((to, &[][..])));
            assert_eq!(take(&bytes[..bytes.len() - 1]), None);
            for from in numbers {
                assert_eq!(apart(from, difference(from, to)), to);
            }
        }
        assert_eq!(difference(5, 4), 1);
        assert_eq!(take(&[0xff; 11]), None, "a number has ten bytes at most");
        assert_eq!(take(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]), None);
    }
}
