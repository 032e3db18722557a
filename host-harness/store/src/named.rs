//! Which finding or issue a person means: by its id or a unique beginning of it,
//! by the vendor's id, a fingerprint or an advisory.

use rusqlite::params;
use serde_json::json;

use crate::{
    database::FindingStore,
    error::{Result, StoreError},
    ids::{FindingId, IssueId},
};

/// Shorter beginnings of ids are words by chance.
const SHORTEST: usize = 4;

/// Hex digits of an id.
const DIGITS: usize = 16;

/// Candidates that are told.
const TOLD: usize = 10;

/// The ids that begin with these digits, the first and the last of them.
fn beginning(name: &str) -> Option<(i64, i64)> {
    let digits = (SHORTEST..=DIGITS).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let padded = |with: &str| u64::from_str_radix(&format!("{name}{}", with.repeat(DIGITS - name.len())), 16).ok();
    let (first, last) = if digits { (padded("0")?, padded("f")?) } else { return None };
    // An id has 63 bits.
    Some((i64::try_from(first).ok()?, i64::try_from(last).unwrap_or(i64::MAX)))
}

/// The only one of these, or why none is.
fn only<T: Copy + std::fmt::Display>(what: &'static str, name: &str, found: &[T]) -> Result<Option<T>> {
    match found {
        [] => Ok(None),
        [only] => Ok(Some(*only)),
        several => {
            let mut candidates: Vec<String> = several.iter().take(TOLD).map(ToString::to_string).collect();
            if several.len() > TOLD {
                candidates.push("…".to_owned());
            }
            let name: String = name.chars().take(80).collect();
            Err(StoreError::Ambiguous { what, name, candidates: candidates.join(", ") })
        }
    }
}

impl FindingStore {
    /// The finding that is meant: by its id, the vendor's id, a fingerprint or an
    /// advisory; as the only finding of an issue; else by the beginning of its id.
    pub(crate) fn finding_named(&self, name: &str) -> Result<FindingId> {
        let name = name.trim();
        let select = |sql: &str, parameters: &[&dyn rusqlite::ToSql]| -> Result<Vec<FindingId>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let rows = statement.query_map(parameters, |row| row.get(0).map(FindingId))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        };
        let limit = TOLD as i64 + 1;
        let rows = json!(self.known_as(name)?).to_string();
        let known = "SELECT public_id FROM findings WHERE id IN (SELECT value FROM json_each(?1)) \
                     ORDER BY priority DESC, public_id LIMIT ?2";
        if let Some(found) = only("findings", name, &select(known, params![rows, limit])?)? {
            return Ok(found);
        }
        let Some((first, last)) = beginning(name) else { return Err(StoreError::NoFinding(short(name))) };
        let of_issue = "SELECT DISTINCT public_id FROM issues \
                        LEFT JOIN issue_aliases ON issue_id = issues.id AND alias = ?1 \
                        JOIN issue_members ON issue_row = issues.row JOIN findings ON findings.id = finding_id \
                        WHERE issues.id = ?1 OR alias = ?1 ORDER BY public_id LIMIT ?2";
        if first == last
            && let Some(found) = only("findings", name, &select(of_issue, params![first, limit])?)?
        {
            return Ok(found);
        }
        let begins = "SELECT public_id FROM findings WHERE public_id BETWEEN ?1 AND ?2 ORDER BY public_id LIMIT ?3";
        let found = only("findings", name, &select(begins, params![first, last, limit])?)?;
        found.ok_or_else(|| StoreError::NoFinding(short(name)))
    }

    /// The issue that is meant: by its id, another id that leads to it, or
    /// whatever one of its findings is known by; else by the beginning of an id.
    pub(crate) fn issue_named(&self, name: &str) -> Result<IssueId> {
        let name = name.trim();
        let select = |sql: &str, parameters: &[&dyn rusqlite::ToSql]| -> Result<Vec<IssueId>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let rows = statement.query_map(parameters, |row| row.get(0).map(IssueId))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        };
        let limit = TOLD as i64 + 1;
        let by_id = "SELECT id FROM (SELECT id, id AS known FROM issues UNION ALL \
                     SELECT issue_id, alias FROM issue_aliases) WHERE known BETWEEN ?1 AND ?2 \
                     GROUP BY id ORDER BY id LIMIT ?3";
        let ids = beginning(name);
        if let Some((first, last)) = ids.filter(|(first, last)| first == last)
            && let Some(found) = only("issues", name, &select(by_id, params![first, last, limit])?)?
        {
            return Ok(found);
        }
        let rows = json!(self.known_as(name)?).to_string();
        let known = "SELECT DISTINCT issues.id FROM issue_members JOIN issues ON issues.row = issue_row \
                     WHERE finding_id IN (SELECT value FROM json_each(?1)) ORDER BY issues.id LIMIT ?2";
        if let Some(found) = only("issues", name, &select(known, params![rows, limit])?)? {
            return Ok(found);
        }
        let Some((first, last)) = ids else { return Err(StoreError::NoIssue(short(name))) };
        if let Some(found) = only("issues", name, &select(by_id, params![first, last, limit])?)? {
            return Ok(found);
        }
        let of_findings = "SELECT DISTINCT issues.id FROM findings JOIN issue_members ON finding_id = findings.id \
                           JOIN issues ON issues.row = issue_row WHERE public_id BETWEEN ?1 AND ?2 \
                           ORDER BY issues.id LIMIT ?3";
        let found = only("issues", name, &select(of_findings, params![first, last, limit])?)?;
        found.ok_or_else(|| StoreError::NoIssue(short(name)))
    }
}

