//! Another component for an instance: the file of its connector as it is now, or
//! another version that is installed.

use std::collections::BTreeSet;

use appsec_model::Kind;
use serde::Serialize;

use super::{Tenant, session::pin};
use crate::{error::Error, host::Loaded};
use appsec_grant::{InstanceName, Origin};
use appsec_sandbox::ComponentMetadata;
use appsec_store::{ConnectorSource, NewInstance};

/// What `connector update` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct ConnectorUpdate {
    /// Name of the instance.
    pub instance: String,
    /// Where the connector comes from.
    pub connector_source: ConnectorSource,
    /// Where it came from before.
    pub connector_source_before: ConnectorSource,
    /// Whether the instance runs another component than before.
    pub changed: bool,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// SHA-256 of the component that the instance was held to.
    pub sha256_before: Option<String>,
    /// SHA-256 of the component now.
    pub sha256: String,
    /// Version of the component that it ran before; where that one is no longer
    /// there, as `records_version`.
    pub version_before: String,
    /// Version stated in the component's manifest.
    pub version: String,
    /// Version of the connector that made the stored records.
    pub records_version: String,
    /// Origins that it asks for and the instance may not reach.
    pub origins_not_granted: Vec<String>,
    /// Origins that the instance may reach and it does not ask for.
    pub origins_not_asked_for: Vec<String>,
    /// Secrets that it asks for and the instance does not give it.
    pub secrets_not_given: Vec<String>,
    /// Secrets that the instance gives and it does not ask for.
    pub secrets_not_asked_for: Vec<String>,
    /// How the component differs; none where the one before is no longer there.
    pub component: Option<ComponentDifference>,
}

/// How a component differs from the one before.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct ComponentDifference {
    /// Size of the one before.
    pub size_bytes_before: usize,
    /// Size of this one.
    pub size_bytes: usize,
    /// Version of the contract that the one before was written against.
    pub contract_version_before: String,
    /// Version of the contract that this one was written against.
    pub contract_version: String,
    /// Interfaces that it imports and the one before did not.
    pub imports_added: Vec<String>,
    /// Interfaces that only the one before imported.
    pub imports_removed: Vec<String>,
    /// Kinds that it brings and the one before did not.
    pub kinds_added: Vec<Kind>,
    /// Kinds that only the one before brought.
    pub kinds_removed: Vec<Kind>,
    /// Licenses that the one before states.
    pub licenses_before: Option<String>,
    /// Licenses that this one states.
    pub licenses: Option<String>,
    /// Where the one before says that its source is.
    pub source_before: Option<String>,
    /// Where this one says that its source is.
    pub source: Option<String>,
    /// Packages, with their versions, that only this one says to be in it.
    pub packages_added: Vec<String>,
    /// Packages, with their versions, that only the one before says to be in it.
    pub packages_removed: Vec<String>,
}

impl Tenant {
    /// Gives an instance another component of its connector, and tells how it
    /// differs. Without `to` it is the file that the instance names as it is now,
    /// or the newest version that is installed. Grants stay as they are: what it
    /// asks for beyond them it does not get.
    pub async fn update_connector(
        &self,
        name: &InstanceName,
        to: Option<ConnectorSource>,
        dry_run: bool,
    ) -> Result<ConnectorUpdate, Error> {
        self.run_on(name, "connector-update", async |instance| {
            let made = &instance.made;
            let source = match (to, &made.connector_source) {
                (Some(to), _) => to,
                (None, ConnectorSource::Installed { .. }) => self.host.installed_connector(&made.connector_id)?,
                (None, ConnectorSource::Bundled { .. }) => return Err(Error::NotPinned(name.clone())),
                (None, same) => same.clone(),
            };
            let loaded = self.loaded_from(&instance, &source).await?;
            // One that is not there any more is no reason to keep it.
            let before = self.loaded(&instance).await.ok();
            let update = difference(name, made, before.as_ref(), source, &loaded, dry_run)?;
            if update.changed && !dry_run {
                let (source, sha256) = (update.connector_source.clone(), pin(&loaded, &update.connector_source));
                self.store.run(move |store| store.set_connector(instance.id, &source, sha256.as_deref())).await?;
            }
            Ok(update)
        })
        .await
    }
}

