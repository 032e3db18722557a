//! An entry of the dependency inventory: the dependencies endpoint's fields to
//! the model's.

use appsec_model::{Ecosystem, Location, Package, PackageVersion, ProjectRef};

use super::{
    batch::Batch,
    purl::purl,
    record::{moment, project_ref, text, texts, word},
    words,
};
use crate::wire::{self, Count, Remarks};

/// Adds the package of a record. A record without a package's name is an error
/// remark: nothing is left to list.
pub fn add(batch: &mut Batch, index: usize, project: Option<&ProjectRef>, record: wire::FoundDependency<'_>) {
    let remarks = &mut batch.remarks;
    let specifier = record.package.unwrap_or_default();
    let Some(name) = text(specifier.name) else {
        remarks.error("missing-package", "the record does not name its package".to_owned());
        return;
    };
    let mut project = project_ref(project, None);
    project.id = project.id.or_else(|| word(record.repository_id));
    if project.id.is_none() && project.name.is_none() {
        remarks.warn("missing-project", "/repositoryId", "the record does not name its project".to_owned());
    }
    let ecosystem = record.ecosystem.and_then(|word| words::ecosystem_at(&word, "/ecosystem", remarks));
    if ecosystem.is_none() {
        remarks.warn("missing-ecosystem", "/ecosystem", "the package has no ecosystem".to_owned());
    }
    let ecosystem = ecosystem.unwrap_or_else(|| Ecosystem::Other("unknown".to_owned()));
    let version = text(specifier.version_specifier);
    let transitivity = record.transitivity.and_then(|word| words::transitivity_at(&word, "/transitivity", remarks));
    let (defined, pointer) = match (record.defined_at, record.manifest_definition) {
        (Some(lockfile), _) if lockfile.path.as_deref().is_some_and(|path| !path.is_empty()) => {
            (Some(lockfile), "/definedAt/committedAt")
        }
        (lockfile, None) => (lockfile, "/definedAt/committedAt"),
        (_, manifest) => (manifest, "/manifestDefinition/committedAt"),
    };
    let defined = defined.unwrap_or_default();
    // An unset date is the epoch in the vendor's data.
    let committed_at = moment(pointer, &defined.committed_at, remarks).filter(|at| at.as_micros() != 0);
    let (lockfile, lockfile_url) = place(defined);
    batch.packages.push(Package {
        index: u32::try_from(index).ok(),
        project,
        package: PackageVersion { purl: purl(&ecosystem, &name, version.as_deref()), name, version, ecosystem },
        transitivity: transitivity.unwrap_or_default(),
        lockfile_url,
        lockfile,
        committed_at,
        licenses: texts(record.licenses).into_iter().filter(|license| !license.is_empty()).collect(),
        resolved_url: text(record.resolved_url),
        introduced_by: introduced_by(record.path_to_transitivity, remarks),
    });
}

fn place(defined: wire::Definition<'_>) -> (Option<Location>, Option<String>) {
    let count = |count: Option<Count>| count.and_then(|count| count.0);
    let location = text(defined.path).map(|path| Location {
        path,
        start_line: count(defined.start_line),
        start_column: count(defined.start_col),
        end_line: count(defined.end_line),
        end_column: count(defined.end_col),
    });
    (location, text(defined.url))
}

/// The packages that bring this one, as `name@version`.
fn introduced_by(path: Option<wire::List<wire::Step<'_>>>, remarks: &mut Remarks) -> Vec<String> {
    let steps = path.map(|path| path.0).unwrap_or_default();
    let said = steps.len();
    let names: Vec<String> = steps
        .into_iter()
        .filter_map(|step| match step {
            wire::Step::Text(step) => text(Some(step)),
            wire::Step::Package(step) => match (text(step.name)?, text(step.version_specifier)) {
                (name, Some(version)) => Some(format!("{name}@{version}")),
                (name, None) => Some(name),
            },
        })
        .collect();
    if names.len() < said {
        let message = "a package on the way without a name was left out".to_owned();
        remarks.warn("incomplete-path", "/pathToTransitivity", message);
    }
    names
}
