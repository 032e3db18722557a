use std::path::Path;

use appsec_analysis::{TriageDecision, TriageEntry};
use appsec_model::{Finding, Kind, Severity, Status};
use appsec_reports::read;
use boon::{Compiler, Schemas};
use serde_json::Value;

use crate::{
    Decided, Document, Error, Exported, Exporter, Format, Options, Summary, sample,
    sarif::{Limits, Sarif},
};

/// An export of findings and packages, and what was made of it.
pub fn export(format: Format, options: &Options, findings: Vec<Exported>) -> (String, Summary) {
    let mut out = Vec::new();
    let mut exporter = Exporter::begin(format, options, &mut out).unwrap();
    for finding in findings {
        exporter.finding(finding).unwrap();
    }
    if format.takes_packages() {
        sample::packages().iter().for_each(|it| exporter.package(it).unwrap());
    }
    let summary = exporter.end().unwrap();
    (String::from_utf8(out).unwrap(), summary)
}

fn world() -> Vec<Exported> {
    vec![sample::weakness(), sample::vulnerability(), sample::credential("planted-7hQ2mZ9wX4cV6bY1")]
}

fn document(format: Format, findings: Vec<Exported>) -> Value {
    serde_json::from_str(&export(format, &sample::options(), findings).0).unwrap()
}

/// Texts that want to be more than data, in every place that a source fills.
fn hostile() -> Vec<Exported> {
    let texts: Vec<String> = serde_json::from_str(include_str!("../../../fixtures/hostile.json")).unwrap();
    let mut all = Vec::new();
    for (at, evil) in texts.iter().enumerate() {
        for mut it in [sample::weakness(), sample::vulnerability()] {
            let text = || Some(evil.clone());
            it.id = format!("{:016x}", 100 + all.len());
            it.project = evil.clone();
            it.repository = text().filter(|_| at % 2 == 0);
            it.environment = text();
            it.finding.r#ref = text();
            it.finding.repository_url = text();
            it.finding.title = evil.clone();
            it.finding.message = text();
            it.finding.snippet = text();
            it.finding.code_url = text();
            it.finding.suggested_fix = text();
            it.finding.flow.iter_mut().for_each(|step| step.content = text());
            it.finding.lifecycle.status = Status::Ignored;
            it.finding.lifecycle.triage.reason = text();
            it.finding.lifecycle.triage.comment = text();
            let entry = TriageEntry { reason: text(), comment: text(), ..TriageEntry::new(TriageDecision::WontFix) };
            let decided = Decided { entry, author: evil.clone(), at: sample::MOMENT };
            it.decision = Some(decided).filter(|_| at % 3 == 0);
            it.finding.identity.key = evil.clone();
            it.finding.identity.algorithm = evil.clone();
            it.finding.rule_id = text();
            if let Some(location) = &mut it.finding.location {
                location.path = evil.clone();
            }
            if let Some(dependency) = &mut it.finding.dependency {
                dependency.package.name = evil.clone();
                dependency.package.version = text();
                dependency.package.purl = None;
                dependency.introduced_by = vec![evil.clone()];
                dependency.affected_range = text();
                dependency.advisories.iter_mut().for_each(|it| it.id = evil.clone());
                dependency.reachability.condition = text();
            }
            if let Some(rule) = &mut it.rule {
                rule.id = evil.clone();
                rule.name = text();
                rule.message = text();
                rule.url = text();
                rule.references = vec![evil.clone(), format!("https://{evil}")];
                rule.subcategories = vec![evil.clone(), evil.clone()];
            }
            all.push(it);
        }
    }
    all.sort_by(|one, other| one.key().cmp(&other.key()));
    all
}

/// A schema of others, where the machine has it.
fn schema(name: &str) -> Option<(Schemas, boon::SchemaIndex)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/schemas").join(name);
    if !path.exists() {
        use std::io::Write;
        let said = format!("skipped: no {name} here to hold exports against\n");
        std::io::stderr().write_all(said.as_bytes()).unwrap();
        return None;
    }
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.enable_format_assertions();
    let index = compiler.compile(path.to_str().unwrap(), &mut schemas).unwrap();
    Some((schemas, index))
}

fn holds(name: &str, documents: &[Value]) {
    let Some((schemas, index)) = schema(name) else { return };
    for document in documents {
        let held = schemas.validate(document, index);
        assert!(held.is_ok(), "{}\n{document:#}", held.err().map(|it| format!("{it:#}")).unwrap_or_default());
    }
    // A check that takes everything proves nothing.
    assert!(schemas.validate(&serde_json::json!({ "version": 1 }), index).is_err());
}

