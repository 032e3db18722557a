//! The document `OUTPUTS.md`, which is made from the forms that `harness schema` prints.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

use serde_json::{Map, Value};
use vendor_sim::WorldShape;

use crate::support::Desk;

const HEAD: &str = "\
# JSON output

Each of these commands takes `--json` and then prints one JSON document on standard output; `harness daemon` prints one per
line, for each thing that happens. `harness schema COMMAND` prints the JSON Schema of what a command prints, and
`harness schema` those of all. A command that fails prints an `error` on standard error, and ends with an exit code other
than 0. Options that cannot be read (exit code 2) are told in plain text: it is not known then what was asked for.

A field that is not *always* there is left out or `null` where nothing is known. Fields and words may be added; what is
here keeps its meaning. Moments are RFC 3339 in UTC, with up to six digits of a second.

This page is made by a test from the types that are printed.

";

#[test]
fn the_document_is_up_to_date() {
    let desk = Desk::new(WorldShape { projects: 1, sast: 0, sca: 0, ..WorldShape::default() }, vec![]);
    let schemas: BTreeMap<String, Value> = serde_json::from_str(&desk.ok(&["schema"])).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("OUTPUTS.md");
    let expect = document(schemas);
    if fs::read_to_string(&path).unwrap_or_default() != expect {
        fs::write(&path, expect).unwrap();
        panic!("OUTPUTS.md differed and is rewritten: read what changed, and run the tests again");
    }
}

fn document(schemas: BTreeMap<String, Value>) -> String {
    let mut types: BTreeMap<String, Value> = BTreeMap::new();
    let mut text = HEAD.to_owned() + "| command | prints |\n|---|---|\n";
    for (command, mut schema) in schemas {
        let title = schema["title"].as_str().unwrap().to_owned();
        let root = schema.as_object_mut().unwrap();
        root.remove("$schema");
        root.remove("title");
        let parts = root.remove("$defs").unwrap_or_default();
        row(&mut text, &[&format!("`{}`", spelled(&command)), &link(&title)]);
        let parts = parts.as_object().cloned().unwrap_or_default();
        for (name, part) in parts.into_iter().chain([(title, schema)]) {
            let known = types.entry(name.clone()).or_insert_with(|| part.clone());
            assert_eq!(*known, part, "two forms are called {name}");
        }
    }
    for (name, schema) in &types {
        let _ = writeln!(text, "\n## {name}\n\n{}", described(schema));
        body(&mut text, schema);
    }
    text
}

/// A command as it is typed.
fn spelled(name: &str) -> String {
    match name.split_once('-') {
        _ if name == "notify-event" => name.to_owned(),
        Some(("onboard", option)) => format!("onboard --{option}"),
        Some((group, command)) => format!("{group} {command}"),
        None => name.to_owned(),
    }
}

/// What a form consists of.
fn body(text: &mut String, schema: &Value) {
    if let Some(fields) = schema["properties"].as_object() {
        table(text, fields, &schema["required"]);
    }
    if let Some(cases) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
        for case in cases {
            match &case["properties"] {
                Value::Object(fields) => {
                    let _ = writeln!(text, "\nEither: {}", described(case));
                    table(text, fields, &case["required"]);
                    if let Some(name) = case["$ref"].as_str() {
                        let _ = writeln!(text, "\nAnd the fields of {}.", link(name.rsplit('/').next().unwrap()));
                    }
                }
                _ => {
                    let meaning = described(case);
                    let between = if meaning.is_empty() { "" } else { ": " };
                    let _ = write!(text, "\n- {}{between}{meaning}", kind(case));
                }
            }
        }
        text.push('\n');
    } else if schema["properties"].is_null() {
        let examples = schema["examples"].as_array().map(Vec::as_slice).unwrap_or_default();
        let examples = examples.iter().filter_map(Value::as_str).map(|word| format!("`{word}`")).collect::<Vec<_>>();
        let such = if examples.is_empty() { String::new() } else { format!(": {}", examples.join(", ")) };
        let _ = writeln!(text, "\n{}{such}.", kind(schema));
    }
}

fn table(text: &mut String, fields: &Map<String, Value>, required: &Value) {
    *text += "\n| field | type | always | |\n|---|---|---|---|\n";
    for (name, field) in fields {
        let always = required.as_array().is_some_and(|all| all.contains(&Value::from(name.as_str())));
        row(text, &[&format!("`{name}`"), &kind(field), if always { "yes" } else { "" }, &described(field)]);
    }
}

/// A type in a few words.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        return link(name.rsplit('/').next().unwrap());
    }
    if !schema["const"].is_null() {
        return format!("`{}`", schema["const"].as_str().map_or_else(|| schema["const"].to_string(), str::to_owned));
    }
    if let Some(words) = schema["enum"].as_array() {
        let words = words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`"));
        return words.collect::<Vec<_>>().join(", ");
    }
    if let Some(cases) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
        let cases = cases.iter().filter(|case| case["type"] != "null").map(kind);
        return cases.collect::<Vec<_>>().join(" or ");
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).filter(|it| *it != "null").collect(),
        Value::String(one) => vec![one.as_str()],
        _ => return "anything".to_owned(),
    };
    let named = |name: &str| match name {
        "array" => format!("list of {}", kind(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("map to {}", kind(&schema["additionalProperties"]))
        }
        "string" if schema["format"] == "date-time" => "moment".to_owned(),
        "string" => "text".to_owned(),
        "integer" => "whole number".to_owned(),
        "boolean" => "yes or no".to_owned(),
        name => name.to_owned(),
    };
    types.into_iter().map(named).collect::<Vec<_>>().join(" or ")
}

fn described(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn link(name: &str) -> String {
    format!("[{name}](#{})", name.to_lowercase())
}

fn row(text: &mut String, cells: &[&str]) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}
