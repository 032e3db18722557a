//! Whether a connector keeps the contract.

use std::{collections::BTreeMap, path::PathBuf};

use appsec_conformance::{Check, ConformanceReport, Plan, judge_component, judge_refused};
use appsec_grant::SecretSource;
use appsec_ingest::RetryPolicy;
use appsec_store::ConnectorSource;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Harness, stage::ScratchStage, workbench::Answers};
use crate::{error::Error, host::Options, toml_problem::toml_problem};

/// How a connector is to be judged, and against what.
#[derive(Clone, Debug)]
pub struct Conformance {
    /// The connector.
    pub connector: ConnectorSource,
    /// Who answers it.
    pub vendor: Answers,
    /// Whether the vendor's answers are recorded.
    pub record: bool,
    /// Where its secrets are read from; by default from the environment
    /// variables that it names.
    pub secret: Option<SecretSource>,
    /// The same of each of several, by variable.
    pub secrets: BTreeMap<String, SecretSource>,
    /// The version before, to compare it with.
    pub previous: Option<ConnectorSource>,
    /// Which checks, and with which settings.
    pub plan: Plan,
}

/// What a `conformance.toml` says of a connector.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConformanceFile {
    /// Settings that it works with.
    pub settings: Map<String, Value>,
    /// A file of each format that it reads.
    pub samples: Vec<PathBuf>,
    /// Checks to leave out, each with the reason.
    pub skip: BTreeMap<String, String>,
}

impl ConformanceFile {
    /// Reads one; an error is for people.
    pub fn read(text: &str) -> Result<Self, String> {
        let file: Self = toml::from_str(text).map_err(|error| toml_problem(text, &error))?;
        if let Some(name) = file.skip.keys().find(|name| Check::of(name).is_none()) {
            return Err(format!("no check is called `{name}`"));
        }
        match file.skip.iter().find(|(_, reason)| reason.trim().is_empty()) {
            Some((name, _)) => Err(format!("give the reason why `{name}` is skipped")),
            None => Ok(file),
        }
    }
}

/// What came of judging a connector.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What became of the checks.
    pub report: ConformanceReport,
    /// The vendor's answers, where they were to be recorded.
    pub cassette: Option<String>,
}

impl Harness {
    /// Judges a connector. Nothing is stored of what it fetches.
    pub async fn conformance(&self, asked: Conformance) -> Result<Judged, Error> {
        let Conformance { connector, vendor, record, secret, secrets, previous, mut plan } = asked;
        let from = (secret.as_ref(), &secrets);
        let code = self.host.component(&connector)?;
        let loaded = match self.runtime()?.load(&code) {
            Ok(loaded) => loaded,
            Err(error) => {
                let report = judge_refused(&error, &plan).ok_or(Error::Runtime(error))?;
                return Ok(Judged { report, cassette: None });
            }
        };
        let before = match &previous {
            Some(source) => Some(self.connector(source).await?.connector),
            None => None,
        };
        plan.has_previous = before.is_some();
        let (name, settings) = (connector.to_string(), std::mem::take(&mut plan.settings));
        let bench = self.workbench(&loaded, &name, &vendor, from, settings).await?;
        plan.settings = bench.settings.clone();
        // A sync that is interrupted is to be seen to be.
        let retry = RetryPolicy { tries: 1, ..self.options().retry.clone() };
        let options = Options { retry, secret: bench.secret.clone(), ..self.options().clone() };
        let scratch = self.scratch(options.over(bench.network.clone()))?;
        let stage = ScratchStage::new(scratch, bench.setup(&connector, from));
        let report = judge_component(loaded, before, bench.http.clone(), &bench.network, &stage, &plan).await;
        if let Some(missing) = bench.network.missing() {
            return Err(missing.into());
        }
        // What was recorded before is better than nothing.
        let cassette = if record && bench.network.has_good_answers() { bench.recording()? } else { None };
        Ok(Judged { report, cassette })
    }
}

#[cfg(test)]
mod tests {
    use super::ConformanceFile;

    #[test]
    fn a_check_is_skipped_by_its_name_and_with_a_reason() {
        let problem = |text: &str| ConformanceFile::read(text).err();
        assert_eq!(problem("[skip]\nC9 = \"the vendor has no dates\""), None);
        assert_eq!(problem("[skip]\nC9 = \" \"").as_deref(), Some("give the reason why `C9` is skipped"));
        assert_eq!(problem("[skip]\nZ9 = \"why\"").as_deref(), Some("no check is called `Z9`"));
        assert!(problem("[skip\n").is_some_and(|it| it.starts_with("the file is not valid TOML at line 1: ")));
    }
}
