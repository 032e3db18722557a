//! Results of `semgrep scan --json` and `semgrep ci --json`.

mod sca;
mod trace;

pub use self::{
    sca::{introduced_by, usage},
    trace::bounded,
};

use std::collections::BTreeMap;

use appsec_model::{Finding, History, Kind, LeakedSecret, Policy, ProjectRef, Rule};

use super::{
    finding::{add_code, add_rule, base},
    fingerprints::fingerprint,
    identity::{self, group},
    place,
    record::FileRecord,
    sketch::{Position, Sketch, hash},
};
use crate::{
    kept::shows_credentials,
    normalize::{
        Batch,
        record::{text, texts, word},
        rules::Rules,
        weakness, words,
    },
    wire::{self, CliExtra, CliGist, CliMetadata, CliPosition, CliResult, Count, Remarks, Text},
};

/// How many rules are remembered by whether their results show credentials.
const MAX_RULES: usize = 10_000;

/// The rules of a file by their ids: the metadata and the message of the last
/// result, and whether such results show credentials.
#[derive(Default)]
pub struct Credentials(BTreeMap<String, (String, String, bool)>);

impl Credentials {
    fn shows(&mut self, result: &CliResult<'_>, kind: &Kind) -> bool {
        let id = result.check_id.as_deref().unwrap_or_default();
        let extra = result.extra.as_ref();
        let metadata = extra.and_then(|extra| extra.metadata).map_or("{}", |metadata| metadata.get());
        let message = extra.and_then(|extra| extra.message.as_deref()).unwrap_or_default();
        // What is vulnerable in a package is in no code of one's own.
        if matches!(kind, Kind::Secrets | Kind::Sca) {
            return *kind == Kind::Secrets;
        }
        if let Some((.., shows)) = self.0.get(id).filter(|(known, told, _)| known == metadata && told == message) {
            return *shows;
        }
        let mut spare = String::new();
        let facts = wire::read::<CliMetadata<'_>>(metadata, &mut spare, &mut Remarks::default()).unwrap_or_default();
        let mut rule = rule(id.to_owned(), &facts, &mut Remarks::default());
        rule.message = Some(message.to_owned());
        let shows = facts.secret_type.is_some_and(|sort| !sort.is_empty()) || shows_credentials(kind, &rule);
        if self.0.len() < MAX_RULES || self.0.contains_key(id) {
            self.0.insert(id.to_owned(), (metadata.to_owned(), message.to_owned(), shows));
        }
        shows
    }
}

/// What tells a result apart from others. None where it is no result: it needs
/// a rule and a path.
pub fn sketch(result: &str, root: Option<&str>, credentials: &mut Credentials) -> Option<Sketch> {
    let mut spare = String::new();
    let result = wire::read::<CliResult<'_>>(result, &mut spare, &mut Remarks::default())?;
    let mut sketch = sketch_of(&result, root)?;
    sketch.shows_credentials = credentials.shows(&result, &sketch.kind);
    Some(sketch)
}

/// What SARIF of the same scan tells of a result of this kind, too.
pub fn gist(result: &str, kind: &Kind) -> Option<String> {
    let mut spare = String::new();
    let result = wire::read::<CliGist<'_>>(result, &mut spare, &mut Remarks::default())?;
    let extra = result.extra?;
    let position = position(result.start.as_ref(), result.end.as_ref(), extra.is_ignored);
    let (severity, _) = words::severity(extra.severity, &mut Remarks::default());
    Some(position.gist(kind, severity))
}

