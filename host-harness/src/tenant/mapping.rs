//! Repositories of a tenant, and which of them each project is of.
//!
#![doc = include_str!("mapping.md")]

use std::collections::BTreeMap;

use appsec_analysis::repository::{Repository, RepositoryAddress};
use appsec_model::scan::branch_name;

use super::Tenant;
use crate::error::{Error, MappingError};
use appsec_grant::{InstanceName, UnknownName};
use appsec_store::{
    AutoMap, KeptFindings, MappingCounts, MappingFilter, MappingRow, NamedProject, Released, RepositoryRow,
    ResolvedMappings, ScanFields,
};

/// A project, as a person names it.
#[derive(Clone, Debug)]
pub struct ProjectName {
    /// Its instance; none where no other one has a project of that name.
    pub instance: Option<InstanceName>,
    /// Its name, whatever the capitals, or the vendor's id.
    pub name: String,
}

/// Which proposals of matching to accept.
#[derive(Clone, Debug)]
pub struct Acceptance {
    /// Only those of this instance.
    pub instance: Option<InstanceName>,
    /// Only those of these projects; all if empty.
    pub projects: Vec<ProjectName>,
    /// Only those that are at least as sure, from 0 to 1.
    pub min_confidence: f64,
}

/// What to change of what the operator says of a project's scans.
#[derive(Clone, Debug, Default)]
pub struct ScanFieldChanges {
    /// Fields to forget: `environment`, `branch`, `tag`, `metadata`, or a key of that.
    pub clear: Vec<String>,
    /// Where what is scanned runs. Of this and of all below, what is none stays.
    pub environment: Option<String>,
    /// The branch that is scanned.
    pub branch: Option<String>,
    /// A tag.
    pub tag: Option<String>,
    /// Anything else, by key.
    pub metadata: BTreeMap<String, String>,
    /// Whether scheduled syncs read it.
    pub scheduled: Option<bool>,
    /// Whether the webhook of the instance tells of runs that read it.
    pub notify: Option<bool>,
}

impl Tenant {
    /// The repositories by full name. `search` is a part of the name, the URL or
    /// a group.
    pub async fn repositories(&self, search: Option<String>) -> Result<Vec<RepositoryRow>, Error> {
        Ok(self.store.read(move |store| store.repositories(search.as_deref())).await?)
    }

    /// The repository of a full name, whatever its capitals, or of a URL.
    pub async fn repository(&self, wanted: &str) -> Result<RepositoryRow, Error> {
        let all = self.repositories(None).await?;
        let address = RepositoryAddress::parse(wanted, None).ok();
        let folded = wanted.to_lowercase();
        let is_at = |it: &Repository| address.is_some() && it.address() == address.as_ref();
        let is_named = |it: &Repository| it.full_name().to_lowercase() == folded;
        let by_address: Vec<&RepositoryRow> = all.iter().filter(|it| is_at(&it.repository)).collect();
        let by_name: Vec<&RepositoryRow> = all.iter().filter(|it| is_named(&it.repository)).collect();
        let exact: Vec<&RepositoryRow> =
            by_name.iter().copied().filter(|it| it.repository.full_name() == wanted).collect();
        match [&by_address, &exact, &by_name].into_iter().find(|found| !found.is_empty()).map(Vec::as_slice) {
            Some([only]) => Ok((*only).clone()),
            Some(several) => {
                let place = |it: &&RepositoryRow| {
                    let address = it.repository.address().map(ToString::to_string);
                    address.unwrap_or_else(|| format!("{} without a URL", it.repository.full_name()))
                };
                let found = several.iter().map(place).collect();
                Err(MappingError::SeveralRepositories { name: wanted.to_owned(), found }.into())
            }
            None => {
                let known = all.iter().map(|it| it.repository.full_name());
                Err(MappingError::NoRepository(UnknownName::among(wanted, known)).into())
            }
        }
    }

    /// Takes a repository away that no project is mapped to.
    pub async fn remove_repository(&self, wanted: &str) -> Result<RepositoryRow, Error> {
        let found = self.repository(wanted).await?;
        let row = found.row;
        match self.store.run(move |store| store.remove_repository(row)).await? {
            0 => Ok(found),
            projects => {
                Err(MappingError::InUse { repository: found.repository.full_name().to_owned(), projects }.into())
            }
        }
    }

    /// What becomes of an instance's new projects.
    pub async fn auto_map(&self, name: &InstanceName) -> Result<AutoMap, Error> {
        let id = self.instance(name).await?.id;
        Ok(self.store.read(move |store| store.auto_map(id)).await?)
    }

