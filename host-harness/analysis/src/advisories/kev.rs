//! The catalogue of known exploited vulnerabilities (KEV) that CISA publishes
//! as JSON: <https://www.cisa.gov/known-exploited-vulnerabilities-catalog>.

use std::sync::Arc;

use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::{Advisories, Advisory, Problem, Problems, csv::day, normal_id, quoted};

/// An entry of the catalogue: the vulnerability is exploited.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KevEntry {
    /// The advisory that is listed, in capitals.
    pub id: Arc<str>,
    /// The day from which on it is listed, as `2026-01-31`.
    pub added: Arc<str>,
    /// The day by which agencies of the USA have to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Arc<str>>,
    /// Whether it is known to be used for ransomware.
    pub ransomware: bool,
    /// Where it was read, with the version of the catalogue.
    pub source: Arc<str>,
}

/// What is read of a catalogue.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Catalogue {
    catalog_version: String,
    vulnerabilities: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(rename = "cveID")]
    id: String,
    date_added: String,
    #[serde(default)]
    due_date: Option<String>,
    #[serde(default)]
    known_ransomware_campaign_use: Option<String>,
}

/// What tells a catalogue from other JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probe {
    #[serde(default)]
    catalog_version: Option<IgnoredAny>,
}

/// Whether JSON is a catalogue, whole or not.
pub(super) fn is_catalogue(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Probe>(bytes).is_ok_and(|it| it.catalog_version.is_some())
}

impl Advisories {
    /// Takes in a catalogue. `source` names it in entries and problems. Where
    /// it cannot be read as a whole, none of it is taken.
    pub fn read_kev(&mut self, bytes: &[u8], source: &str) -> Vec<Problem> {
        let mut problems = Problems::of(source);
        match serde_json::from_slice::<Catalogue>(bytes) {
            Ok(catalogue) => {
                if catalogue.vulnerabilities.is_empty() {
                    problems.add(None, "the KEV catalogue lists nothing; the one before stays".to_owned());
                }
                let shared: Arc<str> = format!("{source}, version {}", quoted(&catalogue.catalog_version)).into();
                for entry in &catalogue.vulnerabilities {
                    // One without a usable entry is no catalogue, and must not take back
                    // what another one listed.
                    self.has_kev |= self.add_entry(entry, &shared, &mut problems);
                }
            }
            Err(error) => {
                let line = u64::try_from(error.line()).ok().filter(|line| *line > 0);
                problems.add(line, format!("not a KEV catalogue: {error}"));
            }
        }
        problems.into_vec()
    }

    /// Whether it is of use.
    fn add_entry(&mut self, entry: &Entry, source: &Arc<str>, problems: &mut Problems<'_>) -> bool {
        let Some(id) = normal_id(&entry.id) else {
            problems.add(None, format!("not the number of an advisory: {}", quoted(&entry.id)));
            return false;
        };
        let Some(added) = day(&entry.date_added) else {
            problems.add(None, format!("{id}: not a date: {}", quoted(&entry.date_added)));
            return false;
        };
        let due = entry.due_date.as_deref().filter(|text| !text.is_empty());
        let kev = KevEntry {
            id: Arc::clone(&id),
            added,
            due: due.and_then(day),
            ransomware: entry.known_ransomware_campaign_use.as_deref() == Some("Known"),
            source: Arc::clone(source),
        };
        if let Some(due) = due.filter(|_| kev.due.is_none()) {
            problems.add(None, format!("{id}: not a date: {}", quoted(due)));
        }
        // One more number for what is known can be too many only for a table that joins what is apart.
        self.add(Advisory { ids: vec![id], kev: Some(kev), ..Advisory::default() });
        true
    }
}
