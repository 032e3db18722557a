//! Whole files, in pieces of any size.

mod aliens;
mod results;
mod same;
mod samples;

use appsec_model::{DocumentHead, DocumentSummary, Error, ErrorCode, RawRecord};
use proptest::prelude::*;

use super::DocumentReader;

/// Both passes over a file that comes in these pieces.
pub fn read_pieces(head: &DocumentHead, pieces: &[&[u8]]) -> Result<(DocumentSummary, Vec<RawRecord>), Error> {
    let mut reader = DocumentReader::new(head.clone());
    for piece in pieces {
        reader.survey(piece)?;
    }
    let summary = reader.summarize()?;
    let mut records = Vec::new();
    for piece in pieces {
        records.extend(reader.read(piece)?);
    }
    records.extend(reader.finish()?);
    assert_eq!(records.len() as u64, summary.records);
    Ok((summary, records))
}

pub fn head(name: &str) -> DocumentHead {
    DocumentHead { name: name.to_owned(), ..DocumentHead::default() }
}

pub fn read(content: impl AsRef<[u8]>) -> Result<(DocumentSummary, Vec<RawRecord>), Error> {
    read_pieces(&head("file"), &[content.as_ref()])
}

/// A small file of each format, with two records each.
pub const FILES: [(&str, &str); 10] = [
    (
        "semgrep-api-findings",
        r#"{"findings":[{"id":1,"repository":{"name":"acme/é"}},{"id":2,"found_dependency":{},"x":"\"]"}]}"#,
    ),
    ("semgrep-api-findings", r#"{"sastFindings":[{"id":1}],"scaFindings":{"findings":[{"id":2}]}}"#),
    ("semgrep-api-findings", r#"[{"findings":[{"id":1}]},{"findings":[{"id":2}]}]"#),
    (
        "semgrep-api-secrets",
        r#"{"cursor":"x","findings":[{"id":"1","findingPath":"a.py:1","repository":{"name":"a/b"}},{"id":"2"}]}"#,
    ),
    (
        "semgrep-api-dependencies",
        r#"{"dependencies":[{"repositoryId":"7","package":{"name":"a"}},{"repositoryId":"7"}],"hasMore":true}"#,
    ),
    (
        "semgrep-api-ssc-vulns",
        r#"{"vulns":[{"groupKey":"1::a","repositoryId":"7","repositoryName":"a/b"},{"groupKey":"2"}],"hasMore":false}"#,
    ),
    (
        "semgrep-cli-json",
        r#"{"version":"1.2.3","results":[{"check_id":"a.b","path":"é.py","start":{"line":1,"col":1},"end":{"line":1,"col":2},"extra":{"message":"no"}},{"check_id":"a.b","path":"c.py","start":{"line":1,"col":1},"end":{"line":1,"col":2},"extra":{"message":"no"}}],"errors":[],"paths":{"scanned":["a.py"]}}"#,
    ),
    (
        "semgrep-sarif",
        r#"{"version":"2.1.0","runs":[{"results":[{"ruleId":"a"},{"ruleIndex":1}],"invocations":[{"executionSuccessful":true,"toolExecutionNotifications":[]}],"tool":{"driver":{"name":"Semgrep OSS","semanticVersion":"1.2.3","rules":[{"id":"a","help":{"text":"long"}},{"id":"b","name":"B"}]}}}]}"#,
    ),
    ("semgrep-csv", "Id,Product,Repository Name\n1,Code,\"acme/é\"\n2,Supply Chain,\"a\"\"b\"\n"),
    (
        "semgrep-webhook",
        r#"[{"semgrep_finding":{"id":"c4","numeric_id":7,"repo_name":"a/b","check_id":"a"}},{"semgrep_scan":{"id":"x"}}]"#,
    ),
];

#[test]
fn every_format_is_told_by_its_content() {
    let mut lines = Vec::new();
    for (format, content) in FILES {
        let (summary, records) = read(content).unwrap();
        assert_eq!(summary.format, format);
        let kinds: Vec<_> = summary.kinds.iter().map(|it| format!("{} {}", it.records, it.kind)).collect();
        let records: Vec<_> = records
            .iter()
            .map(|it| {
                let project = it.project.clone().unwrap_or_default();
                let name = |text: Option<String>| text.unwrap_or("-".to_owned());
                format!("{} of {}/{}", name(it.id.clone()), name(project.id), name(project.name))
            })
            .collect();
        lines.push(format!(
            "{format}: {}; {}; {}; names projects: {}",
            summary.origin.unwrap_or("-".to_owned()),
            kinds.join(", "),
            if format.starts_with("semgrep-cli") || format.contains("sarif") {
                String::new()
            } else {
                records.join(", ")
            },
            summary.names_projects
        ));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

fn holds(value: &serde_json::Value, part: &serde_json::Value) -> bool {
    let elements = value.as_array().into_iter().flatten();
    let members = value.as_object().into_iter().flat_map(|it| it.values());
    value == part || elements.chain(members).any(|inner| holds(inner, part))
}

#[test]
fn records_of_the_api_stay_as_they_are_and_others_are_wrapped() {
    for (format, content) in FILES {
        let (summary, records) = read(content).unwrap();
        for record in records {
            let inner: serde_json::Value = serde_json::from_str(&record.body).unwrap();
            let is_wrapped = inner.get("$file").is_some();
            assert_eq!(is_wrapped, summary.origin.is_some(), "{format}");
            // Of secrets it is what is kept of them.
            let file = serde_json::from_str(content).unwrap_or_default();
            assert!(is_wrapped || content.contains(&record.body) || holds(&file, &inner), "{format}");
        }
    }
    let (_, records) = read(FILES[7].1).unwrap();
    assert!(records[0].body.contains(r#""tool":"1.2.3""#) && records[0].body.contains(r#""rule":{"id":"a"},"#));
    assert!(records[1].body.contains(r#""rule":{"id":"b","name":"B"},"#), "{}", records[1].body);
}

#[test]
fn what_the_host_knows_fills_the_gaps() {
    let project = appsec_model::ProjectRef { id: Some("9".into()), name: Some("own".into()) };
    for (format, content) in FILES {
        let head = DocumentHead { project: Some(project.clone()), r#ref: Some("dev".into()), ..head("file") };
        let (_, records) = read_pieces(&head, &[content.as_bytes()]).unwrap();
        for record in records {
            assert!(record.project.is_some(), "{format}");
            assert_eq!(record.body.contains(r#""ref":"dev""#), record.body.starts_with("{\"$file\""), "{format}");
        }
    }
}

#[test]
fn a_cut_file_fails_wherever_it_was_cut() {
    for (format, content) in FILES {
        let content = content.as_bytes();
        for cut in 0..content.len() {
            let content = &content[..cut];
            let mut reader = DocumentReader::new(head("file"));
            let Ok(summary) = reader.survey(content).and_then(|()| reader.summarize()) else { continue };
            // A table may end behind a row, and in a cell of its last column.
            let is_said = summary.diagnostics.iter().any(|note| note.code == "no-line-end");
            let is_told = format == "semgrep-csv" && (content.ends_with(b"\n") || is_said);
            assert!(is_told, "{format} at {cut}: {:?}", String::from_utf8_lossy(content));
        }
    }
}

#[test]
fn a_damaged_file_has_one_error_however_it_is_cut() {
    let check = |content: &[u8], what: &str| {
        let whole = read(content).unwrap_err();
        assert!(whole.to_string().contains(what), "{whole}");
        for length in 1..8 {
            let pieces: Vec<&[u8]> = content.chunks(length).collect();
            assert_eq!(read_pieces(&head("file"), &pieces).unwrap_err(), whole, "pieces of {length}");
        }
    };
    // What comes first is said, of two faults in one piece.
    check(b"{\"findings\":[}, \xff]}", "not JSON from byte 13");
    check(b"{\"a\":\"\xe2\x82\xff\"}", "not UTF-8 from byte 6");
    check(b"{\"findings\":[\xc3\xa4]}", "not JSON from byte 13");
    check(b"{\"findings\":[\xc3\xff]}", "not UTF-8 from byte 13");
    check(b"Id,A\n1\n\xff", "row 1 has 1 values under 2 columns");
    // A word that is none is named by its first byte.
    check(b"{\"a\":[truth]}", "not JSON from byte 6");
    // What a file looks like is told by all of its beginning.
    check(b"{\"a\":1}{\"x\":\"CycloneDX\"}", "a CycloneDX bill of materials");
}

#[test]
fn answers_may_follow_each_other_but_reports_may_not() {
    let (summary, records) = read("{\"findings\":[{\"id\":1}]}\n{\"findings\":[{\"id\":2}]}{\"findings\":[]}").unwrap();
    assert_eq!((summary.records, records.len()), (2, 2));
    for content in [FILES[6].1.repeat(2), FILES[7].1.repeat(2), format!("[{0},{0}]", FILES[6].1)] {
        let error = read(content).unwrap_err().to_string();
        assert!(error.contains("several reports"), "{error}");
    }
    let error = read(format!("{}{}", FILES[0].1, FILES[3].1)).unwrap_err().to_string();
    assert!(error.contains("both an answer of the findings endpoint and"), "{error}");
    assert!(read(format!("{}{}", FILES[3].1, FILES[4].1)).is_err());
}

#[test]
fn an_empty_list_is_a_file_without_records() {
    let check = |content: &str, format: &str| {
        let (summary, records) = read(content).unwrap();
        assert_eq!((summary.format.as_str(), summary.records, records.len()), (format, 0, 0), "{content}");
    };
    check("[]", "semgrep-api-findings");
    check(r#"{"findings":[]}"#, "semgrep-api-findings");
    check(r#"{"findings":[],"cursor":""}"#, "semgrep-api-secrets");
    check(r#"{"dependencies":[]}"#, "semgrep-api-dependencies");
    check(r#"{"results":[],"errors":[]}"#, "semgrep-cli-json");
    check("Id,Name\n", "semgrep-csv");
    check("\u{feff}{\"vulns\":[]}\r\n", "semgrep-api-ssc-vulns");
}

#[test]
fn a_given_format_is_held_against_the_content() {
    for (format, content) in FILES {
        for (given, _) in FILES {
            let head = DocumentHead { format: Some(given.into()), ..head("file") };
            let result = read_pieces(&head, &[content.as_bytes()]);
            if given == format {
                result.unwrap();
            } else {
                let error = result.unwrap_err().to_string();
                assert!(error.contains(given) && error.contains(&format!("(`{format}`)")), "{error}");
            }
        }
    }
    let given = |format: &str, content: &str| {
        let head = DocumentHead { format: Some(format.into()), ..head("file") };
        read_pieces(&head, &[content.as_bytes()])
    };
    assert_eq!(given("semgrep-api-secrets", r#"{"findings":[]}"#).unwrap().0.format, "semgrep-api-secrets");
    let error = given("sarif", r#"{"findings":[]}"#).unwrap_err().to_string();
    assert!(error.contains("its format `sarif`"), "{error}");
}

#[test]
fn a_value_without_end_is_over_the_limit() {
    let text = format!(r#"{{"results":[{{"check_id":"{}"}}]}}"#, "a".repeat(17 << 20));
    for length in [1 << 20, text.len()] {
        let pieces: Vec<_> = text.as_bytes().chunks(length).collect();
        let error = read_pieces(&head("file"), &pieces).unwrap_err();
        let expected = "limit exceeded: `file`: the connector does not take a record of more than 16 MiB";
        assert_eq!(error.to_string(), expected);
    }
    // What is passed over may be of any size.
    let text = format!(r#"{{"time":"{}","results":[]}}"#, "a".repeat(17 << 20));
    assert_eq!(read(text).unwrap().0.records, 0);
}

#[test]
fn the_passes_have_an_order() {
    let content = FILES[0].1.as_bytes();
    let mut reader = DocumentReader::new(head("file"));
    assert!(matches!(reader.read(content), Err(Error { code: ErrorCode::Internal, .. })));
    let mut reader = DocumentReader::new(head("file"));
    reader.survey(content).unwrap();
    reader.summarize().unwrap();
    assert!(matches!(reader.summarize(), Err(Error { code: ErrorCode::Internal, .. })));
    let mut reader = DocumentReader::new(head("file"));
    reader.survey(content).unwrap();
    reader.summarize().unwrap();
    reader.read(br#"{"findings":[]}"#).unwrap();
    assert!(matches!(reader.finish(), Err(Error { code: ErrorCode::Internal, .. })));
}

proptest! {
    #[test]
    fn a_file_gives_the_same_records_however_it_is_cut(file in 0..FILES.len(), cuts in proptest::collection::vec(any::<u16>(), 0..12)) {
        let content = FILES[file].1.as_bytes();
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| usize::from(cut) % content.len()).collect();
        cuts.extend([0, content.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|pair| &content[pair[0]..pair[1]]).collect();
        prop_assert_eq!(read_pieces(&head("file"), &pieces), read(content));
    }

    #[test]
    fn any_file_is_answered(content in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(content);
    }
}
