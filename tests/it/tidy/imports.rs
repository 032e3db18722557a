//! Which files of a crate import from which: `use` declarations and paths that
//! stand in the code, followed through what modules hand on, to the file in
//! which a thing is defined.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A module, as the path that leads to it from the root of its crate.
type Module = Vec<String>;

/// The files of a crate, by module, without those that only tests have.
pub struct Crate {
    files: BTreeMap<Module, PathBuf>,
    /// What a name in a module stands for.
    names: BTreeMap<(Module, String), Module>,
    /// Paths that stand in a module.
    paths: Vec<(Module, Vec<String>)>,
}

impl Crate {
    /// Reads the crate of a folder with sources.
    pub fn read(src: &Path, files: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut all = BTreeMap::new();
        for path in files {
            let module: Module = path
                .strip_prefix(src)
                .unwrap()
                .with_extension("")
                .iter()
                .map(|it| it.to_str().unwrap().to_owned())
                .filter(|it| !matches!(it.as_str(), "lib" | "main" | "mod"))
                .collect();
            if !module.iter().any(|it| it == "tests" || it.ends_with("_tests")) {
                all.insert(module, path);
            }
        }
        let mut this = Self { files: all.clone(), names: BTreeMap::new(), paths: Vec::new() };
        for (module, path) in all {
            let text = std::fs::read_to_string(&path).unwrap();
            let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            this.walk(&module, tokens);
        }
        this
    }

    fn walk(&mut self, module: &Module, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let (mut at, mut of_tests) = (0, false);
        while let Some(token) = tokens.get(at) {
            let word = |at: usize| match tokens.get(at) {
                Some(TokenTree::Ident(word)) => word.to_string(),
                _ => String::new(),
            };
            let inside = |at: usize| match tokens.get(at) {
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => Some(group.stream()),
                _ => None,
            };
            match token {
                TokenTree::Group(group)
                    if group.delimiter() == Delimiter::Bracket && is_punct(tokens.get(at.wrapping_sub(1)), '#') =>
                {
                    of_tests |= group.stream().to_string().replace(' ', "") == "cfg(test)";
                }
                TokenTree::Group(group) => self.walk(module, group.stream()),
                TokenTree::Ident(_) if word(at) == "mod" => {
                    if let Some(body) = inside(at + 2) {
                        if !of_tests {
                            self.walk(&module.iter().cloned().chain([word(at + 1)]).collect(), body);
                        }
                        at += 2;
                    }
                    of_tests = false;
                }
                TokenTree::Ident(_) if word(at) == "use" => {
                    let end = (at..tokens.len()).find(|at| is_punct(tokens.get(*at), ';')).unwrap_or(tokens.len());
                    if !of_tests {
                        self.import(module, &[], &tokens[at + 1..end]);
                    }
                    (at, of_tests) = (end, false);
                }
                TokenTree::Ident(_)
                    if matches!(word(at).as_str(), "crate" | "super" | "self")
                        && !is_punct(tokens.get(at.wrapping_sub(1)), ':') =>
                {
                    let mut path = vec![word(at)];
                    while is_punct(tokens.get(at + 1), ':')
                        && is_punct(tokens.get(at + 2), ':')
                        && !word(at + 3).is_empty()
                    {
                        path.push(word(at + 3));
                        at += 3;
                    }
                    if path.len() > 1 {
                        self.paths.push((module.clone(), path));
                    }
                }
                TokenTree::Ident(_)
                    if matches!(word(at).as_str(), "fn" | "struct" | "enum" | "impl" | "const" | "trait") =>
                {
                    of_tests = false;
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// A tree of a `use` declaration.
    fn import(&mut self, module: &Module, before: &[String], tree: &[TokenTree]) {
        let (mut path, mut at) = (before.to_vec(), 0);
        while let Some(token) = tree.get(at) {
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    let name = tree.get(at + 1).map(ToString::to_string).unwrap_or_default();
                    return self.imported(module, path, &name);
                }
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    for part in inner.split(|token| is_punct(Some(token), ',')) {
                        if !part.is_empty() {
                            self.import(module, &path, part);
                        }
                    }
                    return;
                }
                _ => {}
            }
            at += 1;
        }
        if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
            path.pop();
        }
        let name = path.last().cloned().unwrap_or_default();
        self.imported(module, path, &name);
    }

