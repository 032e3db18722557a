//! GitLab security reports, schema 15: one report for each kind of findings.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use appsec_analysis::{advisories::CvssVersion, status::ACTIVE};
use appsec_model::{
    Conclusion, Ecosystem, Kind, Location, PackageVersion, ReachabilityVerdict, Severity, Transitivity,
};
use serde_json::{Value, json};

use crate::{
    Document, Error, Exported, ListedPackage, Options, Outcome,
    json::{Elements, list},
    text, words,
};

/// The schema that reports are written for.
const VERSION: &str = "15.2.1";

/// What a report is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scan {
    Sast,
    Dependencies,
    Secrets,
}

impl Scan {
    const fn ty(self) -> &'static str {
        match self {
            Self::Sast => "sast",
            Self::Dependencies => "dependency_scanning",
            Self::Secrets => "secret_detection",
        }
    }

    const fn holds(self, kind: &Kind) -> bool {
        match self {
            Self::Sast => !matches!(kind, Kind::Sca | Kind::Secrets),
            Self::Dependencies => matches!(kind, Kind::Sca),
            Self::Secrets => matches!(kind, Kind::Secrets),
        }
    }

    const fn why_not(self) -> &'static str {
        match self {
            Self::Sast => "this report is about code; there are gitlab-dependencies and gitlab-secrets",
            Self::Dependencies => "this report is about packages; there are gitlab-sast and gitlab-secrets",
            Self::Secrets => "this report is about credentials; there are gitlab-sast and gitlab-dependencies",
        }
    }
}

/// A dependency of a file: ecosystem, name, version, and how it came in.
type Entry = (PackageVersion, Transitivity, Vec<String>);

pub(crate) struct GitLab<W> {
    out: W,
    scan: Scan,
    elements: Elements,
    /// Dependencies by the file that names them.
    files: BTreeMap<String, Vec<Entry>>,
}

impl<W: Write> GitLab<W> {
    pub fn begin(mut out: W, scan: Scan, options: &Options) -> io::Result<Self> {
        let ty = scan.ty();
        let format = ty.replace('_', "-");
        let at = words::second(options.moment);
        let tool = json!({
            "id": words::TOOL,
            "name": words::TOOL,
            "version": options.version,
            "vendor": { "name": words::TOOL },
        });
        let scan_of = json!({
            "type": ty, "status": "success", "start_time": at, "end_time": at, "analyzer": tool, "scanner": tool,
        });
        write!(
            out,
            "{{\"version\":\"{VERSION}\",\"schema\":\"https://gitlab.com/gitlab-org/security-products/\
             security-report-schemas/-/raw/v{VERSION}/dist/{format}-report-format.json\",\n\"scan\":"
        )?;
        text::json_line(&mut out, &scan_of)?;
        out.write_all(b",\n\"vulnerabilities\":[")?;
        Ok(Self { out, scan, elements: Elements::default(), files: BTreeMap::new() })
    }
}

impl<W: Write> Document for GitLab<W> {
    fn finding(&mut self, it: &Exported) -> Result<Outcome, Error> {
        if !self.scan.holds(&it.finding.kind) {
            return Ok(Outcome::LeftOut(self.scan.why_not()));
        }
        if !ACTIVE.contains(&it.status.as_str()) {
            return Ok(Outcome::LeftOut("a GitLab report says that everything in it is open"));
        }
        let Some(location) = location(it, self.scan) else {
            return Ok(Outcome::LeftOut("a GitLab report of packages needs a package and its file"));
        };
        self.elements.push(&mut self.out, vulnerability(it, &location))?;
        Ok(Outcome::Written)
    }

