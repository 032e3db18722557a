//! One result.

use appsec_model::{Finding, Kind, Rule, Ticket, credential, scan::branch_name};
use serde_json::Value;

use super::{
    exposed::ExposedLines,
    fingerprint,
    level::{self, Unknown},
    lifecycle, message, package,
    rated::{Rated, rated},
    rule::RuleFacts,
    run::Run,
    secret, spot,
    spot::CodeSpan,
};
use crate::{
    MAX_LIST, bounds,
    collection::Collection,
    identity::{self, DraftFinding},
    json::JsonView,
    package::{title, unversioned},
    place, weakness, words,
};

/// Whether a result may show a credential, as far as its rule and its own words tell.
pub fn shows_credentials(run: &Run, result: &Value) -> bool {
    let (known, nameless) = (run.rule(result), RuleFacts::nameless(rule_id(result).unwrap_or_default()));
    let facts = known.unwrap_or(&nameless);
    let id = rule_id(result).unwrap_or(&facts.rule.id);
    run.finds_secrets
        || secret::is_tagged(result, facts)
        || secret::shows_credentials(result, id, facts, &classes(run, result).cwes)
        || message::text(result.at("message"), &facts.messages, &run.shared_messages)
            .is_some_and(|text| credential::is_told(&text))
}

/// The id of the rule that a result names.
fn rule_id(result: &Value) -> Option<&str> {
    result.text("ruleId").or(result.at("rule").text("id")).map(bounds::word)
}

/// Adds the finding of a result, or why there is none.
pub fn add(collection: &mut Collection<'_>, run: &Run, exposed: &ExposedLines, result: &Value) {
    let nameless;
    let known = run.rule(result);
    let facts = match known {
        Some(facts) => facts,
        None => {
            nameless = RuleFacts::nameless(rule_id(result).unwrap_or_default());
            &nameless
        }
    };
    let id = rule_id(result).unwrap_or(&facts.rule.id);
    let text = message::text(result.at("message"), &facts.messages, &run.shared_messages);
    let says_nothing = id.is_empty() && text.is_none();
    let classes = classes(run, result);
    let is_secret = run.finds_secrets || secret::is_tagged(result, facts);
    let path_of = |spot: &Option<CodeSpan<'_>>| spot.as_ref().map_or("", |spot| &spot.location.path).to_owned();
    let dependency = if is_secret {
        None
    } else {
        let path = path_of(&spot::of_result(run, result));
        package::dependency(result, id, facts, text.as_deref().unwrap_or_default(), &path)
    };
    // An advisory on a credential in a package shows none of the project's.
    let tells = || text.as_deref().is_some_and(credential::is_told);
    let shows_credentials =
        is_secret || dependency.is_none() && (secret::shows_credentials(result, id, facts, &classes.cwes) || tells());
    let mut text = text;
    let kept = match shows_credentials {
        true => Some(secret::kept(result, &facts.rule)),
        false => {
            let kept = exposed.without_code(&|artifact| Some(run.path(artifact)?.0), result);
            if kept.is_some() {
                text = text.as_deref().map(credential::masked);
            }
            let shown = kept.as_ref().unwrap_or(result);
            let quiet = secret::holds_requests(shown).then(|| secret::without_requests(shown));
            quiet.or(kept)
        }
    };
    if let Some(kept) = &kept {
        collection.keep(kept.to_string());
    }
    let result = kept.as_ref().unwrap_or(result);
    let (id, text) = match shows_credentials {
        true => (bounds::word(result.text("ruleId").unwrap_or_default()), None),
        false => (id, text),
    };
    let kind = match (&dependency, is_secret) {
        (Some(_), _) => Kind::Sca,
        (None, true) => Kind::Secrets,
        (None, false) => Kind::Sast,
    };
    if let Some(record) = collection.record() {
        record.kind = kind.clone();
    }
    if says_nothing {
        return collection.error("no-result", "the result names no rule and has no message");
    }
    let is_none =
        |kind: &&str| ["pass", "notApplicable", "informational"].iter().any(|it| it.eq_ignore_ascii_case(kind));
    if let Some(kind) = result.text("kind").filter(is_none) {
        return collection.skip("no-problem", format!("the result is of the kind `{kind}`: nothing is wrong there"));
    }
    let mut spot = spot::of_result(run, result);
    if let Some(spot) = spot.as_mut().filter(|_| shows_credentials) {
        spot.location.path = credential::without_parameters(&spot.location.path);
        spot.url = spot.url.as_deref().map(credential::without_parameters);
    }
    let path = path_of(&spot);
    let told = text.clone().unwrap_or_default();
    let kept_rule = shows_credentials.then(|| secret::kept_rule(&facts.rule));
    let rule = kept_rule.as_ref().unwrap_or(&facts.rule);
    let mut finding = collection.blank(kind);
    finding.repository_url = run.repository_url.clone();
    // What the operator says goes first.
    finding.r#ref = finding.r#ref.or_else(|| run.branch.as_deref().map(branch_name).map(str::to_owned));
    finding.rule_id = (!rule.id.is_empty()).then(|| rule.id.clone());
    // A name of one word is the rule's for machines, such as `hashlib`, and one with
    // gaps is a form for messages.
    let is_title = |name: &&str| name.trim().contains(char::is_whitespace) && !message::has_gaps(name);
    let named = rule.name.as_deref().filter(|name| told.is_empty() || is_title(name)).map(message::before_gap);
    finding.title = named.and_then(place::line).unwrap_or_default();
    finding.message = text.filter(|text| rule.message.as_ref() != Some(text));
    let (severity, word, unknown) = level::severity(run, result, facts);
    let is_kept = |word: &String| !shows_credentials || credential::is_prose(word);
    (finding.severity, finding.vendor_severity) = (severity, Some(word).filter(is_kept));
    if let Some(Unknown { pointer, word }) = unknown.filter(|it| is_kept(&it.word)) {
        collection.warn("unknown-severity", pointer, format!("`{word}` is no known level"));
    }
    add_rule(&mut finding, result, facts, rule);
    finding.lifecycle = lifecycle::lifecycle(result);
    finding.flow = spot::flow(run, result);
    if shows_credentials {
        // Steps may stand in a table of the run, with their code, and so do files.
        finding.flow.iter_mut().for_each(|step| {
            step.content = None;
            step.location.path = credential::without_parameters(&step.location.path);
        });
    } else {
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
        let nameless =
            || if shows_credentials { "A credential".to_owned() } else { "A result without a rule".to_owned() };
        finding.title = line.or_else(|| finding.rule_id.clone()).unwrap_or_else(nameless);
    }
    if place::is_absolute(&path) {
        let message = format!("`{path}` is a path of the machine of the scan; name the project's folder there");
        collection.warn("absolute-path", "/locations/0", message);
    }
    if known.is_none() && finding.rule_id.is_some() {
        let message = format!("the report says nothing of the rule `{id}`");
        collection.warn("unknown-rule", "/ruleId", message);
    }
    // A message may hold the credential; the commit tells those of a history apart.
    let history = finding.secret.as_ref().and_then(|it| it.history.as_ref()?.commit.clone());
    let draft = draft(&finding, result, id, &history.unwrap_or(told), &path);
    let mut is_first = false;
    let first = || {
        is_first = true;
        rule.clone()
    };
    if let Some(id) = &finding.rule_id
        && let Some(listed) = collection.rule(id, first)
    {
        if let Some(kept) = &kept_rule {
            // Another result of the rule may have shown no credential.
            let numbers: Vec<u32> = listed.cwes.iter().filter_map(|cwe| cwe.number).collect();
            listed.clone_from(kept);
            numbers.into_iter().for_each(|number| weakness::add(&mut listed.cwes, weakness::by_number(number)));
        }
        classes.cwes.into_iter().for_each(|cwe| weakness::add(&mut listed.cwes, cwe));
        for owasp in classes.owasp.into_iter().filter(|_| kept_rule.is_none()) {
            if listed.owasp.len() < MAX_LIST && !listed.owasp.contains(&owasp) {
                listed.owasp.push(owasp);
            }
        }
    }
    // Once for all results of the rule.
    if let Some(Rated::Unknown(word)) = facts.rated.as_ref().filter(|_| is_first)
        && is_kept(word)
    {
        let message = format!("`{word}` of the rule is no known level");
        collection.warn("unknown-severity", "/rule/properties/security-severity", message);
    }
    collection.finding(finding, draft);
}

