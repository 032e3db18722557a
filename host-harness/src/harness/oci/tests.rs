use std::{
    collections::HashMap,
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Artifact, quoted};
use crate::{BUNDLED, ComponentOrigin, test_context::TestContext};
use appsec_sandbox::inspect;

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", data_encoding::HEXLOWER.encode(&Sha256::digest(bytes)))
}

/// What `wash oci push` writes for a component: its config and its manifest.
fn pushed(component: &[u8]) -> (Value, Value) {
    let inspection = inspect(component).unwrap();
    let layer = json!({ "mediaType": "application/wasm", "digest": digest(component), "size": component.len() });
    let interfaces = json!({ "exports": inspection.exports, "imports": inspection.imports, "target": null });
    let config = json!({
        "created": "2026-11-30T13:45:03.672733321Z", "author": null, "architecture": "wasm", "os": "wasip2",
        "layerDigests": [layer["digest"]], "component": interfaces,
    });
    let manifest = json!({
        "annotations": { "org.opencontainers.image.created": "2026-11-30T13:45:03.488551977+00:00" },
        "layers": [layer], "mediaType": "application/vnd.oci.image.manifest.v1+json", "schemaVersion": 2,
    });
    (config, manifest)
}

/// A registry on loopback that gives a token to everybody, and blobs elsewhere.
struct Registry {
    address: String,
    files: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Registry {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let registry = Self { address: address.clone(), files: Arc::default(), asked: Arc::default() };
        let (files, asked) = (registry.files.clone(), registry.asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut read = [0; 4096];
                let length = stream.read(&mut read).unwrap();
                let request = String::from_utf8_lossy(&read[..length]).into_owned();
                let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                asked.lock().unwrap().push(path.clone());
                let (head, body) = answer(&address, &path, &request, &files.lock().unwrap());
                let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                // Who reads no more than it wants may have gone by then.
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
            }
        });
        registry
    }

    /// Keeps an artifact, and tells its address.
    fn push(&self, (config, mut manifest): (Value, Value), component: &[u8]) -> String {
        let config = config.to_string().into_bytes();
        if manifest["config"].is_null() {
            let config_type = "application/vnd.wasm.config.v0+json";
            manifest["config"] = json!({ "mediaType": config_type, "digest": digest(&config), "size": config.len() });
        }
        let manifest = manifest.to_string().into_bytes();
        let mut files = self.files.lock().unwrap();
        let layer = digest(component);
        files.insert(format!("/v2/acme/connector/blobs/{}", digest(&config)), config);
        files.insert(format!("/elsewhere/{layer}"), component.to_vec());
        let digest = digest(&manifest);
        files.insert(format!("/v2/acme/connector/manifests/{digest}"), manifest);
        format!("oci://{}/acme/connector:1.2.0@{digest}", self.address)
    }

    /// How often something was asked for.
    fn count(&self, part: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|path| path.contains(part)).count()
    }
}

