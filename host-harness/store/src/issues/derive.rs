//! Keeps issues up to date with the findings that changed. What is compared is
//! only the blocks of these findings: findings about one package, or in one
//! file, of one repository.

use std::collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry};

use crate::{
    error::Result,
    ratings::{find, listed, numbers},
    subject::{Dirty, Subject},
};
use appsec_analysis::correlation::{
    Candidate, IssueSummary, MatchKey, MatchStrategy, Summed, best_first, group, hash, is_number,
};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

/// Blocks that are settled in one transaction.
const BLOCKS: usize = 1_000;

/// Writes down what decides to which issues these findings belong, and marks
/// their blocks: a block is settled once, however many of its findings changed.
/// Those of which nothing was known before are settled at once.
pub(crate) fn derive(connection: &Connection, batch: &[Dirty<'_>]) -> Result<()> {
    let mut members = Members { connection, scopes: Scopes::default(), aliases: HashMap::new() };
    let mut block_of = connection.prepare_cached("SELECT block FROM issue_members WHERE finding_id = ?1")?;
    let last = last_member(connection)?;
    let mut is_new = connection.prepare_cached(
        "SELECT NOT EXISTS (SELECT 1 FROM issues WHERE block = ?1) \
         AND NOT EXISTS (SELECT 1 FROM issue_members WHERE block = ?1 AND issue_row IS NULL)",
    )?;
    // Where the findings of a new block are gathered; none where it is not new.
    let mut places: HashMap<i64, Option<usize>> = HashMap::new();
    let mut gathered: Vec<(i64, Vec<InBlock>)> = Vec::new();
    let mut marked = BTreeSet::new();
    for stale in batch {
        let before: Option<i64> = match stale.id > last {
            true => None,
            false => block_of.query_row([stale.id], |row| row.get(0)).optional()?,
        };
        marked.extend(before);
        let Some(subject) = &stale.subject else {
            connection.prepare_cached("DELETE FROM issue_members WHERE finding_id = ?1")?.execute([stale.id])?;
            continue;
        };
        let (block, member) = members.member(subject)?;
        let place = match places.entry(block) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(free) => {
                let place: bool = is_new.query_row([block], |row| row.get(0))?;
                *free.insert(place.then(|| {
                    gathered.push((block, Vec::new()));
                    gathered.len() - 1
                }))
            }
        };
        match place.and_then(|place| gathered.get_mut(place)) {
            Some((_, gathered)) if before.is_none() => gathered.push(InBlock::new(stale.id, member, subject)),
            _ => {
                write_member(connection, block, stale.id, &member)?;
                marked.insert(block);
            }
        }
    }
    settle_new(connection, &mut members.scopes, &mut gathered)?;
    let mut mark = connection.prepare_cached("INSERT OR IGNORE INTO dirty_blocks VALUES (?1)")?;
    for block in marked {
        mark.execute([block])?;
    }
    Ok(())
}

