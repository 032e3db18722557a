//! Records of a page, and the findings that they are occurrences of.

use appsec_analysis::{dates, status};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use appsec_model::{Finding, Normalized, Timestamp};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::{
    Classified, Contents, ProjectIndex, RecordState,
    contents::Packed,
    packages::PackageIds,
    primary::{Shown, elect_primary},
    stats::RunStats,
};
use crate::{
    assess::assess,
    compress::{Content, Decoder},
    decided::{Decided, follow},
    error::{Result, StoreError},
    history::{Change, changes},
    ids::public_id,
    scans::ScanWriter,
    subject::{New, RulesById},
};

/// Writes records and findings.
pub(crate) struct RecordWriter<'a> {
    connection: &'a Connection,
    decoder: &'a Decoder,
    batch: Batch<'a>,
    projects: &'a ProjectIndex,
    packages: &'a PackageIds<'a>,
    scans: ScanWriter<'a>,
    /// Those of the page at least.
    rules: &'a RulesById,
    decided: Decided<'a>,
    finding: CachedStatement<'a>,
    known_finding: CachedStatement<'a>,
    insert: CachedStatement<'a>,
    known_record: CachedStatement<'a>,
    before: CachedStatement<'a>,
    update: CachedStatement<'a>,
    /// The id of the next new record.
    next_id: i64,
    /// Findings with more than one occurrence, or one less: what they show is
    /// decided when all of the page is written.
    touched: BTreeSet<i64>,
    /// Findings that were not known before, in the order of their ids.
    new: Vec<New<'a>>,
    /// Packages that a record named and names no more.
    left: BTreeSet<i64>,
    /// Findings that a record was of, and those that it is of now.
    moved: Vec<(i64, i64)>,
    /// The page's findings by record, for those that are touched.
    written: HashMap<i64, &'a Finding>,
}

/// What is written together, whichever way it came.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub instance_id: i64,
    /// Name of the instance.
    pub instance: &'a str,
    pub origin: &'a str,
    pub run_id: i64,
    pub normalized: &'a Normalized,
    pub contents: &'a Contents,
    /// Whether the records were just brought: what had vanished is there again.
    pub brought: bool,
    pub now: Timestamp,
}

/// Where a finding of the page has its place.
struct Place {
    id: i64,
    /// Whether an earlier run knew it already: only then it has a history.
    known_before: bool,
}

/// A record as it is in the store.
struct Before {
    finding_id: Option<i64>,
    r#ref: Option<String>,
    package_id: Option<i64>,
    /// It had vanished, and is there again.
    returns: bool,
}

impl<'a> RecordWriter<'a> {
    pub fn new(
        connection: &'a Connection,
        decoder: &'a Decoder,
        batch: Batch<'a>,
        projects: &'a ProjectIndex,
        packages: &'a PackageIds<'a>,
        rules: &'a RulesById,
    ) -> Result<Self> {
        let last: i64 = connection.query_row("SELECT coalesce(max(id), 0) FROM records", [], |row| row.get(0))?;
        Ok(Self {
            connection,
            decoder,
            batch,
            projects,
            packages,
            scans: ScanWriter::new(connection, batch.instance_id)?,
            rules,
            decided: Decided::new(connection, batch.instance_id)?,
            finding: connection.prepare_cached(
                "INSERT OR FAIL INTO findings (public_id, instance_id, project_id, kind, occurrence_id, severity, status, \
                 security, title, rule_id, path, start_line, package_id, reachability, advisories, first_run_id, \
                 ingested_at, changed_at, priority, cvss, epss, first_seen_at, closed_at, kev) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?17, ?18, ?19, \
                 ?20, ?21, ?22, ?23) \
                 ON CONFLICT (public_id) DO NOTHING",
            )?,
            known_finding: connection.prepare_cached("SELECT id, first_run_id FROM findings WHERE public_id = ?1")?,
            insert: connection.prepare_cached(
                "INSERT INTO records (id, instance_id, origin, kind, record_key, key_hash, project_id, hash, finding_id, ref, \
                 on_primary, status, relevant_since, package_id, dictionary_id, body_bytes, document_bytes, content, created_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19) \
                 ON CONFLICT (key_hash) DO NOTHING",
            )?,
            known_record: connection.prepare_cached("SELECT id FROM records WHERE key_hash = ?1")?,
            before: connection
                .prepare_cached("SELECT finding_id, ref, package_id, vanished_at FROM records WHERE id = ?1")?,
            update: connection.prepare_cached(
                "UPDATE records SET project_id = ?2, vanished_at = iif(?14, NULL, vanished_at), hash = ?3, finding_id = ?4, ref = ?5, \
                 on_primary = ?6, status = ?7, relevant_since = ?8, package_id = ?9, dictionary_id = ?10, \
                 body_bytes = ?11, document_bytes = ?12, content = ?13, created_at = ?15 WHERE id = ?1",
            )?,
            next_id: last + 1,
            touched: BTreeSet::new(),
            new: Vec::new(),
            left: BTreeSet::new(),
            moved: Vec::new(),
            written: HashMap::new(),
        })
    }