    fn imported(&mut self, module: &Module, path: Vec<String>, name: &str) {
        if let Some(target) = self.absolute(module, &path) {
            self.names.insert((module.clone(), name.to_owned()), target);
        }
        self.paths.push((module.clone(), path));
    }

    /// A path from the root of the crate; none where it leads out of it.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Module> {
        let (first, rest) = path.split_first()?;
        let mut base = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.clone(),
            "super" => module[..module.len().checked_sub(1)?].to_vec(),
            child => {
                let child: Module = module.iter().cloned().chain([child.to_owned()]).collect();
                self.files.contains_key(&child).then_some(child)?
            }
        };
        for word in rest {
            match word.as_str() {
                "super" => _ = base.pop(),
                word => base.push(word.to_owned()),
            }
        }
        Some(base)
    }

    /// The module that defines what a path leads to.
    fn defining(&self, path: &[String], depth: usize) -> Module {
        let mut module = Module::new();
        for (at, word) in path.iter().enumerate() {
            let mut child = module.clone();
            child.push(word.clone());
            if self.files.contains_key(&child) {
                module = child;
                continue;
            }
            let handed_on =
                self.names.get(&(module.clone(), word.clone())).filter(|target| depth > 0 && target[..] != path[..=at]);
            return match handed_on {
                Some(target) => {
                    let further: Module = target.iter().chain(&path[at + 1..]).cloned().collect();
                    self.defining(&further, depth - 1)
                }
                None => module,
            };
        }
        module
    }

    /// The file of a module, which for one that stands in another is that of the other.
    fn file(&self, module: &Module) -> &Module {
        (0..=module.len())
            .rev()
            .find_map(|len| self.files.get_key_value(&module[..len]))
            .map(|(module, _)| module)
            .unwrap()
    }

    /// What each file imports from others; not from those that it is a part of.
    fn imports(&self) -> BTreeMap<&Module, BTreeSet<&Module>> {
        let mut imports: BTreeMap<&Module, BTreeSet<&Module>> =
            self.files.keys().map(|it| (it, BTreeSet::new())).collect();
        for (module, path) in &self.paths {
            let Some(target) = self.absolute(module, path) else { continue };
            let (from, to) = (self.file(module), self.file(&self.defining(&target, 8)));
            if !from.starts_with(to) {
                imports.get_mut(from).unwrap().insert(to);
            }
        }
        imports
    }

    /// Files that import each other, however far around.
    pub fn circles(&self) -> Vec<BTreeSet<PathBuf>> {
        let imports = self.imports();
        let reached = |from: &Module| {
            let (mut found, mut open) = (BTreeSet::new(), vec![from]);
            while let Some(module) = open.pop() {
                for next in &imports[module] {
                    if found.insert(*next) {
                        open.push(next);
                    }
                }
            }
            found
        };
        let reached: BTreeMap<&Module, BTreeSet<&Module>> = imports.keys().map(|it| (*it, reached(it))).collect();
        let mut circles = BTreeSet::new();
        for (module, there) in reached.iter().filter(|(module, there)| there.contains(*module)) {
            let circle = there.iter().filter(|it| reached[**it].contains(module));
            circles.insert(circle.map(|it| self.files[*it].clone()).collect::<BTreeSet<_>>());
        }
        circles.into_iter().collect()
    }

    /// For the words of a failure: who imports whom within a circle.
    pub fn within(&self, circle: &BTreeSet<PathBuf>) -> Vec<String> {
        let name = |module: &Module| module.join("/");
        let is_in = |module: &Module| circle.contains(&self.files[module]);
        let imports = self.imports();
        let inner = imports.iter().filter(|(from, _)| is_in(from));
        inner
            .flat_map(|(from, to)| {
                to.iter().filter(|it| is_in(it)).map(|to| format!("{} imports {}", name(from), name(to)))
            })
            .collect()
    }
}

fn is_punct(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}
