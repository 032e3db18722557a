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
    const EVIL: [&str; 9] = [
        "\u{1b}[2J\u{9b}31m\u{202e}x\0",
        "\"],\"results\":[{\"x\":\"",
        "=HYPERLINK(\"http://evil.example\")",
        "<script>alert(1)</script><img src=x onerror=alert(1)>",
        "[click](http://evil.example) ![](http://evil.example/p.png) @all `x`",
        "\n::error::x\r\n##vso[task.setvariable]x",
        "../../etc/passwd%00\\..\\x",
        "\u{feff}\u{2028}\u{1f600}{0}{{1}}",
        "javascript:alert(1)",
    ];
    let mut all = Vec::new();
    for (at, evil) in EVIL.into_iter().enumerate() {
        for mut it in [sample::weakness(), sample::vulnerability()] {
            let text = || Some(evil.to_owned());
            it.id = format!("{:016x}", 100 + all.len());
            it.project = evil.to_owned();
            it.repository = text().filter(|_| at % 2 == 0);
            it.environment = text();
            it.finding.r#ref = text();
            it.finding.repository_url = text();
            it.finding.title = evil.to_owned();
            it.finding.message = text();
            it.finding.snippet = text();
            it.finding.code_url = text();
            it.finding.suggested_fix = text();
            it.finding.flow.iter_mut().for_each(|step| step.content = text());
            it.finding.lifecycle.status = Status::Ignored;
            it.finding.lifecycle.triage.reason = text();
            it.finding.lifecycle.triage.comment = text();
            let entry = TriageEntry { reason: text(), comment: text(), ..TriageEntry::new(TriageDecision::WontFix) };
            let decided = Decided { entry, author: evil.to_owned(), at: sample::MOMENT };
            it.decision = Some(decided).filter(|_| at % 3 == 0);
            it.finding.identity.key = evil.to_owned();
            it.finding.identity.algorithm = evil.to_owned();
            it.finding.rule_id = text();
            if let Some(location) = &mut it.finding.location {
                location.path = evil.to_owned();
            }
            if let Some(dependency) = &mut it.finding.dependency {
                dependency.package.name = evil.to_owned();
                dependency.package.version = text();
                dependency.package.purl = None;
                dependency.introduced_by = vec![evil.to_owned()];
                dependency.affected_range = text();
                dependency.advisories.iter_mut().for_each(|it| it.id = evil.to_owned());
                dependency.reachability.condition = text();
            }
            if let Some(rule) = &mut it.rule {
                rule.id = evil.to_owned();
                rule.name = text();
                rule.message = text();
                rule.url = text();
                rule.references = vec![evil.to_owned(), format!("https://{evil}")];
                rule.subcategories = vec![evil.to_owned(), evil.to_owned()];
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
        // Statements of a repository are put together; a page holds counts alone.
        if matches!(format, Format::OpenVex | Format::Html) {
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
    let (_, summary) = export(Format::Sarif, &options, vec![placeless, gone]);
    assert_eq!((summary.findings, summary.left_out.len()), (0, 2));

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