fn add_rule(finding: &mut Finding, result: &Value, facts: &RuleFacts, rule: &Rule) {
    let properties = result.at("properties");
    let word = ["precision", "confidence", "issue_confidence"].iter().find_map(|key| properties.text(key));
    finding.confidence = word.map(words::confidence).or_else(|| rule.confidence.clone());
    finding.categories = rule.category.iter().cloned().collect();
    finding.security = match finding.kind {
        Kind::Sca | Kind::Secrets => Some(true),
        _ => facts.security.or_else(|| rated(properties).and_then(|it| it.is_known().then_some(true))),
    };
}

fn tickets(result: &Value) -> Vec<Ticket> {
    let urls = result.texts("workItemUris").filter(|url| words::is_url(url)).take(MAX_LIST);
    urls.map(|url| Ticket { url: Some(url.to_owned()), ..Ticket::default() }).collect()
}

fn draft(finding: &Finding, result: &Value, id: &str, message: &str, path: &str) -> DraftFinding {
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
    let given = fingerprint::given(result, id, place);
    DraftFinding { group, others, position, tie: identity::hash([result.to_string().as_str()]), given }
}

/// The weaknesses and categories that a result itself names.
fn classes(run: &Run, result: &Value) -> Rule {
    let mut classes = Rule::default();
    result.list("taxa").iter().for_each(|taxon| run.taxonomies.add(&mut classes, taxon));
    let own = result.at("properties").map(weakness::of_members).unwrap_or_default();
    own.into_iter().for_each(|cwe| weakness::add(&mut classes.cwes, cwe));
    classes
}
