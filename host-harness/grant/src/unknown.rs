//! Names that are not there, and those that were probably meant.

use std::fmt;

/// A name of nothing that there is, and the name that was probably meant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnknownName {
    /// The name.
    pub name: String,
    /// The one that was probably meant; none where none is near.
    pub meant: Option<String>,
}

impl UnknownName {
    /// A name that is none of the known ones.
    pub fn among(name: impl Into<String>, known: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let name = name.into();
        let meant = meant(&name, known);
        Self { name, meant }
    }

    /// What a message ends with: a question, or nothing.
    pub fn question(&self) -> impl fmt::Display {
        let meant = self.meant.clone();
        fmt::from_fn(move |out| match &meant {
            Some(meant) => write!(out, "; did you mean `{meant}`?"),
            None => Ok(()),
        })
    }
}

/// The nearest name, whatever its capitals: where a sign or two are wrong, or
/// where one is the beginning or the last part of the other.
fn meant(name: &str, known: impl IntoIterator<Item = impl AsRef<str>>) -> Option<String> {
    let folded = name.to_lowercase();
    let length = folded.chars().count();
    // In a short name two other signs are another name.
    let most = if length > 4 { 2 } else { 1 };
    let distance_to = |it: &str| {
        if it.starts_with(&folded) || folded.starts_with(it) {
            return Some(0);
        }
        // Names are many, and comparing two of them is quadratic.
        let near = it.chars().count().abs_diff(length) <= most;
        near.then(|| strsim::damerau_levenshtein(it, &folded)).filter(|far| *far <= most)
    };
    let distance = |candidate: &str| {
        let it = candidate.to_lowercase();
        // Of `owner/name` the name is what people know.
        let last = it.rsplit('/').next().filter(|last| *last != it && last.len() > 2 && length > 2);
        distance_to(&it).or_else(|| distance_to(last?))
    };
    let known = known.into_iter().filter(|it| !name.is_empty() && !it.as_ref().is_empty());
    let near = known.filter_map(|it| distance(it.as_ref()).map(|far| (far, it.as_ref().to_owned())));
    near.min().map(|(_, it)| it)
}

#[cfg(test)]
mod tests {
    use super::UnknownName;

    #[test]
    fn a_name_with_a_slip_leads_to_the_one_that_was_meant() {
        let meant = |name: &str| UnknownName::among(name, ["code", "backend", "frontend", "Acme/Shop-web"]).meant;
        for (name, expected) in [
            ("cod", "code"),
            ("coed", "code"),
            ("cide", "code"),
            ("CODE", "code"),
            ("bakcend", "backend"),
            ("frontedn2", "frontend"),
            ("acme/shop-wbe", "Acme/Shop-web"),
            ("shop-wbe", "Acme/Shop-web"),
            ("shop-we", "Acme/Shop-web"),
            ("shop-web", "Acme/Shop-web"),
        ] {
            assert_eq!(meant(name).as_deref(), Some(expected), "{name}");
        }
        for other in ["", "side", "data", "middle", "back-office", "web"] {
            assert_eq!(meant(other), None, "{other}");
        }
    }

    #[test]
    fn a_message_asks_only_where_a_name_is_near() {
        let question = |name: &str| UnknownName::among(name, ["code"]).question().to_string();
        assert_eq!((question("coda").as_str(), question("x").as_str()), ("; did you mean `code`?", ""));
    }
}
