//! The names of weaknesses, as CWE has them.
//!
//! The table beside this file is made from MITRE's list, version 4.14: its
//! weaknesses, and the categories with numbers below 700, which older scanners
//! still name; without those that are deprecated. Use of it is granted by
//! MITRE's terms, which are in `cwe.LICENSE`.

use std::sync::LazyLock;

use appsec_model::Cwe;

/// A line per number, in their order: the number, a tab and the name.
const TABLE: &str = include_str!("cwe.tsv");

static NAMES: LazyLock<Vec<(u32, &str)>> = LazyLock::new(|| {
    let row = |line: &'static str| {
        let (number, name) = line.split_once('\t')?;
        Some((number.parse().ok()?, name))
    };
    TABLE.lines().filter_map(row).collect()
});

/// The name of a weakness; none where the number is not in the table.
pub fn name(cwe: u32) -> Option<&'static str> {
    let at = NAMES.binary_search_by_key(&cwe, |(number, _)| *number).ok()?;
    NAMES.get(at).map(|(_, name)| *name)
}

/// A weakness for people: its number with the name that the source has for it, or
/// else CWE; its text where neither is known.
pub fn titled(cwe: &Cwe) -> String {
    let told = cwe.number.and_then(|number| Some((number, cwe.name.as_deref().or_else(|| name(number))?)));
    told.map_or_else(|| cwe.text.clone(), |(number, name)| format!("CWE-{number}: {name}"))
}

#[cfg(test)]
mod tests {
    use appsec_model::Cwe;

    use super::{NAMES, TABLE, name, titled};
    use crate::top25::Edition;

    #[test]
    fn each_line_is_a_number_and_a_name_in_order() {
        assert_eq!(NAMES.len(), TABLE.lines().count());
        assert!(NAMES.is_sorted_by(|(one, _), (other, _)| one < other));
        assert!(NAMES.iter().all(|(_, name)| !name.is_empty() && *name == name.trim() && !name.contains('\t')));
    }

    #[test]
    fn weaknesses_have_names_whether_on_a_list_or_not() {
        for (cwe, expect) in [
            (79, Some("Improper Neutralization of Input During Web Page Generation ('Cross-site Scripting')")),
            (95, Some("Improper Neutralization of Directives in Dynamically Evaluated Code ('Eval Injection')")),
            (310, Some("Cryptographic Issues")),
            (327, Some("Use of a Broken or Risky Cryptographic Algorithm")),
            (915, Some("Improperly Controlled Modification of Dynamically-Determined Object Attributes")),
            (0, None),
            (u32::MAX, None),
        ] {
            assert_eq!(name(cwe), expect, "CWE-{cwe}");
        }
        let listed = Edition::ALL.iter().flat_map(|edition| edition.weaknesses());
        assert_eq!(listed.filter(|cwe| name(**cwe).is_none()).count(), 0);
    }

    #[test]
    fn the_sources_name_goes_before_that_of_cwe() {
        let cwe = |number, name: Option<&str>, text: &str| {
            titled(&Cwe { number, name: name.map(str::to_owned), text: text.to_owned() })
        };
        assert_eq!(cwe(Some(352), None, "external/cwe/cwe-352"), "CWE-352: Cross-Site Request Forgery (CSRF)");
        assert_eq!(cwe(Some(352), Some("CSRF"), "CWE-352: CSRF"), "CWE-352: CSRF");
        assert_eq!(cwe(Some(99_999), None, "CWE-99999"), "CWE-99999");
        assert_eq!(cwe(None, None, "memory"), "memory");
    }
}
