//! Enumerations that stay open: a value without a case survives as text.

/// Defines an enumeration whose JSON form is one word per case, with a case
/// `Other` that keeps every other word.
macro_rules! open_enum {
    (
        $(#[$meta:meta])*
        $name:ident { $( $(#[$case_meta:meta])* $case:ident = $word:literal, )+ }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum $name {
            $( $(#[$case_meta])* $case, )+
            /// A value without a case of its own, in the vendor's spelling.
            Other(String),
        }

        impl $name {
            /// Every case that has a name.
            pub const NAMED: &[$name] = &[$($name::$case),+];

            /// The word of the case.
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$case => $word, )+
                    Self::Other(word) => word,
                }
            }

            /// The case of exactly this word, without `Other`.
            pub fn named(word: &str) -> Option<Self> {
                match word {
                    $( $word => Some(Self::$case), )+
                    _ => None,
                }
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                Self::named(&word).unwrap_or(Self::Other(word))
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                Self::named(word).unwrap_or_else(|| Self::Other(word.to_owned()))
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::convert::Infallible;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Ok(word.into())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::from)
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "description": "One of the examples, or another word in the vendor's spelling.",
                    "examples": [$($word),+],
                })
            }
        }
    };
}

pub(crate) use open_enum;
