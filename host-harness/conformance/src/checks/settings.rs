//! A7 to A10: the schema of the settings, and settings that are wrong.

use std::sync::Arc;

use appsec_model::{Error, ErrorCode, FetchRequest, Kind, Manifest, Scope};
use appsec_sandbox::CallFailure;
use boon::{Compiler, Schemas};
use serde_json::{Map, Value, json};

use super::{Book, Trial, failed_with, short, told};
use crate::{
    lab::Lab,
    subject::{Call, Called, Scratch, Subject},
};

/// The settings of a connector: what may be set, and what works.
pub struct Settings {
    schema: Result<Value, String>,
    origins: Vec<String>,
    good: Map<String, Value>,
}

impl Settings {
    pub fn new(manifest: &Manifest, good: &Map<String, Value>) -> Self {
        Self {
            schema: serde_json::from_str(&manifest.settings_schema).map_err(|error| error.to_string()),
            origins: manifest.origins.iter().filter_map(|it| it.setting.clone()).collect(),
            good: good.clone(),
        }
    }

    pub fn text(&self) -> String {
        Value::Object(self.good.clone()).to_string()
    }

    fn properties(&self) -> Vec<(&String, &Value)> {
        let properties = self.schema.as_ref().ok().and_then(|it| it.get("properties")).and_then(Value::as_object);
        properties.into_iter().flatten().collect()
    }

    fn with(&self, key: &str, value: Value) -> String {
        let mut settings = self.good.clone();
        settings.insert(key.to_owned(), value);
        Value::Object(settings).to_string()
    }
}

pub async fn check(book: &mut Book<'_>, subject: &impl Subject, lab: &Lab, settings: &Settings) {
    if let Some(mut trial) = book.open("A7") {
        check_schema(&mut trial, settings);
        book.close(trial);
    }
    if let Some(mut trial) = book.open("A8") {
        let asking: Vec<&str> =
            settings.properties().into_iter().map(|(key, _)| key.as_str()).filter(|key| names_a_secret(key)).collect();
        let expected = "no setting for a secret: the host keeps those";
        trial.case(asking.is_empty(), "the schema", expected, || format!("`{}`", asking.join("`, `")));
        book.close(trial);
    }
    if let Some(mut trial) = book.open("A10") {
        check_wrong(&mut trial, subject, lab, settings).await;
        book.close(trial);
    }
}

/// Whether a setting is called like a secret, and not like the place of one.
fn names_a_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let is_place = ["origin", "url"].iter().any(|word| key.contains(word));
    !is_place && ["token", "password", "secret", "apikey", "api_key", "api-key"].iter().any(|word| key.contains(word))
}

fn check_schema(trial: &mut Trial, settings: &Settings) {
    let schema = match &settings.schema {
        Ok(schema) => schema,
        Err(error) => return trial.case(false, "the schema", "JSON", || error.clone()),
    };
    let compiled = |schema: &Value| -> Result<(Schemas, boon::SchemaIndex), String> {
        let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
        compiler.set_default_draft(boon::Draft::V2020_12);
        compiler.add_resource("settings.json", schema.clone()).map_err(|error| error.to_string())?;
        let index = compiler.compile("settings.json", &mut schemas).map_err(|error| error.to_string())?;
        Ok((schemas, index))
    };
    let whole = compiled(schema);
    trial
        .case(whole.is_ok(), "the schema", "JSON Schema 2020-12", || whole.as_ref().err().cloned().unwrap_or_default());
    let is_object = schema.get("type") == Some(&json!("object"));
    trial.case(is_object, "the schema", "`\"type\": \"object\"`", || short(&schema.to_string()));
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    for (key, property) in settings.properties() {
        let case = format!("setting `{key}`");
        for part in ["title", "description"] {
            let is_there = property.get(part).and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
            trial.case(is_there, &case, format!("a `{part}`"), || "none".to_owned());
        }
        let default = property.get("default");
        trial.case(default.is_some() || required.contains(&key.as_str()), &case, "a default, or required", || {
            "neither".to_owned()
        });
        if let (Some(default), Ok((schemas, index))) = (default, compiled(property)) {
            let valid = schemas.validate(default, index);
            trial.case(valid.is_ok(), &case, "a default that is valid", || default.to_string());
        }
    }
    for key in &settings.origins {
        let is_there = settings.properties().iter().any(|(name, _)| *name == key);
        trial.case(is_there, format!("`origins` names the setting `{key}`"), "a setting of the schema", || {
            "there is none".to_owned()
        });
    }
    if let Ok((schemas, index)) = &whole {
        let good = Value::Object(settings.good.clone());
        let valid = schemas.validate(&good, *index).map_err(|error| error.to_string());
        trial.case(valid.is_ok(), "the settings that are used", "valid by the schema", || {
            valid.err().unwrap_or_default()
        });
    }
}

