//! What people decide about the findings of a tenant.

use std::collections::BTreeMap;

use appsec_analysis::triage::{self, TriageDecision, TriageEntry};
use appsec_grant::Class;
use appsec_store::{DecidedFinding, DecidedOn, DecisionList, Filter, FindingId, FindingRow, StoreError};
use serde::Serialize;

use super::{Tenant, lists::decided};
use crate::{
    error::Error,
    query::{Ahead, Query},
    triage_file::{TriageFile, TriageProblem, to_toml},
};

/// Findings that are shown of those that are decided on.
const SAMPLE: u32 = 10;

/// What decisions are made on: findings and issues, or what a query finds.
#[derive(Clone, Debug, Default)]
pub struct TriageTargets {
    /// Findings, by whatever they are known by.
    pub findings: Vec<String>,
    /// Issues, by whatever they are known by: their findings, and what joins
    /// them while the decision is in force.
    pub issues: Vec<String>,
    /// Findings of a list.
    pub query: Option<Query>,
}

/// A decision as it is asked for.
#[derive(Clone, Debug)]
pub struct TriageChoice {
    /// What is decided.
    pub decision: TriageDecision,
    /// Why; needed where it closes findings.
    pub reason: Option<String>,
    /// More about it.
    pub comment: Option<String>,
    /// Up to when it holds.
    pub until: Option<Ahead>,
    /// Who is to work on it.
    pub assignee: Option<String>,
    /// Words to find it by.
    pub labels: Vec<String>,
}

/// What `triage set` and `triage clear` print.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct TriageReport {
    /// Whether it was only to show what would change.
    pub dry_run: bool,
    /// Findings that were meant.
    pub findings: u64,
    /// Those of them whose decision changed, or would change.
    pub changed: u64,
    /// The most urgent of these, as they were before.
    pub sample: Vec<FindingRow>,
}

/// What `triage list` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct DecidedList {
    /// How many there are in all.
    pub total: u64,
    /// Those of this page, newest first.
    pub decisions: Vec<DecidedFinding>,
}

/// What `triage import` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct TriageImport {
    /// Whether it was only to show what would change.
    pub dry_run: bool,
    /// Entries of the file.
    pub entries: u64,
    /// Findings that they match.
    pub findings: u64,
    /// Those of them whose decision changed, or would change.
    pub changed: u64,
    /// Entries that match no finding.
    pub unmatched: Vec<TriageEntryRef>,
    /// Entries whose end has passed; they decide nothing.
    pub ended: Vec<TriageEntryRef>,
}

/// An entry of a file.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct TriageEntryRef {
    /// Its position, from 1.
    pub entry: u64,
    /// What it matches, as fields of the list of findings.
    pub matches: String,
}

impl Tenant {
    /// Decides on findings, or shows what that would change.
    pub async fn decide(
        &self,
        on: TriageTargets,
        choice: TriageChoice,
        author: &str,
        dry_run: bool,
    ) -> Result<TriageReport, Error> {
        let (author, now) = (triage::author(author)?, self.now());
        let TriageChoice { decision, reason, comment, until, assignee, labels } = choice;
        let until = until.map(|it| it.moment(now));
        let entry = TriageEntry { decision, reason, comment, until, assignee, labels }.checked(now)?;
        let filter = match &on.query {
            Some(query) => Some(self.finding_filter(query).await?),
            None => None,
        };
        let on = self.targets(on, filter).await?;
        let findings = on.len() as u64;
        let compared = entry.clone();
        let changed = self.store.read(move |store| store.undecided(&on, &compared)).await?;
        let report = self.triage_report(dry_run, findings, changed.iter().map(|it| it.finding).collect()).await?;
        if !dry_run {
            self.store.run(move |store| store.decide(&changed, &entry, &author, now)).await?;
            self.refresh().await?;
        }
        Ok(report)
    }

    /// Takes decisions back, or shows what that would change: the sources' word
    /// counts again.
    pub async fn clear_decisions(&self, on: TriageTargets, author: &str, dry_run: bool) -> Result<TriageReport, Error> {
        let (author, now) = (triage::author(author)?, self.now());
        let filter = match &on.query {
            Some(query) => {
                let filter = self.whatever_status(query).await?;
                Some(Filter { is_decided: filter.is_decided.or(Some(true)), ..filter })
            }
            None => None,
        };
        let on: Vec<FindingId> = self.targets(on, filter).await?.into_iter().map(|it| it.finding).collect();
        let findings = on.len() as u64;
        let changed = self.store.read(move |store| store.decided(&on)).await?;
        let report =
            self.triage_report(dry_run, findings, changed.iter().map(|(finding, _)| *finding).collect()).await?;
        if !dry_run {
            let decisions: Vec<i64> = changed.into_iter().map(|(_, decision)| decision).collect();
            self.store.run(move |store| store.clear_decisions(&decisions, &author, now)).await?;
            self.refresh().await?;
        }
        Ok(report)
    }

    /// Decisions, newest first.
    pub async fn decisions(&self, query: &Query) -> Result<DecidedList, Error> {
        let list = DecisionList {
            with: decided(query, self.now()),
            author: query.text("author"),
            project: query.text("project"),
            instance_id: self.instance_id(query.instance("instance").as_ref()).await?,
            with_ended: query.flag("include-ended"),
            limit: query.limit(),
            offset: query.whole("offset").unwrap_or_default(),
        };
        let (decisions, total) = self.store.read(move |store| store.decisions(&list)).await?;
        Ok(DecidedList { total, decisions })
    }

