//! Why a list is empty although nothing is known to be clean: nobody looked.

use appsec_grant::InstanceName;
use appsec_store::{Outcome, ProjectFilter, RunFilter, RunState};

use super::Tenant;
use crate::error::Error;

/// Why nothing is known of what a list asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Unread {
    /// No instance is set up.
    NoInstance,
    /// No run of an instance that is meant came to its end.
    NoRun,
    /// No project that is meant was ever scanned.
    NeverScanned(UnreadProjects),
    /// No scan of the projects that are meant was fetched.
    NotFetched(UnreadProjects),
    /// No run brought any of these kinds.
    Kinds(Vec<String>),
    /// No catalogue of what is known to be exploited was imported.
    NoKev,
}

/// Projects of which nothing is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnreadProjects {
    /// The first one's name.
    pub first: String,
    /// How many they are.
    pub count: usize,
}

impl Tenant {
    /// Why nothing is known of what an instance has, or all of them; none where somebody
    /// looked, or where there is nothing that could have been looked at.
    pub async fn unread_of(&self, instance: Option<&InstanceName>) -> Result<Option<Unread>, Error> {
        self.why_unread(instance, None, ProjectFilter::default(), Vec::new()).await
    }

    pub(super) async fn why_unread(
        &self,
        instance: Option<&InstanceName>,
        project: Option<String>,
        scope: ProjectFilter,
        kinds: Vec<String>,
    ) -> Result<Option<Unread>, Error> {
        let instance_id = self.instance_id(instance).await?;
        let found = self.store.read(move |store| {
            if store.instances()?.is_empty() {
                return Ok(Some(Unread::NoInstance));
            }
            // One that failed, or is not done, tells nothing of what it did not bring.
            let states = vec![RunState::Complete, RunState::Partial];
            if store.find_runs(&RunFilter { instance_id, states, limit: 0, ..RunFilter::default() })?.1 == 0 {
                return Ok(Some(Unread::NoRun));
            }
            let mut projects = store.projects(instance_id, None)?;
            if project.is_some() || !scope.is_empty() {
                let meant = store.project_ids(project.as_ref(), &scope)?;
                projects.retain(|it| meant.contains(&it.row));
            }
            if let Some(first) = projects.first() {
                let all = |outcomes: &[Outcome]| projects.iter().all(|it| outcomes.contains(&it.outcome));
                let unread = UnreadProjects { first: first.project.name.clone(), count: projects.len() };
                if all(&[Outcome::NeverScanned]) {
                    return Ok(Some(Unread::NeverScanned(unread)));
                }
                if all(&[Outcome::NeverScanned, Outcome::NotRead]) {
                    return Ok(Some(Unread::NotFetched(unread)));
                }
            }
            let brought = store.fetched_kinds(instance_id)?;
            let is_unread = !kinds.is_empty() && !kinds.iter().any(|kind| brought.contains(kind));
            Ok(is_unread.then_some(Unread::Kinds(kinds)))
        });
        Ok(found.await?)
    }
}
