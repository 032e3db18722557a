//! The variables of conditions: one table for names, types, meanings, and where
//! each is read from.

use appsec_model::{
    Conclusion, Confidence, Ecosystem, Kind, ReachabilityVerdict, Severity, Status, Timestamp, Transitivity, Validation,
};

use crate::{
    subject::{FixAvailable, Subject},
    value::{List, Value},
};

/// A variable of conditions.
pub struct Field {
    /// Its name, such as `dependency.version`.
    pub name: &'static str,
    /// Its type.
    pub r#type: FieldType,
    /// What it is.
    pub meaning: &'static str,
    /// When it is null; none where it never is.
    pub absent: Option<&'static str>,
    /// Reads it.
    pub(crate) read: for<'a> fn(&'a Subject, Timestamp) -> Value<'a>,
}

impl Field {
    /// Of a variable that counts days: the moment from which it counts. It is
    /// what time alone changes; all others stay as long as the subject does.
    pub(crate) fn counts_from(&self, subject: &Subject) -> Option<Timestamp> {
        match self.name {
            "age_days" => Some(subject.first_seen_at),
            "ingested_days" => Some(subject.ingested_at),
            "changed_days" => Some(subject.changed_at),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Field {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name)
    }
}

/// The type of a variable.
#[derive(Clone, Copy, Debug)]
pub enum FieldType {
    /// Yes or no.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Double,
    /// A text.
    Text,
    /// A text that is one of some words.
    Word(&'static Words),
    /// A list of texts.
    Texts,
    /// A list of whole numbers.
    Ints,
    /// Texts by keys.
    Map,
    /// A part with variables of its own; it can only be compared with null.
    Part,
}

/// Words that a variable can be.
#[derive(Debug)]
pub struct Words {
    /// What the words are.
    pub what: &'static str,
    /// The words that are known.
    pub known: fn() -> Vec<&'static str>,
    /// Whether there are no others. Where there are, connectors may bring them.
    pub closed: bool,
}

/// Words of severities.
pub static SEVERITIES: Words =
    Words { what: "severity", known: || Severity::ALL.iter().map(|it| it.as_str()).collect(), closed: true };
/// Words of fixes.
static FIXES: Words =
    Words { what: "fix", known: || FixAvailable::ALL.iter().map(|it| it.as_str()).collect(), closed: true };
/// Words of kinds.
pub static KINDS: Words =
    Words { what: "kind", known: || Kind::NAMED.iter().map(Kind::as_str).collect(), closed: false };
static STATUSES: Words = Words {
    what: "status",
    known: || Status::NAMED.iter().map(Status::as_str).chain(["vanished"]).collect(),
    closed: false,
};
static CONFIDENCES: Words =
    Words { what: "confidence", known: || Confidence::NAMED.iter().map(Confidence::as_str).collect(), closed: false };
static REACHABILITIES: Words = Words {
    what: "reachability",
    known: || ReachabilityVerdict::NAMED.iter().map(ReachabilityVerdict::as_str).collect(),
    closed: false,
};
static VERDICTS: Words =
    Words { what: "verdict", known: || Conclusion::NAMED.iter().map(Conclusion::as_str).collect(), closed: false };
static ECOSYSTEMS: Words =
    Words { what: "ecosystem", known: || Ecosystem::NAMED.iter().map(Ecosystem::as_str).collect(), closed: false };
static TRANSITIVITIES: Words = Words {
    what: "transitivity",
    known: || Transitivity::NAMED.iter().map(Transitivity::as_str).collect(),
    closed: false,
};
static VALIDATIONS: Words =
    Words { what: "validation", known: || Validation::NAMED.iter().map(Validation::as_str).collect(), closed: false };

/// The rank of a severity: 0 for `unknown`, 1 for `info`, up to 5 for `critical`.
pub(crate) fn rank(severity: Severity) -> i64 {
    severity as i64
}

/// Microseconds of a day.
pub(crate) const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// Whole days from one moment to another; 0 where the first is the later one.
fn days(from: Timestamp, to: Timestamp) -> Value<'static> {
    Value::Int(to.as_micros().saturating_sub(from.as_micros()).max(0) / DAY)
}

fn part(there: bool) -> Value<'static> {
    if there { Value::Bool(true) } else { Value::Null }
}

