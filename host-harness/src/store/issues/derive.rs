//! Keeps issues up to date with the findings that changed. What is compared is
//! only the blocks of these findings: findings about one package, or in one
//! file, of one repository.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    group::{Piece, best_first, group},
    member::{Member, Way, hash, is_number},
    sum::{Sum, Summed},
};
use crate::store::{
    Result,
    advisories::find,
    derive::{Stale, Subject},
};

/// Blocks that are settled in one transaction.
const BLOCKS: usize = 1_000;

/// Writes down what decides to which issues these findings belong, and marks
/// their blocks: a block is settled once, however many of its findings changed.
pub(in crate::store) fn derive(connection: &Connection, batch: &[Stale]) -> Result<()> {
    let mut blocks = BTreeSet::new();
    let mut writer = MemberWriter { connection, scopes: Scopes::default(), aliases: HashMap::new() };
    for stale in batch {
        writer.write(stale, &mut blocks)?;
    }
    let mut mark = connection.prepare_cached("INSERT OR IGNORE INTO stale_blocks VALUES (?1)")?;
    for block in blocks {
        mark.execute([block])?;
    }
    Ok(())
}

/// Makes the issues of some marked blocks what their findings say; returns how
/// many blocks, 0 when there are none left.
pub(in crate::store) fn settle_blocks(connection: &Connection) -> Result<usize> {
    let mut statement = connection.prepare_cached("SELECT block FROM stale_blocks ORDER BY block LIMIT ?1")?;
    let blocks = statement.query_map([BLOCKS as i64], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    let mut scopes = Scopes::default();
    for block in &blocks {
        settle(connection, &mut scopes, *block)?;
    }
    // They are the first ones, in their order.
    if let Some(last) = blocks.last() {
        connection.prepare_cached("DELETE FROM stale_blocks WHERE block <= ?1")?.execute([last])?;
    }
    Ok(blocks.len())
}

/// Marks the findings whose advisories have other numbers than they had when
/// they were last looked at.
pub(in crate::store) fn mark_changed_aliases(connection: &Connection) -> Result<()> {
    let mut aliases = HashMap::new();
    let mut mark = connection.prepare_cached("INSERT OR IGNORE INTO stale VALUES (?1)")?;
    let mut statement = connection.prepare_cached(
        "SELECT finding_id, advisories, marks FROM issue_members JOIN findings ON findings.id = finding_id \
         WHERE advisories IS NOT NULL",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (said, marks) =
            (row.get_ref(1)?.as_str().unwrap_or_default(), row.get_ref(2)?.as_str().unwrap_or_default());
        let mut numbers: BTreeSet<String> = BTreeSet::new();
        for id in said.split_whitespace() {
            numbers.insert(id.to_owned());
            numbers.extend(numbers_of(connection, &mut aliases, id)?);
        }
        if !numbers.iter().map(String::as_str).eq(marks.split('\n')) {
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

/// Writes down what decides to which issues findings belong.
struct MemberWriter<'a> {
    connection: &'a Connection,
    scopes: Scopes,
    aliases: HashMap<String, Vec<String>>,
}

impl MemberWriter<'_> {
    /// Notes the blocks that a finding was in and is in.
    fn write(&mut self, stale: &Stale, blocks: &mut BTreeSet<i64>) -> Result<()> {
        let connection = self.connection;
        let before: Option<i64> = connection
            .prepare_cached("SELECT block FROM issue_members WHERE finding_id = ?1")?
            .query_row([stale.id], |row| row.get(0))
            .optional()?;
        blocks.extend(before);
        let Some(subject) = &stale.subject else {
            connection.prepare_cached("DELETE FROM issue_members WHERE finding_id = ?1")?.execute([stale.id])?;
            return Ok(());
        };
        let member = self.member(subject)?;
        blocks.insert(member.block);
        connection
            .prepare_cached(
                "INSERT INTO issue_members (finding_id, block, scope, kind, ecosystem, place, identity, prints, marks, \
                 first_line, last_line) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
                 ON CONFLICT (finding_id) DO UPDATE SET block = ?2, scope = ?3, kind = ?4, ecosystem = ?5, place = ?6, \
                 identity = ?7, prints = ?8, marks = ?9, first_line = ?10, last_line = ?11 \
                 WHERE (block, scope, identity, prints, marks, first_line, last_line) \
                 IS NOT (?2, ?3, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                stale.id,
                member.block,
                member.scope,
                member.kind,
                member.ecosystem,
                member.place,
                member.identity,
                member.prints,
                member.marks,
                member.first_line,
                member.last_line,
            ])?;
        Ok(())
    }

    fn member(&mut self, subject: &Subject) -> Result<Member> {
        let Self { connection, scopes, aliases } = self;
        // The name of a project without a repository stands in for it.
        let scope = subject.repository_id.unwrap_or(-subject.project_id);
        let name = scopes.name(connection, scope)?;
        Member::of(subject, scope, name, |id| numbers_of(connection, aliases, id))
    }
}

/// What repositories, and projects without one, are known by on every machine.
#[derive(Default)]
struct Scopes(HashMap<i64, String>);

impl Scopes {
    fn name(&mut self, connection: &Connection, scope: i64) -> Result<&str> {
        use std::collections::hash_map::Entry;
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
    issue_id: Option<i64>,
    scope: i64,
    kind: String,
    ecosystem: Option<String>,
    place: String,
    identity: i64,
    prints: String,
    marks: String,
    lines: Option<(u32, u32)>,
    instance_id: i64,
    summed: Summed,
}

fn in_block(row: &Row<'_>) -> rusqlite::Result<InBlock> {
    let (first, last): (Option<u32>, Option<u32>) = (row.get(9)?, row.get(10)?);
    Ok(InBlock {
        finding_id: row.get(0)?,
        issue_id: row.get(1)?,
        scope: row.get(2)?,
        kind: row.get(3)?,
        ecosystem: row.get(4)?,
        place: row.get(5)?,
        identity: row.get(6)?,
        prints: row.get(7)?,
        marks: row.get(8)?,
        lines: first.zip(last),
        instance_id: row.get(11)?,
        summed: Summed::from_row(row, 12)?,
    })
}

/// An issue as it is to be.
struct Made<'a> {
    members: Vec<&'a InBlock>,
    aliases: Vec<i64>,
    advisories: Option<String>,
    sum: Sum<'a>,
}

/// Makes the issues of a block what its findings say.
fn settle(connection: &Connection, scopes: &mut Scopes, block: i64) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT finding_id, issue_id, scope, issue_members.kind AS kind, ecosystem, place, identity, prints, marks, \
         first_line, last_line, instance_id, public_id, severity, status, security, title, rule_id, priority, cvss, \
         epss, first_seen_at FROM issue_members JOIN findings ON findings.id = finding_id WHERE block = ?1 \
         ORDER BY public_id",
    )?;
    let members = statement.query_map([block], in_block)?.collect::<rusqlite::Result<Vec<InBlock>>>()?;
    let made = make(connection, scopes, block, &members)?;
    let mut known = connection.prepare_cached("SELECT id FROM issues WHERE block = ?1")?;
    let known: BTreeSet<i64> = known.query_map([block], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for id in known.iter().filter(|id| !made.contains_key(id)) {
        connection.prepare_cached("DELETE FROM issue_aliases WHERE issue_id = ?1")?.execute([id])?;
        connection.prepare_cached("DELETE FROM issues WHERE id = ?1")?.execute([id])?;
    }
    for (id, issue) in &made {
        write_issue(connection, block, *id, issue, known.contains(id))?;
        write_aliases(connection, *id, issue, known.contains(id))?;
        let mut join =
            connection.prepare_cached("UPDATE OR FAIL issue_members SET issue_id = ?2 WHERE finding_id = ?1")?;
        for member in issue.members.iter().filter(|member| member.issue_id != Some(*id)) {
            join.execute([member.finding_id, *id])?;
        }
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
    let way = Way::of(&first.kind, first.ecosystem.is_some());
    let scope = scopes.name(connection, first.scope)?;
    let pieces: Vec<Piece<'_>> = members.iter().map(piece).collect();
    let mut made = BTreeMap::new();
    for group in group(way, &pieces) {
        let mut group: Vec<&InBlock> = group.into_iter().filter_map(|at| members.get(at)).collect();
        group.sort_by_key(|it| (it.summed.first_seen_at, it.summed.public_id));
        let marks = || group.iter().flat_map(|it| it.marks.split('\n'));
        let mut ids: Vec<i64> = match way {
            Way::Advisory => {
                best_first(marks()).into_iter().map(|mark| hash(["package", &block.to_string(), mark])).collect()
            }
            Way::Place | Way::Secret => {
                group.iter().map(|it| hash(["finding", scope, &it.summed.public_id.to_string()])).collect()
            }
        };
        if ids.is_empty() {
            continue;
        }
        let id = ids.remove(0);
        let numbers = (way == Way::Advisory).then(|| best_first(marks().filter(|mark| is_number(mark))));
        let advisories = numbers.filter(|it| !it.is_empty()).map(|it| format!(" {} ", it.join(" ")));
        let Some(sum) = Sum::of(&group.iter().map(|it| (it.instance_id, &it.summed))) else { continue };
        made.insert(id, Made { members: group, aliases: ids, advisories, sum });
    }
    Ok(made)
}

fn piece(member: &InBlock) -> Piece<'_> {
    Piece {
        source: member.instance_id,
        identity: member.identity,
        public_id: member.summed.public_id,
        vanished: member.summed.vanished(),
        lines: member.lines,
        prints: member.prints.split(' ').filter(|print| !print.is_empty()).collect(),
        marks: member.marks.split('\n').filter(|mark| !mark.is_empty()).collect(),
    }
}

/// Writes an issue; `known` where there is one of that id already.
fn write_issue(connection: &Connection, block: i64, id: i64, issue: &Made<'_>, known: bool) -> Result<()> {
    let Some(first) = issue.members.first() else { return Ok(()) };
    let Sum { shown, status, open, security, severity, priority, cvss, epss, sources, findings, first_seen_at } =
        issue.sum;
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
    ];
    let inserted = match known {
        true => 0,
        false => connection
            .prepare_cached(
                "INSERT OR FAIL INTO issues (id, block, kind, repository_id, project_id, severity, status, open, \
                 security, priority, title, ecosystem, place, rule_id, advisories, cvss, epss, sources, findings, \
                 first_seen_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, \
                 ?18, ?19, ?20) ON CONFLICT (id) DO NOTHING",
            )?
            .execute(columns)?,
    };
    // It may still be of another block.
    if inserted == 0 {
        connection
            .prepare_cached(
                "UPDATE OR FAIL issues SET block = ?2, kind = ?3, repository_id = ?4, project_id = ?5, severity = ?6, \
                 status = ?7, open = ?8, security = ?9, priority = ?10, title = ?11, ecosystem = ?12, place = ?13, \
                 rule_id = ?14, advisories = ?15, cvss = ?16, epss = ?17, sources = ?18, findings = ?19, \
                 first_seen_at = ?20 WHERE id = ?1 AND (block, kind, repository_id, project_id, severity, status, \
                 open, security, priority, title, ecosystem, place, rule_id, advisories, cvss, epss, sources, \
                 findings, first_seen_at) \
                 IS NOT (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
            )?
            .execute(columns)?;
    }
    Ok(())
}

fn write_aliases(connection: &Connection, id: i64, issue: &Made<'_>, known: bool) -> Result<()> {
    if known {
        let mut told = connection.prepare_cached("SELECT alias FROM issue_aliases WHERE issue_id = ?1")?;
        let told = told.query_map([id], |row| row.get(0))?.collect::<rusqlite::Result<BTreeSet<i64>>>()?;
        if told.iter().eq(issue.aliases.iter().collect::<BTreeSet<_>>()) {
            return Ok(());
        }
        connection.prepare_cached("DELETE FROM issue_aliases WHERE issue_id = ?1")?.execute([id])?;
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
