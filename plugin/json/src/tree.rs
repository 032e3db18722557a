//! Any value, as a tree.

use serde_json::{Map, Number, Value as Tree};

use crate::{Integer, Read, Reader, Value};

impl<'a> Value<'a> for Tree {
    const TAKES_NULL: bool = true;

    fn read(json: &mut Reader<'a>) -> Read<Self> {
        Ok(match json.peek() {
            b'"' => Self::String(json.string("a text")?.into_owned()),
            b'{' => {
                let mut members = Map::new();
                json.entries(&mut |name, json| {
                    members.insert(name.to_owned(), Self::read(json)?);
                    Ok(())
                })?;
                Self::Object(members)
            }
            b'[' => Self::Array(Vec::read(json)?),
            b't' | b'f' => Self::Bool(bool::read(json)?),
            b'-' | b'0'..=b'9' => Self::Number(number(json)?),
            _ if json.null()? => Self::Null,
            _ => return json.syntax(),
        })
    }
}

fn number(json: &mut Reader<'_>) -> Read<Number> {
    Ok(match json.number_or_float()? {
        Ok(Integer::Unsigned(number)) => number.into(),
        Ok(Integer::Negative(number)) => number.into(),
        Err(text) => match float(text).and_then(Number::from_f64) {
            Some(number) => number,
            None => return json.syntax(),
        },
    })
}

/// A number that is not out of range: the nearest one, where `serde_json` may take
/// its neighbour.
pub fn float(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// An object with these members.
pub fn members(members: Vec<(&str, Tree)>) -> Tree {
    let mut object = Map::new();
    object.extend(members.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Tree::Object(object)
}
