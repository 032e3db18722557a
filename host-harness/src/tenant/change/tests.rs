use appsec_model::{Kind, Manifest, OriginNeed};
use serde_json::{Map, json};

use super::{SettingsChange, changed};
use appsec_grant::{Addresses, EgressPolicy, Origin};
use appsec_store::{ConnectorSource, NewInstance};

fn manifest() -> Manifest {
    let need = OriginNeed {
        purpose: "its API".to_owned(),
        default: "https://vendor.example".to_owned(),
        setting: Some("origin".to_owned()),
    };
    Manifest {
        id: "any".to_owned(),
        name: "Any".to_owned(),
        version: "1.0.0".to_owned(),
        contract_version: "0.2.0".to_owned(),
        vendor: "Any".to_owned(),
        kinds: vec![],
        settings_schema: json!({ "properties": { "kinds": {}, "origin": {} } }).to_string(),
        origins: vec![need],
        secrets: vec![],
        formats: vec![],
        webhook: None,
        oauth: None,
        write_back: None,
    }
}

fn origin(text: &str) -> Origin {
    text.parse().unwrap()
}

fn made() -> NewInstance {
    let mut egress = EgressPolicy::default();
    egress.grant(origin("https://vendor.example"), Addresses::Public);
    egress.grant(origin("https://more.example"), Addresses::Private);
    NewInstance {
        name: "code".parse().unwrap(),
        connector_id: "any".to_owned(),
        connector_version: "1.0.0".to_owned(),
        connector_source: ConnectorSource::Bundled { id: "any".to_owned() },
        connector_sha256: None,
        settings: Map::from_iter([("size".to_owned(), json!(7))]),
        egress,
        secrets: Default::default(),
        proxy: None,
    }
}

fn granted(made: &NewInstance) -> Vec<String> {
    made.egress.origins().map(|(origin, addresses)| format!("{origin} {addresses:?}")).collect()
}

#[test]
fn another_origin_is_granted_in_the_place_of_the_old_one() {
    let change = SettingsChange {
        set: Map::from_iter([("origin".to_owned(), json!("https://new.example"))]),
        ..SettingsChange::default()
    };
    let new = changed(&manifest(), &made(), &change).unwrap();
    assert_eq!(granted(&new), ["https://more.example Private", "https://new.example Public"]);
    // And back again, by its default.
    let change = SettingsChange { unset: vec!["origin".to_owned()], ..SettingsChange::default() };
    let back = changed(&manifest(), &new, &change).unwrap();
    assert_eq!(granted(&back), granted(&made()));
    assert_eq!(back.settings, made().settings);
}

#[test]
fn a_grant_of_the_operator_stays_as_it_is_until_he_changes_it() {
    let more = |private: bool| SettingsChange {
        allow_origins: vec![origin("https://more.example"), origin("https://third.example")],
        allow_private_origins: private.then(|| origin("https://third.example")).into_iter().collect(),
        ..SettingsChange::default()
    };
    let new = changed(&manifest(), &made(), &more(false)).unwrap();
    let expected = ["https://more.example Private", "https://third.example Public", "https://vendor.example Public"];
    assert_eq!(granted(&new), expected);
    let new = changed(&manifest(), &new, &more(true)).unwrap();
    assert_eq!(granted(&new)[1], "https://third.example Private");
}

#[test]
fn kinds_are_set_where_the_connector_lets_one_choose() {
    let change = SettingsChange { kinds: vec![Kind::Sca, Kind::AiSast], ..SettingsChange::default() };
    let new = changed(&manifest(), &made(), &change).unwrap();
    assert_eq!(new.settings["kinds"], json!(["sca", "ai-sast"]));
    let without = Manifest { settings_schema: "{}".to_owned(), ..manifest() };
    insta::assert_snapshot!(changed(&without, &made(), &change).unwrap_err(), @"the connector `any` has no setting for the kinds to fetch");
}

#[test]
fn a_setting_that_is_not_there_is_not_unset() {
    let change = SettingsChange { unset: vec!["sise".to_owned()], ..SettingsChange::default() };
    insta::assert_snapshot!(changed(&manifest(), &made(), &change).unwrap_err(), @"the instance has no setting `sise`; did you mean `size`?");
}
