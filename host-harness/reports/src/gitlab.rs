//! GitLab security reports: what analyzers find in code, in dependencies and
//! containers, and which credentials they find.

mod dependency;
mod identifier;
mod tracking;
mod vulnerability;

use std::collections::HashMap;

use appsec_model::{Completeness, Kind};
use data_encoding::BASE64;
use serde_json::Value;

use self::{dependency::Inventory, vulnerability::Context};
use crate::{
    Format, Refusal, bounds,
    collection::Collection,
    json::{self, Fields, JsonView},
    place,
    report::Outline,
    sarif::{exposed::ExposedLines, secret},
};

/// Versions of the schema before 14 have other members.
const MAJORS: [&str; 2] = ["14", "15"];

/// How many messages of a scan become remarks.
const MAX_MESSAGES: usize = 20;

/// Reads a report.
pub fn read<'a>(file: &Fields<'a>, collection: &mut Collection<'a>) -> Result<Outline, Refusal> {
    let version = file.get("version").and_then(|raw| json::text(raw)).unwrap_or_default().into_owned();
    if !MAJORS.contains(&version.split('.').next().unwrap_or_default()) {
        let found = if version.is_empty() { "without a version" } else { &version };
        return Err(Refusal::Version { format: Format::GitLab, found: found.chars().take(40).collect() });
    }
    let shape = |what| Refusal::Shape { format: Format::GitLab, what };
    let scan = json::value(file.get("scan"));
    let kind = match scan.text("type") {
        Some("dast" | "api_fuzzing") => {
            return Err(shape("it is about a running application, not about code or packages"));
        }
        Some("coverage_fuzzing") => return Err(shape("it is about crashes under a fuzzer, which are not read")),
        Some(word) => kind_of(word),
        None => None,
    };
    let vulnerabilities = file.get("vulnerabilities").and_then(|raw| json::elements(raw));
    let vulnerabilities = vulnerabilities.ok_or(shape("its `vulnerabilities` are no list"))?;
    let roots: Vec<String> = collection.options.root.iter().map(|root| place::path(root)).collect();
    let inventory = Inventory::new(&json::value(file.get("dependency_files")), &roots);
    inventory.add_packages(collection)?;
    let mut context = Context {
        kind,
        finds_secrets: ["scanner", "analyzer"].iter().any(|key| is_tool_for_secrets(scan.at(key))),
        changes: changes(&json::value(file.get("remediations"))),
        inventory,
        roots,
        exposed: ExposedLines::default(),
    };
    context.exposed = vulnerability::exposed(&context, &vulnerabilities);
    let mut tools = Vec::new();
    let scanner = scan.at("scanner").or(scan.at("analyzer"));
    Outline::add_tool(&mut tools, scanner.text("name").or(scanner.text("id")), scanner.text("version"));
    for raw in vulnerabilities {
        let scanner = vulnerability::add(collection, &context, raw)?;
        if scan.at("scanner").is_none() {
            Outline::add_tool(&mut tools, scanner.as_deref(), None);
        }
    }
    collection.looked_for.extend(context.kind.clone());
    let completeness = note_messages(collection, &scan, &context);
    Ok(Outline { version: Some(version), tools, completeness })
}

/// The kind of the findings of a scan, or of a vulnerability of a category.
fn kind_of(word: &str) -> Option<Kind> {
    match word {
        "sast" => Some(Kind::Sast),
        "secret_detection" => Some(Kind::Secrets),
        "dependency_scanning" | "container_scanning" | "cluster_image_scanning" => Some(Kind::Sca),
        _ => None,
    }
}

/// Whether a scanner looks for credentials and nothing else.
fn is_tool_for_secrets(scanner: Option<&Value>) -> bool {
    ["id", "name"].iter().filter_map(|key| scanner.text(key)).any(secret::is_tool_for_secrets)
}

/// The changes that fix vulnerabilities, by the ids of these.
fn changes(remediations: &Value) -> HashMap<String, String> {
    let mut changes = HashMap::new();
    for remediation in remediations.as_array().into_iter().flatten() {
        let diff = remediation.text("diff").and_then(|diff| BASE64.decode(diff.as_bytes()).ok());
        let diff = diff.and_then(|diff| String::from_utf8(diff).ok());
        let Some(diff) = diff.and_then(|diff| place::code(&diff, place::MAX_SNIPPET_CHARS)) else { continue };
        for fixed in remediation.list("fixes").iter().filter_map(|it| it.text("id")) {
            changes.entry(bounds::word(fixed).to_owned()).or_insert_with(|| diff.clone());
        }
    }
    changes
}

/// What the scan says of itself as remarks on the file, and whether it was complete.
///
/// A `success` is no proof: tools write it also where a rule could not be read, a
/// file not be parsed, or no rule was found at all.
fn note_messages(collection: &mut Collection<'_>, scan: &Value, context: &Context) -> Completeness {
    let finds_secrets = context.finds_secrets || context.kind == Some(Kind::Secrets);
    let failed = scan.text("status") == Some("failure");
    if failed {
        collection.error_of_all("scan-error", "/scan/status", "the tool says that the scan did not end well");
    }
    for message in scan.list("messages").iter().take(MAX_MESSAGES) {
        let text = secret::told(message.text("value"), finds_secrets);
        match message.text("level") {
            Some("fatal") => collection.error_of_all("scan-error", "/scan/messages", text),
            Some("warn") => collection.warn_of_all("scan-warning", "/scan/messages", text),
            _ => {}
        }
    }
    let incomplete = |reason: &str| Completeness::Incomplete { reason: reason.to_owned() };
    match scan.list("messages").iter().any(|it| it.text("level") == Some("fatal")) {
        _ if failed => incomplete("it says that the scan failed (`scan.status`)"),
        true => incomplete("the tool reports a fatal error (`scan.messages`)"),
        false => {
            let reason = "`scan.status` says how the job ended, and not that everything was scanned";
            Completeness::Unknown { reason: reason.to_owned() }
        }
    }
}

#[cfg(test)]
mod tests;
