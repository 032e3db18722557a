//! Connectors that need several secrets.

use std::collections::BTreeMap;

use host_harness::{
    Rotation, Setup, TypedSecrets, VaultKey,
    grant::{Code, SecretSource, write_private},
    store::ConnectorSource,
};
use serde_json::json;
use tests::{TestContext, name, settings};
use vendor_sim::WorldShape;

use crate::raw::{Manifest, connection};

/// Where the result of `configure` is.
const CONNECTION: u32 = 8_192;

/// A connector that needs two secrets, and connects without a request.
fn component() -> Vec<u8> {
    let manifest =
        Manifest { id: "raw", contract: "0.2.0", origins: vec![], secrets: vec!["FIRST_SECRET", "SECOND_SECRET"] };
    let mut raw = manifest.connector();
    raw.data.push((CONNECTION, connection(0, 0).1));
    raw.bodies.push(("configure", format!("i32.const {CONNECTION}")));
    raw.component()
}

#[tokio::test]
async fn each_of_several_secrets_has_a_source_of_its_own() {
    let context = TestContext::new(WorldShape { projects: 1, sast: 1, sca: 0, ..WorldShape::default() });
    let (folder, tenant) = (tempfile::tempdir().unwrap(), context.tenant("acme"));
    let file = |name: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("secret-of-{name}")).unwrap();
        SecretSource::File { path }
    };
    let path = folder.path().join("two.wasm");
    std::fs::write(&path, component()).unwrap();
    let setup = |secret: Option<SecretSource>, secrets: &[(&str, SecretSource)]| Setup {
        connector: ConnectorSource::File { path: path.clone() },
        secret,
        secrets: secrets.iter().map(|(variable, source)| ((*variable).to_owned(), source.clone())).collect(),
        ..context.hostile("two", settings(json!({})))
    };

    let error = tenant.add_instance(setup(Some(file("any")), &[]), true).await.unwrap_err();
    assert_eq!(error.code(), Code::SecretAmbiguous);
    insta::assert_snapshot!(error, @"the connector needs several secrets, and one source is given: FIRST_SECRET, SECOND_SECRET");
    let error = tenant.add_instance(setup(None, &[("FIRST_SECRIT", file("any"))]), true).await.unwrap_err();
    assert_eq!(error.code(), Code::SecretUnknown);
    insta::assert_snapshot!(error, @"the connector needs no secret `FIRST_SECRIT`; did you mean `FIRST_SECRET`?");

    let both = [("FIRST_SECRET", file("first")), ("SECOND_SECRET", file("second"))];
    let instance = tenant.add_instance(setup(None, &both), true).await.unwrap();
    let sources = |secrets: &BTreeMap<String, SecretSource>| secrets.values().cloned().collect::<Vec<_>>();
    assert_eq!(sources(&instance.made.secrets), [file("first"), file("second")]);

    // One is replaced, and the other one stays where it is.
    let secrets = BTreeMap::from([("SECOND_SECRET".to_owned(), file("newer"))]);
    let instance = tenant.rotate_secret(&name("two"), Rotation { secrets, ..Rotation::default() }).await.unwrap();
    assert_eq!(sources(&instance.made.secrets), [file("first"), file("newer")]);
    let typed = TypedSecrets::Only(host_harness::grant::Secret::typed("of-which").unwrap());
    let error = tenant.rotate_secret(&name("two"), Rotation { typed, ..Rotation::default() }).await.unwrap_err();
    assert_eq!(error.code(), Code::SecretAmbiguous);

    // Each stands in a grant under its own variable.
    let http = tenant.grant(&name("two")).await.unwrap().http.unwrap();
    let mut granted: Vec<_> = http.secrets.iter().map(|it| (it.variable.as_str(), it.secret.reveal())).collect();
    granted.sort_unstable();
    assert_eq!(granted, [("FIRST_SECRET", "secret-of-first"), ("SECOND_SECRET", "secret-of-newer")]);
}

#[tokio::test]
async fn a_rotation_leaves_the_secrets_that_it_does_not_name_where_they_are() {
    let context = TestContext::new(WorldShape { projects: 1, sast: 1, sca: 0, ..WorldShape::default() });
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("vault.key");
    write_private(&key, VaultKey::generate().unwrap().text().as_bytes()).unwrap();
    let harness = context.harness.with_vault_key(SecretSource::File { path: key });
    let tenant = harness.tenant("acme".parse().unwrap()).unwrap();
    let file = |name: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("secret-of-{name}")).unwrap();
        SecretSource::File { path }
    };
    let path = folder.path().join("two.wasm");
    std::fs::write(&path, component()).unwrap();
    let of = |variable: &str, source: SecretSource| BTreeMap::from([(variable.to_owned(), source)]);
    let setup = Setup {
        connector: ConnectorSource::File { path },
        secret: None,
        secrets: BTreeMap::from([
            ("FIRST_SECRET".to_owned(), file("first")),
            ("SECOND_SECRET".to_owned(), file("second")),
        ]),
        store_secret: true,
        ..context.hostile("two", settings(json!({})))
    };
    tenant.add_instance(setup, true).await.unwrap();
    let rotated = async |rotation: Rotation| {
        let instance = tenant.rotate_secret(&name("two"), rotation).await.unwrap();
        let grant = tenant.grant(&name("two")).await.unwrap().http.unwrap();
        let mut granted: Vec<_> = grant.secrets.iter().map(|it| it.secret.reveal().to_owned()).collect();
        granted.sort_unstable();
        (instance.made.secrets, granted)
    };
    // Out of the vault goes what is read from elsewhere now, and nothing else.
    let secrets = of("SECOND_SECRET", file("newer"));
    let (sources, granted) = rotated(Rotation { secrets, store: Some(false), ..Rotation::default() }).await;
    assert_eq!(sources["FIRST_SECRET"], SecretSource::Vault);
    assert_eq!(granted, ["secret-of-first", "secret-of-newer"]);
    assert_eq!(tenant.vault_report().unwrap().entries.len(), 1);
    // Into the vault goes what was there, and nothing else.
    let secrets = of("FIRST_SECRET", file("another"));
    let (sources, granted) = rotated(Rotation { secrets, ..Rotation::default() }).await;
    assert_eq!(
        sources,
        BTreeMap::from(
            [("FIRST_SECRET".to_owned(), SecretSource::Vault), ("SECOND_SECRET".to_owned(), file("newer")),]
        )
    );
    assert_eq!(granted, ["secret-of-another", "secret-of-newer"]);
}
