//! Types of the parts of a condition.

use std::fmt;

use crate::{
    fields::{Field, FieldType, Words},
    limits,
};

/// The type of a part.
#[derive(Clone, Debug)]
pub struct Type {
    /// What its value is, where it is there.
    pub kind: Kind,
    /// Whether it may be null.
    pub nullable: bool,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Yes or no.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Double,
    /// A text; one of some words, where that is known.
    Text(Option<&'static Words>),
    /// A list of something, with at most that many elements.
    List(Box<Kind>, u64),
    /// Texts by keys.
    Map,
    /// A part of the subject.
    Part,
    /// Null, and nothing else.
    Null,
    /// An element of a list that has none.
    Nothing,
}

impl Type {
    /// A type that is never null.
    pub const fn there(kind: Kind) -> Self {
        Self { kind, nullable: false }
    }

    /// The type of a variable.
    pub fn of(field: &Field) -> Self {
        let list = |kind| Kind::List(Box::new(kind), limits::LIST as u64);
        let kind = match field.r#type {
            FieldType::Bool => Kind::Bool,
            FieldType::Int => Kind::Int,
            FieldType::Double => Kind::Double,
            FieldType::Text => Kind::Text(None),
            FieldType::Word(words) => Kind::Text(Some(words)),
            FieldType::Texts => list(Kind::Text(None)),
            FieldType::Ints => list(Kind::Int),
            FieldType::Map => Kind::Map,
            FieldType::Part => Kind::Part,
        };
        Self { kind, nullable: field.absent.is_some() }
    }

    /// The type of what is either of both; none where they have nothing in common.
    pub fn either(&self, other: &Self) -> Option<Self> {
        let kind = self.kind.either(&other.kind)?;
        let null = matches!(self.kind, Kind::Null) || matches!(other.kind, Kind::Null);
        Some(Self { kind, nullable: self.nullable || other.nullable || null })
    }
}

impl Kind {
    /// Whether it is a number.
    pub const fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Double)
    }

    fn either(&self, other: &Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Null | Self::Nothing, kind) | (kind, Self::Null | Self::Nothing) => kind.clone(),
            (Self::Text(left), Self::Text(right)) => {
                Self::Text(left.filter(|left| right.is_some_and(|right| std::ptr::eq(*left, right))))
            }
            (Self::List(left, most), Self::List(right, other)) => {
                Self::List(Box::new(left.either(right)?), (*most).max(*other))
            }
            (Self::Bool, Self::Bool) => Self::Bool,
            (Self::Int, Self::Int) => Self::Int,
            (Self::Double, Self::Double) => Self::Double,
            (Self::Map, Self::Map) => Self::Map,
            _ => return None,
        })
    }

    /// Whether a value of this kind can equal one of the other.
    pub fn can_equal(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::List(left, _), Self::List(right, _)) => left.can_equal(right),
            _ => (self.is_number() && other.is_number()) || self.either(other).is_some(),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Bool => "yes or no",
            Self::Int => "a whole number",
            Self::Double => "a number with a fraction",
            Self::Text(_) => "a text",
            Self::List(element, _) => match **element {
                Self::Text(_) => "a list of texts",
                Self::Int | Self::Double => "a list of numbers",
                _ => "a list",
            },
            Self::Map => "a map",
            Self::Part => "a part of the subject",
            Self::Null => "null",
            Self::Nothing => "nothing",
        })
    }
}
