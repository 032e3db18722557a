//! CycloneDX bills of materials in JSON (ECMA-424), with vulnerabilities.

mod analysis;
mod component;
mod graph;
mod rating;
mod vers;
mod vulnerability;

use std::{borrow::Cow, collections::HashMap};

use appsec_model::{Completeness, Kind};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use self::{
    component::Component,
    graph::{Graph, Way},
};
use crate::{
    Format, Refusal,
    collection::Collection,
    json::{self, Fields, JsonView},
    package, place,
    report::Outline,
};

/// Versions before 1.4 have no vulnerabilities; those listed here differ in
/// nothing that is read.
const VERSIONS: [&str; 4] = ["1.4", "1.5", "1.6", "1.7"];

/// The components of a document, by the names that others have for them.
#[derive(Default)]
struct Inventory {
    /// The document's serial number, where it has one.
    serial: Option<String>,
    components: Vec<Component>,
    by_ref: HashMap<String, usize>,
    /// Positions by package URLs without version and qualifiers.
    by_package: HashMap<String, Vec<usize>>,
}

impl Inventory {
    fn add(&mut self, component: Component) -> usize {
        let at = self.components.len();
        if let Some(reference) = component.reference.clone() {
            self.by_ref.entry(reference).or_insert(at);
        }
        if let Some(key) = component.package.purl.as_deref().and_then(package::purl_of_any_version) {
            self.by_package.entry(key).or_default().push(at);
        }
        self.components.push(component);
        at
    }

    fn get(&self, reference: &str) -> Option<&Component> {
        self.at(*self.by_ref.get(reference)?)
    }

    /// The components that a reference names: by their `bom-ref`, also as a
    /// BOM-Link (`urn:cdx:serial/version#bom-ref`), or by a package URL, where it
    /// has no version in any of theirs. A link into another document names none of
    /// this one's but by a package URL with its version.
    fn find(&self, reference: &str) -> Vec<&Component> {
        let link = bom_link(reference);
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned);
        let fragment = link.map(|(_, fragment)| fragment);
        let names = [Some(reference.to_owned()), fragment.map(str::to_owned), fragment.and_then(decoded)];
        let is_foreign = link.is_some_and(|(serial, _)| self.is_another(serial));
        if let Some(one) = names.iter().flatten().find_map(|name| self.get(name)).filter(|_| !is_foreign) {
            return vec![one];
        }
        let purl = names.iter().rev().flatten().find(|name| name.starts_with("pkg:"));
        let Some((wanted, key)) =
            purl.and_then(|purl| Some((package::by_purl(purl)?, package::purl_of_any_version(purl)?)))
        else {
            return Vec::new();
        };
        if is_foreign && wanted.version.is_none() {
            return Vec::new();
        }
        let same = self.by_package.get(&key).into_iter().flatten().filter_map(|at| self.at(*at));
        let is_it = |it: &&Component| wanted.version.is_none() || it.package.version == wanted.version;
        let mut found: Vec<&Component> = Vec::new();
        for component in same.filter(is_it) {
            // One package may be listed for each place that it was seen at.
            if !found.iter().any(|known| known.package == component.package && known.lockfile == component.lockfile) {
                found.push(component);
            }
        }
        found
    }

    /// Whether a serial number is that of another document.
    fn is_another(&self, serial: &str) -> bool {
        self.serial.as_deref().is_some_and(|own| !own.eq_ignore_ascii_case(serial))
    }

    fn at(&self, position: usize) -> Option<&Component> {
        self.components.get(position)
    }
}

/// The serial number and the fragment of a BOM-Link.
fn bom_link(reference: &str) -> Option<(&str, &str)> {
    let (document, fragment) = reference.strip_prefix("urn:cdx:")?.split_once('#')?;
    Some((document.split('/').next().unwrap_or_default(), fragment))
}

/// Reads a document.
pub fn read<'a>(file: &Fields<'a>, collection: &mut Collection<'a>) -> Result<Outline, Refusal> {
    let version = file.get("specVersion").and_then(|raw| json::text(raw)).unwrap_or_default().into_owned();
    if !VERSIONS.contains(&version.as_str()) {
        let found = if version.is_empty() { "without a version" } else { &version };
        return Err(Refusal::Version { format: Format::CycloneDx, found: found.chars().take(40).collect() });
    }
    let metadata = json::value(file.get("metadata"));
    let serial = file.get("serialNumber").and_then(|raw| json::text(raw)).map(Cow::into_owned);
    let serial = serial.map(|text| text.strip_prefix("urn:uuid:").map_or(text.clone(), str::to_owned));
    let mut inventory = Inventory { serial, ..Inventory::default() };
    let mut root = None;
    collection.is_of(part(metadata.at("component")).as_deref());
    if let Some(component) = metadata.at("component").and_then(Component::new) {
        root.clone_from(&component.reference);
        inventory.add(component);
    }
    let mut entries = Vec::new();
    for raw in list(file, "components")? {
        let value: Value = serde_json::from_str(raw.get()).unwrap_or_default();
        let nests = value.at("components").is_some();
        enter(value, (!nests).then_some(raw.get()), &mut inventory, &mut entries);
    }
    // Statements about components of another document stand beside what that one says: they
    // neither take its place nor close it.
    let vulnerabilities = list(file, "vulnerabilities")?;
    if entries.is_empty() && !vulnerabilities.is_empty() {
        collection.categories.insert("vex".to_owned());
    }
    for component in &mut inventory.components {
        component.lockfile = component.lockfile.take().map(|mut at| {
            let roots: Vec<String> = collection.options.root.iter().map(|root| place::path(root)).collect();
            at.path = place::below(&at.path, &roots).to_owned();
            at
        });
    }
    let graph = Graph::new(&json::value(file.get("dependencies")), root.as_deref(), &inventory);
    for (body, at) in entries {
        collection.begin(Kind::Packages, body)?;
        match at.and_then(|at| inventory.components.get(at)) {
            Some(component) => add(collection, component, graph.way(component, &inventory)),
            None => collection.error("no-component", "the component is no object or has no name"),
        }
    }
    for raw in vulnerabilities {
        vulnerability::add(collection, &inventory, &graph, raw)?;
    }
    let completeness = completeness(file)?;
    Ok(Outline { version: Some(version), tools: tools(&metadata), completeness })
}

