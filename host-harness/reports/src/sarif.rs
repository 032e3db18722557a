//! SARIF 2.1.0 (OASIS, errata 01) of any tool.

mod artifact;
pub mod exposed;
mod fingerprint;
mod level;
mod lifecycle;
mod message;
mod package;
mod rated;
mod result;
mod rule;
mod run;
mod scope;
pub mod secret;
mod spot;
mod taxonomy;

use appsec_model::{Completeness, Kind, scan::branch_name};
use serde_json::{Value, value::RawValue};

use self::{exposed::ExposedLines, run::Run};
use crate::{
    Format, Refusal, bounds,
    collection::Collection,
    json::{self, Fields, JsonView},
    report::Outline,
};

/// How many errors of a scan become remarks.
const MAX_ERRORS: usize = 20;

/// Reads the runs of a file.
pub fn read<'a>(file: &Fields<'a>, collection: &mut Collection<'a>) -> Result<Outline, Refusal> {
    let version = version(file)?;
    let shape = |what| Refusal::Shape { format: Format::Sarif, what };
    let runs = file.get("runs").ok_or(shape("it has no `runs`"))?;
    let runs = json::elements(runs).ok_or(shape("its `runs` are no list"))?;
    let mut tools = Vec::new();
    let mut completeness = note_inline(collection, file);
    let mut read: Vec<(usize, Fields<'_>, Run)> = Vec::new();
    for (at, raw) in runs.iter().enumerate() {
        let Some(fields) = json::fields(raw) else {
            collection.warn_of_all("no-run", &format!("/runs/{at}"), "the run is no object and was left out");
            completeness = completeness.and(Completeness::Incomplete { reason: format!("run {at} cannot be read") });
            continue;
        };
        let run = Run::new(&fields, collection.options.root.as_deref());
        read.push((at, fields, run));
    }
    // A run may be about the code of what another one finds.
    let mut exposed = ExposedLines::default();
    for (_, fields, run) in &read {
        expose(&mut exposed, run, fields);
    }
    exposed.settle();
    for (at, fields, mut run) in read {
        run.hide(&exposed);
        Outline::add_tool(&mut tools, run.tool.as_deref(), run.tool_version.as_deref());
        note_branch(collection, at, &run);
        let results = results_of(&fields);
        let invocations = json::value(fields.get("invocations"));
        let invocations = invocations.as_array().map_or(&[] as &[Value], Vec::as_slice);
        note_errors(collection, at, &run, invocations);
        let external = json::value(fields.get("externalPropertyFileReferences"));
        note_external(collection, &external, &format!("/runs/{at}/externalPropertyFileReferences"));
        note_project(collection, at, &run);
        collection.categorize(json::value(fields.get("automationDetails")).text("id"));
        let root = collection.options.root.as_deref();
        let partial = scope::partial(&fields, invocations, results.as_deref().unwrap_or_default(), root);
        let partial = partial.map_or(Completeness::Complete, |reason| {
            // What is in brackets is a text of the report.
            let short = || reason.split(" (`").next().unwrap_or_default().to_owned();
            Completeness::Incomplete { reason: if run.finds_secrets { short() } else { reason } }
        });
        let of_run = ended(&fields, &run, invocations, results.is_some()).and(partial);
        completeness = completeness.and(if runs.len() > 1 { numbered(at, of_run) } else { of_run });
        for raw in results.unwrap_or_default() {
            one(collection, &run, &exposed, raw)?;
        }
    }
    if runs.is_empty() {
        completeness = Completeness::Incomplete { reason: "the report holds no run".to_owned() };
    }
    Ok(Outline { version: Some(version), tools, completeness })
}

fn results_of<'a>(run: &Fields<'a>) -> Option<Vec<&'a RawValue>> {
    run.get("results").and_then(|raw| json::elements(raw))
}

