//! What a check of policies found, in formats that build servers and reviews show.

use appsec_model::Severity;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value, json};

use crate::{Error, text, words};

/// A format for the outcome of a check.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GateFormat {
    /// SARIF of the findings that violate a policy.
    Sarif,
    /// JUnit XML.
    Junit,
    /// Annotations of GitHub Actions.
    Github,
    /// Code Quality of GitLab.
    GitlabCodeQuality,
}

/// What a check found.
#[derive(Clone, Debug)]
pub struct Gate {
    /// Policies that were looked at, by their ids.
    pub policies: Vec<String>,
    /// What violates them, or could not be evaluated.
    pub violations: Vec<Violation>,
}

/// A finding or issue that violates a policy, or over which it could not be
/// evaluated.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The policy's id.
    pub policy: String,
    /// Its line for people.
    pub policy_title: String,
    /// How bad a violation of it is.
    pub policy_severity: Severity,
    /// Id of the finding or issue.
    pub id: String,
    /// A short line for people.
    pub title: String,
    /// How bad, what it is, and what to do, on a line.
    pub line: String,
    /// How bad the finding or issue is.
    pub severity: Severity,
    /// Name of its project.
    pub project: String,
    /// File.
    pub path: Option<String>,
    /// Line in the file.
    pub start_line: Option<u32>,
    /// The vulnerable package.
    pub package: Option<String>,
    /// Whether the policy could not be evaluated.
    pub is_error: bool,
}

impl Violation {
    /// File and line, else the package, else the project.
    fn place(&self) -> String {
        match (&self.path, self.start_line) {
            (Some(path), Some(line)) => format!("{path}:{line}"),
            (Some(path), None) => path.clone(),
            (None, _) => self.package.clone().unwrap_or_else(|| self.project.clone()),
        }
    }
}

impl Gate {
    /// The text of a format that is no SARIF, which is made of findings.
    pub fn to_text(&self, format: GateFormat) -> Result<String, Error> {
        Ok(match format {
            GateFormat::Junit => self.junit()?,
            GateFormat::Github => self.violations.iter().map(annotation).collect(),
            GateFormat::GitlabCodeQuality | GateFormat::Sarif => {
                let list = self.violations.iter().map(code_quality).collect::<Vec<Value>>();
                let mut out = Vec::new();
                text::json_lines(&mut out, &list)?;
                out.push(b'\n');
                String::from_utf8_lossy(&out).into_owned()
            }
        })
    }

    /// A suite for each policy, with a case for each violation, or one that passes.
    fn junit(&self) -> Result<String, Error> {
        let mut report = Report::new("policies");
        for policy in &self.policies {
            let mut suite = TestSuite::new(text::line(policy).into_owned());
            for it in self.violations.iter().filter(|it| it.policy == *policy) {
                let kind = if it.is_error { NonSuccessKind::Error } else { NonSuccessKind::Failure };
                let mut status = TestCaseStatus::non_success(kind);
                status.set_message(text::line(&it.line).into_owned());
                status.set_description(text::line(&format!("{}: {} ({})", it.place(), it.line, it.id)).into_owned());
                let mut case = TestCase::new(text::line(&format!("{} {}", it.title, it.place())).into_owned(), status);
                case.set_classname(text::line(&it.policy).into_owned());
                suite.add_test_case(case);
            }
            if suite.test_cases.is_empty() {
                suite.add_test_case(TestCase::new("no violation", TestCaseStatus::success()));
            }
            report.add_test_suite(suite);
        }
        report.to_string().map_err(|error| Error::Write(std::io::Error::other(error.to_string())))
    }
}

/// A line that GitHub Actions shows at the file. What others say ends neither the
/// line nor a property of it.
fn annotation(it: &Violation) -> String {
    let data = |text: &str| text::line(text).replace('%', "%25");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let level = match it.policy_severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info | Severity::Unknown => "notice",
    };
    let mut place = String::new();
    if let Some(path) = &it.path {
        place += &format!("file={},", property(path));
        place += &it.start_line.map(|line| format!("line={line},")).unwrap_or_default();
    }
    format!("::{level} {place}title={}::{}\n", property(&format!("{}: {}", it.policy, it.policy_title)), data(&it.line))
}

