//! SARIF 2.1.0 (OASIS, errata 01): a run for each repository, branch and tool.
//!
//! Results are written as they come, and what they have in common, the rules, at
//! the end of their run: the members of an object have no order.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use appsec_model::{FlowStep, Kind, Location, Rule, ScanState, Severity, Status, text::NO_FILE};
use serde_json::{Map, Value, json};

use crate::{
    Document, Error, Exported, Options, Outcome,
    json::{Elements, list, pruned},
    text, words,
};

/// What a service takes.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Runs of a file.
    pub runs: usize,
    /// Results of a run.
    pub results: usize,
    /// Tags of a rule.
    pub tags: usize,
    /// Steps of a data flow.
    pub steps: usize,
}

impl Limits {
    /// Those of GitHub code scanning.
    pub const GITHUB: Self = Self { runs: 20, results: 25_000, tags: 20, steps: 1_000 };
}

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// A run under way.
struct Run {
    /// Scope, branch and instance.
    key: [String; 3],
    /// Which one of several runs of this key, from 0.
    part: usize,
    tool: String,
    /// Of its first result.
    scope: String,
    /// Whether all results are of one repository: else none is the run's.
    is_of_one_repository: bool,
    repository_url: Option<String>,
    results: usize,
    elements: Elements,
    rules: Vec<Value>,
    /// Positions of rules by their tools and ids: two tools may mean two things by one.
    positions: HashMap<String, HashMap<String, usize>>,
    /// The score of each rule so far, and where it comes from.
    scores: Vec<Option<(f64, String)>>,
}

pub(crate) struct Sarif<W> {
    out: W,
    options: Options,
    limits: Option<Limits>,
    runs: Elements,
    count: usize,
    run: Option<Run>,
}

impl<W: Write> Sarif<W> {
    pub fn begin(out: W, options: &Options) -> io::Result<Self> {
        Self::within(out, options, options.for_github.then_some(Limits::GITHUB))
    }

    pub fn within(mut out: W, options: &Options, limits: Option<Limits>) -> io::Result<Self> {
        write!(out, "{{\"$schema\":\"{SCHEMA}\",\"version\":\"2.1.0\",\"runs\":[")?;
        Ok(Self { out, options: options.clone(), limits, runs: Elements::default(), count: 0, run: None })
    }

    /// What the run of a finding is called, and whose it is.
    fn run_of(&self, it: &Exported) -> ([String; 3], String) {
        match self.options.single_run {
            Some(_) => (Default::default(), words::TOOL.to_owned()),
            None => (key(it), it.tool.clone()),
        }
    }

    fn begin_run(&mut self, (key, tool): ([String; 3], String), part: usize) -> Result<Run, Error> {
        self.count += 1;
        if self.limits.is_some_and(|limits| self.count > limits.runs) {
            return Err(Error::TooManyRuns);
        }
        self.runs.separate(&mut self.out)?;
        self.out.write_all(b"{\"results\":[")?;
        Ok(Run {
            key,
            part,
            tool,
            scope: String::new(),
            is_of_one_repository: true,
            repository_url: None,
            results: 0,
            elements: Elements::default(),
            rules: Vec::new(),
            positions: HashMap::new(),
            scores: Vec::new(),
        })
    }

