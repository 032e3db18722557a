//! Findings and issues as policies see them.

use std::collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry};

use crate::{
    columns::document,
    compress::Decoder,
    error::Result,
    issues::summed,
    status::severity,
    subject::{self, Shared},
};
use appsec_analysis::{Edition, correlation::IssueSummary, fix, status::ACTIVE};
use appsec_model::{Cwe, Fix, Owasp, Timestamp};
use appsec_policy::{FixAvailable, On, Subject, SubjectDependency, SubjectRepository, SubjectSecret};
use rusqlite::{Connection, OptionalExtension};

/// Reads subjects; what many of them share is read once.
pub(super) struct Reader<'a> {
    connection: &'a Connection,
    decoder: &'a Decoder,
    shared: Shared,
    instances: HashMap<i64, String>,
    repositories: HashMap<i64, Option<SubjectRepository>>,
}

impl<'a> Reader<'a> {
    pub fn new(connection: &'a Connection, decoder: &'a Decoder) -> Self {
        Self {
            connection,
            decoder,
            shared: Shared::default(),
            instances: HashMap::default(),
            repositories: HashMap::default(),
        }
    }

    /// The finding of a row id; none where it is gone.
    pub fn finding(&mut self, id: i64) -> Result<Option<Subject>> {
        let found = self.shared.subject(self.connection, self.decoder, id)?;
        found.map(|subject| self.of_finding(&subject)).transpose()
    }

    /// A finding that is read already.
    pub fn of_finding(&mut self, it: &subject::Subject<'_>) -> Result<Subject> {
        let finding = &it.finding;
        let rule = it.rule.as_deref();
        let cwes: &[Cwe] = rule.map_or(&[], |rule| &rule.cwes);
        let owasp = rule.into_iter().flat_map(|rule| &rule.owasp).filter_map(owasp);
        let confidence = finding.confidence.as_ref().or_else(|| rule?.confidence.as_ref());
        let verdict = finding.assistance.as_ref().and_then(|it| it.verdict.as_ref());
        let dependency = finding.dependency.as_ref();
        Ok(Subject {
            on: On::Finding,
            id: format!("{:016x}", it.public_id),
            kind: it.kind.clone(),
            severity: it.severity,
            status: it.status.clone(),
            is_open: ACTIVE.contains(&it.status.as_str()),
            security: it.security,
            title: finding.title.clone(),
            rule_id: it.rule_id.clone(),
            path: finding.location.as_ref().map(|at| at.path.clone()),
            priority: score(it.priority),
            confidence: confidence.map(|word| word.as_str().to_owned()),
            cvss: it.cvss,
            epss: it.epss,
            kev: it.kev,
            cwe: cwes.iter().filter_map(|cwe| cwe.number).collect::<BTreeSet<_>>().into_iter().collect(),
            top25: Edition::default().best_rank(cwes),
            owasp: owasp.collect::<BTreeSet<_>>().into_iter().collect(),
            categories: finding.categories.clone(),
            reachability: dependency.map(|it| it.reachability.verdict.as_str().to_owned()),
            advisories: dependency.into_iter().flat_map(|it| &it.advisories).map(|it| it.id.clone()).collect(),
            ai_verdict: verdict.map(|it| it.conclusion.as_str().to_owned()),
            dependency: dependency.map(|it| SubjectDependency {
                ecosystem: it.package.ecosystem.as_str().to_owned(),
                name: it.package.name.clone(),
                version: it.package.version.clone(),
                transitivity: it.transitivity.as_str().to_owned(),
                fix_available: match fix::known(it) {
                    Fix::Upgrades { .. } => FixAvailable::Known,
                    Fix::NoneKnown => FixAvailable::None,
                    Fix::NotSaid => FixAvailable::Unknown,
                },
                malicious: it.malicious,
            }),
            secret: finding
                .secret
                .as_ref()
                .map(|it| SubjectSecret { kind: it.service.clone(), validation: it.validation.as_str().to_owned() }),
            project: it.project.name.clone(),
            repository: it.project.repository_id.map(|id| self.repository(id)).transpose()?.flatten(),
            environment: it.project.environment.clone(),
            branch: it.project.branch.clone(),
            tag: it.project.tag.clone(),
            metadata: it.project.metadata.clone(),
            first_seen_at: it.first_seen_at,
            ingested_at: it.ingested_at,
            changed_at: it.changed_at,
            sources: vec![self.instance(it.instance_id)?],
            findings: 1,
        })
    }

