//! Sectors: how a record tells that all of it was written.
//!
//! A crash may leave any part of an unsynced write, in sectors of 512 bytes and in any order; what
//! is not written stays 0. So the first byte of each sector is a mark that is not 0, and data
//! takes the 511 bytes after it.

/// The unit in which a medium writes all or nothing, in bytes.
pub(super) const SECTOR: u64 = 512;

/// The first byte of each sector that was written. Several bits, so that one flipped bit never
/// makes it 0.
pub(super) const WRITTEN: u8 = 0xa7;

/// Bytes of data in a sector.
const DATA: u64 = SECTOR - 1;

/// The offset after `count` bytes of data that begin at `offset`.
pub(super) const fn end_of(offset: u64, count: u64) -> u64 {
    if count == 0 {
        return offset;
    }
    // The place of the last byte among all data, and from there its offset.
    let last = offset - offset.div_ceil(SECTOR) + count - 1;
    last + last / DATA + 2
}

/// Adds data to `stored`, whose first byte is at `offset`, with the marks where they belong.
pub(super) fn put(stored: &mut Vec<u8>, offset: u64, mut data: &[u8]) {
    while !data.is_empty() {
        let at = (offset + stored.len() as u64) % SECTOR;
        let at = if at == 0 {
            stored.push(WRITTEN);
            1
        } else {
            at
        };
        let (now, later) = data.split_at(data.len().min((SECTOR - at) as usize));
        stored.extend_from_slice(now);
        data = later;
    }
}

/// Takes the marks out of stored bytes that begin at `offset`. False when one of them is wrong.
pub(super) fn strip(stored: &mut Vec<u8>, offset: u64) -> bool {
    let (mut kept, mut all_there) = (0, true);
    for slice in slices(stored.len(), offset) {
        let mut data = slice.clone();
        if (offset + slice.start as u64).is_multiple_of(SECTOR) {
            all_there &= stored[slice.start] == WRITTEN;
            data.start += 1;
        }
        let count = data.len();
        stored.copy_within(data, kept);
        kept += count;
    }
    stored.truncate(kept);
    all_there
}

/// Whether some part of stored bytes that begin at `offset` was never written: what they have of a
/// sector is 0 throughout, or their first or last byte is 0, which must be others when they are
/// whole.
pub(super) fn is_incomplete(stored: &[u8], offset: u64) -> bool {
    let blank = |slice: std::ops::Range<usize>| is_blank(&stored[slice]);
    stored.first() == Some(&0)
        || stored.last() == Some(&0)
        || slices(stored.len(), offset).any(blank)
}

/// Whether all bytes are 0.
pub(super) fn is_blank(bytes: &[u8]) -> bool {
    // No early end within a chunk: this way it is vector code.
    bytes.chunks(4096).all(|chunk| chunk.iter().fold(0, |all, byte| all | byte) == 0)
}

/// The parts of `count` stored bytes from `offset` on that are in one sector each.
fn slices(count: usize, offset: u64) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let room = (SECTOR - (offset + start as u64) % SECTOR) as usize;
        let slice = start..(start + room).min(count);
        start = slice.end;
        (!slice.is_empty()).then_some(slice)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_stripped_again_and_ends_where_it_should() {
        for offset in [0, 1, 300, 510, 511, 512, 513, 1023, 1024] {
            for count in [1, 2, 210, 211, 212, 510, 511, 512, 1021, 1022, 1023, 2000] {
                let data: Vec<u8> = (0..count).map(|i| (i % 251) as u8 + 1).collect();
                let mut stored = Vec::new();
                put(&mut stored, offset, &data);
                assert_eq!(offset + stored.len() as u64, end_of(offset, count as u64));
                assert!(!is_incomplete(&stored, offset));
                assert!(strip(&mut stored, offset));
                assert_eq!(stored, data);
            }
        }
    }

    #[test]
    fn a_missing_sector_is_seen_even_if_the_data_is_all_zeros() {
        for offset in [0, 1, 511, 512, 700] {
            let mut whole = Vec::new();
            put(&mut whole, offset, &[1]);
            put(&mut whole, offset, &[0; 2000]);
            put(&mut whole, offset, &[1]);
            assert!(!is_incomplete(&whole, offset));
            for slice in slices(whole.len(), offset) {
                let mut torn = whole.clone();
                torn[slice].fill(0);
                assert!(is_incomplete(&torn, offset));
            }
        }
    }
}
