//! From a policy file to policies, with all that is wrong with it.

use std::collections::HashSet;

use appsec_model::Severity;
use toml::{Table, Value};

use crate::{
    check,
    fields::KINDS,
    limits, parse,
    policy::Policy,
    problem::{Problem, did_you_mean, near, shown},
    scope::{self, Scope},
    subject::On,
};

/// A key of a policy: its name, its type, whether it is needed, and what it is for.
pub(crate) const KEYS: [(&str, &str, &str, &str); 8] = [
    ("id", "text", "needed", "Its name in results: small letters, digits and `-`, unique in the file"),
    ("title", "text", "needed", "A line for people"),
    ("description", "text", "none", "Why it is there, and what to do"),
    ("on", "`finding` or `issue`", "`finding`", "What it is evaluated over"),
    ("when", "condition", "needed", "When it is violated"),
    ("severity", "`critical`, `high`, `medium`, `low` or `info`", "needed", "How bad a violation is"),
    ("scope", "table", "everywhere", "Where it applies"),
    ("enabled", "`true` or `false`", "`true`", "Whether it is evaluated"),
];

/// What a file holds.
pub(crate) struct Contents {
    /// The policies, in the order of the file.
    pub policies: Vec<Policy>,
    /// What is allowed, and probably not meant.
    pub remarks: Vec<Problem>,
}

/// Reads a file.
pub(crate) fn read(text: &str) -> Result<Contents, Vec<Problem>> {
    let whole = |message: String| vec![Problem { policy: None, key: None, message }];
    if text.len() > limits::FILE_BYTES {
        let message = format!("the file has {} bytes, of which {} are allowed", text.len(), limits::FILE_BYTES);
        return Err(whole(message));
    }
    let table: Table = toml::from_str(text).map_err(|error| {
        let line = error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
        let place = line.map(|line| format!(" at line {line}")).unwrap_or_default();
        whole(format!("the file is not valid TOML{place}: {}", shown(error.message())))
    })?;
    let mut problems = Vec::new();
    for key in table.keys().filter(|key| *key != "policy") {
        let message = "unknown key: policies begin with `[[policy]]`".to_owned();
        problems.push(Problem { policy: None, key: Some(shown(key)), message });
    }
    let tables = match table.get("policy") {
        Some(Value::Array(tables)) if tables.len() <= limits::POLICIES => tables.as_slice(),
        Some(Value::Array(tables)) => {
            let message = format!("the file has {} policies, of which {} are allowed", tables.len(), limits::POLICIES);
            return Err(whole(message));
        }
        Some(_) => {
            problems.extend(whole("a policy begins with `[[policy]]`, in two pairs of brackets".to_owned()));
            &[]
        }
        None => {
            problems.extend(whole("the file has no policy: each begins with `[[policy]]`".to_owned()));
            &[]
        }
    };
    let (mut policies, mut remarks, mut ids) = (Vec::new(), Vec::new(), HashSet::new());
    for (at, value) in tables.iter().enumerate() {
        let mut reader = Reader { policy: format!("#{}", at + 1), problems: &mut problems, remarks: &mut remarks };
        let Value::Table(table) = value else {
            reader.problem(None, "is not a table: a policy begins with `[[policy]]`");
            continue;
        };
        if let Some(policy) = reader.policy(table, &mut ids) {
            policies.push(policy);
        }
    }
    if problems.is_empty() { Ok(Contents { policies, remarks }) } else { Err(problems) }
}

