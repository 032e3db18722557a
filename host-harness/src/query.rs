//! What is asked of a tenant's lists: filters, order and page. A list has one table
//! of fields, which every surface reads: what a field is called, what it takes, and
//! what it says. A query is read from texts without a look at any store, and goes
//! back to the same texts.

mod fields;
mod open;
mod when;

use std::{fmt, str::FromStr};

use appsec_analysis::Edition;
use appsec_grant::{InstanceName, UnknownName};
use appsec_model::{Severity, Timestamp};
use appsec_store::{Cursor, Period};
use sha2::{Digest, Sha256};

pub use self::{
    open::Open,
    when::{Ahead, When},
};

/// What a list of findings is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum View {
    /// Findings of any kind.
    All,
    /// Vulnerable packages.
    Vulnerabilities,
    /// Weaknesses of first-party code.
    Weaknesses,
    /// Leaked credentials.
    Secrets,
}

impl View {
    /// The kinds that it shows; none where it shows all.
    pub const fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::All => &[],
            Self::Vulnerabilities => &["sca"],
            Self::Weaknesses => &["sast", "ai-sast"],
            Self::Secrets => &["secrets"],
        }
    }

    /// What the list calls its rows.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::All => "findings",
            Self::Vulnerabilities => "vulnerabilities",
            Self::Weaknesses => "weaknesses",
            Self::Secrets => "secrets",
        }
    }
}

/// A list that is filtered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum List {
    /// Findings of a view.
    Findings(View),
    /// Findings that are exported: all of them, in no order that is asked for.
    Export,
    /// Findings that are decided on.
    Triage,
    /// Decisions.
    Decisions,
    /// Issues.
    Issues,
    /// Packages.
    Packages,
    /// The dashboard.
    Dashboard,
    /// Repositories and how they are covered.
    Coverage,
    /// A check of policies, with what violates each.
    PolicyCheck,
    /// The run log.
    Runs,
}

impl List {
    /// The fields that it takes, in the order in which they are shown.
    pub const fn fields(self) -> &'static [Field] {
        match self {
            Self::Findings(View::All) => fields::FINDINGS,
            // The view says which kinds.
            Self::Findings(_) => fields::VIEW,
            Self::Export => fields::EXPORT,
            Self::Triage => fields::TRIAGE,
            Self::Decisions => fields::DECISIONS_MADE,
            Self::Issues => fields::ISSUES,
            Self::Packages => fields::PACKAGES,
            Self::Dashboard => fields::DASHBOARD,
            Self::Coverage => fields::COVERAGE,
            Self::PolicyCheck => fields::POLICY_CHECK,
            Self::Runs => fields::RUNS,
        }
    }

    /// The field of a name.
    pub fn field(self, name: &str) -> Result<&'static Field, QueryError> {
        let found = self.fields().iter().find(|field| field.name == name);
        found.ok_or_else(|| QueryError::Unknown(UnknownName::among(name, self.fields().iter().map(|field| field.name))))
    }
}

/// A field of a list.
#[derive(Debug)]
pub struct Field {
    /// Its name, which is that of the option.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// What stands for its value in a help.
    pub value: &'static str,
    /// What it does.
    pub help: &'static str,
    /// Where it stands.
    pub group: Group,
    /// Its value where none is given.
    pub default: Option<&'static str>,
    /// A field that it cannot be given with.
    pub excludes: Option<&'static str>,
}

/// Where a field stands among those of its list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Group {
    /// A filter of rows.
    Filter,
    /// What one finding of an issue must match, together with all others of them.
    OneFinding,
    /// A filter of projects and repositories.
    Scope,
    /// The order, and the page.
    Output,
}

