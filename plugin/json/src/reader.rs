//! The parser: one place in a text, and what goes wrong there.

use std::borrow::Cow;

use crate::{
    error::{Error, Problem},
    fields::{self, Fields},
    scan, text,
    values::Integer,
};

/// How deep typed values may be nested, as with `serde_json`. Those that nobody
/// asks for have no bound: they take no stack.
const MAX_DEPTH: u8 = 128;

/// Something cannot be read. What it is stands in the reader.
#[derive(Clone, Copy, Debug)]
pub struct Bad;

/// What reading gives.
pub type Read<T = ()> = Result<T, Bad>;

/// A place in a text.
#[derive(Debug)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u8,
    problem: Problem,
}

impl<'a> Reader<'a> {
    /// The start of a text.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: MAX_DEPTH, problem: Problem::Syntax }
    }

    /// What is not read yet.
    pub fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Nothing but white space may follow.
    pub fn end(&mut self) -> Read {
        self.peek();
        if self.at == self.text.len() { Ok(()) } else { self.syntax() }
    }

    /// What went wrong.
    #[cold]
    pub fn error(&self) -> Error {
        Error::new(self.text, self.at, &self.problem)
    }

    /// The next byte that is no white space; 0 at the end, which begins nothing.
    #[inline]
    pub fn peek(&mut self) -> u8 {
        match self.text.as_bytes().get(self.at) {
            Some(byte) if *byte > b' ' => *byte,
            _ => self.peek_behind_space(),
        }
    }

    #[inline(never)]
    fn peek_behind_space(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                Some(byte) => return *byte,
                None => return 0,
            }
        }
    }

    /// The text is not JSON.
    #[cold]
    pub fn syntax<T>(&mut self) -> Read<T> {
        self.problem = Problem::Syntax;
        Err(Bad)
    }

    /// The value that begins here is of another type than the one expected.
    #[cold]
    pub fn mismatch<T>(&mut self, expected: &'static str) -> Read<T> {
        self.peek();
        self.problem = Problem::Type { at: self.at, expected };
        Err(Bad)
    }

    /// The value that begins at a place, and was read, is of another type.
    #[cold]
    pub fn mismatch_at<T>(&mut self, at: usize, expected: &'static str) -> Read<T> {
        self.problem = Problem::Type { at, expected };
        Err(Bad)
    }

    /// The value that begins at a place is of the right type, and not one of those
    /// expected.
    #[cold]
    pub fn out_of_range<T>(&mut self, at: usize, expected: &'static str) -> Read<T> {
        self.problem = Problem::Value { at, expected };
        Err(Bad)
    }

    /// The object that ended here lacks a field.
    #[cold]
    pub fn missing<T>(&mut self, name: &'static str) -> Read<T> {
        self.problem = Problem::Missing(name);
        Err(Bad)
    }

    /// The object has a field twice.
    #[cold]
    pub(crate) fn duplicate<T>(&mut self, name: &'static str) -> Read<T> {
        // As with `serde_json`: behind the white space.
        self.peek();
        self.problem = Problem::Duplicate(name);
        Err(Bad)
    }

    /// Whether the value that begins here is null, which is read then.
    #[inline]
    pub fn null(&mut self) -> Read<bool> {
        match self.peek() {
            b'n' => self.literal("null").map(|()| true),
            _ => Ok(false),
        }
    }

    /// A boolean.
    pub(crate) fn boolean(&mut self) -> Read<bool> {
        match self.peek() {
            b't' => self.literal("true").map(|()| true),
            b'f' => self.literal("false").map(|()| false),
            _ => self.mismatch("a boolean"),
        }
    }

    /// A string.
    #[inline(never)]
    pub fn string(&mut self, expected: &'static str) -> Read<Cow<'a, str>> {
        if self.peek() != b'"' {
            return self.mismatch(expected);
        }
        let (inside, is_plain) = self.quoted()?;
        if is_plain {
            return Ok(Cow::Borrowed(inside));
        }
        match text::unescape(inside) {
            Some(text) => Ok(Cow::Owned(text)),
            None => self.syntax(),
        }
    }

    /// A whole number.
    #[inline(never)]
    pub fn integer(&mut self, expected: &'static str) -> Read<Integer> {
        let at = self.at();
        match self.number_or_float()? {
            Ok(number) => Ok(number),
            Err(_) => self.mismatch_at(at, expected),
        }
    }

    /// A whole number, or the text of one that is none or has more than 64 bits.
    pub(crate) fn number_or_float(&mut self) -> Read<Result<Integer, &'a str>> {
        let start = self.at();
        let is_whole = self.number()?;
        let text = self.text.get(start..self.at).unwrap_or_default();
        let number = match text.strip_prefix('-') {
            None => text.parse().ok().map(Integer::Unsigned),
            // As with `serde_json`, -0 is no whole number.
            Some(_) => text.parse().ok().filter(|number| *number < 0).map(Integer::Negative),
        };
        Ok(number.filter(|_| is_whole).ok_or(text))
    }

    /// Any value; its text.
    #[inline(never)]
    pub fn raw(&mut self) -> Read<&'a str> {
        self.peek();
        let start = self.at;
        self.skip()?;
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    /// Reads an object's fields.
    #[inline(never)]
    pub fn object(&mut self, target: &mut dyn Fields<'a>) -> Read {
        if self.peek() != b'{' {
            return self.mismatch("an object");
        }
        self.enter()?;
        let names = target.names();
        let (mut seen, mut next) = (0_u64, 0);
        let mut more = self.peek() != b'}';
        while more {
            let found = match self.key()? {
                (key, true) => fields::find(names, next, key),
                (key, false) => match text::unescape(key) {
                    Some(key) => fields::find(names, next, &key),
                    None => return self.syntax(),
                },
            };
            match found {
                Some((at, name)) => {
                    let bit = 1 << name.slot;
                    if seen & bit != 0 {
                        return self.duplicate(fields::first_of(names, name.slot));
                    }
                    seen |= bit;
                    next = at + 1;
                    self.colon()?;
                    target.field(name.slot, self)?;
                }
                None => {
                    self.colon()?;
                    self.skip()?;
                }
            }
            more = self.another(b'}')?;
        }
        self.leave();
        Ok(())
    }

    /// Reads a list, element by element.
    #[inline(never)]
    pub fn list(&mut self, expected: &'static str, each: &mut dyn FnMut(&mut Self) -> Read) -> Read {
        if self.peek() != b'[' {
            return self.mismatch(expected);
        }
        self.enter()?;
        let mut more = self.peek() != b']';
        while more {
            each(self)?;
            more = self.another(b']')?;
        }
        self.leave();
        Ok(())
    }

    /// Reads the entries of an object by their names.
    pub fn entries(&mut self, each: &mut dyn FnMut(&str, &mut Self) -> Read) -> Read {
        if self.peek() != b'{' {
            return self.mismatch("an object");
        }
        self.enter()?;
        let mut more = self.peek() != b'}';
        while more {
            let key = match self.key()? {
                (key, true) => Cow::Borrowed(key),
                (key, false) => match text::unescape(key) {
                    Some(key) => Cow::Owned(key),
                    None => return self.syntax(),
                },
            };
            self.colon()?;
            each(&key, self)?;
            more = self.another(b'}')?;
        }
        self.leave();
        Ok(())
    }

    /// Goes over any value.
    #[inline(never)]
    pub fn skip(&mut self) -> Read {
        let mut outer = Brackets::default();
        loop {
            match self.peek() {
                b'"' => _ = self.quoted()?,
                b'-' | b'0'..=b'9' => _ = self.number()?,
                b't' => self.literal("true")?,
                b'f' => self.literal("false")?,
                b'n' => self.literal("null")?,
                open @ (b'{' | b'[') => {
                    self.at += 1;
                    // Both closing brackets are two behind the opening one.
                    if self.peek() == open + 2 {
                        self.at += 1;
                    } else {
                        outer.push(open == b'{');
                        if open == b'{' {
                            self.key()?;
                            self.colon()?;
                        }
                        continue;
                    }
                }
                _ => return self.syntax(),
            }
            loop {
                let Some(is_object) = outer.last() else { return Ok(()) };
                if self.another(if is_object { b'}' } else { b']' })? {
                    if is_object {
                        self.key()?;
                        self.colon()?;
                    }
                    break;
                }
                self.at += 1;
                outer.pop();
            }
        }
    }

    /// Whether another element follows behind a comma; else the bracket is next.
    #[inline]
    fn another(&mut self, bracket: u8) -> Read<bool> {
        match self.peek() {
            b',' => {
                self.at += 1;
                if self.peek() == bracket { self.syntax() } else { Ok(true) }
            }
            byte if byte == bracket => Ok(false),
            _ => self.syntax(),
        }
    }

    fn enter(&mut self) -> Read {
        self.depth -= 1;
        if self.depth == 0 {
            return self.syntax();
        }
        self.at += 1;
        Ok(())
    }

    fn leave(&mut self) {
        self.depth += 1;
        self.at += 1;
    }

    /// A name as it is written, and whether that is how it reads.
    fn key(&mut self) -> Read<(&'a str, bool)> {
        if self.peek() == b'"' { self.quoted() } else { self.syntax() }
    }

    #[inline]
    fn colon(&mut self) -> Read {
        if self.peek() != b':' {
            return self.syntax();
        }
        self.at += 1;
        Ok(())
    }

    /// The inside of the string that begins here, and whether that is how it reads.
    #[cfg_attr(target_family = "wasm", target_feature(enable = "simd128"))]
    fn quoted(&mut self) -> Read<(&'a str, bool)> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let (mut at, mut is_plain) = (start, true);
        loop {
            at += scan::plain(bytes.get(at..).unwrap_or_default());
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    is_plain = false;
                    at += match bytes.get(at + 1) {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                        Some(b'u') => match bytes.get(at + 2..at + 6) {
                            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => 6,
                            _ => return self.syntax(),
                        },
                        _ => return self.syntax(),
                    };
                }
                _ => return self.syntax(),
            }
        }
        self.at = at + 1;
        Ok((self.text.get(start..at).unwrap_or_default(), is_plain))
    }

    fn literal(&mut self, word: &str) -> Read {
        if !self.rest().starts_with(word) {
            return self.syntax();
        }
        self.at += word.len();
        Ok(())
    }

    /// Goes over a number; whether it is written without fraction and exponent.
    fn number(&mut self) -> Read<bool> {
        let mut at = self.at;
        let bytes = self.text.as_bytes();
        let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
        let digits = |mut at: usize| {
            while byte(at).is_ascii_digit() {
                at += 1;
            }
            at
        };
        if byte(at) == b'-' {
            at += 1;
        }
        let start = at;
        at = if byte(at) == b'0' { at + 1 } else { digits(at) };
        let mut is_right = at > start && !(byte(start) == b'0' && byte(at).is_ascii_digit());
        let whole = at;
        if byte(at) == b'.' {
            let end = digits(at + 1);
            is_right &= end > at + 1;
            at = end;
        }
        if matches!(byte(at), b'e' | b'E') {
            at += if matches!(byte(at + 1), b'+' | b'-') { 2 } else { 1 };
            let end = digits(at);
            is_right &= end > at;
            at = end;
        }
        if !is_right {
            return self.syntax();
        }
        self.at = at;
        Ok(at == whole)
    }

    /// Where the reader is.
    pub fn at(&mut self) -> usize {
        self.peek();
        self.at
    }
}

/// Which brackets are open, a bit for each: a record may nest as deep as it is
/// long.
#[derive(Default)]
struct Brackets {
    last: u64,
    depth: usize,
    rest: Vec<u64>,
}

impl Brackets {
    fn push(&mut self, is_object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.rest.push(self.last);
        }
        self.last = self.last << 1 | u64::from(is_object);
        self.depth += 1;
    }

    fn last(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.last & 1 == 1)
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.last >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.last = self.rest.pop().unwrap_or_default();
        }
    }
}
