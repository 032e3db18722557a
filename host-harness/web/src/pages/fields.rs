//! A form of a connector's settings, made from their JSON Schema. What the form
//! does not know is written as JSON, so that no setting is out of reach.

use std::collections::BTreeMap;

use appsec_model::Manifest;
use host_harness::{TypedSecrets, grant::Secret};
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::parts;
use crate::{answer::Fault, asked::Form};

/// What a setting is called in the form.
const PREFIX: &str = "set:";

/// How a setting is given.
enum Input {
    Text {
        kind: &'static str,
    },
    Number {
        least: Option<i64>,
        most: Option<i64>,
    },
    Tick,
    /// One of these; each with what it means.
    One(Vec<(String, Option<String>)>),
    /// Any of these.
    Any(Vec<String>),
    Json,
}

/// A setting.
struct Setting {
    key: String,
    title: String,
    help: Option<String>,
    input: Input,
    default: Value,
}

/// The settings of a connector.
pub(super) struct Settings(Vec<Setting>);

impl Settings {
    /// Those of a schema, but for some.
    pub fn of(schema: &str, without: &[&str]) -> Self {
        let schema: Value = serde_json::from_str(schema).unwrap_or_default();
        let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        let all = properties.into_iter().filter(|(key, _)| !without.contains(&key.as_str()));
        Self(all.map(|(key, property)| setting(key, &property)).collect())
    }

    /// The form, with what is set.
    pub fn form(&self, given: &Map<String, Value>) -> Markup {
        html! { @for it in &self.0 { (entry(it, given.get(&it.key).unwrap_or(&it.default))) } }
    }

    /// What was written: settings to set, and those that go back to their
    /// defaults, where the form shows something else than is set.
    pub fn read(&self, form: &Form, set: &Map<String, Value>) -> Result<(Map<String, Value>, Vec<String>), Fault> {
        let (mut changed, mut unset) = (Map::new(), Vec::new());
        for it in &self.0 {
            let value = read(it, form)?;
            if value == it.default && set.contains_key(&it.key) {
                unset.push(it.key.clone());
            } else if value != it.default && set.get(&it.key) != Some(&value) {
                changed.insert(it.key.clone(), value);
            }
        }
        Ok((changed, unset))
    }
}

/// The name of the field of a secret, by its place.
pub(super) fn secret_field(place: usize) -> String {
    if place == 0 { "token".to_owned() } else { format!("token-{place}") }
}

/// The secrets that were typed, by variable. Where only some of several change, the
/// others may be left empty.
pub(super) fn typed_secrets(manifest: &Manifest, form: &Form, some: bool) -> Result<TypedSecrets, Fault> {
    let mut typed = BTreeMap::new();
    for (place, secret) in manifest.secrets.iter().enumerate() {
        let text = form.text(&secret_field(place)).unwrap_or_default();
        if text.is_empty() && some && manifest.secrets.len() > 1 {
            continue;
        }
        typed.insert(secret.variable.clone(), Secret::typed(text).map_err(host_harness::Error::from)?);
    }
    match typed.is_empty() {
        true if some => Err(Fault::field("token", "it is empty")),
        true => Ok(TypedSecrets::None),
        false => Ok(TypedSecrets::Each(typed)),
    }
}

fn setting(key: String, property: &Value) -> Setting {
    let text = |name: &str| property.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| property.get(name).and_then(Value::as_i64);
    let types: Vec<&str> = match property.get("type") {
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).filter(|it| *it != "null").collect(),
        Some(Value::String(one)) => vec![one.as_str()],
        _ => vec![],
    };
    let words = |of: &Value| -> Option<Vec<String>> {
        of.get("enum")?.as_array()?.iter().map(|it| it.as_str().map(str::to_owned)).collect()
    };
    let one_of = property.get("oneOf").and_then(Value::as_array).and_then(|all| {
        let word = |it: &Value| {
            let help = it.get("description").and_then(Value::as_str).map(str::to_owned);
            Some((it.get("const")?.as_str()?.to_owned(), help))
        };
        all.iter().map(word).collect::<Option<Vec<_>>>()
    });
    let input = match (types.as_slice(), words(property).or(property.get("items").and_then(words)), one_of) {
        (["array"], Some(words), _) => Input::Any(words),
        (_, Some(words), _) => Input::One(words.into_iter().map(|word| (word, None)).collect()),
        (_, _, Some(words)) => Input::One(words),
        (["string"], ..) if text("format").as_deref() == Some("uri") => Input::Text { kind: "url" },
        (["string"], ..) => Input::Text { kind: "text" },
        (["integer"], ..) => Input::Number { least: number("minimum"), most: number("maximum") },
        (["boolean"], ..) => Input::Tick,
        _ => Input::Json,
    };
    let title = text("title").unwrap_or_else(|| key.clone());
    Setting {
        title,
        help: text("description"),
        default: property.get("default").cloned().unwrap_or_default(),
        input,
        key,
    }
}