#[test]
fn sarif_holds_its_schema() {
    let of = |findings| document(Format::Sarif, findings);
    holds("sarif-schema-2.1.0.json", &[of(Vec::new()), of(vec![sample::weakness()]), of(world()), of(hostile())]);
}

#[test]
fn openvex_holds_its_schema() {
    let of = |findings| document(Format::OpenVex, findings);
    let empty = of(Vec::new());
    assert_eq!(empty["statements"], serde_json::json!([]));
    holds("openvex-0.2.0.json", &[of(vec![sample::vulnerability()]), of(world()), of(hostile())]);
}

#[test]
fn the_same_findings_at_the_same_moment_give_the_same_bytes() {
    for format in Format::ALL {
        let once = || export(format, &sample::options(), [world(), hostile()].concat());
        assert_eq!(once(), once(), "{format}");
    }
}

#[test]
fn a_credential_is_in_no_export() {
    const PLANTED: &str = "planted-7hQ2mZ9wX4cV6bY1";
    for format in Format::ALL {
        let (text, _) = export(format, &sample::options(), world());
        assert!(!text.contains(PLANTED), "{format}: {text}");
    }
    // Also where code shows one, and a rule says so by its name or weakness.
    let mut code = sample::weakness();
    code.finding.rule_id = Some("hardcoded-password".to_owned());
    code.finding.snippet = Some(format!("password = {PLANTED}"));
    code.finding.message = Some(format!("found {PLANTED}"));
    for format in Format::ALL {
        let (text, _) = export(format, &sample::options(), vec![code.clone()]);
        assert!(!text.contains(PLANTED), "{format}: {text}");
    }
}

#[test]
fn no_export_holds_what_a_terminal_or_a_pipeline_acts_on() {
    for format in Format::ALL {
        let (text, _) = export(format, &sample::options(), hostile());
        let acting = text.chars().find(|sign| !matches!(sign, '\n' | '\r') && crate::text::acts(*sign));
        assert_eq!(acting, None, "{format}");
        assert!(!text.contains("##vso["), "{format}");
        assert!(!text.lines().any(|line| line.trim_start().starts_with("::")), "{format}");
    }
}

/// What a round trip keeps of a finding.
fn kept(finding: &Finding) -> impl PartialEq + std::fmt::Debug + use<> {
    let dependency = finding.dependency.as_ref();
    (
        finding.kind.clone(),
        finding.severity,
        finding.rule_id.clone(),
        finding
            .location
            .as_ref()
            .map(|at| (at.path.clone(), at.start_line, at.end_line, at.start_column, at.end_column)),
        finding.flow.iter().map(|step| (step.role, step.location.clone(), step.content.clone())).collect::<Vec<_>>(),
        finding.snippet.clone(),
        finding.suggested_fix.clone(),
        dependency.map(|it| (it.package.clone(), it.advisories.clone())),
        finding.r#ref.clone(),
    )
}

#[test]
fn sarif_comes_back_as_the_same_findings() {
    let mut ignored = sample::weakness();
    ignored.id = "0000000000000009".to_owned();
    ignored.finding.lifecycle.status = Status::Ignored;
    ignored.finding.severity = Severity::Low;
    let findings = [world(), vec![ignored]].concat();
    let (text, summary) = export(Format::Sarif, &sample::options(), findings.clone());
    let report = read(text.as_bytes(), &appsec_reports::Options::default()).unwrap();
    assert_eq!((report.records.len(), summary.findings), (4, 4));
    let mut expected = findings;
    for it in &mut expected {
        crate::redact(&mut it.finding, it.rule.as_ref());
    }
    for (it, back) in expected.iter().zip(&report.normalized.findings) {
        assert_eq!(format!("{:?}", kept(&it.finding)), format!("{:?}", kept(back)));
        assert_eq!(it.finding.lifecycle.status, back.lifecycle.status);
    }
    let identities: std::collections::BTreeSet<_> =
        report.normalized.findings.iter().map(|it| (it.kind.clone(), it.identity.key.clone())).collect();
    assert_eq!(identities.len(), 4);
    assert!(report.normalized.diagnostics.is_empty(), "{:?}", report.normalized.diagnostics);
}

