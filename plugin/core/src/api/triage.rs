//! `POST /deployments/{slug}/triage`: one decision about many findings.

use appsec_model::{DecisionBatch, Error};
use guest_json::{Read, Reader, members, object};
use serde_json::Value;

use super::{Address, Api};
use crate::wire::{Id, from_text};

/// What to write.
pub struct Change<'a> {
    /// The deployment's slug.
    pub slug: &'a str,
    /// The vendor's word for the kind.
    pub issue_type: &'static str,
    /// The vendor's word for the decision, and for the reason where it has one.
    pub state: &'static str,
    /// A reason goes with the state `ignored` alone.
    pub reason: Option<&'static str>,
}

object! {
    #[derive(Default)]
    struct Answer<'a> {
        triaged_issues: Option<Vec<Issue<'a>>>,
    }
}

/// An id that must be there.
struct Issue<'a>(Id<'a>);

impl<'a> guest_json::Value<'a> for Issue<'a> {
    const TAKES_NULL: bool = true;

    fn read(json: &mut Reader<'a>) -> Read<Self> {
        guest_json::Value::read(json).map(Self)
    }
}

/// Writes it. Returns the ids that the vendor has changed: those of the same
/// fingerprint on other branches as well.
pub fn write(api: &mut Api<'_>, change: &Change<'_>, batch: &DecisionBatch) -> Result<Vec<String>, Error> {
    let mut address = Address::of_deployment(change.slug, "/triage", "the triage");
    // Numbers as numbers: the ids of findings are such.
    let ids: Vec<_> =
        batch.ids.iter().map(|id| id.parse::<u64>().map_or_else(|_| id.as_str().into(), Value::from)).collect();
    let mut fields = vec![
        ("issue_type", change.issue_type.into()),
        ("issue_ids", ids.into()),
        ("limit", batch.ids.len().into()),
        ("new_triage_state", change.state.into()),
    ];
    fields.extend(change.reason.map(|reason| ("new_triage_reason", reason.into())));
    fields.extend(batch.comment.as_deref().map(|note| ("new_note", note.into())));
    address.body = Some(guest_json::text(&members(fields)));
    let response = api.send(&address)?;
    let text = address.text(&response)?;
    let answer: Answer<'_> = from_text(&text).map_err(|error| api.unreadable(&address, &response, &error))?;
    let changed =
        answer.triaged_issues.ok_or_else(|| address.violation("the body is JSON without a list `triaged_issues`"))?;
    Ok(changed.into_iter().map(|Issue(id)| id.into_string()).collect())
}
