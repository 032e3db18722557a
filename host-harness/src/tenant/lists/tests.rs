use std::collections::BTreeSet;

use appsec_grant::UnknownName;

use crate::{
    query::{List, Query, QueryError, View, samples},
    tenant::Unread,
    test_context::TestContext,
};

#[tokio::test]
async fn words_are_those_of_the_model_in_any_case_or_those_of_the_store() {
    let context = TestContext::new();
    let tenant = context.tenant("default");
    let filter = async |name: &str, words: &str| {
        tenant.finding_filter(&Query::parse(List::Findings(View::All), [(name, words)]).unwrap()).await
    };
    assert_eq!(filter("kind", "SCA,ai-sast").await.unwrap().kinds, ["sca", "ai-sast"]);
    assert_eq!(filter("status", "Open,vanished").await.unwrap().statuses, ["open", "vanished"]);
    assert_eq!(filter("reachability", "REACHABLE").await.unwrap().reachability, ["reachable"]);
    let wrong = filter("kind", "sca,bogus").await.unwrap_err();
    assert_eq!(wrong.to_string(), "invalid kind `bogus`");
    let slip = filter("status", "opne").await.unwrap_err();
    assert_eq!(slip.to_string(), "invalid status `opne`; did you mean `open`?");
    assert!(matches!(slip, crate::Error::Query(QueryError::Word { known, .. }) if known.contains(&"open".to_owned())));
}

/// Each field of a table is read: one that is given makes another filter.
#[tokio::test]
async fn no_field_of_a_list_is_without_effect() {
    let context = TestContext::new();
    let tenant = context.tenant("default");
    tenant.source(&"code".parse().unwrap()).await.unwrap();
    for list in [List::Findings(View::All), List::Findings(View::Secrets), List::Issues] {
        let shown = async |query: &Query| match list {
            List::Issues => format!("{:?}", tenant.issue_filter(query).await.unwrap()),
            _ => format!("{:?}", tenant.finding_filter(query).await.unwrap()),
        };
        let mut seen = BTreeSet::from([shown(&Query::new(list)).await]);
        // Which columns are shown is no matter of which rows are.
        for field in list.fields().iter().filter(|it| it.name != "columns") {
            let sample = samples::of(field);
            let filter = shown(&Query::parse(list, [(field.name, sample.as_str())]).unwrap()).await;
            assert!(seen.insert(filter), "{}", field.name);
        }
    }
}

#[tokio::test]
async fn a_cursor_is_a_place_in_the_list_of_its_filter_alone() {
    let context = TestContext::new();
    let tenant = context.tenant("default");
    let cursor: appsec_store::Cursor = samples::of(List::Findings(View::All).field("cursor").unwrap()).parse().unwrap();
    let asked = |pairs: &[(&str, &str)]| Query::parse(List::Findings(View::All), pairs.iter().copied()).unwrap();
    let of = asked(&[("severity", "high")]).filter_hash();
    let place = cursor.within(of).to_string();
    let told = async |pairs: &[(&str, &str)]| {
        tenant.finding_list(&asked(pairs)).await.map(|_| ()).map_err(|it| it.to_string())
    };
    assert_eq!(told(&[("severity", "high"), ("cursor", &place)]).await, Ok(()));
    // Whichever rows and columns of it are shown.
    assert_eq!(told(&[("severity", "high"), ("cursor", &place), ("limit", "3"), ("columns", "id")]).await, Ok(()));
    let other = "the cursor is of another filter: begin at the first page of this one";
    assert_eq!(told(&[("severity", "low"), ("cursor", &place)]).await, Err(other.to_owned()));
    assert_eq!(told(&[("cursor", &place)]).await, Err(other.to_owned()));
}

#[tokio::test]
async fn a_scope_of_no_project_is_told() {
    let context = TestContext::new();
    let tenant = context.tenant("default");
    let told = async |name: &str| {
        let query = Query::parse(List::Findings(View::All), [(name, "nope")]).unwrap();
        tenant.finding_list(&query).await.unwrap().no_project
    };
    assert_eq!(
        told("project").await,
        Some(super::NoProject::Named(UnknownName { name: "nope".to_owned(), meant: None }))
    );
    assert_eq!(
        told("repository").await,
        Some(super::NoProject::OfRepository(UnknownName { name: "nope".to_owned(), meant: None }))
    );
    assert_eq!(told("environment").await, Some(super::NoProject::Matching));
    assert_eq!(told("rule").await, None);
}

#[tokio::test]
async fn an_empty_list_says_that_nobody_looked() {
    let context = TestContext::new();
    let tenant = context.tenant("default");
    let why = async |list: List, pairs: &[(&'static str, &'static str)]| {
        tenant.unread(&Query::parse(list, pairs.iter().copied()).unwrap()).await.unwrap()
    };
    let all = List::Findings(View::All);
    assert_eq!(why(all, &[]).await, Some(Unread::NoInstance));
    assert_eq!(tenant.finding_list(&Query::new(all)).await.unwrap().unread, Some(Unread::NoInstance));
    tenant.source(&"code".parse().unwrap()).await.unwrap();
    assert_eq!(why(all, &[]).await, Some(Unread::NoRun));
    assert_eq!(why(List::Issues, &[("source", "code")]).await, Some(Unread::NoRun));
    assert_eq!(why(List::Coverage, &[]).await, Some(Unread::NoRun));
}
