use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::Path,
};

use appsec_model::Timestamp;

use super::{InstalledConnector, component_file, hash, looks_like_path, named, record_file};
use crate::{
    BUNDLED, ComponentOrigin, Harness, Options, Setup, TypedSecrets,
    test_context::{TestContext, name},
};
use appsec_grant::SecretSource;
use appsec_grant::{Code, with_causes};
use appsec_store::ConnectorSource;

fn listed(id: &str, version: &str, sha256: &str) -> InstalledConnector {
    InstalledConnector {
        id: id.to_owned(),
        name: id.to_owned(),
        version: version.to_owned(),
        vendor: "Acme".to_owned(),
        contract_version: "0.1.0".to_owned(),
        kinds: Vec::new(),
        sha256: sha256.to_owned(),
        size_bytes: 1,
        installed_from: String::new(),
        catalogue: None,
        deprecated: None,
        installed_at: Timestamp::from_micros(0),
        used_by: Vec::new(),
        damage: None,
    }
}

#[test]
fn a_reference_is_an_id_a_version_or_the_beginning_of_a_hash() {
    let known = [
        listed("acme", "1.10.0", "aa01"),
        listed("acme", "1.9.0", "aa02"),
        listed("acme", "1.9.0", "ab03"),
        listed("zeta", "1.0.0", "cc"),
    ];
    let found = |reference| match named(&known, reference) {
        Ok(it) => it.sha256.clone(),
        Err(error) => error.to_string(),
    };
    insta::assert_snapshot!(
        ["acme", "acme@1.10.0", "acme@1.9.0", "acme@2.0.0", "acm", "sha256:aa02", "sha256:aa", "sha256:", "sha256:ff"]
            .map(|reference| format!("{reference}: {}", found(reference)))
            .join("\n"),
        @"
        acme: aa01
        acme@1.10.0: aa01
        acme@1.9.0: several installed connectors match `acme@1.9.0`
        acme@2.0.0: version `2.0.0` of the connector `acme` is not installed; installed: 1.10.0, 1.9.0
        acm: connector `acm` is not installed; did you mean `acme`?
        sha256:aa02: aa02
        sha256:aa: several installed connectors match `sha256:aa`
        sha256:: no connector with SHA-256 `` is installed
        sha256:ff: no connector with SHA-256 `ff` is installed
        "
    );
}

#[test]
fn a_path_is_told_from_the_name_of_a_connector() {
    assert!(["./acme", "a/b", "acme.wasm", "acme.WASM", "/x"].map(looks_like_path).iter().all(|is| *is));
    assert!(!["acme", "acme@1.2.0", "sha256:ab"].map(looks_like_path).iter().any(|is| *is));
}

fn harness(folder: &Path) -> Harness {
    Harness::new(Options::new(folder.join("data")))
}

