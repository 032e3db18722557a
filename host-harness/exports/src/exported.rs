//! What is exported: plain data about a finding and about a package.

use appsec_analysis::{Advisory, TriageEntry, status::VANISHED, triage::is_decided_on};
use appsec_model::{
    Finding, Kind, Location, PackageVersion, ReachabilityVerdict, Rule, Status, Timestamp, Transitivity, credential,
};

/// A finding with what is known of it.
#[derive(Clone, Debug)]
pub struct Exported {
    /// Its id: 16 hex digits.
    pub id: String,
    /// Name of the instance that reported it.
    pub instance: String,
    /// What found it: the connector's id, or the name of the source of reports.
    pub tool: String,
    /// Name of its project.
    pub project: String,
    /// Full name of the repository that the project is of.
    pub repository: Option<String>,
    /// Environment of the project's scans.
    pub environment: Option<String>,
    /// Where it stands: the status of its finding, or `vanished`.
    pub status: String,
    /// How urgent it is, from 0 to 100.
    pub priority: u8,
    /// CVSS score of its advisory.
    pub cvss: Option<f64>,
    /// Probability that it is exploited.
    pub epss: Option<f64>,
    /// Whether it is known to be exploited.
    pub kev: bool,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// When a run first brought it.
    pub ingested_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// When it was last seen.
    pub last_seen_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// On how many refs it is.
    pub occurrences: u32,
    /// As normalized: its occurrence on the ref that is asked for, else the leading one.
    pub finding: Finding,
    /// Its rule.
    pub rule: Option<Rule>,
    /// Ratings of its advisory, from the operator's files.
    pub ratings: Option<Advisory>,
    /// Commit of the scan that saw it first.
    pub commit: Option<String>,
    /// What was decided here.
    pub decision: Option<Decided>,
    /// The issue that it is of.
    pub issue: Option<Issue>,
    /// Whether it is not in the base that the export is held against.
    pub is_new: Option<bool>,
}

/// What was decided here about a finding, and is in force.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The decision.
    pub entry: TriageEntry,
    /// Who decided.
    pub author: String,
    /// When.
    pub at: Timestamp,
}

/// The issue of a finding.
#[derive(Clone, Debug)]
pub struct Issue {
    /// Its id: 16 hex digits.
    pub id: String,
    /// Whether any of its findings, of whatever source, says that the vulnerable
    /// code is reached.
    pub is_reachable: bool,
}

/// A package that a project uses.
#[derive(Clone, Debug)]
pub struct ListedPackage {
    /// Name of its project.
    pub project: String,
    /// Full name of the repository that the project is of.
    pub repository: Option<String>,
    /// The package.
    pub package: PackageVersion,
    /// How it came into the project.
    pub transitivity: Transitivity,
    /// The line in the lockfile or manifest that names it.
    pub lockfile: Option<Location>,
    /// Licenses, as SPDX expressions or the vendor's words.
    pub licenses: Vec<String>,
    /// Where the package manager got it from.
    pub resolved_url: Option<String>,
    /// The packages that bring it, from the project inwards, as `name@version`.
    pub introduced_by: Vec<String>,
    /// Whether it is still in use.
    pub in_use: bool,
}

impl ListedPackage {
    /// What it is a part of: its repository, or the project that stands in for one.
    pub fn scope(&self) -> &str {
        self.repository.as_deref().unwrap_or(&self.project)
    }
}

impl Exported {
    /// What it is a part of: its repository, or the project that stands in for one.
    pub fn scope(&self) -> &str {
        self.repository.as_deref().unwrap_or(&self.project)
    }

    /// The branch that it is on.
    pub fn branch(&self) -> Option<&str> {
        self.finding.r#ref.as_deref()
    }

    /// By what exported findings are in order.
    pub fn key(&self) -> (&str, &str, &str, &str) {
        (self.scope(), self.branch().unwrap_or_default(), &self.instance, &self.project)
    }

    /// The decision that counts: what was seen goes before it.
    pub fn decided(&self) -> Option<&Decided> {
        let is_open_to_it = self.status != VANISHED && is_decided_on(self.finding.lifecycle.status.as_str());
        self.decision.as_ref().filter(|_| is_open_to_it)
    }

    /// Where it stands on its ref, by what was decided here, else at its source.
    pub fn standing(&self) -> Status {
        match self.decided() {
            Some(decided) => Status::from(decided.entry.decision.status()),
            None => self.finding.lifecycle.status.clone(),
        }
    }