macro_rules! field {
    ($name:literal, $type:expr, $meaning:literal, $absent:expr, $read:expr) => {
        Field { name: $name, r#type: $type, meaning: $meaning, absent: $absent, read: $read }
    };
}

const NO_PACKAGE: Option<&str> = Some("it is about no package");
const NO_SECRET: Option<&str> = Some("it is about no credential");
const NO_REPOSITORY: Option<&str> = Some("the repository is not known");

/// All variables, in the order of the document.
pub static FIELDS: [Field; 46] = [
    field!("id", FieldType::Text, "Its id in the harness", None, |it, _| Value::text(Some(&it.id))),
    field!("kind", FieldType::Word(&KINDS), "What sort of result it is", None, |it, _| Value::text(Some(&it.kind))),
    field!(
        "severity",
        FieldType::Word(&SEVERITIES),
        "How bad, as a word; of an issue, the worst. Compare `severity_rank` for more and less",
        None,
        |it, _| Value::text(Some(it.severity.as_str()))
    ),
    field!(
        "severity_rank",
        FieldType::Int,
        "How bad, as a number: 5 for `critical`, 4 for `high`, 3 for `medium`, 2 for `low`, 1 for `info`, 0 for \
         `unknown`. `rank(\"high\")` is the number of a word",
        None,
        |it, _| Value::Int(rank(it.severity))
    ),
    field!("status", FieldType::Word(&STATUSES), "Where it stands", None, |it, _| Value::text(Some(&it.status))),
    field!("is_open", FieldType::Bool, "Whether there is something to do about it", None, |it, _| Value::Bool(
        it.is_open
    )),
    field!("security", FieldType::Bool, "Whether it is about security", None, |it, _| Value::Bool(it.security)),
    field!("title", FieldType::Text, "A short line for people", None, |it, _| Value::text(Some(&it.title))),
    field!("rule_id", FieldType::Text, "Id of the rule", Some("it has no rule, or an issue has several"), |it, _| {
        Value::text(it.rule_id.as_deref())
    }),
    field!("path", FieldType::Text, "File, from the repository's root", Some("it is in no file"), |it, _| {
        Value::text(it.path.as_deref())
    }),
    field!("priority", FieldType::Int, "How urgent, from 0 to 100", None, |it, _| Value::Int(it.priority.into())),
    field!("confidence", FieldType::Word(&CONFIDENCES), "How sure the scanner is", Some("it does not say"), |it, _| {
        Value::text(it.confidence.as_deref())
    }),
    field!("cvss", FieldType::Double, "CVSS score, from 0 to 10", Some("no score is known"), |it, _| {
        Value::double(it.cvss)
    }),
    field!(
        "epss",
        FieldType::Double,
        "Probability of exploitation in the next 30 days, from 0 to 1",
        Some("none is known"),
        |it, _| Value::double(it.epss)
    ),
    field!(
        "kev",
        FieldType::Bool,
        "Whether it is known to be exploited, by the imported KEV catalogue",
        None,
        |it, _| { Value::Bool(it.kev) }
    ),
    field!("cwe", FieldType::Ints, "Numbers of weaknesses in the CWE", None, |it, _| Value::List(List::Numbers(
        &it.cwe
    ))),
    field!(
        "top25",
        FieldType::Int,
        "Best rank of its weaknesses on the CWE Top 25, from 1",
        Some("none is on the list"),
        |it, _| it.top25.map_or(Value::Null, |it| Value::Int(it.into()))
    ),
    field!("owasp", FieldType::Texts, "Categories of OWASP Top 10 editions, such as `A03:2021`", None, |it, _| {
        Value::List(List::Texts(&it.owasp))
    }),
    field!("categories", FieldType::Texts, "Categories of the scanner", None, |it, _| Value::List(List::Texts(
        &it.categories
    ))),
    field!(
        "reachability",
        FieldType::Word(&REACHABILITIES),
        "Whether vulnerable code of the package is used",
        NO_PACKAGE,
        |it, _| Value::text(it.reachability.as_deref())
    ),
    field!("advisories", FieldType::Texts, "Numbers of advisories, such as `CVE-2021-44228`", None, |it, _| {
        Value::List(List::Texts(&it.advisories))
    }),
    field!("ai_verdict", FieldType::Word(&VERDICTS), "What an AI says of it", Some("none was asked"), |it, _| {
        Value::text(it.ai_verdict.as_deref())
    }),
    field!("dependency", FieldType::Part, "The vulnerable package", NO_PACKAGE, |it, _| part(it.dependency.is_some())),
    field!("dependency.ecosystem", FieldType::Word(&ECOSYSTEMS), "Its package manager's world", NO_PACKAGE, |it, _| {
        Value::text(it.dependency.as_ref().map(|it| it.ecosystem.as_str()))
    }),
    field!("dependency.name", FieldType::Text, "Its name", NO_PACKAGE, |it, _| {
        Value::text(it.dependency.as_ref().map(|it| it.name.as_str()))
    }),
    field!("dependency.version", FieldType::Text, "Its version", Some("it is not known"), |it, _| {
        Value::text(it.dependency.as_ref().and_then(|it| it.version.as_deref()))
    }),
    field!(
        "dependency.transitivity",
        FieldType::Word(&TRANSITIVITIES),
        "How it came into the project",
        NO_PACKAGE,
        |it, _| Value::text(it.dependency.as_ref().map(|it| it.transitivity.as_str()))
    ),
    field!(
        "dependency.fix_available",
        FieldType::Word(&FIXES),
        "Whether there is a version without the vulnerability",
        NO_PACKAGE,
        |it, _| Value::text(it.dependency.as_ref().map(|it| it.fix_available.as_str()))
    ),
    field!("dependency.malicious", FieldType::Bool, "Whether it is malware", Some("nobody says"), |it, _| {
        it.dependency.as_ref().and_then(|it| it.malicious).map_or(Value::Null, Value::Bool)
    }),
    field!("secret", FieldType::Part, "The leaked credential", NO_SECRET, |it, _| part(it.secret.is_some())),
    field!("secret.kind", FieldType::Text, "What it opens, such as `AWS`", Some("it is not known"), |it, _| {
        Value::text(it.secret.as_ref().and_then(|it| it.kind.as_deref()))
    }),
    field!("secret.validation", FieldType::Word(&VALIDATIONS), "Whether it works", NO_SECRET, |it, _| {
        Value::text(it.secret.as_ref().map(|it| it.validation.as_str()))
    }),
    field!("project", FieldType::Text, "Name of the project", None, |it, _| Value::text(Some(&it.project))),
    field!("repository", FieldType::Part, "The repository", NO_REPOSITORY, |it, _| part(it.repository.is_some())),
    field!("repository.full_name", FieldType::Text, "Such as `org/repo`", NO_REPOSITORY, |it, _| {
        Value::text(it.repository.as_ref().map(|it| it.full_name.as_str()))
    }),
    field!("repository.provider", FieldType::Text, "Who hosts it", Some("it is not known"), |it, _| {
        Value::text(it.repository.as_ref().and_then(|it| it.provider.as_deref()))
    }),
    field!("repository.groups", FieldType::Texts, "Names of the groups that it is in", None, |it, _| {
        Value::List(List::Texts(it.repository.as_ref().map_or(&[], |it| &it.groups)))
    }),
    field!("environment", FieldType::Text, "Where the code runs", Some("it is not known"), |it, _| {
        Value::text(it.environment.as_deref())
    }),
    field!("branch", FieldType::Text, "Branch", Some("it is on none"), |it, _| Value::text(it.branch.as_deref())),
    field!("tag", FieldType::Text, "Tag", Some("it is on none"), |it, _| Value::text(it.tag.as_deref())),
    field!(
        "metadata",
        FieldType::Map,
        "What the organisation says of the project: `metadata.team` or `metadata[\"team\"]`, null for a missing key",
        None,
        |it, _| Value::Map(&it.metadata)
    ),
    field!(
        "age_days",
        FieldType::Int,
        "Whole days since it was first seen: by its source's date where that gives one",
        None,
        |it, now| days(it.first_seen_at, now)
    ),
    field!("ingested_days", FieldType::Int, "Whole days since the harness first ingested it", None, |it, now| {
        days(it.ingested_at, now)
    }),
    field!("changed_days", FieldType::Int, "Whole days since it last changed", None, |it, now| {
        days(it.changed_at, now)
    }),
    field!("sources", FieldType::Texts, "Names of the sources that found it; of a finding, one", None, |it, _| {
        Value::List(List::Texts(&it.sources))
    }),
    field!("findings", FieldType::Int, "How many findings an issue has; of a finding, 1", None, |it, _| {
        Value::Int(it.findings.into())
    }),
];

/// The variable of a name.
pub(crate) fn field(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.name == name)
}
