//! Normalizing again what is stored: after an upgrade of the connector, its
//! raw records become findings anew, without the vendor.

use std::{collections::BTreeMap, sync::Arc};

use appsec_model::{Finding, Kind};
use serde::Serialize;
use serde_json::Value;

use crate::{
    batch::{API, Clock, Pipeline, Reader, Renewed},
    error::Error,
};
use appsec_sandbox::Connector;
use appsec_store::{ConnectorSource, IngestHandle, Instance, Run, RunState};

/// Records of one step, and so of one transaction.
const BATCH_RECORDS: u32 = 500;

/// Changed findings that a report shows.
const EXAMPLES: usize = 20;

/// What to normalize again.
#[derive(Clone, Debug, Default)]
pub struct RenormalizeOptions {
    /// Only these kinds; all if empty.
    pub kinds: Vec<Kind>,
    /// Only tell what would change.
    pub dry_run: bool,
    /// The connector to do it with, for a look at what a newer one makes of the
    /// records; none for the instance's own, which alone may write.
    pub connector: Option<ConnectorSource>,
}

/// What another connector makes of the stored records.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct RenormalizeReport {
    /// Name of the instance.
    pub instance: String,
    /// Version of the connector that made the stored records.
    pub connector_version_before: String,
    /// Version of the connector now.
    pub connector_version: String,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Raw records looked at.
    pub records: u64,
    /// Findings that stay as they are.
    pub unchanged: u64,
    /// Findings that become other than they were.
    pub changed: u64,
    /// Records that were not usable and become findings.
    pub gained: u64,
    /// Findings whose record is no longer usable; they stay as they were last understood.
    pub lost: u64,
    /// Records that are no findings, before and after.
    pub without_finding: u64,
    /// How many findings change in which field.
    pub fields: BTreeMap<String, u64>,
    /// Some of the changed findings.
    pub examples: Vec<ChangedFinding>,
    /// As the run log has it; none for a dry run.
    pub run: Option<Run>,
}

/// A finding that changes.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct ChangedFinding {
    /// The vendor's id of the occurrence.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What changes, by the path of the field.
    pub fields: BTreeMap<String, Change>,
}

/// A value before and after.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Change {
    /// None where there was none.
    pub before: Option<Value>,
    /// None where there is none.
    pub after: Option<Value>,
}

/// Where the progress goes: records so far.
pub type RenormalizeProgress = Arc<dyn Fn(u64) + Send + Sync>;

/// Everything that it works with.
pub struct Renormalize {
    pub store: IngestHandle,
    pub connector: Connector,
    pub connector_version: String,
    pub instance_path: String,
    pub instance: Instance,
    pub clock: Clock,
    pub options: RenormalizeOptions,
    pub progress: RenormalizeProgress,
}

impl Renormalize {
    /// Goes through all raw records of the instance. Cut off, it is begun
    /// anew: what is written already is then unchanged.
    pub async fn run(self) -> Result<RenormalizeReport, Error> {
        let (instance_id, dry_run) = (self.instance.id, self.options.dry_run);
        let now = (self.clock)();
        let run = match dry_run {
            true => None,
            false => Some(self.store.run(move |store| store.start_renormalize(instance_id, now)).await?),
        };
        let mut report = RenormalizeReport {
            instance: self.instance.made.name.to_string(),
            connector_version_before: self.instance.made.connector_version.clone(),
            connector_version: self.connector_version.clone(),
            dry_run,
            records: 0,
            unchanged: 0,
            changed: 0,
            gained: 0,
            lost: 0,
            without_finding: 0,
            fields: BTreeMap::new(),
            examples: Vec::new(),
            run: None,
        };
        let reader = Reader { connector: self.connector.clone(), instance_path: self.instance_path.clone() };
        let pipeline = Pipeline {
            store: self.store.clone(),
            instance_id,
            instance: report.instance.clone(),
            // Each stored record has its own.
            origin: API.to_owned(),
            reader: None,
            clock: self.clock.clone(),
        };
        let mut after = 0;
        loop {
            let mut batch = self.store.run(move |store| store.raw_batch(instance_id, after, BATCH_RECORDS)).await?;
            let Some(last) = batch.last() else { break };
            after = last.id;
            let kinds = &self.options.kinds;
            batch.retain(|stored| kinds.is_empty() || kinds.contains(&stored.record.kind));
            let renewed = Renewed::of(&reader, batch).await?;
            report.compare(&renewed);
            if let Some(run) = run {
                renewed.commit(&pipeline, run).await?;
            }
            (self.progress)(report.records);
        }
        if let Some(id) = run {
            let (now, version) = ((self.clock)(), self.connector_version);
            report.run = self
                .store
                .run(move |store| {
                    store.set_connector_version(instance_id, &version)?;
                    store.finish_run(id, RunState::Complete, None, now)?;
                    store.run(id)
                })
                .await?;
        }
        Ok(report)
    }
}

impl RenormalizeReport {
    /// Notes what is different.
    fn compare(&mut self, renewed: &Renewed) {
        let mut made: BTreeMap<u32, &Finding> = BTreeMap::new();
        for finding in &renewed.normalized.findings {
            made.insert(finding.index, finding);
        }
        for (index, stored) in (0..).zip(&renewed.stored) {
            self.records += 1;
            match (&stored.finding, made.get(&index)) {
                (None, None) => self.without_finding += 1,
                (None, Some(_)) => self.gained += 1,
                (Some(_), None) => self.lost += 1,
                (Some(before), Some(after)) => {
                    let fields = changes(&value(before), &value(after));
                    if fields.is_empty() {
                        self.unchanged += 1;
                        continue;
                    }
                    self.changed += 1;
                    for field in fields.keys() {
                        *self.fields.entry(field.clone()).or_default() += 1;
                    }
                    if self.examples.len() < EXAMPLES {
                        let (id, title) = (after.id.clone(), after.title.clone());
                        self.examples.push(ChangedFinding { id, title, fields });
                    }
                }
            }
        }
    }
}

/// A finding without what depends on the batch that it was normalized in.
fn value(finding: &Finding) -> Value {
    let mut value = serde_json::to_value(finding).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.remove("index");
    }
    value
}

/// The fields that differ, by their paths. Lists are compared as a whole.
fn changes(before: &Value, after: &Value) -> BTreeMap<String, Change> {
    let mut found = BTreeMap::new();
    collect(String::new(), Some(before), Some(after), &mut found);
    found
}

fn collect(path: String, before: Option<&Value>, after: Option<&Value>, found: &mut BTreeMap<String, Change>) {
    match (before, after) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(path, old.get(key), new.get(key), found);
            }
        }
        (before, after) if before != after => {
            found.insert(path, Change { before: before.cloned(), after: after.cloned() });
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::changes;

    #[test]
    fn a_change_is_named_by_the_path_of_its_field() {
        let before = json!({ "severity": "low", "location": { "path": "a", "start_line": 1 }, "tags": [1] });
        let after = json!({ "severity": "high", "location": { "path": "a" }, "tags": [1, 2], "new": true });
        let changed: Vec<String> = changes(&before, &after).into_keys().collect();
        assert_eq!(changed, ["location.start_line", "new", "severity", "tags"]);
        assert!(changes(&before, &before).is_empty());
    }
}
