//! Values of the usual types.

use std::borrow::Cow;

use crate::{Read, Reader, tree};

/// A type that is read from JSON.
pub trait Value<'a>: Sized {
    /// Whether it is read from null, too. In lists, null is left out of what is not.
    const TAKES_NULL: bool = false;

    /// Reads the value that begins here into a field that is none.
    ///
    /// # Errors
    ///
    /// As [`Value::read`].
    fn read_into(field: &mut Option<Self>, json: &mut Reader<'a>) -> Read {
        *field = Some(Self::read(json)?);
        Ok(())
    }

    /// Reads the value that begins here.
    ///
    /// # Errors
    ///
    /// Where it is not JSON or not of this type; the reader knows why.
    fn read(json: &mut Reader<'a>) -> Read<Self>;
}

/// Any value, as it is written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    /// A text that is JSON.
    pub const fn new(json: &'a str) -> Self {
        Self(json)
    }

    /// Its text.
    pub const fn get(self) -> &'a str {
        self.0
    }
}

impl<'a> Value<'a> for Raw<'a> {
    const TAKES_NULL: bool = true;

    fn read(json: &mut Reader<'a>) -> Read<Self> {
        json.raw().map(Self)
    }
}

/// Any value, of which only that it is there is of use.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Anything;

impl<'a> Value<'a> for Anything {
    fn read(json: &mut Reader<'a>) -> Read<Self> {
        json.skip().map(|()| Self)
    }
}

/// A whole number of 64 bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Integer {
    /// From 0.
    Unsigned(u64),
    /// Below 0.
    Negative(i64),
}

impl<'a> Value<'a> for Integer {
    fn read(json: &mut Reader<'a>) -> Read<Self> {
        json.integer("a whole number of 64 bits")
    }
}

impl<'a> Value<'a> for u32 {
    fn read(json: &mut Reader<'a>) -> Read<Self> {
        let at = json.at();
        match json.integer("u32")? {
            Integer::Unsigned(number) => u32::try_from(number).or_else(|_| json.out_of_range(at, "u32")),
            Integer::Negative(_) => json.out_of_range(at, "u32"),
        }
    }
}

impl<'a> Value<'a> for bool {
    fn read(json: &mut Reader<'a>) -> Read<Self> {
        json.boolean()
    }
}

impl<'a> Value<'a> for f64 {
    #[inline(never)]
    fn read(json: &mut Reader<'a>) -> Read<Self> {
        if !matches!(json.peek(), b'-' | b'0'..=b'9') {
            return json.mismatch("f64");
        }
        match tree::float(json.raw()?) {
            Some(number) => Ok(number),
            None => json.syntax(),
        }
    }
}

impl<'a> Value<'a> for Cow<'a, str> {
    fn read(json: &mut Reader<'a>) -> Read<Self> {
        json.string("a string")
    }
}

/// A list; elements that are null are left out.
impl<'a, T: Value<'a>> Value<'a> for Vec<T> {
    fn read(json: &mut Reader<'a>) -> Read<Self> {
        let mut list = Self::new();
        json.list("a list", &mut |json| {
            if T::TAKES_NULL || !json.null()? {
                list.push(T::read(json)?);
            }
            Ok(())
        })?;
        Ok(list)
    }
}
