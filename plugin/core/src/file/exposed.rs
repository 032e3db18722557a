//! Lines that show credentials. Other results about them repeat their code: it is
//! kept of none.

use appsec_model::{Kind, credential};
use serde_json::Value;

use super::{
    order::ordered,
    place,
    sketch::{Sketch, hash},
};

/// Members that are code, or hold it.
const CODE: [&str; 9] =
    ["lines", "metavars", "fix", "fix_regex", "fixed_lines", "fixes", "snippet", "content", "arguments"];

/// The words of a trace that tell what stands in it.
const TRACE: [&str; 2] = ["CliLoc", "CliCall"];

/// Lines of a file: the hash of its path, the first and the last one.
type Lines = (u64, u32, u32);

/// The lines of a report that show credentials.
#[derive(Default)]
pub struct ExposedLines {
    /// Those of results of which only the rule tells, which may stand behind them,
    /// with the run, and the hash of the rule's id.
    by_rule: Vec<(usize, u64, Lines)>,
    /// In order, once all are known.
    exposed: Vec<Lines>,
}

impl ExposedLines {
    /// Adds a result. `run` is that of its rule, which may show credentials although
    /// the result does not tell.
    pub fn add(&mut self, sketch: &Sketch, run: Option<usize>) {
        let lines = match sketch.position.line {
            // It may be any part of the file.
            0 => (sketch.file, 0, u32::MAX),
            line => (sketch.file, line, line.max(sketch.position.end_line)),
        };
        if sketch.shows_credentials {
            self.exposed.push(lines);
        } else if let Some(run) = run.filter(|_| sketch.kind != Kind::Sca) {
            self.by_rule.push((run, sketch.rule, lines));
        }
    }

    /// Makes ready to be asked, once all is added; `rules` are those whose results
    /// show credentials.
    pub fn finish(&mut self, rules: &[(usize, u64)]) {
        for (run, rule, lines) in std::mem::take(&mut self.by_rule) {
            if rules.contains(&(run, rule)) {
                self.exposed.push(lines);
            }
        }
        let all = std::mem::take(&mut self.exposed);
        let of = |at: u32| all.get(at as usize).copied().unwrap_or_default();
        for at in ordered(all.len(), &|one, other| of(one).cmp(&of(other))) {
            let next = of(at);
            match self.exposed.last_mut() {
                Some(kept) if kept.0 == next.0 && next.1 <= kept.2 => kept.2 = kept.2.max(next.2),
                _ => self.exposed.push(next),
            }
        }
    }

    /// A result without its code; none where none of its places is on these lines.
    pub fn without_code(&self, result: &str) -> Option<String> {
        if self.exposed.is_empty() {
            return None;
        }
        let mut value: Value = guest_json::read(result)?;
        self.touches(&value).then(|| {
            strip(&mut value, false);
            guest_json::text(&value)
        })
    }

    /// Whether a place in it is on these lines.
    fn touches(&self, value: &Value) -> bool {
        match value {
            Value::Array(list) => list.iter().any(|it| self.touches(it)),
            Value::Object(map) => {
                let member = |key: &str| map.get(key).unwrap_or(&Value::Null);
                let line = |value: &Value| value.as_u64().and_then(|line| u32::try_from(line).ok());
                let uri = member("artifactLocation").get("uri").and_then(Value::as_str);
                let at = match uri {
                    Some(uri) => {
                        Some((place::uri_path(uri), [&member("region")["startLine"], &member("region")["endLine"]]))
                    }
                    None => member("path").as_str().map(|path| {
                        (place::path(path).into_owned(), [&member("start")["line"], &member("end")["line"]])
                    }),
                };
                at.is_some_and(|(path, [first, last])| self.shows(&path, line(first), line(last)))
                    || map.values().any(|it| self.touches(it))
            }
            _ => false,
        }
    }

    fn shows(&self, path: &str, first: Option<u32>, last: Option<u32>) -> bool {
        let file = hash(path);
        // Of a place without lines nobody knows.
        let (first, last) = first.map_or((0, u32::MAX), |first| (first, last.unwrap_or(first).max(first)));
        let next = self.exposed.get(self.exposed.partition_point(|it| (it.0, it.2) < (file, first)));
        next.is_some_and(|it| it.0 == file && it.1 <= last)
    }
}