#[test]
fn cyclonedx_comes_back_as_the_same_packages_and_vulnerabilities() {
    let (text, summary) = export(Format::CycloneDx, &sample::options(), world());
    assert_eq!((summary.findings, summary.left_out.values().sum::<u64>()), (1, 2));
    let report = read(text.as_bytes(), &appsec_reports::Options::default()).unwrap();
    let [back] = report.normalized.findings.as_slice() else { panic!("{:?}", report.normalized.findings) };
    let (it, back) = (sample::vulnerability().finding.dependency.unwrap(), back.dependency.clone().unwrap());
    assert_eq!((&it.package, &it.advisories, &it.fix), (&back.package, &back.advisories, &back.fix));
    assert_eq!(
        (&it.introduced_by, &it.transitivity, &it.lockfile),
        (&back.introduced_by, &back.transitivity, &back.lockfile)
    );
    let packages: Vec<_> = report
        .normalized
        .packages
        .iter()
        .map(|it| (&it.package.name, it.licenses.join(" "), &it.transitivity))
        .collect();
    assert_eq!(format!("{packages:?}"), "[(\"build\", \"MIT\", Direct), (\"lodash\", \"MIT\", Transitive)]");
}

/// Counts what is written, for whoever still holds the writer.
#[derive(Clone, Default)]
struct Counted(std::rc::Rc<std::cell::Cell<usize>>);

