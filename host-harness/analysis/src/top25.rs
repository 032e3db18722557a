//! The CWE Top 25 Most Dangerous Software Weaknesses, of MITRE and CISA.
//!
//! A list of a year ranks the weaknesses behind the vulnerabilities published
//! in about the year before it. A weakness counts by its exact number:
//! neither its parents nor its children in CWE are looked at.
//!
//! Where the tables come from:
//!
//! | edition | published | source | checked against |
//! |---|---|---|---|
//! | 2025 | December 2025 | public accounts of MITRE's page for 2025 | the first ten ranks by several of them |
//! | 2024 | November 2024 | MITRE's list of 2024 | ranks 1 to 9 and 12 by public accounts of it |
//! | 2023 | June 2023 | MITRE's list of 2023 | the members, not their order, by CWE view 1425 in CWE 4.14 |

use std::{fmt, str::FromStr};

use appsec_model::Cwe;
use serde::{Deserialize, Serialize};

/// The list of one year.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Edition {
    /// The list of 2023.
    #[serde(rename = "2023")]
    Y2023,
    /// The list of 2024.
    #[serde(rename = "2024")]
    Y2024,
    /// The list of 2025.
    #[default]
    #[serde(rename = "2025")]
    Y2025,
}

const TABLE_2025: [u32; 25] = [
    79, 89, 352, 862, 787, 22, 416, 125, 78, 94, 120, 434, 476, 121, 502, 122, 863, 20, 284, 200, 306, 918, 77, 639,
    770,
];

const TABLE_2024: [u32; 25] = [
    79, 787, 89, 352, 22, 125, 78, 416, 862, 434, 94, 20, 77, 287, 269, 502, 200, 863, 918, 119, 476, 798, 190, 400,
    306,
];

const TABLE_2023: [u32; 25] = [
    787, 79, 89, 416, 78, 20, 125, 22, 352, 434, 862, 476, 287, 190, 502, 77, 119, 798, 918, 306, 362, 269, 94, 863,
    276,
];

impl Edition {
    /// All of them, newest first.
    pub const ALL: [Self; 3] = [Self::Y2025, Self::Y2024, Self::Y2023];

    /// Its year as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Y2025 => "2025",
            Self::Y2024 => "2024",
            Self::Y2023 => "2023",
        }
    }

    /// Numbers of its weaknesses, the first one first.
    pub const fn weaknesses(self) -> &'static [u32; 25] {
        match self {
            Self::Y2025 => &TABLE_2025,
            Self::Y2024 => &TABLE_2024,
            Self::Y2023 => &TABLE_2023,
        }
    }

    /// The rank of a weakness, from 1; none where it is not on the list.
    pub fn rank(self, cwe: u32) -> Option<u8> {
        (1..).zip(self.weaknesses()).find(|(_, listed)| **listed == cwe).map(|(rank, _)| rank)
    }

    /// The first rank that any of the weaknesses has.
    pub fn best_rank(self, cwes: &[Cwe]) -> Option<u8> {
        cwes.iter().filter_map(|cwe| self.rank(cwe.number?)).min()
    }
}

impl fmt::Display for Edition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

/// A text is not the year of an edition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ParseEditionError;

impl fmt::Display for ParseEditionError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("not an edition of the CWE Top 25: one of 2025, 2024 and 2023")
    }
}

impl std::error::Error for ParseEditionError {}

impl FromStr for Edition {
    type Err = ParseEditionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|edition| edition.as_str() == text).ok_or(ParseEditionError)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn cwe(number: Option<u32>) -> Cwe {
        Cwe { number, ..Cwe::default() }
    }

    #[test]
    fn every_list_has_25_weaknesses() {
        for edition in Edition::ALL {
            let listed: BTreeSet<u32> = edition.weaknesses().iter().copied().collect();
            assert_eq!(listed.len(), 25, "{edition}");
        }
    }

    #[test]
    fn ranks_follow_the_lists() {
        let cases = [
            (79, Some(1), Some(1), Some(2)),
            (787, Some(5), Some(2), Some(1)),
            (89, Some(2), Some(3), Some(3)),
            (862, Some(4), Some(9), Some(11)),
            (639, Some(24), None, None),
            (770, Some(25), None, None),
            (276, None, None, Some(25)),
            (306, Some(21), Some(25), Some(20)),
            (400, None, Some(24), None),
            (798, None, Some(22), Some(18)),
            (0, None, None, None),
            (u32::MAX, None, None, None),
        ];
        for (cwe, y2025, y2024, y2023) in cases {
            assert_eq!(Edition::Y2025.rank(cwe), y2025, "CWE-{cwe}");
            assert_eq!(Edition::Y2024.rank(cwe), y2024, "CWE-{cwe}");
            assert_eq!(Edition::Y2023.rank(cwe), y2023, "CWE-{cwe}");
        }
    }

    #[test]
    fn well_known_weaknesses_are_not_on_the_list_of_2025() {
        for cwe in [295, 327, 601, 611, 798] {
            assert_eq!(Edition::Y2025.rank(cwe), None, "CWE-{cwe}");
        }
    }

    /// CWE view 1425, in its own order.
    #[test]
    fn the_list_of_2023_has_the_members_of_its_view() {
        let view = [
            20, 22, 77, 78, 79, 89, 94, 119, 125, 190, 269, 276, 287, 306, 352, 362, 416, 434, 476, 502, 787, 798, 862,
            863, 918,
        ];
        let mut listed = *Edition::Y2023.weaknesses();
        listed.sort_unstable();
        assert_eq!(listed, view);
    }

    #[test]
    fn the_best_rank_is_the_first_of_all_weaknesses() {
        let edition = Edition::default();
        assert_eq!(edition.best_rank(&[]), None);
        assert_eq!(edition.best_rank(&[cwe(None), cwe(Some(295))]), None);
        assert_eq!(edition.best_rank(&[cwe(Some(770)), cwe(None), cwe(Some(22)), cwe(Some(918))]), Some(6));
    }

    #[test]
    fn an_edition_reads_what_it_writes() {
        for edition in Edition::ALL {
            assert_eq!(edition.to_string().parse(), Ok(edition));
            let json = serde_json::to_string(&edition).unwrap();
            assert_eq!(json, format!("\"{edition}\""));
            assert_eq!(serde_json::from_str::<Edition>(&json).unwrap(), edition);
        }
        assert_eq!(Edition::default(), Edition::Y2025);
        for text in ["", "2022", "25", " 2025", "top25"] {
            assert_eq!(text.parse::<Edition>(), Err(ParseEditionError), "{text:?}");
        }
    }
}
