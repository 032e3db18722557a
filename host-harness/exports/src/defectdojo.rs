//! DefectDojo's generic findings in JSON.

use std::io::{self, Write};

use appsec_analysis::{advisories::CvssVersion, status::ACTIVE};
use appsec_model::{Fix, FlowRole, Kind, Severity, Status};
use serde_json::{Value, json};

use crate::{
    Document, Error, Exported, Options, Outcome,
    json::{Elements, list},
    words,
};

pub(crate) struct DefectDojo<W> {
    out: W,
    elements: Elements,
}

impl<W: Write> DefectDojo<W> {
    pub fn begin(mut out: W, options: &Options) -> io::Result<Self> {
        write!(
            out,
            "{{\"name\":\"{0}\",\"type\":\"{0}\",\"version\":\"{1}\",\"findings\":[",
            words::TOOL,
            options.version
        )?;
        Ok(Self { out, elements: Elements::default() })
    }
}

impl<W: Write> Document for DefectDojo<W> {
    fn finding(&mut self, it: &Exported) -> Result<Outcome, Error> {
        self.elements.push(&mut self.out, element(it))?;
        Ok(Outcome::Written)
    }

    fn end(&mut self) -> Result<(), Error> {
        self.out.write_all(b"\n]}\n")?;
        Ok(self.out.flush()?)
    }
}

fn element(it: &Exported) -> Value {
    let finding = &it.finding;
    let rule = it.rule.as_ref();
    let dependency = finding.dependency.as_ref();
    let (severity, justification) = match finding.severity {
        Severity::Critical => ("Critical", None),
        Severity::High => ("High", None),
        Severity::Medium => ("Medium", None),
        Severity::Low => ("Low", None),
        Severity::Info => ("Info", None),
        Severity::Unknown => ("Info", Some("The source gives no severity that is known.")),
    };
    let status = it.standing();
    let outcome = it.outcome();
    let is_ignored = status == Status::Ignored;
    let is_fixed = status == Status::Fixed || it.status == "vanished";
    let mut description = words::markdown(it.message());
    if let Some(snippet) = &finding.snippet {
        // Four blanks make a line code, in which nothing is markup.
        description += "\n\n";
        description += &snippet.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n");
    }
    let urls = rule.into_iter().flat_map(|rule| rule.url.iter().chain(&rule.references));
    let urls: Vec<String> = urls.filter_map(|url| words::url(url)).map(str::to_owned).collect();
    let urls = urls.into_iter().chain(it.advisories().map(words::advisory_url)).collect::<Vec<_>>();
    let cvss = it.ratings.iter().flat_map(|it| &it.cvss);
    let cvss = cvss.filter(|it| matches!(it.version, CvssVersion::V3_0 | CvssVersion::V3_1)).take(1).next();
    let kev = it.ratings.as_ref().and_then(|it| it.kev.as_ref());
    let fixed = dependency.and_then(|dependency| match appsec_analysis::fix::known(dependency) {
        Fix::Upgrades { upgrades } => upgrades.into_iter().next().map(|it| it.version),
        _ => None,
    });
    let place = finding.location.as_ref().or_else(|| dependency?.lockfile.as_ref()).filter(|at| !at.path.is_empty());
    let source = finding.flow.iter().find(|step| step.role == FlowRole::Source && finding.kind != Kind::Secrets);
    let tags = [Some(finding.kind.to_string()), Some(it.instance.clone()), it.environment.clone()];
    // A tag is a word.
    let word = |tag: String| tag.split_whitespace().collect::<Vec<_>>().join("-").replace([',', '\'', '"'], "");
    let weaknesses = it.cwes().skip(1).map(|number| format!("cwe-{number}"));
    let tags = tags.into_iter().flatten().chain(weaknesses).map(word).filter(|tag| !tag.is_empty());
    let vulnerabilities = list(it.advisories().map(Value::from));
    json!({
        "title": words::cut(&finding.title, 500),
        "severity": severity,
        "severity_justification": justification,
        "description": description,
        "mitigation": words::recommendation(it).map(|text| words::markdown(&text)),
        "references": (!urls.is_empty()).then(|| urls.join("\n")),
        "date": words::day(it.first_seen_at),
        "cwe": it.cwes().next(),
        "vulnerability_ids": vulnerabilities,
        "cvssv3": cvss.map(|it| &it.vector),
        "cvssv3_score": cvss.map(|it| it.score),
        "epss_score": it.epss,
        "known_exploited": dependency.map(|_| it.kev),
        "ransomware_used": kev.map(|it| it.ransomware),
        "kev_date": kev.map(|it| &it.added),
        "active": ACTIVE.contains(&it.status.as_str()),
        "verified": false,
        "false_p": is_ignored && outcome == "falsepositive",
        "risk_accepted": is_ignored && matches!(outcome.as_str(), "acceptablerisk" | "acceptedrisk" | "wontfix"),
        "under_review": matches!(status, Status::Reviewing | Status::ProvisionallyIgnored),
        "is_mitigated": is_fixed,
        "mitigated": it.closed_at.filter(|_| is_fixed).and_then(words::moment),
        "static_finding": true,
        "dynamic_finding": false,
        "file_path": place.map(|at| words::cut(&at.path, 4_000)),
        "line": place.and_then(|at| at.start_line),
        "component_name": dependency.map(|it| words::cut(&it.package.name, 500)),
        "component_version": dependency.and_then(|it| it.package.version.as_deref()).map(|it| words::cut(it, 100)),
        "planned_remediation_version": fixed.map(|it| words::cut(&it, 99)),
        "sast_source_file_path": source.map(|step| words::cut(&step.location.path, 4_000)),
        "sast_source_line": source.and_then(|step| step.location.start_line),
        "unique_id_from_tool": it.id,
        "vuln_id_from_tool": words::cut(words::rule_id(it), 500),
        "nb_occurences": it.occurrences,
        "service": words::cut(it.scope(), 200),
        "tags": list(tags.map(Value::from)),
    })
}
