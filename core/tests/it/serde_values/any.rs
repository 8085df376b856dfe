//! A value of any shape that serde knows, and of some that do not come back.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Any {
    Unit,
    Double(f64),
    Single(f32),
    Wide(i128),
    Unsigned(u128),
    Letter(char),
    Text(Cow<'static, str>),
    Bytes(Bytes),
    OnlyBytes(OnlyBytes),
    Twice(Option<Option<u8>>),
    Nothing(Option<()>),
    Tuple((i8, f64, String)),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
    Numbered(BTreeMap<i64, Self>),
    Lettered(BTreeMap<char, bool>),
    Paired(BTreeMap<(u8, u8), u8>),
    Skips(Skips),
    Loose(Loose),
    Inside(Inside),
    Beside(Beside),
    Flat(Flat),
    #[serde(skip_deserializing)]
    WriteOnly(u8),
    Deep(Deep),
}

/// Written as bytes, read from whatever has bytes in it.
#[derive(Debug)]
pub(crate) struct Bytes(Vec<u8>);

/// Written as bytes, and read from nothing else: JSON has none.
#[derive(Debug)]
pub(crate) struct OnlyBytes(Vec<u8>);

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Skips {
    kept: f64,
    #[serde(skip)]
    #[expect(dead_code, reason = "it is shown, which is how it is compared")]
    lost: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    optional: Option<Box<Any>>,
    #[serde(skip_serializing_if = "is_small")]
    missed: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_small(number: &u32) -> bool {
    *number < 2
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Loose {
    Number(u64),
    Signed(i128),
    Float(f64),
    Text(String),
    Pair(Option<u8>, bool),
    Single { single: f32 },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum Inside {
    Float { float: f64 },
    Wide { wide: u128 },
    Inner { inner: Box<Any> },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value")]
pub(crate) enum Beside {
    Twice(Option<Option<bool>>),
    Inner(Box<Any>),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Flat {
    id: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, f64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Deep(Vec<Self>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(BytesVisitor)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<Bytes, A::Error> {
        let mut read = Vec::new();
        while let Some(byte) = bytes.next_element()? {
            read.push(byte);
        }
        Ok(Bytes(read))
    }
}

impl Serialize for OnlyBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for OnlyBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(OnlyBytesVisitor)
    }
}

struct OnlyBytesVisitor;

impl Visitor<'_> for OnlyBytesVisitor {
    type Value = OnlyBytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes, and nothing else")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<OnlyBytes, E> {
        Ok(OnlyBytes(bytes.to_vec()))
    }
}

impl Any {
    /// The value of a seed, always the same.
    pub(crate) fn random(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1).any(3)
    }
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 16) % limit
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lowest bits of a random number")]
    fn byte(&mut self) -> u8 {
        (self.next() >> 24) as u8
    }

    fn flag(&mut self) -> bool {
        self.below(2) == 0
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.flag() { Some(make(self)) } else { None }
    }

    fn some<T>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(4)).map(|_| make(self)).collect()
    }

    fn double(&mut self) -> f64 {
        const ODD: [f64; 8] = [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -0.0,
            0.0,
            f64::MIN_POSITIVE,
            f64::MAX,
            5e-324,
        ];
        match self.below(6) {
            0 => ODD[usize::from(self.byte() % 8)],
            1 => f64::from(self.byte()),
            _ => f64::from_bits(self.next()),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "any bits will do")]
    fn single(&mut self) -> f32 {
        f32::from_bits(self.next() as u32)
    }

    fn wide(&mut self) -> u128 {
        let wide = (u128::from(self.next()) << 64) | u128::from(self.next());
        wide >> self.below(128)
    }

    fn letter(&mut self) -> char {
        const ODD: [char; 6] = ['"', '\\', '\0', 'é', '\u{1f600}', '{'];
        ODD[usize::from(self.byte() % 6)]
    }

    fn text(&mut self) -> String {
        self.some(Self::letter).into_iter().collect()
    }

    fn inner(&mut self, depth: u32) -> Box<Any> {
        Box::new(self.any(depth))
    }

    fn any(&mut self, depth: u32) -> Any {
        let Some(depth) = depth.checked_sub(1) else { return Any::Double(self.double()) };
        match self.below(24) {
            0 => Any::Unit,
            1 => Any::Double(self.double()),
            2 => Any::Single(self.single()),
            3 => Any::Wide(self.wide().cast_signed()),
            4 => Any::Unsigned(self.wide()),
            5 => Any::Letter(self.letter()),
            6 => Any::Text(self.text().into()),
            7 => Any::Bytes(Bytes(self.some(Self::byte))),
            8 => Any::OnlyBytes(OnlyBytes(self.some(Self::byte))),
            9 => Any::Twice(self.maybe(|random| random.maybe(Self::byte))),
            10 => Any::Nothing(self.maybe(|_| ())),
            11 => Any::Tuple((self.byte().cast_signed(), self.double(), self.text())),
            12 => Any::List(self.some(|random| random.any(depth))),
            13 => Any::Map(
                self.some(|random| (random.text(), random.any(depth))).into_iter().collect(),
            ),
            14 => Any::Numbered(
                self.some(|random| (random.next().cast_signed(), random.any(depth)))
                    .into_iter()
                    .collect(),
            ),
            15 => Any::Lettered(
                self.some(|random| (random.letter(), random.flag())).into_iter().collect(),
            ),
            16 => Any::Paired(self.some(|random| ((random.byte(), 1), 2)).into_iter().collect()),
            17 => Any::Skips(Skips {
                kept: self.double(),
                lost: 7,
                optional: self.maybe(|random| random.inner(depth)),
                missed: u32::from(self.byte() % 4),
            }),
            18 => Any::Loose(self.loose()),
            19 => Any::Inside(match self.below(3) {
                0 => Inside::Float { float: self.double() },
                1 => Inside::Wide { wide: self.wide() },
                _ => Inside::Inner { inner: self.inner(depth) },
            }),
            20 => Any::Beside(match self.flag() {
                true => Beside::Twice(self.maybe(|random| random.maybe(Self::flag))),
                false => Beside::Inner(self.inner(depth)),
            }),
            21 => Any::Flat(Flat {
                id: self.byte(),
                rest: self.some(|random| (random.text(), random.double())).into_iter().collect(),
            }),
            22 => Any::WriteOnly(self.byte()),
            _ => {
                let levels = self.below(250);
                Any::Deep((0..levels).fold(Deep(Vec::new()), |inner, _| Deep(vec![inner])))
            }
        }
    }

    fn loose(&mut self) -> Loose {
        match self.below(6) {
            0 => Loose::Number(self.next()),
            1 => Loose::Signed(self.wide().cast_signed()),
            2 => Loose::Float(self.double()),
            3 => Loose::Text(self.text()),
            4 => Loose::Pair(self.maybe(Self::byte), self.flag()),
            _ => Loose::Single { single: self.single() },
        }
    }
}
