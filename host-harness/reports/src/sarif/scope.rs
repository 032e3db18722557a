//! Whether a run looked at all of its project. What a run did not look at may be
//! there all the same.

use appsec_model::{folder::is_absolute, scan::asks_for_a_part};
use serde_json::{Value, value::RawValue};

use crate::{
    bounds,
    json::{self, Fields, JsonView},
    place,
};

/// Words in the names of properties with which tools tell the same, and in the values
/// of those that name a mode.
const DIFF_PROPERTIES: [&str; 6] = ["baseline", "diff", "incremental", "partial", "delta", "changed"];

/// Words in the names of properties that name a mode of a scan.
const MODES: [&str; 3] = ["mode", "type", "scope"];

/// Words in the names of bases that are the root of a project.
const ROOTS: [&str; 3] = ["ROOT", "REPO", "PROJECT"];

/// Why a run looked at a part of its project only, as far as it says so. `root` is
/// the folder of the project, where somebody named it.
pub fn partial(run: &Fields<'_>, invocations: &[Value], results: &[&RawValue], root: Option<&str>) -> Option<String> {
    let is_compared = run.get("baselineGuid").is_some_and(|raw| raw.get() != "null")
        || results.iter().any(|raw| {
            let state = || json::value(json::fields(raw)?.get("baselineState")).as_str().map(str::to_owned);
            raw.get().contains("baselineState") && state().is_some()
        });
    if is_compared {
        return Some("it is a comparison with a baseline, and may hold only what changed".to_owned());
    }
    let (properties, details) = (json::value(run.get("properties")), json::value(run.get("automationDetails")));
    let beside = invocations.iter().chain([&details]).filter_map(|it| it.at("properties"));
    let mut members = std::iter::once(&properties).chain(beside).filter_map(Value::as_object).flatten();
    if let Some((key, _)) = members.find(|(key, value)| tells_of_a_part(key, value)) {
        return Some(format!("it says that only what changed was scanned (`{}`)", bounds::word(key)));
    }
    let mut roots: Vec<String> = root.map(place::path).into_iter().collect();
    let bases = json::value(run.get("originalUriBaseIds"));
    let is_root = |name: &str| ROOTS.iter().any(|word| name.to_ascii_uppercase().contains(word));
    let of_bases = bases.as_object().into_iter().flatten().filter(|(name, _)| is_root(name)).map(|(_, base)| base);
    let provenance = json::value(run.get("versionControlProvenance"));
    let mapped = provenance.as_array().into_iter().flatten().filter_map(|it| it.at("mappedTo"));
    roots.extend(of_bases.chain(mapped).filter_map(|it| it.text("uri")).map(place::uri_path));
    invocations.iter().find_map(|invocation| of_call(invocation, &roots))
}

fn of_call(invocation: &Value, roots: &[String]) -> Option<String> {
    let line = invocation.text("commandLine").unwrap_or_default().split_whitespace();
    let is_diff = |argument: &&str| asks_for_a_part(argument.trim_matches(['"', '\'']));
    if let Some(option) = line.chain(invocation.texts("arguments")).find(is_diff) {
        let option = option.split('=').next().unwrap_or_default().chars().take(40).collect::<String>();
        return Some(format!("the scan was asked for what changed (`{option}`)"));
    }
    for key in ["exitSignalName", "exitSignalNumber", "processStartFailureMessage"] {
        if invocation.at(key).is_some_and(is_set) {
            return Some(format!("the scan did not come to its end (`{key}`)"));
        }
    }
    let folder = place::uri_path(invocation.at("workingDirectory").text("uri")?);
    let named = folder.trim_end_matches('/').trim_start_matches("./");
    let below = |root: &String| {
        let root = root.trim_end_matches('/');
        !root.is_empty() && named.strip_prefix(root).is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'))
    };
    let is_part = match is_absolute(&folder) {
        true => roots.iter().any(below),
        false => !matches!(named, "" | "."),
    };
    is_part.then(|| format!("the scan ran in one folder only (`{named}`)"))
}

/// Whether a property says that a scan looked only at what changed.
fn tells_of_a_part(key: &str, value: &Value) -> bool {
    let is_diff = |text: &str| DIFF_PROPERTIES.iter().any(|word| text.contains(word));
    let key = key.to_ascii_lowercase();
    let names_mode = MODES.iter().any(|word| key.contains(word));
    let mode = value.as_str().filter(|_| names_mode).map(str::to_ascii_lowercase);
    mode.is_some_and(|mode| is_diff(&mode)) || is_diff(&key) && is_set(value)
}

