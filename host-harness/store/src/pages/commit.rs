//! The one transaction that takes a page in.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use appsec_model::{Diagnostic, DiagnosticLevel, NextPage, Pending, Rule};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::{
    Classified, PageCommit, PageCounts, ProjectIndex, RecordState,
    findings::{Batch, RecordWriter, Written},
    packages::{settle_packages, write_packages},
    stats::RunStats,
    vanish::{Revived, note_unseen, revive},
};
use crate::{
    assess,
    columns::json,
    compiled::Compiled,
    compress::Decoder,
    database::FindingStore,
    derive::derive_new,
    error::{Result, StoreError},
    runs::FetchStats,
    seen,
    subject::RulesById,
};

/// Rules that a transaction remembers to have written; with more it starts anew.
const RULES_KNOWN: usize = 2_000;

impl FindingStore {
    /// Takes a page in: records, findings, packages, what is derived from new
    /// findings, diagnostics, counts and cursor, all or nothing.
    pub(crate) fn commit_page(&mut self, page: &PageCommit, projects: &ProjectIndex) -> Result<PageCounts> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut rules = RulesById::default();
        let outcome = take_page(&transaction, &self.decoder, &self.compiled, page, projects, &mut rules)?;
        transaction.commit()?;
        Ok(outcome)
    }

    /// [`commit_page`](Self::commit_page) for pages as they come, in one
    /// transaction: they touch the same parts of the indexes, which are then
    /// written once. Each page is let go of when it is taken in; one whose fetch
    /// has ended is left out, and there is none of its counts.
    pub(crate) fn commit_pages(
        &mut self,
        pages: &mut dyn Iterator<Item = (PageCommit, Arc<ProjectIndex>)>,
    ) -> Result<Vec<Option<PageCounts>>> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut rules = RulesById::default();
        let take = |(page, projects): (PageCommit, Arc<ProjectIndex>)| {
            match take_page(&transaction, &self.decoder, &self.compiled, &page, &projects, &mut rules) {
                // Nothing of it is written.
                Err(StoreError::FetchEnded) => Ok(None),
                taken => taken.map(Some),
            }
        };
        let outcomes = pages.map(take).collect::<Result<_>>()?;
        transaction.commit()?;
        Ok(outcomes)
    }
}

/// Takes a page in, within a transaction of the caller's. `rules` are those that
/// the transaction has written.
fn take_page(
    connection: &Connection,
    decoder: &Decoder,
    compiled: &Compiled,
    page: &PageCommit,
    projects: &ProjectIndex,
    rules: &mut RulesById,
) -> Result<PageCounts> {
    require_pending(connection, page.fetch_id)?;
    let ids = Vec::with_capacity(page.records.len());
    let mut outcome = PageCounts { counts: page.usage, ids, ..PageCounts::default() };
    let mut stats = RunStats::default();
    outcome.counts.pages = 1;
    outcome.counts.records = page.records.len() as u64;

    let packages = write_packages(connection, page.instance_id, &page.normalized.packages, projects)?;
    let batch = page.batch();
    write_rules(connection, &batch, rules)?;
    let mut writer = RecordWriter::new(connection, decoder, batch, projects, &packages, rules)?;
    let fresh = page.records.iter().filter(|it| it.is_fresh());
    // In the order of the normalized ones.
    let taken: Vec<i64> =
        fresh.zip(&page.contents.packed).map(|(it, packed)| writer.write(it, packed)).collect::<Result<_>>()?;
    let broken = broken(&page.normalized.diagnostics);
    for (_, packed) in (0..).zip(&page.contents.packed).filter(|(index, _)| !broken.contains(index)) {
        outcome.counts.findings += u64::from(packed.finding.is_some());
        outcome.counts.packages += u64::from(packed.finding.is_none() && packed.package.is_some());
    }
    let Written { new, left } = writer.finish(&mut stats)?;
    derive_new(connection, decoder, compiled, page.instance_id, new, rules, page.now)?;
    settle_packages(connection, &left, page.now)?;
    count(connection, decoder, page, &broken, &mut outcome, &mut stats)?;
    outcome.ids.extend(&taken);

    write_diagnostics(connection, &batch, &taken, &mut outcome.counts)?;
    let projects_of: Vec<Option<i64>> =
        page.records.iter().filter(|it| it.is_fresh()).map(|it| it.project_id).collect();
    for diagnostic in &page.normalized.diagnostics {
        let index = diagnostic.index.and_then(|index| usize::try_from(index).ok());
        if let Some(project_id) = index.and_then(|index| *projects_of.get(index)?) {
            stats.diagnostic(project_id, diagnostic.level);
        }
    }
    close_page(connection, page, projects, &mut outcome)?;
    stats.write(connection, page.run_id, page.now)?;
    Ok(outcome)
}

/// A read that was given up, or ended with its run, takes no page in any more:
/// whoever fetched this one was too late.
fn require_pending(connection: &Connection, fetch_id: i64) -> Result<()> {
    let sql = "SELECT fetches.state = 'pending' AND runs.state = 'running' FROM fetches JOIN runs ON runs.id = run_id \
               WHERE fetches.id = ?1";
    let pending = connection.prepare_cached(sql)?.query_row([fetch_id], |row| row.get(0)).optional()?;
    if pending == Some(true) { Ok(()) } else { Err(StoreError::FetchEnded) }
}

