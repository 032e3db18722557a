//! C8: pages that hold less than their vendor usually puts on one.

use appsec_model::{ErrorCode, Kind, NextPage};
use appsec_sandbox::CallFailure;
use bytes::Bytes;
use http::Response;
use serde_json::Value;

use super::{
    Book, Ready, shown,
    walk::{Asked, Walk, fault_of, walk},
};
use crate::{lab::Lab, subject::Subject};

pub(super) async fn check(
    book: &mut Book<'_>,
    subject: &impl Subject,
    lab: &Lab,
    ready: &Ready,
    walks: &[(Kind, Walk)],
) {
    let Some(mut trial) = book.open("C8") else { return };
    let mut tried: Vec<&Kind> = Vec::new();
    for (kind, read) in walks {
        // Before it are those that say that the vendor is preparing what comes.
        let Some(at) = read.pages.iter().position(|asked| !asked.page.records.is_empty()) else { continue };
        let Some(asked) = read.pages.get(at).filter(|asked| goes_on(asked) && !tried.contains(&kind)) else { continue };
        let Some(answer) = answer(subject, lab, ready, asked).await else { continue };
        tried.push(kind);
        // A vendor may end a list with an empty page: then one is no surprise.
        let ends_on_an_empty_one = read.pages.last().is_some_and(|last| last.page.records.is_empty());
        let half = asked.page.records.len() / 2;
        for (name, left) in [("with half of its records", half), ("without records", 0)] {
            if left == 0 && ends_on_an_empty_one {
                continue;
            }
            let Some(less) = with_less(asked, &answer, left) else { continue };
            lab.begin_answering(less);
            let got = match subject.fetch_findings(&ready.call(), asked.request.clone()).await {
                Ok(response) => match response.value.next {
                    NextPage::Complete => Err("a read that is complete".to_owned()),
                    NextPage::Cursor(cursor) => {
                        let mut behind = asked.request.clone();
                        behind.cursor = Some(cursor);
                        let (rest, _) = walk(subject, lab, ready, behind).await;
                        is_all_behind(read, at, &rest)
                    }
                    NextPage::Pending(_) => Ok(()),
                },
                Err(failure) => is_told(&failure),
            };
            let case = format!("the first page of {kind}, {name}");
            trial.case(got.is_ok(), case, "the pages behind it, or `protocol`", || got.err().unwrap_or_default());
        }
        // The second page is not the last one: what repeats the first is not either.
        let Some(second) = read.pages.get(at + 1).filter(|asked| goes_on(asked)) else { continue };
        lab.begin_answering(answer);
        let got = match subject.fetch_findings(&ready.call(), second.request.clone()).await {
            Ok(response) if response.value.next == NextPage::Complete => Err("a read that is complete".to_owned()),
            Ok(_) => Ok(()),
            Err(failure) => is_told(&failure),
        };
        let case = format!("the first page of {kind} in the place of the second");
        trial.case(got.is_ok(), case, "a read that goes on, or `protocol`", || got.err().unwrap_or_default());
    }
    if trial.cases == 0 {
        let why = match tried.is_empty() {
            true => "no read had a second page",
            false => "the records were found in no list of the answers",
        };
        trial.note = Some(why.to_owned());
    }
    book.close(trial);
}

fn goes_on(asked: &Asked) -> bool {
    matches!(asked.page.next, NextPage::Cursor(_))
}

/// What the vendor answers to the one request of a page.
async fn answer(subject: &impl Subject, lab: &Lab, ready: &Ready, asked: &Asked) -> Option<Response<Bytes>> {
    lab.begin();
    subject.fetch_findings(&ready.call(), asked.request.clone()).await.ok()?;
    match lab.requests().as_slice() {
        [request] => lab.good(request),
        _ => None,
    }
}

/// The answer with so many of the page's records, where they stand in it as a list.
fn with_less(asked: &Asked, answer: &Response<Bytes>, left: usize) -> Option<Response<Bytes>> {
    let first: Value = serde_json::from_str(&asked.page.records.first()?.body).ok()?;
    let mut body: Value = serde_json::from_slice(answer.body()).ok()?;
    let list = list_of(&mut body, &first).filter(|list| list.len() > left)?;
    list.truncate(left);
    Some(answer.clone().map(|_| Bytes::from(body.to_string())))
}

/// The innermost list that a record is in, by itself or within what is around it.
fn list_of<'a>(value: &'a mut Value, record: &Value) -> Option<&'a mut Vec<Value>> {
    match value {
        Value::Array(items) => {
            let at = items.iter().position(|item| holds(item, record))?;
            match items.get(at).is_some_and(|item| is_listed(item, record)) {
                true => list_of(items.get_mut(at)?, record),
                false => Some(items),
            }
        }
        Value::Object(fields) => fields.values_mut().find_map(|field| list_of(field, record)),
        _ => None,
    }
}

/// Whether a value is the record, or has it somewhere.
fn holds(value: &Value, record: &Value) -> bool {
    value == record
        || match value {
            Value::Array(items) => items.iter().any(|item| holds(item, record)),
            Value::Object(fields) => fields.values().any(|field| holds(field, record)),
            _ => false,
        }
}

/// Whether a list in a value has the record.
fn is_listed(value: &Value, record: &Value) -> bool {
    match value {
        Value::Array(_) => holds(value, record),
        Value::Object(fields) => fields.values().any(|field| is_listed(field, record)),
        _ => false,
    }
}

/// Whether a read that went on brings all records that are behind a page.
fn is_all_behind(whole: &Walk, at: usize, rest: &Walk) -> Result<(), String> {
    if rest.fault.is_some() {
        return Err(fault_of(rest));
    }
    let brought = |body: &str| rest.pages.iter().flat_map(|asked| &asked.page.records).any(|it| it.body == body);
    let behind = whole.pages.iter().skip(at + 1).flat_map(|asked| &asked.page.records);
    match behind.filter(|record| !brought(&record.body)).count() {
        0 => Ok(()),
        lost => Err(format!("a read without {lost} of the records behind it")),
    }
}

/// Whether a connector said that the answer is not as it has to be.
fn is_told(failure: &CallFailure) -> Result<(), String> {
    match failure {
        CallFailure::Contract(error) if error.code == ErrorCode::Protocol => Ok(()),
        other => Err(shown(other)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::list_of;

    #[test]
    fn the_list_of_a_record_is_found_however_the_record_is_wrapped() {
        let record = json!({"id": 1, "tags": ["a"]});
        let found = |mut answer: Value| list_of(&mut answer, &record).map(|list| list.len());
        assert_eq!(found(json!([record, 2])), Some(2));
        assert_eq!(found(json!({"data": {"edges": [{"node": record}, {"node": 2}, 3]}})), Some(3));
        assert_eq!(found(json!([["x"], [record, 1, 2, 3]])), Some(4));
        assert_eq!(found(json!({"one": record, "others": [1]})), None);
    }
}
