//! A4 to A6: what a connector says of itself.

use std::{collections::BTreeSet, time::Duration};

use appsec_model::{CONTRACT_VERSION, Manifest};
use appsec_sandbox::{CallFailure, Still};

use super::{Book, json, shown};
use crate::subject::Subject;

/// Another time, and other random numbers.
pub const ELSEWHERE: Still = Still { moment: Duration::from_secs(1_893_456_789), seed: 7 };

pub async fn check(book: &mut Book<'_>, subject: &impl Subject) -> Result<Manifest, CallFailure> {
    let described = subject.describe(Still::default()).await;
    if let Some(mut trial) = book.open("A4") {
        trial.case(described.is_ok(), "`describe`", "a manifest", || {
            described.as_ref().err().map(shown).unwrap_or_default()
        });
        if let Ok(response) = &described {
            trial.case(!response.report.refused, "`describe`", "no request", || "one, which was refused".to_owned());
        }
        book.close(trial);
    }
    let manifest = described?.value;
    if let Some(mut trial) = book.open("A5") {
        for (case, still) in [("a second time", Still::default()), ("at another time", ELSEWHERE)] {
            let again = subject.describe(still).await;
            let is_same = again.as_ref().is_ok_and(|again| again.value == manifest);
            trial.case(is_same, format!("`describe`, {case}"), "the same manifest", || match &again {
                Ok(again) => differing(&manifest, &again.value),
                Err(failure) => shown(failure),
            });
        }
        book.close(trial);
    }
    if let Some(mut trial) = book.open("A6") {
        for (what, is_kept, rule, got) in facts(&manifest) {
            trial.case(is_kept, what, rule, || got);
        }
        book.close(trial);
    }
    Ok(manifest)
}

/// Which parts of two manifests differ.
fn differing(one: &Manifest, other: &Manifest) -> String {
    let (one, other) = (serde_json::to_value(one), serde_json::to_value(other));
    let (Ok(serde_json::Value::Object(one)), Ok(serde_json::Value::Object(other))) = (one, other) else {
        return "another one".to_owned();
    };
    let keys = one.iter().filter(|(key, value)| other.get(*key) != Some(value)).map(|(key, _)| key.as_str());
    format!("another `{}`", keys.collect::<Vec<_>>().join("`, `"))
}

type Fact = (&'static str, bool, &'static str, String);

/// What is required of each part, whether it is so, and what is there.
fn facts(manifest: &Manifest) -> Vec<Fact> {
    let is_word = |text: &str| {
        !text.is_empty()
            && text.len() <= 64
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let is_variable = |text: &str| {
        !text.is_empty()
            && !text.starts_with(|first: char| first.is_ascii_digit())
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let are_unique = |names: Vec<String>| names.iter().collect::<BTreeSet<_>>().len() == names.len();
    let mut facts = vec![
        ("id", is_word(&manifest.id), "`[a-z0-9-]{1,64}`", manifest.id.clone()),
        ("name", !manifest.name.trim().is_empty(), "a name for people", manifest.name.clone()),
        ("vendor", !manifest.vendor.trim().is_empty(), "a name for people", manifest.vendor.clone()),
        (
            "version",
            semver::Version::parse(&manifest.version).is_ok(),
            "a version after Semantic Versioning",
            manifest.version.clone(),
        ),
        (
            "contract-version",
            manifest.contract_version == CONTRACT_VERSION,
            "the version that the component exports",
            manifest.contract_version.clone(),
        ),
        (
            "kinds",
            !manifest.kinds.is_empty() && are_unique(manifest.kinds.iter().map(|it| it.kind.to_string()).collect()),
            "at least one, each once",
            json(&manifest.kinds),
        ),
        (
            "formats",
            are_unique(manifest.formats.iter().map(|it| it.name.clone()).collect()),
            "each name once",
            json(&manifest.formats),
        ),
        (
            "secrets",
            are_unique(manifest.secrets.iter().map(|it| it.variable.clone()).collect()),
            "each variable once",
            json(&manifest.secrets),
        ),
    ];
    for origin in &manifest.origins {
        let is_origin = origin.default.parse::<appsec_grant::Origin>().is_ok();
        let rule = "an origin such as `https://api.example`, with `https`";
        facts.push(("origins", is_origin && origin.default.starts_with("https://"), rule, origin.default.clone()));
        facts.push(("origins", !origin.purpose.trim().is_empty(), "a purpose in words", origin.default.clone()));
    }
    for secret in &manifest.secrets {
        facts.push(("secrets", is_variable(&secret.variable), "a variable like `ACME_TOKEN`", secret.variable.clone()));
        let is_described = !secret.description.trim().is_empty();
        facts.push(("secrets", is_described, "where a person gets it", secret.variable.clone()));
    }
    for format in &manifest.formats {
        facts.push(("formats", is_word(&format.name), "`[a-z0-9-]{1,64}`", format.name.clone()));
        facts.push(("formats", !format.kinds.is_empty(), "the kinds that it can hold", format.name.clone()));
    }
    facts
}