/// The finding of a result, or its id if it has one.
pub fn finding(
    batch: &mut Batch,
    index: usize,
    project: Option<&ProjectRef>,
    record: &FileRecord<'_>,
) -> Result<Finding, Option<String>> {
    let Batch { rules, packages, remarks, .. } = batch;
    let mut spare = String::new();
    let result = wire::read::<CliResult<'_>>(record.record, &mut spare, remarks).ok_or(None)?;
    let root = record.head.root.as_deref();
    let Some(mut sketch) = sketch_of(&result, root) else {
        remarks.error("no-result", "the result has no rule or no path".to_owned());
        return Err(None);
    };
    sketch.group = record.head.group().unwrap_or(sketch.group);
    let mut finding = base(index, project, &record.head, &sketch);
    let extra = result.extra.unwrap_or_default();
    let rule_id = text(result.check_id).unwrap_or_default();
    let mut spare_metadata = String::new();
    let (at, facts) = look_up(rules, &rule_id, &extra, &sketch.kind, &mut spare_metadata, remarks).ok_or(None)?;
    let view = rules.view(at).ok_or(None)?;
    let fingerprint = extra.fingerprint.as_deref().filter(|_| !record.head.shared);
    let logged_in = facts.platform.is_some_and(|platform| platform.src.is_some())
        || facts.policy.is_some()
        || facts.platform_url.is_some()
        || identity::hides_fingerprints(record.head.tool.as_deref());
    finding.identity = identity::identity(sketch.group, record.head.ordinal, fingerprint, logged_in);
    finding.message = text(extra.message);
    add_rule(&mut finding, &view);
    (finding.severity, finding.vendor_severity) =
        remarks.inside("/extra", |remarks| words::severity(extra.severity, remarks));
    finding.policy = facts.policy.and_then(|policy| {
        let policy = Policy { id: word(policy.id), name: text(policy.name), slug: text(policy.slug) };
        (policy != Policy::default()).then_some(policy)
    });
    let path = place::path(result.path.as_deref().unwrap_or_default()).into_owned();
    finding.location = Some(place::location(path, place_of(result.start.as_ref()), place_of(result.end.as_ref())));
    finding.flow = extra.dataflow_trace.map(|trace| trace::flow(trace.get())).unwrap_or_default();
    finding.suggested_fix = text(extra.fix);
    if let Some(said) = extra.sca_info {
        let rule = sca::RuleSays {
            kind: text(facts.sca_kind),
            ids: [text(facts.sca_vuln_database_identifier), text(facts.cve), text(facts.ghsa)],
            fixes: facts.sca_fix_versions.map(|fixes| sca::fix(fixes.get())),
            condition: text(facts.sca_reachable_if),
        };
        sca::add(&mut finding, said, rule, (view.class(), root), packages, remarks);
    }
    if finding.kind == Kind::Secrets {
        let history = extra.historical_info.map(|history| History {
            commit: text(history.git_commit),
            blob: text(history.git_blob),
            committed_at: history.git_commit_timestamp.filter(|text| !text.is_empty()).and_then(|text| {
                remarks.inside("/extra/historical_info", |remarks| remarks.moment("/git_commit_timestamp", &text))
            }),
        });
        let validation = extra.validation_state.and_then(|word| {
            remarks.inside("/extra", |remarks| words::validation(&word, "/validation_state", remarks))
        });
        finding.secret = Some(LeakedSecret {
            service: text(facts.secret_type),
            validation: validation.unwrap_or_default(),
            history,
            visibility: None,
        });
    }
    add_code(&mut finding, &view, extra.lines.as_deref());
    place::take_off(&mut finding, root);
    Ok(finding)
}

fn sketch_of(result: &CliResult<'_>, root: Option<&str>) -> Option<Sketch> {
    let rule = result.check_id.as_deref().filter(|id| !id.is_empty())?;
    let path = place::path(result.path.as_deref()?);
    if path.is_empty() {
        return None;
    }
    let message = result.extra.as_ref().and_then(|extra| extra.message.as_deref()).unwrap_or_default();
    Some(Sketch {
        kind: result.extra.as_ref().map_or(Kind::Sast, kind_of),
        group: group(rule, place::below(&path, root), message),
        absolute: place::absolute(&path),
        shows_credentials: false,
        fingerprint: fingerprint(result.extra.as_ref().and_then(|extra| extra.fingerprint.as_deref())),
        file: hash(&*path),
        rule: hash(rule),
        position: position(
            result.start.as_ref(),
            result.end.as_ref(),
            result.extra.as_ref().and_then(|extra| extra.is_ignored),
        ),
    })
}

fn position(start: Option<&CliPosition>, end: Option<&CliPosition>, is_ignored: Option<bool>) -> Position {
    let number = |count: Option<Count>| count.and_then(|Count(number)| number).unwrap_or_default();
    let (start, end) = (place_of(start), place_of(end));
    Position {
        suppressed: is_ignored == Some(true),
        line: number(start.0),
        column: number(start.1),
        end_line: number(end.0),
        end_column: number(end.1),
    }
}

