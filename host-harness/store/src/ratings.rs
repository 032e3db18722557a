//! Ratings of advisories, as the operator gave them.

use std::borrow::Cow;

use crate::{columns::document, error::Result};
use appsec_analysis::{Advisories, Advisory};
use appsec_model::AdvisoryId;
use rusqlite::{Connection, OptionalExtension};

/// What is known of these advisories, as one.
pub(crate) fn find_all(connection: &Connection, ids: &[AdvisoryId]) -> Result<Option<Advisory>> {
    let mut known = Advisories::default();
    for id in ids {
        if let Some(advisory) = find(connection, &id.id)? {
            known.add(advisory);
        }
    }
    Ok(known.for_ids(ids).map(Cow::into_owned))
}

/// What is known of an advisory by its number, in any spelling of case.
pub(crate) fn find(connection: &Connection, id: &str) -> Result<Option<Advisory>> {
    let found: Option<String> = connection
        .prepare_cached("SELECT document FROM advisories WHERE advisory_id = ?1")?
        .query_row([id.to_ascii_uppercase()], |row| row.get(0))
        .optional()?;
    found.map(|text| document("advisory", &text)).transpose()
}

/// Numbers of advisories as a column holds them: in capitals, each between two
/// line ends. Some have blanks in them.
pub(crate) fn listed<'a>(ids: impl Iterator<Item = &'a str>) -> Option<String> {
    let listed = ids.fold(String::new(), |list, id| list + "\n" + &id.replace('\n', " ").to_uppercase());
    (!listed.is_empty()).then(|| listed + "\n")
}

/// A number as [`listed`] has it, to be found in a list.
pub(crate) fn listed_one(id: &str) -> String {
    format!("\n{}\n", id.trim().to_uppercase())
}

/// The numbers of a list that [`listed`] made, in capitals.
pub(crate) fn numbers(list: &str) -> impl Iterator<Item = &str> {
    list.split('\n').filter(|id| !id.is_empty())
}

/// The numbers of such a list as their databases write them: the code of a GHSA
/// is in small letters.
pub(crate) fn spelled(list: &str) -> Vec<String> {
    let spell = |id: &str| match id.strip_prefix("GHSA-") {
        Some(code) => format!("GHSA-{}", code.to_lowercase()),
        None => id.to_owned(),
    };
    numbers(list).map(spell).collect()
}

#[cfg(test)]
mod tests {
    use super::{listed, listed_one, spelled};

    #[test]
    fn a_number_is_one_whatever_is_in_it() {
        let list = listed(["CVE-2019-18276", "GHSA-6c3j-c64m-qhgq", "note 7"].into_iter()).unwrap();
        assert_eq!(spelled(&list), ["CVE-2019-18276", "GHSA-6c3j-c64m-qhgq", "NOTE 7"]);
        for id in ["note 7", " ghsa-6C3J-c64m-qhgq ", "cve-2019-18276"] {
            assert!(list.contains(&listed_one(id)), "{id}");
        }
        assert!(!list.contains(&listed_one("note")) && listed(std::iter::empty()).is_none());
    }
}
