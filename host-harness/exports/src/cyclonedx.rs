//! CycloneDX 1.6 (ECMA-424) and 1.7: packages, and what is known of their vulnerabilities.
//!
//! Vulnerabilities are written by repository, each once for a component, whatever
//! number of findings is about it; then the packages, which tell which components
//! there are; then who brings whom. Of all packages no more is held than a hash, and
//! of a repository its vulnerabilities and the names of its packages.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, btree_map::Entry},
    io::{self, Write},
};

use appsec_analysis::advisories::CvssVersion;
use appsec_model::{AdvisoryId, Location, PackageVersion, Severity, Transitivity};
use serde_json::{Value, json};

use crate::{
    Document, Error, Exported, ListedPackage, Options, Outcome,
    json::{Elements, list, pruned},
    text,
    vex::{State, statement},
    words,
};

/// Name of the component that stands for everything that is exported.
const ROOT: &str = "root";

/// Licenses whose ids are in the list of the specification; others are written by
/// name, which always holds.
const SPDX: [&str; 22] = [
    "0BSD",
    "AGPL-3.0-only",
    "AGPL-3.0-or-later",
    "Apache-2.0",
    "Artistic-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "EPL-2.0",
    "GPL-2.0-only",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "ISC",
    "LGPL-2.1-only",
    "LGPL-3.0-only",
    "MIT",
    "MPL-2.0",
    "PSF-2.0",
    "Unlicense",
    "WTFPL",
    "Zlib",
];

type Reference = [u8; 16];

/// The packages of a repository, until all of them were there.
#[derive(Default)]
struct Scope {
    name: String,
    /// Position of its own component.
    node: u32,
    /// Positions of packages by `name@version`.
    by_name: HashMap<String, u32>,
    /// Packages with how they came in.
    ways: Vec<(u32, Transitivity, Vec<String>)>,
}

/// A package with all the places that name it.
struct Listed {
    reference: Reference,
    package: ListedPackage,
    places: Vec<Location>,
}

/// What findings say about a vulnerability of a component together.
struct Said {
    state: State,
    severity: Severity,
    /// The vulnerability without its properties.
    vulnerability: Value,
    properties: Properties,
}

