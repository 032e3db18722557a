//! The vendor's OpenAPI document, as a list of fields.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml_ng::Value;

/// The document.
pub struct Reference(Value);

/// A field without parts.
pub struct Leaf {
    /// Its type in one word.
    pub r#type: String,
    /// The values of an enumeration.
    pub values: BTreeSet<String>,
    /// Whether its description begins with that.
    pub deprecated: bool,
}

impl Reference {
    /// Reads the document.
    pub fn parse(text: &str) -> Self {
        Self(serde_yaml_ng::from_str(text).unwrap())
    }

    /// The fields of schemas by their paths, such as `rule.cwe_names[]`.
    pub fn leaves(&self, schemas: &[String]) -> BTreeMap<String, Leaf> {
        let mut leaves = BTreeMap::new();
        for name in schemas {
            let schema = &self.0["components"]["schemas"][name.as_str()];
            assert!(schema.is_mapping(), "the API reference has no schema {name}");
            self.collect(schema, "", &mut leaves);
        }
        leaves
    }

    fn collect(&self, schema: &Value, path: &str, leaves: &mut BTreeMap<String, Leaf>) {
        let reference = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str());
        if let Some(name) = reference.and_then(|reference| reference.rsplit('/').next()) {
            return self.collect(&self.0["components"]["schemas"][name], path, leaves);
        }
        // A list of texts may be typed as a text.
        if schema["items"].is_mapping() {
            return self.collect(&schema["items"], &format!("{path}[]"), leaves);
        }
        if let Some(fields) = schema["properties"].as_mapping() {
            for (key, field) in fields {
                // A key that is not a text is `true`, to which YAML has turned an `on`.
                let key = key.as_str().unwrap_or("true");
                let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
                self.collect(field, &path, leaves);
            }
            return;
        }
        leaves.insert(path.to_owned(), leaf(schema));
    }
}

fn leaf(schema: &Value) -> Leaf {
    let values = schema["enum"].as_sequence();
    let r#type = match schema["format"].as_str() {
        _ if values.is_some() => "enum",
        Some("int64") => "integer",
        Some("date-time") => "date-time",
        _ => schema["type"].as_str().expect("a field without parts has a type"),
    };
    let description = schema["description"].as_str().unwrap_or_default();
    Leaf {
        r#type: r#type.to_owned(),
        values: values.into_iter().flatten().filter_map(|value| Some(value.as_str()?.to_owned())).collect(),
        deprecated: description.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("deprecated")),
    }
}
