//! How many findings a list has for each value of a field.

use appsec_model::Severity;
use appsec_store::{Filter, Total};
use serde::Serialize;

use super::Tenant;
use crate::{
    error::Error,
    query::{Group, Query, Takes},
};

/// The fields that are counted, in this order.
const FIELDS: [&str; 4] = ["severity", "kind", "status", "reachability"];

/// How many findings a list has for each value of its fields.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct FindingFacets {
    /// The fields that the list has, of severity, kind, status and reachability.
    pub facets: Vec<Facet>,
}

/// A field of a list.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Facet {
    /// Name of the filter.
    pub field: String,
    /// Its values, also those that no finding has.
    pub values: Vec<FacetValue>,
}

/// A value of a field.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct FacetValue {
    /// The value, as the filter takes it.
    pub value: String,
    /// How many findings the list has with this value in place of what is asked of
    /// the field, and with all other filters as they are asked.
    #[serde(flatten)]
    pub total: Total,
}

/// The filters beside which findings are counted at once for each word of others: those
/// that indexes decide, and what is no filter. Any other is looked for in every row, for
/// each word once more.
const COUNTED_AT_ONCE: [&str; 14] = [
    "kind",
    "severity",
    "min-severity",
    "min-priority",
    "status",
    "include-closed",
    "package",
    "advisory",
    "identifier",
    "last-seen-since",
    "changed-since",
    "project",
    "instance",
    "repository",
];

impl Tenant {
    /// The facets of a list that are shown beside it; none where they would take longer
    /// than the list.
    pub async fn quick_facets(&self, query: &Query) -> Result<Vec<Facet>, Error> {
        let is_filter = |name: &str| query.list().field(name).is_ok_and(|it| it.group != Group::Output);
        match query.pairs().iter().all(|(name, _)| COUNTED_AT_ONCE.contains(name) || !is_filter(name)) {
            true => Ok(self.finding_facets(query).await?.facets),
            false => Ok(Vec::new()),
        }
    }

    /// How many findings the list of a query would have for each value of a field,
    /// counted at one moment.
    pub async fn finding_facets(&self, query: &Query) -> Result<FindingFacets, Error> {
        let mut wanted = Vec::new();
        for name in FIELDS {
            let Ok(field) = query.list().field(name) else { continue };
            let words = match field.takes {
                Takes::Severities => Severity::ALL.map(Severity::as_str).to_vec(),
                Takes::Words(open) => open.named(),
                _ => continue,
            };
            let mut values = Vec::new();
            for word in words {
                let filter = self.finding_filter(&with(query, name, word)?).await?;
                values.push((word, Filter { limit: 0, after: None, ..filter }));
            }
            wanted.push((name, values));
        }
        let counted = self.store.read(move |store| {
            let mut facets = Vec::new();
            for (name, wanted) in wanted {
                let mut values = Vec::new();
                for (word, filter) in wanted {
                    values.push(FacetValue { value: word.to_owned(), total: store.view(&filter)?.total });
                }
                facets.push(Facet { field: name.to_owned(), values });
            }
            Ok(facets)
        });
        Ok(FindingFacets { facets: counted.await? })
    }
}

impl Tenant {
    /// Of the filters of a list that shows nothing, the one without which it would show
    /// most, and how many that are; none where it is not one of them alone.
    pub async fn most_narrowing(&self, query: &Query) -> Result<Option<(&'static str, Total)>, Error> {
        let pairs = query.pairs();
        let mut wanted: Vec<(&'static str, Filter)> = Vec::new();
        for (name, _) in &pairs {
            let narrows = query.list().field(name).is_ok_and(|it| it.group != Group::Output);
            if !narrows || wanted.iter().any(|(other, _)| other == name) {
                continue;
            }
            let rest = pairs.iter().filter(|(other, _)| other != name && *other != "cursor" && *other != "offset");
            let rest = Query::parse(query.list(), rest.map(|(name, value)| (*name, value.as_str())))?;
            wanted.push((name, Filter { limit: 0, after: None, ..self.finding_filter(&rest).await? }));
        }
        let counted = self.store.read(move |store| {
            let mut counted = Vec::new();
            for (name, filter) in wanted {
                counted.push((name, store.view(&filter)?.total));
            }
            Ok(counted)
        });
        let found = counted.await?.into_iter().filter(|(_, total)| total.total > 0);
        Ok(found.max_by_key(|(_, total)| total.total))
    }
}

/// The same query with one value of a field, and nothing that the field excludes.
fn with(query: &Query, name: &str, value: &str) -> Result<Query, Error> {
    let is_other = |other: &str| other != name && other != "cursor" && !(name == "status" && other == "include-closed");
    let pairs: Vec<_> = query.pairs().into_iter().filter(|(other, _)| is_other(other)).collect();
    let pairs = pairs.iter().map(|(name, value)| (*name, value.as_str()));
    Ok(Query::parse(query.list(), pairs.chain([(name, value)]))?)
}

#[cfg(test)]
mod tests {
    use super::COUNTED_AT_ONCE;
    use crate::{
        query::{List, Query, View},
        test_context::TestContext,
    };

    #[tokio::test]
    async fn words_are_counted_beside_filters_that_indexes_decide_alone() {
        let context = TestContext::new();
        let tenant = context.tenant("default");
        let list = List::Findings(View::All);
        let fields = async |pairs: &[(&str, &str)]| {
            let query = Query::parse(list, pairs.iter().copied()).unwrap();
            tenant.quick_facets(&query).await.unwrap().len()
        };
        let is_field = |name: &str| list.field(name).is_ok();
        assert!(COUNTED_AT_ONCE.into_iter().all(is_field));
        assert_eq!((fields(&[]).await, fields(&[("severity", "high"), ("columns", "id")]).await), (4, 4));
        assert_eq!((fields(&[("text", "x")]).await, fields(&[("kind", "sca"), ("min-cvss", "7")]).await), (0, 0));
    }
}
