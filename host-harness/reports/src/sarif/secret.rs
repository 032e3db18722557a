//! Results that show credentials, and what is kept of them.

use appsec_model::{Confidence, Cwe, History, LeakedSecret, Owasp, Rule, credential};
use serde_json::{Map, Value};

use super::rule::{RuleFacts, sorts};
use crate::{MAX_LIST, identity, json::JsonView, place, words};

/// Tools that look for credentials and nothing else, and whose reports do not
/// say so in tags: what their `tool.driver.name` holds, in small letters and
/// without other signs.
const TOOLS: [&str; 25] = [
    "secret",
    "credential",
    "gitleaks",
    "betterleaks",
    "gittyleaks",
    "infisical",
    "leaktk",
    "trufflehog",
    "rustyhog",
    "ggshield",
    "gitguardian",
    "noseyparker",
    "kingfisher",
    "talisman",
    "whispers",
    "shhgit",
    "credscan",
    "credsweeper",
    "creddigger",
    "spectralops",
    "blubracket",
    "gitrob",
    "reposupervisor",
    "passhunt",
    "earlybird",
];

/// Those of short names.
const SHORT: [&str; 2] = ["2ms", "titus"];

/// Tags for rules and results on credentials.
const TAGS: [&str; 6] =
    ["secret", "secrets", "secret-detection", "secrets-detection", "secret-scanning", "secrets-scanning"];

/// Whether a tool looks for nothing else.
pub fn is_tool_for_secrets(name: &str) -> bool {
    let letters: String = name.chars().filter(|letter| letter.is_alphanumeric()).collect();
    let letters = letters.to_lowercase();
    TOOLS.iter().any(|tool| letters.contains(tool)) || SHORT.iter().any(|tool| letters.starts_with(tool))
}

/// Whether the tags of a result or its rule say that it is about a credential.
pub fn is_tagged(result: &Value, facts: &RuleFacts) -> bool {
    let is_tag = |tag: &str| TAGS.contains(&tag.trim().to_ascii_lowercase().as_str());
    let properties = result.at("properties");
    facts.tags.iter().any(|tag| is_tag(tag))
        || properties.is_some_and(|it| it.texts("tags").any(is_tag))
        || sorts(properties).chain(sorts(Some(&facts.properties))).any(is_tag)
}

/// Whether a result of another kind shows a credential: by what its rule says, and by
/// the id, the weaknesses and the properties of its own.
pub fn shows_credentials(result: &Value, id: &str, facts: &RuleFacts, weaknesses: &[Cwe]) -> bool {
    let mut numbers = weaknesses.iter().filter_map(|cwe| cwe.number);
    facts.names_credentials
        || std::iter::once(id).chain(sorts(result.at("properties"))).any(credential::is_named)
        || numbers.any(credential::is_weakness)
}

/// What is known of a credential. Scanners of a history tell the commit beside
/// the result's fingerprints.
pub fn secret(result: &Value) -> LeakedSecret {
    let given = result.at("partialFingerprints");
    let commit = given.text("commitSha").map(str::to_owned);
    let committed_at = words::moment(given.text("date"));
    let history = commit.map(|commit| History { commit: Some(commit), blob: None, committed_at });
    LeakedSecret { history, ..LeakedSecret::default() }
}

/// What is kept of a result that shows a credential, as a result: where it is,
/// which rule found it, how bad it is and what was decided. Any other member may
/// repeat the credential.
pub fn kept(result: &Value, rule: &Rule) -> Value {
    let id = Some(rule.id.as_str()).filter(|id| !id.is_empty());
    let id = id.or(result.text("ruleId")).or(result.at("rule").text("id"));
    let suppression = |it: &Value| {
        Some(object([("kind", word(it, "kind")), ("status", word(it, "status")), ("state", word(it, "state"))]))
    };
    let states = result.texts("suppressionStates").filter(|it| credential::is_prose(it)).map(Value::from);
    let states: Vec<Value> = states.take(MAX_LIST).collect();
    let first = result.at("provenance").text("firstDetectionTimeUtc").filter(|it| words::moment(Some(it)).is_some());
    object([
        ("ruleId", id.map(Value::from)),
        ("kind", word(result, "kind")),
        ("level", word(result, "level")),
        ("rank", result.number("rank").map(Value::from)),
        ("baselineState", word(result, "baselineState")),
        ("locations", list(result.list("locations"), location)),
        ("codeFlows", list(result.list("codeFlows"), |it| members(it, "threadFlows", thread))),
        ("suppressions", list(result.list("suppressions"), suppression)),
        ("suppressionStates", Some(states).filter(|it| !it.is_empty()).map(Value::from)),
        ("provenance", first.map(|first| object([("firstDetectionTimeUtc", Some(first.into()))]))),
        ("fingerprints", fingerprints(result.at("fingerprints"))),
        ("partialFingerprints", fingerprints(result.at("partialFingerprints"))),
        ("properties", result.at("properties").map(properties)),
        ("taxa", list(result.list("taxa"), taxon)),
    ])
}

