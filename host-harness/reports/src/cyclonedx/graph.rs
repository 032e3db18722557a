//! Who brings whom.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use appsec_model::Transitivity;
use serde_json::Value;

use super::component::Component;
use crate::{json::Look, package, place};

/// A longer way than that says no more.
const MAX_WAY: usize = 100;

/// The way to each component: who brings it, on a shortest way from the root.
pub struct Graph {
    parents: HashMap<String, Option<String>>,
}

impl Graph {
    /// Reads `dependencies`. Without a root nothing is known of ways.
    pub fn new(dependencies: &Value, root: Option<&str>) -> Self {
        let mut children: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for node in dependencies.as_array().into_iter().flatten() {
            if let Some(reference) = node.text("ref") {
                children.entry(reference).or_default().extend(node.texts("dependsOn"));
            }
        }
        let mut parents: HashMap<String, Option<String>> = HashMap::new();
        let mut next: VecDeque<&str> = root.into_iter().collect();
        parents.extend(root.map(|root| (root.to_owned(), None)));
        while let Some(node) = next.pop_front() {
            for child in children.get(node).into_iter().flatten() {
                if !parents.contains_key(*child) {
                    parents.insert((*child).to_owned(), Some(node.to_owned()));
                    next.push_back(child);
                }
            }
        }
        Self { parents }
    }

    /// Tells each component how it came in.
    pub fn place(&self, components: &mut [Component]) {
        let mut by_ref: HashMap<String, usize> = HashMap::new();
        for (at, component) in components.iter().enumerate() {
            if let Some(reference) = component.reference.clone() {
                by_ref.entry(reference).or_insert(at);
            }
        }
        let found: Vec<_> = components.iter().map(|it| self.way(it, components, &by_ref)).collect();
        for (component, found) in components.iter_mut().zip(found) {
            let Some((way, lockfile)) = found else { continue };
            component.transitivity = if way.is_empty() { Transitivity::Direct } else { Transitivity::Transitive };
            component.introduced_by = way;
            component.lockfile = component.lockfile.take().or(lockfile.map(place::file));
        }
    }

    /// The packages between the root and a component, and the lockfile among
    /// them. None where no way is known, and for the root.
    fn way(
        &self,
        component: &Component,
        components: &[Component],
        by_ref: &HashMap<String, usize>,
    ) -> Option<(Vec<String>, Option<String>)> {
        let mut parent = self.parents.get(component.reference.as_ref()?)?.as_ref()?;
        let (mut way, mut lockfile) = (Vec::new(), None);
        while let Some(above) = self.parents.get(parent).and_then(Option::as_ref) {
            if let Some(component) = by_ref.get(parent).and_then(|at| components.get(*at)) {
                if let Some(path) = component.as_lockfile() {
                    lockfile = lockfile.or_else(|| Some(place::path(path)));
                } else if component.is_package && way.len() < MAX_WAY {
                    way.push(package::named(&component.package, '@'));
                }
            }
            parent = above;
        }
        way.reverse();
        Some((way, lockfile))
    }
}