fn answer(address: &str, path: &str, request: &str, files: &HashMap<String, Vec<u8>>) -> (String, Vec<u8>) {
    let given = "authorization: Bearer for-everybody";
    if path.starts_with("/token?") {
        let asked = path.contains("service=acme") && path.contains("scope=repository%3Aacme%2Fconnector%3Apull%2Cx");
        return (
            if asked { "200 OK" } else { "400 Bad Request" }.to_owned(),
            br#"{"token": "for-everybody"}"#.to_vec(),
        );
    }
    if path.starts_with("/v2/") && !request.contains(given) {
        let challenge =
            format!(r#"Bearer realm="http://{address}/token",service="acme",scope="repository:acme/connector:pull,x""#);
        return (format!("401 Unauthorized\r\nwww-authenticate: {challenge}"), vec![]);
    }
    match files.get(path) {
        Some(body) => ("200 OK".to_owned(), body.clone()),
        None => match path.rsplit_once("/blobs/") {
            Some((_, digest)) => (format!("307 Temporary Redirect\r\nlocation: /elsewhere/{digest}"), vec![]),
            None => ("404 Not Found".to_owned(), vec![]),
        },
    }
}

#[tokio::test]
async fn a_connector_is_pulled_from_a_registry_by_its_digest() {
    let context = TestContext::new();
    let registry = Registry::start();
    let component = BUNDLED[0].component;
    let from = registry.push(pushed(component), component);
    let origin = ComponentOrigin::of(&from).unwrap();
    let installed = context.harness.install_connector(&origin, None).await.unwrap();
    assert_eq!((format!("sha256:{}", installed.sha256), &installed.installed_from), (digest(component), &from));
    assert_eq!((registry.count("/token?"), registry.count("/elsewhere/")), (1, 1));
    // With another hash than the stated one it is not fetched.
    let error = context.harness.install_connector(&origin, Some(&"0".repeat(64))).await.unwrap_err();
    assert_eq!((error.code().as_str(), registry.count("/elsewhere/")), ("connector-hash", 1));
}

#[tokio::test]
async fn an_artifact_is_refused_by_what_its_registry_says_before_its_code_is_fetched() {
    let context = TestContext::new();
    let registry = Registry::start();
    let component = BUNDLED[0].component;
    let mut told = Vec::new();
    let changes: [fn(&mut Value, &mut Value); 10] = [
        |config, _| config["component"]["imports"][0] = "acme:extra/thing".into(),
        |config, _| config["component"]["exports"] = json!(["appsec:connector/source@0.9.0"]),
        |config, _| config["component"] = Value::Null,
        |_, manifest| manifest["layers"] = json!([]),
        |_, manifest| manifest["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip".into(),
        |_, manifest| manifest["layers"][0]["size"] = json!(1_u64 << 40),
        |_, manifest| *manifest = json!({ "manifests": [], "config": 1 }),
        |_, manifest| {
            let digest = format!("sha256:{}", "0".repeat(64));
            manifest["config"] = json!({ "mediaType": "application/vnd.wasm.config.v0+json", "digest": digest });
        },
        |_, manifest| {
            let digest = "../../../x";
            manifest["config"] = json!({ "mediaType": "application/vnd.wasm.config.v0+json", "digest": digest });
        },
        |_, manifest| manifest["layers"][0]["digest"] = "sha256:../../../x".into(),
    ];
    for change in changes {
        let (mut config, mut manifest) = pushed(component);
        change(&mut config, &mut manifest);
        let from = registry.push((config, manifest), component);
        let error = context.harness.install_connector(&ComponentOrigin::of(&from).unwrap(), None).await.unwrap_err();
        told.push(
            format!("{}: {error}", error.code()).replace(&from, "ARTIFACT").replace(&registry.address, "REGISTRY"),
        );
    }
    insta::assert_snapshot!(told.join("\n"), @"
        connector-unusable: the connector imports interfaces that this host does not provide: `acme:extra/thing`
        connector-unusable: the connector speaks contract 0.9.0 and this host 0.2.0: the host is too old, use a newer one
        connector-unusable: ARTIFACT is no connector: its config names no imports and exports; nothing was installed
        connector-unusable: ARTIFACT is no connector: it has 0 layers, and a component is one; nothing was installed
        connector-unusable: ARTIFACT is no connector: its layer is `application/vnd.oci.image.layer.v1.tar+gzip` and not `application/wasm`; nothing was installed
        connector-unusable: ARTIFACT is no connector: it has 1099511627776 bytes, and a connector may have 134217728; nothing was installed
        connector-unusable: ARTIFACT is no connector: its manifest cannot be read: invalid type: integer `1`, expected struct Descriptor at line 1 column 11; nothing was installed
        download-failed: cannot download ARTIFACT: sha256:0000000000000000000000000000000000000000000000000000000000000000: the registry answers 404 Not Found
        connector-unusable: ARTIFACT is no connector: the digest of its config is no SHA-256; nothing was installed
        connector-unusable: ARTIFACT is no connector: the digest of its layer is no SHA-256; nothing was installed
        ");
    assert_eq!((registry.count(&digest(component)), registry.count("/x")), (0, 0));

    // What comes is not what was asked for.
    let from = registry.push(pushed(component), component);
    registry.files.lock().unwrap().insert(format!("/elsewhere/{}", digest(component)), b"other".to_vec());
    let error = context.harness.install_connector(&ComponentOrigin::of(&from).unwrap(), None).await.unwrap_err();
    assert_eq!(error.code().as_str(), "connector-hash");
    let (_, manifest) = from.rsplit_once('@').unwrap();
    registry.files.lock().unwrap().insert(format!("/v2/acme/connector/manifests/{manifest}"), b"{}".to_vec());
    let error = context.harness.install_connector(&ComponentOrigin::of(&from).unwrap(), None).await.unwrap_err();
    assert_eq!(error.code().as_str(), "connector-hash");
    assert!(context.harness.connectors().await.unwrap().connectors.is_empty());
}

#[test]
fn an_address_of_a_registry_has_a_digest() {
    let hex = "ab".repeat(32);
    let read = |text: &str| match Artifact::read(&text.replace("HEX", &hex)) {
        Ok(it) => it.repository.to_string(),
        Err(error) => error.code().to_string(),
    };
    let all = [
        "oci://registry.example/acme/connector@sha256:HEX",
        "oci://registry.example:5000/acme/connector:1.2.0@sha256:HEX",
        "oci://localhost:5000/acme@sha256:HEX",
        "oci://registry.example/acme/connector:1.2.0",
        "oci://registry.example/acme@sha256:ab",
        "oci://registry.example/acme@sha512:HEX",
        "oci://registry.example@sha256:HEX",
        "oci://user:secret@registry.example/acme@sha256:HEX",
        "oci://registry.example/../acme@sha256:HEX",
        "oci://registry.example/acme?x@sha256:HEX",
        "oci://registry.example//acme@sha256:HEX",
        "oci:///acme@sha256:HEX",
    ];
    insta::assert_snapshot!(all.map(|it| format!("{it}: {}", read(it))).join("\n"), @"
        oci://registry.example/acme/connector@sha256:HEX: https://registry.example/v2/acme/connector/
        oci://registry.example:5000/acme/connector:1.2.0@sha256:HEX: https://registry.example:5000/v2/acme/connector/
        oci://localhost:5000/acme@sha256:HEX: http://localhost:5000/v2/acme/
        oci://registry.example/acme/connector:1.2.0: oci-reference
        oci://registry.example/acme@sha256:ab: oci-reference
        oci://registry.example/acme@sha512:HEX: oci-reference
        oci://registry.example@sha256:HEX: oci-reference
        oci://user:secret@registry.example/acme@sha256:HEX: oci-reference
        oci://registry.example/../acme@sha256:HEX: oci-reference
        oci://registry.example/acme?x@sha256:HEX: oci-reference
        oci://registry.example//acme@sha256:HEX: oci-reference
        oci:///acme@sha256:HEX: oci-reference
        ");
}

#[test]
fn a_challenge_is_read_by_its_quotes() {
    let read = quoted(r#"realm="https://a.example/token",service="a=b, c",scope="x:y:pull,push", error="#);
    assert_eq!(read, [("realm", "https://a.example/token"), ("service", "a=b, c"), ("scope", "x:y:pull,push")]);
}
