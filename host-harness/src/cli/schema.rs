//! `harness schema`: the form of each command's JSON.

use std::process::ExitCode;

use appsec_model::Normalized;
use host_harness::{FindingDetail, IssueDetail};
use schemars::{Schema, schema_for};

use super::{
    advisories::AdvisoryImport,
    demo::DemoReport,
    error::Failure,
    findings::FindingList,
    import::ImportList,
    inspect::Inspected,
    instance::{InstanceList, InstanceReport},
    issues::IssueList,
    output::print_json,
    packages::PackageList,
    policy::{PoliciesCleared, PolicyImported, PolicyResultList},
    projects::ProjectList,
    renormalize::RenormalizeList,
    runs::RunList,
    sync::SyncReport,
};

#[derive(clap::Args)]
pub struct Args {
    /// The command, such as `findings` or `instance-list`; all of them if none is given
    command: Option<String>,
}

/// Every command that prints JSON and the form of it. `error` is what any of
/// them prints on standard error when it fails.
fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("advisories-clear", schema_for!(AdvisoryImport)),
        ("advisories-import", schema_for!(AdvisoryImport)),
        ("advisories-show", schema_for!(appsec_insight::Advisory)),
        ("demo", schema_for!(DemoReport)),
        ("error", schema_for!(super::error::FailureReport)),
        ("finding", schema_for!(FindingDetail)),
        ("findings", schema_for!(FindingList)),
        ("import", schema_for!(ImportList)),
        ("inspect", schema_for!(Inspected)),
        ("instance-add", schema_for!(InstanceReport)),
        ("instance-check", schema_for!(InstanceReport)),
        ("instance-delete", schema_for!(super::delete::InstanceDeletion)),
        ("instance-list", schema_for!(InstanceList)),
        ("instance-show", schema_for!(InstanceReport)),
        ("issue", schema_for!(IssueDetail)),
        ("issues", schema_for!(IssueList)),
        ("normalize", schema_for!(Normalized)),
        ("packages", schema_for!(PackageList)),
        ("policy-check", schema_for!(host_harness::PolicyCheck)),
        ("policy-clear", schema_for!(PoliciesCleared)),
        ("policy-import", schema_for!(PolicyImported)),
        ("policy-list", schema_for!(host_harness::PolicyRows)),
        ("policy-results", schema_for!(PolicyResultList)),
        ("policy-show", schema_for!(host_harness::PolicyRow)),
        ("projects", schema_for!(ProjectList)),
        ("renormalize", schema_for!(RenormalizeList)),
        ("runs", schema_for!(RunList)),
        ("sync", schema_for!(SyncReport)),
    ]
}

pub fn exec(args: &Args) -> Result<ExitCode, Failure> {
    let mut schemas = schemas();
    if let Some(command) = &args.command {
        let known: Vec<&str> = schemas.iter().map(|(name, _)| *name).collect();
        let remedy = format!("one of {}", known.join(", "));
        schemas.retain(|(name, _)| name == command);
        if schemas.is_empty() {
            let message = format!("no command `{command}` prints JSON");
            return Err(Failure::new("no-such-schema", message, Some(&remedy)));
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
