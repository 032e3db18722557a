//! Names that the operator gives: tenants, instances and catalogues.

use std::{fmt, str::FromStr};

/// A name is not of the allowed form.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid {what} name `{name}`: use 1 to 63 of a-z, 0-9 and `-`, beginning and ending with a letter or digit")]
pub struct NameError {
    what: &'static str,
    name: String,
}

/// Names become folder and file names, so that the form is the common ground of
/// file systems and of DNS labels, and no name means a folder above.
fn check(what: &'static str, name: &str) -> Result<String, NameError> {
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    let bytes = name.as_bytes();
    let edges = bytes.first().is_some_and(|byte| *byte != b'-') && bytes.last().is_some_and(|byte| *byte != b'-');
    if edges && bytes.len() <= 63 && bytes.iter().all(inner) {
        Ok(name.to_owned())
    } else {
        Err(NameError { what, name: name.chars().take(80).collect() })
    }
}

macro_rules! name {
    ($(#[$meta:meta])* $type:ident, $what:literal) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                check($what, name).map(Self)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.pad(&self.0)
            }
        }
    };
}

name! {
    /// The unit of isolation: whose data it is.
    TenantId, "tenant"
}

name! {
    /// A connector set up for one account, within a tenant.
    InstanceName, "instance"
}

name! {
    /// A catalogue of connectors, by the name that it was added under.
    CatalogueName, "catalogue"
}

#[cfg(test)]
mod tests {
    use super::TenantId;

    #[test]
    fn a_name_cannot_leave_its_folder() {
        for bad in ["", ".", "..", "a/b", "a\\b", "-a", "a-", "A", "ä", "a b", "a\0", &"x".repeat(64)] {
            assert!(bad.parse::<TenantId>().is_err(), "{bad:?}");
        }
        for good in ["a", "acme", "team-7", &"x".repeat(63)] {
            assert!(good.parse::<TenantId>().is_ok(), "{good:?}");
        }
    }
}
