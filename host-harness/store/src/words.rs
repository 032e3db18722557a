//! Enums that are one word each in the store, in JSON and on the command line.

/// Makes an enum of a list of cases with their words: all of them, the word of
/// a case and the case of a word stand in one place.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $( $(#[$case_meta:meta])* $case:ident = $word:literal, )+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $( $(#[$case_meta])* $case, )+ }

        impl $name {
            /// All cases.
            pub const ALL: &[Self] = &[$( Self::$case, )+];

            /// The words of all cases.
            pub const WORDS: &[&str] = &[$( $word, )+];

            /// The word of the case.
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$case => $word, )+ }
            }

            /// The case of a word.
            pub fn named(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.as_str() == word)
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Self::named(word).ok_or_else(|| format!("one of {}", Self::WORDS.join(", ")))
            }
        }
    };
}
