//! What results of one run share: rules, addresses, tables.

use std::collections::{BTreeMap, HashMap};

use appsec_model::{credential, text::NO_FILE};
use serde_json::Value;

use super::{exposed::ExposedLines, rule::RuleFacts, secret, taxonomy::Taxonomies};
use crate::{
    bounds,
    json::{self, Fields, JsonView},
    place,
};

/// How many bases a base may stand on. Real ones stand on one or two.
const MAX_BASES: usize = 16;

/// Of how many parts a rule's id is looked up without the last ones.
const MAX_PARTS: usize = 16;

/// The tool's driver, or one of its extensions.
struct Component {
    rules: Vec<RuleFacts>,
    by_id: HashMap<String, usize>,
}

/// What results of one run share.
#[derive(Default)]
pub struct Run {
    pub tool: Option<String>,
    pub tool_version: Option<String>,
    /// Whether the tool looks for credentials only.
    pub finds_secrets: bool,
    pub repository_url: Option<String>,
    pub branch: Option<String>,
    /// Texts that all rules of the driver share, by their keys.
    pub shared_messages: Value,
    /// The table that steps of data flows may point into.
    pub flow_locations: Vec<Value>,
    pub taxonomies: Taxonomies,
    components: Vec<Component>,
    /// Positions of components by their names, each the first of its name.
    by_name: HashMap<String, usize>,
    by_guid: HashMap<String, usize>,
    /// Component and position of rules, each the first of its id.
    by_id: HashMap<String, (usize, usize)>,
    artifacts: Vec<Value>,
    bases: BTreeMap<String, Value>,
    /// Folders that paths are made relative to, the first one that a path lies in.
    roots: Vec<String>,
    levels: HashMap<String, String>,
}

impl Run {
    pub fn new(fields: &Fields<'_>, root: Option<&str>) -> Self {
        let get = |key: &str| json::value(fields.get(key));
        let list = |key: &str| match get(key) {
            Value::Array(list) => list,
            _ => Vec::new(),
        };
        let tool = get("tool");
        let driver = tool.at("driver");
        let taxonomies = Taxonomies::new(&get("taxonomies"), &tool);
        let (mut by_name, mut by_guid, mut by_id) = (HashMap::new(), HashMap::new(), HashMap::new());
        let mut components: Vec<Component> = Vec::new();
        for (at, value) in driver.into_iter().chain(tool.list("extensions")).enumerate() {
            let component = component(value, &taxonomies);
            value.owned("name").map(|name| *by_name.entry(name).or_insert(at));
            value.owned("guid").map(|guid| *by_guid.entry(guid).or_insert(at));
            for (position, rule) in component.rules.iter().enumerate() {
                by_id.entry(rule.rule.id.clone()).or_insert((at, position));
            }
            components.push(component);
        }
        let version = driver.text("semanticVersion").or(driver.text("version")).map(str::to_owned);
        let provenance = list("versionControlProvenance");
        let provenance = provenance.first();
        let bases: BTreeMap<String, Value> = match get("originalUriBaseIds") {
            Value::Object(map) => map.into_iter().collect(),
            _ => BTreeMap::new(),
        };
        let invocations = list("invocations");
        let folders = invocations.iter().filter_map(|it| it.at("workingDirectory"));
        let folders: Vec<String> = folders.filter_map(|it| it.text("uri")).map(place::uri_path).collect();
        let declared = bases.iter().filter_map(|(id, base)| {
            let uri = base.text("uri").filter(|uri| !is_relative(uri) && !crate::words::is_url(uri))?;
            Some((id.clone(), place::uri_path(uri)))
        });
        let roots = place::roots(root.map(place::path).as_deref(), declared.collect(), folders);
        let mut run = Self {
            finds_secrets: driver.text("name").is_some_and(secret::is_tool_for_secrets),
            tool: driver.and_then(|driver| driver.owned("name")),
            tool_version: version,
            repository_url: provenance.text("repositoryUri").map(credential::without_parameters),
            // What stands there where no branch was checked out is none.
            branch: provenance.and_then(|it| it.owned("branch")).filter(|name| name != "HEAD"),
            shared_messages: driver.at("globalMessageStrings").cloned().unwrap_or_default(),
            flow_locations: list("threadFlowLocations"),
            taxonomies,
            artifacts: list("artifacts"),
            components,
            by_name,
            by_guid,
            by_id,
            bases,
            roots,
            levels: HashMap::new(),
        };
        run.levels = run.overrides(&invocations);
        run
    }

    /// Takes code away that shows credentials.
    pub fn hide(&mut self, exposed: &ExposedLines) {
        let shared = std::mem::take(&mut self.flow_locations);
        let path = |artifact: &Value| Some(self.path(artifact)?.0);
        let kept = shared.into_iter().map(|it| exposed.without_code(&path, &it).unwrap_or(it)).collect();
        self.flow_locations = kept;
    }

    /// Levels that the configuration of the run gave to rules.
    fn overrides(&self, invocations: &[Value]) -> HashMap<String, String> {
        let overrides = invocations.iter().flat_map(|it| it.list("ruleConfigurationOverrides"));
        let level = |it: &Value| {
            let level = it.at("configuration").owned("level")?;
            let descriptor = it.at("descriptor")?;
            let id = self.find(descriptor).map(|rule| rule.rule.id.clone()).or_else(|| descriptor.owned("id"))?;
            Some((id, level))
        };
        overrides.filter_map(level).collect()
    }