/// What a field takes.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    /// `true` or `false`; without a value it is given.
    Flag,
    /// A text.
    Text,
    /// Texts, all of them.
    Texts,
    /// `KEY=VALUE`, all of them.
    Pairs,
    /// Words of an open field.
    Words(Open),
    /// Words of a closed list.
    OneOf(&'static [&'static str]),
    /// One of a closed list.
    Choice(&'static [&'static str]),
    /// A severity.
    Severity,
    /// Severities.
    Severities,
    /// Numbers of weaknesses.
    Cwes,
    /// Categories of an OWASP Top 10.
    Owasp,
    /// An edition of the CWE Top 25; the newest where none is said.
    Edition,
    /// A whole number from 0 to this one.
    Whole(u32),
    /// A number from 0 to this one.
    Number(f64),
    /// A moment, or how long ago.
    When,
    /// A moment, or how far ahead.
    Ahead,
    /// An instance.
    Instance,
    /// Where a page begins.
    Cursor,
    /// Columns of a table, of these.
    Columns(&'static [&'static str]),
}

impl Takes {
    /// Whether it may be given more than once.
    pub const fn is_many(self) -> bool {
        self.is_list() || matches!(self, Self::Texts | Self::Pairs | Self::OneOf(_))
    }

    /// Whether one text may hold several, with commas between them.
    pub const fn is_list(self) -> bool {
        matches!(self, Self::Words(_) | Self::Severities | Self::Cwes | Self::Owasp | Self::Columns(_))
    }

    /// What it is where it is given without a value.
    pub const fn unsaid(self) -> Option<&'static str> {
        match self {
            Self::Edition => Some(Edition::ALL[0].as_str()),
            _ => None,
        }
    }

    /// Whether it takes a value. The error says what is expected.
    pub fn checked(self, text: &str) -> Result<(), String> {
        self.read(text).map(|_| ())
    }

    /// Reads one value. The error says what is expected.
    fn read(self, text: &str) -> Result<Given, String> {
        let choice = |words: &'static [&'static str]| {
            let found = words.iter().find(|word| **word == text).map(|word| Given::Text((*word).to_owned()));
            found.ok_or_else(|| one_of(words, text))
        };
        match self {
            Self::Flag => match text {
                "" | "true" => Ok(Given::Flag),
                _ => Err("true or false".to_owned()),
            },
            Self::Text | Self::Texts => Ok(Given::Text(text.to_owned())),
            Self::Words(_) if text.is_empty() => Err("a word".to_owned()),
            Self::Words(_) => Ok(Given::Text(text.to_owned())),
            Self::OneOf(words) | Self::Choice(words) | Self::Columns(words) => choice(words),
            Self::Pairs => {
                let (key, value) = text.split_once('=').ok_or("KEY=VALUE, such as team=payments")?;
                Ok(Given::Pair(key.to_owned(), value.to_owned()))
            }
            Self::Severity | Self::Severities => severity(text).map(Given::Severity),
            Self::Cwes => cwe(text).map(Given::Whole),
            Self::Owasp => owasp(text).map(Given::Text),
            Self::Edition => text
                .parse()
                .map(Given::Edition)
                .map_err(|_| format!("an edition of the CWE Top 25: {}", Edition::ALL.map(Edition::as_str).join(", "))),
            Self::Whole(most) => {
                let number = text.parse().ok().filter(|number| *number <= most);
                number.map(Given::Whole).ok_or_else(|| format!("a whole number from 0 to {most}"))
            }
            Self::Number(most) => {
                let number = text.parse().ok().filter(|number| (0.0..=most).contains(number));
                number.map(Given::Number).ok_or_else(|| format!("a number from 0 to {most}"))
            }
            Self::When => text.parse().map(Given::When),
            Self::Ahead => Ahead::from_str(text).map(Given::Ahead),
            Self::Instance => text.parse().map(Given::Instance).map_err(|error| format!("a name: {error}")),
            Self::Cursor => text.parse().map(Given::Cursor).map_err(|_| "the `next_cursor` of a page".to_owned()),
        }
    }
}

/// A value that was given.
#[derive(Clone, Debug, PartialEq)]
enum Given {
    Flag,
    Text(String),
    Pair(String, String),
    Severity(Severity),
    Edition(Edition),
    Whole(u32),
    Number(f64),
    When(When),
    Ahead(Ahead),
    Instance(InstanceName),
    Cursor(Cursor),
}