    /// The issue of an id; none where it is gone.
    pub fn issue(&mut self, id: i64) -> Result<Option<Subject>> {
        let row = self
            .connection
            .prepare_cached(
                "SELECT kind, severity, status, open, security, priority, title, rule_id, advisories, cvss, epss, \
                 first_seen_at, repository_id, kev FROM issues WHERE id = ?1",
            )?
            .query_row([id], |row| {
                let subject = Subject {
                    on: On::Issue,
                    id: format!("{id:016x}"),
                    kind: row.get(0)?,
                    severity: severity(row.get(1)?),
                    status: row.get(2)?,
                    is_open: row.get(3)?,
                    security: row.get(4)?,
                    priority: score(row.get(5)?),
                    title: row.get(6)?,
                    rule_id: row.get(7)?,
                    cvss: row.get(9)?,
                    epss: row.get(10)?,
                    kev: row.get(13)?,
                    first_seen_at: Timestamp::from_micros(row.get(11)?),
                    ..Subject::default()
                };
                Ok((subject, row.get::<_, Option<String>>(8)?, row.get(12)?))
            })
            .optional()?;
        let Some((subject, advisories, repository_id)) = row else { return Ok(None) };
        let mut members = Vec::new();
        for id in self.members(id)? {
            members.extend(self.finding(id)?);
        }
        self.of_members(subject, advisories.as_deref(), repository_id, &members).map(Some)
    }

    /// The issue of an id as it would be with these findings; none where it is gone.
    pub fn issue_of(&mut self, id: i64, findings: &[subject::Subject<'_>]) -> Result<Option<Subject>> {
        let sql = "SELECT kind, advisories, repository_id FROM issues WHERE id = ?1";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?, row.get(2)?));
        let row = self.connection.prepare_cached(sql)?.query_row([id], row).optional()?;
        let Some((kind, advisories, repository_id)) = row else { return Ok(None) };
        let summed: Vec<_> = findings.iter().map(|it| (it.instance_id, summed(it))).collect();
        let Some(together) = IssueSummary::of(&summed.iter().map(|(instance, it)| (*instance, it))) else {
            return Ok(None);
        };
        let subject = Subject {
            on: On::Issue,
            id: format!("{id:016x}"),
            kind,
            severity: severity(together.severity),
            status: together.status.to_owned(),
            is_open: together.open,
            security: together.security,
            priority: score(together.priority),
            title: together.shown.title.clone(),
            rule_id: together.shown.rule_id.clone(),
            cvss: together.cvss,
            epss: together.epss,
            kev: together.kev,
            first_seen_at: Timestamp::from_micros(together.first_seen_at),
            ..Subject::default()
        };
        let members = findings.iter().map(|it| self.of_finding(it)).collect::<Result<Vec<_>>>()?;
        self.of_members(subject, advisories.as_deref(), repository_id, &members).map(Some)
    }

    /// Adds to what is known of an issue what its findings say together.
    fn of_members(
        &mut self,
        mut subject: Subject,
        advisories: Option<&str>,
        repository_id: Option<i64>,
        members: &[Subject],
    ) -> Result<Subject> {
        subject.repository = match repository_id {
            Some(id) => self.repository(id)?,
            None => None,
        };
        sum(&mut subject, members);
        let known: BTreeSet<String> = subject.advisories.iter().map(|id| id.to_uppercase()).collect();
        let further = advisories.iter().flat_map(|ids| ids.split_whitespace()).filter(|id| !known.contains(*id));
        subject.advisories.extend(further.map(str::to_owned));
        Ok(subject)
    }

    /// Row ids of the findings of an issue.
    pub fn members(&self, issue_id: i64) -> Result<Vec<i64>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT finding_id FROM issue_members \
             WHERE issue_row = (SELECT row FROM issues WHERE id = ?1)",
        )?;
        Ok(statement.query_map([issue_id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
    }

    fn instance(&mut self, id: i64) -> Result<String> {
        match self.instances.entry(id) {
            Entry::Occupied(known) => Ok(known.get().clone()),
            Entry::Vacant(free) => {
                let sql = "SELECT name FROM instances WHERE id = ?1";
                let found: Option<String> =
                    self.connection.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?;
                Ok(free.insert(found.unwrap_or_default()).clone())
            }
        }
    }

    fn repository(&mut self, id: i64) -> Result<Option<SubjectRepository>> {
        match self.repositories.entry(id) {
            Entry::Occupied(known) => Ok(known.get().clone()),
            Entry::Vacant(free) => {
                let sql = "SELECT full_name, provider, groups FROM repositories WHERE id = ?1";
                let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?));
                let found = self.connection.prepare_cached(sql)?.query_row([id], row).optional()?;
                let found = found.map(|(full_name, provider, groups)| -> Result<_> {
                    Ok(SubjectRepository { full_name, provider, groups: document("list of groups", &groups)? })
                });
                Ok(free.insert(found.transpose()?).clone())
            }
        }
    }
}

fn score(priority: i64) -> u8 {
    u8::try_from(priority.clamp(0, 100)).unwrap_or_default()
}

fn owasp(owasp: &Owasp) -> Option<String> {
    let code = owasp.code.as_ref()?;
    Some(owasp.edition.map_or_else(|| code.clone(), |edition| format!("{code}:{edition}")))
}

