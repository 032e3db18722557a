//! `GET /deployments/{id}/scan/{scan}`: one scan.

use appsec_model::{Author, Error, PullRequest, Scan};
use guest_json::{Raw, object};

use super::{Address, Api};
use crate::{
    normalize::branch_name,
    wire::{self, Id, Remarks, Text, Wire, from_text},
};

/// How much of a text for people is kept: a title, a name.
const MAX_TEXT_CHARS: usize = 500;

/// How long a hash, a branch or a web address may be. A longer one is left out:
/// half of it would be wrong.
const MAX_NAME_BYTES: usize = 2048;

object! {
    #[derive(Default)]
    struct Entry<'a> {
        id: Option<Id<'a>>,
        started_at: Option<Text<'a>>,
        completed_at: Option<Text<'a>>,
        meta: Option<Meta<'a>>,
    }

    #[derive(Default)]
    struct Meta<'a> {
        commit: Option<Text<'a>>,
        commit_title: Option<Text<'a>>,
        commit_author_name: Option<Text<'a>>,
        commit_author_email: Option<Text<'a>>,
        commit_author_username: Option<Text<'a>>,
        branch: Option<Text<'a>>,
        pull_request_id: Option<Id<'a>>,
        pull_request_title: Option<Text<'a>>,
        pull_request_author_username: Option<Text<'a>>,
        ci_job_url: Option<Text<'a>>,
        on: Option<Text<'a>>,
        /// How the API reference prints the key `on`: as YAML reads it.
        on_as_yaml: Option<Text<'a>> = "true",
    }
}

impl Wire for Entry<'_> {
    type Of<'a> = Entry<'a>;
}

/// Reads one scan. `id` is a number.
pub fn scan(api: &mut Api<'_>, deployment: &str, id: &str) -> Result<Scan, Error> {
    let address = Address::of_deployment(deployment, &format!("/scan/{id}"), "scans");
    let response = api.send(&address)?;
    let text = address.text(&response)?;
    let body: Raw<'_> = from_text(&text).map_err(|error| api.unreadable(&address, &response, &error))?;
    let mut spare = String::new();
    // A call without diagnostics: what cannot be read is absent.
    let entry = wire::read::<Entry<'_>>(body.get(), &mut spare, &mut Remarks::default());
    match entry.filter(|entry| entry.id.is_some() || entry.meta.is_some()) {
        Some(entry) => Ok(read(id, entry)),
        None => Err(address.violation("the body is JSON without a scan")),
    }
}

fn read(id: &str, entry: Entry<'_>) -> Scan {
    let mut remarks = Remarks::default();
    let mut moment = |text: Option<Text<'_>>| remarks.moment("", text.as_deref()?);
    let meta = entry.meta.unwrap_or_default();
    let author = Author {
        name: line(meta.commit_author_name),
        email: exact(meta.commit_author_email),
        username: exact(meta.commit_author_username),
    };
    let request = meta.pull_request_id.map(Id::into_string);
    // An unset number is empty or 0 in the vendor's data.
    let request = request.filter(|id| !matches!(id.as_str(), "" | "0") && id.len() <= MAX_NAME_BYTES);
    Scan {
        id: id.to_owned(),
        commit: exact(meta.commit),
        commit_title: line(meta.commit_title),
        author: (author != Author::default()).then_some(author),
        branch: exact(meta.branch).map(|branch| branch_name(&branch).to_owned()),
        pull_request: request.map(|id| PullRequest {
            id,
            title: line(meta.pull_request_title),
            author: exact(meta.pull_request_author_username),
        }),
        job_url: exact(meta.ci_job_url),
        trigger: exact(meta.on.or(meta.on_as_yaml)),
        started_at: moment(entry.started_at),
        completed_at: moment(entry.completed_at),
    }
}

/// The first line of a text for people, cut where it is very long.
fn line(text: Option<Text<'_>>) -> Option<String> {
    let text = text?;
    let line = text.trim().lines().next()?.trim_end();
    match line.char_indices().nth(MAX_TEXT_CHARS) {
        Some((end, _)) => Some(format!("{}…", line.get(..end)?)),
        None => Some(line.to_owned()).filter(|line| !line.is_empty()),
    }
}

/// A text that says something only as a whole.
fn exact(text: Option<Text<'_>>) -> Option<String> {
    text.filter(|text| !text.is_empty() && text.len() <= MAX_NAME_BYTES).map(Text::into_string)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{exact, line};
    use crate::wire::Text;

    #[test]
    fn texts_are_bounded() {
        let text = |text: &str| Some(Text(Cow::Owned(text.to_owned())));
        assert_eq!(line(text("\n fix: a \r\n\nmore")).as_deref(), Some("fix: a"));
        assert_eq!(line(text("é".repeat(501).as_str())), Some(format!("{}…", "é".repeat(500))));
        assert_eq!((line(text(" \n")), line(None)), (None, None));
        assert_eq!(exact(text("x".repeat(2049).as_str())), None);
        assert_eq!(exact(text("main")).as_deref(), Some("main"));
    }
}