impl fmt::Display for Given {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => out.write_str("true"),
            Self::Text(text) => out.write_str(text),
            Self::Pair(key, value) => write!(out, "{key}={value}"),
            Self::Severity(severity) => out.write_str(severity.as_str()),
            Self::Edition(edition) => edition.fmt(out),
            Self::Whole(number) => number.fmt(out),
            Self::Number(number) => number.fmt(out),
            Self::When(when) => when.fmt(out),
            Self::Ahead(when) => when.fmt(out),
            Self::Instance(name) => name.fmt(out),
            Self::Cursor(cursor) => cursor.fmt(out),
        }
    }
}

/// Why a query cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum QueryError {
    /// The list has no such field.
    #[error("unknown filter `{}`{}", .0.name, .0.question())]
    Unknown(UnknownName),
    /// The field takes no such value.
    #[error("invalid value `{value}` for `{name}`: {expected}")]
    Value {
        /// The field.
        name: &'static str,
        /// The value.
        value: String,
        /// What is expected.
        expected: String,
    },
    /// Neither the model nor the store has this word.
    #[error("invalid {noun} `{}`{}", .word.name, .word.question())]
    Word {
        /// What it would be.
        noun: &'static str,
        /// The word.
        word: UnknownName,
        /// All that there are.
        known: Vec<String>,
    },
    /// Two fields that cannot be given together.
    #[error("`{0}` cannot be given with `{1}`")]
    Excluded(&'static str, &'static str),
    /// A place in the list of another filter.
    #[error("the cursor is of another filter: begin at the first page of this one")]
    OtherFilter,
    /// A field that takes one value was given twice.
    #[error("`{0}` was given more than once")]
    Twice(&'static str),
}

/// What is expected of a word of a closed list.
fn one_of(words: &[&str], given: &str) -> String {
    format!("one of {}{}", words.join(", "), UnknownName::among(given, words).question())
}

/// What is asked of a list.
#[derive(Clone, Debug)]
pub struct Query {
    list: List,
    given: Vec<(&'static Field, Given)>,
}

impl Query {
    /// Everything that a list shows where nothing is given.
    pub const fn new(list: List) -> Self {
        Self { list, given: Vec::new() }
    }

    /// Reads a query from names and values, as those of an address are.
    pub fn parse<'a>(list: List, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, QueryError> {
        let mut query = Self::new(list);
        for (name, value) in pairs {
            let field = list.field(name)?;
            let values = if field.takes.is_list() { value.split(',').collect() } else { vec![value] };
            for value in values {
                query.add(field, value)?;
            }
        }
        Ok(query)
    }

    /// Adds a value of a field of its list.
    pub fn add(&mut self, field: &'static Field, value: &str) -> Result<(), QueryError> {
        let value = if value.is_empty() { field.takes.unsaid().unwrap_or_default() } else { value };
        // As one that is not given.
        if matches!(field.takes, Takes::Flag) && value == "false" {
            return Ok(());
        }
        let given = field.takes.read(value).map_err(|expected| QueryError::Value {
            name: field.name,
            value: value.to_owned(),
            expected,
        })?;
        for (other, _) in &self.given {
            if other.name == field.name && !field.takes.is_many() {
                return Err(QueryError::Twice(field.name));
            }
            if other.excludes == Some(field.name) || field.excludes == Some(other.name) {
                return Err(QueryError::Excluded(field.name, other.name));
            }
        }
        self.given.push((field, given));
        Ok(())
    }

    /// The list.
    pub const fn list(&self) -> List {
        self.list
    }

