//! Ratings of a vulnerability by CVSS and EPSS.

use std::{cmp::Ordering, fmt, sync::Arc};

use appsec_model::Severity;
use cvss::Cvss;
use serde::{Deserialize, Serialize};

/// A version of the Common Vulnerability Scoring System.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum CvssVersion {
    /// Version 2.0.
    #[serde(rename = "2.0")]
    V2_0,
    /// Version 3.0.
    #[serde(rename = "3.0")]
    V3_0,
    /// Version 3.1.
    #[serde(rename = "3.1")]
    V3_1,
    /// Version 4.0.
    #[serde(rename = "4.0")]
    V4_0,
}

impl CvssVersion {
    /// Its number.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2_0 => "2.0",
            Self::V3_0 => "3.0",
            Self::V3_1 => "3.1",
            Self::V4_0 => "4.0",
        }
    }
}

impl fmt::Display for CvssVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

/// A CVSS vector with what follows from it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CvssRating {
    /// The advisory that it was given for, in capitals.
    pub id: Arc<str>,
    /// The version of its vector.
    pub version: CvssVersion,
    /// As the source has it.
    pub vector: String,
    /// From 0.0 to 10.0: the base score, in version 4.0 with the threat and environmental metrics of the vector.
    pub score: f64,
    /// The word for the score: by the specification from 3.0 on, by NVD's ranges for 2.0. `info` is a score of 0.
    pub severity: Severity,
    /// Where it was read.
    pub source: Arc<str>,
}

/// A text is not a complete CVSS vector.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VectorError(String);

impl fmt::Display for VectorError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for VectorError {}

impl CvssRating {
    /// Computes the rating of a vector. One of version 2.0 may be in brackets, as NVD
    /// wrote it; where the start that names the version is left out, the metrics tell it.
    pub fn of(id: Arc<str>, vector: &str, source: Arc<str>) -> Result<Self, VectorError> {
        let vector = vector.trim();
        let bare = vector.strip_prefix('(').and_then(|it| it.strip_suffix(')')).unwrap_or(vector);
        let has = |metric: &str| bare.split('/').any(|it| it.starts_with(metric));
        let start = match bare.starts_with("CVSS:") {
            true => "",
            false if has("AT:") => "CVSS:4.0/",
            // 3.0 and 3.1 have the same metrics, and the scores of few vectors differ.
            false if has("PR:") => "CVSS:3.1/",
            false => "",
        };
        let parsed: Cvss =
            format!("{start}{bare}").parse().map_err(|error: cvss::Error| VectorError(error.to_string()))?;
        let version = match &parsed {
            Cvss::CvssV20(_) => CvssVersion::V2_0,
            Cvss::CvssV30(vector) => complete(vector, CvssVersion::V3_0)?,
            Cvss::CvssV31(vector) => complete(vector, CvssVersion::V3_1)?,
            Cvss::CvssV40(_) => CvssVersion::V4_0,
            _ => return Err(VectorError("a version of CVSS without a score".to_owned())),
        };
        let score = parsed.score();
        let severity = severity(version, score);
        Ok(Self { id, version, vector: vector.to_owned(), score, severity, source })
    }

    /// The newest version first, the highest score before others of it.
    pub(super) fn cmp_worst_first(&self, other: &Self) -> Ordering {
        (other.version.cmp(&self.version))
            .then_with(|| other.score.total_cmp(&self.score))
            .then_with(|| (&self.id, &self.source).cmp(&(&other.id, &other.source)))
    }
}

/// The parser accepts a vector of version 3 that lacks metrics, and its score
/// would be one of another vulnerability.
fn complete(vector: &cvss::v3::Vector, version: CvssVersion) -> Result<CvssVersion, VectorError> {
    let missing = [
        ("AV", vector.av.is_none()),
        ("AC", vector.ac.is_none()),
        ("PR", vector.pr.is_none()),
        ("UI", vector.ui.is_none()),
        ("S", vector.s.is_none()),
        ("C", vector.c.is_none()),
        ("I", vector.i.is_none()),
        ("A", vector.a.is_none()),
    ];
    match missing.iter().find(|(_, missing)| *missing) {
        Some((metric, _)) => Err(VectorError(format!("missing mandatory CVSSv3 {metric} metric"))),
        None => Ok(version),
    }
}

fn severity(version: CvssVersion, score: f64) -> Severity {
    match score {
        ..0.1 => Severity::Info,
        ..4.0 => Severity::Low,
        ..7.0 => Severity::Medium,
        9.0.. if version > CvssVersion::V2_0 => Severity::Critical,
        _ => Severity::High,
    }
}

/// A score of the Exploit Prediction Scoring System.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EpssRating {
    /// The advisory that it was given for, in capitals.
    pub id: Arc<str>,
    /// Probability of exploitation in the next 30 days, from 0 to 1.
    pub score: f64,
    /// Share of vulnerabilities with the same or a lower score, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percentile: Option<f64>,
    /// The day of the score, as `2026-01-31`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<Arc<str>>,
    /// Where it was read.
    pub source: Arc<str>,
}

impl EpssRating {
    /// Whether this one, read later, takes the place of a known one. For the
    /// same advisory it does unless its day is an earlier one; of two
    /// advisories the higher score counts.
    pub(super) fn supersedes(&self, known: &Self) -> bool {
        if self.id == known.id {
            match (&self.date, &known.date) {
                (Some(date), Some(known)) => date >= known,
                _ => true,
            }
        } else {
            self.score > known.score
        }
    }
}
