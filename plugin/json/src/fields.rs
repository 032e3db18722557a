//! Objects: a table of names, and where their values go.

use std::borrow::Cow;

use crate::{Raw, Read, Reader, Value, text::is_same};

/// The fields of an object. [`object!`](crate::object) makes it.
pub trait Fields<'a> {
    /// Their names, in the order in which they are mostly written.
    fn names(&self) -> &'static [Name];

    /// Reads the value of a field.
    ///
    /// # Errors
    ///
    /// As [`Value::read`].
    fn field(&mut self, slot: u8, json: &mut Reader<'a>) -> Read;
}

/// The name of a field, of which there are at most 64; some have several.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    /// As it is written.
    pub text: &'static str,
    /// Which field it is.
    pub slot: u8,
}

/// A field: a value, or none where it is null or absent. It is read once.
pub trait Slot<'a> {
    /// Reads its value.
    ///
    /// # Errors
    ///
    /// As [`Value::read`].
    fn set(&mut self, json: &mut Reader<'a>) -> Read;
}

impl<'a, T: Value<'a>> Slot<'a> for Option<T> {
    // Once for each type, and not for each field.
    #[inline(never)]
    fn set(&mut self, json: &mut Reader<'a>) -> Read {
        if json.null()? { Ok(()) } else { T::read_into(self, json) }
    }
}

/// Fields that are not null where they are there, and as by default where they are
/// absent.
macro_rules! slots {
    ($($type:ty),+) => {
        $(
            impl<'a> Slot<'a> for $type {
                fn set(&mut self, json: &mut Reader<'a>) -> Read {
                    *self = Value::read(json)?;
                    Ok(())
                }
            }
        )+
    };
}

slots!(bool, u32, Cow<'a, str>, Raw<'a>);

/// The position of a name, and the name. Objects of a list have their fields in
/// the same order, so that it mostly stands right behind the last one.
#[inline]
pub(crate) fn find(names: &'static [Name], next: usize, key: &str) -> Option<(usize, Name)> {
    match names.get(next) {
        Some(name) if is_same(name.text, key) => Some((next, *name)),
        _ => search(names, key),
    }
}

#[inline(never)]
fn search(names: &'static [Name], key: &str) -> Option<(usize, Name)> {
    names.iter().enumerate().find(|(_, name)| is_same(name.text, key)).map(|(at, name)| (at, *name))
}

/// The first name of a field.
#[cold]
pub(crate) fn first_of(names: &'static [Name], slot: u8) -> &'static str {
    names.iter().find(|name| name.slot == slot).map_or("", |name| name.text)
}

/// Makes a struct whose fields are read from an object.
///
/// A field's name in JSON is its own, unless one or more are given:
/// `pub url: Option<Text<'a>> = "web_url" | "url",`. Its type is one of `Option<T>`,
/// where `T` is a [`Value`], or another [`Slot`]. Names that are not listed are
/// passed over.
#[macro_export]
macro_rules! object {
    ($( $(#[$meta:meta])* $vis:vis struct $name:ident $(<$life:lifetime>)? { $($fields:tt)* } )+) => {
        $( $crate::object!(@one [$(#[$meta])*] [$vis] $name [$($life)?] { $($fields)* }); )+
    };
    (@one [$($meta:tt)*] [$vis:vis] $name:ident [] { $($fields:tt)* }) => {
        $crate::object!(@make [$($meta)*] [$vis] $name [] ['json] { $($fields)* });
    };
    (@one [$($meta:tt)*] [$vis:vis] $name:ident [$life:lifetime] { $($fields:tt)* }) => {
        $crate::object!(@make [$($meta)*] [$vis] $name [<$life>] [$life] { $($fields)* });
    };
    (@make [$($meta:tt)*] [$vis:vis] $name:ident [$($generics:tt)*] [$life:lifetime] {
        $( $(#[$field_meta:meta])* $field_vis:vis $field:ident : $type:ty $(= $first:literal $(| $other:literal)*)? ),* $(,)?
    }) => {
        $($meta)*
        $vis struct $name $($generics)* {
            $( $(#[$field_meta])* $field_vis $field: $type, )*
        }

        impl<$life> $crate::Fields<$life> for $name $($generics)* {
            fn names(&self) -> &'static [$crate::Name] {
                #[allow(non_camel_case_types, reason = "the names of the fields, as they are")]
                enum At { $($field),* }
                const NAMES: &[$crate::Name] = &[
                    $( $crate::object!(@name At::$field as u8, $field $(, $first)?),
                       $( $( $crate::Name { text: $other, slot: At::$field as u8 }, )* )? )*
                ];
                NAMES
            }

            fn field(&mut self, slot: u8, json: &mut $crate::Reader<$life>) -> $crate::Read {
                #[allow(non_camel_case_types, reason = "the names of the fields, as they are")]
                enum At { $($field),* }
                $( if slot == At::$field as u8 {
                    return $crate::Slot::set(&mut self.$field, json);
                } )*
                Ok(())
            }
        }

        impl<$life> $crate::Value<$life> for $name $($generics)* {
            fn read(json: &mut $crate::Reader<$life>) -> $crate::Read<Self> {
                let mut object = Self::default();
                json.object(&mut object)?;
                Ok(object)
            }

            fn read_into(field: &mut Option<Self>, json: &mut $crate::Reader<$life>) -> $crate::Read {
                // In place: such objects are large, and are not to be copied.
                json.object(field.get_or_insert_default())
            }
        }
    };
    (@name $slot:expr, $field:ident) => {
        $crate::Name { text: stringify!($field), slot: $slot }
    };
    (@name $slot:expr, $field:ident, $first:literal) => {
        $crate::Name { text: $first, slot: $slot }
    };
}
