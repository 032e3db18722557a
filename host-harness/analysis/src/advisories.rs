//! Public ratings of vulnerabilities, from files that the operator brings:
//! CVSS, EPSS, known exploitation and a summary for each advisory.
//!
//! Nothing is asked of the network, and no score is made up: a CVSS score is
//! computed from its vector, and what is not given stays unknown. What cannot
//! be read is told as a [`Problem`], and the rest is kept.
//!
//! ```
//! use appsec_analysis::Advisories;
//!
//! let mut advisories = Advisories::default();
//! let csv = "cve,cvss,epss\nCVE-2021-44228,CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H,0.97565\n";
//! let problems = advisories.read_csv(csv.as_bytes(), "ratings.csv").unwrap();
//! assert!(problems.is_empty());
//! let advisory = advisories.get("cve-2021-44228").unwrap();
//! assert_eq!(advisory.rating().unwrap().score, 10.0);
//! ```

mod csv;
mod kev;
mod osv;
mod path;
mod rating;

use std::{borrow::Cow, collections::HashMap, mem, sync::Arc};

use appsec_model::AdvisoryId;
use serde::{Deserialize, Serialize};

pub use crate::problem::Problem;
use crate::problem::{Problems, quoted};

pub use self::{
    kev::KevEntry,
    path::{MAX_RECORD_BYTES, read_path},
    rating::{CvssRating, CvssVersion, EpssRating, VectorError},
};

/// What public sources say of a vulnerability.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Advisory {
    /// All its numbers, in capitals and in order.
    pub ids: Vec<Arc<str>>,
    /// Ratings of how bad it is, the newest version of CVSS first and the worst score before others.
    pub cvss: Vec<CvssRating>,
    /// How likely it is exploited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epss: Option<EpssRating>,
    /// That it is exploited, where the catalogue of known exploited vulnerabilities (KEV) lists it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kev: Option<KevEntry>,
    /// A short line for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
}

impl Advisory {
    /// The CVSS rating to go by: the worst one of the newest version.
    pub fn rating(&self) -> Option<&CvssRating> {
        self.cvss.first()
    }

    /// Takes in what another one says. Of the same rating the other one's counts.
    fn absorb(&mut self, other: Self) {
        self.ids.extend(other.ids);
        self.ids.sort_unstable();
        self.ids.dedup();
        for rating in other.cvss {
            self.add_cvss(rating);
        }
        if let Some(epss) = other.epss {
            self.add_epss(epss);
        }
        self.kev = other.kev.or(self.kev.take());
        self.summary = other.summary.or(self.summary.take());
    }

    fn add_cvss(&mut self, rating: CvssRating) {
        self.cvss.retain(|it| (&it.id, it.version, &it.source) != (&rating.id, rating.version, &rating.source));
        self.cvss.push(rating);
        self.cvss.sort_by(CvssRating::cmp_worst_first);
    }

    fn add_epss(&mut self, rating: EpssRating) {
        if self.epss.as_ref().is_none_or(|known| rating.supersedes(known)) {
            self.epss = Some(rating);
        }
    }
}

/// Ratings by the numbers of advisories. Numbers of the same vulnerability
/// lead to the same entry.
#[derive(Clone, Debug, Default)]
pub struct Advisories {
    by_id: HashMap<Arc<str>, usize>,
    /// An entry that was joined with another one is left empty.
    entries: Vec<Advisory>,
    /// Whether a KEV catalogue was read.
    has_kev: bool,
}

/// No vulnerability has more numbers; more is a table that joins what is apart,
/// and would be kept under each of them.
const MAX_IDS: usize = 256;

/// Characters of a summary, which is a short line; the rest is cut.
const MAX_SUMMARY_CHARS: usize = 1_000;

/// No number of an advisory is longer; a longer text is something else.
const MAX_ID_BYTES: usize = 128;

/// A number as it is compared and shown: without blanks around it, in capitals,
/// but for the code of a GHSA, which its database writes in small letters.
fn normal_id(text: &str) -> Option<Arc<str>> {
    let text = text.trim();
    let fits = !text.is_empty() && text.len() <= MAX_ID_BYTES && !text.contains(char::is_control);
    let capitals = text.to_uppercase();
    let spelled = match capitals.strip_prefix("GHSA-") {
        Some(code) => format!("GHSA-{}", code.to_lowercase()),
        None => capitals,
    };
    fits.then(|| spelled.into())
}

impl Advisories {
    /// How many vulnerabilities are known, each counted once.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Whether a KEV catalogue was read. It is complete: what it does not list
    /// is not known to be exploited, whatever an earlier one listed.
    pub const fn has_kev(&self) -> bool {
        self.has_kev
    }

    /// All of them, in the order in which they were first read.
    pub fn iter(&self) -> impl Iterator<Item = &Advisory> {
        self.entries.iter().filter(|entry| !entry.ids.is_empty())
    }

    /// What is known under a number, in capitals or not.
    pub fn get(&self, id: &str) -> Option<&Advisory> {
        self.entries.get(*self.by_id.get(&normal_id(id)?)?)
    }

    /// What is known under any of the numbers, as one: the ratings of all, the
    /// highest EPSS score, the first summary.
    pub fn for_ids(&self, ids: &[AdvisoryId]) -> Option<Cow<'_, Advisory>> {
        let mut places: Vec<usize> = Vec::new();
        for place in ids.iter().filter_map(|id| self.by_id.get(&normal_id(&id.id)?)) {
            if !places.contains(place) {
                places.push(*place);
            }
        }
        let mut found = places.into_iter().filter_map(|place| self.entries.get(place));
        let mut merged = Cow::Borrowed(found.next()?);
        for other in found {
            let known = merged.to_mut();
            let summary = known.summary.take();
            known.absorb(other.clone());
            known.summary = summary.or(known.summary.take());
        }
        Some(merged)
    }

    /// Takes in what a source says of one vulnerability with all its numbers,
    /// beside what is known; of the same rating the new one counts. Nothing is
    /// taken, and false returned, where it would have too many numbers.
    pub fn add(&mut self, mut said: Advisory) -> bool {
        said.ids.sort_unstable();
        said.ids.dedup();
        let mut places: Vec<usize> = said.ids.iter().filter_map(|id| self.by_id.get(id).copied()).collect();
        places.sort_unstable();
        places.dedup();
        let known: usize = places.iter().filter_map(|at| self.entries.get(*at)).map(|it| it.ids.len()).sum();
        let new = said.ids.iter().filter(|id| !self.by_id.contains_key(*id)).count();
        if known + new > MAX_IDS {
            return false;
        }
        let mut places = places.into_iter();
        let place = places.next().unwrap_or(self.entries.len());
        let mut entry = self.entries.get_mut(place).map(mem::take).unwrap_or_default();
        for joined in places {
            if let Some(joined) = self.entries.get_mut(joined) {
                entry.absorb(mem::take(joined));
            }
        }
        entry.absorb(said);
        for id in &entry.ids {
            self.by_id.insert(Arc::clone(id), place);
        }
        match self.entries.get_mut(place) {
            Some(slot) => *slot = entry,
            None => self.entries.push(entry),
        }
        true
    }
}

#[cfg(test)]
mod tests;