/// Names and values, each once, by the position of the name.
type Properties = BTreeSet<(usize, &'static str, String)>;

pub(crate) struct CycloneDx<W> {
    out: W,
    options: Options,
    elements: Elements,
    in_components: bool,
    /// The repository whose vulnerabilities are under way, and these.
    said_of: String,
    said: BTreeMap<(Reference, String), Said>,
    /// Components that vulnerabilities name and that were not listed yet.
    wanted: BTreeMap<Reference, String>,
    pending: Option<Listed>,
    scope: Scope,
    /// The names of all nodes of the graph, by their positions.
    nodes: Vec<Reference>,
    edges: Vec<(u32, u32)>,
    /// Positions of the components of repositories.
    scopes: Vec<u32>,
}

fn reference(scope: &str, package: &PackageVersion) -> Reference {
    let version = package.version.as_deref().unwrap_or_default();
    words::hash(&["package", scope, package.ecosystem.as_str(), &package.name, version])
}

impl<W: Write> CycloneDx<W> {
    pub fn begin(mut out: W, options: &Options) -> io::Result<Self> {
        let moment = words::moment(options.moment);
        let serial = words::uuid(&["cyclonedx", &options.owner, moment.as_deref().unwrap_or_default()]);
        // What is written of 1.6 is the same in 1.7.
        let version = options.cyclonedx.as_str();
        write!(out, "{{\"$schema\":\"http://cyclonedx.org/schema/bom-{version}.schema.json\",")?;
        writeln!(out, "\"bomFormat\":\"CycloneDX\",\"specVersion\":\"{version}\",")?;
        write!(out, "\"serialNumber\":\"urn:uuid:{serial}\",\"version\":1,\n\"metadata\":")?;
        let metadata = json!({
            "timestamp": moment,
            "tools": { "components": [{ "type": "application", "name": words::TOOL, "version": options.version }] },
            "component": { "type": "application", "bom-ref": ROOT, "name": options.owner },
        });
        text::json_line(&mut out, &pruned(metadata))?;
        out.write_all(b",\n\"vulnerabilities\":[")?;
        Ok(Self {
            out,
            options: options.clone(),
            elements: Elements::default(),
            in_components: false,
            said_of: String::new(),
            said: BTreeMap::new(),
            wanted: BTreeMap::new(),
            pending: None,
            scope: Scope::default(),
            nodes: Vec::new(),
            edges: Vec::new(),
            scopes: Vec::new(),
        })
    }

    /// Writes the vulnerabilities of the repository under way.
    fn settle(&mut self) -> io::Result<()> {
        for Said { mut vulnerability, properties, .. } in std::mem::take(&mut self.said).into_values() {
            let named = |(_, name, value)| json!({ "name": property(name), "value": value });
            if let Some(fields) = vulnerability.as_object_mut() {
                fields.insert("properties".to_owned(), properties.into_iter().map(named).collect());
            }
            self.elements.push(&mut self.out, vulnerability)?;
        }
        Ok(())
    }

    fn begin_components(&mut self) -> io::Result<()> {
        self.settle()?;
        if !std::mem::replace(&mut self.in_components, true) {
            self.elements = Elements::default();
            self.out.write_all(b"\n],\n\"components\":[")?;
        }
        Ok(())
    }

    fn node(&mut self, reference: Reference) -> u32 {
        self.nodes.push(reference);
        u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX)
    }

    /// Writes the package under way, if it is in use or a vulnerability is about it.
    fn flush(&mut self) -> io::Result<()> {
        let Some(Listed { reference, package, places }) = self.pending.take() else { return Ok(()) };
        let is_wanted = self.wanted.remove(&reference).is_some();
        if !package.in_use && !is_wanted {
            return Ok(());
        }
        self.enter(package.scope())?;
        self.elements.push(&mut self.out, component(reference, &package, &places))?;
        let node = self.node(reference);
        self.scope.by_name.insert(words::named(&package.package), node);
        self.scope.ways.push((node, package.transitivity, package.introduced_by));
        Ok(())
    }

    /// Begins a repository unless it is the one under way.
    fn enter(&mut self, scope: &str) -> io::Result<()> {
        if self.scope.name == scope && !self.scopes.is_empty() {
            return Ok(());
        }
        self.connect();
        let reference = words::hash(&["repository", scope]);
        let component = json!({ "type": "application", "bom-ref": words::hex(reference), "name": scope });
        self.elements.push(&mut self.out, component)?;
        let node = self.node(reference);
        self.scopes.push(node);
        self.scope = Scope { name: scope.to_owned(), node, ..Scope::default() };
        Ok(())
    }

    /// Connects the packages of the repository under way: each with the one that
    /// brings it, and those that the repository names with it.
    fn connect(&mut self) {
        let Scope { node: root, by_name, ways, .. } = std::mem::take(&mut self.scope);
        for (node, transitivity, way) in ways {
            let steps: Option<Vec<u32>> = way.iter().map(|name| by_name.get(name).copied()).collect();
            match steps {
                Some(steps) if !steps.is_empty() => {
                    let path: Vec<u32> = [root].into_iter().chain(steps).chain([node]).collect();
                    self.edges.extend(path.windows(2).filter_map(|pair| Some((*pair.first()?, *pair.last()?))));
                }
                _ if transitivity == Transitivity::Direct => self.edges.push((root, node)),
                // Who brings it is not known.
                _ => {}
            }
        }
    }
}

