//! Findings for tests.

use std::sync::Arc;

use appsec_analysis::{Advisory, advisories::CvssRating};
use appsec_model::{
    AdvisoryId, AdvisorySource, Cwe, Dependency, Ecosystem, Finding, Fix, FlowRole, FlowStep, Identity, Kind,
    LeakedSecret, Lifecycle, Location, Owasp, PackageVersion, ProjectRef, Reachability, ReachabilityVerdict, Rule,
    ScanState, Severity, Status, Timestamp, Transitivity, Upgrade, Usage,
};

use crate::{Exported, Issue, ListedPackage, Options};

pub const MOMENT: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

pub fn options() -> Options {
    Options { moment: MOMENT, owner: "acme".to_owned(), version: "0.1.0".to_owned(), ..Options::default() }
}

fn finding(kind: Kind, title: &str) -> Finding {
    Finding {
        index: 0,
        id: "1".to_owned(),
        identity: Identity {
            key: "0123456789abcdef0123456789abcdef_0".to_owned(),
            algorithm: "vendor-match-v1".to_owned(),
            aliases: Vec::new(),
        },
        kind,
        project: ProjectRef { id: None, name: Some("acme/shop".to_owned()) },
        repository_url: Some("https://git.example/acme/shop".to_owned()),
        r#ref: Some("main".to_owned()),
        title: title.to_owned(),
        message: None,
        rule_id: None,
        severity: Severity::High,
        vendor_severity: None,
        confidence: None,
        categories: Vec::new(),
        security: Some(true),
        location: None,
        code_url: None,
        snippet: None,
        flow: Vec::new(),
        suggested_fix: None,
        dependency: None,
        secret: None,
        lifecycle: Lifecycle { scan_state: Some(ScanState::Unresolved), status: Status::Open, ..Lifecycle::default() },
        assistance: None,
        policy: None,
        tickets: Vec::new(),
        review_comments: Vec::new(),
        fix_requests: Vec::new(),
        fix_failures: Vec::new(),
        first_seen_scan: None,
    }
}

fn exported(id: &str, finding: Finding, rule: Rule) -> Exported {
    Exported {
        id: id.to_owned(),
        instance: "code".to_owned(),
        tool: "scanner".to_owned(),
        project: "acme/shop".to_owned(),
        repository: Some("acme/shop".to_owned()),
        environment: None,
        status: finding.lifecycle.status.to_string(),
        priority: 70,
        cvss: None,
        epss: None,
        kev: false,
        first_seen_at: MOMENT,
        ingested_at: MOMENT,
        closed_at: None,
        last_seen_at: MOMENT,
        changed_at: MOMENT,
        occurrences: 1,
        finding: Finding { rule_id: Some(rule.id.clone()), ..finding },
        rule: Some(rule),
        ratings: None,
        commit: None,
        decision: None,
        issue: Some(Issue { id: "00000000000000aa".to_owned(), is_reachable: false }),
        is_new: None,
    }
}

fn at(path: &str, line: u32) -> Location {
    Location { path: path.to_owned(), start_line: Some(line), ..Location::default() }
}

/// A weakness in code, with everything that code can have.
pub fn weakness() -> Exported {
    let rule = Rule {
        id: "python.sql".to_owned(),
        name: Some("SQL injection".to_owned()),
        message: Some("User input reaches a query.".to_owned()),
        category: Some("security".to_owned()),
        cwes: vec![Cwe { number: Some(89), name: None, text: "CWE-89".to_owned() }],
        owasp: vec![Owasp {
            code: Some("A03".to_owned()),
            edition: Some(2021),
            name: None,
            text: "A03:2021 - Injection".to_owned(),
        }],
        url: Some("https://rules.example/python.sql".to_owned()),
        ..Rule::default()
    };
    let step =
        |role, line| FlowStep { role, location: at("app/größe 1.py", line), content: Some("x = y".to_owned()) };
    let finding = Finding {
        message: Some("Input reaches the query in {orders}.".to_owned()),
        location: Some(Location {
            start_column: Some(5),
            end_line: Some(7),
            end_column: Some(20),
            ..at("app/größe 1.py", 7)
        }),
        snippet: Some("query(x)".to_owned()),
        flow: vec![step(FlowRole::Source, 3), step(FlowRole::Step, 5), step(FlowRole::Sink, 7)],
        suggested_fix: Some("query(quoted(x))".to_owned()),
        ..finding(Kind::Sast, "SQL injection")
    };
    exported("0000000000000001", finding, rule)
}