    /// The word for what was decided here, else the reason at its source, in small
    /// letters without signs.
    pub fn outcome(&self) -> String {
        let source = || self.finding.lifecycle.triage.reason.as_deref().unwrap_or_default();
        let word = self.decided().map_or_else(source, |it| it.entry.decision.as_str());
        word.chars().filter(|sign| sign.is_alphanumeric()).collect::<String>().to_lowercase()
    }

    /// What was said about it, by whom it was decided: the reason, then the comment.
    pub fn justification(&self) -> Option<String> {
        let triage = &self.finding.lifecycle.triage;
        let (reason, comment) = match self.decided() {
            Some(decided) => (&decided.entry.reason, &decided.entry.comment),
            None => (&triage.reason, &triage.comment),
        };
        let parts: Vec<&str> = reason.iter().chain(comment).map(String::as_str).collect();
        Some(parts.join(": ")).filter(|text| !text.is_empty())
    }

    /// When it was decided.
    pub fn decided_at(&self) -> Option<Timestamp> {
        self.decided().map(|it| it.at).or(self.finding.lifecycle.triage.at)
    }

    /// Numbers of its advisories.
    pub fn advisories(&self) -> impl Iterator<Item = &str> {
        let dependency = self.finding.dependency.iter();
        dependency.flat_map(|it| &it.advisories).map(|it| it.id.as_str())
    }

    /// Its weaknesses by their number in the CWE.
    pub fn cwes(&self) -> impl Iterator<Item = u32> {
        self.rule.iter().flat_map(|rule| &rule.cwes).filter_map(|cwe| cwe.number)
    }

    /// What is wrong, in words.
    pub fn message(&self) -> &str {
        let of_rule = || self.rule.as_ref().and_then(|rule| rule.message.as_deref());
        self.finding.message.as_deref().or_else(of_rule).unwrap_or(&self.finding.title)
    }

    /// Whether any source says that the vulnerable code is reached.
    pub fn is_reachable(&self) -> bool {
        let own = self.finding.dependency.as_ref().is_some_and(|it| is_reached(&it.reachability.verdict));
        own || self.issue.as_ref().is_some_and(|issue| issue.is_reachable)
    }

    /// Whether what it shows of the code is a credential.
    pub fn shows_credential(&self) -> bool {
        shows_credential(&self.finding, self.rule.as_ref())
    }
}

/// Whether a verdict says that the vulnerable code is, or may be, reached.
fn is_reached(verdict: &ReachabilityVerdict) -> bool {
    use ReachabilityVerdict::{AlwaysReachable, ConditionallyReachable, Reachable};
    matches!(verdict, AlwaysReachable | ConditionallyReachable | Reachable)
}

fn shows_credential(finding: &Finding, rule: Option<&Rule>) -> bool {
    let names = || finding.rule_id.as_deref().into_iter().chain(rule.and_then(|rule| rule.name.as_deref()));
    let cwes = || rule.into_iter().flat_map(|rule| &rule.cwes).filter_map(|cwe| cwe.number);
    match finding.kind {
        Kind::Secrets => true,
        Kind::Sca => false,
        _ => names().any(credential::is_named) || cwes().any(credential::is_weakness),
    }
}

/// Takes off a finding what may repeat a credential that it is about. Nothing of it
/// is stored; whoever brings a finding may be mistaken all the same.
pub fn redact(finding: &mut Finding, rule: Option<&Rule>) {
    if !shows_credential(finding, rule) {
        return;
    }
    if !credential::is_prose(&finding.title) {
        let known = finding.rule_id.clone().filter(|id| credential::is_prose(id));
        finding.title = known.unwrap_or_else(|| "A credential".to_owned());
    }
    finding.snippet = None;
    finding.suggested_fix = None;
    finding.message = finding.message.take().filter(|text| credential::is_prose(text));
    finding.flow.iter_mut().for_each(|step| step.content = None);
    if let Some(assistance) = &mut finding.assistance {
        assistance.autofix = None;
        let kept = |text: &mut Option<String>| *text = text.take().filter(|text| credential::is_prose(text));
        if let Some(guidance) = &mut assistance.guidance {
            kept(&mut guidance.summary);
            kept(&mut guidance.text);
        }
        if let Some(verdict) = &mut assistance.verdict {
            kept(&mut verdict.reason);
        }
    }
}