/// The last finding of which a member is known; 0 where there is none.
fn last_member(connection: &Connection) -> Result<i64> {
    let sql = "SELECT coalesce(max(finding_id), 0) FROM issue_members";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// Makes the issues of some marked blocks what their findings say; returns how
/// many blocks, 0 when there are none left.
pub(crate) fn settle_blocks(connection: &Connection) -> Result<usize> {
    let mut statement = connection.prepare_cached("SELECT block FROM dirty_blocks ORDER BY block LIMIT ?1")?;
    let blocks = statement.query_map([BLOCKS as i64], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    let mut scopes = Scopes::default();
    for block in &blocks {
        settle(connection, &mut scopes, *block)?;
    }
    // They are the first ones, in their order.
    if let Some(last) = blocks.last() {
        connection.prepare_cached("DELETE FROM dirty_blocks WHERE block <= ?1")?.execute([last])?;
    }
    Ok(blocks.len())
}

/// Marks the findings whose advisories have other numbers than they had when
/// they were last looked at.
pub(crate) fn mark_changed_aliases(connection: &Connection) -> Result<()> {
    let mut aliases = HashMap::new();
    let mut mark = connection.prepare_cached("INSERT OR IGNORE INTO dirty_findings VALUES (?1)")?;
    let mut statement = connection.prepare_cached(
        "SELECT finding_id, advisories, marks FROM issue_members JOIN findings ON findings.id = finding_id \
         WHERE advisories IS NOT NULL",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (said, marks) =
            (row.get_ref(1)?.as_str().unwrap_or_default(), row.get_ref(2)?.as_str().unwrap_or_default());
        let mut all: BTreeSet<String> = BTreeSet::new();
        for id in numbers(said) {
            all.insert(id.to_owned());
            all.extend(numbers_of(connection, &mut aliases, id)?);
        }
        if !all.iter().map(String::as_str).eq(marks.split('\n')) {
            mark.execute([row.get::<_, i64>(0)?])?;
        }
    }
    Ok(())
}

/// All numbers that the operator's files give to an advisory.
fn numbers_of(connection: &Connection, known: &mut HashMap<String, Vec<String>>, id: &str) -> Result<Vec<String>> {
    if let Some(numbers) = known.get(id) {
        return Ok(numbers.clone());
    }
    let found = find(connection, id)?;
    let numbers: Vec<String> = found.iter().flat_map(|it| &it.ids).map(|id| id.to_uppercase()).collect();
    known.insert(id.to_owned(), numbers.clone());
    Ok(numbers)
}

/// Finds what decides to which issues findings belong.
struct Members<'a> {
    connection: &'a Connection,
    scopes: Scopes,
    aliases: HashMap<String, Vec<String>>,
}

impl Members<'_> {
    /// The block that a finding belongs to, and as what.
    fn member(&mut self, subject: &Subject<'_>) -> Result<(i64, MatchKey)> {
        let Self { connection, scopes, aliases } = self;
        // The name of a project without a repository stands in for it.
        let scope = subject.project.repository_id.unwrap_or(-subject.project_id);
        let name = scopes.name(connection, scope)?;
        let member =
            MatchKey::of(&subject.finding, subject.rule.as_deref(), scope, |id| numbers_of(connection, aliases, id))?;
        Ok((member.block(name), member))
    }
}

/// Writes down what decides to which issues a finding belongs. In another block
/// than before it is of no issue yet.
fn write_member(connection: &Connection, block: i64, id: i64, member: &MatchKey) -> Result<()> {
    let MatchKey { scope, kind, ecosystem, place, identity, prints, marks, lines } = member;
    let (first_line, last_line) = lines.unzip();
    connection
        .prepare_cached(
            "INSERT INTO issue_members (finding_id, block, scope, kind, ecosystem, place, identity, prints, marks, \
             first_line, last_line) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
             ON CONFLICT (finding_id) DO UPDATE SET issue_row = iif(block = ?2, issue_row, NULL), block = ?2, \
             scope = ?3, kind = ?4, ecosystem = ?5, place = ?6, identity = ?7, prints = ?8, marks = ?9, \
             first_line = ?10, last_line = ?11 \
             WHERE (block, scope, identity, prints, marks, first_line, last_line) \
             IS NOT (?2, ?3, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![id, block, scope, kind, ecosystem, place, identity, prints, marks, first_line, last_line,])?;
    Ok(())
}

/// What repositories, and projects without one, are known by on every machine.
#[derive(Default)]
struct Scopes(HashMap<i64, String>);

impl Scopes {
    fn name(&mut self, connection: &Connection, scope: i64) -> Result<&str> {
        match self.0.entry(scope) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(free) => Ok(free.insert(scope_name(connection, scope)?)),
        }
    }
}

fn scope_name(connection: &Connection, scope: i64) -> Result<String> {
    let (sql, id) = match scope {
        ..0 => ("SELECT 'project ' || name FROM projects WHERE id = ?1", scope.unsigned_abs().cast_signed()),
        0.. => (
            "SELECT 'repository ' || coalesce(address, provider || ' ' || full_name) FROM repositories WHERE id = ?1",
            scope,
        ),
    };
    let found: Option<String> = connection.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or_default().to_lowercase())
}

/// A finding of a block.
struct InBlock {
    finding_id: i64,
    issue_row: Option<i64>,
    instance_id: i64,
    member: MatchKey,
    summed: Summed,
}