/// A vulnerable package.
pub fn vulnerability() -> Exported {
    let rule = Rule {
        id: "CVE-2021-23337".to_owned(),
        message: Some("Command injection in lodash.".to_owned()),
        category: Some("security".to_owned()),
        cwes: vec![Cwe { number: Some(94), name: None, text: "CWE-94".to_owned() }],
        ..Rule::default()
    };
    let package = PackageVersion {
        name: "lodash".to_owned(),
        version: Some("4.17.20".to_owned()),
        ecosystem: Ecosystem::Npm,
        purl: Some("pkg:npm/lodash@4.17.20".to_owned()),
    };
    let advisory = |source, id: &str| AdvisoryId { source, id: id.to_owned() };
    let dependency = Dependency {
        package,
        transitivity: Transitivity::Transitive,
        lockfile_url: None,
        lockfile: Some(at("web/package-lock.json", 12)),
        introduced_by: vec!["build@1.0.0".to_owned()],
        affected_range: Some("< 4.17.21".to_owned()),
        advisories: vec![
            advisory(AdvisorySource::Cve, "CVE-2021-23337"),
            advisory(AdvisorySource::Ghsa, "GHSA-35jh-r3h4-6jhm"),
        ],
        reachability: Reachability {
            verdict: ReachabilityVerdict::NotAnalyzed,
            condition: None,
            usage: Some(Usage { location: at("web/a.js", 3), url: None }),
        },
        fix: Fix::Upgrades { upgrades: vec![Upgrade { package: "lodash".to_owned(), version: "4.17.21".to_owned() }] },
        epss: None,
        malicious: None,
    };
    let finding = Finding {
        location: Some(at("web/package-lock.json", 12)),
        dependency: Some(dependency),
        ..finding(Kind::Sca, "CVE-2021-23337: lodash 4.17.20")
    };
    let vector = "CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H";
    let cvss = CvssRating::of("CVE-2021-23337".into(), vector, "osv".into()).unwrap();
    let ratings =
        Advisory { ids: vec![Arc::from("CVE-2021-23337")], cvss: vec![cvss], epss: None, kev: None, summary: None };
    let mut it = exported("0000000000000002", finding, rule);
    (it.cvss, it.epss, it.ratings) = (Some(7.2), Some(0.0123), Some(ratings));
    it
}

/// A credential, with texts that nobody should have stored.
pub fn credential(planted: &str) -> Exported {
    let rule = Rule { id: "aws-key".to_owned(), name: Some("AWS key".to_owned()), ..Rule::default() };
    let step = |role| FlowStep { role, location: at("deploy.ini", 2), content: Some(planted.to_owned()) };
    let finding = Finding {
        title: format!("Key {planted}"),
        message: Some(format!("The key {planted} is in the code.")),
        location: Some(at("deploy.ini", 2)),
        snippet: Some(format!("key = {planted}")),
        flow: vec![step(FlowRole::Source), step(FlowRole::Sink)],
        suggested_fix: Some(planted.to_owned()),
        secret: Some(LeakedSecret { service: Some("AWS".to_owned()), ..LeakedSecret::default() }),
        ..finding(Kind::Secrets, "")
    };
    exported("0000000000000003", finding, rule)
}

/// The packages of the project.
pub fn packages() -> Vec<ListedPackage> {
    let package = |name: &str, version: &str, transitivity, introduced_by: &[&str]| ListedPackage {
        project: "acme/shop".to_owned(),
        repository: Some("acme/shop".to_owned()),
        package: PackageVersion {
            name: name.to_owned(),
            version: Some(version.to_owned()),
            ecosystem: Ecosystem::Npm,
            purl: Some(format!("pkg:npm/{name}@{version}")),
        },
        transitivity,
        lockfile: Some(at("web/package-lock.json", 12)),
        licenses: vec!["MIT".to_owned()],
        resolved_url: Some(format!("https://registry.example/{name}.tgz")),
        introduced_by: introduced_by.iter().map(|it| (*it).to_owned()).collect(),
        in_use: true,
    };
    vec![
        package("build", "1.0.0", Transitivity::Direct, &[]),
        package("lodash", "4.17.20", Transitivity::Transitive, &["build@1.0.0"]),
    ]
}