impl PageCommit {
    fn batch(&self) -> Batch<'_> {
        Batch {
            instance_id: self.instance_id,
            instance: &self.instance,
            origin: &self.origin,
            run_id: self.run_id,
            normalized: &self.normalized,
            contents: &self.contents,
            brought: true,
            now: self.now,
        }
    }
}

/// The records that could not be used, by their `index`.
fn broken(diagnostics: &[Diagnostic]) -> BTreeSet<u32> {
    diagnostics.iter().filter(|it| it.level == DiagnosticLevel::Error).filter_map(|it| it.index).collect()
}

/// Counts the records, each once, and brings back those that had vanished. One that
/// could not be used is nothing else: neither new nor what it was, this time and
/// each time that it comes again.
fn count(
    connection: &Connection,
    decoder: &Decoder,
    page: &PageCommit,
    broken: &BTreeSet<u32>,
    outcome: &mut PageCounts,
    stats: &mut RunStats,
) -> Result<()> {
    let counts = &mut outcome.counts;
    let mut fresh = 0;
    let mut unusable = HashSet::new();
    for it in &page.records {
        let rejected = match it.state {
            RecordState::New | RecordState::Changed { .. } => {
                fresh += 1;
                // Counted with the diagnostics that say why.
                broken.contains(&(fresh - 1))
            }
            RecordState::Unchanged { id } | RecordState::Returned { id } => {
                let met = meet_again(connection, id, page.run_id)?;
                counts.rejected += u64::from(met);
                met
            }
            RecordState::Repeated => {
                let met = unusable.contains(&(it.key_hash, &it.hash)) || is_same_unusable(connection, it)?;
                counts.rejected += u64::from(met);
                met
            }
            RecordState::Unmapped => false,
        };
        if rejected {
            unusable.insert((it.key_hash, &it.hash));
        }
        stats.record(it, rejected);
        match it.state {
            RecordState::New => counts.new += u64::from(!rejected),
            RecordState::Changed { .. } => counts.changed += u64::from(!rejected),
            RecordState::Unchanged { id } => {
                counts.unchanged += u64::from(!rejected);
                outcome.ids.push(id);
            }
            RecordState::Returned { id } => {
                counts.changed += u64::from(!rejected);
                outcome.ids.push(id);
                match revive(connection, decoder, id, page.run_id, page.now, stats)? {
                    _ if rejected => {}
                    Revived::Finding => counts.findings += 1,
                    Revived::Package => counts.packages += 1,
                    Revived::Neither => counts.skipped += 1,
                }
            }
            RecordState::Repeated => counts.duplicate += u64::from(!rejected),
            RecordState::Unmapped => counts.unmapped += 1,
        }
    }
    Ok(())
}

/// Whether a record that is what it was could not be used then; what was told of it
/// is told of this run as well.
fn meet_again(connection: &Connection, record_id: i64, run_id: i64) -> Result<bool> {
    let rejected = is_unusable(connection, record_id)?;
    if rejected {
        let sql = "UPDATE diagnostics SET last_run_id = ?2 WHERE record_id = ?1";
        connection.prepare_cached(sql)?.execute([record_id, run_id])?;
    }
    Ok(rejected)
}

fn is_unusable(connection: &Connection, record_id: i64) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM diagnostics INDEXED BY diagnostics_of_unusable \
               WHERE record_id = ?1 AND document ->> '$.level' = 'error')";
    Ok(connection.prepare_cached(sql)?.query_row([record_id], |row| row.get(0))?)
}

/// Whether a record that came before, in an earlier page, could not be used then.
fn is_same_unusable(connection: &Connection, it: &Classified) -> Result<bool> {
    let sql = "SELECT id FROM records WHERE key_hash = ?1 AND hash = ?2";
    let found =
        connection.prepare_cached(sql)?.query_row(params![it.key_hash, it.hash], |row| row.get(0)).optional()?;
    found.map_or(Ok(false), |id| is_unusable(connection, id))
}

/// Writes the rules of a batch, but for those that are known to be written. What
/// is known then is what counts: a file does not change what the API says.
pub(crate) fn write_rules(connection: &Connection, batch: &Batch<'_>, known: &mut RulesById) -> Result<()> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO rules (instance_id, rule_id, document, origin) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT DO UPDATE SET document = excluded.document, origin = excluded.origin \
         WHERE (document, origin) <> (excluded.document, excluded.origin) \
         AND (excluded.origin = '' OR origin <> '')",
    )?;
    if known.len() > RULES_KNOWN {
        known.clear();
    }
    for rule in &batch.normalized.rules {
        if known.get(&rule.id).is_some_and(|known| **known == *rule) {
            continue;
        }
        let before = match batch.origin.is_empty() {
            true => None,
            false => assess::rule(connection, batch.instance_id, &rule.id)?,
        };
        let rule = &filled(rule, before);
        let changed = upsert.execute(params![batch.instance_id, rule.id, json("rule", rule)?, batch.origin])?;
        let kept = match changed == 0 && !batch.origin.is_empty() {
            true => assess::rule(connection, batch.instance_id, &rule.id)?,
            false => None,
        };
        known.insert(rule.id.clone(), Arc::new(kept.unwrap_or_else(|| rule.clone())));
    }
    Ok(())
}

