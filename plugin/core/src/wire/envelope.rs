//! The object around a page of findings.

use std::fmt;

use appsec_model::Kind;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// A page of findings.
///
/// On the wire it is `{"findings": […]}`. The API reference also defines a form
/// with one list per kind, which no path uses but other readers have met; both
/// are read, in either spelling.
#[derive(Debug, Deserialize)]
pub struct Envelope<'a> {
    #[serde(borrow, default)]
    findings: Option<Records<'a>>,
    #[serde(borrow, default, alias = "sast_findings", rename = "sastFindings")]
    sast: Option<Records<'a>>,
    #[serde(borrow, default, alias = "sca_findings", rename = "scaFindings")]
    sca: Option<Records<'a>>,
    #[serde(borrow, default, alias = "ai_sast_findings", rename = "aiSastFindings")]
    ai_sast: Option<Records<'a>>,
}

impl<'a> Envelope<'a> {
    /// The records of a page that was asked for by kind. None where there is
    /// no list of them.
    pub fn findings_of(self, kind: &Kind) -> Option<Vec<&'a RawValue>> {
        let of_kind = match kind {
            Kind::Sast => self.sast,
            Kind::Sca => self.sca,
            Kind::AiSast => self.ai_sast,
            Kind::Secrets | Kind::Packages | Kind::Other(_) => None,
        };
        self.findings.or(of_kind).map(|Records(records)| records)
    }
}

/// A list of records, or an object with the list under `findings`.
#[derive(Debug)]
struct Records<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Records<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RecordsVisitor)
    }
}

struct RecordsVisitor;

impl<'de> Visitor<'de> for RecordsVisitor {
    type Value = Records<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of findings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut records = Vec::new();
        while let Some(record) = elements.next_element()? {
            records.push(record);
        }
        Ok(Records(records))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut records = None;
        while let Some(key) = entries.next_key::<super::Text<'de>>()? {
            if &*key == "findings" {
                records = Some(entries.next_value()?);
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        // An object without the list is not an empty list: an empty page would
        // end the read, and let everything vanish.
        records.ok_or_else(|| serde::de::Error::missing_field("findings"))
    }
}