impl InBlock {
    /// One that is of no issue yet.
    fn new(finding_id: i64, member: MatchKey, subject: &Subject<'_>) -> Self {
        let (instance_id, summed) = (subject.instance_id, summed(subject));
        Self { finding_id, issue_row: None, instance_id, member, summed }
    }

    fn of_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (first, last): (Option<u32>, Option<u32>) = (row.get(9)?, row.get(10)?);
        Ok(Self {
            finding_id: row.get(0)?,
            issue_row: row.get(1)?,
            member: MatchKey {
                scope: row.get(2)?,
                kind: row.get(3)?,
                ecosystem: row.get(4)?,
                place: row.get(5)?,
                identity: row.get(6)?,
                prints: row.get(7)?,
                marks: row.get(8)?,
                lines: first.zip(last),
            },
            instance_id: row.get(11)?,
            summed: summed_of_row(row, 12)?,
        })
    }
}

/// What is summed up of a finding that is at hand.
pub(crate) fn summed(it: &Subject<'_>) -> Summed {
    Summed {
        public_id: it.public_id,
        severity: it.severity as i64,
        status: it.status.clone(),
        security: it.security,
        title: it.finding.title.clone(),
        rule_id: it.rule_id.clone(),
        priority: it.priority,
        cvss: it.cvss,
        epss: it.epss,
        kev: it.kev,
        first_seen_at: it.first_seen_at.as_micros(),
        ingested_at: it.ingested_at.as_micros(),
    }
}

/// The same from a row whose columns from there on are these, in this order.
fn summed_of_row(row: &Row<'_>, first: usize) -> rusqlite::Result<Summed> {
    Ok(Summed {
        public_id: row.get(first)?,
        severity: row.get(first + 1)?,
        status: row.get(first + 2)?,
        security: row.get(first + 3)?,
        title: row.get(first + 4)?,
        rule_id: row.get(first + 5)?,
        priority: row.get(first + 6)?,
        cvss: row.get(first + 7)?,
        epss: row.get(first + 8)?,
        first_seen_at: row.get(first + 9)?,
        ingested_at: row.get(first + 10)?,
        kev: row.get(first + 11)?,
    })
}

/// An issue as it is to be.
struct Made<'a> {
    /// The one that was seen first.
    first: &'a InBlock,
    members: Vec<&'a InBlock>,
    aliases: Vec<i64>,
    advisories: Option<String>,
    sum: IssueSummary<'a>,
}

/// Makes the issues of a block what its findings say.
fn settle(connection: &Connection, scopes: &mut Scopes, block: i64) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT finding_id, issue_row, scope, issue_members.kind AS kind, ecosystem, place, identity, prints, marks, \
         first_line, last_line, instance_id, public_id, severity, status, security, title, rule_id, priority, cvss, \
         epss, first_seen_at, ingested_at, findings.kev FROM issue_members JOIN findings ON findings.id = finding_id WHERE finding_id IN ( \
         SELECT finding_id FROM issue_members WHERE issue_row IN (SELECT row FROM issues WHERE block = ?1) \
         UNION ALL SELECT finding_id FROM issue_members WHERE issue_row IS NULL AND block = ?1) ORDER BY public_id",
    )?;
    let members = statement.query_map([block], InBlock::of_row)?.collect::<rusqlite::Result<Vec<InBlock>>>()?;
    let made = make(connection, scopes, block, &members)?;
    let mut known = connection.prepare_cached("SELECT id, row FROM issues WHERE block = ?1")?;
    let known = known.query_map([block], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let known = known.collect::<rusqlite::Result<BTreeMap<i64, i64>>>()?;
    for id in known.keys().filter(|id| !made.contains_key(id)) {
        connection.prepare_cached("DELETE FROM issue_aliases WHERE issue_id = ?1")?.execute([id])?;
        connection.prepare_cached("DELETE FROM issues WHERE id = ?1")?.execute([id])?;
    }
    let mut insert = connection.prepare_cached(INSERT_ISSUE)?;
    for (id, issue) in &made {
        let known = known.get(id).copied();
        let (row, was_there) = write_issue(connection, &mut insert, block, *id, issue, known)?;
        write_aliases(connection, *id, issue, was_there)?;
        let mut join =
            connection.prepare_cached("UPDATE OR FAIL issue_members SET issue_row = ?2 WHERE finding_id = ?1")?;
        for member in issue.members.iter().filter(|member| member.issue_row != Some(row)) {
            join.execute([member.finding_id, row])?;
        }
    }
    Ok(())
}

