use std::time::Duration;

use appsec_model::Timestamp;

use super::{Catalogue, CatalogueEntry, Edition, NewKey, PublicKey, SigningKey, edit::alone_at, report_of};
use crate::error::CatalogueError;
use appsec_grant::files::write_private;

const NOW: Timestamp = Timestamp::from_micros(1_793_404_800_000_000);

fn entry(id: &str, version: &str) -> CatalogueEntry {
    CatalogueEntry {
        id: id.to_owned(),
        name: id.to_owned(),
        vendor: "Acme".to_owned(),
        version: version.to_owned(),
        sha256: "ab".repeat(32),
        size_bytes: 1,
        location: format!("{id}.wasm"),
        published_at: NOW,
        contract_version: "0.2.0".to_owned(),
        kinds: vec![],
        imports: vec![],
        origins: vec![],
        secrets: vec![],
        licenses: None,
        source: None,
        revision: None,
        conformance: None,
        yanked: None,
        deprecated: None,
    }
}

fn catalogue(connectors: Vec<CatalogueEntry>) -> Catalogue {
    let day = Duration::from_secs(86_400);
    Catalogue { connectors, ..Edition::after(None, NOW, day).finished() }
}

fn read(catalogue: &Catalogue) -> Result<Catalogue, CatalogueError> {
    Catalogue::read(&serde_json::to_vec(catalogue).unwrap())
}

/// A key as it comes out of its file.
fn key() -> SigningKey {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    write_private(&file, NewKey::generate().unwrap().secret.as_bytes()).unwrap();
    SigningKey::of_file(&file).unwrap()
}

#[test]
fn nothing_of_a_file_with_another_key_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    write_private(&file, NewKey::generate().unwrap().secret.as_bytes()).unwrap();
    let told = PublicKey::given(file.to_str().unwrap()).unwrap_err().to_string();
    assert_eq!(told, format!("{}: it is no public key of minisign", file.display()));
}

#[cfg(unix)]
#[test]
fn a_key_that_others_may_write_is_not_taken() {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt as _};

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let NewKey { secret, public } = NewKey::generate().unwrap();
    write_private(&file, secret.as_bytes()).unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o620)).unwrap();
    let refused = SigningKey::of_file(&file).err().unwrap().to_string();
    assert!(refused.contains("other users may write it"), "{refused}");
    std::fs::write(&file, public).unwrap();
    let refused = PublicKey::given(file.to_str().unwrap()).unwrap_err().to_string();
    assert!(refused.contains("other users may write it"), "{refused}");
}