fn short(name: &str) -> String {
    name.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::beginning;
    use crate::{error::StoreError, fixture::TestContext, ids::FindingId};

    #[test]
    fn an_id_may_be_shortened_but_not_to_a_word() {
        assert_eq!(beginning("7be9"), Some((0x7be9_0000_0000_0000, 0x7be9_ffff_ffff_ffff)));
        assert_eq!(beginning("0123456789abcdef"), Some((0x0123_4567_89ab_cdef, 0x0123_4567_89ab_cdef)));
        for none in ["7be", "7bez", "", "0123456789abcdef0", "8000", "ffff"] {
            assert_eq!(beginning(none), None, "{none}");
        }
    }

    #[test]
    fn whatever_a_finding_is_known_by_names_it_and_its_issue() {
        let context = TestContext::with_project();
        context.findings(&[json!({ "id": "70004145", "key": "fingerprint-1" }), json!({ "id": "8", "key": "k2" })], 1);
        let ids: Vec<FindingId> = context
            .all()
            .iter()
            .filter(|it| it.occurrence_details[0].finding.id == "70004145")
            .map(|it| it.row.id)
            .collect();
        let full = ids[0].to_string();
        context.store.with(|store| {
            let issue = store.issue_named(&full).unwrap();
            for name in [full.as_str(), &full[..6], "70004145", "fingerprint-1", &issue.to_string()] {
                assert_eq!(store.finding_named(name).unwrap(), ids[0], "{name}");
                assert_eq!(store.issue_named(name).unwrap(), issue, "{name}");
            }
            assert!(matches!(store.finding_named("nothing"), Err(StoreError::NoFinding(name)) if name == "nothing"));
            assert!(matches!(store.issue_named("nothing"), Err(StoreError::NoIssue(_))));
        });
    }

    #[test]
    fn a_beginning_of_several_ids_lists_them() {
        let context = TestContext::with_project();
        context.findings(&[json!({ "id": "1", "key": "k1" }), json!({ "id": "2", "key": "k2" })], 1);
        context.store.with(|store| {
            let sql = "UPDATE findings SET public_id = 81985529216486895 + id WHERE 1";
            store.connection.execute(sql, []).unwrap();
            let Err(error) = store.finding_named("01234") else { panic!("one of two is taken") };
            let told = error.to_string();
            assert!(told.contains("0123456789abcdf0") && told.contains("0123456789abcdf1"), "{told}");
        });
    }
}
