//! `interpret-event`: what a request of the platform's webhooks is about.

use std::collections::BTreeSet;

use appsec_model::{Error, Event, EventType, Kind, ProjectRef, text};
use guest_json::{Raw, object};

use crate::{
    file::webhook::{label, scan_label},
    wire::from_text,
};

object! {
    /// An object of a request: a new finding, or a scan.
    #[derive(Default)]
    struct Sent<'a> {
        semgrep_finding: Option<Raw<'a>>,
        semgrep_scan: Option<Raw<'a>>,
    }
}

/// Says what a request is about. The platform sends findings in lists and scans
/// alone; either is taken in both ways.
pub fn interpret_event(body: &[u8]) -> Result<Event, Error> {
    // Without an error's own words, which may repeat what was sent.
    let unreadable = |what: String| Error::protocol("webhook", what);
    let position = |part: &str, error: guest_json::Error| {
        let (line, column) = (error.line(), error.column());
        unreadable(format!("{part} is not JSON of the expected form at its line {line} column {column}"))
    };
    let text = std::str::from_utf8(body).map_err(|_| unreadable("not UTF-8".to_owned()))?;
    let mended = text::mend(text);
    let text = mended.as_deref().unwrap_or(text);
    let objects: Vec<&str> = match text.trim_start().starts_with('[') {
        true => {
            let list: Vec<Raw<'_>> = from_text(text).map_err(|error| position("the list", error))?;
            list.into_iter().map(Raw::get).collect()
        }
        false => vec![text],
    };
    let (mut findings, mut scans) = (0_u64, 0_u64);
    // Where one of them names no project, any may be meant.
    let (mut names, mut unnamed, mut last) = (BTreeSet::new(), false, None);
    for object in objects {
        let it: Sent<'_> = from_text(object).map_err(|error| position("an event", error))?;
        let labels = [it.semgrep_finding.map(|it| label(it.get())), it.semgrep_scan.map(|it| scan_label(it.get()))];
        findings += u64::from(it.semgrep_finding.is_some());
        scans += u64::from(it.semgrep_scan.is_some());
        for label in labels.into_iter().flatten() {
            match label.project.and_then(|project| project.name) {
                Some(name) => _ = names.insert(name),
                None => unnamed = true,
            }
            last = label.id;
        }
    }
    let what = match (findings, scans) {
        (0, 0) => EventType::Ignored { reason: "neither of findings nor of scans".to_owned() },
        (_, 0) => EventType::FindingsChanged,
        _ => EventType::ScanFinished,
    };
    let project = |name| ProjectRef { id: None, name: Some(name) };
    Ok(Event {
        id: last.filter(|_| findings + scans == 1),
        projects: if unnamed { Vec::new() } else { names.into_iter().map(project).collect() },
        // Only findings in code are sent; a scan may have been of any kind.
        kinds: if what == EventType::FindingsChanged { vec![Kind::Sast] } else { Vec::new() },
        what,
    })
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
        insta::assert_snapshot!(shown(""), @"unexpected answer of webhook: an event is not JSON of the expected form at its line 1 column 0");
        insta::assert_snapshot!(shown("[{\"semgrep_scan\":\n"), @"unexpected answer of webhook: the list is not JSON of the expected form at its line 2 column 0");
        insta::assert_snapshot!(shown("[1]"), @"unexpected answer of webhook: an event is not JSON of the expected form at its line 1 column 1");
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_event_or_an_error(body: Vec<u8>, text in any::<String>()) {
            let _ = interpret_event(&body);
            let _ = interpret_event(format!(r#"[{{"semgrep_finding":{text:?}}}]"#).as_bytes());
        }
    }
}
