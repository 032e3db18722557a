//! Mappings of a tenant, as they are shown.

use appsec_grant::InstanceName;
use appsec_store::{
    AutoMap, MappingCounts, MappingFilter, MappingRow, MappingState, ProjectRow, Released, ResolvedMappings,
};
use serde::Serialize;

use super::{Acceptance, Tenant};
use crate::error::Error;

/// What `mapping list`, `mapping suggest` and `mapping accept` print.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct MappingList {
    /// How many projects stand how.
    pub counts: MappingCounts,
    /// The projects, by instance and name.
    pub projects: Vec<MappingRow>,
}

/// What `mapping unset` and `mapping ignore` print.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct ReleaseReport {
    /// What became of its findings.
    #[serde(flatten)]
    pub released: Released,
}

/// What `mapping mode` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct AutoMapReport {
    /// Name of the instance.
    pub instance: String,
    /// What becomes of its new projects.
    pub auto_map: AutoMap,
    /// What that did to projects that waited.
    #[serde(flatten)]
    pub settled: ResolvedMappings,
}

/// What `projects` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct ProjectList {
    /// The projects, by name, as of the last sync.
    pub projects: Vec<ProjectRow>,
}

impl Tenant {
    /// Projects of all instances or of one, as of the last sync. `search` is a part
    /// of the name or of a tag.
    pub async fn project_list(
        &self,
        instance: Option<&InstanceName>,
        search: Option<String>,
    ) -> Result<ProjectList, Error> {
        let of = self.instance_id(instance).await?;
        Ok(ProjectList { projects: self.store.run(move |store| store.projects(of, search.as_deref())).await? })
    }

    /// Projects of all instances or of one with their repositories, in any of these
    /// states.
    pub async fn mapping_list(
        &self,
        instance: Option<&InstanceName>,
        states: Vec<MappingState>,
    ) -> Result<MappingList, Error> {
        let instance_id = self.instance_id(instance).await?;
        let projects = self.mappings(MappingFilter { instance_id, states, ..MappingFilter::default() }).await?;
        Ok(MappingList { counts: self.mapping_counts(instance_id).await?, projects })
    }

    /// Projects for which matching proposes a repository, or could mean several.
    pub async fn suggested_mappings(&self, instance: Option<&InstanceName>) -> Result<MappingList, Error> {
        let mut list = self.mapping_list(instance, Vec::new()).await?;
        list.projects.retain(|it| it.proposal.is_some() || !it.candidates.is_empty());
        Ok(list)
    }

    /// Accepts proposals of matching, and lists the projects that they mapped.
    pub async fn accepted_mappings(&self, acceptance: &Acceptance) -> Result<MappingList, Error> {
        let projects = self.accept_mappings(acceptance).await?;
        Ok(MappingList { counts: self.mapping_counts(None).await?, projects })
    }

    /// What becomes of new projects of an instance; sets it, if a mode is given.
    pub async fn mapping_mode(&self, name: &InstanceName, mode: Option<AutoMap>) -> Result<AutoMapReport, Error> {
        let settled = match mode {
            Some(mode) => self.set_auto_map(name, mode).await?,
            None => ResolvedMappings::default(),
        };
        Ok(AutoMapReport { instance: name.to_string(), auto_map: self.auto_map(name).await?, settled })
    }
}