    /// Sets what becomes of an instance's new projects, and of those that wait.
    pub async fn set_auto_map(&self, name: &InstanceName, mode: AutoMap) -> Result<ResolvedMappings, Error> {
        let (id, now) = (self.instance(name).await?.id, self.now());
        let settled = self.store.run(move |store| store.set_auto_map(id, mode, now)).await?;
        self.refresh().await?;
        Ok(settled)
    }

    /// The mappings of projects, by instance and name, with what matching proposes.
    pub async fn mappings(&self, filter: MappingFilter) -> Result<Vec<MappingRow>, Error> {
        Ok(self.store.read(move |store| store.mappings(&filter)).await?)
    }

    /// How many projects stand how, in one instance or in all.
    pub async fn mapping_counts(&self, instance_id: Option<i64>) -> Result<MappingCounts, Error> {
        Ok(self.store.read(move |store| store.mapping_counts(instance_id)).await?)
    }

    /// Maps projects to the repositories that matching proposes. What is
    /// ambiguous is never accepted. Returns what they are now.
    pub async fn accept_mappings(&self, acceptance: &Acceptance) -> Result<Vec<MappingRow>, Error> {
        let instance_id = match &acceptance.instance {
            Some(name) => Some(self.instance(name).await?.id),
            None => None,
        };
        let mut projects = Vec::new();
        for name in &acceptance.projects {
            projects.push(self.project_named(name).await?.row);
        }
        let filter = MappingFilter { instance_id, projects, states: Vec::new() };
        let (least, now) = (acceptance.min_confidence, self.now());
        let accepted = self
            .store
            .run(move |store| {
                let proposed = store.mappings(&filter)?;
                let sure = |it: &MappingRow| {
                    let proposal = it.proposal.as_ref().filter(|proposal| proposal.confidence >= least)?;
                    Some((it.row, proposal.row, Some((proposal.reason.as_str(), proposal.confidence))))
                };
                let chosen: Vec<_> = proposed.iter().filter_map(sure).collect();
                if chosen.is_empty() {
                    return Ok(Vec::new());
                }
                store.map_projects(&chosen, now)?;
                let projects = chosen.iter().map(|(project, ..)| *project).collect();
                store.mappings(&MappingFilter { projects, ..MappingFilter::default() })
            })
            .await?;
        self.refresh().await?;
        Ok(accepted)
    }

    /// Maps a project to a repository. Its findings go along.
    pub async fn set_mapping(&self, project: &ProjectName, repository: &str) -> Result<MappingRow, Error> {
        let project = self.project_named(project).await?;
        let repository = self.repository(repository).await?;
        let (now, chosen) = (self.now(), (project.row, repository.row, None));
        self.store.run(move |store| store.map_projects(&[chosen], now)).await?;
        self.refresh().await?;
        self.mapping(&project).await
    }

    /// Takes a project's repository away: it is no longer read, and waits for a
    /// person. Where it has brought anything, somebody must say what becomes of that.
    pub async fn unset_mapping(
        &self,
        project: &ProjectName,
        findings: Option<KeptFindings>,
    ) -> Result<Released, Error> {
        self.release(project, false, findings).await
    }

    /// Ignores a project: it is no longer read, and no longer asked about. Where
    /// it has brought anything, somebody must say what becomes of that.
    pub async fn ignore_project(
        &self,
        project: &ProjectName,
        findings: Option<KeptFindings>,
    ) -> Result<Released, Error> {
        self.release(project, true, findings).await
    }

    async fn release(
        &self,
        project: &ProjectName,
        ignored: bool,
        findings: Option<KeptFindings>,
    ) -> Result<Released, Error> {
        let project = self.project_named(project).await?;
        // Only checked names are ever written.
        let name = project.instance.parse::<InstanceName>();
        let name = name.map_err(|_| MappingError::NoProject(unknown(&project.name)))?;
        // A sync that is under way would go on to bring its records.
        self.run_on(&name, "mapping", async |_| {
            let (row, now) = (project.row, self.now());
            let (count, records) = self.store.read(move |store| store.holdings(row)).await?;
            let findings = match findings {
                Some(findings) => findings,
                None if records == 0 => KeptFindings::Keep,
                None => return Err(MappingError::Undecided { project: project.name, findings: count }.into()),
            };
            Ok(self.store.run(move |store| store.release_project(row, ignored, findings, now)).await?)
        })
        .await
    }

    /// Takes a project up again that was ignored or unmapped: into the
    /// repository that it kept, else as a new project is.
    pub async fn restore_project(&self, project: &ProjectName) -> Result<MappingRow, Error> {
        let project = self.project_named(project).await?;
        let (named, now) = (project.clone(), self.now());
        self.store.run(move |store| store.restore_project(&named, now)).await?;
        self.refresh().await?;
        self.mapping(&project).await
    }