    fn end_run(&mut self, run: Run) -> io::Result<()> {
        let [scope, branch, instance] = &run.key;
        let rules = run.rules.into_iter().zip(run.scores).map(|(mut rule, score)| {
            if let (Some((score, source)), Some(properties)) =
                (score, rule.get_mut("properties").and_then(Value::as_object_mut))
            {
                properties.insert("security-severity".to_owned(), format!("{score:.1}").into());
                properties.insert("security-severity-source".to_owned(), source.into());
            }
            rule
        });
        // One of nothing is of no instance.
        let is_one = !instance.is_empty();
        let mut id = match (&self.options.single_run, branch.as_str()) {
            (Some(id), _) => Some(id.clone()),
            (None, "") => is_one.then(|| format!("{instance}/{scope}")),
            (None, branch) => is_one.then(|| format!("{instance}/{scope}@{branch}")),
        };
        if let Some(id) = id.as_mut().filter(|_| run.part > 0) {
            *id = format!("{id}/{}", run.part + 1);
        }
        let branch = Some(branch).filter(|branch| !branch.is_empty());
        let tool = json!({ "driver": {
            "name": run.tool,
            "rules": rules.collect::<Vec<_>>(),
            "properties": { "exportedBy": format!("{} {}", words::TOOL, self.options.version) },
        }});
        let provenance = run
            .repository_url
            .filter(|_| run.is_of_one_repository)
            .map(|url| json!([{ "repositoryUri": url, "branch": branch, "mappedTo": { "uriBaseId": "SRCROOT" } }]));
        let members = [
            ("tool", tool),
            ("automationDetails", id.map(|id| json!({ "id": format!("{id}/") })).unwrap_or_default()),
            ("versionControlProvenance", provenance.unwrap_or_default()),
            ("columnKind", "unicodeCodePoints".into()),
            ("originalUriBaseIds", json!({ "SRCROOT": { "description": { "text": "The root of the repository." } } })),
            (
                "properties",
                if is_one {
                    json!({ "repository": scope, "branch": branch, "instance": instance })
                } else {
                    Value::Null
                },
            ),
        ];
        self.out.write_all(b"\n]")?;
        for (name, value) in members {
            if !value.is_null() {
                write!(self.out, ",\n\"{name}\":")?;
                text::json_line(&mut self.out, &pruned(value))?;
            }
        }
        self.out.write_all(b"}")
    }
}

impl<W: Write> Document for Sarif<W> {
    fn finding(&mut self, it: &Exported) -> Result<Outcome, Error> {
        if self.limits.is_some() && is_absent(it) {
            return Ok(Outcome::LeftOut("GitHub closes what an upload no longer has"));
        }
        let of = self.run_of(it);
        let run = match self.run.take() {
            Some(run) if run.key == of.0 && self.limits.is_none_or(|limits| run.results < limits.results) => run,
            Some(run) => {
                let part = if run.key == of.0 { run.part + 1 } else { 0 };
                self.end_run(run)?;
                self.begin_run(of, part)?
            }
            None => self.begin_run(of, 0)?,
        };
        let run = self.run.insert(run);
        let id = words::rule_id(it);
        let at = match run.positions.get(&it.tool).and_then(|known| known.get(id)) {
            Some(at) => *at,
            None => {
                run.positions.entry(it.tool.clone()).or_default().insert(id.to_owned(), run.rules.len());
                let mut rule = pruned(rule(it, self.limits));
                let properties = rule.get_mut("properties").and_then(Value::as_object_mut);
                // The standard takes no rule twice.
                if let Some(properties) = properties.filter(|_| self.options.single_run.is_some()) {
                    properties.insert("tool".to_owned(), it.tool.clone().into());
                }
                run.rules.push(rule);
                run.scores.push(None);
                run.rules.len() - 1
            }
        };
        if let Some(known) = run.scores.get_mut(at)
            && let Some(score) = score(it)
            && known.as_ref().is_none_or(|(before, _)| *before < score.0)
        {
            *known = Some(score);
        }
        if run.results == 0 {
            it.scope().clone_into(&mut run.scope);
        }
        let url = it.finding.repository_url.as_deref().and_then(words::url);
        run.is_of_one_repository &= run.scope == it.scope() || url.is_some() && url == run.repository_url.as_deref();
        if run.repository_url.is_none() {
            run.repository_url = url.map(str::to_owned);
        }
        run.results += 1;
        run.elements.push(&mut self.out, result(it, at, self.limits))?;
        Ok(Outcome::Written)
    }

    fn end(&mut self) -> Result<(), Error> {
        let run = match self.run.take() {
            // Services refuse a file without a run.
            None => self.begin_run((Default::default(), words::TOOL.to_owned()), 0)?,
            Some(run) => run,
        };
        self.end_run(run)?;
        self.out.write_all(b"\n]}\n")?;
        Ok(self.out.flush()?)
    }
}

