//! `harness schema`: the form of each command's JSON.

use std::process::ExitCode;

use appsec_model::Normalized;
use host_harness::{
    AdvisoryImport, AutoMapReport, DeliveryList, EventList, FindingList, GeneratedKey, ImportList, InboxReport,
    Inspected, InstanceDeletion, InstanceList, InstanceReport, IssueList, MappingList, NotifyList, NotifyRemoved,
    NotifyReport, OnboardingList, PackageList, PoliciesRemoved, PolicyImported, PolicyResultList, ProjectList, Pruned,
    Rekeyed, ReleaseReport, RenormalizeList, RepositoriesListed, RepositoryDetail, RepositoryImport, RunList,
    ScheduleReport, StatusReport, SyncReport, TenantList, TimedEvent,
    grant::UnknownName,
    store::{Coverage, Dashboard, FindingDetail, IssueDetail, MappingRow, RepositoryRow},
};
use schemars::{Schema, schema_for};

use super::{demo::DemoReport, error::Failure, output::print_json};

#[derive(clap::Args)]
pub struct Args {
    /// The command, such as `findings` or `instance list`; all of them if none is given
    command: Vec<String>,
}

/// Every command that prints JSON and the form of it. `error` is what any of
/// them prints on standard error when it fails, `notify-event` what a receiver
/// gets.
fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("advisories-clear", schema_for!(AdvisoryImport)),
        ("advisories-import", schema_for!(AdvisoryImport)),
        ("advisories-show", schema_for!(appsec_analysis::Advisory)),
        ("audit-list", schema_for!(host_harness::AuditList)),
        ("audit-verify", schema_for!(host_harness::store::AuditCheck)),
        ("backup", schema_for!(host_harness::Backup)),
        ("call", schema_for!(host_harness::FunctionResult)),
        ("catalogue-add", schema_for!(host_harness::AddedCatalogue)),
        ("catalogue-build", schema_for!(host_harness::Catalogue)),
        ("catalogue-generate-key", schema_for!(host_harness::CatalogueKeyFiles)),
        ("catalogue-list", schema_for!(host_harness::CatalogueList)),
        ("catalogue-outdated", schema_for!(host_harness::OutdatedList)),
        ("catalogue-remove", schema_for!(host_harness::AddedCatalogue)),
        ("catalogue-search", schema_for!(host_harness::CatalogueSearch)),
        ("catalogue-sign", schema_for!(host_harness::SignedCatalogue)),
        ("conformance", schema_for!(host_harness::conformance::ConformanceReport)),
        ("connector-install", schema_for!(host_harness::InstalledConnector)),
        ("connector-list", schema_for!(host_harness::ConnectorList)),
        ("connector-remove", schema_for!(host_harness::InstalledConnector)),
        ("connector-update", schema_for!(host_harness::ConnectorUpdate)),
        ("coverage", schema_for!(Coverage)),
        ("daemon", schema_for!(TimedEvent)),
        ("dashboard", schema_for!(Dashboard)),
        ("demo", schema_for!(DemoReport)),
        ("doctor", schema_for!(super::doctor::Diagnosis)),
        ("error", schema_for!(super::error::FailureReport)),
        ("finding", schema_for!(FindingDetail)),
        ("findings", schema_for!(FindingList)),
        ("import", schema_for!(ImportList)),
        ("inspect", schema_for!(Inspected)),
        ("instance-add", schema_for!(InstanceReport)),
        ("instance-test", schema_for!(InstanceReport)),
        ("instance-delete", schema_for!(InstanceDeletion)),
        ("instance-list", schema_for!(InstanceList)),
        ("instance-pause", schema_for!(InstanceReport)),
        ("instance-resume", schema_for!(InstanceReport)),
        ("instance-rotate-token", schema_for!(InstanceReport)),
        ("instance-set", schema_for!(InstanceReport)),
        ("instance-show", schema_for!(InstanceReport)),
        ("instance-schedule", schema_for!(ScheduleReport)),
        ("issue", schema_for!(IssueDetail)),
        ("issues", schema_for!(IssueList)),
        ("link", schema_for!(super::serve::Event)),
        ("mapping-accept", schema_for!(MappingList)),
        ("mapping-mode", schema_for!(AutoMapReport)),
        ("mapping-metadata", schema_for!(MappingRow)),
        ("mapping-ignore", schema_for!(ReleaseReport)),
        ("mapping-list", schema_for!(MappingList)),
        ("mapping-suggest", schema_for!(MappingList)),
        ("mapping-restore", schema_for!(MappingRow)),
        ("mapping-set", schema_for!(MappingRow)),
        ("mapping-unset", schema_for!(ReleaseReport)),
        ("new", schema_for!(host_harness::Scaffolded)),
        ("normalize", schema_for!(Normalized)),
        ("notify-alert-list", schema_for!(host_harness::AlertList)),
        ("notify-alert-remove", schema_for!(NotifyRemoved)),
        ("notify-alert-set", schema_for!(host_harness::AlertReport)),
        ("notify-alert-test", schema_for!(DeliveryList)),
        ("notify-deliveries", schema_for!(DeliveryList)),
        ("notify-event", schema_for!(host_harness::WebhookEvent)),
        ("notify-list", schema_for!(NotifyList)),
        ("notify-remove", schema_for!(NotifyRemoved)),
        ("notify-resend", schema_for!(DeliveryList)),
        ("notify-set", schema_for!(NotifyReport)),
        ("notify-show", schema_for!(NotifyReport)),
        ("notify-test", schema_for!(DeliveryList)),
        ("onboard", schema_for!(InstanceReport)),
        ("onboard-list", schema_for!(OnboardingList)),
        ("packages", schema_for!(PackageList)),
        ("policy-check", schema_for!(host_harness::PolicyCheck)),
        ("policy-import", schema_for!(PolicyImported)),
        ("policy-list", schema_for!(host_harness::PolicyRows)),
        ("policy-remove", schema_for!(PoliciesRemoved)),
        ("policy-results", schema_for!(PolicyResultList)),
        ("policy-show", schema_for!(host_harness::PolicyRow)),
        ("projects", schema_for!(ProjectList)),
        ("rehearse", schema_for!(host_harness::RehearsalReport)),
        ("renormalize", schema_for!(RenormalizeList)),
        ("repositories-add", schema_for!(RepositoryImport)),
        ("repositories-import", schema_for!(RepositoryImport)),
        ("repositories-list", schema_for!(RepositoriesListed)),
        ("repositories-remove", schema_for!(RepositoryRow)),
        ("repositories-show", schema_for!(RepositoryDetail)),
        ("restore", schema_for!(host_harness::Restored)),
        ("runs", schema_for!(RunList)),
        ("runs-prune", schema_for!(Pruned)),
        ("secrets", schema_for!(FindingList)),
        ("serve", schema_for!(super::serve::Line)),
        ("status", schema_for!(StatusReport)),
        ("sync", schema_for!(SyncReport)),
        ("tenant-add", schema_for!(host_harness::TenantReport)),
        ("tenant-delete", schema_for!(host_harness::TenantDeletion)),
        ("tenant-list", schema_for!(TenantList)),
        ("tenant-show", schema_for!(host_harness::TenantReport)),
        ("triage-clear", schema_for!(host_harness::TriageReport)),
        ("triage-import", schema_for!(host_harness::TriageImport)),
        ("triage-list", schema_for!(host_harness::DecidedList)),
        ("triage-push", schema_for!(host_harness::WriteBackReport)),
        ("triage-push-log", schema_for!(host_harness::WriteBackLog)),
        ("triage-set", schema_for!(host_harness::TriageReport)),
        ("token-add", schema_for!(host_harness::NewToken)),
        ("token-list", schema_for!(host_harness::TokenList)),
        ("token-revoke", schema_for!(host_harness::store::TokenRow)),
        ("vault-generate-key", schema_for!(GeneratedKey)),
        ("vault-rekey", schema_for!(Rekeyed)),
        ("vault-show", schema_for!(host_harness::VaultReport)),
        ("vulnerabilities", schema_for!(FindingList)),
        ("weaknesses", schema_for!(FindingList)),
        ("webhook-events", schema_for!(EventList)),
        ("webhook-secret", schema_for!(InboxReport)),
    ]
}