/// Takes the code away, and masks messages. Words of a trace stay, since what stands
/// beside them has its meaning by its place.
fn strip(value: &mut Value, in_trace: bool) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|it| strip(it, in_trace)),
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                let key = key.as_str();
                match value {
                    // Removing would bring more code than it saves bytes.
                    value if CODE.contains(&key) || in_trace && key == "message" => *value = Value::Null,
                    Value::String(text) if matches!(key, "message" | "text" | "markdown") => {
                        *text = credential::masked(text);
                    }
                    // A path, or a word.
                    Value::String(_) => {}
                    value => strip(value, in_trace || matches!(key, "dataflow_trace" | "codeFlows")),
                }
            }
        }
        Value::String(text) if in_trace && !TRACE.contains(&text.as_str()) => text.clear(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::cli, super::sarif, ExposedLines};
    use crate::file::sketch::hash;

    const SECRET: &str = "hunter2-hunter2";

    fn exposed(results: &[Value]) -> ExposedLines {
        let mut exposed = ExposedLines::default();
        let mut credentials = cli::Credentials::default();
        for result in results {
            exposed.add(&cli::sketch(&result.to_string(), None, &mut credentials).unwrap(), None);
        }
        exposed.finish(&[]);
        exposed
    }

    fn result(rule: &str, path: &str, lines: (u32, u32)) -> Value {
        json!({
            "check_id": rule, "path": path, "start": { "line": lines.0, "col": 1 }, "end": { "line": lines.1, "col": 9 },
            "extra": {
                "message": "m", "severity": "ERROR", "metadata": {}, "fix": SECRET,
                "lines": format!("password = '{SECRET}'"), "metavars": { "$X": { "abstract_content": SECRET } },
            },
        })
    }

    #[test]
    fn code_of_a_result_on_the_lines_of_a_credential_is_not_kept() {
        let exposed = exposed(&[result("generic.secrets.password", "a.py", (3, 4)), result("eval", "a.py", (1, 3))]);
        let kept = |rule: &str, path, lines| exposed.without_code(&result(rule, path, lines).to_string());
        for lines in [(3, 3), (4, 9), (1, 3), (1, 9)] {
            let kept = kept("eval", "./a.py", lines).unwrap();
            assert!(!kept.contains(SECRET) && kept.contains("\"message\""), "{kept}");
        }
        assert_eq!([kept("eval", "a.py", (5, 9)), kept("eval", "b.py", (3, 4))], [None, None]);
    }

    #[test]
    fn a_message_on_such_a_line_is_masked() {
        let exposed = exposed(&[result("generic.secrets.password", "a.py", (3, 3))]);
        let mut other = result("eval", "a.py", (3, 3));
        other["extra"]["message"] = json!(format!("The call get(auth='{SECRET}') has no timeout"));
        let kept = exposed.without_code(&other.to_string()).unwrap();
        assert!(!kept.contains(SECRET) && kept.contains("has no timeout"), "{kept}");
    }

    #[test]
    fn code_of_a_step_on_such_a_line_is_not_kept() {
        let exposed = exposed(&[result("generic.secrets.password", "a.py", (3, 3))]);
        let mut other = result("eval", "b.py", (7, 7));
        let at =
            |line| json!({ "path": "a.py", "start": { "line": line, "col": 1 }, "end": { "line": line, "col": 9 } });
        other["extra"]["dataflow_trace"] = json!({
            "taint_source": ["CliLoc", [at(3), SECRET]],
            "intermediate_vars": [{ "location": at(5), "content": SECRET }],
            "taint_sink": ["CliLoc", [at(9), SECRET]],
        });
        let kept = exposed.without_code(&other.to_string()).unwrap();
        assert!(!kept.contains(SECRET) && kept.contains("CliLoc") && kept.contains("\"a.py\""), "{kept}");
    }

    #[test]
    fn a_rule_behind_the_results_of_sarif_tells() {
        let result = |rule: &str, line: u32| {
            let at = json!({
                "artifactLocation": { "uri": "a.py" },
                "region": { "startLine": line, "endLine": line, "snippet": { "text": SECRET } },
            });
            let step = json!({ "location": { "message": { "text": SECRET }, "physicalLocation": at } });
            json!({
                "ruleId": rule, "message": { "text": format!("an odd '{SECRET}'"), "arguments": [SECRET] },
                "locations": [{ "physicalLocation": at }],
                "codeFlows": [{ "message": { "text": SECRET }, "threadFlows": [{ "locations": [step] }] }],
                "fixes": [{ "description": { "text": SECRET } }],
            })
            .to_string()
        };
        let mut exposed = ExposedLines::default();
        for (rule, line) in [("plain", 3), ("eval", 3), ("eval", 8)] {
            exposed.add(&sarif::sketch(&result(rule, line), None, None).unwrap(), Some(0));
        }
        exposed.finish(&[(0, hash("plain")), (1, hash("eval"))]);
        let kept = exposed.without_code(&result("eval", 3)).unwrap();
        assert!(!kept.contains(SECRET) && kept.contains("startLine"), "{kept}");
        assert_eq!(exposed.without_code(&result("eval", 8)), None);
    }
}