/// What a tool tells of its scan, in a line, without what may be a credential: code
/// that it could not read, or the login of an address. One that looks for credentials
/// may repeat one in plain words.
pub fn told(text: Option<&str>, finds_secrets: bool) -> String {
    match text.and_then(place::line) {
        Some(text) if !finds_secrets || credential::is_prose(&text) => credential::masked(&text),
        Some(_) => "its text is left out, since it may repeat a credential".to_owned(),
        None => "without a text".to_owned(),
    }
}

/// Members for what a scan sent and what it got, which hold its session.
const REQUESTS: [&str; 2] = ["webRequest", "webResponse"];

/// Whether a result tells of requests, in whatever depth.
pub fn holds_requests(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(holds_requests),
        Value::Object(map) => map.iter().any(|(key, value)| REQUESTS.contains(&key.as_str()) || holds_requests(value)),
        _ => false,
    }
}

/// A result without its requests.
pub fn without_requests(value: &Value) -> Value {
    match value {
        Value::Array(list) => list.iter().map(without_requests).collect(),
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, _)| !REQUESTS.contains(&key.as_str()));
            Value::Object(kept.map(|(key, value)| (key.clone(), without_requests(value))).collect())
        }
        value => value.clone(),
    }
}

/// What is kept of a rule whose results show credentials. Some scanners have a
/// rule for each result, and the code that they found for its description.
pub fn kept_rule(rule: &Rule) -> Rule {
    let prose = |text: &Option<String>| credential::prose(text.as_deref());
    let all = |texts: &[String]| texts.iter().filter(|text| credential::is_prose(text)).cloned().collect();
    let address = |url: &String| Some(credential::without_parameters(url)).filter(|url| credential::is_prose(url));
    let confidence = rule.confidence.clone();
    Rule {
        id: rule.id.clone(),
        name: prose(&rule.name),
        message: None,
        confidence: confidence.filter(|it| !matches!(it, Confidence::Other(word) if !credential::is_prose(word))),
        category: prose(&rule.category),
        subcategories: all(&rule.subcategories),
        vulnerability_classes: all(&rule.vulnerability_classes),
        cwes: rule.cwes.iter().filter(|cwe| credential::is_prose(&cwe.text)).cloned().collect(),
        owasp: rule.owasp.iter().filter(|it: &&Owasp| credential::is_prose(&it.text)).cloned().collect(),
        technologies: all(&rule.technologies),
        likelihood: prose(&rule.likelihood),
        impact: prose(&rule.impact),
        url: rule.url.as_ref().and_then(address),
        references: rule.references.iter().filter_map(address).collect(),
    }
}

/// An object of the members that are there.
fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let members = members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(members.collect::<Map<_, _>>())
}

fn list(values: &[Value], one: impl Fn(&Value) -> Option<Value>) -> Option<Value> {
    let kept: Vec<Value> = values.iter().filter(|it| it.is_object()).filter_map(one).collect();
    (!kept.is_empty()).then(|| kept.into())
}

/// An object of one list.
fn members(value: &Value, key: &str, one: impl Fn(&Value) -> Option<Value>) -> Option<Value> {
    Some(object([(key, list(value.list(key), one))]))
}

fn word(value: &Value, key: &str) -> Option<Value> {
    credential::prose(value.text(key)).map(Value::from)
}

fn count(value: Option<&Value>, key: &str) -> Option<Value> {
    value.at(key).and_then(Value::as_u64).map(Value::from)
}

fn location(location: &Value) -> Option<Value> {
    let physical = location.at("physicalLocation");
    let (artifact, region) = (physical.at("artifactLocation"), physical.at("region"));
    let uri = artifact.text("uri").map(|uri| Value::from(credential::without_parameters(uri)));
    let base = credential::prose(artifact.text("uriBaseId")).map(Value::from);
    let artifact = object([("uri", uri), ("uriBaseId", base), ("index", count(artifact, "index"))]);
    let lines = ["startLine", "startColumn", "endLine", "endColumn"].map(|key| (key, count(region, key)));
    let physical = physical.map(|_| object([("artifactLocation", Some(artifact)), ("region", Some(object(lines)))]));
    let name =
        |it: &Value| Some(object([("fullyQualifiedName", word(it, "fullyQualifiedName")), ("name", word(it, "name"))]));
    Some(object([("physicalLocation", physical), ("logicalLocations", list(location.list("logicalLocations"), name))]))
}