pub fn exec(args: &Args) -> Result<ExitCode, Failure> {
    let mut schemas = schemas();
    if !args.command.is_empty() {
        let known: Vec<&str> = schemas.iter().map(|(name, _)| *name).collect();
        let hint = format!("one of {}", known.join(", "));
        let command = args.command.join(" ");
        let wanted = command.replace(' ', "-");
        schemas.retain(|(name, _)| *name == wanted);
        if schemas.is_empty() {
            let question = UnknownName::among(wanted, &known).question().to_string();
            let message = format!("no command `{command}` prints JSON{question}");
            return Err(Failure::new("schema-not-found", message, Some(&hint)));
        }
    }
    // A schema is JSON, whatever was asked for.
    match schemas.as_slice() {
        [(_, schema)] => print_json(schema)?,
        all => {
            let all: serde_json::Map<String, serde_json::Value> =
                all.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone().to_value())).collect();
            print_json(&all)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::schemas;

    #[test]
    fn every_schema_that_a_guide_names_is_there() {
        let names: Vec<&str> = schemas().iter().map(|(name, _)| *name).collect();
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        let mut named = 0;
        for guide in fs::read_dir(docs).unwrap().map(|it| it.unwrap().path()).filter(|it| it.is_file()) {
            let text = fs::read_to_string(&guide).unwrap();
            for (_, after) in text.match_indices("harness schema ").map(|(at, it)| text.split_at(at + it.len())) {
                let name = after.split(|sign: char| !sign.is_ascii_lowercase() && sign != '-').next().unwrap();
                assert!(names.contains(&name), "{}: {name}", guide.display());
                named += 1;
            }
        }
        assert!(named > 1, "{named}");
    }
}
