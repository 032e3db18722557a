//! The contract's data as plain Rust types to the generated ones, and back.
//!
//! Both have the same fields under the same names, so a conversion is a list of
//! names; a field that one side lacks does not compile.

mod error;
mod finding;
mod source;

use appsec_model::Timestamp;

/// Data on its way to the host.
pub trait ToWit {
    /// The generated type.
    type Wit;

    /// Moves the data over.
    fn to_wit(self) -> Self::Wit;
}

/// Data that came from the host.
pub trait FromWit {
    /// The generated type.
    type Wit;

    /// Moves the data over.
    fn from_wit(wit: Self::Wit) -> Self;
}

/// Types that are the same on both sides.
macro_rules! same {
    ($($name:ty),+) => {
        $(
            impl ToWit for $name {
                type Wit = Self;

                fn to_wit(self) -> Self {
                    self
                }
            }

            impl FromWit for $name {
                type Wit = Self;

                fn from_wit(wit: Self) -> Self {
                    wit
                }
            }
        )+
    };
}

same!(String, bool, f64, u16, u32, u64);

impl<T: ToWit> ToWit for Option<T> {
    type Wit = Option<T::Wit>;

    fn to_wit(self) -> Self::Wit {
        self.map(T::to_wit)
    }
}

impl<T: FromWit> FromWit for Option<T> {
    type Wit = Option<T::Wit>;

    fn from_wit(wit: Self::Wit) -> Self {
        wit.map(T::from_wit)
    }
}

impl<T: ToWit> ToWit for Vec<T> {
    type Wit = Vec<T::Wit>;

    fn to_wit(self) -> Self::Wit {
        self.into_iter().map(T::to_wit).collect()
    }
}

impl<T: FromWit> FromWit for Vec<T> {
    type Wit = Vec<T::Wit>;

    fn from_wit(wit: Self::Wit) -> Self {
        wit.into_iter().map(T::from_wit).collect()
    }
}

impl ToWit for Timestamp {
    type Wit = i64;

    fn to_wit(self) -> i64 {
        self.as_micros()
    }
}

impl FromWit for Timestamp {
    type Wit = i64;

    fn from_wit(wit: i64) -> Self {
        Self::from_micros(wit)
    }
}

/// A record to the host: the names of all its fields, and behind the semicolon
/// those that are a keyword in the one language and not in the other.
macro_rules! record_to_wit {
    ($name:ident { $($field:ident),+ $(; $from:ident as $to:ident)? }) => {
        impl ToWit for appsec_model::$name {
            type Wit = wit::$name;

            fn to_wit(self) -> Self::Wit {
                let Self { $($field,)+ $($from,)? } = self;
                wit::$name { $($field: ToWit::to_wit($field),)+ $($to: ToWit::to_wit($from),)? }
            }
        }
    };
}

/// A variant whose cases hold nothing but, at most, the vendor's word.
macro_rules! words_to_wit {
    ($name:ident { $($case:ident),+ } $($other:ident)?) => {
        impl ToWit for appsec_model::$name {
            type Wit = wit::$name;

            fn to_wit(self) -> Self::Wit {
                match self {
                    $( Self::$case => wit::$name::$case, )+
                    $( Self::$other(word) => wit::$name::$other(word), )?
                }
            }
        }
    };
}

pub(crate) use {record_to_wit, words_to_wit};
