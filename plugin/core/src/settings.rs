//! The connector's settings: raw JSON in, checked values or every problem out.

use appsec_model::{Error, Kind, SettingProblem};
use guest_json::members;
use serde_json::{Map, Value};

use crate::Origin;

#[cfg(test)]
mod tests;

/// Settings of the connector, as people write them.
///
/// This type is the source of the JSON Schema in `settings.schema.json`: the
/// comments on its fields are the descriptions that people read.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(test, derive(serde::Deserialize, serde::Serialize, schemars::JsonSchema))]
#[cfg_attr(test, serde(default, deny_unknown_fields))]
#[cfg_attr(test, schemars(title = "Semgrep AppSec Platform", description = "Settings of the Semgrep connector."))]
struct RawSettings {
    /// Where the platform is: scheme, host and port. Customers with a
    /// deployment of their own have `https://<company>.semgrep.dev`.
    #[cfg_attr(test, schemars(title = "Origin", extend("format" = "uri")))]
    origin: String,
    /// Slug of the deployment, as in the addresses of the platform's pages. A
    /// token belongs to one deployment; naming it makes sure that it is the
    /// right one. Without it the token's own is taken.
    #[cfg_attr(test, schemars(title = "Deployment"))]
    deployment: Option<String>,
    /// What to bring: `sast` (Code), `sca` (Supply Chain), `ai-sast` (Code,
    /// detected by AI), `secrets` (leaked credentials) and `packages` (every
    /// dependency, vulnerable or not). Secrets and packages come once over all
    /// branches.
    #[cfg_attr(test, schemars(title = "Kinds", schema_with = "tests::kinds_schema"))]
    kinds: Vec<String>,
    /// Records per request. Larger pages need fewer requests and more memory.
    /// Secrets come in pages of at most 500.
    #[cfg_attr(test, schemars(title = "Page size", range(min = 100, max = 3000)))]
    page_size: u16,
    /// Whose findings count: those of each project's primary branch, as on the
    /// platform's pages, or those of all branches and pull requests.
    #[cfg_attr(test, schemars(title = "Branches"))]
    branches: Branches,
    /// What happens to a finding that is on several branches: one record per
    /// branch, or one for all of them, chosen by the platform.
    #[cfg_attr(test, schemars(title = "Duplicates"))]
    duplicates: Duplicates,
}

impl Default for RawSettings {
    fn default() -> Self {
        Self {
            origin: DEFAULT_ORIGIN.to_owned(),
            deployment: None,
            kinds: DEFAULT_KINDS.iter().map(|kind| kind.as_str().to_owned()).collect(),
            page_size: 1_000,
            branches: Branches::default(),
            duplicates: Duplicates::default(),
        }
    }
}

/// Whose findings count.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(test, derive(serde::Deserialize, serde::Serialize, schemars::JsonSchema))]
#[cfg_attr(test, serde(rename_all = "kebab-case"), schemars(inline))]
pub enum Branches {
    /// Those of each project's primary branch.
    #[default]
    Primary,
    /// Those of all branches and pull requests.
    All,
}

/// What happens to a finding that is on several branches.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(test, derive(serde::Deserialize, serde::Serialize, schemars::JsonSchema))]
#[cfg_attr(test, serde(rename_all = "kebab-case"), schemars(inline))]
pub enum Duplicates {
    /// One record per branch or pull request.
    #[default]
    PerRef,
    /// One record for all of them.
    Merged,
}

/// Checked settings.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The platform's origin.
    pub origin: Origin,
    /// Slug of the deployment that must be the token's.
    pub deployment: Option<String>,
    /// Kinds to read, each once.
    pub kinds: Vec<Kind>,
    /// Records per request.
    pub page_size: u16,
    /// Whose findings count.
    pub branches: Branches,
    /// What happens to findings on several branches.
    pub duplicates: Duplicates,
}

/// The multi-tenant platform.
pub const DEFAULT_ORIGIN: &str = "https://semgrep.dev";

/// Kinds that settings without a word on kinds switch on.
pub const DEFAULT_KINDS: [Kind; 2] = [Kind::Sast, Kind::Sca];

/// Kinds that settings can switch on.
pub const KINDS: [Kind; 5] = [Kind::Sast, Kind::Sca, Kind::AiSast, Kind::Secrets, Kind::Packages];

/// The vendor's bounds: observed behaviour is a 400 for anything outside.
const PAGE_SIZES: std::ops::RangeInclusive<u16> = 100..=3000;

/// What each key takes, for the message when it holds something else.
const EXPECTED: [(&str, &str); 6] = [
    ("origin", "a text such as `https://semgrep.dev`"),
    ("deployment", "a text, the deployment's slug"),
    ("kinds", "a list of texts: `sast`, `sca`, `ai-sast`, `secrets`, `packages`"),
    ("page_size", "a whole number from 100 to 3000"),
    ("branches", "`primary` or `all`"),
    ("duplicates", "`per-ref` or `merged`"),
];

impl Settings {
    /// Reads settings; the error names every problem by its key.
    pub fn parse(json: &str) -> Result<Self, Error> {
        let (raw, mut problems) = read(json);
        match check(raw, &mut problems) {
            Some(settings) if problems.is_empty() => Ok(settings),
            _ => Err(Error::invalid_settings(problems)),
        }
    }

    /// The settings as JSON that [`parse`](Self::parse) takes.
    pub fn to_json(&self) -> Value {
        let branches = match self.branches {
            Branches::Primary => "primary",
            Branches::All => "all",
        };
        let duplicates = match self.duplicates {
            Duplicates::PerRef => "per-ref",
            Duplicates::Merged => "merged",
        };
        members(vec![
            ("origin", self.origin.to_string().into()),
            ("deployment", self.deployment.as_deref().into()),
            ("kinds", self.kinds.iter().map(Kind::as_str).collect()),
            ("page_size", self.page_size.into()),
            ("branches", branches.into()),
            ("duplicates", duplicates.into()),
        ])
    }
}

