//! The object around a page of findings.

use appsec_model::Kind;
use guest_json::{Raw, Read, Reader, Value, object};

object! {
    /// A page of findings.
    ///
    /// On the wire it is `{"findings": […]}`. The API reference also defines a form
    /// with one list per kind, which no path uses but other readers have met; both
    /// are read, in either spelling.
    #[derive(Debug, Default)]
    pub struct Envelope<'a> {
        findings: Option<Records<'a>>,
        sast: Option<Records<'a>> = "sastFindings" | "sast_findings",
        sca: Option<Records<'a>> = "scaFindings" | "sca_findings",
        ai_sast: Option<Records<'a>> = "aiSastFindings" | "ai_sast_findings",
    }
}

impl<'a> Envelope<'a> {
    /// The records of a page that was asked for by kind. None where there is
    /// no list of them.
    pub fn findings_of(self, kind: &Kind) -> Option<Vec<Raw<'a>>> {
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
struct Records<'a>(Vec<Raw<'a>>);

impl<'a> Value<'a> for Records<'a> {
    fn read(json: &mut Reader<'a>) -> Read<Self> {
        match json.peek() {
            b'[' => Vec::read(json).map(Self),
            b'{' => {
                let mut records = None;
                json.entries(&mut |name, json| {
                    match name {
                        "findings" => records = Some(Self(Vec::read(json)?)),
                        _ => json.skip()?,
                    }
                    Ok(())
                })?;
                // An object without the list is not an empty list: an empty page
                // would end the read, and let everything vanish.
                records.map_or_else(|| json.missing("findings"), Ok)
            }
            _ => json.mismatch("a list of findings"),
        }
    }
}
