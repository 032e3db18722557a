//! F1 to F3 and G2: what the version before has promised to its users, and what it
//! took.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use appsec_model::{ErrorCode, Finding, Manifest, RawInput, RawRecord};
use appsec_sandbox::{CallFailure, Still};
use serde_json::{Map, Value};

use super::{Book, Trial, failed_with, read::Read, told};
use crate::{
    lab::Lab,
    subject::{Call, Scratch, Subject},
};

/// Judges a connector beside the version before.
pub async fn check(
    book: &mut Book<'_>,
    (subject, manifest): (&impl Subject, &Manifest),
    (previous, before): (&impl Subject, &Manifest),
    lab: &Lab,
    read: &Read,
) {
    if let Some(mut trial) = book.open("F1") {
        settings(&mut trial, subject, before, lab, &book.plan.settings).await;
        book.close(trial);
    }
    if let Some(mut trial) = book.open("F2") {
        identity(&mut trial, subject, previous, read).await;
        book.close(trial);
    }
    if let Some(mut trial) = book.open("F3") {
        gone(&mut trial, manifest, before);
        book.close(trial);
    }
    if let Some(mut trial) = book.open("G2") {
        budget(&mut trial, subject, previous, read).await;
        book.close(trial);
    }
}

fn properties(manifest: &Manifest) -> Map<String, Value> {
    let schema: Value = serde_json::from_str(&manifest.settings_schema).unwrap_or_default();
    schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Each setting that the version before knew, at its default, beside those that
/// are used.
async fn settings(trial: &mut Trial, subject: &impl Subject, before: &Manifest, lab: &Lab, used: &Map<String, Value>) {
    let mut tried = vec![("the settings that are used".to_owned(), used.clone())];
    for (key, property) in properties(before) {
        if let Some(default) = property.get("default").filter(|it| !it.is_null() && !used.contains_key(&key)) {
            let mut settings = used.clone();
            settings.insert(key.clone(), default.clone());
            tried.push((format!("the setting `{key}` of the version before"), settings));
        }
    }
    for (case, settings) in tried {
        lab.begin();
        let call = Call { bucket: Arc::new(Scratch::default()), is_granted: true };
        let called = subject.configure(&call, &Value::Object(settings).to_string()).await;
        // Where a default leads is not there is another question.
        let is_taken = !failed_with(&called, &[ErrorCode::InvalidSettings, ErrorCode::Internal])
            && !matches!(&called, Err(CallFailure::Trap(_) | CallFailure::Limit(_)));
        trial.case(is_taken, case, "success", || told(&called));
    }
}

/// How often both are measured before one is taken to be slower: other work on the
/// same machine slows either of them now and then.
const ROUNDS: usize = 5;

/// G2: a quarter more than before, of time and memory; a little more in any case.
async fn budget(trial: &mut Trial, subject: &impl Subject, previous: &impl Subject, read: &Read) {
    for (kind, records) in &read.records {
        let (mut now, mut then) = (Measured::MOST, Measured::MOST);
        for _ in 0..ROUNDS {
            now.take(subject, records).await;
            then.take(previous, records).await;
            if now.took <= then.most_time() {
                break;
            }
        }
        if then == Measured::MOST {
            continue;
        }
        let case = format!("`normalize` of {} records of {kind}", records.len());
        let most = then.most_time();
        trial.case(now.took <= most, &case, format!("at most {most:.0?}"), || format!("{:.0?}", now.took));
        let most = then.most_bytes();
        trial.case(now.bytes <= most, &case, format!("at most {} KiB of memory", most >> 10), || {
            format!("{} KiB", now.bytes >> 10)
        });
    }
}

/// The best of some calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Measured {
    took: Duration,
    bytes: usize,
}

impl Measured {
    const MOST: Self = Self { took: Duration::MAX, bytes: usize::MAX };

    async fn take(&mut self, subject: &impl Subject, records: &[RawRecord]) {
        if let Ok(response) = subject.normalize(Still::default(), RawInput::Records(records.to_vec())).await {
            self.took = self.took.min(response.report.elapsed);
            self.bytes = self.bytes.min(response.report.peak_memory_bytes);
        }
    }