fn key(it: &Exported) -> [String; 3] {
    [it.scope().to_owned(), it.branch().unwrap_or_default().to_owned(), it.instance.clone()]
}

/// Score for all results of a rule: of its CVSS rating, else the middle of the
/// severity's band.
fn score(it: &Exported) -> Option<(f64, String)> {
    if it.finding.security == Some(false) {
        return None;
    }
    match it.ratings.as_ref().and_then(|ratings| ratings.rating()) {
        Some(rating) => Some((rating.score, words::rating_source(rating))),
        None => Some((words::derived_score(it.finding.severity)?, "derived from the severity".to_owned())),
    }
}

fn rule(it: &Exported, limits: Option<Limits>) -> Value {
    let bare = Rule::default();
    let rule = it.rule.as_ref().unwrap_or(&bare);
    let id = words::rule_id(it);
    let mut tags: Vec<String> = Vec::new();
    if it.finding.security != Some(false) {
        tags.push("security".to_owned());
    }
    if it.finding.kind == Kind::Secrets {
        tags.push("secret".to_owned());
    }
    tags.extend(it.cwes().map(|number| format!("external/cwe/cwe-{number:03}")));
    let owasp = |it: &appsec_model::Owasp| match (&it.code, it.edition) {
        (Some(code), Some(edition)) => format!("OWASP-{code}:{edition}"),
        (Some(code), None) => format!("OWASP-{code}"),
        (None, _) => it.text.clone(),
    };
    tags.extend(rule.owasp.iter().map(owasp));
    tags.extend(rule.category.iter().filter(|word| *word != "security").cloned());
    tags.extend(rule.subcategories.iter().cloned());
    let mut seen = std::collections::HashSet::new();
    tags.retain(|tag| seen.insert(tag.clone()));
    tags.truncate(limits.map_or(usize::MAX, |limits| limits.tags));
    // The standard asks for a name only where it says more than the id.
    let name = rule.name.as_deref().filter(|name| *name != id);
    let message = rule.message.as_deref();
    // GitHub takes no rule without descriptions and help.
    let nameless = limits.map(|_| id);
    let short = name.or(message).or(nameless).map(|text| json!({ "text": unlinked(text) }));
    let references = rule.references.iter().filter_map(|it| words::url(it));
    let links: Vec<&str> = rule.url.as_deref().and_then(words::url).into_iter().chain(references).collect();
    let help: Vec<&str> = message.or(nameless).into_iter().chain(links.iter().copied()).collect();
    json!({
        "id": id,
        "shortDescription": short,
        "fullDescription": message.or(nameless).map(|text| json!({ "text": unlinked(text) })),
        "helpUri": links.first(),
        "help": (!help.is_empty()).then(|| json!({ "text": unlinked(&help.join("\n\n")) })),
        "defaultConfiguration": { "level": level(it.finding.severity) },
        "properties": {
            "tags": tags,
            "precision": words::confidence(&it.finding, Some(rule)),
        },
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        // What a rule without a level has.
        Severity::Medium | Severity::Unknown => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// A text in which nothing is a link: `[this](…)` would be one.
fn unlinked(text: &str) -> String {
    text.replace("](", "]\\(")
}

/// Where a finding is: in the code, else in the lockfile.
fn place(it: &Exported) -> Option<&Location> {
    let own = it.finding.location.as_ref().filter(|at| !at.path.is_empty());
    own.or_else(|| it.finding.dependency.as_ref()?.lockfile.as_ref().filter(|at| !at.path.is_empty()))
}

fn physical(at: &Location, snippet: Option<&str>) -> Value {
    let (uri, is_relative) = words::path_uri(&at.path);
    let line = at.start_line.filter(|line| *line > 0);
    let column = |column: Option<u32>| column.filter(|column| *column > 0);
    let region = line.map(|line| {
        let end_line = at.end_line.filter(|end| *end >= line);
        let same_line = end_line.is_none_or(|end| end == line);
        let start = column(at.start_column);
        json!({
            "startLine": line,
            "startColumn": start,
            "endLine": end_line,
            "endColumn": column(at.end_column).filter(|end| !same_line || start.is_none_or(|start| *end >= start)),
            "snippet": snippet.map(|text| json!({ "text": text })),
        })
    });
    json!({
        "artifactLocation": { "uri": uri, "uriBaseId": is_relative.then_some("SRCROOT") },
        "region": region,
    })
}

/// Where GitHub shows what is in no file: it refuses a file with a result that has
/// no place, and other scanners of whole repositories write this one.
fn nowhere(it: &Exported) -> Value {
    let what = it.finding.dependency.as_ref().map_or_else(|| it.scope().to_owned(), |it| words::named(&it.package));
    let at = Location { path: NO_FILE.to_owned(), start_line: Some(1), ..Location::default() };
    json!([{ "physicalLocation": physical(&at, None), "logicalLocations": [{ "fullyQualifiedName": what }] }])
}

fn step(step: &FlowStep) -> Value {
    json!({ "location": {
        "physicalLocation": physical(&step.location, step.content.as_deref()),
        "message": { "text": step.role.as_str() },
    }})
}

/// Whether it is known to be there no more.
fn is_absent(it: &Exported) -> bool {
    it.status == "vanished" || it.finding.lifecycle.status == Status::Fixed
}

/// What became of it since the base: what is known to be gone is so against any base.
fn baseline_state(it: &Exported) -> Option<&'static str> {
    match it.is_new {
        _ if is_absent(it) => Some("absent"),
        Some(true) => Some("new"),
        Some(false) => Some("unchanged"),
        None => None,
    }
}

/// Why a result asks for nothing, as was decided here, else at its source; empty
/// where it asks for something.
fn suppressions(it: &Exported) -> Value {
    let lifecycle = &it.finding.lifecycle;
    let justification = it.justification();
    let one = |kind: &str, status: &str| json!([{ "kind": kind, "status": status, "justification": justification }]);
    match (it.standing(), &lifecycle.scan_state) {
        (Status::Ignored, Some(ScanState::Muted)) if it.decided().is_none() => one("inSource", "accepted"),
        (Status::Ignored, _) => one("external", "accepted"),
        (Status::ProvisionallyIgnored, _) => one("external", "underReview"),
        _ => json!([]),
    }
}

fn result(it: &Exported, rule_index: usize, limits: Option<Limits>) -> Value {
    let finding = &it.finding;
    let location = match place(it) {
        Some(at) => Some(json!([{ "physicalLocation": physical(at, finding.snippet.as_deref()) }])),
        None => limits.map(|_| nowhere(it)),
    };
    let usage = finding.dependency.as_ref().and_then(|it| it.reachability.usage.as_ref());
    let usage = usage.filter(|it| !it.location.path.is_empty()).map(|usage| {
        json!([{
            "id": 1,
            "physicalLocation": physical(&usage.location, None),
            "message": { "text": "The vulnerable code is used here." },
        }])
    });
    let flow: Vec<&FlowStep> = finding.flow.iter().filter(|it| !it.location.path.is_empty()).collect();
    let most = limits.map_or(usize::MAX, |limits| limits.steps);
    // Of a long flow the beginning, and the place where it does harm.
    let (head, tail) = if flow.len() > most { (most - 1, flow.last()) } else { (flow.len(), None) };
    let steps: Vec<Value> = flow.iter().take(head).chain(tail).map(|it| step(it)).collect();
    let steps = (!steps.is_empty()).then(|| json!([{ "threadFlows": [{ "locations": steps }] }]));
    let fix = finding.suggested_fix.as_deref().zip(finding.location.as_ref().filter(|at| !at.path.is_empty()));
    let fix = fix.filter(|(_, at)| at.start_line.is_some_and(|line| line > 0)).map(|(text, at)| {
        let place = physical(at, None);
        json!([{ "artifactChanges": [{
            "artifactLocation": place.get("artifactLocation"),
            "replacements": [{ "deletedRegion": place.get("region"), "insertedContent": { "text": text } }],
        }]}])
    });
    let identity = &finding.identity;
    let mut partial = Map::new();
    if !identity.key.is_empty() {
        let versioned = identity.algorithm.rsplit_once("-v").filter(|(_, version)| version.parse::<u32>().is_ok());
        let (name, version) = versioned.unwrap_or((&identity.algorithm, "1"));
        partial.insert(format!("{name}/v{version}"), identity.key.clone().into());
    }
    // The member by which GitHub knows an alert again: opaque to it, and stable.
    let print = words::hex(words::hash(&["line", &it.project, &finding.rule_id.clone().unwrap_or_default(), &it.id]));
    partial.insert("primaryLocationLineHash".to_owned(), format!("{print}:1").into());
    let tickets = finding.tickets.iter().filter_map(|it| words::url(it.url.as_deref()?)).map(Value::from);
    json!({
        "ruleId": words::rule_id(it),
        "ruleIndex": rule_index,
        "level": level(finding.severity),
        "message": { "text": unlinked(it.message()) },
        "guid": words::uuid(&["finding", &it.id]),
        "locations": location,
        "relatedLocations": usage,
        "fingerprints": { "appsecFindingId/v1": it.id },
        "partialFingerprints": partial,
        "suppressions": suppressions(it),
        "baselineState": baseline_state(it),
        "codeFlows": steps,
        "fixes": fix,
        "workItemUris": list(tickets),
        "provenance": {
            "firstDetectionTimeUtc": words::moment(it.first_seen_at),
            "lastDetectionTimeUtc": words::moment(it.last_seen_at),
        },
        "properties": properties(it),
    })
}

/// What SARIF has no member for.
fn properties(it: &Exported) -> Value {
    let finding = &it.finding;
    let verdict = finding.assistance.as_ref().and_then(|it| it.verdict.as_ref());
    let decided = it.decided();
    let mut properties = json!({
        "security-severity": words::derived_score(finding.severity).map(|score| format!("{score:.1}")),
        "security-severity-source": "derived from the severity",
        "title": finding.title,
        "kind": finding.kind,
        "severity": finding.severity,
        "vendorSeverity": finding.vendor_severity,
        "confidence": words::confidence(finding, it.rule.as_ref()),
        "status": it.status,
        "triage": finding.lifecycle.triage.state,
        "decision": decided.map(|it| it.entry.decision),
        "decidedBy": decided.map(|it| &it.author),
        "decidedUntil": decided.and_then(|it| it.entry.until).and_then(words::moment),
        "priority": it.priority,
        "project": it.project,
        "environment": it.environment,
        "codeUrl": finding.code_url,
        "occurrences": it.occurrences,
        "issue": it.issue.as_ref().map(|issue| &issue.id),
        "aiVerdict": verdict.map(|verdict| &verdict.conclusion),
    });
    if let (Some(dependency), Some(map)) = (&finding.dependency, properties.as_object_mut()) {
        let advisories: Vec<&str> = it.advisories().collect();
        let more = [
            ("purl", json!(dependency.package.purl)),
            ("packageName", json!(dependency.package.name)),
            ("packageVersion", json!(dependency.package.version)),
            ("ecosystem", json!(dependency.package.ecosystem)),
            ("transitivity", json!(dependency.transitivity)),
            ("introducedBy", json!(dependency.introduced_by)),
            ("affectedRange", json!(dependency.affected_range)),
            ("identifiers", json!(advisories)),
            ("reachability", json!(dependency.reachability.verdict)),
            ("reachabilityCondition", json!(dependency.reachability.condition)),
            ("recommendation", json!(words::recommendation(it))),
            ("epss", json!(it.epss)),
            ("kev", json!(it.kev)),
            ("cvss", json!(it.cvss)),
        ];
        map.extend(more.map(|(name, value)| (name.to_owned(), value)));
    }
    if let (Some(secret), Some(map)) = (&finding.secret, properties.as_object_mut()) {
        map.insert("service".to_owned(), json!(secret.service));
        map.insert("validation".to_owned(), json!(secret.validation));
    }
    properties
}
