//! Whether two JSON texts are the same value, whatever the order in which a map was written. The texts
//! are read here, because serde_json rounds numbers beyond 64 bits, and two of those would be the same.

use alloc::vec::Vec;

/// Deeper than any payload that a decoder reads.
const MAX_DEPTH: usize = 256;

/// Numbers with a fraction are the same when they differ by less than this part of them: less than 50
/// steps of a `f64`. Histories from before `f64`s came back bit for bit need it: what the code was
/// given then was off by such a step, and so was what it passed on.
const TOLERANCE: f64 = 1e-14;

/// Whether the order of a list counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lists {
    InOrder,
    /// They may be sets, which are written in any order.
    InAnyOrder,
}

/// Whether both texts are the same value. What is no JSON is the same as nothing.
pub(super) fn same_value(one: &[u8], other: &[u8], lists: Lists) -> bool {
    match (Value::parse(one, lists), Value::parse(other, lists)) {
        (Some(one), Some(other)) => one.is_same(&other),
        _ => false,
    }
}

/// A value whose maps are sorted by key.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value<'a> {
    /// A text, a number or a word, as it is written.
    Scalar(&'a [u8]),
    List(Vec<Self>),
    Map(Vec<(&'a [u8], Self)>),
}

impl<'a> Value<'a> {
    fn parse(json: &'a [u8], lists: Lists) -> Option<Self> {
        let mut reader = Reader { json, at: 0, lists };
        let value = reader.value(MAX_DEPTH)?;
        (reader.peek().is_none()).then_some(value)
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Scalar(one), Self::Scalar(other)) => one == other || is_same_number(one, other),
            (Self::List(one), Self::List(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a.is_same(b))
            }
            (Self::Map(one), Self::Map(other)) => {
                one.len() == other.len()
                    && one.iter().zip(other).all(|((k, a), (l, b))| k == l && a.is_same(b))
            }
            _ => false,
        }
    }
}

fn is_same_number(one: &[u8], other: &[u8]) -> bool {
    let has_fraction = |text: &[u8]| text.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
    if !has_fraction(one) && !has_fraction(other) {
        return false;
    }
    match (number(one), number(other)) {
        (Some(one), Some(other)) => (one - other).abs() <= TOLERANCE * one.abs().max(other.abs()),
        _ => false,
    }
}

fn number(text: &[u8]) -> Option<f64> {
    if !matches!(text.first(), Some(b'-' | b'0'..=b'9')) {
        return None;
    }
    core::str::from_utf8(text).ok()?.parse().ok()
}

struct Reader<'a> {
    json: &'a [u8],
    at: usize,
    lists: Lists,
}

impl<'a> Reader<'a> {
    /// The next byte that is no space.
    fn peek(&mut self) -> Option<u8> {
        while self.json.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.json.get(self.at).copied()
    }

    /// Passes over a byte, if it comes next.
    fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn value(&mut self, depth: usize) -> Option<Value<'a>> {
        let depth = depth.checked_sub(1)?;
        match self.peek()? {
            b'[' => self.list(depth),
            b'{' => self.map(depth),
            b'"' => Some(Value::Scalar(self.text()?)),
            _ => Some(Value::Scalar(self.word()?)),
        }
    }

    fn list(&mut self, depth: usize) -> Option<Value<'a>> {
        let mut items = Vec::new();
        self.at += 1;
        while !self.takes(b']') {
            if !items.is_empty() && !self.takes(b',') {
                return None;
            }
            items.push(self.value(depth)?);
        }
        if self.lists == Lists::InAnyOrder {
            items.sort_unstable();
        }
        Some(Value::List(items))
    }

    fn map(&mut self, depth: usize) -> Option<Value<'a>> {
        let mut entries = Vec::new();
        self.at += 1;
        while !self.takes(b'}') {
            if !entries.is_empty() && !self.takes(b',') {
                return None;
            }
            self.peek().filter(|next| *next == b'"')?;
            let key = self.text()?;
            if !self.takes(b':') {
                return None;
            }
            entries.push((key, self.value(depth)?));
        }
        // Stable: of a key that is there twice, the last one counts.
        entries.sort_by_key(|(key, _)| *key);
        Some(Value::Map(entries))
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let from = self.at;
        self.at = super::end_of_text(self.json, from + 1);
        let text = self.json.get(from..self.at)?;
        (text.len() > 1 && text.ends_with(b"\"")).then_some(text)
    }

    fn word(&mut self) -> Option<&'a [u8]> {
        let rest = self.json.get(self.at..)?;
        let is_end =
            |byte: &u8| matches!(byte, b',' | b']' | b'}' | b':') || byte.is_ascii_whitespace();
        let word = &rest[..rest.iter().position(is_end).unwrap_or(rest.len())];
        self.at += word.len();
        (!word.is_empty()).then_some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::Lists::{InAnyOrder, InOrder};
    use super::*;

    fn same(one: &str, other: &str) -> bool {
        same_value(one.as_bytes(), other.as_bytes(), InOrder)
    }

    #[test]
    fn the_order_of_a_map_does_not_count_and_that_of_a_list_does() {
        assert!(same(
            r#"{"a":1,"b":[{"c":"}\"","d":null}]}"#,
            r#"{"b":[{"d":null,"c":"}\""}],"a":1}"#
        ));
        assert!(!same(r#"{"a":1,"b":2}"#, r#"{"a":2,"b":1}"#));
        assert!(!same(r#"{"a":1}"#, r#"{"a":1,"b":1}"#));
        assert!(!same("[1,2]", "[2,1]"));
        assert!(same_value(b"[[1,2],[3]]", b"[[3],[2,1]]", InAnyOrder));
        assert!(!same_value(b"[1,1,2]", b"[1,2,2]", InAnyOrder));
    }

    #[test]
    fn numbers_are_compared_as_numbers_where_they_have_a_fraction() {
        assert!(same("0.41000000000000003", "0.41000000000000009"));
        assert!(same("1.0", "1"));
        assert!(!same("0.41", "0.42"));
        assert!(!same("9007199254740993", "9007199254740992"));
        assert!(!same(
            "340282366920938463463374607431768211455",
            "340282366920938463463374607431768211454"
        ));
        assert!(!same("1", "\"1\""));
        assert!(!same("1e400", "2e400"), "out of range: no number");
    }

    #[test]
    fn what_is_no_json_is_the_same_as_nothing() {
        for text in ["", "[", "[1", "{\"a\"}", "{\"a\":}", "\"a", "{1:2}", "[1,]", "1 2", "\"\\"] {
            assert!(!same(text, text), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(!same(&deep, &deep));
    }
}
