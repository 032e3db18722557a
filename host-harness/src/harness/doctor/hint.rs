//! What there is to do about what a doctor found. The words that people are told
//! are those of the surface that shows it.

macro_rules! hints {
    ($($(#[$doc:meta])* $variant:ident $word:literal)*) => {
        /// What to do about a thing that was looked at.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum CheckHint {
            $($(#[$doc])* $variant,)*
        }

        impl CheckHint {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// A stable word.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

hints! {
    /// The first command that stores something makes the data folder.
    FolderIsMade "folder-is-made"
    /// Look at the permissions of the data folder and the space on its disk.
    CheckFolder "check-folder"
    /// Take the rights of others on the data folder away.
    RestrictFolder "restrict-folder"
    /// Take the rights of others on a file away.
    RestrictFile "restrict-file"
    /// Restore the tenant again, or remove what is left of the last time.
    RestoreAgain "restore-again"
    /// Replace the key of the vaults by one that is kept elsewhere.
    MoveKey "move-key"
    /// Restore the store from a backup, or sync anew.
    RestoreOrSync "restore-or-sync"
    /// The same, from a backup that can be trusted.
    RestoreTrusted "restore-trusted"
    /// Move the tenant's folder to the name of its owner.
    MoveTenant "move-tenant"
    /// Use a newer version of the program.
    NewerProgram "newer-program"
    /// Make a backup before the store is brought up to date.
    BackUpBefore "back-up-before"
    /// The next command finishes deletions.
    DeletionsAreFinished "deletions-are-finished"
    /// The next sync or import goes on with runs.
    RunsGoOn "runs-go-on"
    /// The next sync brings what is derived from findings up to date.
    SyncRefreshes "sync-refreshes"
    /// Look at why records could not be used.
    LookAtRecords "look-at-records"
    /// Set the clock of the machine right.
    SetClock "set-clock"
    /// See what the newer connector would change.
    CompareConnector "compare-connector"
    /// Import the file of the instance again.
    Import "import"
    /// Normalize the records of the instance again.
    Renormalize "renormalize"
    /// Sync the instance.
    Sync "sync"
    /// Replace the token of the instance.
    RotateToken "rotate-token"
    /// Test the connection of the instance.
    TestInstance "test-instance"
}
