//! Encodes values up to a depth: a value that is nested for ever would use up the stack, and
//! that is the end of the process.

use core::cell::Cell;
use core::fmt;

use serde::ser::{
    Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use serde::{Serialize, Serializer};

use crate::zoo::{self, Bug};

/// A value, and how many levels of lists and maps it may have.
pub(super) struct Bounded<'a, T: ?Sized> {
    pub(super) value: &'a T,
    pub(super) levels: usize,
    pub(super) found: &'a Found,
}

/// What was found in a value while it was encoded.
#[derive(Default)]
pub(super) struct Found {
    /// It had more levels than it may have.
    pub(super) too_deep: Cell<bool>,
    /// It has a number that JSON does not have: NaN, or an infinity. `null` is written for it.
    pub(super) not_finite: Cell<bool>,
}

impl Found {
    fn note_number(&self, is_finite: bool) {
        if !is_finite {
            self.not_finite.set(true);
        }
    }
}

impl<T: Serialize + ?Sized> Serialize for Bounded<'_, T> {
    fn serialize<S: Serializer>(&self, inner: S) -> Result<S::Ok, S::Error> {
        let Self { value, levels, found } = *self;
        value.serialize(Level { inner, levels, found })
    }
}

/// A serializer, or a list or map under way in one, and the levels that are left in it.
struct Level<'a, S> {
    inner: S,
    levels: usize,
    found: &'a Found,
}

impl<'a, S> Level<'a, S> {
    /// One level further down.
    fn down<T, E: Error>(self, open: impl FnOnce(S) -> Result<T, E>) -> Result<Level<'a, T>, E> {
        let Self { inner, levels, found } = self;
        let Some(levels) = levels.checked_sub(1) else {
            found.too_deep.set(true);
            return Err(E::custom("nested too deep"));
        };
        Ok(Level { inner: open(inner)?, levels, found })
    }
}

macro_rules! as_they_are {
    ($($method:ident: $type:ty),+ $(,)?) => {$(
        fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
            self.inner.$method(value)
        }
    )+};
}

impl<'a, S: Serializer> Serializer for Level<'a, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Level<'a, S::SerializeSeq>;
    type SerializeTuple = Level<'a, S::SerializeTuple>;
    type SerializeTupleStruct = Level<'a, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Level<'a, S::SerializeTupleVariant>;
    type SerializeMap = Level<'a, S::SerializeMap>;
    type SerializeStruct = Level<'a, S::SerializeStruct>;
    type SerializeStructVariant = Level<'a, S::SerializeStructVariant>;

    as_they_are! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32,
        serialize_i64: i64, serialize_i128: i128, serialize_u8: u8, serialize_u16: u16,
        serialize_u32: u32, serialize_u64: u64, serialize_u128: u128, serialize_char: char, serialize_str: &str, serialize_bytes: &[u8],
        serialize_unit_struct: &'static str,
    }

    fn serialize_f32(self, value: f32) -> Result<S::Ok, S::Error> {
        self.found.note_number(value.is_finite());
        self.inner.serialize_f32(value)
    }

    fn serialize_f64(self, value: f64) -> Result<S::Ok, S::Error> {
        self.found.note_number(value.is_finite());
        if zoo::planted(Bug::FloatLost) {
            return self.inner.serialize_f64((value as f32).into());
        }
        self.inner.serialize_f64(value)
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let Self { inner, levels, found } = self;
        inner.serialize_some(&Bounded { value, levels, found })
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let Self { inner, levels, found } = self;
        inner.serialize_newtype_struct(name, &Bounded { value, levels, found })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let Level { inner, levels, found } = self.down(Ok::<S, S::Error>)?;
        inner.serialize_newtype_variant(name, index, variant, &Bounded { value, levels, found })
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        self.down(|inner| inner.serialize_seq(len))
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        self.down(|inner| inner.serialize_tuple(len))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        self.down(|inner| inner.serialize_tuple_struct(name, len))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        self.down(|inner| inner.serialize_tuple_variant(name, index, variant, len))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        self.down(|inner| inner.serialize_map(len))
    }

    fn serialize_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStruct, S::Error> {
        self.down(|inner| inner.serialize_struct(name, len))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        self.down(|inner| inner.serialize_struct_variant(name, index, variant, len))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// The parts of lists and maps, each a level further down.
macro_rules! part_by_part {
    ($($trait:ident { $($method:ident($($key:ident: $type:ty)?)),+ })+) => {$(
        impl<S: $trait> $trait for Level<'_, S> {
            type Ok = S::Ok;
            type Error = S::Error;

            $(
                fn $method<T: Serialize + ?Sized>(
                    &mut self,
                    $($key: $type,)?
                    value: &T,
                ) -> Result<(), S::Error> {
                    let Self { inner, levels, found } = self;
                    let levels = *levels;
                    let found = *found;
                    inner.$method($($key,)? &Bounded { value, levels, found })
                }
            )+

            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        }
    )+};
}

part_by_part! {
    SerializeSeq { serialize_element() }
    SerializeTuple { serialize_element() }
    SerializeTupleStruct { serialize_field() }
    SerializeTupleVariant { serialize_field() }
    SerializeMap { serialize_key(), serialize_value() }
    SerializeStruct { serialize_field(key: &'static str) }
    SerializeStructVariant { serialize_field(key: &'static str) }
}
