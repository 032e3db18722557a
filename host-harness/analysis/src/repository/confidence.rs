//! How sure a match is, from 0 to 1.

/// The same address.
pub const URL: f64 = 1.0;
/// The same address but for capitals, and nobody knows whether they count.
pub const URL_BUT_CAPITALS: f64 = 0.95;
/// The same full name on the same host or of the same provider.
pub const FULL_NAME: f64 = 0.9;
/// The same full name; on one side neither host nor provider is known.
pub const FULL_NAME_ALONE: f64 = 0.8;
/// The project's address or name goes on below the repository: it is a part of it.
pub const PART: f64 = 0.7;
/// The repository's full name ends with the project's.
pub const TAIL: f64 = 0.6;
/// The same full name, and the project's URL is of another path on that host.
pub const FULL_NAME_AGAINST_URL: f64 = 0.5;
/// The same name; the project gives no owner.
pub const NAME: f64 = 0.4;
/// The same name; the project gives an owner that no repository has.
pub const NAME_OF_OTHER_OWNER: f64 = 0.3;