    /// Writes a record, and its finding if it is one; returns the record's id.
    pub fn write(&mut self, it: &Classified, packed: &Packed) -> Result<i64> {
        let finding = packed.finding.and_then(|position| self.batch.normalized.findings.get(position));
        // A record that names no project has no place among the findings.
        let finding = finding.zip(it.project_id);
        let package_id = match finding {
            Some((finding, project_id)) => {
                finding.dependency.as_ref().and_then(|it| self.packages.of(project_id, &it.package))
            }
            None => packed.package.and_then(|position| self.packages.at(position)),
        };
        if let RecordState::Changed { id } = it.state {
            self.change(id, it, packed, finding, package_id)?;
            return Ok(id);
        }
        let id = self.next_id;
        let place = finding.map(|(finding, project_id)| self.place(finding, project_id, id, package_id)).transpose()?;
        let columns = self.columns(finding);
        let inserted = self.insert.execute(params![
            id,
            self.batch.instance_id,
            self.batch.origin,
            it.record.kind.as_str(),
            it.key,
            it.key_hash,
            it.project_id,
            &it.hash[..],
            place.as_ref().map(|place| place.id),
            columns.r#ref,
            columns.on_primary,
            columns.status,
            columns.relevant_since,
            package_id,
            self.batch.contents.codec.as_ref().map(|codec| codec.dictionary_id),
            packed.body_bytes,
            packed.document_bytes,
            packed.content,
            columns.created_at
        ])?;
        if inserted == 0 {
            // Another read brought the same record after this page was compared
            // with the store.
            let known = self.known_record.query_row([it.key_hash], |row| row.get(0))?;
            self.touched.extend(place.map(|place| place.id));
            self.change(known, it, packed, finding, package_id)?;
            return Ok(known);
        }
        self.next_id += 1;
        if let (Some((finding, _)), Some(place)) = (finding, place) {
            self.written.insert(id, finding);
            if place.known_before {
                self.note(place.id, finding.r#ref.as_deref(), &Change::appeared(finding.r#ref.as_deref()))?;
            }
        }
        Ok(id)
    }

    /// The row of a finding; makes it if there is none.
    fn place(&mut self, finding: &'a Finding, project_id: i64, record: i64, package_id: Option<i64>) -> Result<Place> {
        let identity = self.projects.identities.get(&project_id).map_or("", String::as_str);
        let public_id = public_id(self.batch.instance, identity, finding);
        let shown = Shown::from(finding);
        let rule = finding.rule_id.as_deref().and_then(|id| self.rules.get(id)).map(Arc::as_ref);
        let (lifecycle, now) = (&finding.lifecycle, self.batch.now);
        let status = self.decided.status(public_id, status::word(&lifecycle.status), now)?;
        let assessed = assess(self.connection, finding, status, rule)?;
        let first_seen_at = dates::first_seen_at(dates::recorded_at(lifecycle), now);
        // Of one that was closed before anybody looked, only its source knows when.
        let closed_at = dates::closed_at(status, lifecycle, first_seen_at, now, None);
        let inserted = self.finding.execute(params![
            public_id,
            self.batch.instance_id,
            project_id,
            finding.kind.as_str(),
            record,
            shown.severity,
            status,
            shown.security,
            shown.title,
            shown.rule_id,
            shown.path,
            shown.start_line,
            package_id,
            shown.reachability,
            shown.advisories,
            self.batch.run_id,
            self.batch.now.as_micros(),
            assessed.score(),
            assessed.cvss(),
            assessed.epss(finding),
            first_seen_at.as_micros(),
            closed_at.map(Timestamp::as_micros),
            assessed.kev(),
        ])?;
        if let Some(scan) = &finding.first_seen_scan {
            self.scans.want(scan, finding.lifecycle.relevant_since)?;
        }
        if inserted == 1 {
            let id = self.connection.last_insert_rowid();
            self.new.push(New {
                id,
                public_id,
                project_id,
                security: shown.security,
                priority: assessed.score(),
                cvss: assessed.cvss(),
                epss: assessed.epss(finding),
                kev: assessed.kev(),
                first_seen_at,
                closed_at,
                status,
                finding,
            });
            return Ok(Place { id, known_before: false });
        }
        let (id, first_run): (i64, i64) =
            self.known_finding.query_row([public_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.touched.insert(id);
        Ok(Place { id, known_before: first_run != self.batch.run_id })
    }

    /// Writes over a record that is not what it was.
    fn change(
        &mut self,
        id: i64,
        it: &Classified,
        packed: &Packed,
        finding: Option<(&'a Finding, i64)>,
        package_id: Option<i64>,
    ) -> Result<()> {
        let brought = self.batch.brought;
        let before = self.before.query_row([id], |row| {
            Ok(Before {
                finding_id: row.get(0)?,
                r#ref: row.get(1)?,
                package_id: row.get(2)?,
                returns: brought && row.get::<_, Option<i64>>(3)?.is_some(),
            })
        })?;
        let stored = self.decoder.content(self.connection, id)?;
        self.connection.prepare_cached("DELETE FROM diagnostics WHERE record_id = ?1")?.execute([id])?;
        match finding {
            Some((finding, project_id)) => {
                let place = self.place(finding, project_id, id, package_id)?;
                self.tell(&before, stored.as_ref(), finding, &place)?;
                let columns = self.columns(Some((finding, project_id)));
                self.update.execute(params![
                    id,
                    it.project_id,
                    &it.hash[..],
                    place.id,
                    columns.r#ref,
                    columns.on_primary,
                    columns.status,
                    columns.relevant_since,
                    package_id,
                    self.batch.contents.codec.as_ref().map(|codec| codec.dictionary_id),
                    packed.body_bytes,
                    packed.document_bytes,
                    packed.content,
                    brought,
                    columns.created_at
                ])?;
                self.written.insert(id, finding);
                self.touched.insert(place.id);
                if let Some(other) = before.finding_id.filter(|other| *other != place.id) {
                    self.touched.insert(other);
                    self.moved.push((other, place.id));
                }
                self.left.extend(before.package_id.filter(|old| Some(*old) != package_id));
            }
            None => self.change_body(id, it, packed, &before, stored.as_ref(), package_id)?,
        }
        Ok(())
    }

    /// Writes over the body of a record that normalizes to no finding: if it
    /// was one, that stays as it was last understood.
    fn change_body(
        &mut self,
        id: i64,
        it: &Classified,
        packed: &Packed,
        before: &Before,
        stored: Option<&Content>,
        package_id: Option<i64>,
    ) -> Result<()> {
        let document = stored.map(Content::document).unwrap_or_default();
        let Some(codec) = &self.batch.contents.codec else { return Err(StoreError::Corrupt) };
        let content = if document.is_empty() {
            packed.content.clone()
        } else {
            codec.encoder()?.compress(&[it.record.body.as_bytes(), document].concat())?
        };
        let package_id = package_id.or(before.package_id);
        self.connection
            .prepare_cached(
                "UPDATE records SET vanished_at = iif(?9, NULL, vanished_at), hash = ?2, package_id = ?3, dictionary_id = ?4, \
                 body_bytes = ?5, document_bytes = ?6, content = ?7, \
                 project_id = iif(finding_id IS NULL, ?8, project_id) WHERE id = ?1",
            )?
            .execute(params![
                id,
                &it.hash[..],
                package_id,
                codec.dictionary_id,
                packed.body_bytes,
                document.len(),
                content,
                it.project_id,
                self.batch.brought
            ])?;
        if let (Some(finding), true) = (before.finding_id, before.returns) {
            self.note(finding, before.r#ref.as_deref(), &Change::returned())?;
            self.touched.insert(finding);
        }
        if let (Some(package), true) = (package_id, self.batch.brought) {
            let sql = "UPDATE packages SET vanished_at = NULL WHERE id = ?1 AND vanished_at IS NOT NULL";
            self.connection.prepare_cached(sql)?.execute([package])?;
        }
        self.left.extend(before.package_id.filter(|old| Some(*old) != package_id));
        Ok(())
    }

    /// Notes what the change of a record means for its finding.
    fn tell(&self, before: &Before, stored: Option<&Content>, finding: &Finding, place: &Place) -> Result<()> {
        let (old, new) = (before.r#ref.as_deref(), finding.r#ref.as_deref());
        if before.finding_id != Some(place.id) {
            if let Some(other) = before.finding_id {
                self.note(other, old, &Change::left(old))?;
            }
            return if place.known_before { self.note(place.id, new, &Change::appeared(new)) } else { Ok(()) };
        }
        if !place.known_before {
            return Ok(());
        }
        if before.returns {
            self.note(place.id, new, &Change::returned())?;
        }
        let Some(stored) = stored.filter(|it| !it.document().is_empty()) else { return Ok(()) };
        changes(&stored.finding()?, finding).iter().try_for_each(|change| self.note(place.id, new, change))
    }

    fn note(&self, finding_id: i64, r#ref: Option<&str>, change: &Change) -> Result<()> {
        change.note(self.connection, finding_id, self.batch.run_id, r#ref, self.batch.now)
    }

    fn columns<'f>(&self, finding: Option<(&'f Finding, i64)>) -> Columns<'f> {
        let Some((finding, project_id)) = finding else { return Columns::default() };
        let r#ref = finding.r#ref.as_deref();
        let primary = self.projects.primary_branch.get(&project_id).map(String::as_str);
        Columns {
            r#ref,
            on_primary: r#ref.is_some() && r#ref == primary,
            status: Some(status::word(&finding.lifecycle.status)),
            relevant_since: finding.lifecycle.relevant_since.map(Timestamp::as_micros),
            created_at: dates::recorded_at(&finding.lifecycle).map(Timestamp::as_micros),
        }
    }

    /// Decides what the findings show that this page shares with others.
    pub fn finish(self, stats: &mut RunStats) -> Result<Written<'a>> {
        let Self { connection, decoder, batch, touched, moved, written, left, new, .. } = self;
        for (from, to) in moved {
            follow_record(connection, from, to, batch.now)?;
        }
        let (shared, new) = new.into_iter().partition::<Vec<_>, _>(|it| touched.contains(&it.id));
        let mut mark = connection.prepare_cached("INSERT OR IGNORE INTO dirty_findings VALUES (?1)")?;
        for it in shared {
            mark.execute([it.id])?;
        }
        for id in touched {
            stats.led(elect_primary(connection, decoder, id, batch.now, |record| written.get(&record).copied())?);
        }
        Ok(Written { new, left })
    }
}

/// What was decided about a finding goes with its last record.
fn follow_record(connection: &Connection, from: i64, to: i64, now: Timestamp) -> Result<()> {
    let sql = "SELECT one.public_id, other.public_id FROM findings AS one JOIN findings AS other ON other.id = ?2 \
               WHERE one.id = ?1 AND NOT EXISTS (SELECT 1 FROM records \
               WHERE records.project_id = one.project_id AND records.finding_id = one.id)";
    let gone =
        connection.prepare_cached(sql)?.query_row([from, to], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    gone.map_or(Ok(()), |(from, to)| follow(connection, from, to, now))
}

/// What is left to do when the records are written.
pub(crate) struct Written<'a> {
    /// Findings that were not known before, and that no other record is about,
    /// in the order of their ids. What is derived from them is to be derived:
    /// they are not marked for a refresh.
    pub new: Vec<New<'a>>,
    /// Packages that a record named and names no more.
    pub left: BTreeSet<i64>,
}

/// Columns of a record that come from its finding.
#[derive(Default)]
struct Columns<'a> {
    r#ref: Option<&'a str>,
    on_primary: bool,
    status: Option<&'a str>,
    relevant_since: Option<i64>,
    created_at: Option<i64>,
}
