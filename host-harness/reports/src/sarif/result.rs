//! One result.

use appsec_model::{Finding, Kind, Ticket};
use serde_json::Value;

use super::{fingerprint, level, lifecycle, message, package, rule, rule::RuleFacts, run::Run, secret, spot};
use crate::{
    MAX_LIST, bounds,
    collection::Collection,
    identity::{self, DraftFinding, Given},
    json::JsonView,
    package::{title, unversioned},
    place, words,
};

/// Adds the finding of a result, or why there is none.
pub fn add(collection: &mut Collection<'_>, run: &Run, result: &Value) {
    let nameless;
    let known = run.rule(result);
    let facts = match known {
        Some(facts) => facts,
        None => {
            nameless = RuleFacts::nameless(result.text("ruleId").or(result.at("rule").text("id")).unwrap_or_default());
            &nameless
        }
    };
    let is_secret = secret::is_secret(run, result, facts);
    let shows_credentials = secret::shows_credentials(&if is_secret { Kind::Secrets } else { Kind::Sast }, &facts.rule);
    let hidden = shows_credentials.then(|| secret::hide(result));
    if let Some(hidden) = &hidden {
        collection.keep(hidden.to_string());
    }
    let result = hidden.as_ref().unwrap_or(result);
    let id = bounds::word(result.text("ruleId").or(result.at("rule").text("id")).unwrap_or(&facts.rule.id));
    let text = message::text(result.at("message"), &facts.messages, &run.shared_messages);
    if is_secret && let Some(record) = collection.record() {
        record.kind = Kind::Secrets;
    }
    if id.is_empty() && text.is_none() {
        return collection.error("no-result", "the result names no rule and has no message");
    }
    if let Some(kind @ ("pass" | "notApplicable" | "informational")) = result.text("kind") {
        return collection.skip("no-problem", format!("the result is of the kind `{kind}`: nothing is wrong there"));
    }
    let spot = spot::of_result(run, result);
    let path = spot.as_ref().map_or("", |spot| &spot.location.path).to_owned();
    let told = text.clone().unwrap_or_default();
    let dependency = if is_secret { None } else { package::dependency(result, id, facts, &told, &path) };
    let kind = match (&dependency, is_secret) {
        (Some(_), _) => Kind::Sca,
        (None, true) => Kind::Secrets,
        (None, false) => Kind::Sast,
    };
    if let Some(record) = collection.record() {
        record.kind = kind.clone();
    }
    let mut finding = collection.blank(kind);
    finding.repository_url = run.repository_url.clone();
    finding.r#ref = run.branch.as_deref().map(words::branch).or(finding.r#ref);
    finding.rule_id = (!facts.rule.id.is_empty()).then(|| facts.rule.id.clone());
    finding.title = facts.rule.name.as_deref().and_then(place::line).unwrap_or_default();
    finding.message = text.filter(|text| facts.rule.message.as_ref() != Some(text));
    let (severity, word, unknown) = level::severity(run, result, facts);
    (finding.severity, finding.vendor_severity) = (severity, Some(word));
    if let Some(word) = unknown {
        collection.warn("unknown-severity", "/level", format!("`{word}` is no known level"));
    }
    add_rule(&mut finding, result, facts);
    finding.lifecycle = lifecycle::lifecycle(result);
    finding.flow = spot::flow(run, result);
    if !shows_credentials {
        finding.snippet = spot.as_ref().and_then(|it| it.code).and_then(|it| place::code(it, place::MAX_SNIPPET_CHARS));
        finding.suggested_fix = spot::fix(result);
    }
    if let Some(spot) = spot {
        (finding.location, finding.code_url) = (Some(spot.location), spot.url);
    }
    finding.tickets = tickets(result);
    if finding.kind == Kind::Secrets {
        finding.secret = Some(secret::secret(result));
    }
    if let Some(dependency) = dependency {
        let first = dependency.advisories.first().map(|it| it.id.clone()).unwrap_or_default();
        finding.title = title(&first, &dependency);
        let mut package = collection.blank_package(dependency.package.clone());
        package.lockfile = dependency.lockfile.clone();
        collection.package(package);
        finding.dependency = Some(dependency);
    }
    if finding.title.is_empty() {
        let line = place::line(&told);
        finding.title = line.unwrap_or_else(|| facts.rule.id.clone());
    }
    if place::is_absolute(&path) {
        let message = format!("`{path}` is a path of the machine of the scan; name the project's folder there");
        collection.warn("absolute-path", "/locations/0", message);
    }
    if known.is_none() && finding.rule_id.is_some() {
        let message = format!("the report says nothing of the rule `{id}`");
        collection.warn("unknown-rule", "/ruleId", message);
    }
    let sketch = sketch(&finding, result, id, &told, &path);
    if let Some(id) = &finding.rule_id
        && let Some(rule) = collection.rule(id, || facts.rule.clone())
    {
        result.list("taxa").iter().for_each(|taxon| rule::add_taxon(rule, taxon));
    }
    collection.finding(finding, sketch);
}

fn add_rule(finding: &mut Finding, result: &Value, facts: &RuleFacts) {
    let properties = result.at("properties");
    let word = ["precision", "confidence", "issue_confidence"].iter().find_map(|key| properties.text(key));
    finding.confidence = word.map(words::confidence).or_else(|| facts.rule.confidence.clone());
    finding.categories = facts.rule.category.iter().cloned().collect();
    finding.security = match finding.kind {
        Kind::Sca | Kind::Secrets => Some(true),
        _ => facts.security.or(properties.number("security-severity").map(|_| true)),
    };
}

fn tickets(result: &Value) -> Vec<Ticket> {
    let urls = result.texts("workItemUris").filter(|url| words::is_url(url)).take(MAX_LIST);
    urls.map(|url| Ticket { url: Some(url.to_owned()), ..Ticket::default() }).collect()
}

fn sketch(finding: &Finding, result: &Value, id: &str, message: &str, path: &str) -> DraftFinding {
    let place = match path {
        "" => {
            let logical = result.list("locations").iter().flat_map(|it| it.list("logicalLocations")).next();
            logical.text("fullyQualifiedName").or(logical.text("name")).unwrap_or_default()
        }
        path => path,
    };
    let at = finding.location.as_ref();
    let number = |count: Option<u32>| count.unwrap_or_default();
    let position = at.map_or([0; 4], |at| {
        [number(at.start_line), number(at.start_column), number(at.end_line), number(at.end_column)]
    });
    let (group, others) = match &finding.dependency {
        Some(dependency) => {
            let package = unversioned(&dependency.package);
            let mut groups = dependency.advisories.iter().map(|it| identity::hash(["sca", &it.id, &package, path]));
            (groups.next().unwrap_or_default(), groups.collect())
        }
        None => (identity::hash([id, place, &identity::settled(message)]), Vec::new()),
    };
    let given: Given = fingerprint::given(result, id, place);
    DraftFinding { group, others, position, tie: identity::hash([result.to_string().as_str()]), given }
}
