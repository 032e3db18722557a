//! Reports of the command line: errors, completeness, and the order of results.

use appsec_model::{Completeness, RawInput};

use super::read;
use crate::normalize;

fn completeness(content: &str) -> String {
    let (summary, _) = read(content).unwrap();
    let notes = summary.diagnostics.iter().map(|note| format!("\n    {}: {}", note.code, note.message));
    let said = match summary.completeness {
        Completeness::Complete => "complete".to_owned(),
        Completeness::Unknown { reason } | Completeness::Incomplete { reason } => reason,
    };
    format!("{}: {said}{}", summary.tool.unwrap_or("-".to_owned()), notes.collect::<String>())
}

#[test]
fn only_a_report_that_proves_it_is_of_a_complete_scan() {
    let cli = |errors: &str, rest: &str| completeness(&format!(r#"{{"results":[],"errors":[{errors}]{rest}}}"#));
    let whole = r#","version":"1.182.0","paths":{"scanned":["a","b"]}"#;
    let warning =
        r#"{"code":3,"level":"warn","type":"Syntax error","path":"a.py","message":"Syntax\n error at line 1"}"#;
    let run = |run: &str| {
        let tool = r#""tool":{"driver":{"name":"Semgrep PRO","semanticVersion":"1.2"}}"#;
        completeness(&format!(r#"{{"runs":[{{"results":[],{run}{tool}}}]}}"#))
    };
    let lines = [
        cli("", whole),
        cli(warning, whole),
        cli(r#"{"level":"warn","type":["PartialParsing",[{"path":"a"}]],"message":"part"}"#, whole),
        cli(r#"{"level":"error","type":"Rule parse error","message":"bad"}"#, whole),
        cli(r#"{"level":"warn","type":"Timeout","message":"slow","path":"b.py"}"#, whole),
        cli("7", whole),
        cli("", r#","paths":{"scanned":["a"]}"#),
        cli("", r#","version":"1","paths":{"scanned":[]}"#),
        cli("", r#","version":"1""#),
        completeness(r#"{"results":[],"version":"1","paths":{"scanned":["a"]}}"#),
        run(r#""invocations":[{"executionSuccessful":true,"toolExecutionNotifications":[]}],"#),
        run(r#""invocations":[{"executionSuccessful":false}],"#),
        run(r#""invocations":[{}],"#),
        run(""),
        run(r#""baselineGuid":"0a1b","invocations":[{"executionSuccessful":true}],"#),
        completeness(
            r#"{"runs":[{"tool":{"driver":{"name":"Semgrep"}},"invocations":[{"executionSuccessful":true}],"results":[{"ruleId":"a","message":{"text":"m"},"baselineState":"new"}]}]}"#,
        ),
        cli("", r#","version":"1","skipped_rules":[{"rule_id":"a"}],"paths":{"scanned":["a"]}"#),
        cli(
            "",
            r#","version":"1","paths":{"scanned":["a"],"skipped":[{"path":"b","reason":"cli_include_flags_do_not_match"}]}"#,
        ),
        run(
            r#""invocations":[{"executionSuccessful":true,"toolExecutionNotifications":[{"level":"warning","descriptor":{"id":"Syntax error"},"message":{"text":"x"}},{"level":"error","descriptor":{"id":"Rule parse error"},"message":{"text":"y"}}]}],"#,
        ),
    ];
    insta::assert_snapshot!(lines.join("\n"));
    let many = cli(&vec![warning; 30].join(","), whole);
    assert_eq!(many.lines().count(), 1 + 20 + 1);
    assert!(many.ends_with("the report names 10 errors more"), "{many}");
}

fn result(path: &str, line: u32, rule: &str) -> String {
    format!(
        r#"{{"check_id":"{rule}","path":"{path}","start":{{"line":{line},"col":1}},"end":{{"line":{line},"col":9}},"extra":{{"message":"m","severity":"ERROR","metadata":{{}}}}}}"#
    )
}

#[test]
fn the_order_of_results_in_the_file_does_not_matter() {
    let mut results = Vec::new();
    for path in ["a.py", "b.py"] {
        for line in [3, 40, 7, 100] {
            results.extend([result(path, line, "r.one"), result(path, line, "r.two")]);
        }
    }
    let records = |results: &[String]| {
        let content = format!(r#"{{"version":"1","results":[{}],"errors":[]}}"#, results.join(","));
        let (_, mut records) = read(content).unwrap();
        records.sort_by(|one, other| (&one.id, &one.body).cmp(&(&other.id, &other.body)));
        records
    };
    let expected = records(&results);
    for _ in 0..results.len() {
        results.rotate_left(5);
        results.swap(0, 3);
        assert_eq!(records(&results), expected);
    }
    results.reverse();
    assert_eq!(records(&results), expected);
}

#[test]
fn rules_reach_their_results_wherever_they_stand() {
    let rules = r#""tool":{"driver":{"name":"semgrep","rules":[{"id":"a","help":{"text":"h"},"properties":{"p":1}},{"id":"b"}]},"extensions":[{"name":"x","rules":[{"id":"c"}]}]}"#;
    let results = r#""results":[{"ruleId":"c"},{"ruleId":"a"},{"ruleIndex":1},{"ruleId":"z"}]"#;
    let file = |first: &str, second: &str| format!(r#"{{"runs":[{{{first},{second}}},{{{second},{first}}}]}}"#);
    for content in [file(rules, results), file(results, rules)] {
        let (summary, records) = read(content).unwrap();
        assert_eq!((summary.records, summary.tool.as_deref()), (8, Some("semgrep")));
        let rule = |body: &str| {
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            body.get("rule").map_or("-".to_owned(), ToString::to_string)
        };
        let found: Vec<_> = records.iter().map(|record| rule(&record.body)).collect();
        let expected = [r#"{"id":"c"}"#, r#"{"id":"a","properties":{"p":1}}"#, r#"{"id":"b"}"#, "-"];
        assert_eq!(found, [expected, expected].concat());
    }
}

#[test]
fn results_that_name_their_rule_by_position_have_ids_of_their_own() {
    let place = r#""locations":[{"physicalLocation":{"artifactLocation":{"uri":"a.py"}}}]"#;
    let by_index = format!(r#"{{"ruleIndex":0,{place}}}"#);
    let of_packages = format!(r#"{{"ruleIndex":0,"properties":{{"exposure":"reachable"}},{place}}}"#);
    let by_id = format!(r#"{{"ruleId":"a",{place}}}"#);
    let unknown = format!(r#"{{"ruleIndex":7,{place}}}"#);
    let results = [by_index.as_str(), &by_id, &of_packages, &unknown, &by_index].join(",");
    let tool = r#""tool":{"driver":{"name":"Semgrep OSS","rules":[{"id":"a"}]}}"#;
    for run in [format!(r#""results":[{results}],{tool}"#), format!(r#"{tool},"results":[{results}]"#)] {
        let (summary, records) = read(format!(r#"{{"runs":[{{{run}}}]}}"#)).unwrap();
        let ids: Vec<_> = records.iter().map(|it| it.id.as_deref().and_then(|id| id.split_once('-'))).collect();
        let numbers: Vec<_> = ids.iter().map(|id| id.map(|(_, number)| number)).collect();
        assert_eq!(numbers, [Some("1"), Some("0"), Some("2"), None, Some("3")]);
        assert!(ids.iter().flatten().all(|(group, _)| Some(*group) == ids[0].map(|(group, _)| group)));
        let kinds: Vec<_> = summary.kinds.iter().map(|it| format!("{} {}", it.records, it.kind)).collect();
        assert_eq!(kinds, ["4 sast", "1 sca"]);
        let findings = normalize(&RawInput::Records(records.clone())).unwrap().findings;
        assert_eq!(findings.len(), 4);
        for finding in findings {
            let record = &records[finding.index as usize];
            assert_eq!((Some(finding.id), finding.kind), (record.id.clone(), record.kind.clone()));
        }
    }
}

#[test]
fn the_forks_sarif_is_read_as_that_of_the_tool() {
    let sarif = |name: &str| {
        let result = r#"{"ruleId":"a.b","message":{"text":"no"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"a.py"},"region":{"startLine":1}}}],"fingerprints":{"matchBasedId/v1":"0123456789abcdef0123456789abcdef_0"}}"#;
        format!(
            r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"{name}","semanticVersion":"1.99.0","rules":[]}}}},"results":[{result}]}}]}}"#
        )
    };
    let [(tool, tools), (fork, forks)] = ["Semgrep OSS", "Opengrep OSS"].map(|name| read(sarif(name)).unwrap());
    assert_eq!((tool.format.as_str(), fork.format.as_str()), ("semgrep-sarif", "semgrep-sarif"));
    assert_eq!(fork.tool.as_deref(), Some("Opengrep OSS 1.99.0"));
    assert_eq!(forks.len(), tools.len());
    assert_eq!(forks[0].id, tools[0].id);
}

#[test]
fn scanned_files_have_the_paths_of_findings() {
    let scanned = |content: &str| read(content).unwrap().0.scanned.map(|list| list.join(" "));
    let cli = |paths: &str| scanned(&format!(r#"{{"version":"1","results":[],"errors":[],"paths":{{{paths}}}}}"#));
    assert_eq!(cli(r#""scanned":["./a.py","b\\c.py"]"#).as_deref(), Some("a.py b/c.py"));
    assert_eq!(cli(r#""scanned":["/src/a.py","/src/b/c.py"]"#).as_deref(), Some("a.py b/c.py"));
    assert_eq!(cli("").as_deref(), Some(""));
    assert_eq!(scanned(r#"{"runs":[{"tool":{"driver":{"name":"Semgrep"}},"results":[]}]}"#), None);
}
