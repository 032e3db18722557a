//! What the query of a route may hold: one declaration, from which requests are
//! refused and the OpenAPI document is made.

use host_harness::{
    grant::UnknownName,
    query::{Field, Group, List, QueryError, Takes},
};
use http::Uri;

/// Rows of one answer, where a route has a limit.
pub(crate) const MOST: u32 = 500;

/// The flag of a query with which a change is shown and not made.
pub(crate) const DRY_RUN: &str = "dry_run";

const REHEARSAL: Field = field(DRY_RUN, Takes::Flag, "Show what would change, and change nothing");

/// A field that is none of a list.
pub(crate) const fn field(name: &'static str, takes: Takes, help: &'static str) -> Field {
    Field { name, takes, value: "", help, group: Group::Filter, default: None, excludes: None }
}

/// How many rows are answered, where the library has no word for it.
pub(crate) const LIMIT: Field = field("limit", Takes::Whole(MOST), "Limit the number of results");

/// The fields of a query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    /// Those of a list.
    list: Option<List>,
    /// Those beside it.
    beside: &'static [Field],
    /// Whether all of the list is answered: it has neither order nor pages.
    is_whole: bool,
    /// Those of `beside` without which nothing is done.
    required: &'static [&'static str],
}

impl Fields {
    /// Nothing may be asked.
    pub const NONE: Self = Self { list: None, beside: &[], is_whole: false, required: &[] };

    /// Those of a list.
    pub const fn of(list: List) -> Self {
        Self { list: Some(list), ..Self::NONE }
    }

    /// Those with which rows of a list are chosen, where all of them are answered.
    pub const fn whole(list: List) -> Self {
        Self { is_whole: true, ..Self::of(list) }
    }

    /// Others.
    pub const fn these(beside: &'static [Field]) -> Self {
        Self { beside, ..Self::NONE }
    }

    /// The same with others beside them.
    pub const fn and(self, beside: &'static [Field]) -> Self {
        Self { beside, ..self }
    }

    /// The same, some of which must be given.
    pub const fn requiring(self, required: &'static [&'static str]) -> Self {
        Self { required, ..self }
    }

    /// All of them, of a route that may rehearse.
    pub fn all(&self, rehearses: bool) -> impl Iterator<Item = &'static Field> + use<> {
        let list = self.list.map(List::fields).unwrap_or_default();
        let is_whole = self.is_whole;
        // A program has all columns.
        let is_asked = move |field: &&Field| match field.takes {
            Takes::Columns(_) => false,
            _ => !is_whole || field.group != Group::Output,
        };
        let list = list.iter().filter(is_asked);
        list.chain(self.beside).chain(rehearses.then_some(&REHEARSAL))
    }

    /// Whether nothing is done without a field.
    #[cfg(test)]
    pub fn requires(&self, field: &Field) -> bool {
        self.required.contains(&field.name)
    }

    /// What must be given and is not.
    pub fn missing(&self, uri: &Uri) -> Option<&'static str> {
        let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let given: Vec<_> = pairs.map(|(name, _)| name).collect();
        self.required.iter().find(|name| !given.iter().any(|it| it == *name)).copied()
    }

    /// Refuses a query with a field that is not known, since what was meant with it
    /// would not be done; one that asks for more rows than are answered; and one that
    /// says twice what is said once.
    pub fn check(&self, uri: &Uri, rehearses: bool) -> Result<(), QueryError> {
        let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let mut seen: Vec<&str> = Vec::new();
        for (name, value) in pairs {
            let Some(field) = self.all(rehearses).find(|it| it.name == name) else {
                let known = self.all(rehearses).map(|it| it.name);
                return Err(QueryError::Unknown(UnknownName::among(name.as_ref(), known)));
            };
            if field.name == LIMIT.name {
                LIMIT.takes.checked(&value).map_err(|expected| QueryError::Value {
                    name: field.name,
                    value: value.into_owned(),
                    expected,
                })?;
            }
            // A list says it itself, and a flag says the same twice.
            let is_once = !field.takes.is_many() && !matches!(field.takes, Takes::Flag);
            if is_once && self.beside.iter().any(|it| it.name == field.name) && seen.contains(&field.name) {
                return Err(QueryError::Twice(field.name));
            }
            seen.push(field.name);
        }
        Ok(())
    }
}

/// An address with what its query may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    pub path: &'static str,
    pub fields: Fields,
}

impl From<&'static str> for At {
    fn from(path: &'static str) -> Self {
        Self { path, fields: Fields::NONE }
    }
}

impl From<(&'static str, Fields)> for At {
    fn from((path, fields): (&'static str, Fields)) -> Self {
        Self { path, fields }
    }
}

impl From<(&'static str, List)> for At {
    fn from((path, list): (&'static str, List)) -> Self {
        Self { path, fields: Fields::of(list) }
    }
}

impl From<(&'static str, &'static [Field])> for At {
    fn from((path, beside): (&'static str, &'static [Field])) -> Self {
        Self { path, fields: Fields::these(beside) }
    }
}

#[cfg(test)]
mod tests {
    use host_harness::query::View;

    use super::*;

    #[test]
    fn a_query_holds_what_its_route_knows_and_no_more_rows_than_are_answered() {
        const BESIDE: &[Field] = &[field("source", Takes::Text, "A source")];
        let fields = Fields::of(List::Findings(View::All)).and(BESIDE);
        let told = |query: &str| {
            let uri = format!("/x?{query}").parse().unwrap();
            fields.check(&uri, false).map_err(|error| error.to_string())
        };
        for known in ["", "limit=500", "severity=high&severity=low&kev&source=a", "project=%26&project=x"] {
            assert_eq!(told(known), Ok(()), "{known}");
        }
        let refused = |query: &str| told(query).unwrap_err();
        insta::assert_snapshot!(refused("dry_run=true"), @"unknown filter `dry_run`");
        insta::assert_snapshot!(refused("sorce=a"), @"unknown filter `sorce`; did you mean `source`?");
        insta::assert_snapshot!(refused("source=a&source=b"), @"`source` was given more than once");
        insta::assert_snapshot!(refused("limit=501"), @"invalid value `501` for `limit`: a whole number from 0 to 500");
        let whole = Fields::whole(List::Findings(View::All));
        for paged in ["limit=1", "cursor=x", "offset=1", "sort=age", "reverse=true"] {
            let refused = whole.check(&format!("/x?{paged}").parse().unwrap(), false);
            assert!(refused.is_err(), "{paged}: an answer of all rows says that it is no page");
        }
        let uri = "/x?dry_run=true".parse().unwrap();
        assert!(fields.check(&uri, true).is_ok());
    }
}
