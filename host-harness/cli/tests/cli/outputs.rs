//! The reference in `docs/`, which is made from what `harness schema` and `--help`
//! print.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

use host_harness::conformance::{Needs, Requirement};
use serde_json::{Map, Value};
use vendor_sim::WorldShape;

use crate::support::{TestContext, done};

const HEAD: &str = "\
# JSON output

With `--json` each of these commands prints one JSON document on standard output; `harness daemon` prints one per line,
for each event. `harness schema COMMAND` prints the JSON Schema of a command's output, `harness schema` all of them. A
command that fails prints an `error` as the last line of standard error, behind notes and warnings in plain text, with an
exit code other than 0. Options that cannot be parsed (exit code 2) are reported in plain text.

A field that is not *always* there is absent or `null` if nothing is known. Fields and words may be added; existing ones
keep their meaning. Times are RFC 3339 in UTC, with up to six digits of a second.

This page is generated from the types that are printed, and checked by a test.

";

const COMMANDS: &str = "\
# Commands

This page is generated from `--help`, and checked by a test. The options of every command are listed once, in the first
section.
";

const CONFORMANCE: &str = "\
# Conformance

`harness conformance FILE.wasm` checks whether a connector keeps the [contract](../../wit/README.md). Without a vendor it
runs the checks that need none. With `--against ORIGIN` and a token it runs all of them: the host stands between the
connector and the vendor, and puts faults in the place of good answers (401, 403, 429 with and without `Retry-After`, 500,
502, 503, refused, reset and cut connections, timeouts, redirects, HTML, `null`, bytes that are not UTF-8, other JSON).
Nothing is stored.

```sh
harness conformance acme.wasm
harness conformance acme.wasm --against https://api.acme.example --token-file token --junit report.xml
```

`--record FILE` writes what the vendor answered to a file, one exchange a line; `--cassette FILE` judges against it, where
there is no vendor and no account. The token is not in it: the connector never has it. People's mail addresses are
replaced, of the headers only those are kept that answers are read by, and a recording in which the token is found, plain
or encoded, is not written. It holds what the vendor says of your projects: look at it before you publish it, and give
`--scrub POINTER` the places of names that are to be called something else (`/projects/*/name`).

`--sample FILE`, once for each format that the connector reads, is what files are tried with. `--previous OLD.wasm` judges
it beside the version before: settings and identities that people have by now are promises, too. `--watch` judges again
each time that the component or one of these files changes. What is the same each time stands in a `conformance.toml`
beside the component:

```toml
samples = [\"samples/report.json\"]

[settings]
page_size = 100

[skip]
C9 = \"the vendor has no dates\"
```

`--only` runs some checks: the exit code is about those, and the report is no more than incomplete.

Exit codes: 0 if every `must` holds, 1 if one is broken, 3 if one could not be checked. `--skip CHECK=REASON` skips a
check and records why; `--strict` counts each `should` like a `must` and allows no skipped check.

This page is generated from the checks, and checked by a test.

| id | check | requirement | needs | promise |
|---|---|---|---|---|
";

/// Rewrites a document of the reference that is not what it should be.
fn keep(name: &str, expect: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name);
    if fs::read_to_string(&path).unwrap_or_default() != expect {
        fs::write(&path, expect).unwrap();
        panic!("docs/reference/{name} differed and is rewritten: read what changed, and run the tests again");
    }
}

fn small() -> TestContext {
    TestContext::new(WorldShape { projects: 1, sast: 0, sca: 0, ..WorldShape::default() }, vec![])
}

#[test]
fn the_reference_of_json_is_up_to_date() {
    let schemas: BTreeMap<String, Value> = serde_json::from_str(&small().ok(&["schema"])).unwrap();
    keep("json.md", &document(schemas));
}

#[test]
fn the_reference_of_conformance_is_up_to_date() {
    let mut text = CONFORMANCE.to_owned();
    for check in host_harness::conformance::CHECKS {
        let requirement = match check.requirement {
            Requirement::Must => "must",
            Requirement::Should => "should",
        };
        let needs = match check.needs {
            Needs::Nothing => "",
            Needs::Vendor => "vendor",
            Needs::Sample => "sample",
            Needs::Previous => "previous, vendor",
        };
        writeln!(text, "| {} | `{}` | {requirement} | {needs} | {} |", check.id, check.name, check.promise).unwrap();
    }
    keep("conformance.md", &text);
}

#[test]
fn the_reference_of_commands_is_up_to_date() {
    let mut text = COMMANDS.to_owned();
    let found = describe(&small(), &mut text, &mut Vec::new());
    assert!(found > 60, "{found} commands");
    keep("cli.md", &text);
}

/// Writes down a command with those below it, and tells how many they are.
fn describe(context: &TestContext, text: &mut String, command: &mut Vec<String>) -> usize {
    let arguments: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
    // The help shows what the environment says.
    let help = done(context.command(&arguments).env_remove("HARNESS_DATA_DIR").output().unwrap());
    assert_eq!(help.code, 0, "{arguments:?}: {}", help.stderr);
    let help = help.stdout;
    let own = match help.find("\nOptions of every command:") {
        Some(end) if !command.is_empty() => &help[..end],
        _ => &help,
    };
    // What comes before it is prose, and Markdown may break it anew.
    let (about, usage) = own.split_once("\nUsage: ").unwrap();
    let about = about.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<&str> = usage.lines().map(str::trim_end).collect();
    let name: Vec<&str> = ["harness"].into_iter().chain(command.iter().map(String::as_str)).collect();
    let level = "#".repeat(command.len().min(1) + 2);
    let usage = lines.join("\n");
    let usage = usage.trim_end();
    let _ = write!(text, "\n{level} {}\n\n{about}\n\n```text\n{usage}\n```\n", name.join(" "));
    let below: Vec<String> = if usage.lines().next().unwrap().ends_with("<COMMAND>") || usage.contains("[COMMAND]") {
        usage.lines().filter_map(listed).map(str::to_owned).collect()
    } else {
        Vec::new()
    };
    let mut found = 1;
    for name in below {
        command.push(name);
        found += describe(context, text, command);
        command.pop();
    }
    found
}

/// The command that a line of a help lists.
fn listed(line: &str) -> Option<&str> {
    let (name, meaning) = line.strip_prefix("  ")?.split_once("  ")?;
    let is_name = name.starts_with(|sign: char| sign.is_ascii_lowercase())
        && name.bytes().all(|sign| sign.is_ascii_lowercase() || sign == b'-');
    (is_name && !meaning.is_empty() && name != "help").then_some(name)
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
        Some(("notify", command)) => format!("notify {}", command.replacen("alert-", "alert ", 1)),
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
        "string" if schema["format"] == "date-time" => "time".to_owned(),
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
