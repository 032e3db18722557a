//! What is said of a report as a whole.

use serde_json::{Value, json};

use crate::{Options, read};

#[test]
fn statements_about_components_of_others_stand_beside_the_inventory() {
    let of = |components: Value| {
        let bom = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components,
            "vulnerabilities": [{"id": "CVE-2024-10001", "affects": [{"ref": "pkg:npm/a@1"}],
            "analysis": {"state": "not_affected"}}]});
        read(bom.to_string().as_bytes(), &Options::default()).unwrap().head.categories
    };
    assert_eq!(of(json!([])), ["vex"]);
    assert!(of(json!([{"bom-ref": "pkg:npm/a@1", "type": "library", "name": "a", "version": "1"}])).is_empty());
}

#[test]
fn a_lockfile_on_the_machine_of_the_scan_is_told() {
    let codes = |path: &str, root: Option<&str>| {
        let osv = json!({"results": [{"source": {"path": path, "type": "lockfile"}, "packages": [{
            "package": {"name": "a", "version": "1.0.0", "ecosystem": "npm"},
            "vulnerabilities": [{"id": "GHSA-xvch-5gv4-984h"}], "groups": [{"ids": ["GHSA-xvch-5gv4-984h"]}]}]}]});
        let options = Options { root: root.map(str::to_owned), ..Options::default() };
        let text = osv.to_string();
        let report = read(text.as_bytes(), &options).unwrap();
        report.normalized.diagnostics.into_iter().map(|it| it.code).collect::<Vec<_>>()
    };
    assert_eq!(codes("/home/me/shop/package-lock.json", None), ["absolute-path"]);
    assert_eq!(codes("/home/me/shop/package-lock.json", Some("/elsewhere")), ["absolute-path"]);
    assert!(codes("/home/me/shop/package-lock.json", Some("/home/me/shop")).is_empty());
    assert!(codes("package-lock.json", None).is_empty());
}