impl<W: Write> Document for CycloneDx<W> {
    fn finding(&mut self, it: &Exported) -> Result<Outcome, Error> {
        let Some(dependency) = &it.finding.dependency else {
            return Ok(Outcome::LeftOut("CycloneDX is about packages"));
        };
        let Some(statement) = statement(it, self.options.unreachable_is_unaffected) else {
            return Ok(Outcome::LeftOut("marked as a duplicate of another finding"));
        };
        let reference = reference(it.scope(), &dependency.package);
        if let Entry::Vacant(wanted) = self.wanted.entry(reference) {
            let package = ListedPackage {
                project: it.project.clone(),
                repository: it.repository.clone(),
                package: dependency.package.clone(),
                transitivity: dependency.transitivity.clone(),
                lockfile: None,
                licenses: Vec::new(),
                resolved_url: None,
                introduced_by: Vec::new(),
                in_use: true,
            };
            let places: Vec<Location> = dependency.lockfile.iter().cloned().collect();
            let component = pruned(component(reference, &package, &places)).to_string();
            wanted.insert(component);
        }
        let (state, justification) = match statement.state {
            State::FalsePositive => ("false_positive", None),
            State::NotReached => ("not_affected", Some("code_not_reachable")),
            State::Resolved => ("resolved", None),
            State::InTriage => ("in_triage", None),
            State::Exploitable => ("exploitable", None),
        };
        let analysis = json!({
            "state": state,
            "justification": justification,
            "response": statement.response.map(|it| [it]),
            "detail": statement.detail,
            "lastUpdated": it.decided_at().and_then(words::moment),
        });
        if self.said_of != it.scope() {
            self.settle()?;
            it.scope().clone_into(&mut self.said_of);
        }
        let id = dependency.advisories.first().map_or_else(|| words::rule_id(it), |it| &it.id).to_owned();
        let (state, severity) = (statement.state, it.finding.severity);
        let vulnerability = |id: &str| vulnerability(it, id, &dependency.advisories, reference, &analysis);
        match self.said.entry((reference, id)) {
            Entry::Vacant(entry) => {
                let vulnerability = vulnerability(&entry.key().1);
                entry.insert(Said { state, severity, vulnerability, properties: properties(it) });
            }
            // Readers know one state of a vulnerability in a component: the most cautious one,
            // and of several such findings the worst.
            Entry::Occupied(mut entry) => {
                if (entry.get().state, entry.get().severity) < (state, severity) {
                    let vulnerability = vulnerability(&entry.key().1);
                    let known = entry.get_mut();
                    (known.state, known.severity, known.vulnerability) = (state, severity, vulnerability);
                }
                entry.get_mut().properties.extend(properties(it));
            }
        }
        Ok(Outcome::Written)
    }