    /// Changes what the operator says of a project's scans.
    pub async fn set_scan_fields(&self, project: &ProjectName, changes: ScanFieldChanges) -> Result<MappingRow, Error> {
        let project = self.project_named(project).await?;
        let row = project.row;
        let before = self.store.read(move |store| store.scan_fields(row)).await?;
        let (fields, now) = (changed(before, changes)?, self.now());
        self.store.run(move |store| store.set_scan_fields(row, &fields, now)).await?;
        self.refresh().await?;
        self.mapping(&project).await
    }

    async fn mapping(&self, project: &NamedProject) -> Result<MappingRow, Error> {
        let filter = MappingFilter { projects: vec![project.row], ..MappingFilter::default() };
        let found = self.mappings(filter).await?.pop();
        found.ok_or_else(|| MappingError::NoProject(unknown(&project.name)).into())
    }

    /// The project that a person names. One that the vendor lists goes before
    /// those of its name that it no longer lists.
    async fn project_named(&self, wanted: &ProjectName) -> Result<NamedProject, Error> {
        let instance_id = match &wanted.instance {
            Some(name) => Some(self.instance(name).await?.id),
            None => None,
        };
        let name = wanted.name.clone();
        let mut found = self.store.read(move |store| store.projects_named(instance_id, &name)).await?;
        if found.iter().any(|it| it.listed) {
            found.retain(|it| it.listed);
        }
        match found.as_slice() {
            [only] => Ok(only.clone()),
            [] => {
                let known = self.store.read(move |store| store.projects(instance_id, None)).await?;
                let known = UnknownName::among(&wanted.name, known.iter().map(|it| &it.project.name));
                Err(MappingError::NoProject(known).into())
            }
            several => {
                let found = several.iter().map(|it| format!("{} in {}", it.vendor_id, it.instance)).collect();
                Err(MappingError::SeveralProjects { name: wanted.name.clone(), found }.into())
            }
        }
    }
}

/// A name that was there a moment ago.
fn unknown(name: &str) -> UnknownName {
    UnknownName { name: name.to_owned(), meant: None }
}

/// Fields that every project has.
const FIELDS: [&str; 4] = ["environment", "branch", "tag", "metadata"];

/// The fields after a change.
fn changed(before: ScanFields, changes: ScanFieldChanges) -> Result<ScanFields, MappingError> {
    let mut fields = before;
    for name in changes.clear {
        match name.as_str() {
            "environment" => fields.environment = None,
            "branch" => fields.branch = None,
            "tag" => fields.tag = None,
            "metadata" => fields.metadata = BTreeMap::new(),
            key => {
                if fields.metadata.remove(key).is_none() {
                    let known = FIELDS.into_iter().chain(fields.metadata.keys().map(String::as_str));
                    return Err(MappingError::NoField(UnknownName::among(name, known)));
                }
            }
        }
    }
    fields.environment = changes.environment.or(fields.environment);
    fields.branch = changes.branch.map(|name| branch_name(&name).to_owned()).or(fields.branch);
    fields.tag = changes.tag.or(fields.tag);
    fields.metadata.extend(changes.metadata);
    fields.scheduled = changes.scheduled.unwrap_or(fields.scheduled);
    fields.notify = changes.notify.unwrap_or(fields.notify);
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::{MappingError, ScanFieldChanges, changed};
    use appsec_store::ScanFields;

    fn fields(environment: Option<&str>, metadata: &[(&str, &str)]) -> ScanFields {
        let metadata = metadata.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        ScanFields { environment: environment.map(str::to_owned), metadata, ..ScanFields::default() }
    }

    #[test]
    fn fields_stay_unless_they_are_set_or_cleared() {
        let before = fields(Some("production"), &[("team", "web"), ("tier", "1")]);
        let change = |clear: &[&str], changes: ScanFieldChanges| {
            let clear = clear.iter().map(|&name| name.to_owned()).collect();
            changed(before.clone(), ScanFieldChanges { clear, ..changes })
        };
        let none = ScanFieldChanges::default;
        assert_eq!(change(&[], none()).unwrap(), before);
        let set = ScanFieldChanges {
            environment: Some("test".to_owned()),
            metadata: [("tier".to_owned(), "2".to_owned())].into(),
            scheduled: Some(false),
            ..none()
        };
        let after = ScanFields { scheduled: false, ..fields(Some("test"), &[("tier", "2")]) };
        assert_eq!(change(&["team"], set).unwrap(), after);
        assert_eq!(changed(after.clone(), none()).unwrap(), after);
        assert_eq!(change(&["environment", "metadata"], none()).unwrap(), ScanFields::default());
        let error = change(&["owner"], none()).unwrap_err();
        assert!(matches!(error, MappingError::NoField(it) if it.name == "owner"));
    }
}
