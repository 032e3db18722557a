//! Reading JSON that may hold anything: a member of a wrong type is an absent one.
//!
//! Lists of records are only cut into texts, and each is parsed when its turn
//! comes, so that a large report is not held twice.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::Value;
pub use serde_json::value::RawValue;

use crate::bounds;

/// An object whose members are not parsed yet.
pub type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// The members of an object.
pub fn fields(raw: &RawValue) -> Option<Fields<'_>> {
    serde_json::from_str(raw.get()).ok()
}

/// The elements of a list.
pub fn elements(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

/// A text.
pub fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<String>(raw.get()).ok().map(Cow::Owned)
}

/// A value, parsed; null if it cannot be.
pub fn value(raw: Option<&&RawValue>) -> Value {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// Whether a text says something. Many may look at the same one: what begins with
/// nothing but white space is not looked through.
fn is_said(text: &str) -> bool {
    !bounds::word(text).trim_start().is_empty()
}

/// Looks for members by key, in a value or in one that may be absent.
pub trait JsonView<'a>: Copy {
    /// A member that is there and not null.
    fn at(self, key: &str) -> Option<&'a Value>;

    /// A text that is not empty.
    fn text(self, key: &str) -> Option<&'a str> {
        self.at(key).and_then(Value::as_str).filter(|text| is_said(text))
    }

    /// A text that is not empty, to be kept.
    fn owned(self, key: &str) -> Option<String> {
        self.text(key).map(str::to_owned)
    }

    /// A list; empty where there is none.
    fn list(self, key: &str) -> &'a [Value] {
        self.at(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The texts of a list.
    fn texts(self, key: &str) -> impl Iterator<Item = &'a str> {
        self.list(key).iter().filter_map(Value::as_str).filter(|text| is_said(text))
    }

    /// A position in a list.
    fn position(self, key: &str) -> Option<usize> {
        self.at(key).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok())
    }

    /// A line or column: a number from 1.
    fn count(self, key: &str) -> Option<u32> {
        self.at(key).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok()).filter(|it| *it > 0)
    }

    /// A number, or a text that is one.
    fn number(self, key: &str) -> Option<f64> {
        let value = self.at(key)?;
        let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
        number.is_finite().then_some(number)
    }
}

impl<'a> JsonView<'a> for &'a Value {
    fn at(self, key: &str) -> Option<&'a Value> {
        self.get(key).filter(|value| !value.is_null())
    }
}

impl<'a> JsonView<'a> for Option<&'a Value> {
    fn at(self, key: &str) -> Option<&'a Value> {
        self.and_then(|value| value.get(key)).filter(|value| !value.is_null())
    }
}