    fn most_time(self) -> Duration {
        self.took.saturating_add(self.took / 4).saturating_add(Duration::from_millis(10))
    }

    fn most_bytes(self) -> usize {
        self.bytes.saturating_add(self.bytes / 4).saturating_add(1 << 20)
    }
}

type Key = (String, String, String, String);

fn key(finding: &Finding) -> Key {
    let project = finding.project.id.clone().or_else(|| finding.project.name.clone()).unwrap_or_default();
    (finding.kind.to_string(), project, finding.identity.key.clone(), finding.identity.algorithm.clone())
}

async fn identity(trial: &mut Trial, subject: &impl Subject, previous: &impl Subject, read: &Read) {
    for (kind, records) in &read.records {
        let records = RawInput::Records(records.clone());
        let (now, then) = (
            subject.normalize(Still::default(), records.clone()).await,
            previous.normalize(Still::default(), records).await,
        );
        let (Ok(now), Ok(then)) = (&now, &then) else {
            trial.case(now.is_ok() || then.is_err(), format!("a page of {kind}"), "findings", || told(&now));
            continue;
        };
        let mut of_record: BTreeMap<u32, Vec<&Finding>> = BTreeMap::new();
        for finding in &now.value.findings {
            of_record.entry(finding.index).or_default().push(finding);
        }
        for old in &then.value.findings {
            let news = of_record.get(&old.index).map(Vec::as_slice).unwrap_or_default();
            let (kind_of, project, old_key, _) = key(old);
            let is_kept = news.iter().any(|new| {
                let (new_kind, new_project, ..) = key(new);
                let is_alias = new.identity.aliases.contains(&old_key);
                key(new) == key(old) || (is_alias && (new_kind, new_project) == (kind_of.clone(), project.clone()))
            });
            let case = format!("finding `{}` of {kind}", old.id);
            trial.case(is_kept, case, format!("the key `{old_key}`, or it as an alias"), || match news.first() {
                Some(new) => format!("`{}` by `{}`", new.identity.key, new.identity.algorithm),
                None => "no finding".to_owned(),
            });
        }
    }
}

fn gone(trial: &mut Trial, manifest: &Manifest, before: &Manifest) {
    let major = |manifest: &Manifest| semver::Version::parse(&manifest.version).map(|it| it.major).ok();
    let may_break = major(manifest) > major(before) || major(before) == Some(0);
    let mut part = |what: &str, now: Vec<String>, then: Vec<String>| {
        for name in then {
            let is_there = now.contains(&name) || may_break;
            trial.case(is_there, format!("{what} `{name}`"), "still there, or another major version", || {
                "gone".to_owned()
            });
        }
    };
    let kinds = |manifest: &Manifest| manifest.kinds.iter().map(|it| it.kind.to_string()).collect();
    part("kind", kinds(manifest), kinds(before));
    let formats = |manifest: &Manifest| manifest.formats.iter().map(|it| it.name.clone()).collect();
    part("format", formats(manifest), formats(before));
    let keys = |manifest: &Manifest| properties(manifest).into_iter().map(|(key, _)| key).collect();
    part("setting", keys(manifest), keys(before));
    let mut new = Vec::new();
    let mut more = |what: &str, now: Vec<&String>, then: Vec<&String>| {
        new.extend(now.into_iter().filter(|it| !then.contains(it)).map(|it| format!("{what} {it}")));
    };
    let origins = |manifest: &'_ Manifest| manifest.origins.iter().map(|it| it.default.clone()).collect::<Vec<_>>();
    let (now, then) = (origins(manifest), origins(before));
    more("origin", now.iter().collect(), then.iter().collect());
    let secrets = |manifest: &'_ Manifest| manifest.secrets.iter().map(|it| it.variable.clone()).collect::<Vec<_>>();
    let (now, then) = (secrets(manifest), secrets(before));
    more("secret", now.iter().collect(), then.iter().collect());
    if !new.is_empty() {
        trial.note = Some(format!("new, to be granted: {}", new.join(", ")));
    }
}
