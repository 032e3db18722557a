//! Repositories of a tenant, as they are shown.

use appsec_analysis::{Problem, repository::RepositoryList};
use appsec_store::{MappingFilter, MappingRow, RepositoryChanges, RepositoryRow};
use serde::Serialize;

use super::Tenant;
use crate::error::{Error, MappingError};

/// What `repositories import` and `repositories add` print.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct RepositoryImport {
    /// Repositories that were read.
    pub repositories: u64,
    /// What that changed.
    #[serde(flatten)]
    pub changes: RepositoryChanges,
    /// What could not be used, with its line; the rest was.
    pub problems: Vec<Problem>,
}

/// What `repositories list` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct RepositoriesListed {
    /// The repositories, by full name.
    pub repositories: Vec<RepositoryRow>,
}

/// What `repositories show` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct RepositoryDetail {
    /// The repository.
    pub repository: RepositoryRow,
    /// Projects mapped to it.
    pub projects: Vec<MappingRow>,
}

impl Tenant {
    /// Brings the repositories of a list in, or puts them in place of those that
    /// were listed before: a list that is not wholly readable replaces nothing.
    /// Projects that match a repository now are mapped to it.
    pub async fn import_repositories(&self, list: RepositoryList, replace: bool) -> Result<RepositoryImport, Error> {
        let RepositoryList { repositories, problems } = list;
        if replace && (repositories.is_empty() || !problems.is_empty()) {
            return Err(MappingError::IncompleteList(problems.into_iter().next()).into());
        }
        let (count, now) = (repositories.len() as u64, self.now());
        let changes = self.store.run(move |store| store.put_repositories(&repositories, replace, now)).await?;
        self.refresh().await?;
        Ok(RepositoryImport { repositories: count, changes, problems })
    }

    /// The repositories by full name. `search` is a part of the name, the URL or
    /// a group.
    pub async fn repository_list(&self, search: Option<String>) -> Result<RepositoriesListed, Error> {
        Ok(RepositoriesListed { repositories: self.repositories(search).await? })
    }

    /// A repository with its projects.
    pub async fn repository_detail(&self, wanted: &str) -> Result<RepositoryDetail, Error> {
        let repository = self.repository(wanted).await?;
        let name = Some(repository.repository.full_name());
        let url = repository.repository.address().map(ToString::to_string);
        let mut projects = self.mappings(MappingFilter::default()).await?;
        projects.retain(|it| it.repository.as_deref() == name && it.repository_url == url);
        Ok(RepositoryDetail { repository, projects })
    }
}

#[cfg(test)]
mod tests {
    use appsec_analysis::repository::RepositoryList;
    use appsec_grant::Code;

    use crate::test_context::TestContext;

    #[tokio::test]
    async fn a_list_that_is_not_wholly_readable_replaces_nothing() {
        let context = TestContext::new();
        let tenant = context.tenant("acme");
        let list = |text: &str| RepositoryList::read(text.as_bytes(), "list.csv").unwrap();
        tenant.import_repositories(list("full_name\nacme/app\nacme/lib\n"), true).await.unwrap();
        for damaged in ["full_name,url\nacme/app,\n,ftp://x/y/z\n", "full_name\n"] {
            let error = tenant.import_repositories(list(damaged), true).await.unwrap_err();
            assert_eq!(error.code(), Code::IncompleteList, "{error}");
        }
        assert_eq!(tenant.repository_list(None).await.unwrap().repositories.len(), 2);
    }
}
