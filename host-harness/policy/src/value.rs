//! Values that conditions work on.

use std::{borrow::Cow, cmp::Ordering, collections::BTreeMap};

/// A value. It borrows from the subject and from the condition where it can.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// Absent.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number; never NaN, never infinite.
    Double(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// A list.
    List(List<'a>),
    /// Texts by keys.
    Map(&'a BTreeMap<String, String>),
}

/// A list.
#[derive(Clone, Debug)]
pub enum List<'a> {
    /// Texts of the subject.
    Texts(&'a [String]),
    /// Numbers of the subject.
    Numbers(&'a [u32]),
    /// Written in the condition.
    Written(&'a [Value<'a>]),
    /// Computed.
    Computed(Vec<Value<'a>>),
}

impl<'a> Value<'a> {
    /// A text that is there, or null.
    pub fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(Cow::Borrowed(text)))
    }

    /// A number that is there, or null.
    pub fn double(number: Option<f64>) -> Self {
        number.filter(|it| it.is_finite()).map_or(Self::Null, Self::Double)
    }

    /// The same value, without a copy.
    pub fn borrowed(&'a self) -> Self {
        match self {
            Self::Null => Self::Null,
            Self::Bool(it) => Self::Bool(*it),
            Self::Int(it) => Self::Int(*it),
            Self::Double(it) => Self::Double(*it),
            Self::Text(it) => Self::Text(Cow::Borrowed(it)),
            Self::List(List::Texts(it)) => Self::List(List::Texts(it)),
            Self::List(List::Numbers(it)) => Self::List(List::Numbers(it)),
            Self::List(List::Written(it)) => Self::List(List::Written(it)),
            Self::List(List::Computed(it)) => Self::List(List::Written(it)),
            Self::Map(it) => Self::Map(it),
        }
    }

    /// Whether both are the same. Numbers compare by what they stand for.
    pub fn equals(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Self::Null, Value::Null) => true,
            (Self::Bool(left), Value::Bool(right)) => left == right,
            (Self::Text(left), Value::Text(right)) => left == right,
            (Self::Map(left), Value::Map(right)) => left == right,
            (Self::List(left), Value::List(right)) => {
                left.len() == right.len() && (0..left.len()).all(|at| left.at(at).equals(&right.at(at)))
            }
            _ => self.compare(other) == Some(Ordering::Equal),
        }
    }

    /// How numbers compare; none where one of both is none.
    pub fn compare(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(left), Value::Int(right)) => Some(left.cmp(right)),
            (Self::Double(left), Value::Double(right)) => left.partial_cmp(right),
            (Self::Int(left), Value::Double(right)) => Some(compare(*left, *right)),
            (Self::Double(left), Value::Int(right)) => Some(compare(*right, *left).reverse()),
            _ => None,
        }
    }
}

/// How a whole number compares with another one, without rounding.
#[expect(clippy::cast_possible_truncation, reason = "the number is in range and whole")]
fn compare(left: i64, right: f64) -> Ordering {
    // Both bounds are powers of two, so that they are exact.
    if right >= 9_223_372_036_854_775_808.0 {
        return Ordering::Less;
    }
    if right < -9_223_372_036_854_775_808.0 {
        return Ordering::Greater;
    }
    let whole = right.floor();
    let rest = if right > whole { Ordering::Less } else { Ordering::Equal };
    left.cmp(&(whole as i64)).then(rest)
}

impl<'a> List<'a> {
    /// How many elements.
    pub fn len(&self) -> usize {
        match self {
            Self::Texts(it) => it.len(),
            Self::Numbers(it) => it.len(),
            Self::Written(it) => it.len(),
            Self::Computed(it) => it.len(),
        }
    }

    /// The element at a position from 0; null behind the end.
    pub fn at(&self, at: usize) -> Value<'a> {
        match self {
            Self::Texts(it) => Value::text(it.get(at).map(String::as_str)),
            Self::Numbers(it) => it.get(at).map_or(Value::Null, |it| Value::Int(i64::from(*it))),
            Self::Written(it) => it.get(at).map_or(Value::Null, Value::borrowed),
            Self::Computed(it) => it.get(at).cloned().unwrap_or(Value::Null),
        }
    }

    /// Whether an element equals the value.
    pub fn contains(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Self::Texts(it), Value::Text(text)) => it.iter().any(|it| it == text),
            (Self::Written(it), value) => it.iter().any(|it| it.equals(value)),
            (Self::Computed(it), value) => it.iter().any(|it| it.equals(value)),
            (Self::Numbers(it), value) => it.iter().any(|it| Value::Int(i64::from(*it)).equals(value)),
            (Self::Texts(_), _) => false,
        }
    }
}