    /// The level that the run's configuration gave to a rule.
    pub fn level_of(&self, rule_id: &str) -> Option<&str> {
        self.levels.get(rule_id).map(String::as_str)
    }

    /// The rule of a result: by its position if that is of the same id, else by its id.
    pub fn rule(&self, result: &Value) -> Option<&RuleFacts> {
        let id = result.text("ruleId").or(result.at("rule").text("id"));
        let found = result.at("rule").and_then(|rule| self.find(rule));
        let by_position = found.or_else(|| self.components.first()?.rules.get(result.position("ruleIndex")?));
        match (by_position, id) {
            (Some(rule), Some(id)) if !names(id, &rule.rule.id) => self.by_id(id),
            (Some(rule), _) => Some(rule),
            (None, Some(id)) => self.by_id(id),
            (None, None) => None,
        }
    }

    /// The rule that a reference points to.
    fn find(&self, reference: &Value) -> Option<&RuleFacts> {
        let component = match reference.at("toolComponent") {
            None => self.components.first(),
            Some(wanted) => {
                let named = |by: &HashMap<String, usize>, key| self.components.get(*by.get(wanted.text(key)?)?);
                // 0 is the first extension; the driver is the component before it.
                let at = wanted.position("index").and_then(|at| self.components.get(at.saturating_add(1)));
                at.or_else(|| named(&self.by_guid, "guid")).or_else(|| named(&self.by_name, "name"))
            }
        }?;
        let by_position = reference.position("index").and_then(|at| component.rules.get(at));
        by_position.or_else(|| component.rules.get(*component.by_id.get(bounds::word(reference.text("id")?))?))
    }

    /// The rule of an id, or of the longest id that it is a part of (`a/b` is a part of `a`).
    fn by_id(&self, id: &str) -> Option<&RuleFacts> {
        let id = bounds::word(id);
        let exact = |id: &str| {
            let (component, rule) = self.by_id.get(id)?;
            self.components.get(*component)?.rules.get(*rule)
        };
        exact(id).or_else(|| {
            let ends = id.rmatch_indices('/').map(|(end, _)| end).take(MAX_PARTS);
            ends.filter_map(|end| exact(id.get(..end)?)).next()
        })
    }

    /// The path of a file, and its web address if it is one on the web.
    pub fn path(&self, artifact: &Value) -> Option<(String, Option<String>)> {
        let indexed = || artifact.position("index").and_then(|at| self.artifacts.get(at)?.at("location"));
        let artifact = if artifact.text("uri").is_some() { artifact } else { indexed()? };
        let uri = artifact.text("uri")?;
        if place::uri_path(uri) == NO_FILE {
            return None;
        }
        let mut parts = vec![bounds::word(uri).trim()];
        let mut base_id = artifact.text("uriBaseId");
        // The folder of the machine that the last base is.
        let mut folder = None;
        // Bases may stand on each other in a circle.
        let mut passed: Vec<&str> = Vec::new();
        while let Some((id, base)) = base_id.and_then(|id| Some((id, self.bases.get(id)?))) {
            if passed.len() == MAX_BASES || passed.contains(&id) {
                break;
            }
            passed.push(id);
            match base.text("uri") {
                Some(uri) if is_relative(uri) => parts.push(bounds::word(uri.trim_end_matches('/'))),
                // The project begins at an address of the web.
                Some(uri) if crate::words::is_url(uri) => break,
                Some(uri) => {
                    // The root of a file system says nothing.
                    folder = Some(place::uri_path(bounds::word(uri))).filter(|it| place::is_folder(it));
                    break;
                }
                None => {}
            }
            base_id = base.text("uriBaseId");
        }
        parts.reverse();
        let uri = parts.join("/");
        let uri = bounds::word(&uri).to_owned();
        if crate::words::is_url(&uri) {
            let uri = credential::without_login(&uri);
            return Some((uri.clone(), Some(uri)));
        }
        let path = place::uri_path(&uri);
        if path.is_empty() {
            return None;
        }
        let full = match folder.filter(|_| !place::is_absolute(&path)) {
            Some(folder) => place::path(&format!("{folder}/{path}")),
            None => path,
        };
        let below = |root: &String| {
            let inner = place::below(&full, std::slice::from_ref(root));
            (inner != full).then(|| inner.to_owned())
        };
        Some((self.roots.iter().find_map(below).unwrap_or_else(|| full.clone()), None))
    }
}

fn component(value: &Value, taxonomies: &Taxonomies) -> Component {
    let rules: Vec<RuleFacts> = value.list("rules").iter().map(|rule| RuleFacts::new(rule, taxonomies)).collect();
    let mut by_id = HashMap::new();
    for (at, rule) in rules.iter().enumerate() {
        by_id.entry(rule.rule.id.clone()).or_insert(at);
    }
    Component { rules, by_id }
}

/// Whether a result's rule id names this rule, or a part of it.
fn names(id: &str, rule: &str) -> bool {
    id.strip_prefix(rule).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_relative(uri: &str) -> bool {
    !uri.starts_with(['/', '\\']) && !uri.contains(':')
}
