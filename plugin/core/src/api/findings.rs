//! `GET /deployments/{slug}/findings`: one page of findings, cut into records
//! that stay as they are, but for those that show a credential.

use appsec_model::{Error, Kind, ProjectRef, RawRecord, Timestamp};

use super::{Address, Api, issue_type, kept::Rules};
use crate::{
    settings::Duplicates,
    wire::{Envelope, from_text, skim},
};

/// Which page to read.
pub struct Page<'a> {
    /// The deployment's slug.
    pub slug: &'a str,
    /// The kind of the records.
    pub kind: &'a Kind,
    /// From 0.
    pub page: u32,
    /// Records per page.
    pub page_size: u16,
    /// Names of projects; empty for all.
    pub repositories: &'a [&'a str],
    /// The branch; none for all.
    pub branch: Option<&'a str>,
    /// What happens to findings on several branches.
    pub duplicates: Duplicates,
    /// Only what became relevant since then.
    pub since: Option<Timestamp>,
}

/// Reads one page. No records tell that the list is at its end: a short page
/// does not, since the vendor filters after it has cut the page.
pub fn page(api: &mut Api<'_>, page: &Page<'_>) -> Result<Vec<RawRecord>, Error> {
    let address = page.address()?;
    let response = api.send(&address)?;
    let text = address.text(&response)?;
    cut(&text, page.kind)
        .map_err(|error| api.unreadable(&address, &response, &error))?
        .ok_or_else(|| address.violation("the body is JSON without a list `findings`"))
}

impl Page<'_> {
    fn address(&self) -> Result<Address, Error> {
        let issue_type = issue_type(self.kind).ok_or_else(|| {
            Error::unsupported(format!("reading the kind `{}` from the findings endpoint, which lacks it", self.kind))
        })?;
        let mut address = Address::of_deployment(self.slug, "/findings", &format!("`{}`", self.kind));
        address.push("issue_type", issue_type);
        address.push("page", &self.page.to_string());
        address.push("page_size", &self.page_size.to_string());
        if let Some(branch) = self.branch {
            address.push("ref", branch);
        }
        if self.duplicates == Duplicates::Merged {
            address.push("dedup", "true");
        }
        if let Some(since) = self.since {
            address.push("since", &epoch_seconds(since));
        }
        for name in self.repositories {
            address.push("repos", name);
        }
        Ok(address)
    }
}

/// Cuts a page into records. None where it has no list of findings.
fn cut(text: &str, kind: &Kind) -> Result<Option<Vec<RawRecord>>, guest_json::Error> {
    let envelope: Envelope<'_> = from_text(text)?;
    let mut rules = Rules::default();
    let mut record = |body: &str| {
        let kept = rules.kept(kind, body);
        let body = kept.as_deref().unwrap_or(body);
        let (id, repository) = skim(body);
        RawRecord {
            kind: kind.clone(),
            id,
            project: repository.map(|name| ProjectRef { id: None, name: Some(name) }),
            body: body.to_owned(),
            gist: None,
        }
    };
    Ok(envelope.findings_of(kind).map(|records| records.into_iter().map(|raw| record(raw.get())).collect()))
}

/// Seconds since 1970 with the fraction that `since` takes.
fn epoch_seconds(moment: Timestamp) -> String {
    let micros = moment.as_micros();
    let sign = if micros < 0 { "-" } else { "" };
    let (seconds, fraction) = (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
    let text = format!("{sign}{seconds}.{fraction:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use appsec_model::{Kind, Timestamp};

    use super::{Page, cut, epoch_seconds};
    use crate::settings::Duplicates;

    #[test]
    fn a_page_has_one_address() {
        let page = Page {
            slug: "acme inc",
            kind: &Kind::Sca,
            page: 3,
            page_size: 500,
            repositories: &["acme/shop", "local_scan/a b&c"],
            branch: Some("release/1.0+x"),
            duplicates: Duplicates::Merged,
            since: Some(Timestamp::from_micros(1_720_730_785_269_650)),
        };
        insta::assert_snapshot!(page.address().unwrap(), @"/api/v1/deployments/acme%20inc/findings?issue_type=sca&page=3&page_size=500&ref=release/1.0%2Bx&dedup=true&since=1720730785.26965&repos=acme/shop&repos=local_scan/a%20b%26c");
        insta::assert_snapshot!(Page { kind: &Kind::Secrets, ..page }.address().unwrap_err(), @"unsupported: reading the kind `secrets` from the findings endpoint, which lacks it");
    }

    #[test]
    fn records_are_cut_out_byte_for_byte() {
        let check = |text: &str, expect: &[(Option<&str>, Option<&str>, &str)]| {
            let records = cut(text, &Kind::Sast).unwrap().unwrap();
            let records: Vec<_> = records
                .iter()
                .map(|record| {
                    let project = record.project.as_ref().and_then(|project| project.name.as_deref());
                    (record.id.as_deref(), project, record.body.as_str())
                })
                .collect();
            assert_eq!(records, expect, "{text}");
        };
        let odd = r#"{ "b" : 1.50,"repository":{"url":null,"name":"a\/b"},  "id": 7,"é":"\u00e9"}"#;
        check(&format!(r#"{{"findings": [ {odd} ]}}"#), &[(Some("7"), Some("a/b"), odd)]);
        check(
            r#"{"findings":[{"id":"x"},3,null,{"id":{}}]}"#,
            &[
                (Some("x"), None, r#"{"id":"x"}"#),
                (None, None, "3"),
                (None, None, "null"),
                (None, None, r#"{"id":{}}"#),
            ],
        );
        check(r#"{"sastFindings":[{"id":1}],"scaFindings":[{"id":2}]}"#, &[(Some("1"), None, r#"{"id":1}"#)]);
        check(r#"{"sastFindings":{"findings":[{"id":1}]}}"#, &[(Some("1"), None, r#"{"id":1}"#)]);
        check(r#"{"sast_findings":[]}"#, &[]);
    }

    #[test]
    fn a_page_without_a_list_is_none() {
        for text in ["{}", r#"{"findings":null}"#, r#"{"error":"x"}"#, r#"{"scaFindings":[]}"#, "[]", "1"] {
            assert!(matches!(cut(text, &Kind::Sast), Ok(None) | Err(_)), "{text}");
        }
    }

    #[test]
    fn since_is_written_in_seconds() {
        let check = |micros, expect| assert_eq!(epoch_seconds(Timestamp::from_micros(micros)), expect);
        check(0, "0");
        check(1_720_730_780_000_000, "1720730780");
        check(1_720_730_785_269_650, "1720730785.26965");
        check(-1_500_000, "-1.5");
    }
}