/// Whether a property says anything.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !matches!(text.as_str(), "" | "false" | "none" | "off"),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use appsec_model::Completeness;
    use serde_json::{Value, json};

    use crate::{Options, read};

    /// Why the report of a run with these members proves nothing; `complete` where it
    /// proves something.
    fn told(members: &Value, root: Option<&str>) -> String {
        let mut run = json!({
            "tool": { "driver": { "name": "Lamp" } },
            "invocations": [{ "executionSuccessful": true }],
            "results": [{ "ruleId": "L1", "message": { "text": "m" } }],
        });
        run.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let text = json!({ "version": "2.1.0", "runs": [run] }).to_string();
        let options = Options { root: root.map(str::to_owned), ..Options::default() };
        match read(text.as_bytes(), &options).unwrap().head.completeness {
            Completeness::Complete => "complete".to_owned(),
            Completeness::Unknown { reason } | Completeness::Incomplete { reason } => reason,
        }
    }

    fn called(call: &Value) -> Value {
        let mut invocation = json!({ "executionSuccessful": true });
        invocation.as_object_mut().unwrap().extend(call.as_object().unwrap().clone());
        json!({ "invocations": [invocation] })
    }

    #[test]
    fn a_scan_of_a_part_proves_nothing() {
        let result = |state: &str| json!({ "ruleId": "L1", "message": { "text": "m" }, "baselineState": state });
        let base = json!({ "%SRCROOT%": { "uri": "file:///src/" }, "HOME": { "uri": "file:///Users/me/" } });
        let within = |folder: &str| {
            let mut run = called(&json!({ "workingDirectory": { "uri": folder } }));
            run["originalUriBaseIds"] = base.clone();
            run
        };
        let whole = [
            json!({}),
            called(&json!({ "commandLine": "lamp scan --exclude diffs src" })),
            json!({ "properties": { "diff": false, "metrics": 1, "scanType": "full", "fileType": "c" } }),
            within("file:///src/"),
            within("file:///Users/me/app/"),
            within("./"),
        ];
        for run in whole {
            assert_eq!(told(&run, None), "complete", "{run}");
        }
        let parts = [
            json!({ "baselineGuid": "0a1b" }),
            json!({ "results": [result("new")] }),
            json!({ "properties": { "incrementalMode": ["diff-informed"] } }),
            json!({ "properties": { "scanMode": "Differential" } }),
            json!({ "automationDetails": { "id": "x", "properties": { "partialScan": true } } }),
            called(&json!({ "properties": { "changedFilesOnly": true } })),
            called(&json!({ "arguments": ["--staged"] })),
            called(&json!({ "commandLine": "lamp ci --baseline-commit=abc" })),
            called(&json!({ "arguments": ["scan", "--diff", "HEAD~1"] })),
            called(&json!({ "exitSignalName": "SIGKILL" })),
            called(&json!({ "workingDirectory": { "uri": "services/api/" } })),
            within("file:///src/services/api/"),
        ];
        let reasons: Vec<String> = parts.into_iter().map(|run| told(&run, None)).collect();
        insta::assert_snapshot!(reasons.join("\n"), @"
        it is a comparison with a baseline, and may hold only what changed
        it is a comparison with a baseline, and may hold only what changed
        it says that only what changed was scanned (`incrementalMode`)
        it says that only what changed was scanned (`scanMode`)
        it says that only what changed was scanned (`partialScan`)
        it says that only what changed was scanned (`changedFilesOnly`)
        the scan was asked for what changed (`--staged`)
        the scan was asked for what changed (`--baseline-commit`)
        the scan was asked for what changed (`--diff`)
        the scan did not come to its end (`exitSignalName`)
        the scan ran in one folder only (`services/api`)
        the scan ran in one folder only (`/src/services/api`)
        ");
        let folder = called(&json!({ "workingDirectory": { "uri": "file:///srv/repo/part" } }));
        assert_eq!(told(&folder, None), "complete");
        assert_eq!(told(&folder, Some("/srv/repo")), "the scan ran in one folder only (`/srv/repo/part`)");
    }

    #[test]
    fn what_the_operator_says_of_a_report_goes_first() {
        let provenance = json!([{ "repositoryUri": "https://git.example/acme/shop", "branch": "refs/heads/dev" }]);
        let text = json!({ "version": "2.1.0", "runs": [{
            "tool": { "driver": { "name": "Lamp" } }, "versionControlProvenance": provenance,
            "results": [{ "ruleId": "L1", "message": { "text": "m" } }],
        }] })
        .to_string();
        let read = |branch: Option<&str>, project: &str| {
            let project = appsec_model::ProjectRef { id: None, name: Some(project.to_owned()) };
            let options = Options { r#ref: branch.map(str::to_owned), project, ..Options::default() };
            let normalized = read(text.as_bytes(), &options).unwrap().normalized;
            let codes: Vec<String> = normalized.diagnostics.into_iter().map(|it| it.code).collect();
            (normalized.findings[0].r#ref.clone().unwrap(), codes.join(" "))
        };
        assert_eq!(read(None, "acme/shop"), ("dev".to_owned(), "unknown-rule".to_owned()));
        assert_eq!(read(Some("dev"), "Shop"), ("dev".to_owned(), "unknown-rule".to_owned()));
        assert_eq!(read(Some("main"), "acme/shop"), ("main".to_owned(), "other-branch unknown-rule".to_owned()));
        assert_eq!(read(None, "p/x"), ("dev".to_owned(), "other-project unknown-rule".to_owned()));
    }
}