fn entry(it: &Setting, value: &Value) -> Markup {
    let (name, id) = (format!("{PREFIX}{}", it.key), format!("set-{}", it.key));
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let help = it.help.as_ref().map(|_| format!("{id}-help"));
    html! {
        div.setting {
            @match &it.input {
                Input::Tick => label.check for=(id) {
                    input id=(id) type="checkbox" name=(name) value="true" checked[value == &Value::Bool(true)] aria-describedby=[help.as_ref()];
                    (parts::text(&it.title))
                },
                Input::Any(words) => fieldset.boxes aria-describedby=[help.as_ref()] {
                    legend { (parts::text(&it.title)) }
                    @for word in words {
                        label.check {
                            input type="checkbox" name=(name) value=(word) checked[value.as_array().is_some_and(|all| all.iter().any(|it| it == word))];
                            (parts::text(word))
                        }
                    }
                },
                input => {
                    label for=(id) { (parts::text(&it.title)) }
                    @match input {
                        Input::One(words) => select id=(id) name=(name) aria-describedby=[help.as_ref()] {
                            @for (word, means) in words {
                                option value=(word) selected[*word == text] { (word) @if let Some(means) = means { ": " (means) } }
                            }
                        },
                        Input::Number { least, most } => input id=(id) type="number" name=(name) value=(text) min=[*least] max=[*most] aria-describedby=[help.as_ref()];,
                        Input::Text { kind } => input id=(id) type=(kind) name=(name) value=(text) aria-describedby=[help.as_ref()];,
                        _ => textarea id=(id) name=(name) rows="3" spellcheck="false" aria-describedby=[help.as_ref()] { (value) },
                    }
                },
            }
            @if let (Some(help), Some(id)) = (&it.help, &help) { p.help id=(id) { (parts::prose(help)) } }
        }
    }
}

fn read(it: &Setting, form: &Form) -> Result<Value, Fault> {
    let name = format!("{PREFIX}{}", it.key);
    let wrong = |why: &str| Fault::field(&it.title, why);
    let text = form.text(&name);
    Ok(match (&it.input, text) {
        (Input::Tick, _) => Value::Bool(form.is_ticked(&name)),
        (Input::Any(words), _) => {
            // As the schema has them, so that the same boxes are the same setting.
            let ticked: Vec<&str> = form.all(&name).collect();
            words.iter().filter(|word| ticked.contains(&word.as_str())).cloned().map(Value::from).collect()
        }
        (_, None) => it.default.clone(),
        (Input::One(words), Some(text)) if words.iter().any(|(word, _)| word == text) => text.into(),
        (Input::One(words), Some(_)) => {
            let words: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
            return Err(wrong(&format!("choose one of {}", words.join(", "))));
        }
        (Input::Number { least, most }, Some(text)) => {
            let number: i64 = text.parse().map_err(|_| wrong("write a whole number"))?;
            if least.is_some_and(|least| number < least) || most.is_some_and(|most| number > most) {
                let [least, most] = [least, most].map(|it| it.map_or_else(|| "any".to_owned(), |it| it.to_string()));
                return Err(wrong(&format!("write a number from {least} to {most}")));
            }
            number.into()
        }
        (Input::Text { .. }, Some(text)) => text.into(),
        (Input::Json, Some(text)) => serde_json::from_str(text).map_err(|error| wrong(&error.to_string()))?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SCHEMA: &str = r#"{ "properties": {
        "origin": { "type": "string", "format": "uri", "title": "Origin", "default": "https://example.com" },
        "team": { "type": ["string", "null"], "default": null, "description": "Whose <it> is" },
        "size": { "type": "integer", "minimum": 1, "maximum": 9, "default": 5 },
        "deep": { "type": "boolean", "default": false },
        "branches": { "oneOf": [{ "const": "primary" }, { "const": "all", "description": "Every one" }], "default": "primary" },
        "kinds": { "type": "array", "items": { "enum": ["sast", "sca"] }, "default": ["sast"] },
        "odd": { "type": "object", "default": {} }
    } }"#;

    fn form(pairs: &[(&str, &str)]) -> Form {
        Form::of(pairs.iter().map(|(name, value)| (format!("{PREFIX}{name}"), (*value).to_owned())).collect())
    }

    #[test]
    fn every_kind_of_setting_has_its_field_and_what_others_wrote_is_text() {
        let given = json!({ "team": "a\"b", "kinds": ["sca"], "odd": { "x": 1 } });
        let form = Settings::of(SCHEMA, &["size"]).form(given.as_object().unwrap()).into_string();
        insta::assert_snapshot!(form.replace("<div", "\n<div"));
    }

    #[test]
    fn what_is_as_before_changes_nothing() {
        let settings = Settings::of(SCHEMA, &[]);
        let set = json!({ "team": "web", "size": 7 });
        let set = set.as_object().unwrap();
        let same = [("team", "web"), ("size", "7"), ("kinds", "sast"), ("branches", "primary"), ("odd", "{}")];
        assert_eq!(settings.read(&form(&same), set).unwrap(), (Map::new(), vec![]));
        let other = [("team", ""), ("size", "5"), ("kinds", "sca"), ("kinds", "sast"), ("deep", "true")];
        let (changed, unset) = settings.read(&form(&other), set).unwrap();
        assert_eq!(Value::from(changed), json!({ "deep": true, "kinds": ["sast", "sca"] }));
        assert_eq!(unset, ["size", "team"]);
    }

    #[test]
    fn what_cannot_be_is_told_by_its_field() {
        let settings = Settings::of(SCHEMA, &[]);
        for (name, value, told) in [
            ("size", "x", "size: write a whole number"),
            ("size", "10", "size: write a number from 1 to 9"),
            ("branches", "some", "branches: choose one of primary, all"),
            ("odd", "{", "odd: EOF while parsing an object at line 1 column 1"),
        ] {
            assert_eq!(settings.read(&form(&[(name, value)]), &Map::new()).unwrap_err().detail, told);
        }
    }
}
