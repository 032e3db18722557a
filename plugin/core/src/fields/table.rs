//! The table, and the document that is made from it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use serde::Deserialize;
use serde_json::Value;

/// The fields of one sort of record.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sheet {
    /// What the records are, for people.
    pub title: String,
    /// What reads them.
    pub record: Record,
    /// The request that brings them.
    pub request: String,
    /// The schemas in the vendor's API reference that have the fields.
    pub schemas: Vec<String>,
    /// The fields by their paths.
    pub fields: BTreeMap<String, Row>,
}

/// A sort of record.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    Sast,
    AiSast,
    Sca,
    Secrets,
    Packages,
    Scan,
    Project,
}

/// Fields that sheets have in common.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Common {
    fields: BTreeMap<String, Row>,
}

/// One field.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its type in one word.
    pub r#type: String,
    /// Values that are told apart. Of an enumeration: all.
    pub values: Vec<Value>,
    /// Paths in the unified form that change with it.
    #[serde(default)]
    pub lands: Vec<String>,
    /// Why it lands nowhere.
    pub left: Option<String>,
    /// The field that goes before it.
    pub only_without: Option<String>,
    /// Whether the API reference calls it deprecated.
    #[serde(default)]
    pub deprecated: bool,
    /// Whether it is in real answers, or may be, and not in the API reference.
    #[serde(default)]
    pub undocumented: bool,
    /// What else there is to say.
    pub note: Option<String>,
}

impl Row {
    /// The values that are words.
    pub fn words(&self) -> BTreeSet<String> {
        self.values.iter().filter_map(|value| Some(value.as_str()?.to_owned())).collect()
    }

    /// The last column of the document.
    fn remark(&self) -> String {
        let mut parts = Vec::new();
        if self.deprecated {
            parts.push("Deprecated.".to_owned());
        }
        if self.undocumented {
            parts.push("Not in the API reference.".to_owned());
        }
        if let Some(other) = &self.only_without {
            parts.push(format!("Where `{other}` is missing."));
        }
        parts.extend(self.left.iter().chain(&self.note).cloned());
        parts.join(" ")
    }
}

/// All sheets, in the order of the document.
pub fn sheets() -> Vec<Sheet> {
    let finding = include_str!("../../../fields/finding.toml");
    let code = include_str!("../../../fields/code.toml");
    vec![
        sheet(include_str!("../../../fields/sast.toml"), &[code, finding]),
        sheet(include_str!("../../../fields/ai-sast.toml"), &[code, finding]),
        sheet(include_str!("../../../fields/sca.toml"), &[finding]),
        sheet(include_str!("../../../fields/secrets.toml"), &[]),
        sheet(include_str!("../../../fields/packages.toml"), &[]),
        sheet(include_str!("../../../fields/scan.toml"), &[]),
        sheet(include_str!("../../../fields/project.toml"), &[]),
    ]
}

/// A sheet; its own rows go before those that it has in common with others.
fn sheet(text: &str, common: &[&str]) -> Sheet {
    let mut sheet: Sheet = toml::from_str(text).unwrap();
    for text in common {
        let Common { fields } = toml::from_str(text).unwrap();
        for (field, row) in fields {
            sheet.fields.entry(field).or_insert(row);
        }
    }
    for (field, row) in &sheet.fields {
        assert!(row.lands.is_empty() == row.left.is_some(), "`{field}` either lands or is left");
    }
    sheet
}

const HEAD: &str = "\
# Fields

Where each field of Semgrep's Web API lands in the unified form, or why it does not.

This page is made from the files in [`fields`](fields) by a test of the connector, which also proves it: it takes a
record in which every field is filled, changes one field, and looks at what changes in the unified form. The types are
those of Semgrep's API reference. Paths begin with the type of [the contract](../wit/model.wit) that they are in:
`finding`, `rule`, `package`, `scan` or `project`; `[]` stands for each element of a list.
";

/// The document.
pub fn document(sheets: &[Sheet]) -> String {
    let mut text = HEAD.to_owned();
    for sheet in sheets {
        let left = sheet.fields.values().filter(|row| row.left.is_some()).count();
        let count = sheet.fields.len();
        let schemas: Vec<String> = sheet.schemas.iter().map(|name| format!("`{name}`")).collect();
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\n## {}\n\n`{}`, {}: {count} fields, of which {} land.\n\n| field | type | lands in | remark |\n\
             |---|---|---|---|\n",
            sheet.title,
            sheet.request,
            schemas.join(" and "),
            if left == 0 { "all".to_owned() } else { (count - left).to_string() },
        );
        for (field, row) in &sheet.fields {
            let lands: Vec<String> = row.lands.iter().map(|path| format!("`{path}`")).collect();
            let lands = if lands.is_empty() { "–".to_owned() } else { lands.join(", ") };
            let cells = [format!("`{field}`"), row.r#type.clone(), lands, row.remark()];
            let _ = writeln!(text, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | ").trim_end());
        }
    }
    text
}