    /// Makes the decisions of a file, or shows what that would change. Where
    /// several entries match a finding, the last one counts. The same file again
    /// changes nothing.
    pub async fn import_triage(&self, file: TriageFile, author: &str, dry_run: bool) -> Result<TriageImport, Error> {
        let (author, now) = (triage::author(author)?, self.now());
        self.catch_up().await?;
        let mut import = TriageImport {
            dry_run,
            entries: file.entries.len() as u64,
            findings: 0,
            changed: 0,
            unmatched: Vec::new(),
            ended: Vec::new(),
        };
        let mut decided: BTreeMap<FindingId, TriageEntry> = BTreeMap::new();
        let mut problems = Vec::new();
        for it in file.entries {
            let pairs = it.query.pairs().into_iter().map(|(name, value)| format!("{name}={value}"));
            let named = TriageEntryRef { entry: it.number, matches: pairs.collect::<Vec<_>>().join(" ") };
            if !triage::holds(it.entry.until, now) {
                import.ended.push(named);
                continue;
            }
            let filter = match self.whatever_status(&it.query).await {
                Ok(filter) => filter,
                // What it matches is not there, or cannot be.
                Err(error) if matches!(error.code().class(), Class::Usage | Class::Refused) => {
                    problems.push(TriageProblem { entry: Some(it.number), message: error.to_string() });
                    continue;
                }
                Err(error) => return Err(error),
            };
            let found = self.store.read(move |store| store.matching(&filter)).await?;
            if found.is_empty() {
                import.unmatched.push(named);
            }
            decided.extend(found.into_iter().map(|finding| (finding, it.entry.clone())));
        }
        if !problems.is_empty() {
            return Err(Error::TriageFile(problems));
        }
        import.findings = decided.len() as u64;
        let mut by_entry: BTreeMap<TriageEntry, Vec<DecidedOn>> = BTreeMap::new();
        for (finding, entry) in decided {
            by_entry.entry(entry).or_default().push(DecidedOn { finding, issue: None });
        }
        for (entry, on) in by_entry {
            let compared = entry.clone();
            let changed = self.store.read(move |store| store.undecided(&on, &compared)).await?;
            import.changed += changed.len() as u64;
            if !dry_run {
                let author = author.clone();
                self.store.run(move |store| store.decide(&changed, &entry, &author, now)).await?;
            }
        }
        if !dry_run {
            self.refresh().await?;
        }
        Ok(import)
    }

    /// The decisions in force as a file that can be imported.
    pub async fn export_triage(&self) -> Result<String, Error> {
        let list = DecisionList { limit: u32::MAX, ..DecisionList::default() };
        let (mut decisions, _) = self.store.read(move |store| store.decisions(&list)).await?;
        decisions.sort_by_key(|it| (it.project.clone(), it.finding));
        Ok(to_toml(&decisions))
    }

    /// What a query asks for; unless it says otherwise, whatever the status is: a
    /// decision itself may have closed it.
    async fn whatever_status(&self, query: &Query) -> Result<Filter, Error> {
        let filter = self.finding_filter(query).await?;
        let statuses = if query.has("status") { filter.statuses.clone() } else { Vec::new() };
        Ok(Filter { statuses, ..filter })
    }

    /// The findings that are meant, each once.
    async fn targets(&self, on: TriageTargets, filter: Option<Filter>) -> Result<Vec<DecidedOn>, Error> {
        let TriageTargets { findings, issues, query } = on;
        // Everything is nothing that somebody decides on by leaving a word out.
        let narrows = query.is_some_and(|query| query.narrows());
        if findings.is_empty() && issues.is_empty() && !narrows {
            return Err(Error::NoTriageTargets);
        }
        // One finding and a filter would be all that the filter finds.
        if narrows && !(findings.is_empty() && issues.is_empty()) {
            return Err(Error::MixedTriageTargets);
        }
        self.catch_up().await?;
        let filter = filter.filter(|_| narrows);
        let found = self.store.read(move |store| {
            let mut on: BTreeMap<FindingId, DecidedOn> = BTreeMap::new();
            if let Some(filter) = filter {
                let matching = store.matching(&filter)?;
                on.extend(matching.into_iter().map(|finding| (finding, DecidedOn { finding, issue: None })));
            }
            for name in &findings {
                let finding = store.finding_named(name)?;
                on.insert(finding, DecidedOn { finding, issue: None });
            }
            for name in issues {
                let issue = store.issue(store.issue_named(&name)?)?.ok_or(StoreError::NoIssue(name))?;
                let id = Some(issue.row.id);
                on.extend(issue.findings.iter().map(|it| (it.id, DecidedOn { finding: it.id, issue: id })));
            }
            Ok(on.into_values().collect())
        });
        Ok(found.await?)
    }

    async fn triage_report(
        &self,
        dry_run: bool,
        findings: u64,
        changed: Vec<FindingId>,
    ) -> Result<TriageReport, Error> {
        let count = changed.len() as u64;
        let sample = self.store.read(move |store| store.most_urgent(&changed, SAMPLE)).await?;
        Ok(TriageReport { dry_run, findings, changed: count, sample })
    }
}