    /// Names and values that lead to the same query, in the order of the list's
    /// fields.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let of = |field: &Field| {
            let values = self.given.iter().filter(|(it, _)| it.name == field.name);
            values.map(|(field, given)| (field.name, given.to_string())).collect::<Vec<_>>()
        };
        self.list.fields().iter().flat_map(of).collect()
    }

    /// The values of a field, or its default.
    fn values(&self, name: &str) -> impl Iterator<Item = Given> {
        let given: Vec<Given> =
            self.given.iter().filter(|(field, _)| field.name == name).map(|(_, given)| given.clone()).collect();
        let field = self.list.fields().iter().find(|field| field.name == name);
        let default = field.filter(|_| given.is_empty()).and_then(|it| it.takes.read(it.default?).ok());
        given.into_iter().chain(default)
    }

    /// Whether anything is given that keeps to some rows, and not only to an order
    /// or to more of them.
    pub(crate) fn narrows(&self) -> bool {
        self.given.iter().any(|(field, given)| {
            let widens = field.group == Group::Output || field.name.starts_with("include-");
            !widens && *given != Given::Text(String::new())
        })
    }

    /// Whether anything is given of a field.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(field, _)| field.name == name)
    }

    /// Whether a flag is given.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.values(name).any(|it| it == Given::Flag)
    }

    /// The texts of a field.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        self.values(name).filter_map(|it| if let Given::Text(text) = it { Some(text) } else { None }).collect()
    }

    /// The text of a field.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.texts(name).pop()
    }

    /// The word of a field, as what it stands for.
    pub(crate) fn word<T: FromStr>(&self, name: &str) -> Option<T> {
        self.text(name).and_then(|word| word.parse().ok())
    }

    /// Keys and values of a field.
    pub(crate) fn key_values(&self, name: &str) -> Vec<(String, String)> {
        self.values(name)
            .filter_map(|it| if let Given::Pair(key, value) = it { Some((key, value)) } else { None })
            .collect()
    }

    /// Severities of a field.
    pub(crate) fn severities(&self, name: &str) -> Vec<Severity> {
        self.values(name).filter_map(|it| if let Given::Severity(it) = it { Some(it) } else { None }).collect()
    }

    /// The edition of a field.
    pub(crate) fn edition(&self, name: &str) -> Option<Edition> {
        self.values(name).find_map(|it| if let Given::Edition(it) = it { Some(it) } else { None })
    }

    /// Whole numbers of a field.
    pub(crate) fn wholes(&self, name: &str) -> Vec<u32> {
        self.values(name).filter_map(|it| if let Given::Whole(number) = it { Some(number) } else { None }).collect()
    }

    /// The whole number of a field.
    pub(crate) fn whole(&self, name: &str) -> Option<u32> {
        self.wholes(name).pop()
    }

    /// The number of a field.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.values(name).find_map(|it| if let Given::Number(number) = it { Some(number) } else { None })
    }

    /// The moment of a field, seen from now.
    pub(crate) fn moment(&self, name: &str, now: Timestamp) -> Option<Timestamp> {
        self.values(name).find_map(|it| if let Given::When(when) = it { Some(when.moment(now)) } else { None })
    }

    /// The moment ahead of a field, seen from now.
    pub(crate) fn ahead(&self, name: &str, now: Timestamp) -> Option<Timestamp> {
        self.values(name).find_map(|it| if let Given::Ahead(when) = it { Some(when.moment(now)) } else { None })
    }

    /// The period between two fields.
    pub(crate) fn period(&self, since: &str, until: &str, now: Timestamp) -> Period {
        Period { since: self.moment(since, now), until: self.moment(until, now) }
    }

    /// The instance of a field.
    pub fn instance(&self, name: &str) -> Option<InstanceName> {
        self.values(name).find_map(|it| if let Given::Instance(name) = it { Some(name) } else { None })
    }

    /// The columns that are chosen, in their order; none where nobody chose.
    pub fn columns(&self) -> Vec<String> {
        self.texts("columns")
    }

    /// How many rows are shown at most.
    pub fn limit(&self) -> u32 {
        self.whole("limit").unwrap_or(u32::MAX)
    }

    /// Behind how many rows the page begins; none where it begins behind a cursor.
    pub fn page_begin(&self) -> Option<u32> {
        self.cursor().is_none().then(|| self.whole("offset").unwrap_or_default())
    }

    /// What tells its filter and order from those of others.
    pub(crate) fn filter_hash(&self) -> u32 {
        let pairs = self.pairs().into_iter();
        let pairs = pairs.filter(|(name, _)| !matches!(*name, "cursor" | "offset" | "limit" | "columns"));
        let mut hash = Sha256::new();
        if let List::Findings(view) = self.list {
            hash.update(view.noun());
        }
        for (name, value) in pairs {
            for text in [name, &value] {
                hash.update(text.len().to_le_bytes());
                hash.update(text);
            }
        }
        hash.finalize().first_chunk().map_or(0, |it| u32::from_le_bytes(*it))
    }

    /// Where the page begins.
    pub(crate) fn cursor(&self) -> Option<Cursor> {
        self.values("cursor").find_map(|it| if let Given::Cursor(cursor) = it { Some(cursor) } else { None })
    }
}

