//! The packages of a component as a software bill of materials: CycloneDX.

use appsec_sandbox::{ComponentPackage, Inspection};
use serde_json::{Value, json};

/// The version of the specification that is written.
const SPEC_VERSION: &str = "1.6";

/// A bill of materials of a component; none where it does not say what is in it.
/// The same component has the same one.
pub(crate) fn cyclonedx(inspection: &Inspection, program: &str) -> Option<Value> {
    let metadata = &inspection.metadata;
    let packages = &metadata.packages;
    let root = packages.iter().position(|it| it.is_root);
    let own = root.and_then(|at| packages.get(at));
    if packages.is_empty() {
        return None;
    }
    let reference = |at: usize| match root == Some(at) {
        true => format!("sha256:{}", inspection.sha256),
        false => format!("package-{at}"),
    };
    let own_name = own.map(|it| it.name.as_str()).or(metadata.name.as_deref()).unwrap_or("component");
    let own_version = own.map(|it| it.version.as_str()).or(metadata.version.as_deref());
    let mut component = json!({
        "type": "application",
        "bom-ref": format!("sha256:{}", inspection.sha256),
        "name": own_name,
        "hashes": [{ "alg": "SHA-256", "content": inspection.sha256 }],
    });
    let add = |to: &mut Value, key: &str, value: Option<Value>| {
        if let (Some(fields), Some(value)) = (to.as_object_mut(), value) {
            fields.insert(key.to_owned(), value);
        }
    };
    add(&mut component, "version", own_version.map(Value::from));
    add(&mut component, "description", metadata.description.as_deref().map(Value::from));
    let licenses = metadata.licenses.as_deref().map(|it| match is_expression(it) {
        true => json!([{ "expression": it }]),
        false => json!([{ "license": { "name": it } }]),
    });
    add(&mut component, "licenses", licenses);
    let revision = metadata.revision.as_deref().map(|it| json!([{ "name": "revision", "value": it }]));
    add(&mut component, "properties", revision);
    let source = metadata.source.as_deref().map(|it| json!([{ "type": "vcs", "url": it }]));
    add(&mut component, "externalReferences", source);

    let others = packages.iter().enumerate().filter(|(at, _)| root != Some(*at));
    let components: Vec<Value> = others.map(|(at, it)| described(it, &reference(at))).collect();
    let needed = |it: &ComponentPackage| it.depends_on.iter().map(|at| reference(*at)).collect::<Vec<_>>();
    let dependencies =
        packages.iter().enumerate().map(|(at, it)| json!({ "ref": reference(at), "dependsOn": needed(it) }));
    let dependencies: Vec<Value> = dependencies.collect();
    Some(json!({
        "$schema": format!("http://cyclonedx.org/schema/bom-{SPEC_VERSION}.schema.json"),
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "version": 1,
        "metadata": {
            "tools": { "components": [{ "type": "application", "name": "harness", "version": program }] },
            "component": component,
        },
        "components": components,
        "dependencies": dependencies,
    }))
}

/// Whether a text has the form of an expression of SPDX.
fn is_expression(licenses: &str) -> bool {
    let is_part = |sign: char| sign.is_ascii_alphanumeric() || ".-+() ".contains(sign);
    let words: Vec<&str> = licenses.split([' ', '(', ')']).filter(|word| !word.is_empty()).collect();
    let joined = words.iter().skip(1).step_by(2).all(|word| ["AND", "OR", "WITH"].contains(word));
    licenses.chars().all(is_part) && words.len() % 2 == 1 && joined
}

/// Whether a text is not empty and of such signs and of letters and digits only.
fn is_plain(text: &str, signs: &[u8]) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || signs.contains(&byte))
}

/// A package as a component. Only what a registry of packages has, has an address there.
fn described(it: &ComponentPackage, reference: &str) -> Value {
    let mut component = json!({ "type": "library", "bom-ref": reference, "name": it.name, "version": it.version });
    if let Some(fields) = component.as_object_mut() {
        if it.source == "crates.io" && is_plain(&it.name, b"-_") && is_plain(&it.version, b".-+") {
            // Of a version only `+` is no sign of a package URL.
            let version = it.version.replace('+', "%2B");
            fields.insert("purl".to_owned(), format!("pkg:cargo/{}@{version}", it.name).into());
        }
        if it.is_build_only {
            fields.insert("scope".to_owned(), "excluded".into());
        }
    }
    component
}
