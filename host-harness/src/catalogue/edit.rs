//! The next edition of a catalogue.

use std::time::Duration;

use appsec_model::{Manifest, Timestamp};
use serde::Deserialize;

use super::format::{Catalogue, CatalogueConformance, CatalogueEntry, FORMAT};
use crate::error::CatalogueError;
use appsec_sandbox::Inspection;

/// A component that is to be in a catalogue.
pub(crate) struct Component<'a> {
    pub inspection: &'a Inspection,
    pub manifest: &'a Manifest,
    pub location: String,
}

/// An edition of a catalogue in the making.
pub(crate) struct Edition {
    catalogue: Catalogue,
    now: Timestamp,
}

impl Edition {
    /// The one after another, or the first one.
    pub fn after(before: Option<Catalogue>, now: Timestamp, valid_for: Duration) -> Self {
        let micros = i64::try_from(valid_for.as_micros()).unwrap_or(i64::MAX);
        let expires_at = Timestamp::from_micros(now.as_micros().saturating_add(micros));
        let (number, connectors) = before.map_or((0, Vec::new()), |it| (it.number, it.connectors));
        let number = number.saturating_add(1);
        Self { catalogue: Catalogue { format: FORMAT, number, issued_at: now, expires_at, connectors }, now }
    }

    /// Adds a component, or says anew where it is and what it came to. A version is
    /// published once: other bytes are another version.
    pub fn add(
        &mut self,
        Component { inspection, manifest, location }: Component<'_>,
        conformance: Option<CatalogueConformance>,
    ) -> Result<(), CatalogueError> {
        let known = &mut self.catalogue.connectors;
        let at = known.iter().position(|it| (&it.id, &it.version) == (&manifest.id, &manifest.version));
        let before = at.map(|at| known.remove(at));
        if let Some(it) = before.as_ref().filter(|it| it.sha256 != inspection.sha256) {
            let what = format!("{} {} is published already, with the SHA-256 {}", it.id, it.version, it.sha256);
            return Err(CatalogueError::Invalid(what));
        }
        alone_at(known, &location, &inspection.sha256)?;
        let entry = CatalogueEntry {
            id: manifest.id.clone(),
            name: manifest.name.clone(),
            vendor: manifest.vendor.clone(),
            version: manifest.version.clone(),
            sha256: inspection.sha256.clone(),
            size_bytes: inspection.size_bytes,
            location,
            published_at: before.as_ref().map_or(self.now, |it| it.published_at),
            contract_version: manifest.contract_version.clone(),
            kinds: manifest.kinds.iter().map(|it| it.kind.clone()).collect(),
            imports: inspection.imports.clone(),
            origins: manifest.origins.iter().map(|it| it.default.clone()).collect(),
            secrets: manifest.secrets.iter().map(|it| it.variable.clone()).collect(),
            licenses: inspection.metadata.licenses.clone(),
            source: inspection.metadata.source.clone(),
            revision: inspection.metadata.revision.clone(),
            conformance: conformance.or(before.as_ref().and_then(|it| it.conformance.clone())),
            yanked: before.as_ref().and_then(|it| it.yanked.clone()),
            deprecated: before.and_then(|it| it.deprecated),
        };
        if entry.parsed().is_none() {
            return Err(CatalogueError::Invalid(format!("`{}` is no version of `{}`", entry.version, entry.id)));
        }
        self.catalogue.connectors.push(entry);
        self.catalogue.sort();
        Ok(())
    }

    /// Takes a version back: nobody installs it any more.
    pub fn yank(&mut self, reference: &str, why: &str) -> Result<(), CatalogueError> {
        self.mark(reference, |it| it.yanked = Some(why.to_owned()))
    }

    /// Says that another one should be used.
    pub fn deprecate(&mut self, reference: &str, why: &str) -> Result<(), CatalogueError> {
        self.mark(reference, |it| it.deprecated = Some(why.to_owned()))
    }

    /// Marks a version, or with an id alone all versions.
    fn mark(&mut self, reference: &str, mark: impl Fn(&mut CatalogueEntry)) -> Result<(), CatalogueError> {
        let (id, version) = reference.split_once('@').map_or((reference, None), |(id, version)| (id, Some(version)));
        let of = |it: &&mut CatalogueEntry| it.id == id && version.is_none_or(|version| it.version == version);
        let marked = self.catalogue.connectors.iter_mut().filter(of).map(mark).count();
        match marked {
            0 => Err(CatalogueError::Invalid(format!("it has no `{reference}`"))),
            _ => Ok(()),
        }
    }

    pub fn finished(self) -> Catalogue {
        self.catalogue
    }
}

/// Whether nothing else is where a component is to lie: others would find that one
/// there, and be refused for its bytes.
pub(super) fn alone_at(known: &[CatalogueEntry], location: &str, sha256: &str) -> Result<(), CatalogueError> {
    match known.iter().find(|it| it.location == location && it.sha256 != sha256) {
        None => Ok(()),
        Some(CatalogueEntry { id, version, .. }) => Err(CatalogueError::Invalid(format!(
            "{id} {version} is at `{location}` already; each version needs a file of its own, such as {id}-{version}.wasm"
        ))),
    }
}

/// Which component a report of the checks is about, and what they came to.
pub(crate) fn report_of(report: &[u8]) -> Result<(String, CatalogueConformance), serde_json::Error> {
    #[derive(Deserialize)]
    struct Report {
        component: Judged,
        verdict: String,
        results: Vec<Checked>,
    }
    #[derive(Deserialize)]
    struct Judged {
        sha256: String,
    }
    #[derive(Deserialize)]
    struct Checked {
        outcome: String,
    }
    let report: Report = serde_json::from_slice(report)?;
    let passed = report.results.iter().filter(|it| it.outcome == "passed").count();
    let conformance = CatalogueConformance { verdict: report.verdict, passed, of: report.results.len() };
    Ok((report.component.sha256, conformance))
}