/// Whether what a document does not list is not there: none says how the scan ended.
fn completeness(file: &Fields<'_>) -> Result<Completeness, Refusal> {
    let incomplete = |reason: &str| Ok(Completeness::Incomplete { reason: reason.to_owned() });
    if list(file, "components")?.is_empty() {
        return incomplete("it lists no components: it is no inventory");
    }
    // One that is about `dependencies` alone says how they hang together.
    let is_of_components = |it: &&Value| it.at("assemblies").is_some() || it.at("dependencies").is_none();
    let compositions = json::value(file.get("compositions"));
    let aggregates = compositions.as_array().into_iter().flatten().filter(is_of_components);
    if aggregates.filter_map(|it| it.text("aggregate")).any(|word| word.starts_with("incomplete")) {
        return incomplete("it says that its list of components is incomplete (`compositions`)");
    }
    let reason = "a bill of materials does not say how the scan ended".to_owned();
    Ok(Completeness::Unknown { reason })
}

/// What part of a project a document is of: the image or the package that it
/// describes, of whatever version. A folder is a place on the machine of the scan.
fn part(described: Option<&Value>) -> Option<String> {
    let described = described?;
    let name = described.text("name")?;
    if described.text("type") == Some("container") {
        let name = name.split('@').next().unwrap_or_default();
        let tag = name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'));
        return Some(tag.map_or(name, |(name, _)| name).to_owned());
    }
    let is_place = name.starts_with(['.', '/', '\\', '~']) || name.get(1..3).is_some_and(|it| it == ":\\");
    let group = described.text("group").map(|group| format!("{group}/")).unwrap_or_default();
    (!is_place).then(|| format!("{group}{name}"))
}

fn list<'a>(file: &Fields<'a>, key: &'static str) -> Result<Vec<&'a json::RawValue>, Refusal> {
    let Some(raw) = file.get(key).filter(|raw| raw.get() != "null") else { return Ok(Vec::new()) };
    let what = if key == "components" { "its `components` are no list" } else { "its `vulnerabilities` are no list" };
    json::elements(raw).ok_or(Refusal::Shape { format: Format::CycloneDx, what })
}

/// Adds a component, and the components in it, which are records of their own:
/// none of them is a part of its record.
fn enter<'a>(
    mut value: Value,
    body: Option<&'a str>,
    inventory: &mut Inventory,
    entries: &mut Vec<(Cow<'a, str>, Option<usize>)>,
) {
    let is_cut = take_material(&mut value);
    let body = body.filter(|_| !is_cut);
    let at = Component::new(&value).map(|component| inventory.add(component));
    let inner = value.as_object_mut().and_then(|it| it.remove("components"));
    entries.push((body.map_or_else(|| Cow::Owned(value.to_string()), Cow::Borrowed), at));
    drop(value);
    if let Some(Value::Array(inner)) = inner {
        inner.into_iter().for_each(|inner| enter(inner, None, inventory, entries));
    }
}

/// Takes away what a key or token is that a component describes.
fn take_material(component: &mut Value) -> bool {
    let material = component.pointer_mut("/cryptoProperties/relatedCryptoMaterialProperties");
    material.and_then(Value::as_object_mut).is_some_and(|it| it.remove("value").is_some())
}

/// Adds the package of a component, if it is one.
fn add(collection: &mut Collection<'_>, component: &Component, way: Way) {
    if !component.is_package {
        let message = format!("`{}` is of the type `{}` and no package", component.package.name, component.ty);
        return collection.skip("no-package", message);
    }
    let mut package = collection.blank_package(component.package.clone());
    package.index = Some(collection.index());
    package.transitivity = way.transitivity;
    package.lockfile = way.lockfile;
    package.licenses.clone_from(&component.licenses);
    package.resolved_url.clone_from(&component.resolved_url);
    package.introduced_by = way.introduced_by;
    collection.package(package);
}

/// The tools that made a document: a list until 1.4, components and services since 1.5.
fn tools(metadata: &Value) -> Vec<crate::Tool> {
    let mut tools = Vec::new();
    let value = metadata.at("tools");
    let old = metadata.list("tools").iter();
    for tool in old.chain(value.list("components")).chain(value.list("services")) {
        Outline::add_tool(&mut tools, tool.text("name"), tool.text("version"));
    }
    tools
}

#[cfg(test)]
mod tests;