/// Reads the keys one by one, so that one wrong key does not hide another. A
/// key that cannot be read keeps its default.
fn read(json: &str) -> (RawSettings, Vec<SettingProblem>) {
    let mut problems = Vec::new();
    let given: Map<String, Value> = match guest_json::from_str(json) {
        Ok(Value::Object(given)) => given,
        // An error on data shows them, and a text in place of the settings may
        // be a secret.
        Ok(_) => {
            problems.push(problem("", "must be a JSON object".to_owned()));
            Map::new()
        }
        Err(error) => {
            problems.push(problem("", format!("must be a JSON object: {error}")));
            Map::new()
        }
    };
    let mut raw = RawSettings::default();
    for (key, value) in given {
        let Some((_, expected)) = EXPECTED.iter().find(|(known, _)| *known == key) else {
            problems.push(problem(&key, unknown_key(&key)));
            continue;
        };
        if set(&mut raw, &key, &value).is_none() {
            problems.push(problem(&key, format!("must be {expected}")));
        }
    }
    (raw, problems)
}

/// Sets what is called so; none where the value is of another type.
fn set(raw: &mut RawSettings, key: &str, value: &Value) -> Option<()> {
    match key {
        "origin" => raw.origin = value.as_str()?.to_owned(),
        "deployment" if value.is_null() => raw.deployment = None,
        "deployment" => raw.deployment = Some(value.as_str()?.to_owned()),
        "kinds" => {
            let words = value.as_array()?.iter().map(|word| word.as_str().map(str::to_owned));
            raw.kinds = words.collect::<Option<_>>()?;
        }
        "page_size" => raw.page_size = value.as_u64()?.try_into().ok()?,
        "branches" => {
            raw.branches = match value.as_str()? {
                "primary" => Branches::Primary,
                "all" => Branches::All,
                _ => return None,
            }
        }
        "duplicates" => {
            raw.duplicates = match value.as_str()? {
                "per-ref" => Duplicates::PerRef,
                "merged" => Duplicates::Merged,
                _ => return None,
            }
        }
        _ => return None,
    }
    Some(())
}

/// Checks what types cannot say. None only where a problem was found.
fn check(raw: RawSettings, problems: &mut Vec<SettingProblem>) -> Option<Settings> {
    let origin = Origin::parse(&raw.origin);
    if let Err(what) = origin {
        problems.push(problem("origin", what.to_owned()));
    }
    if raw.deployment.as_deref().is_some_and(|slug| slug.trim().is_empty()) {
        problems.push(problem("deployment", "must not be empty; leave it out to take the token's own".to_owned()));
    }
    if !PAGE_SIZES.contains(&raw.page_size) {
        problems.push(problem("page_size", "must be a whole number from 100 to 3000".to_owned()));
    }
    Some(Settings {
        kinds: check_kinds(&raw.kinds, problems),
        origin: origin.ok()?,
        deployment: raw.deployment.map(|slug| slug.trim().to_owned()),
        page_size: raw.page_size,
        branches: raw.branches,
        duplicates: raw.duplicates,
    })
}

fn check_kinds(words: &[String], problems: &mut Vec<SettingProblem>) -> Vec<Kind> {
    let mut kinds = Vec::new();
    if words.is_empty() {
        problems.push(problem(
            "kinds",
            "must name at least one kind: `sast`, `sca`, `ai-sast`, `secrets`, `packages`".to_owned(),
        ));
    }
    for word in words {
        match Kind::named(word).filter(|kind| KINDS.contains(kind)) {
            Some(kind) if kinds.contains(&kind) => problems.push(problem("kinds", format!("names `{kind}` twice"))),
            Some(kind) => kinds.push(kind),
            None => {
                let message = "holds a word that is none of `sast`, `sca`, `ai-sast`, `secrets`, `packages`";
                problems.push(problem("kinds", message.to_owned()));
            }
        }
    }
    kinds
}

/// Why a key is unknown, without its value: it may be a secret.
fn unknown_key(key: &str) -> String {
    let lower = key.to_ascii_lowercase();
    if ["token", "secret", "password", "api_key", "apikey"].iter().any(|word| lower.contains(word)) {
        return format!("is no setting; secrets are never settings: set {}", crate::SECRET_VARIABLE);
    }
    match EXPECTED.iter().find(|(known, _)| is_close(known, &lower)) {
        Some((known, _)) => format!("is no setting; did you mean `{known}`?"),
        None => "is no setting of this connector".to_owned(),
    }
}

/// Whether two words are the same but for separators, a plural, or one typing
/// error (a letter replaced, left out, added, or swapped with its neighbour).
fn is_close(known: &str, word: &str) -> bool {
    let letters = |text: &str| text.bytes().filter(u8::is_ascii_alphanumeric).collect::<Vec<_>>();
    let (known, word) = (letters(known), letters(word));
    let prefix = known.iter().zip(&word).take_while(|(left, right)| left == right).count();
    let suffix = known.iter().rev().zip(word.iter().rev()).take_while(|(left, right)| left == right).count();
    let longest = known.len().max(word.len());
    let shared = (prefix + suffix).min(known.len().min(word.len()));
    let swapped = known.len() == word.len()
        && shared + 2 == longest
        && known.get(prefix) == word.get(prefix + 1)
        && known.get(prefix + 1) == word.get(prefix);
    longest <= shared + 1 || swapped
}

fn problem(key: &str, problem: String) -> SettingProblem {
    SettingProblem { key: key.to_owned(), problem }
}