fn difference(
    name: &InstanceName,
    made: &NewInstance,
    before: Option<&Loaded>,
    source: ConnectorSource,
    loaded: &Loaded,
    dry_run: bool,
) -> Result<ConnectorUpdate, Error> {
    let configured = |key: &String| made.settings.get(key).and_then(|value| value.as_str());
    let asked = loaded.manifest.origins.iter().map(|need| {
        let setting = need.setting.as_ref().and_then(configured);
        Ok(setting.unwrap_or(&need.default).parse::<Origin>()?.to_string())
    });
    let asked = asked.collect::<Result<BTreeSet<_>, Error>>()?;
    let granted = made.egress.origins().map(|(origin, _)| origin.to_string()).collect();
    let wanted = loaded.manifest.secrets.iter().map(|need| need.variable.clone()).collect();
    let given = made.secrets.keys().cloned().collect();
    let held_to = pin(loaded, &source);
    Ok(ConnectorUpdate {
        instance: name.to_string(),
        changed: made.connector_source != source || made.connector_sha256 != held_to,
        dry_run,
        connector_source: source,
        connector_source_before: made.connector_source.clone(),
        sha256_before: made.connector_sha256.clone(),
        sha256: loaded.connector.inspection().sha256.clone(),
        version_before: before.map_or(&made.connector_version, |before| &before.manifest.version).clone(),
        records_version: made.connector_version.clone(),
        version: loaded.manifest.version.clone(),
        origins_not_granted: beyond(&asked, &granted),
        origins_not_asked_for: beyond(&granted, &asked),
        secrets_not_given: beyond(&wanted, &given),
        secrets_not_asked_for: beyond(&given, &wanted),
        component: before.map(|before| {
            let imports = |of: &Loaded| of.connector.inspection().imports.iter().cloned().collect();
            let kinds = |of: &Loaded| of.manifest.kinds.iter().map(|it| it.kind.clone()).collect::<Vec<_>>();
            let (imported, imports) = (imports(before), imports(loaded));
            let (brought, brings) = (kinds(before), kinds(loaded));
            ComponentDifference {
                size_bytes_before: before.connector.inspection().size_bytes,
                size_bytes: loaded.connector.inspection().size_bytes,
                contract_version_before: before.manifest.contract_version.clone(),
                contract_version: loaded.manifest.contract_version.clone(),
                imports_added: beyond(&imports, &imported),
                imports_removed: beyond(&imported, &imports),
                kinds_added: brings.iter().filter(|kind| !brought.contains(kind)).cloned().collect(),
                licenses_before: said(before).licenses.clone(),
                licenses: said(loaded).licenses.clone(),
                source_before: said(before).source.clone(),
                source: said(loaded).source.clone(),
                packages_added: beyond(&packages(loaded), &packages(before)),
                packages_removed: beyond(&packages(before), &packages(loaded)),
                kinds_removed: brought.iter().filter(|kind| !brings.contains(kind)).cloned().collect(),
            }
        }),
    })
}

/// What the maker of a component wrote into it.
fn said(of: &Loaded) -> &ComponentMetadata {
    &of.connector.inspection().metadata
}

/// The packages that are linked into a component, but for itself.
fn packages(of: &Loaded) -> BTreeSet<String> {
    let linked = said(of).packages.iter().filter(|it| !it.is_root && !it.is_build_only);
    linked.map(|it| format!("{} {}", it.name, it.version)).collect()
}

/// What one set has and the other has not.
fn beyond(more: &BTreeSet<String>, less: &BTreeSet<String>) -> Vec<String> {
    more.difference(less).cloned().collect()
}