/// Makes an issue say what its findings say together.
fn sum(issue: &mut Subject, members: &[Subject]) {
    // Those that decide: all that ask for work, else those with its status.
    let mut counting: Vec<&Subject> =
        members.iter().filter(|it| if issue.is_open { it.is_open } else { it.status == issue.status }).collect();
    counting.sort_by(|one, other| {
        let urgency = |it: &Subject| (it.priority, it.severity);
        let age = |it: &Subject| (it.first_seen_at, it.id.clone());
        urgency(other).cmp(&urgency(one)).then_with(|| age(one).cmp(&age(other)))
    });
    let each = || counting.iter().copied();
    let union = |texts: fn(&Subject) -> &[String]| -> Vec<String> {
        each().flat_map(texts).cloned().collect::<BTreeSet<_>>().into_iter().collect()
    };
    if let Some(first) = counting.first() {
        issue.project.clone_from(&first.project);
        issue.path.clone_from(&first.path);
        issue.environment.clone_from(&first.environment);
        issue.branch.clone_from(&first.branch);
        issue.tag.clone_from(&first.tag);
    }
    if each().any(|it| it.rule_id != issue.rule_id) {
        issue.rule_id = None;
    }
    issue.confidence = foremost(each().filter_map(|it| it.confidence.as_deref()), &["high", "medium", "low"]);
    issue.cwe = each().flat_map(|it| it.cwe.iter().copied()).collect::<BTreeSet<_>>().into_iter().collect();
    issue.top25 = each().filter_map(|it| it.top25).min();
    issue.owasp = union(|it| &it.owasp);
    issue.categories = union(|it| &it.categories);
    issue.advisories = union(|it| &it.advisories);
    issue.reachability = foremost(each().filter_map(|it| it.reachability.as_deref()), &REACHABILITY);
    issue.ai_verdict = foremost(each().filter_map(|it| it.ai_verdict.as_deref()), &["true-positive", "false-positive"]);
    issue.dependency = dependency(&counting);
    issue.secret = secret(&counting);
    issue.metadata = each().rev().flat_map(|it| it.metadata.clone()).collect::<BTreeMap<_, _>>();
    issue.ingested_at = members.iter().map(|it| it.ingested_at).min().unwrap_or(issue.first_seen_at);
    issue.changed_at = members.iter().map(|it| it.changed_at).max().unwrap_or(issue.first_seen_at);
    // Who sees it still.
    let there = members.iter().filter(|it| it.status != "vanished").flat_map(|it| it.sources.iter().cloned());
    issue.sources = there.collect::<BTreeSet<_>>().into_iter().collect();
    issue.findings = u32::try_from(members.len()).unwrap_or(u32::MAX);
}

/// Verdicts of reachability, the worst first.
const REACHABILITY: [&str; 5] =
    ["always-reachable", "reachable", "conditionally-reachable", "not-analyzed", "unreachable"];

/// Whether credentials work, the worst first.
const VALIDATIONS: [&str; 5] = ["confirmed-valid", "validation-error", "no-validator", "not-said", "confirmed-invalid"];

/// The word that comes first in an order; words that are not in it come last.
fn foremost<'a>(words: impl Iterator<Item = &'a str>, order: &[&str]) -> Option<String> {
    let place = |word: &str| order.iter().position(|it| *it == word).unwrap_or(order.len());
    words.min_by_key(|word| (place(word), *word)).map(str::to_owned)
}

/// What all of them have in common.
fn common<'a>(mut texts: impl Iterator<Item = &'a Option<String>>) -> Option<String> {
    let first = texts.next()?;
    first.clone().filter(|_| texts.all(|it| it == first))
}

fn dependency(counting: &[&Subject]) -> Option<SubjectDependency> {
    let each = || counting.iter().filter_map(|it| it.dependency.as_ref());
    let first = each().next()?;
    let fix = [FixAvailable::Known, FixAvailable::None];
    Some(SubjectDependency {
        ecosystem: first.ecosystem.clone(),
        name: first.name.clone(),
        version: common(each().map(|it| &it.version)),
        transitivity: foremost(each().map(|it| it.transitivity.as_str()), &["direct", "transitive", "unknown"])?,
        fix_available: fix.into_iter().find(|fix| each().any(|it| it.fix_available == *fix)).unwrap_or_default(),
        malicious: each().filter_map(|it| it.malicious).max(),
    })
}

fn secret(counting: &[&Subject]) -> Option<SubjectSecret> {
    let each = || counting.iter().filter_map(|it| it.secret.as_ref());
    Some(SubjectSecret {
        kind: common(each().map(|it| &it.kind)),
        validation: foremost(each().map(|it| it.validation.as_str()), &VALIDATIONS)?,
    })
}

#[cfg(test)]
mod tests {
    use appsec_model::{Conclusion, ReachabilityVerdict, Validation};

    use super::{REACHABILITY, VALIDATIONS, foremost};

    #[test]
    fn every_word_has_its_place() {
        let all = |words: &[&str], named: Vec<&str>| named.iter().all(|word| words.contains(word));
        assert!(all(&REACHABILITY, ReachabilityVerdict::NAMED.iter().map(ReachabilityVerdict::as_str).collect()));
        assert!(all(&VALIDATIONS, Validation::NAMED.iter().map(Validation::as_str).collect()));
        assert!(all(&["true-positive", "false-positive"], Conclusion::NAMED.iter().map(Conclusion::as_str).collect()));
        assert_eq!(foremost(["odd", "unreachable"].into_iter(), &REACHABILITY).unwrap(), "unreachable");
    }
}