fn code_quality(it: &Violation) -> Value {
    let severity = match it.severity {
        Severity::Critical => "blocker",
        Severity::High => "critical",
        Severity::Medium => "major",
        Severity::Low => "minor",
        Severity::Info | Severity::Unknown => "info",
    };
    json!({
        "type": "issue",
        "check_name": it.policy,
        "description": it.line,
        "severity": severity,
        "categories": ["Security"],
        // The same finding under the same policy, wherever its lines have moved.
        "fingerprint": words::uuid(&["gate", &it.policy, &it.id]),
        "location": {
            "path": it.path.as_deref().unwrap_or(&it.project),
            "lines": { "begin": it.start_line.unwrap_or(1) },
        },
    })
}

#[cfg(test)]
mod tests {
    use appsec_model::Severity;
    use serde_json::Value;

    use super::{Gate, GateFormat, Violation};

    fn violation() -> Violation {
        Violation {
            policy: "critical".to_owned(),
            policy_title: "No critical finding".to_owned(),
            policy_severity: Severity::High,
            id: "0123456789abcdef".to_owned(),
            title: "lodash is vulnerable".to_owned(),
            line: "critical: lodash is vulnerable (CVE-2021-23337); fix: lodash 4.17.21".to_owned(),
            severity: Severity::Critical,
            project: "acme/shop".to_owned(),
            path: Some("web/package-lock.json".to_owned()),
            start_line: Some(7),
            package: Some("lodash 4.17.20".to_owned()),
            is_error: false,
        }
    }

    fn text(format: GateFormat, violations: Vec<Violation>) -> String {
        let policies = vec!["critical".to_owned(), "other".to_owned()];
        Gate { policies, violations }.to_text(format).unwrap()
    }

    #[test]
    fn each_format_has_the_place_and_what_to_do() {
        insta::assert_snapshot!(text(GateFormat::Github, vec![violation()]), @"::error file=web/package-lock.json,line=7,title=critical%3A No critical finding::critical: lodash is vulnerable (CVE-2021-23337); fix: lodash 4.17.21");
        let json: Value = serde_json::from_str(&text(GateFormat::GitlabCodeQuality, vec![violation()])).unwrap();
        assert_eq!((&json[0]["severity"], &json[0]["location"]["lines"]["begin"]), (&"blocker".into(), &7.into()));
        let junit = text(GateFormat::Junit, vec![violation()]);
        assert!(junit.contains("failures=\"1\"") && junit.contains("no violation"), "{junit}");
        assert!(junit.contains("CVE-2021-23337") && junit.contains("fix: lodash 4.17.21"), "{junit}");
    }

    #[test]
    fn what_passes_is_a_document_as_well() {
        assert_eq!(text(GateFormat::Github, Vec::new()), "");
        assert_eq!(text(GateFormat::GitlabCodeQuality, Vec::new()), "[]\n");
        assert!(text(GateFormat::Junit, Vec::new()).contains("tests=\"2\" skipped=\"0\" failures=\"0\" errors=\"0\""));
    }

    #[test]
    fn what_others_say_is_no_command_and_no_markup() {
        for evil in [
            "a\n::error::x",
            "a\r::set-output name=x::y",
            "##[add-mask]x",
            "\"]}<x>&\u{1b}[2J\u{202e}",
            "a,line=1::x%0A",
        ] {
            let mut it = violation();
            it.title = evil.to_owned();
            it.path = Some(evil.to_owned());
            it.policy_title = evil.to_owned();
            it.line = evil.to_owned();
            let lines = text(GateFormat::Github, vec![it.clone()]);
            assert_eq!(lines.lines().count(), 1, "{lines}");
            let properties = lines.strip_prefix("::error ").unwrap().split("::").next().unwrap();
            assert_eq!(properties.split(',').count(), 3, "{lines}");
            assert!(properties.contains(",line=7,") && !lines.contains("##["), "{lines}");
            let json: Value = serde_json::from_str(&text(GateFormat::GitlabCodeQuality, vec![it.clone()])).unwrap();
            assert_eq!(json[0]["location"]["path"], evil);
            let junit = text(GateFormat::Junit, vec![it]);
            assert!(!junit.contains("<x>") && !junit.contains('\u{1b}') && !junit.contains("\n::"), "{junit}");
        }
    }
}