#[test]
fn only_what_is_signed_with_the_pinned_key_and_not_expired_is_believed() {
    let (own, other) = (key(), key());
    let bytes = serde_json::to_vec(&catalogue(vec![entry("acme", "1.0.0")])).unwrap();
    let signature = own.sign(&bytes, "edition 1");
    let pinned = own.public().unwrap();
    let later = |hours: i64| Timestamp::from_micros(NOW.as_micros() + hours * 3_600_000_000);
    let told = |bytes: &[u8], signature: &str, key: &PublicKey, now| match Catalogue::signed(
        bytes,
        signature.as_bytes(),
        key,
        now,
    ) {
        Ok(it) => format!("edition {}", it.number),
        Err(error) => format!("{}: {error}", error.code()),
    };
    let mut damaged = bytes.clone();
    *damaged.last_mut().unwrap() = b' ';
    let swapped = signature.replace("edition 1", "edition 2");
    let short = signature.lines().take(2).collect::<Vec<_>>().join("\n");
    let all = [
        told(&bytes, &signature, &pinned, later(23)),
        told(&bytes, &signature, &pinned, later(24)),
        told(&damaged, &signature, &pinned, NOW),
        told(&bytes, &signature, &other.public().unwrap(), NOW),
        told(&bytes, &swapped, &pinned, NOW),
        told(&bytes, &short, &pinned, NOW),
        told(&bytes, "", &pinned, NOW),
        told(b"{}", &own.sign(b"{}", ""), &pinned, NOW),
    ];
    insta::assert_snapshot!(all.join("\n"), @"
        edition 1
        catalogue-expired: edition 1 of the catalogue expired at 2026-11-01 00:00:00 UTC
        catalogue-signature: the catalogue is not believed: it does not match its signature: it is damaged, or somebody has changed it
        catalogue-signature: the catalogue is not believed: it is signed with another key than the pinned one
        catalogue-signature: the catalogue is not believed: it does not match its signature: it is damaged, or somebody has changed it
        catalogue-signature: the catalogue is not believed: its signature is none of minisign
        catalogue-signature: the catalogue is not believed: its signature is none of minisign
        catalogue-invalid: the catalogue cannot be used: missing field `format` at line 1 column 2
        ");
}

/// Made by the tool itself.
#[test]
fn what_minisign_signs_is_believed() {
    let key = PublicKey::read("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3").unwrap();
    let signature = "untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1633700835\tfile:test\tprehashed
wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==";
    key.verify(b"test", signature.as_bytes()).unwrap();
    assert!(key.verify(b"Test", signature.as_bytes()).is_err());
}

#[test]
fn a_catalogue_has_each_version_once_the_newest_first() {
    let unsorted =
        catalogue(vec![entry("b", "1.0.0"), entry("a", "1.9.0"), entry("a", "1.10.0"), entry("a", "2.0.0-rc.1")]);
    let sorted = read(&unsorted).unwrap();
    let versions: Vec<&str> = sorted.versions("a").map(|it| it.version.as_str()).collect();
    assert_eq!(versions, ["2.0.0-rc.1", "1.10.0", "1.9.0"]);
    assert_eq!(sorted.ids().collect::<Vec<_>>(), ["a", "b"]);
    // Nobody gets a version before its release, of another contract or taken back unasked.
    let mut of_all = [entry("a", "1.0.0"), entry("a", "1.0.0-rc.1"), entry("a", "1.0.0"), entry("a", "1.0.0")];
    of_all[2].contract_version = "0.1.0".to_owned();
    of_all[3].yanked = Some("it leaks".to_owned());
    assert_eq!(of_all.map(|it| it.is_for_all("0.2.0")), [true, false, false, false]);
    let wrong = [
        catalogue(vec![entry("a", "1.0.0"), entry("a", "1.0.0")]),
        catalogue(vec![entry("a", "one")]),
        Catalogue { format: 2, ..catalogue(vec![]) },
    ];
    insta::assert_snapshot!(wrong.map(|it| read(&it).unwrap_err().to_string()).join("\n"), @"
        the catalogue cannot be used: a 1.0.0 is in it twice
        the catalogue cannot be used: `one` is no version of `a`
        the catalogue cannot be used: its format is 2, and this program reads 1
        ");
}

#[test]
fn a_mark_is_of_one_version_or_of_all() {
    let mut edition =
        Edition::after(Some(catalogue(vec![entry("a", "2.0.0"), entry("a", "1.0.0")])), NOW, Duration::ZERO);
    edition.yank("a@1.0.0", "it leaks").unwrap();
    edition.deprecate("a", "use b").unwrap();
    assert_eq!(edition.yank("b", "gone").unwrap_err().to_string(), "the catalogue cannot be used: it has no `b`");
    let built = edition.finished();
    let marks: Vec<_> = built.connectors.iter().map(|it| (it.yanked.as_deref(), it.deprecated.as_deref())).collect();
    assert_eq!((built.number, marks), (2, vec![(None, Some("use b")), (Some("it leaks"), Some("use b"))]));
}

#[test]
fn no_version_takes_the_place_of_another_ones_file() {
    let known = [CatalogueEntry { location: "a.wasm".to_owned(), ..entry("a", "1.0.0") }];
    assert!(alone_at(&known, "a-2.0.0.wasm", "other").is_ok());
    assert!(alone_at(&known, "a.wasm", &known[0].sha256).is_ok(), "the same bytes");
    insta::assert_snapshot!(alone_at(&known, "a.wasm", "other").unwrap_err(), @"the catalogue cannot be used: a 1.0.0 is at `a.wasm` already; each version needs a file of its own, such as a-1.0.0.wasm");
}

#[test]
fn a_report_says_which_component_it_is_about() {
    let report = r#"{"component": {"sha256": "ab"}, "verdict": "conformant",
        "results": [{"outcome": "passed"}, {"outcome": "not-run"}, {"outcome": "passed"}]}"#;
    let (sha256, it) = report_of(report.as_bytes()).unwrap();
    assert_eq!((sha256.as_str(), it.verdict.as_str(), it.passed, it.of), ("ab", "conformant", 2, 3));
    assert!(report_of(b"{}").is_err());
}
