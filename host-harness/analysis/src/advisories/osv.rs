//! Advisories in the OSV format, one record a file: <https://ossf.github.io/osv-schema/>.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Advisories, Advisory, CvssRating, MAX_IDS, MAX_SUMMARY_CHARS, Problem, Problems, normal_id, quoted};

/// What is read of a record.
#[derive(Deserialize)]
struct Record<'a> {
    id: String,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default)]
    aliases: Option<Vec<String>>,
    #[serde(default)]
    summary: Option<String>,
    #[serde(borrow, default)]
    severity: Option<Vec<SeverityRecord<'a>>>,
}

#[derive(Deserialize)]
struct SeverityRecord<'a> {
    r#type: String,
    /// By the format a text; some sources write a number.
    #[serde(borrow, default)]
    score: Option<&'a RawValue>,
}

impl Advisories {
    /// Takes in a record. `source` names it in ratings and problems. A
    /// withdrawn one says nothing and is left out.
    pub fn read_osv(&mut self, bytes: &[u8], source: &str) -> Vec<Problem> {
        let mut problems = Problems::of(source);
        match serde_json::from_slice::<Record<'_>>(bytes) {
            Ok(record) if record.withdrawn.is_some() => {}
            Ok(record) => self.add_record(record, &mut problems),
            Err(error) => {
                let line = u64::try_from(error.line()).ok().filter(|line| *line > 0);
                problems.add(line, format!("not an OSV record: {error}"));
            }
        }
        problems.into_vec()
    }

    fn add_record(&mut self, record: Record<'_>, problems: &mut Problems<'_>) {
        let Some(id) = normal_id(&record.id) else {
            problems.add(None, format!("not the number of an advisory: {}", quoted(&record.id)));
            return;
        };
        let mut said = Advisory { ids: vec![Arc::clone(&id)], ..Advisory::default() };
        for alias in record.aliases.unwrap_or_default() {
            match normal_id(&alias) {
                Some(alias) => said.ids.push(alias),
                None => problems.add(None, format!("not the number of an advisory: {}", quoted(&alias))),
            }
        }
        let source: Arc<str> = problems.source.into();
        let severities = record.severity.unwrap_or_default();
        for severity in severities.iter().filter(|it| it.r#type.starts_with("CVSS_")) {
            let score = severity.score.map_or("null", RawValue::get);
            let Ok(vector) = serde_json::from_str::<String>(score) else {
                problems.add(None, format!("not a CVSS vector: {}", quoted(score)));
                continue;
            };
            match CvssRating::of(Arc::clone(&id), &vector, Arc::clone(&source)) {
                Ok(rating) => said.add_cvss(rating),
                Err(error) => problems.add(None, format!("not a CVSS vector: {}: {error}", quoted(&vector))),
            }
        }
        let summary = record.summary.filter(|summary| !summary.trim().is_empty());
        said.summary = summary.map(|it| it.chars().take(MAX_SUMMARY_CHARS).collect());
        if !self.add(said) {
            problems.add(None, format!("an advisory of more than {MAX_IDS} numbers"));
        }
    }
}