/// Adds the lines of those results of a run that show credentials.
fn expose(exposed: &mut ExposedLines, run: &Run, fields: &Fields<'_>) {
    for raw in results_of(fields).unwrap_or_default() {
        let Some(fields) = json::fields(raw) else { continue };
        // Most results show none, and need not be read whole for that.
        let member = |key: &&str| Some(((*key).to_owned(), json::value(Some(fields.get(*key)?))));
        let members = |keys: &[&str]| Value::Object(keys.iter().filter_map(member).collect());
        if !result::shows_credentials(run, &members(&["ruleId", "ruleIndex", "rule", "message", "properties", "taxa"]))
        {
            continue;
        }
        for physical in spot::all(run, &members(&["locations", "relatedLocations", "codeFlows"])) {
            if let Some((path, _)) = physical.at("artifactLocation").and_then(|artifact| run.path(artifact)) {
                exposed.add(path, physical.at("region"));
            }
        }
    }
}

fn one<'a>(
    collection: &mut Collection<'a>,
    run: &Run,
    exposed: &ExposedLines,
    raw: &'a RawValue,
) -> Result<(), Refusal> {
    collection.begin(Kind::Sast, raw.get())?;
    match serde_json::from_str::<Value>(raw.get()) {
        Ok(value) if value.is_object() => result::add(collection, run, exposed, &value),
        // It may show a credential, and nothing tells whether it does.
        Ok(_) => {
            collection.keep("null".to_owned());
            collection.error("no-result", "the result is no object");
        }
        Err(error) => {
            collection.keep("null".to_owned());
            collection.error("no-result", format!("the result cannot be read: {error}"));
        }
    }
    Ok(())
}

fn version(file: &Fields<'_>) -> Result<String, Refusal> {
    let text = |key: &str| file.get(key).and_then(|raw| json::text(raw)).unwrap_or_default();
    let (version, schema) = (text("version"), text("$schema"));
    match version.trim() {
        "2.1.0" => Ok("2.1.0".to_owned()),
        // Required, and yet left out by some; then the schema tells it.
        "" if schema.contains("2.1.0") => Ok("2.1.0".to_owned()),
        "" => Err(Refusal::Version { format: Format::Sarif, found: "without a version".to_owned() }),
        other => Err(Refusal::Version { format: Format::Sarif, found: other.chars().take(40).collect() }),
    }
}

/// The same, of one of several runs.
fn numbered(at: usize, completeness: Completeness) -> Completeness {
    match completeness {
        Completeness::Complete => completeness,
        Completeness::Unknown { reason } => Completeness::Unknown { reason: format!("run {at}: {reason}") },
        Completeness::Incomplete { reason } => Completeness::Incomplete { reason: format!("run {at}: {reason}") },
    }
}

/// Whether a run proves that what it does not list is not there.
///
/// `executionSuccessful` alone is no proof: tools set it although a
/// notification of the level `error` tells of files that were not scanned.
fn ended(fields: &Fields<'_>, run: &Run, invocations: &[Value], has_results: bool) -> Completeness {
    let incomplete = |reason: &str| Completeness::Incomplete { reason: reason.to_owned() };
    let unknown = |reason: &str| Completeness::Unknown { reason: reason.to_owned() };
    let external = json::value(fields.get("externalPropertyFileReferences"));
    if !external.list("results").is_empty() {
        return incomplete("its results stand in other files");
    }
    if !has_results {
        return incomplete("it has no list of results, so nothing was looked for");
    }
    if invocations.is_empty() {
        return unknown("it does not say how the scan ended (`invocations`)");
    }
    let of_one = |invocation: &Value| match errors(run, invocation).next() {
        Some(error) => incomplete(&format!("the tool reports an error: {error}")),
        None => match invocation.at("executionSuccessful").and_then(Value::as_bool) {
            Some(true) => Completeness::Complete,
            Some(false) => incomplete("it says that the scan did not end well (`executionSuccessful`)"),
            None => unknown("it does not say whether the scan ended well (`executionSuccessful`)"),
        },
    };
    invocations.iter().map(of_one).fold(Completeness::Complete, Completeness::and)
}