/// Reads one policy.
struct Reader<'a> {
    policy: String,
    problems: &'a mut Vec<Problem>,
    remarks: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn said(&self, key: Option<&str>, message: impl Into<String>) -> Problem {
        Problem { policy: Some(self.policy.clone()), key: key.map(shown), message: message.into() }
    }

    fn problem(&mut self, key: Option<&str>, message: impl Into<String>) {
        let problem = self.said(key, message);
        self.problems.push(problem);
    }

    fn policy(&mut self, table: &Table, ids: &mut HashSet<String>) -> Option<Policy> {
        let before = self.problems.len();
        let id = self.id(table, ids);
        let known = KEYS.map(|(name, ..)| name);
        for key in table.keys().filter(|key| !known.contains(&key.as_str())) {
            // What is at home in the scope is often written beside it.
            let hint = match scope::KEYS.iter().find(|(name, ..)| name == key) {
                Some((name, ..)) => format!("; it belongs into the scope: `scope.{name}`"),
                None => did_you_mean(key, known),
            };
            self.problem(Some(key), format!("unknown key in a policy{hint}"));
        }
        let title = self.title(table);
        let description = self.text(table, "description", false);
        let on = self.word(table, "on", &On::ALL.map(On::as_str), false);
        let severities = Severity::ALL.map(Severity::as_str);
        let (_, severities) = severities.split_last()?;
        let severity = self.word(table, "severity", severities, true);
        let scope = self.scope(table);
        let enabled = match table.get("enabled") {
            None => true,
            Some(Value::Boolean(enabled)) => *enabled,
            Some(other) => {
                self.problem(Some("enabled"), format!("is {}, and has to be `true` or `false`", type_of(other)));
                false
            }
        };
        let condition = self.condition(table);
        if self.problems.len() > before {
            return None;
        }
        let (when, canonical, condition) = condition?;
        Some(Policy::new(
            crate::policy::Definition {
                id: id?,
                title: title?,
                description,
                on: On::ALL.into_iter().find(|it| Some(it.as_str()) == on.as_deref()).unwrap_or_default(),
                when,
                severity: Severity::ALL.into_iter().find(|it| Some(it.as_str()) == severity.as_deref())?,
                scope,
                enabled,
            },
            &canonical,
            condition,
        ))
    }

    fn id(&mut self, table: &Table, ids: &mut HashSet<String>) -> Option<String> {
        let id = self.text(table, "id", true)?;
        let fits = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '-';
        if id.is_empty() || id.len() > limits::ID_CHARS || !id.chars().all(fits) {
            let message = format!("`{}` is no id: 1 to {} small letters, digits and `-`", shown(&id), limits::ID_CHARS);
            self.problem(Some("id"), message);
            return None;
        }
        if !ids.insert(id.clone()) {
            self.problem(Some("id"), format!("`{id}` is the id of another policy in the file too"));
            return None;
        }
        self.policy.clone_from(&id);
        Some(id)
    }

    fn title(&mut self, table: &Table) -> Option<String> {
        let title = self.text(table, "title", true)?;
        let length = title.chars().count();
        if title.trim().is_empty() || length > limits::TITLE_CHARS || title.chars().any(char::is_control) {
            self.problem(Some("title"), format!("is no line of 1 to {} characters", limits::TITLE_CHARS));
            return None;
        }
        Some(title)
    }

    fn text(&mut self, table: &Table, key: &str, needed: bool) -> Option<String> {
        match table.get(key) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => {
                self.problem(Some(key), format!("is {}, and has to be a text", type_of(other)));
                None
            }
            None if needed => {
                self.problem(Some(key), "is missing");
                None
            }
            None => None,
        }
    }

    fn word(&mut self, table: &Table, key: &str, words: &[&str], needed: bool) -> Option<String> {
        let word = self.text(table, key, needed)?;
        if words.contains(&word.as_str()) {
            return Some(word);
        }
        let hint = did_you_mean(&word, words.iter().copied());
        self.problem(Some(key), format!("`{}` is none of {}{hint}", shown(&word), words.join(", ")));
        None
    }

    fn scope(&mut self, table: &Table) -> Scope {
        let mut scope = Scope::default();
        let table = match table.get("scope") {
            None => return scope,
            Some(Value::Table(table)) => table,
            Some(other) => {
                self.problem(Some("scope"), format!("is {}, and has to be a table", type_of(other)));
                return scope;
            }
        };
        for (key, value) in table {
            let path = format!("scope.{key}");
            match scope::KEYS.iter().find(|(name, ..)| name == key) {
                Some((_, _, list)) => *list(&mut scope) = self.patterns(&path, value),
                None => {
                    let hint = did_you_mean(key, scope::KEYS.map(|(name, ..)| name));
                    self.problem(Some(&path), format!("unknown key in a scope{hint}"));
                }
            }
        }
        scope
    }

    fn patterns(&mut self, path: &str, value: &Value) -> Vec<String> {
        let Value::Array(values) = value else {
            self.problem(Some(path), format!("is {}, and has to be a list of texts", type_of(value)));
            return Vec::new();
        };
        if values.is_empty() {
            self.problem(Some(path), "is empty: without the key there is no restriction");
        }
        if values.len() > limits::PATTERNS {
            let message = format!("has {} elements, of which {} are allowed", values.len(), limits::PATTERNS);
            self.problem(Some(path), message);
            return Vec::new();
        }
        let mut patterns = Vec::new();
        for value in values {
            let Value::String(text) = value else {
                self.problem(Some(path), format!("holds {}, and has to be a list of texts", type_of(value)));
                continue;
            };
            if path == "scope.kinds" {
                self.kind(path, text);
            } else if let Err(message) = scope::pattern(text) {
                self.problem(Some(path), format!("`{}`: {message}", shown(text)));
            }
            patterns.push(text.clone());
        }
        patterns
    }

    fn kind(&mut self, path: &str, word: &str) {
        let known = (KINDS.known)();
        if !word.is_empty()
            && word.chars().all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '-')
        {
            if !known.contains(&word) && near(word, known.iter().copied()).is_some() {
                let hint = did_you_mean(word, known.iter().copied());
                let remark = self.said(Some(path), format!("`{word}` is no known word for a kind{hint}"));
                self.remarks.push(remark);
            }
            return;
        }
        self.problem(Some(path), format!("`{}` is no kind: kinds are words such as {}", shown(word), known.join(", ")));
    }

    /// The condition as written, in its one form, and checked.
    fn condition(&mut self, table: &Table) -> Option<(String, String, crate::node::Node)> {
        let when = self.text(table, "when", true)?;
        let parsed = parse::parse(&when);
        let checked = parsed.and_then(|parsed| {
            let checked = check::check(&parsed)?;
            let mut canonical = String::new();
            parse::canonical(&parsed.root, &mut canonical);
            Ok((canonical, checked))
        });
        match checked {
            Ok((canonical, checked)) => {
                for remark in checked.remarks {
                    let remark = self.said(Some("when"), remark);
                    self.remarks.push(remark);
                }
                Some((when, canonical, checked.root))
            }
            Err(messages) => {
                for message in messages {
                    self.problem(Some("when"), message);
                }
                None
            }
        }
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::Boolean(_) => "`true` or `false`",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}
