//! The values that records are made of, borrowed from the text where it has no
//! escapes.

use std::{borrow::Cow, fmt, ops::Deref};

use guest_json::{Integer, Read, Reader, Value};

/// A text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Text<'a>(pub Cow<'a, str>);

impl Text<'_> {
    /// The text as a `String`.
    pub fn into_string(self) -> String {
        self.0.into_owned()
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl<'a> Value<'a> for Text<'a> {
    fn read(json: &mut Reader<'a>) -> Read<Self> {
        json.string("a text").map(Self)
    }
}

/// An id or another short word: a text, or a whole number, as the vendor's
/// endpoints do not agree on which.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Id<'a> {
    /// As a text.
    Text(Text<'a>),
    /// As a number.
    Number(u64),
    /// As a number below 0, which no id should be.
    Negative(i64),
}

impl Id<'_> {
    /// The id as text.
    pub fn into_string(self) -> String {
        match self {
            Self::Text(text) => text.into_string(),
            Self::Number(number) => number.to_string(),
            Self::Negative(number) => number.to_string(),
        }
    }
}

impl fmt::Display for Id<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => text.fmt(out),
            Self::Number(number) => number.fmt(out),
            Self::Negative(number) => number.fmt(out),
        }
    }
}

impl<'a> Value<'a> for Id<'a> {
    fn read(json: &mut Reader<'a>) -> Read<Self> {
        const EXPECTED: &str = "a text or a whole number of 64 bits";
        if !matches!(json.peek(), b'-' | b'0'..=b'9') {
            return json.string(EXPECTED).map(|text| Self::Text(Text(text)));
        }
        json.integer(EXPECTED).map(|number| match number {
            Integer::Unsigned(number) => Self::Number(number),
            Integer::Negative(number) => Self::Negative(number),
        })
    }
}

/// A line or column, from 1. Zero stands for "unknown" in the vendor's data,
/// and some endpoints write such numbers as texts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Count(pub Option<u32>);

impl<'a> Value<'a> for Count {
    fn read(json: &mut Reader<'a>) -> Read<Self> {
        const EXPECTED: &str = "a whole number from 0 to 4294967295";
        let at = json.at();
        let number = if json.peek() == b'"' {
            json.string(EXPECTED)?.parse().ok()
        } else {
            match json.integer(EXPECTED)? {
                Integer::Unsigned(number) => u32::try_from(number).ok(),
                Integer::Negative(_) => return json.mismatch_at(at, EXPECTED),
            }
        };
        match number {
            Some(number) => Ok(Self(Some(number).filter(|number| *number != 0))),
            None => json.out_of_range(at, EXPECTED),
        }
    }
}

/// A list; elements that are null are left out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct List<T>(pub Vec<T>);

impl<'a, T: Value<'a>> Value<'a> for List<T> {
    fn read(json: &mut Reader<'a>) -> Read<Self> {
        Vec::read(json).map(Self)
    }
}

/// Reads a text that is one value.
pub use guest_json::from_str as from_text;

/// A list of texts, or one text alone: rule metadata has both forms. Lists
/// inside of it are taken for their elements, which old versions of the tool
/// need.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Texts<'a>(pub Vec<Text<'a>>);

impl Texts<'_> {
    /// The texts as strings.
    pub fn into_strings(self) -> Vec<String> {
        self.0.into_iter().map(Text::into_string).collect()
    }
}

impl<'a> Value<'a> for Texts<'a> {
    fn read(json: &mut Reader<'a>) -> Read<Self> {
        let mut texts = Vec::new();
        add_texts(&mut texts, json, false)?;
        Ok(Self(texts))
    }
}

/// The same, with whole numbers for their digits: people write `cwe: 89`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Labels<'a>(pub Texts<'a>);

impl<'a> Value<'a> for Labels<'a> {
    fn read(json: &mut Reader<'a>) -> Read<Self> {
        let mut texts = Vec::new();
        add_texts(&mut texts, json, true)?;
        Ok(Self(Texts(texts)))
    }
}

fn add_texts<'a>(texts: &mut Vec<Text<'a>>, json: &mut Reader<'a>, numbers: bool) -> Read {
    const EXPECTED: &str = "a list of texts";
    match json.peek() {
        b'[' => {}
        b'0'..=b'9' if numbers => {
            texts.push(Text(Id::read(json)?.into_string().into()));
            return Ok(());
        }
        _ => {
            texts.push(Text(json.string(EXPECTED)?));
            return Ok(());
        }
    }
    json.list(EXPECTED, &mut |json| if json.null()? { Ok(()) } else { add_texts(texts, json, numbers) })
}
