//! Records: one commit each. The frame of length and checksums around a body.

use super::sector;
use crate::limits::MAX_COMMIT_BYTES;

/// The first byte of a record.
const BEGIN: u8 = 0xd3;
/// The last byte of a record's head.
const HEAD_END: u8 = 0xb5;
/// The last byte of a record.
const END: u8 = 0xcb;

/// Bytes of data in a record's head: begin, length, index, checksum, end.
pub(super) const HEAD: u64 = 14;
/// Bytes of data after a record's body: checksum, end.
const TAIL: u64 = 5;

/// The head of a record: what it takes to find its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordHead {
    /// The number of the record in its segment; the first is 0.
    pub(super) index: u32,
    /// Bytes in the body.
    length: u32,
    checksum: u32,
}

/// What the bytes at some place say about a record that should begin there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read<T> {
    /// It is whole.
    Whole(T),
    /// Part of it was never written.
    Incomplete,
    /// All of it was written, and it is not what was written.
    Rotten(&'static str),
}

/// Where a record of a body of `length` bytes ends that begins at `offset`.
pub(super) const fn end_of(offset: u64, length: usize) -> u64 {
    sector::end_of(offset, HEAD + length as u64 + TAIL)
}

/// Where the head of a record ends that begins at `offset`.
pub(super) const fn head_end(offset: u64) -> u64 {
    sector::end_of(offset, HEAD)
}

/// Adds a whole record to `stored`, which is empty, as it is written at `offset`. The body must be
/// within the limit.
pub(super) fn write(stored: &mut Vec<u8>, seed: u32, offset: u64, index: u32, body: &[u8]) {
    // Lossless: the limit is below 4 GiB.
    let length = body.len() as u32;
    let checksum = head_checksum(seed, offset, index, length);
    let mut head = [0; HEAD as usize];
    head[0] = BEGIN;
    head[1..5].copy_from_slice(&length.to_le_bytes());
    head[5..9].copy_from_slice(&index.to_le_bytes());
    head[9..13].copy_from_slice(&checksum.to_le_bytes());
    head[13] = HEAD_END;
    let mut tail = [END; TAIL as usize];
    tail[..4].copy_from_slice(&body_checksum(checksum, body).to_le_bytes());
    sector::put(stored, offset, &head);
    sector::put(stored, offset, body);
    sector::put(stored, offset, &tail);
}

/// Reads the stored bytes of a head that is at `offset`. They must be all, up to [`head_end`].
pub(super) fn read_head(stored: &[u8], seed: u32, offset: u64) -> Read<RecordHead> {
    if sector::is_incomplete(stored, offset) {
        return Read::Incomplete;
    }
    let mut data = stored.to_vec();
    if !sector::strip(&mut data, offset) {
        return Read::Rotten("the mark of a sector is wrong");
    }
    let Ok([BEGIN, l0, l1, l2, l3, i0, i1, i2, i3, c0, c1, c2, c3, HEAD_END]) =
        <[u8; HEAD as usize]>::try_from(data)
    else {
        return Read::Rotten("no record begins here");
    };
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    let index = u32::from_le_bytes([i0, i1, i2, i3]);
    let checksum = u32::from_le_bytes([c0, c1, c2, c3]);
    if checksum != head_checksum(seed, offset, index, length) {
        return Read::Rotten("the checksum of a record's head is wrong");
    }
    if length as usize > MAX_COMMIT_BYTES {
        return Read::Rotten("a record is longer than a record can be");
    }
    Read::Whole(RecordHead { index, length, checksum })
}

/// Takes the body out of the stored bytes of a record that is at `offset`. They must be all, from
/// its first byte to its [end](RecordHead::end).
pub(super) fn read_body(stored: &mut Vec<u8>, head: &RecordHead, offset: u64) -> Read<()> {
    if sector::is_incomplete(stored, offset) {
        return Read::Incomplete;
    }
    if !sector::strip(stored, offset) {
        return Read::Rotten("the mark of a sector is wrong");
    }
    let Some((rest, &[c0, c1, c2, c3, end])) = stored.split_last_chunk::<{ TAIL as usize }>()
    else {
        return Read::Incomplete;
    };
    if end != END {
        return Read::Rotten("the last byte of a record is wrong");
    }
    let checksum = u32::from_le_bytes([c0, c1, c2, c3]);
    let body = rest.get(HEAD as usize..).unwrap_or_default();
    if checksum != body_checksum(head.checksum, body) {
        return Read::Rotten("the checksum of a record is wrong");
    }
    let kept = rest.len();
    stored.truncate(kept);
    stored.drain(..HEAD as usize);
    Read::Whole(())
}

impl RecordHead {
    /// Where the record ends that begins at `offset` with this head.
    pub(super) const fn end(&self, offset: u64) -> u64 {
        end_of(offset, self.length as usize)
    }
}

/// Whether a record may begin with this byte of data.
pub(super) const fn may_begin_with(byte: u8) -> bool {
    byte == BEGIN
}

/// Covers the segment (by the seed), the place in it, the number and the length: a record that was
/// moved or that is of another segment fails here.
fn head_checksum(seed: u32, offset: u64, index: u32, length: u32) -> u32 {
    let mut data = [0; 16];
    data[..8].copy_from_slice(&offset.to_le_bytes());
    data[8..12].copy_from_slice(&index.to_le_bytes());
    data[12..].copy_from_slice(&length.to_le_bytes());
    crc32c::crc32c_append(seed, &data)
}

/// Goes on where the head's checksum ends, so that it covers all that that one covers.
fn body_checksum(head: u32, body: &[u8]) -> u32 {
    crc32c::crc32c_append(head, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: u64, body: &[u8]) -> Vec<u8> {
        let mut stored = Vec::new();
        write(&mut stored, 7, offset, 3, body);
        stored
    }

    fn read(stored: &[u8], seed: u32, offset: u64) -> Read<Vec<u8>> {
        let to = (head_end(offset) - offset) as usize;
        let head = match read_head(&stored[..to], seed, offset) {
            Read::Whole(head) => head,
            Read::Incomplete => return Read::Incomplete,
            Read::Rotten(reason) => return Read::Rotten(reason),
        };
        assert_eq!(head.end(offset) - offset, stored.len() as u64);
        let mut body = stored.to_vec();
        match read_body(&mut body, &head, offset) {
            Read::Whole(()) => Read::Whole(body),
            Read::Incomplete => Read::Incomplete,
            Read::Rotten(reason) => Read::Rotten(reason),
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written_wherever_it_lies() {
        for offset in 512..1536 {
            for length in [0, 1, 100, 511, 1000] {
                let body = vec![0; length];
                assert_eq!(read(&record(offset, &body), 7, offset), Read::Whole(body));
            }
        }
    }

    #[test]
    fn a_flipped_bit_is_rot_wherever_it_is_and_never_incomplete() {
        for offset in [512, 700, 1015, 1023, 1024] {
            let whole = record(offset, &[0; 1100]);
            for bit in 0..whole.len() * 8 {
                let mut flipped = whole.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(matches!(read(&flipped, 7, offset), Read::Rotten(_)), "{offset} {bit}");
            }
        }
    }

    #[test]
    fn a_record_of_another_segment_or_another_place_is_rot() {
        let whole = record(1025, b"body");
        assert!(matches!(read(&whole, 8, 1025), Read::Rotten(_)));
        assert!(matches!(read(&whole, 7, 1026), Read::Rotten(_)));
    }
}