/// A rule, with what is known of it where it says nothing: a format that tells
/// less of a rule than another one takes nothing back.
fn filled(rule: &Rule, known: Option<Rule>) -> Rule {
    fn list<T: Clone>(said: &[T], known: Vec<T>) -> Vec<T> {
        if said.is_empty() { known } else { said.to_vec() }
    }
    let known = known.unwrap_or_default();
    Rule {
        id: rule.id.clone(),
        name: rule.name.clone().or(known.name),
        message: rule.message.clone().or(known.message),
        confidence: rule.confidence.clone().or(known.confidence),
        category: rule.category.clone().or(known.category),
        subcategories: list(&rule.subcategories, known.subcategories),
        vulnerability_classes: list(&rule.vulnerability_classes, known.vulnerability_classes),
        cwes: list(&rule.cwes, known.cwes),
        owasp: list(&rule.owasp, known.owasp),
        technologies: list(&rule.technologies, known.technologies),
        likelihood: rule.likelihood.clone().or(known.likelihood),
        impact: rule.impact.clone().or(known.impact),
        url: rule.url.clone().or(known.url),
        references: list(&rule.references, known.references),
    }
}

pub(crate) fn write_diagnostics(
    connection: &Connection,
    batch: &Batch<'_>,
    taken: &[i64],
    counts: &mut FetchStats,
) -> Result<()> {
    let mut insert = connection
        .prepare_cached("INSERT INTO diagnostics (instance_id, run_id, record_id, document) VALUES (?1, ?2, ?3, ?4)")?;
    // Several remarks on one record count once.
    let (mut skipped, mut broken) = (BTreeSet::new(), BTreeSet::new());
    for diagnostic in &batch.normalized.diagnostics {
        let Diagnostic { level, index, .. } = diagnostic;
        match level {
            DiagnosticLevel::Warning => counts.warnings += 1,
            DiagnosticLevel::Skipped => counts.skipped += u64::from(index.is_none_or(|index| skipped.insert(index))),
            DiagnosticLevel::Error => counts.rejected += u64::from(index.is_none_or(|index| broken.insert(index))),
        }
        let record_id = index.and_then(|index| taken.get(usize::try_from(index).ok()?));
        insert.execute(params![batch.instance_id, batch.run_id, record_id, json("diagnostic", diagnostic)?])?;
    }
    Ok(())
}

/// Moves the read's cursor behind the page and adds up what it brought. A read
/// that is to ask again begins anew, for some of its projects.
fn close_page(
    connection: &Connection,
    page: &PageCommit,
    projects: &ProjectIndex,
    outcome: &mut PageCounts,
) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO fetch_pages VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET seen = excluded.seen")?
        .execute(params![page.fetch_id, page.page, seen::encode(outcome.ids.clone())])?;
    let (cursor, state) = match &page.next {
        NextPage::Cursor(cursor) | NextPage::Pending(Pending { cursor, .. }) => (Some(cursor), "pending"),
        NextPage::Complete if page.full => {
            outcome.missed = note_unseen(connection, page, projects)?;
            (None, if outcome.missed.is_empty() { "complete" } else { "pending" })
        }
        NextPage::Complete => {
            // Nobody asks what it has not brought.
            connection.execute("DELETE FROM fetch_pages WHERE fetch_id = ?1", [page.fetch_id])?;
            (None, "complete")
        }
    };
    let again = if outcome.missed.is_empty() { None } else { Some(json("scope", &outcome.missed)?) };
    let counts = &outcome.counts;
    connection
        .prepare_cached(
            "UPDATE fetches SET cursor = ?2, state = ?3, pages = pages + 1, records = records + ?4, new = new + ?5, \
             changed = changed + ?6, unchanged = unchanged + ?7, duplicate = duplicate + ?8, unmapped = unmapped + ?9, \
             warnings = warnings + ?10, rejected = rejected + ?11, requests = requests + ?12, \
             received_bytes = received_bytes + ?13, waits = waits + ?14, waited_ms = waited_ms + ?15, \
             peak_memory_bytes = max(peak_memory_bytes, ?16), vanished = vanished + ?17, skipped = skipped + ?18, \
             findings = findings + ?19, packages = packages + ?20, again = coalesce(?21, again) \
             WHERE id = ?1",
        )?
        .execute(params![
            page.fetch_id,
            cursor,
            state,
            counts.records,
            counts.new,
            counts.changed,
            counts.unchanged,
            counts.duplicate,
            counts.unmapped,
            counts.warnings,
            counts.rejected,
            counts.requests,
            counts.received_bytes,
            counts.waits,
            counts.waited_ms,
            counts.peak_memory_bytes,
            counts.vanished,
            counts.skipped,
            counts.findings,
            counts.packages,
            again
        ])?;
    Ok(())
}