/// The kind of a result, by what only results of that kind have.
///
/// Every result says `NO_VALIDATOR` in some versions, so a state of validation
/// tells of a credential only where somebody tried one. Rules that look for
/// credentials as text, without the vendor's product for secrets, are code.
fn kind_of(extra: &CliExtra<'_>) -> Kind {
    if extra.sca_info.is_some() {
        return Kind::Sca;
    }
    let tried = |state: &Text<'_>| !state.is_empty() && !state.eq_ignore_ascii_case("NO_VALIDATOR");
    if extra.historical_info.is_some() || extra.validation_state.as_ref().is_some_and(tried) || is_of_secrets(extra) {
        return Kind::Secrets;
    }
    Kind::Sast
}

/// Whether the rule's metadata name the product for secrets.
fn is_of_secrets(extra: &CliExtra<'_>) -> bool {
    let Some(metadata) = extra.metadata.filter(|text| text.get().contains("\"product\"")) else {
        return false;
    };
    let mut spare = String::new();
    wire::read::<CliMetadata<'_>>(metadata.get(), &mut spare, &mut Remarks::default())
        .and_then(|metadata| metadata.product)
        .is_some_and(|product| product.eq_ignore_ascii_case("secrets"))
}

fn place_of(position: Option<&CliPosition>) -> (Option<Count>, Option<Count>) {
    position.map_or((None, None), |position| (position.line, position.col))
}

/// The rule of a result, and its metadata as far as they are about the result.
///
/// Metadata are a good part of a file and the same for all results of a rule, so
/// those that were read before are read again only where the result needs them.
fn look_up<'a>(
    rules: &mut Rules,
    id: &str,
    extra: &CliExtra<'a>,
    kind: &Kind,
    spare: &'a mut String,
    remarks: &mut Remarks,
) -> Option<(usize, CliMetadata<'a>)> {
    let metadata = extra.metadata.map_or("{}", |metadata| metadata.get());
    let known = rules.known(id, metadata);
    let needed = *kind != Kind::Sast
        || extra.fingerprint.as_deref().is_some_and(identity::is_match_based)
        || known.is_some_and(|known| known.is_about_results);
    let facts = if known.is_none() || needed {
        let read =
            remarks.inside("/extra/metadata", move |remarks| wire::read::<CliMetadata<'_>>(metadata, spare, remarks));
        read.unwrap_or_default()
    } else {
        CliMetadata::default()
    };
    let known = known.unwrap_or_else(|| {
        let rule = remarks.inside("/extra/metadata", |remarks| rule(id.to_owned(), &facts, remarks));
        rules.add(id, metadata, rule, metadata.contains("semgrep.policy"))
    });
    Some((known.at, facts))
}

/// A rule, as its metadata describe it. Its message is not among them: that of
/// the result has the matched names filled in.
fn rule(id: String, facts: &CliMetadata<'_>, remarks: &mut Remarks) -> Rule {
    let list = |list: &Option<wire::Texts<'_>>| texts(list.clone());
    let own_url = [&facts.source, &facts.shortlink].into_iter().flatten().find(|url| is_url(url));
    let inspiration = facts.source_rule_url.as_deref().filter(|url| is_url(url)).map(str::to_owned);
    let mut references = list(&facts.references);
    references.extend(inspiration.filter(|url| !references.contains(url)));
    Rule {
        id,
        name: None,
        message: None,
        confidence: words::confidence(facts.confidence.clone(), remarks),
        category: text(facts.category.clone()),
        subcategories: list(&facts.subcategory),
        vulnerability_classes: list(&facts.vulnerability_class),
        cwes: weakness::cwes(texts(facts.cwe.clone().map(|cwe| cwe.0))),
        owasp: list(&facts.owasp).into_iter().map(weakness::owasp).collect(),
        technologies: list(&facts.technology),
        likelihood: word(facts.likelihood.clone()),
        impact: word(facts.impact.clone()),
        url: own_url.map(|url| url.to_string()),
        references,
    }
}

/// Whether a text is an address of the web.
pub fn is_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

#[cfg(test)]
mod tests;
