use std::{fs, path::Path};

use boon::{Compiler, Schemas};
use schemars::{Schema, SchemaGenerator, generate::SchemaSettings, json_schema, transform::RecursiveTransform};
use serde_json::{Value, json};

use super::{Branches, DEFAULT_KINDS, Duplicates, KINDS, RawSettings, Settings};

/// The kinds that `check_kinds` lets through.
pub fn kinds_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": { "type": "string", "enum": KINDS.map(|kind| kind.as_str().to_owned()) },
        "minItems": 1,
        "uniqueItems": true,
    })
}

fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(tidy)).into_generator();
    generator.into_root_schema_for::<RawSettings>().to_value()
}

/// Doc comments are wrapped for the source; Rust's integer formats say nothing
/// to a form.
fn tidy(schema: &mut Schema) {
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = description.replace('\n', " ");
    }
    if schema.get("type").is_some_and(|sort| sort == "integer") {
        schema.remove("format");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test may write the generated file")]
fn the_schema_file_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../settings.schema.json");
    let expect = format!("{:#}\n", schema());
    if fs::read_to_string(&path).unwrap_or_default() != expect {
        fs::write(&path, expect).unwrap();
        panic!("settings.schema.json differed and is rewritten: run the tests again");
    }
}

#[test]
fn every_setting_has_a_title_a_description_and_a_default() {
    let schema = schema();
    for (key, property) in schema["properties"].as_object().unwrap() {
        for word in ["title", "description", "default"] {
            assert!(property.get(word).is_some(), "{key} has no {word}: {property:#}");
        }
    }
}

#[test]
fn the_schema_and_the_checks_agree() {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("settings.json", schema()).unwrap();
    let index = compiler.compile("settings.json", &mut schemas).unwrap();
    let check = |settings: Value, expect: bool| {
        assert_eq!(schemas.validate(&settings, index).is_ok(), expect, "schema: {settings}");
        assert_eq!(Settings::parse(&settings.to_string()).is_ok(), expect, "checks: {settings}");
    };
    check(json!({}), true);
    check(json!({ "kinds": ["sca"], "page_size": 3000, "branches": "all", "duplicates": "merged" }), true);
    check(json!({ "origin": "https://acme.semgrep.dev", "deployment": "acme" }), true);
    check(json!({ "deployment": null }), true);
    check(json!({ "kinds": [] }), false);
    check(json!({ "kinds": ["sast", "sca", "ai-sast", "secrets", "packages"] }), true);
    check(json!({ "kinds": ["ai_sast"] }), false);
    check(json!({ "kinds": ["other"] }), false);
    check(json!({ "kinds": ["sast", "sast"] }), false);
    check(json!({ "page_size": 99 }), false);
    check(json!({ "page_size": 3001 }), false);
    check(json!({ "page_size": "500" }), false);
    check(json!({ "branches": "main" }), false);
    check(json!({ "duplicates": true }), false);
    check(json!({ "extra": 1 }), false);
}

#[test]
fn settings_without_a_word_are_the_defaults() {
    let settings = Settings::parse("{}").unwrap();
    assert_eq!(settings.origin.to_string(), "https://semgrep.dev");
    assert_eq!(settings.deployment, None);
    assert_eq!(settings.kinds, DEFAULT_KINDS);
    assert_eq!(settings.page_size, 1_000);
    assert_eq!(settings.branches, Branches::Primary);
    assert_eq!(settings.duplicates, Duplicates::PerRef);
}

#[test]
fn settings_survive_their_json() {
    let given = r#"{"origin":"HTTP://LOCALHOST:8080/","deployment":" acme ","kinds":["sca"],"page_size":100,
        "branches":"all","duplicates":"merged"}"#;
    let settings = Settings::parse(given).unwrap();
    let json = settings.to_json();
    insta::assert_snapshot!(json, @r#"{"branches":"all","deployment":"acme","duplicates":"merged","kinds":["sca"],"origin":"http://localhost:8080","page_size":100}"#);
    assert_eq!(Settings::parse(&json.to_string()).unwrap(), settings);
}

#[test]
fn every_problem_is_named_at_once() {
    let check = |json: &str| {
        let error = Settings::parse(json).unwrap_err().to_string();
        error.trim_start_matches("invalid settings: ").replace("; `", "\n`")
    };
    insta::assert_snapshot!(check(r#"{
        "origin": "http://semgrep.dev", "deployment": " ", "kinds": ["sast", "sast", "secrets", "dast"],
        "page_size": 50, "branches": "main", "duplicates": 1, "pagesize": 7, "brnaches": "all", "api_token": "sgp_1",
        "colour": "red"
    }"#), @r"
    `api_token` is no setting; secrets are never settings: set SEMGREP_APP_TOKEN
    `branches` must be `primary` or `all`
    `brnaches` is no setting; did you mean `branches`?
    `colour` is no setting of this connector
    `duplicates` must be `per-ref` or `merged`
    `pagesize` is no setting; did you mean `page_size`?
    `origin` must use https: the token would cross the network in the clear
    `deployment` must not be empty; leave it out to take the token's own
    `page_size` must be a whole number from 100 to 3000
    `kinds` names `sast` twice
    `kinds` holds a word that is none of `sast`, `sca`, `ai-sast`, `secrets`, `packages`
    ");
    insta::assert_snapshot!(check(r#"{"origin": 7, "kinds": "sast", "page_size": 70000, "kinds ": []}"#), @r"
    `kinds` must be a list of texts: `sast`, `sca`, `ai-sast`, `secrets`, `packages`
    `kinds ` is no setting; did you mean `kinds`?
    `origin` must be a text such as `https://semgrep.dev`
    `page_size` must be a whole number from 100 to 3000
    ");
    insta::assert_snapshot!(check("[]"), @"must be a JSON object");
    insta::assert_snapshot!(check("{"), @"must be a JSON object: EOF while parsing an object at line 1 column 1");
}

#[test]
fn a_problem_never_repeats_a_value() {
    let error = Settings::parse(r#"{"tokn": "sgp_0123", "origin": "sgp_0123", "kinds": ["sgp_0123"]}"#).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("sgp_0123"));
    // The value alone, where the settings should be.
    let error = Settings::parse(r#""sgp_0123""#).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("sgp_0123"));
}