impl std::io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.set(self.0.get() + bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_finding_is_written_before_the_next_one_comes() {
    for format in Format::ALL {
        // What is said of a vulnerability is put together by repository; a page holds counts
        // alone.
        if matches!(format, Format::CycloneDx | Format::OpenVex | Format::Html) {
            continue;
        }
        let written = Counted::default();
        let mut exporter = Exporter::begin(format, &sample::options(), written.clone()).unwrap();
        let mut grew = 0;
        for at in 0..50 {
            for mut it in world() {
                it.id = format!("{at:016x}");
                let (before, left_out) = (written.0.get(), exporter.left_out());
                exporter.finding(it).unwrap();
                assert!(written.0.get() > before || exporter.left_out() > left_out, "{format}");
                grew += usize::from(written.0.get() > before);
            }
        }
        assert!(grew >= 50, "{format}: {grew}");
    }
}

#[test]
fn runs_are_split_by_repository_branch_and_tool() {
    let mut findings = Vec::new();
    for (scope, branch, instance) in
        [("a", "main", "x"), ("a", "main", "x"), ("a", "main", "y"), ("a", "v1", "x"), ("b", "main", "x")]
    {
        let mut it = sample::weakness();
        it.repository = Some(scope.to_owned());
        it.finding.r#ref = Some(branch.to_owned());
        it.instance = instance.to_owned();
        findings.push(it);
    }
    let document = document(Format::Sarif, findings);
    let runs: Vec<String> = document["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| format!("{} {}", run["automationDetails"]["id"], run["results"].as_array().unwrap().len()))
        .collect();
    assert_eq!(runs.join("\n"), "\"x/a@main/\" 2\n\"y/a@main/\" 1\n\"x/a@v1/\" 1\n\"x/b@main/\" 1");
}

#[test]
fn sarif_of_nothing_has_a_run_and_a_single_run_keeps_its_id() {
    let empty = document(Format::Sarif, Vec::new());
    assert_eq!(empty["runs"][0]["results"], serde_json::json!([]), "{empty:#}");
    assert!(empty["runs"][0].get("automationDetails").is_none());
    let options = Options { single_run: Some("gate".to_owned()), ..sample::options() };
    for (findings, results) in [(Vec::new(), 0), (world(), world().len())] {
        let mut out = Vec::new();
        let mut sarif = Sarif::begin(&mut out, &options).unwrap();
        findings.iter().for_each(|it| _ = sarif.finding(it).unwrap());
        sarif.end().unwrap();
        drop(sarif);
        let document: Value = serde_json::from_slice(&out).unwrap();
        let runs = document["runs"].as_array().unwrap();
        assert_eq!((runs.len(), &runs[0]["automationDetails"]["id"]), (1, &"gate/".into()));
        assert_eq!(runs[0]["results"].as_array().unwrap().len(), results);
    }
}

#[test]
fn a_single_run_over_several_repositories_and_tools_says_of_none_what_is_of_another() {
    let options = Options { single_run: Some("gate".to_owned()), ..sample::options() };
    let run = |other: Exported| {
        let (text, _) = export(Format::Sarif, &options, vec![sample::weakness(), other]);
        serde_json::from_str::<Value>(&text).unwrap()["runs"][0].take()
    };
    let provenance = |run: &Value| run.get("versionControlProvenance").is_some();
    assert!(provenance(&run(sample::weakness())));
    let mut other = sample::weakness();
    other.repository = Some("acme/other".to_owned());
    other.finding.repository_url = Some("https://git.example/acme/other".to_owned());
    other.tool = "another".to_owned();
    other.rule.as_mut().unwrap().name = Some("Another rule".to_owned());
    let run = run(other);
    assert!(!provenance(&run), "{run:#}");
    let rules = &run["tool"]["driver"]["rules"];
    assert_eq!((&rules[0]["id"], &run["results"][1]["ruleIndex"]), (&rules[1]["id"], &1.into()));
    assert_eq!(rules[1]["shortDescription"]["text"], "Another rule");
    assert_eq!(rules[1]["properties"]["tool"], "another");
}

#[test]
fn an_export_for_github_keeps_to_its_limits() {
    let options = Options { for_github: true, ..sample::options() };
    let limits = Limits { results: 3, steps: 2, ..Limits::GITHUB };
    let mut out = Vec::new();
    let mut sarif = Sarif::within(&mut out, &options, Some(limits)).unwrap();
    for _ in 0..4 {
        let mut it = sample::weakness();
        it.rule.as_mut().unwrap().subcategories = (0..40).map(|at| at.to_string()).collect();
        sarif.finding(&it).unwrap();
    }
    sarif.end().unwrap();
    let document: Value = serde_json::from_slice(&out).unwrap();
    let runs = document["runs"].as_array().unwrap();
    let results: Vec<usize> = runs.iter().map(|run| run["results"].as_array().unwrap().len()).collect();
    assert_eq!(results, [3, 1]);
    assert_ne!(runs[0]["automationDetails"], runs[1]["automationDetails"]);
    assert_eq!(runs[0]["tool"]["driver"]["rules"][0]["properties"]["tags"].as_array().unwrap().len(), 20);
    // What GitHub asks of a rule is there also where nothing is known of it.
    let mut bare = sample::weakness();
    bare.rule = None;
    let (text, _) = export(Format::Sarif, &options, vec![bare]);
    let bare: Value = serde_json::from_str(&text).unwrap();
    for member in ["shortDescription", "fullDescription", "help"] {
        assert_eq!(bare["runs"][0]["tool"]["driver"]["rules"][0][member]["text"], "python.sql", "{member}");
    }
    let steps = runs[0]["results"][0]["codeFlows"][0]["threadFlows"][0]["locations"].as_array().unwrap();
    assert_eq!((steps.len(), &steps[1]["location"]["message"]["text"]), (2, &Value::from("sink")));

    let mut placeless = sample::vulnerability();
    placeless.finding.location = None;
    placeless.finding.dependency.as_mut().unwrap().lockfile = None;
    let mut gone = sample::weakness();
    gone.status = "vanished".to_owned();
    let (text, summary) = export(Format::Sarif, &options, vec![placeless, gone]);
    assert_eq!((summary.findings, summary.left_out.len()), (1, 1));
    // GitHub takes no result without a place in a file.
    let document: Value = serde_json::from_str(&text).unwrap();
    let location = &document["runs"][0]["results"][0]["locations"][0];
    let physical = &location["physicalLocation"];
    assert_eq!(physical["artifactLocation"]["uri"], "no%20file%20associated%20with%20this%20alert");
    assert_eq!(physical["region"]["startLine"], 1);
    assert_eq!(location["logicalLocations"][0]["fullyQualifiedName"], "lodash@4.17.20");

    let mut out = Vec::new();
    let mut exporter = Exporter::begin(Format::Sarif, &options, &mut out).unwrap();
    let mut failed = None;
    for at in 0..21 {
        let mut it = sample::weakness();
        it.repository = Some(format!("{at:02}"));
        failed = exporter.finding(it).err();
    }
    assert!(matches!(failed, Some(Error::TooManyRuns)));
}

#[test]
fn each_kind_of_findings_is_written_or_counted() {
    for format in Format::ALL {
        let (_, summary) = export(format, &sample::options(), world());
        assert_eq!(summary.findings + summary.left_out.values().sum::<u64>(), 3, "{format}");
    }
    assert_eq!(sample::weakness().finding.kind, Kind::Sast);
}

/// The report of one kind, read again.
fn back(format: Format, findings: Vec<Exported>) -> (Vec<Finding>, usize) {
    let (text, summary) = export(format, &sample::options(), findings);
    let read = read(text.as_bytes(), &appsec_reports::Options::default()).unwrap();
    assert_eq!(
        summary.findings as usize,
        read.normalized.findings.len(),
        "{format}: {:?}",
        read.normalized.diagnostics
    );
    let errors = read.normalized.diagnostics.iter().filter(|it| it.level == appsec_model::DiagnosticLevel::Error);
    (read.normalized.findings, errors.count())
}

#[test]
fn gitlab_reports_come_back_as_the_same_findings() {
    for (format, mut expected) in [
        (Format::GitLabSast, sample::weakness()),
        (Format::GitLabDependencies, sample::vulnerability()),
        (Format::GitLabSecrets, sample::credential("planted-7hQ2mZ9wX4cV6bY1")),
    ] {
        let (findings, errors) = back(format, world());
        crate::redact(&mut expected.finding, expected.rule.as_ref());
        let (it, [found]) = (&expected.finding, findings.as_slice()) else { panic!("{format}: {findings:?}") };
        assert_eq!(errors, 0);
        assert_eq!((&it.kind, it.severity, &it.rule_id), (&found.kind, found.severity, &found.rule_id), "{format}");
        let place = |it: &Finding| it.location.as_ref().map(|at| (at.path.clone(), at.start_line));
        assert_eq!(place(it), place(found));
        let package = |it: &Finding| {
            it.dependency.clone().map(|it| (it.package, it.advisories, it.transitivity, it.introduced_by, it.fix))
        };
        assert_eq!(format!("{:?}", package(it)), format!("{:?}", package(found)), "{format}");
    }
}

#[test]
fn each_finding_of_a_run_comes_back_under_an_identity_of_its_own() {
    // Alike in all but where they are, and one of them in what it says.
    let mut many = Vec::new();
    for at in 0..12 {
        let mut it = sample::weakness();
        it.id = format!("{at:016x}");
        it.finding.identity.key = format!("0123456789abcdef0123456789abcd{at:02x}");
        it.finding.location.as_mut().unwrap().start_line = Some(7 + at % 3);
        it.finding.location.as_mut().unwrap().end_line = None;
        many.push(it);
    }
    for format in [Format::Sarif, Format::GitLabSast] {
        let (findings, _) = back(format, many.clone());
        let keys: std::collections::BTreeSet<_> = findings.iter().map(|it| it.identity.key.clone()).collect();
        assert_eq!(keys.len(), 12, "{format}");
        // The same again is the same, wherever it stands.
        let mut turned = many.clone();
        turned.reverse();
        let (again, _) = back(format, turned);
        assert_eq!(keys, again.iter().map(|it| it.identity.key.clone()).collect(), "{format}");
    }
}

#[test]
fn a_page_runs_nothing_and_shows_texts_as_texts() {
    let (page, _) = export(Format::Html, &sample::options(), hostile());
    for evil in ["<script", "<img", "javascript:", "http-equiv=\"refresh\"", " onerror=\"", "url("] {
        let found = page.find(evil).map(|at| &page[at.saturating_sub(60)..]);
        assert!(found.is_none() || evil == "javascript:", "{evil}: {found:?}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("default-src 'none'"));
    let (page, _) = export(Format::Html, &sample::options(), world());
    assert!(page.contains("3 findings in 1 repository, of which 3 open."), "{page}");
    let (nothing, _) = export(Format::Html, &sample::options(), Vec::new());
    assert!(nothing.contains("No open findings."), "{nothing}");
}

#[test]
fn markdown_of_others_links_to_nothing_and_calls_nobody() {
    for format in [Format::GitLabSast, Format::DefectDojo] {
        let (text, _) = export(format, &sample::options(), hostile_and_open());
        for active in ["[click](", "![](", " @all", "<script>", "<img"] {
            let at = text.find(active);
            assert_eq!(
                at.map(|at| text[at.saturating_sub(40)..].chars().take(90).collect::<String>()),
                None,
                "{format}"
            );
        }
    }
}

/// Hostile texts in those members alone that are Markdown.
fn hostile_and_open() -> Vec<Exported> {
    let texts =
        ["[click](http://evil.example) ![](http://evil.example/p.png) @all", "<script>alert(1)</script><img src=x>"];
    texts
        .map(|text| {
            let mut it = sample::weakness();
            it.finding.message = Some(text.to_owned());
            it.rule.as_mut().unwrap().name = Some(text.to_owned());
            it.finding.snippet = None;
            it
        })
        .to_vec()
}

/// Findings of several sources about one advisory of one package: what each says,
/// what was decided about it, and whether anybody says that the code is reached.
fn disagreeing() -> impl proptest::strategy::Strategy<Value = Vec<Exported>> {
    use appsec_model::ReachabilityVerdict::{
        AlwaysReachable, ConditionallyReachable, NotAnalyzed, Reachable, Unreachable,
    };
    use proptest::{collection::vec, option, prelude::*, sample::select};

    let verdict = select(vec![AlwaysReachable, Reachable, ConditionallyReachable, NotAnalyzed, Unreachable]);
    let reason = select(vec!["", "false_positive", "acceptable_risk", "no_time", "duplicate"]);
    let decision = option::of(select(TriageDecision::ALL.to_vec()));
    let one = (verdict, select(Status::NAMED.to_vec()), reason, decision, any::<bool>());
    vec(one, 1..5).prop_map(|all| {
        let reached = all.iter().any(|(it, ..)| matches!(it, AlwaysReachable | Reachable | ConditionallyReachable));
        let of = |(at, (verdict, status, reason, decision, vanished)): (
            usize,
            (_, Status, &str, Option<TriageDecision>, bool),
        )| {
            let mut it = sample::vulnerability();
            it.id = format!("{at:016x}");
            it.instance = format!("source-{at}");
            it.finding.dependency.as_mut().unwrap().reachability.verdict = verdict;
            it.status = if vanished { "vanished".to_owned() } else { status.to_string() };
            it.finding.lifecycle.status = status;
            it.finding.lifecycle.triage.reason = Some(reason.to_owned());
            let entry = |decision| TriageEntry { reason: Some("x".to_owned()), ..TriageEntry::new(decision) };
            it.decision = decision.map(|it| Decided { entry: entry(it), author: "ada".to_owned(), at: sample::MOMENT });
            it.issue.as_mut().unwrap().is_reachable = reached;
            it
        };
        all.into_iter().enumerate().map(of).collect()
    })
}

proptest::proptest! {
    #[test]
    fn nothing_is_unaffected_where_any_source_says_reachable(findings in disagreeing(), option in proptest::prelude::any::<bool>()) {
        let reached = findings[0].issue.as_ref().unwrap().is_reachable;
        let options = Options { unreachable_is_unaffected: option, ..sample::options() };
        let document = |format| export(format, &options, findings.clone()).0;
        let vex: Value = serde_json::from_str(&document(Format::OpenVex)).unwrap();
        let bom: Value = serde_json::from_str(&document(Format::CycloneDx)).unwrap();
        let unaffected = |it: &Value| it["status"] == "not_affected";
        proptest::prop_assert!(!reached || !vex["statements"].as_array().unwrap().iter().any(unaffected), "{vex:#}");
        let states = bom["vulnerabilities"].as_array().unwrap().iter().map(|it| it["analysis"]["state"].clone());
        let benign: Vec<Value> = states.filter(|it| it == "not_affected" || it == "false_positive").collect();
        proptest::prop_assert!(!reached || benign.is_empty(), "{benign:?}");
        // An event for each finding, in their order: suppressed is benign by the standard of OCSF.
        for (line, it) in document(Format::Ocsf).lines().zip(&findings) {
            let event: Value = serde_json::from_str(line).unwrap();
            let is_benign = event["status_id"] == 3 && it.outcome() == "falsepositive";
            proptest::prop_assert!(!reached || !is_benign, "{event:#}");
        }
    }
}

#[test]
fn results_are_held_against_a_base() {
    let state = |is_new: Option<bool>, status: Status| {
        let mut it = sample::weakness();
        (it.status, it.finding.lifecycle.status, it.is_new) = (status.to_string(), status, is_new);
        document(Format::Sarif, vec![it])["runs"][0]["results"][0]["baselineState"].clone()
    };
    assert_eq!(state(None, Status::Open), Value::Null);
    assert_eq!(state(Some(true), Status::Open), "new");
    assert_eq!(state(Some(false), Status::Open), "unchanged");
    for is_new in [None, Some(true), Some(false)] {
        assert_eq!(state(is_new, Status::Fixed), "absent");
    }
}

#[test]
fn a_bill_of_materials_says_its_version() {
    for version in [crate::CycloneDxVersion::V1_6, crate::CycloneDxVersion::V1_7] {
        let options = Options { cyclonedx: version, ..sample::options() };
        let document: Value = serde_json::from_str(&export(Format::CycloneDx, &options, world()).0).unwrap();
        assert_eq!(document["specVersion"], version.as_str());
        assert!(document["$schema"].as_str().unwrap().contains(version.as_str()));
    }
}