/// A severity, in any case.
pub fn severity(word: &str) -> Result<Severity, String> {
    let found = Severity::ALL.into_iter().find(|severity| severity.as_str().eq_ignore_ascii_case(word));
    found.ok_or_else(|| one_of(&Severity::ALL.map(Severity::as_str), word))
}

/// The number of a weakness, such as `79` or `CWE-79`.
fn cwe(text: &str) -> Result<u32, String> {
    let number = text.split_at_checked(4).filter(|(begin, _)| begin.eq_ignore_ascii_case("cwe-")).map(|(_, end)| end);
    let digits = number.unwrap_or(text);
    let number = digits.parse().ok().filter(|number| *number > 0 && digits.bytes().all(|digit| digit.is_ascii_digit()));
    number.ok_or_else(|| "the number of a weakness in the CWE, such as 79 or CWE-79".to_owned())
}

/// A category of an OWASP Top 10, such as `A03`, `A03:2021` or `API1:2023`.
fn owasp(text: &str) -> Result<String, String> {
    let (code, edition) = text.split_once(':').map_or((text, None), |(code, edition)| (code, Some(edition)));
    let digits = code.trim_start_matches(|sign: char| sign.is_ascii_alphabetic());
    let letters = code.len() - digits.len();
    let numeric = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    let good = (1..=4).contains(&letters)
        && (1..=2).contains(&digits.len())
        && numeric(digits)
        && edition.is_none_or(|year| year.len() == 4 && numeric(year));
    if good {
        Ok(text.to_owned())
    } else {
        Err("a category of an OWASP Top 10, with or without its edition, such as A03, A03:2021 or API1:2023".to_owned())
    }
}

/// A value for each field that is not its default, for tests.
#[cfg(test)]
pub(crate) mod samples {
    use super::{Field, Takes};

    pub fn of(field: &Field) -> String {
        match field.takes {
            Takes::Flag => "true".to_owned(),
            Takes::Text | Takes::Texts => "a b".to_owned(),
            Takes::Pairs => "team=a=b".to_owned(),
            Takes::Words(open) => open.named().join(","),
            Takes::OneOf(words) | Takes::Choice(words) | Takes::Columns(words) => words[1].to_owned(),
            Takes::Severity => "high".to_owned(),
            Takes::Severities => "high,low".to_owned(),
            Takes::Cwes => "CWE-79,89".to_owned(),
            Takes::Owasp => "A03,A01:2021".to_owned(),
            Takes::Edition => "2024".to_owned(),
            Takes::Whole(_) => "7".to_owned(),
            Takes::Number(_) => "0.5".to_owned(),
            Takes::When | Takes::Ahead => "2026-01-31".to_owned(),
            Takes::Instance => "code".to_owned(),
            // A list of the sort, whether it is reversed, and its keys.
            Takes::Cursor => data_encoding::HEXLOWER.encode(br#"["priority",false,0,50,3,1,"sca",9]"#),
        }
    }
}

#[cfg(test)]
mod tests;