/// Remarks on parts of a run that stand elsewhere and are not read.
fn note_external(collection: &mut Collection<'_>, parts: &Value, pointer: &str) {
    let is_list = |(_, list): &(&String, &Value)| list.as_array().is_some_and(|list| !list.is_empty());
    for (key, _) in parts.as_object().into_iter().flatten().filter(is_list).take(MAX_ERRORS) {
        let message = format!(
            "`{}` of the run stand in another part or file, which is not read: let the tool write all into one run",
            bounds::word(key)
        );
        match key.as_str() {
            "results" => collection.error_of_all("external-properties", pointer, message),
            _ => collection.warn_of_all("external-properties", pointer, message),
        }
    }
}

/// Remarks on parts of runs that stand at the end of the file; where there are results
/// among them, they are missing.
fn note_inline(collection: &mut Collection<'_>, file: &Fields<'_>) -> Completeness {
    let inline = json::value(file.get("inlineExternalProperties"));
    let mut completeness = Completeness::Complete;
    for parts in inline.as_array().into_iter().flatten().take(MAX_ERRORS) {
        note_external(collection, parts, "/inlineExternalProperties");
        if !parts.list("results").is_empty() {
            let reason = "its results stand in `inlineExternalProperties`".to_owned();
            completeness = Completeness::Incomplete { reason };
        }
    }
    completeness
}

/// A remark where the report says that it is of another branch than the operator.
fn note_branch(collection: &mut Collection<'_>, at: usize, run: &Run) {
    let (Some(said), Some(asked)) = (run.branch.clone(), collection.options.r#ref.as_deref().map(branch_name)) else {
        return;
    };
    if branch_name(&said) != asked {
        let message = format!("the report says that it is of the branch `{}`; `{asked}` counts", bounds::word(&said));
        collection.warn_of_all("other-branch", &format!("/runs/{at}/versionControlProvenance"), message);
    }
}

/// A remark where the report says that it is of another repository than the project
/// that the operator named, who goes first.
fn note_project(collection: &mut Collection<'_>, at: usize, run: &Run) {
    let given = collection.options.project.name.as_deref().map(str::to_lowercase);
    let said = run.repository_url.as_deref().filter(|_| !run.finds_secrets).map(str::to_lowercase);
    let (Some(given), Some(said)) = (given, said) else { return };
    let said = said.trim_end_matches('/').trim_end_matches(".git");
    let name = said.rsplit(['/', ':']).next().unwrap_or_default();
    let ends = |whole: &str, part: &str| {
        whole.strip_suffix(part).is_some_and(|rest| rest.is_empty() || rest.ends_with(['/', ':']))
    };
    if !ends(said, &given) && !ends(&given, name) {
        let message = format!(
            "the report says that it is of the repository `{}`; the project `{}` counts",
            bounds::word(name),
            bounds::word(&given)
        );
        collection.warn_of_all("other-project", &format!("/runs/{at}/versionControlProvenance"), message);
    }
}

/// What a tool reports as errors of its scan. Where it looks for credentials, it
/// may repeat one.
fn errors<'a>(run: &'a Run, invocation: &'a Value) -> impl Iterator<Item = String> {
    let notes = ["toolExecutionNotifications", "toolConfigurationNotifications"];
    let errors = notes.into_iter().flat_map(|key| invocation.list(key)).filter(|it| it.text("level") == Some("error"));
    errors.map(|note| secret::told(note.at("message").text("text"), run.finds_secrets))
}

/// Errors of the scan as remarks on the file, as far as people read them.
fn note_errors(collection: &mut Collection<'_>, at: usize, run: &Run, invocations: &[Value]) {
    let failed = |it: &&Value| it.at("executionSuccessful").and_then(Value::as_bool) == Some(false);
    let failed = invocations.iter().filter(failed).map(|_| "the tool says that the scan did not end well".to_owned());
    for message in failed.chain(invocations.iter().flat_map(|it| errors(run, it))).take(MAX_ERRORS) {
        collection.error_of_all("scan-error", &format!("/runs/{at}/invocations"), message);
    }
}

#[cfg(test)]
mod tests;