/// Makes the issues of blocks that nothing was known of: their findings are
/// these. What is written comes to the end of each table, in its order.
fn settle_new(connection: &Connection, scopes: &mut Scopes, blocks: &mut [(i64, Vec<InBlock>)]) -> Result<()> {
    let mut insert_issue = connection.prepare_cached(INSERT_ISSUE)?;
    let mut joined: Vec<(i64, &MatchKey, i64, Option<i64>)> = Vec::new();
    for (block, members) in blocks {
        members.sort_by_key(|it| it.summed.public_id);
        let made = make(connection, scopes, *block, members)?;
        let mut made: Vec<(&i64, &Made<'_>)> = made.iter().collect();
        made.sort_by_key(|(_, issue)| issue.first.finding_id);
        let mut rows = HashMap::with_capacity(members.len());
        for (id, issue) in made {
            let (row, was_there) = write_issue(connection, &mut insert_issue, *block, *id, issue, None)?;
            write_aliases(connection, *id, issue, was_there)?;
            rows.extend(issue.members.iter().map(|member| (member.finding_id, row)));
        }
        joined.extend(members.iter().map(|it| (it.finding_id, &it.member, *block, rows.get(&it.finding_id).copied())));
    }
    joined.sort_by_key(|(finding_id, ..)| *finding_id);
    let mut insert = connection.prepare_cached(
        "INSERT OR FAIL INTO issue_members (finding_id, block, scope, kind, ecosystem, place, identity, prints, marks, \
         first_line, last_line, issue_row) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    for (finding_id, member, block, row) in joined {
        let MatchKey { scope, kind, ecosystem, place, identity, prints, marks, lines } = member;
        let (first_line, last_line) = lines.unzip();
        insert.execute(params![
            finding_id, block, scope, kind, ecosystem, place, identity, prints, marks, first_line, last_line, row,
        ])?;
    }
    Ok(())
}

/// The issues of a block by their ids.
fn make<'a>(
    connection: &Connection,
    scopes: &mut Scopes,
    block: i64,
    members: &'a [InBlock],
) -> Result<BTreeMap<i64, Made<'a>>> {
    let Some(first) = members.first() else { return Ok(BTreeMap::new()) };
    let way = MatchStrategy::of(&first.member.kind, first.member.ecosystem.is_some());
    let scope = scopes.name(connection, first.member.scope)?;
    let candidates: Vec<Candidate<'_>> = members.iter().map(piece).collect();
    let mut made = BTreeMap::new();
    for group in group(way, &candidates) {
        let mut group: Vec<&InBlock> = group.into_iter().filter_map(|at| members.get(at)).collect();
        group.sort_by_key(|it| (it.summed.ingested_at, it.summed.public_id));
        let marks = || group.iter().flat_map(|it| it.member.marks.split('\n'));
        let mut ids: Vec<i64> = match way {
            MatchStrategy::Advisory => {
                best_first(marks()).into_iter().map(|mark| hash(["package", &block.to_string(), mark])).collect()
            }
            MatchStrategy::Place | MatchStrategy::Secret => {
                group.iter().map(|it| hash(["finding", scope, &it.summed.public_id.to_string()])).collect()
            }
        };
        if ids.is_empty() {
            continue;
        }
        let id = ids.remove(0);
        let found = (way == MatchStrategy::Advisory).then(|| best_first(marks().filter(|mark| is_number(mark))));
        let advisories = found.and_then(|it| listed(it.into_iter()));
        let Some(sum) = IssueSummary::of(&group.iter().map(|it| (it.instance_id, &it.summed))) else { continue };
        let Some(first) = group.first().copied() else { continue };
        made.insert(id, Made { first, members: group, aliases: ids, advisories, sum });
    }
    Ok(made)
}

