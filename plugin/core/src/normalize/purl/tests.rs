use std::{fs, path::Path, str::FromStr};

use appsec_model::Ecosystem;
use packageurl::PackageUrl;
use serde_json::Value;

use super::purl;

#[track_caller]
fn check(ecosystem: &Ecosystem, name: &str, version: &str, expect: Option<&str>) {
    let purl = purl(ecosystem, name, Some(version).filter(|version| !version.is_empty()));
    assert_eq!(purl.as_deref(), expect, "{ecosystem} {name} {version}");
    if let Some(purl) = purl {
        // A second opinion: the crate reads it, finds nothing to correct in it,
        // and writes what it read.
        let parsed = PackageUrl::from_str(&purl).unwrap();
        parsed.validate().unwrap();
        assert_eq!(PackageUrl::from_str(&parsed.to_string()).unwrap(), parsed, "{purl}");
    }
}

#[test]
fn each_ecosystem_has_its_rules() {
    use Ecosystem::*;
    check(&Npm, "lodash", "4.17.21", Some("pkg:npm/lodash@4.17.21"));
    check(&Npm, "@angular/core", "12.3.1", Some("pkg:npm/%40angular/core@12.3.1"));
    check(&Npm, "JSONStream", "1.3.5", Some("pkg:npm/JSONStream@1.3.5"));
    check(&Npm, "@angular", "1", None);
    check(&Npm, "a/b", "1", None);
    check(&Npm, "@/b", "1", None);
    check(&Pypi, "Django_Package", "1.11.1.dev1", Some("pkg:pypi/django-package@1.11.1.dev1"));
    check(&Go, "github.com/Gorilla/Context", "v1.1.1", Some("pkg:golang/github.com/gorilla/context@v1.1.1"));
    check(&Go, "golang.org/x/net", "0.17.0", Some("pkg:golang/golang.org/x/net@0.17.0"));
    check(
        &Go,
        "github.com/foo/bar/v2",
        "2.0.0+incompatible",
        Some("pkg:golang/github.com/foo/bar/v2@2.0.0%2Bincompatible"),
    );
    check(&Go, "stdlib", "1.21", None);
    check(&Cargo, "rand", "0.7.2", Some("pkg:cargo/rand@0.7.2"));
    check(&Maven, "org.apache.commons:io", "1.3.4", Some("pkg:maven/org.apache.commons/io@1.3.4"));
    check(&Maven, "io", "1.3.4", None);
    check(&Maven, "a:b:jar", "1", None);
    check(&Gem, "jruby-launcher", "1.1.2", Some("pkg:gem/jruby-launcher@1.1.2"));
    check(&Composer, "Laravel/Laravel", "5.5.0", Some("pkg:composer/laravel/laravel@5.5.0"));
    check(&Composer, "laravel", "5.5.0", None);
    check(&Nuget, "System.Drawing.Common", "5.0.3", Some("pkg:nuget/System.Drawing.Common@5.0.3"));
    check(&Pub, "Flutter-DownloadManager", "0.0.1", Some("pkg:pub/flutter_downloadmanager@0.0.1"));
    check(&Swift, "github.com/Alamofire/Alamofire", "5.4.3", Some("pkg:swift/github.com/Alamofire/Alamofire@5.4.3"));
    check(&Swift, "Alamofire", "5.4.3", None);
    check(&Swift, "Alamofire/Alamofire", "5.4.3", None);
    check(&Swift, "https://github.com/Alamofire/Alamofire", "5.4.3", None);
    check(&Hex, "Jason", "1.1.2", Some("pkg:hex/jason@1.1.2"));
    check(&Hex, "acme/foo", "2.3.", Some("pkg:hex/acme/foo@2.3."));
    check(&Mix, "phoenix", "1.7.0", Some("pkg:hex/phoenix@1.7.0"));
    check(&Cocoapods, "ShareKit/Twitter", "2.0", Some("pkg:cocoapods/ShareKit@2.0#Twitter"));
    check(
        &Cocoapods,
        "GoogleUtilities/NSData+zlib",
        "7.5.2",
        Some("pkg:cocoapods/GoogleUtilities@7.5.2#NSData%2Bzlib"),
    );
    check(&Opam, "conex", "", Some("pkg:opam/conex"));
    check(&NoPackageManager, "openssl", "3", None);
    check(&Other("unknown".into()), "openssl", "3", None);
}

#[test]
fn names_that_are_no_names_have_no_package_url() {
    for name in ["", " ", "a b", "a\nb", "..", "a//b", "/", "a/"] {
        check(&Ecosystem::Npm, name, "1", None);
        check(&Ecosystem::Go, name, "1", None);
    }
}

/// The specification's own cases, where a copy lies beside the workspace.
#[test]
#[expect(clippy::disallowed_methods, clippy::disallowed_macros, reason = "a test may read files and say so")]
fn the_specification_builds_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/schemas/purl");
    let Ok(files) = fs::read_dir(&folder) else {
        eprintln!("no cases of the specification beside the workspace; nothing compared");
        return;
    };
    let mut compared = 0;
    for file in files {
        let suite: Value = serde_json::from_str(&fs::read_to_string(file.unwrap().path()).unwrap()).unwrap();
        for case in suite["tests"].as_array().unwrap() {
            let input = &case["input"];
            if case["test_type"] != "build" || !input["qualifiers"].is_null() {
                continue; // The vendor's data has no qualifiers.
            }
            let text = |key: &str| input[key].as_str();
            let (ecosystem, joint) = match text("type").unwrap() {
                "golang" => (Ecosystem::Go, "/"),
                "maven" => (Ecosystem::Maven, ":"),
                word => (Ecosystem::named(word).unwrap(), "/"),
            };
            if text("subpath").is_some() && ecosystem != Ecosystem::Cocoapods {
                continue; // Only the subspec of a pod is part of its name.
            }
            let parts = [text("namespace"), text("name")].into_iter().flatten().collect::<Vec<_>>();
            let mut name = parts.join(joint);
            if let Some(subspec) = text("subpath") {
                name = format!("{name}/{subspec}");
            }
            let expect = case["expected_output"].as_str();
            if ecosystem == Ecosystem::Swift && text("name").is_none() {
                continue; // As one text, a missing name is the namespace's last part.
            }
            assert_eq!(purl(&ecosystem, &name, text("version")).as_deref(), expect, "{case:#}");
            compared += 1;
        }
    }
    assert!(compared >= 20, "only {compared} cases compared");
}
