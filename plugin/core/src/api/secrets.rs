//! `GET /deployments/{id}/secrets`: one page of secrets, cut into records, of
//! which is [kept](super::kept) what cannot repeat a secret.

use appsec_model::{Error, Kind, ProjectRef, RawRecord, Timestamp};
use guest_json::{Raw, object};

use super::{Address, Api, CursorPage, kept};
use crate::{
    moment,
    wire::{Id, from_text, skim},
};

/// The most secrets that one request asks for. The reference names no maximum;
/// this many are in use elsewhere.
const MAX_LIMIT: u16 = 500;

/// Which page to read.
pub struct Page<'a> {
    /// The deployment's numeric id.
    pub deployment: &'a str,
    /// Records per page, cut to what the vendor takes.
    pub limit: u16,
    /// The vendor's cursor; empty for the first page.
    pub cursor: &'a str,
    /// Names of projects; empty for all.
    pub repositories: &'a [&'a str],
    /// Only what was found since then.
    pub since: Option<Timestamp>,
}

object! {
    #[derive(Default)]
    struct Answer<'a> {
        findings: Option<Vec<Raw<'a>>>,
        cursor: Option<Id<'a>>,
    }
}

/// Reads one page. The list ends where the answer has no cursor, never on a short
/// or an empty page.
pub fn page(api: &mut Api<'_>, page: &Page<'_>) -> Result<CursorPage, Error> {
    let address = page.address();
    let response = api.send(&address)?;
    let text = address.text(&response)?;
    let answer: Answer<'_> = from_text(&text).map_err(|error| api.unreadable(&address, &response, &error))?;
    let Some(findings) = answer.findings else {
        return Err(address.violation("the body is JSON without a list `findings`"));
    };
    let sent = Some(page.cursor).filter(|cursor| !cursor.is_empty());
    let next = address.next_cursor(sent, answer.cursor.map(Id::into_string), !findings.is_empty())?;
    Ok((findings.into_iter().map(record).collect(), next))
}

/// A secret as a raw record, with its id and its project's name.
pub fn record(raw: Raw<'_>) -> RawRecord {
    let body = kept::secret(raw.get());
    let (id, repository) = skim(&body);
    RawRecord {
        kind: Kind::Secrets,
        id,
        project: repository.map(|name| ProjectRef { id: None, name: Some(name) }),
        body,
        gist: None,
    }
}

impl Page<'_> {
    fn address(&self) -> Address {
        let mut address = Address::of_deployment(self.deployment, "/secrets", "`secrets`");
        address.push("limit", &self.limit.min(MAX_LIMIT).to_string());
        if !self.cursor.is_empty() {
            address.push("cursor", self.cursor);
        }
        if let Some(since) = self.since {
            address.push("since", &moment::write(since));
        }
        for name in self.repositories {
            address.push("repo", name);
        }
        address
    }
}

#[cfg(test)]
mod tests {
    use appsec_model::Timestamp;

    use super::Page;

    #[test]
    fn a_page_has_one_address() {
        let page = Page {
            deployment: "4242",
            limit: 3000,
            cursor: "Pm0ROjIw+a/b==",
            repositories: &["acme/shop", "local_scan/a b&c"],
            since: Some(Timestamp::from_micros(1_720_730_785_269_650)),
        };
        insta::assert_snapshot!(page.address(), @"/api/v1/deployments/4242/secrets?limit=500&cursor=Pm0ROjIw%2Ba/b%3D%3D&since=2024-07-11T20%3A46%3A25.269650Z&repo=acme/shop&repo=local_scan/a%20b%26c");
        let first = Page { limit: 100, cursor: "", repositories: &[], since: None, ..page };
        insta::assert_snapshot!(first.address(), @"/api/v1/deployments/4242/secrets?limit=100");
    }
}