fn piece(of: &InBlock) -> Candidate<'_> {
    let InBlock { member, summed, .. } = of;
    Candidate {
        source: of.instance_id,
        identity: member.identity,
        public_id: summed.public_id,
        vanished: summed.vanished(),
        lines: member.lines,
        prints: member.prints.split(' ').filter(|print| !print.is_empty()).collect(),
        marks: member.marks.split('\n').filter(|mark| !mark.is_empty()).collect(),
    }
}

const INSERT_ISSUE: &str = "INSERT OR FAIL INTO issues (id, block, kind, repository_id, project_id, severity, status, \
     open, security, priority, title, ecosystem, place, rule_id, advisories, cvss, epss, sources, findings, \
     first_seen_at, kev) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21) \
     ON CONFLICT (id) DO NOTHING";

/// Writes an issue; `insert` is [`INSERT_ISSUE`], `known` its row where the block
/// has one of that id already. Returns the row, and whether it was there before,
/// in this block or another one.
fn write_issue(
    connection: &Connection,
    insert: &mut CachedStatement<'_>,
    block: i64,
    id: i64,
    issue: &Made<'_>,
    known: Option<i64>,
) -> Result<(i64, bool)> {
    let first = &issue.first.member;
    let IssueSummary {
        shown,
        status,
        open,
        security,
        severity,
        priority,
        cvss,
        epss,
        kev,
        sources,
        findings,
        first_seen_at,
    } = issue.sum;
    let columns = params![
        id,
        block,
        first.kind,
        (first.scope > 0).then_some(first.scope),
        (first.scope < 0).then_some(-first.scope),
        severity,
        status,
        open,
        security,
        priority,
        shown.title,
        first.ecosystem,
        first.place,
        shown.rule_id,
        issue.advisories,
        cvss,
        epss,
        sources,
        findings,
        first_seen_at,
        kev,
    ];
    if known.is_none() && insert.execute(columns)? == 1 {
        return Ok((connection.last_insert_rowid(), false));
    }
    connection
        .prepare_cached(
            "UPDATE OR FAIL issues SET block = ?2, kind = ?3, repository_id = ?4, project_id = ?5, severity = ?6, \
             status = ?7, open = ?8, security = ?9, priority = ?10, title = ?11, ecosystem = ?12, place = ?13, \
             rule_id = ?14, advisories = ?15, cvss = ?16, epss = ?17, sources = ?18, findings = ?19, \
             first_seen_at = ?20, kev = ?21 WHERE id = ?1 AND (block, kind, repository_id, project_id, severity, status, \
             open, security, priority, title, ecosystem, place, rule_id, advisories, cvss, epss, sources, \
             findings, first_seen_at, kev) \
             IS NOT (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
        )?
        .execute(columns)?;
    if let Some(known) = known {
        return Ok((known, true));
    }
    // It was still of another block, whose other findings are to find their issues anew.
    let row = connection.prepare_cached("SELECT row FROM issues WHERE id = ?1")?.query_row([id], |row| row.get(0))?;
    connection
        .prepare_cached("UPDATE OR FAIL issue_members SET issue_row = NULL WHERE issue_row = ?1 AND block <> ?2")?
        .execute([row, block])?;
    Ok((row, true))
}

/// Writes the aliases of an issue in the place of those that it had, if it was
/// there before.
fn write_aliases(connection: &Connection, id: i64, issue: &Made<'_>, was_there: bool) -> Result<()> {
    if was_there {
        let mut told = connection.prepare_cached("SELECT alias FROM issue_aliases WHERE issue_id = ?1")?;
        let told = told.query_map([id], |row| row.get(0))?.collect::<rusqlite::Result<BTreeSet<i64>>>()?;
        if told.iter().eq(issue.aliases.iter().collect::<BTreeSet<_>>()) {
            return Ok(());
        }
        connection.prepare_cached("DELETE FROM issue_aliases WHERE issue_id = ?1")?.execute([id])?;
    }
    if issue.aliases.is_empty() {
        return Ok(());
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO issue_aliases (alias, issue_id) VALUES (?1, ?2) \
         ON CONFLICT (alias) DO UPDATE SET issue_id = ?2",
    )?;
    for alias in &issue.aliases {
        insert.execute([*alias, id])?;
    }
    Ok(())
}