    fn package(&mut self, it: &ListedPackage) -> Result<(), Error> {
        if let Some(at) = it.lockfile.as_ref().filter(|at| it.in_use && !at.path.is_empty()) {
            let entry = (it.package.clone(), it.transitivity.clone(), it.introduced_by.clone());
            self.files.entry(at.path.clone()).or_default().push(entry);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        self.out.write_all(b"\n]")?;
        if self.scan == Scan::Dependencies {
            self.out.write_all(b",\n\"dependency_files\":[")?;
            let mut elements = Elements::default();
            for (path, entries) in std::mem::take(&mut self.files) {
                let manager = entries.first().map_or("unknown", |(package, ..)| manager(&package.ecosystem)).to_owned();
                let dependencies: Vec<Value> = entries
                    .iter()
                    .map(|(package, transitivity, way)| dependency(&path, package, transitivity, way))
                    .collect();
                let file = json!({ "path": path, "package_manager": manager, "dependencies": dependencies });
                elements.push(&mut self.out, file)?;
            }
            self.out.write_all(b"\n]")?;
        }
        self.out.write_all(b"}\n")?;
        Ok(self.out.flush()?)
    }
}

/// The package manager of an ecosystem.
fn manager(ecosystem: &Ecosystem) -> &str {
    match ecosystem {
        Ecosystem::Pypi => "pip",
        Ecosystem::Gem => "bundler",
        Ecosystem::Mix => "hex",
        other => other.as_str(),
    }
}

/// The number of a dependency within its file: made of what it is, so that it is
/// known before all dependencies are.
fn number(path: &str, named: &str) -> u64 {
    let [a, b, c, d, e, f, ..] = words::hash(&["dependency", path, named]);
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

fn dependency(path: &str, package: &PackageVersion, transitivity: &Transitivity, way: &[String]) -> Value {
    let direct = match transitivity {
        Transitivity::Direct => Some(true),
        Transitivity::Transitive => Some(false),
        _ => None,
    };
    json!({
        "iid": number(path, &words::named(package)),
        "package": { "name": package.name },
        "version": package.version.as_deref().unwrap_or_default(),
        "direct": direct,
        "dependency_path": list(way.iter().map(|step| json!({ "iid": number(path, step) }))),
    })
}

/// Where a finding is, as its report asks for it.
fn location(it: &Exported, scan: Scan) -> Option<Value> {
    let at = it.finding.location.as_ref().filter(|at| !at.path.is_empty());
    let lines = |at: Option<&Location>| {
        let start = at.and_then(|at| at.start_line);
        (start, start.and_then(|start| at?.end_line.filter(|end| *end >= start)))
    };
    if scan == Scan::Dependencies {
        let dependency_of = it.finding.dependency.as_ref()?;
        let at = dependency_of.lockfile.as_ref().filter(|at| !at.path.is_empty()).or(at)?;
        let package = &dependency_of.package;
        return Some(json!({
            "file": at.path,
            "start_line": at.start_line,
            "dependency": dependency(&at.path, package, &dependency_of.transitivity, &dependency_of.introduced_by),
        }));
    }
    let (start, end) = lines(at);
    let history = it.finding.secret.as_ref().and_then(|it| it.history.as_ref());
    let commit = history.and_then(|it| it.commit.as_deref());
    let date = history.and_then(|it| it.committed_at).and_then(words::moment);
    // The schema asks for a commit of each credential; zeros say that it is not known.
    let commit = (scan == Scan::Secrets).then(|| json!({ "sha": commit.unwrap_or("0000000"), "date": date }));
    Some(json!({ "file": at.map(|at| &at.path), "start_line": start, "end_line": end, "commit": commit }))
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "Critical",
        Severity::High => "High",
        Severity::Medium => "Medium",
        Severity::Low => "Low",
        Severity::Info => "Info",
        Severity::Unknown => "Unknown",
    }
}

fn identifiers(it: &Exported) -> Vec<Value> {
    let one = |ty: &str, name: &str, value: &str, url: Option<&str>| json!({ "type": ty, "name": name, "value": value, "url": url });
    let rule = it.rule.as_ref();
    let mut all: Vec<Value> = it
        .advisories()
        .filter(|id| !id.is_empty())
        .map(|id| {
            let start = id.split('-').next().unwrap_or_default().to_ascii_lowercase();
            one(if start.is_empty() { "advisory" } else { &start }, id, id, Some(&words::advisory_url(id)))
        })
        .collect();
    let url = rule.and_then(|rule| rule.url.as_deref()).and_then(words::url);
    let id = words::rule_id(it);
    if all.is_empty() {
        let ty = format!("{}_id", it.tool);
        all.push(one(&ty, id, id, url));
    }
    all.extend(it.cwes().map(|number| {
        let name = format!("CWE-{number}");
        let url = format!("https://cwe.mitre.org/data/definitions/{number}.html");
        one("cwe", &name, &number.to_string(), Some(&url))
    }));
    let owasp = rule.into_iter().flat_map(|rule| &rule.owasp);
    all.extend(owasp.filter_map(|it| Some((it.code.as_deref()?, it.edition))).map(|(code, edition)| {
        let value = edition.map_or_else(|| code.to_owned(), |edition| format!("{code}:{edition}"));
        one("owasp", &value, &value, None)
    }));
    all
}

fn vulnerability(it: &Exported, location: &Value) -> Value {
    let finding = &it.finding;
    let rule = it.rule.as_ref();
    let name = rule.and_then(|rule| rule.name.as_deref()).unwrap_or(&finding.title);
    let solution = words::recommendation(it).map(|text| format!("{text}."));
    let urls = rule.into_iter().flat_map(|rule| rule.url.iter().chain(&rule.references));
    let links = list(urls.filter_map(|url| words::url(url)).map(|url| json!({ "url": url })));
    let vectors = it.ratings.iter().flat_map(|it| &it.cvss);
    let vectors = vectors.filter(|it| matches!(it.version, CvssVersion::V3_0 | CvssVersion::V3_1));
    let vectors = vectors.filter(|it| it.vector.len() <= 128).take(10);
    let vectors = list(vectors.map(|it| json!({ "vendor": it.source.as_ref(), "vector": it.vector })));
    let detail = |name: &str, value: &str| json!({ "name": name, "type": "text", "value": value });
    let exposure = finding.dependency.as_ref().and_then(|it| match it.reachability.verdict {
        ReachabilityVerdict::AlwaysReachable | ReachabilityVerdict::Reachable => Some("reachable"),
        ReachabilityVerdict::Unreachable => Some("unreachable"),
        _ => None,
    });
    let confidence = words::confidence(finding, rule);
    let verdict = finding.assistance.as_ref().and_then(|it| it.verdict.as_ref());
    let flag = verdict.filter(|it| it.conclusion == Conclusion::FalsePositive).map(|verdict| {
        json!([{
            "type": "flagged-as-likely-false-positive",
            "origin": it.tool,
            "description": verdict.reason.as_deref().unwrap_or("An AI says so."),
        }])
    });
    let signature = json!({ "algorithm": "hash", "value": words::hex(words::hash(&["finding", &it.id])) });
    let tracked = json!({
        "file": location.get("file"),
        "start_line": location.get("start_line"),
        "end_line": location.get("end_line"),
        "signatures": [signature],
    });
    json!({
        "id": words::uuid(&["finding", &it.id]),
        "name": words::cut(&words::markdown(name), 255),
        "description": words::cut(&words::markdown(it.message()), 100_000),
        "severity": severity(finding.severity),
        "solution": solution.map(|text| words::cut(&words::markdown(&text), 7_000)),
        "identifiers": identifiers(it),
        "cvss_vectors": vectors,
        "links": links,
        "details": {
            "confidence": confidence.map(|it| detail("Confidence", it)),
            "exposure": exposure.map(|it| detail("Exposure", it)),
            "priority": detail("Priority", &it.priority.to_string()),
        },
        "flags": flag,
        "tracking": { "type": "source", "items": [tracked] },
        "location": location,
    })
}
