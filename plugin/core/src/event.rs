//! `interpret-event`: what a request of the platform's webhooks is about.

use std::collections::BTreeSet;

use appsec_model::{Error, Event, EventType, Kind, ProjectRef};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::file::webhook::{label, scan_label};

/// An object of a request: a new finding, or a scan.
#[derive(Deserialize)]
struct Sent<'a> {
    #[serde(borrow, default)]
    semgrep_finding: Option<&'a RawValue>,
    #[serde(borrow, default)]
    semgrep_scan: Option<&'a RawValue>,
}

/// Says what a request is about. The platform sends findings in lists and scans
/// alone; either is taken in both ways.
pub fn interpret_event(body: &[u8]) -> Result<Event, Error> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    let read = match first {
        Some(b'[') => serde_json::from_slice::<Vec<Sent<'_>>>(body),
        _ => serde_json::from_slice::<Sent<'_>>(body).map(|sent| vec![sent]),
    };
    let sent = read.map_err(|error| Error::Protocol {
        endpoint: "webhook".to_owned(),
        // Without the error's own words, which may repeat what was sent.
        what: format!("not JSON of the expected form at line {} column {}", error.line(), error.column()),
    })?;
    let (mut findings, mut scans) = (false, false);
    let mut labels = Vec::new();
    for it in sent {
        findings |= it.semgrep_finding.is_some();
        scans |= it.semgrep_scan.is_some();
        labels.extend(it.semgrep_finding.map(|finding| label(finding.get())));
        labels.extend(it.semgrep_scan.map(|scan| scan_label(scan.get())));
    }
    let what = match (findings, scans) {
        (true, false) => EventType::FindingsChanged,
        (_, true) => EventType::ScanFinished,
        (false, false) => EventType::Ignored { reason: "neither of findings nor of scans".to_owned() },
    };
    // Where one of them names no project, any may be meant.
    let named: Option<BTreeSet<ProjectRef>> = labels.iter().map(|label| label.project.clone()).collect();
    let id = match labels.as_slice() {
        [label] => label.id.clone(),
        _ => None,
    };
    // Only findings in code are sent; a scan may have been of any kind.
    let kinds = if what == EventType::FindingsChanged { vec![Kind::Sast] } else { Vec::new() };
    Ok(Event { what, id, projects: named.unwrap_or_default().into_iter().collect(), kinds })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::interpret_event;

    fn shown(body: &str) -> String {
        match interpret_event(body.as_bytes()) {
            Ok(event) => serde_json::to_string(&event).unwrap(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn findings_name_their_projects_once() {
        let body = r#"[{"semgrep_finding":{"numeric_id":7,"repo_name":"b/c"}},{"semgrep_finding":{"repo_name":"a/b"}},
            {"semgrep_finding":{"repo_name":"b/c"}}]"#;
        insta::assert_snapshot!(shown(body), @r#"{"event":"findings-changed","id":null,"projects":[{"name":"a/b"},{"name":"b/c"}],"kinds":["sast"]}"#);
        insta::assert_snapshot!(shown(r#"{"semgrep_finding":{"numeric_id":7,"repo_name":"a/b"}}"#), @r#"{"event":"findings-changed","id":"7","projects":[{"name":"a/b"}],"kinds":["sast"]}"#);
    }

    #[test]
    fn a_scan_is_of_its_repository_and_of_any_kind() {
        let body = r#" {"semgrep_scan":{"id":"xnk","repository":"a/b","on":"pull_request","completed_at":null}}"#;
        insta::assert_snapshot!(shown(body), @r#"{"event":"scan-finished","id":"xnk","projects":[{"name":"a/b"}],"kinds":[]}"#);
        let both = r#"[{"semgrep_scan":{"repository":"a/b"}},{"semgrep_finding":{"repo_name":"b/c"}}]"#;
        insta::assert_snapshot!(shown(both), @r#"{"event":"scan-finished","id":null,"projects":[{"name":"a/b"},{"name":"b/c"}],"kinds":[]}"#);
    }

    #[test]
    fn where_one_names_no_project_any_may_be_meant() {
        let body = r#"[{"semgrep_finding":{"repo_name":"a/b"}},{"semgrep_finding":{"repo_name":null}}]"#;
        insta::assert_snapshot!(shown(body), @r#"{"event":"findings-changed","id":null,"projects":[],"kinds":["sast"]}"#);
    }

    #[test]
    fn what_is_no_event_is_told() {
        insta::assert_snapshot!(shown(r#"{"hello":"world"}"#), @r#"{"event":"ignored","reason":"neither of findings nor of scans","id":null,"projects":[],"kinds":[]}"#);
        insta::assert_snapshot!(shown("[]"), @r#"{"event":"ignored","reason":"neither of findings nor of scans","id":null,"projects":[],"kinds":[]}"#);
        insta::assert_snapshot!(shown(""), @"unexpected answer of webhook: not JSON of the expected form at line 1 column 0");
        insta::assert_snapshot!(shown("[{\"semgrep_scan\":\n"), @"unexpected answer of webhook: not JSON of the expected form at line 2 column 0");
        insta::assert_snapshot!(shown("[1]"), @"unexpected answer of webhook: not JSON of the expected form at line 1 column 2");
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_event_or_an_error(body: Vec<u8>, text in any::<String>()) {
            let _ = interpret_event(&body);
            let _ = interpret_event(format!(r#"[{{"semgrep_finding":{text:?}}}]"#).as_bytes());
        }
    }
}