fn thread(thread: &Value) -> Option<Value> {
    let step = |it: &Value| {
        Some(object([("index", count(Some(it), "index")), ("location", it.at("location").and_then(location))]))
    };
    members(thread, "locations", step)
}

/// Fingerprints as hashes of themselves: one may be the credential, or made of
/// it in a way that is undone. The commit is one by its length.
fn fingerprints(map: Option<&Value>) -> Option<Value> {
    let map = map.and_then(Value::as_object)?;
    let kept = map.iter().filter_map(|(name, value)| {
        let text = value.as_str()?;
        let kept = match name.as_str() {
            "commitSha" if matches!(text.len(), 40 | 64) && credential::is_hash(text) => text.to_owned(),
            "date" if words::moment(Some(text)).is_some() => text.to_owned(),
            "commitSha" | "date" => return None,
            name if credential::is_prose(name) && credential::is_hash(text) => identity::hash(["credential", text]),
            _ => return None,
        };
        Some((name.clone(), Value::from(kept)))
    });
    Some(Value::Object(kept.collect())).filter(|it| it.as_object().is_some_and(|it| !it.is_empty()))
}

fn properties(properties: &Value) -> Value {
    let score = properties.number("security-severity").map(Value::from);
    let tags: Vec<&str> = properties.texts("tags").filter(|tag| credential::is_prose(tag)).take(MAX_LIST).collect();
    object([
        ("security-severity", score.or_else(|| word(properties, "security-severity"))),
        ("precision", word(properties, "precision")),
        ("confidence", word(properties, "confidence")),
        ("issue_confidence", word(properties, "issue_confidence")),
        ("tags", Some(tags).filter(|tags| !tags.is_empty()).map(Value::from)),
    ])
}

fn taxon(taxon: &Value) -> Option<Value> {
    let component = taxon.at("toolComponent");
    let component = component.map(|it| {
        object([("name", word(it, "name")), ("guid", word(it, "guid")), ("index", count(Some(it), "index"))])
    });
    Some(object([
        ("id", word(taxon, "id")),
        ("guid", word(taxon, "guid")),
        ("index", count(Some(taxon), "index")),
        ("toolComponent", component),
    ]))
}

#[cfg(test)]
mod tests {
    use appsec_model::Rule;
    use serde_json::json;

    use super::{is_tool_for_secrets, kept};

    #[test]
    fn a_tool_for_credentials_is_known_by_its_name() {
        for name in [
            "gitleaks",
            "Gitleaks (by MegaLinter)",
            "Nosey Parker",
            "TruffleHog v3",
            "Yelp/detect-secrets",
            "Acme Secret Scanner",
            "secretlint",
            "ggshield",
            "Microsoft CredScan",
            "2ms",
        ] {
            assert!(is_tool_for_secrets(name), "{name}");
        }
        for name in ["CodeQL", "Trivy", "Credo", "spectral", "Semgrep OSS", "LeakSanitizer"] {
            assert!(!is_tool_for_secrets(name), "{name}");
        }
    }

    #[test]
    fn only_what_is_listed_is_kept_of_a_credential() {
        let result = json!({
            "ruleId": "generic-key/s3cr3tV4lue",
            "level": "error",
            "message": {"text": "found s3cr3tV4lue in a.env"},
            "locations": [{"message": {"text": "s3cr3tV4lue"}, "physicalLocation": {
                "artifactLocation": {"uri": "https://u:s3cr3tV4lue@h.example/a.env?k=s3cr3tV4lue", "index": 1},
                "region": {"startLine": 2, "snippet": {"text": "s3cr3tV4lue"}}}}],
            "partialFingerprints": {"value": "s3cr3tV4lue", "lineHash/v1": "39fa2ee980eb94b0",
                "commitSha": "0123456789abcdef0123456789abcdef01234567"},
            "properties": {"secret": {"deep": ["s3cr3tV4lue"]}, "tags": ["security", "s3cr3tV4lue"]},
        });
        let rule = Rule { id: "generic-key".to_owned(), ..Rule::default() };
        insta::assert_json_snapshot!(kept(&result, &rule), @r#"
        {
          "level": "error",
          "locations": [
            {
              "physicalLocation": {
                "artifactLocation": {
                  "index": 1,
                  "uri": "https://h.example/a.env"
                },
                "region": {
                  "startLine": 2
                }
              }
            }
          ],
          "partialFingerprints": {
            "commitSha": "0123456789abcdef0123456789abcdef01234567",
            "lineHash/v1": "ceff1ea3ee7dbaeba325b724ca7064de"
          },
          "properties": {
            "tags": [
              "security"
            ]
          },
          "ruleId": "generic-key"
        }
        "#);
    }
}
