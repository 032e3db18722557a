//! What to do with findings that are no longer there.

use appsec_store::{OnAbsence, Percent};

/// What a full sync, or the import of a complete file, does with findings that are
/// no longer there.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Vanishing {
    /// Marks them, unless they are a larger share than is set for the instance.
    #[default]
    AsSet,
    /// Marks them, unless they are a larger share.
    UpTo(Percent),
    /// Marks them, however many they are.
    Allow,
    /// Marks none, and keeps a list of them.
    Show,
}

impl Vanishing {
    /// The same for the store, where that share is set for the instance.
    pub fn on_absence(self, set: Percent) -> OnAbsence {
        match self {
            Self::AsSet => OnAbsence::Guard(set),
            Self::UpTo(limit) => OnAbsence::Guard(limit),
            Self::Allow => OnAbsence::Mark,
            Self::Show => OnAbsence::Show,
        }
    }
}