/// Settings that are wrong, each with the key that has to be named; none where
/// they are wrong as a whole.
fn wrong(settings: &Settings) -> Vec<(String, Option<String>)> {
    let mut wrong: Vec<(String, Option<String>)> =
        ["", "{", "null", "[]", "7", "\"text\""].map(|text| (text.to_owned(), None)).into();
    let is_closed = settings.schema.as_ref().is_ok_and(|it| it.get("additionalProperties") == Some(&json!(false)));
    if is_closed {
        // The second one is there in every object of some languages.
        for (key, value) in [("no_such_setting", json!(true)), ("constructor", json!("text"))] {
            wrong.push((settings.with(key, value), Some(key.to_owned())));
        }
    }
    for (key, property) in settings.properties() {
        let types: Vec<&str> = match property.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(some)) => some.iter().filter_map(Value::as_str).collect(),
            _ => continue,
        };
        let samples = [
            (json!("text"), &["string"][..]),
            (json!(7), &["integer", "number"]),
            (json!(true), &["boolean"]),
            (json!([7]), &["array"]),
            (json!({"made": "by a test"}), &["object"]),
            (Value::Null, &["null"]),
        ];
        let mut add = |value: Value| wrong.push((settings.with(key, value), Some(key.clone())));
        for (value, fitting) in samples {
            if !types.iter().any(|it| fitting.contains(it)) {
                add(value);
            }
        }
        let bound = |name: &str| property.get(name).and_then(Value::as_i64);
        if let Some(minimum) = bound("minimum") {
            add(json!(minimum - 1));
        }
        if let Some(maximum) = bound("maximum") {
            add(json!(maximum + 1));
        }
        if property.get("enum").is_some() && types.contains(&"string") {
            add(json!("no-such-word"));
        }
        if bound("minLength").is_some_and(|least| least > 0) {
            add(json!(""));
        }
        if let Some(words) = property.get("items").and_then(|it| it.get("enum")).and_then(Value::as_array)
            && words.iter().any(Value::is_string)
        {
            add(json!(["no-such-word"]));
        }
    }
    wrong
}

async fn check_wrong(trial: &mut Trial, subject: &impl Subject, lab: &Lab, settings: &Settings) {
    for (text, key) in wrong(settings) {
        let call = Call { bucket: Arc::default(), is_granted: true };
        lab.begin();
        let called = subject.configure(&call, &text).await;
        let case = format!("`configure` with `{}`", short(&text));
        let expected = match &key {
            Some(key) => format!("`invalid-settings` for `{key}`"),
            None => "`invalid-settings`".to_owned(),
        };
        let is_told = match &called {
            Err(CallFailure::Contract(Error { code: ErrorCode::InvalidSettings, problems, .. })) => {
                key.as_ref().is_none_or(|key| {
                    // A part of a setting is named after it: `kinds[0]`, `/kinds/0`.
                    let names = |named: &str| {
                        let named = named.trim_start_matches('/');
                        named.strip_prefix(key.as_str()).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
                    };
                    problems.iter().any(|problem| names(&problem.key))
                })
            }
            _ => false,
        };
        trial.case(is_told, &case, expected, || told(&called));
        trial.case(lab.count() == 0, &case, "no request", || format!("{} of them", lab.count()));
        trial.case(call.bucket.values().is_empty(), &case, "an unchanged bucket", || "a change".to_owned());
    }
}

/// A9: calls before `configure`.
pub async fn check_unconfigured(book: &mut Book<'_>, subject: &impl Subject, lab: &Lab) {
    let Some(mut trial) = book.open("A9") else { return };
    let call = Call { bucket: Arc::new(Scratch::default()), is_granted: true };
    let mut case = |name: &str, told: String, is_told: bool| {
        trial.case(is_told, name, "`not-configured` or `unsupported`", || told);
        trial.case(lab.count() == 0, name, "no request", || format!("{} of them", lab.count()));
    };
    fn is_told<T>(called: &Called<T>) -> bool {
        failed_with(called, &[ErrorCode::NotConfigured, ErrorCode::Unsupported])
    }
    lab.begin();
    let projects = subject.list_projects(&call, None).await;
    case("`list-projects`", told(&projects), is_told(&projects));
    for kind in [Kind::Sast, Kind::Sca, Kind::Packages] {
        lab.begin();
        let project =
            appsec_model::ProjectScope { id: "1".to_owned(), name: "acme/shop".to_owned(), primary_branch: None };
        let scope = Scope::Projects(vec![project]);
        let page = subject.fetch_findings(&call, FetchRequest { kind, scope, since: None, cursor: None }).await;
        case("`fetch-findings`", told(&page), is_told(&page));
    }
    lab.begin();
    let scan = subject.fetch_scan(&call, "1").await;
    case("`fetch-scan`", told(&scan), is_told(&scan));
    lab.begin();
    let (kind, decision, ids) = (Kind::Sast, appsec_model::Decision::Reviewing, vec!["1".to_owned()]);
    let batch = appsec_model::DecisionBatch { kind, decision, comment: None, ids };
    let written = subject.write_decisions(&call, batch).await;
    case("`write-decisions`", told(&written), is_told(&written));
    book.close(trial);
}