    fn package(&mut self, it: &ListedPackage) -> Result<(), Error> {
        self.begin_components()?;
        let reference = reference(it.scope(), &it.package);
        match &mut self.pending {
            // Several projects of a repository use the same package.
            Some(pending) if pending.reference == reference => {
                pending.places.extend(it.lockfile.clone());
                pending.package.in_use |= it.in_use;
                if it.transitivity == Transitivity::Direct {
                    pending.package.transitivity = Transitivity::Direct;
                    pending.package.introduced_by.clear();
                }
            }
            _ => {
                self.flush()?;
                let places = it.lockfile.iter().cloned().collect();
                self.pending = Some(Listed { reference, package: it.clone(), places });
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        self.begin_components()?;
        self.flush()?;
        // What findings name and no list of packages has.
        for component in std::mem::take(&mut self.wanted).into_values() {
            let component: Value = serde_json::from_str(&component).map_err(io::Error::from)?;
            self.elements.push(&mut self.out, component)?;
        }
        self.connect();
        self.out.write_all(b"\n],\n\"dependencies\":[")?;
        let mut elements = Elements::default();
        let root = self.scopes.iter().filter_map(|node| self.nodes.get(*node as usize));
        let all: Vec<String> = root.map(|reference| words::hex(*reference)).collect();
        elements.push(&mut self.out, json!({ "ref": ROOT, "dependsOn": list(all.into_iter().map(Value::from)) }))?;
        self.edges.sort_unstable();
        self.edges.dedup();
        let name = |node: u32| self.nodes.get(node as usize).map(|it| words::hex(*it)).unwrap_or_default();
        for edges in self.edges.chunk_by(|(one, _), (other, _)| one == other) {
            let Some((from, _)) = edges.first() else { continue };
            let to: BTreeSet<String> = edges.iter().filter(|(_, to)| to != from).map(|(_, to)| name(*to)).collect();
            elements.push(&mut self.out, json!({ "ref": name(*from), "dependsOn": to }))?;
        }
        self.out.write_all(b"\n]}\n")?;
        Ok(self.out.flush()?)
    }
}

fn component(reference: Reference, it: &ListedPackage, places: &[Location]) -> Value {
    let package = &it.package;
    let mut seen = BTreeSet::new();
    let places = places.iter().filter(|at| !at.path.is_empty() && seen.insert((at.path.clone(), at.start_line)));
    let places = list(places.map(|at| json!({ "location": at.path, "line": at.start_line })));
    let is_expression = |text: &str| [" OR ", " AND ", " WITH "].iter().any(|word| text.contains(word));
    let licenses = match it.licenses.as_slice() {
        [expression] if is_expression(expression) => Some(json!([{ "expression": expression }])),
        licenses => list(licenses.iter().filter(|it| !it.is_empty()).map(|license| {
            let key = if SPDX.contains(&license.as_str()) { "id" } else { "name" };
            json!({ "license": { key: license } })
        })),
    };
    let source = it.resolved_url.as_deref().and_then(words::url);
    json!({
        "type": "library",
        "bom-ref": words::hex(reference),
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        "licenses": licenses,
        "externalReferences": source.map(|url| json!([{ "type": "distribution", "url": url }])),
        "evidence": places.map(|places| json!({ "occurrences": places })),
        "properties": [
            { "name": property("ecosystem"), "value": package.ecosystem },
            { "name": property("transitivity"), "value": it.transitivity },
            { "name": property("project"), "value": it.project },
        ],
    })
}

fn property(name: &str) -> String {
    format!("{}:{name}", words::TOOL)
}

const fn severity(severity: Severity) -> &'static str {
    severity.as_str()
}

fn source(advisory: &AdvisoryId) -> Value {
    json!({ "name": words::advisory_database(advisory.source), "url": words::advisory_url(&advisory.id) })
}

fn vulnerability(it: &Exported, id: &str, advisories: &[AdvisoryId], reference: Reference, analysis: &Value) -> Value {
    let finding = &it.finding;
    // A vulnerability has a source always: without one nobody can match it.
    let origin = advisories.first().map_or_else(|| json!({ "name": it.tool }), source);
    let others = advisories.iter().skip(1).map(|other| json!({ "id": other.id, "source": source(other) }));
    let mut ratings = vec![json!({
        "source": { "name": it.tool },
        "severity": severity(finding.severity),
        "method": "other",
    })];
    for rating in it.ratings.iter().flat_map(|it| &it.cvss) {
        let method = match rating.version {
            CvssVersion::V2_0 => "CVSSv2",
            CvssVersion::V3_0 => "CVSSv3",
            CvssVersion::V3_1 => "CVSSv31",
            CvssVersion::V4_0 => "CVSSv4",
        };
        ratings.push(json!({
            "source": { "name": rating.source.as_ref() },
            "score": rating.score,
            "severity": severity(rating.severity),
            "method": method,
            "vector": rating.vector,
        }));
    }
    if let Some(score) = it.epss {
        ratings.push(json!({ "source": { "name": "EPSS" }, "score": score, "method": "other" }));
    }
    let rule = it.rule.as_ref();
    let urls = rule.into_iter().flat_map(|rule| rule.url.iter().chain(&rule.references));
    let mut seen = BTreeSet::new();
    let urls = urls.filter_map(|it| words::url(it)).filter(|url| seen.insert(*url));
    let urls = list(urls.map(|url| json!({ "url": url })));
    let cwes: BTreeSet<u32> = it.cwes().collect();
    json!({
        "bom-ref": format!("finding-{}", it.id),
        "id": id,
        "source": origin,
        "references": list(others),
        "ratings": ratings,
        "cwes": (!cwes.is_empty()).then_some(cwes),
        "description": rule.and_then(|rule| rule.message.as_deref()),
        "detail": finding.message,
        "recommendation": words::recommendation(it),
        "advisories": urls,
        "affects": [{ "ref": words::hex(reference) }],
        "analysis": analysis,
    })
}

/// What CycloneDX has no member for.
fn properties(it: &Exported) -> Properties {
    let dependency = it.finding.dependency.as_ref();
    let properties = [
        ("id", Some(it.id.clone())),
        ("project", Some(it.project.clone())),
        ("branch", it.branch().map(str::to_owned)),
        ("instance", Some(it.instance.clone())),
        ("status", Some(it.status.clone())),
        ("priority", Some(it.priority.to_string())),
        ("kev-added", it.ratings.as_ref().and_then(|it| it.kev.as_ref()).map(|it| it.added.to_string())),
        ("reachability", dependency.map(|it| it.reachability.verdict.to_string())),
        ("reachability-condition", dependency.and_then(|it| it.reachability.condition.clone())),
        ("affected-range", dependency.and_then(|it| it.affected_range.clone())),
        ("issue", it.issue.as_ref().map(|issue| issue.id.clone())),
    ];
    properties.into_iter().enumerate().filter_map(|(at, (name, value))| Some((at, name, value?))).collect()
}
