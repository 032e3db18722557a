//! Reads JSON into types, in little code.
//!
//! Derived `Deserialize` implementations are as fast, and each of them is five to
//! fifteen kilobytes of WebAssembly: every field brings its own copy of the
//! parser. Here the parser is there once. An object of fields is a table of their
//! names, and a function that hands the value of a name to the field ([`object!`]).
//!
//! What is read and what is refused is the same as with `serde_json`, and so is
//! what an [`Error`] says: names that come twice, halves of surrogate pairs,
//! numbers (but for the last bit of long fractions), the depth. Values that no type
//! asks for are only looked through.

#![warn(missing_docs)]

mod error;
mod fields;
mod reader;
mod scan;
mod syntax;
mod text;
mod tree;
mod values;
mod write;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use self::{
    error::Error,
    fields::{Fields, Name, Slot},
    reader::{Bad, Read, Reader},
    scan::plain,
    text::is_same,
    tree::members,
    values::{Anything, Integer, Raw, Value},
    write::{quote, text, write},
};

/// Reads a text that is one value.
///
/// # Errors
///
/// Where the text is not JSON, or of another type.
pub fn from_str<'a, T: Value<'a>>(text: &'a str) -> Result<T, Error> {
    let mut reader = Reader::new(text);
    let read = T::read(&mut reader).and_then(|value| reader.end().map(|()| value));
    read.map_err(|Bad| reader.error())
}

/// Reads a text that is one value, where nobody asks why it cannot be read. Null is
/// none, too.
pub fn read<'a, T: Value<'a>>(text: &'a str) -> Option<T> {
    let mut value = None;
    let is_read = read_into(text, &mut value).is_ok();
    value.filter(|_| is_read)
}

/// Whether a text is one value that a field takes.
///
/// # Errors
///
/// As [`from_str`].
pub fn check<'a>(text: &'a str, field: &mut dyn Slot<'a>) -> Result<(), Error> {
    read_into(text, field).map_err(|reader| reader.error())
}

fn read_into<'a>(text: &'a str, field: &mut dyn Slot<'a>) -> Result<(), Reader<'a>> {
    let mut reader = Reader::new(text);
    match field.set(&mut reader).and_then(|()| reader.end()) {
        Ok(()) => Ok(()),
        Err(Bad) => Err(reader),
    }
}

/// Reads the value that a text begins with. Gives the rest of it, too.
pub fn first<'a, T: Value<'a>>(text: &'a str) -> Option<(T, &'a str)> {
    let mut reader = Reader::new(text);
    let value = T::read(&mut reader).ok()?;
    Some((value, reader.rest()))
}

/// Reads a text that is a string.
pub fn string(text: &str) -> Option<Cow<'_, str>> {
    read(text)
}