#[tokio::test]
async fn what_is_installed_is_run_whatever_becomes_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let harness = harness(folder.path());
    let file = folder.path().join("given.wasm");
    fs::write(&file, BUNDLED[0].component).unwrap();
    let origin = ComponentOrigin::File(file.clone());
    let installed = harness.install_connector(&origin, None).await.unwrap();
    assert_eq!((installed.id.as_str(), installed.used_by.len()), (BUNDLED[0].id, 0));
    fs::remove_file(&file).unwrap();

    // By its id, and as what it was: not another component in its place.
    let source = harness.connector_source(BUNDLED[0].id.as_ref()).await.unwrap();
    assert_eq!(source, ConnectorSource::Installed { sha256: installed.sha256.clone() });
    harness.connector(&source).await.unwrap();
    let kept = component_file(&folder.path().join("data/connectors"), &installed.sha256);
    fs::write(&kept, b"another").unwrap();
    let error = harness.inspect(source.clone()).await.unwrap_err();
    assert_eq!(error.code(), Code::ConnectorDamaged);

    // It is listed, named and removed all the same, and mended by installing it again.
    let listed = async || harness.connectors().await.unwrap().connectors.remove(0);
    assert!(listed().await.damage.unwrap().ends_with("its SHA-256 does not match its name"));
    assert_eq!(harness.connector_source(BUNDLED[0].id.as_ref()).await.unwrap(), source);
    fs::write(&file, BUNDLED[0].component).unwrap();
    harness.install_connector(&origin, None).await.unwrap();
    assert_eq!(listed().await.damage, None);
    fs::write(record_file(&folder.path().join("data/connectors"), &installed.sha256), b"{").unwrap();
    assert!(listed().await.damage.unwrap().starts_with("its record cannot be read"));
    let by_hash = format!("sha256:{}", installed.sha256);
    assert_eq!(harness.connector_source(by_hash.as_ref()).await.unwrap(), source);
    harness.install_connector(&origin, None).await.unwrap();
    assert_eq!(listed().await.id, BUNDLED[0].id);
    harness.remove_connector(BUNDLED[0].id).await.unwrap();
    assert_eq!(harness.inspect(source.clone()).await.unwrap_err().code(), Code::ConnectorNotInstalled);
    assert_eq!(fs::read_dir(folder.path().join("data/connectors")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_hash_out_of_a_backup_is_no_path() {
    let folder = tempfile::tempdir().unwrap();
    let source = ConnectorSource::Installed { sha256: "../../etc/passwd".to_owned() };
    let error = harness(folder.path()).inspect(source).await.unwrap_err();
    assert_eq!(error.code(), Code::ConnectorNotInstalled);
}

#[tokio::test]
async fn what_is_no_connector_or_not_the_expected_one_is_not_installed() {
    let folder = tempfile::tempdir().unwrap();
    let harness = harness(folder.path());
    let file = folder.path().join("given.wasm");
    fs::write(&file, b"\0asm no connector").unwrap();
    let origin = ComponentOrigin::File(file.clone());
    assert_eq!(harness.install_connector(&origin, None).await.unwrap_err().code(), Code::ConnectorUnusable);
    let of_folder = ComponentOrigin::File(folder.path().to_owned());
    let error = harness.install_connector(&of_folder, None).await.unwrap_err();
    assert!(with_causes(&error).ends_with("it is a folder"), "{error}");
    fs::write(&file, BUNDLED[0].component).unwrap();
    for (sha256, code) in [("0".repeat(64), Code::ConnectorHash), ("AB".repeat(32), Code::Usage)] {
        assert_eq!(harness.install_connector(&origin, Some(&sha256)).await.unwrap_err().code(), code);
    }
    assert!(harness.connectors().await.unwrap().connectors.is_empty());
}

#[tokio::test]
async fn a_setup_in_progress_uses_its_connector() {
    let context = TestContext::new();
    let (harness, tenant) = (&context.harness, context.tenant("acme"));
    let origin = ComponentOrigin::File(context.file("given.wasm", BUNDLED[0].component));
    harness.install_connector(&origin, None).await.unwrap();
    let setup = Setup {
        name: name("code"),
        connector: harness.connector_source(BUNDLED[0].id.as_ref()).await.unwrap(),
        settings: Default::default(),
        allow_origins: vec![],
        allow_private_origins: vec![],
        // It is not there: the setup waits for it.
        secret: Some(SecretSource::File { path: context.path("no-token") }),
        secrets: Default::default(),
        store_secret: false,
        proxy: None,
    };
    tenant.onboard(setup, TypedSecrets::None).await.unwrap_err();
    let error = harness.remove_connector(BUNDLED[0].id).await.unwrap_err();
    assert_eq!(error.code(), Code::ConnectorInUse);
    assert!(error.to_string().contains("acme/code"), "{error}");
    tenant.onboard_abandon(&name("code")).await.unwrap();
    harness.remove_connector(BUNDLED[0].id).await.unwrap();
}

#[tokio::test]
async fn a_folder_with_the_name_of_a_connector_is_none() {
    let error = harness(Path::new(env!("CARGO_MANIFEST_DIR"))).connector_source("src".as_ref()).await.unwrap_err();
    assert_eq!(error.code(), Code::ConnectorNotInstalled, "{error}");
}

/// The address of a server that gives this once.
fn serving(head: &'static str, body: &'static [u8]) -> ComponentOrigin {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/acme.wasm", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut read = [0; 4096];
        let _ = stream.read(&mut read).unwrap();
        let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        // Who reads no more than it wants may have gone by then.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    });
    ComponentOrigin::Url(url)
}

#[tokio::test]
async fn a_component_is_downloaded_and_without_tls_only_by_its_hash() {
    let folder = tempfile::tempdir().unwrap();
    let harness = harness(folder.path());
    let component = BUNDLED[0].component;
    let known = hash(component);
    let without = harness.install_connector(&serving("200 OK", component), None).await.unwrap_err();
    assert_eq!(without.code(), Code::DownloadWithoutTls);
    let missing = harness.install_connector(&serving("404 Not Found", b"none"), Some(&known)).await.unwrap_err();
    assert_eq!(missing.code(), Code::DownloadFailed);
    let moved = serving("302 Found\r\nlocation: /other", b"");
    assert_eq!(harness.install_connector(&moved, Some(&known)).await.unwrap_err().code(), Code::DownloadFailed);
    let other = harness.install_connector(&serving("200 OK", b"other"), Some(&known)).await.unwrap_err();
    assert_eq!(other.code(), Code::ConnectorHash);
    let from = serving("200 OK", component);
    let installed = harness.install_connector(&from, Some(&known)).await.unwrap();
    assert_eq!(ComponentOrigin::Url(installed.installed_from), from);
    let secret = ComponentOrigin::of("http://user:secret@127.0.0.1/a.wasm?secret").unwrap();
    let refused = harness.install_connector(&secret, Some(&known)).await.unwrap_err().to_string();
    assert_eq!(refused, "cannot download http://127.0.0.1/a.wasm: the address holds credentials, and none are sent");
    assert_eq!(installed.sha256, known);
}

#[tokio::test]
async fn no_more_is_downloaded_than_a_connector_may_have() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::new(folder.path().join("data"));
    options.limits.component_bytes = 10;
    let refused = Harness::new(options).install_connector(&serving("200 OK", &[0; 11]), Some(&hash(b""))).await;
    let error = refused.unwrap_err();
    assert_eq!(error.code(), Code::DownloadFailed);
    assert!(error.to_string().ends_with("it is larger than 10 bytes, the most that a connector may have"), "{error}");
}
