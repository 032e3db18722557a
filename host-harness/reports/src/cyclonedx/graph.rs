//! Who brings whom.

use std::collections::{HashMap, VecDeque};

use appsec_model::{Location, Transitivity};
use serde_json::Value;

use super::{Inventory, component::Component};
use crate::{json::JsonView, package, place};

/// A longer way than that says no more.
const MAX_WAY: usize = 100;

/// How a component came in.
#[derive(Default)]
pub struct Way {
    pub transitivity: Transitivity,
    /// The packages between the root and the component.
    pub introduced_by: Vec<String>,
    /// The lockfile that names it.
    pub lockfile: Option<Location>,
}

/// Who brings each component, on a shortest way from the root.
pub struct Graph {
    by_ref: HashMap<String, usize>,
    nodes: Vec<Node>,
}

/// A name in the graph that can be reached from the root.
struct Node {
    above: Option<usize>,
    /// Position of its component.
    component: Option<usize>,
    /// Position of the component that stands for the next lockfile above it.
    lockfile: Option<usize>,
}

impl Graph {
    /// Reads `dependencies`. Without a root nothing is known of ways.
    pub fn new(dependencies: &Value, root: Option<&str>, inventory: &Inventory) -> Self {
        let mut children: HashMap<&str, Vec<&str>> = HashMap::new();
        for node in dependencies.as_array().into_iter().flatten() {
            if let Some(reference) = node.text("ref") {
                children.entry(reference).or_default().extend(node.texts("dependsOn"));
            }
        }
        for children in children.values_mut() {
            children.sort_unstable();
            children.dedup();
        }
        let mut graph = Self { by_ref: HashMap::new(), nodes: Vec::new() };
        let mut next: VecDeque<(&str, usize)> = VecDeque::new();
        next.extend(root.map(|root| (root, graph.add(root, None, None, inventory))));
        while let Some((name, at)) = next.pop_front() {
            let Some(node) = graph.nodes.get(at) else { break };
            let of_node = node.component.filter(|at| inventory.at(*at).is_some_and(|it| it.as_lockfile().is_some()));
            // The root stands for no lockfile of its own.
            let lockfile = of_node.filter(|_| node.above.is_some()).or(node.lockfile);
            for child in children.get(name).into_iter().flatten() {
                if !graph.by_ref.contains_key(*child) {
                    next.push_back((child, graph.add(child, Some(at), lockfile, inventory)));
                }
            }
        }
        graph
    }

    fn add(&mut self, name: &str, above: Option<usize>, lockfile: Option<usize>, inventory: &Inventory) -> usize {
        let at = self.nodes.len();
        self.by_ref.insert(name.to_owned(), at);
        self.nodes.push(Node { above, component: inventory.by_ref.get(name).copied(), lockfile });
        at
    }

    /// How a component came in. It is told when it is asked for: for all of them
    /// at once it would take much more memory than the report.
    pub fn way(&self, component: &Component, inventory: &Inventory) -> Way {
        let unknown = || Way { lockfile: component.lockfile.clone(), ..Way::default() };
        let node = component.reference.as_ref().and_then(|name| self.nodes.get(*self.by_ref.get(name)?));
        let Some((node, mut at)) = node.and_then(|node| Some((node, node.above?))) else { return unknown() };
        let mut way: Vec<String> = Vec::new();
        for _ in 0..MAX_WAY {
            let Some((node, above)) = self.nodes.get(at).and_then(|node| Some((node, node.above?))) else { break };
            let found = node.component.and_then(|at| inventory.at(at));
            way.extend(
                found
                    .filter(|it| it.is_package && it.as_lockfile().is_none())
                    .map(|it| package::named(&it.package, '@')),
            );
            at = above;
        }
        way.reverse();
        let lockfile = || Some(place::file(place::path(inventory.at(node.lockfile?)?.as_lockfile()?)));
        Way {
            transitivity: if way.is_empty() { Transitivity::Direct } else { Transitivity::Transitive },
            introduced_by: way,
            lockfile: component.lockfile.clone().or_else(lockfile),
        }
    }
}
