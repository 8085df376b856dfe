//! Checksums of rows. SQLite has none: it notices only what breaks its pages.

use rusqlite::Row;
use rusqlite::types::ValueRef;

/// CRC32C of values, in their order.
pub(in crate::local) fn checksum<'a>(values: impl IntoIterator<Item = ValueRef<'a>>) -> u32 {
    values.into_iter().fold(0, append)
}

/// Whether the column after the first `covered` ones of a row is the checksum of those.
pub(in crate::local) fn is_whole(row: &Row<'_>, covered: usize) -> rusqlite::Result<bool> {
    let mut checksum = 0;
    for column in 0..covered {
        checksum = append(checksum, row.get_ref(column)?);
    }
    Ok(row.get_ref(covered)? == ValueRef::Integer(checksum.into()))
}

/// As [`is_whole`], of a checksum that is also of another column, where that is not null.
pub(in crate::local) fn is_whole_with(
    row: &Row<'_>,
    covered: usize,
    more: usize,
) -> rusqlite::Result<bool> {
    let mut checksum = 0;
    for column in 0..covered {
        checksum = append(checksum, row.get_ref(column)?);
    }
    match row.get_ref(more)? {
        ValueRef::Null => {}
        value => checksum = append(checksum, value),
    }
    Ok(row.get_ref(covered)? == ValueRef::Integer(checksum.into()))
}

/// Each value says where it ends, so that no bytes can go from one to the next unnoticed.
fn append(checksum: u32, value: ValueRef<'_>) -> u32 {
    let (kind, number, bytes): (u8, u64, &[u8]) = match value {
        ValueRef::Null => (0, 0, &[]),
        ValueRef::Integer(number) => (1, number.cast_unsigned(), &[]),
        ValueRef::Text(text) => (2, text.len() as u64, text),
        ValueRef::Blob(blob) => (3, blob.len() as u64, blob),
        // No column is of this kind; only rot makes one.
        ValueRef::Real(number) => (4, number.to_bits(), &[]),
    };
    let mut head = [kind; 1 + 8];
    head[1..].copy_from_slice(&number.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c_append(checksum, &head), bytes)
}

#[cfg(test)]
mod tests {
    use super::ValueRef::{Blob, Integer, Null, Text};
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_documented_bytes() {
        let head = |kind: u8, number: i64| [&[kind][..], &number.to_le_bytes()].concat();
        let bytes = [&head(2, 2)[..], b"id", &head(1, -2), &head(3, 1), &[7], &head(0, 0)].concat();
        let values = [Text(b"id"), Integer(-2), Blob(&[7]), Null];
        assert_eq!(checksum(values), crc32c::crc32c(&bytes));
    }

    #[test]
    fn other_values_have_another_checksum() {
        let all: [&[ValueRef<'_>]; 9] = [
            &[],
            &[Null],
            &[Integer(0)],
            &[Text(b"")],
            &[Blob(b"")],
            &[Null, Null],
            &[Text(b"ab"), Text(b"c")],
            &[Text(b"a"), Text(b"bc")],
            &[Text(b"abc"), Text(b"")],
        ];
        let mut checksums = all.map(|values| checksum(values.iter().copied()));
        checksums.sort_unstable();
        assert!(checksums.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
