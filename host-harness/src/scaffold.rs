//! A connector to begin one's own with: a folder that builds by itself.

use std::{
    fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::Serialize;

/// A language that there is a template for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// Rust.
    Rust,
    /// Python, by componentize-py.
    Python,
    /// JavaScript, by componentize-js.
    Javascript,
}

/// The id of a connector that is to be made: it is a name of files and packages,
/// too.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConnectorId(String);

impl ConnectorId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ConnectorId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_sign = |sign: u8| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == b'-';
        let begins = text.starts_with(|first: char| first.is_ascii_lowercase()) && !text.ends_with('-');
        match begins && text.len() <= 64 && text.bytes().all(is_sign) {
            true => Ok(Self(text.to_owned())),
            false => Err("use up to 64 of a-z, 0-9 and `-`, beginning with a letter and not ending with `-`"),
        }
    }
}

/// What `new` prints.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Scaffolded {
    /// The folder that was made.
    pub folder: PathBuf,
    /// Its language.
    pub language: Language,
    /// The files in it.
    pub files: Vec<String>,
    /// The command that builds it.
    pub build: String,
}

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("../templates/", $path))
    };
}

macro_rules! wit {
    ($($path:literal),* $(,)?) => {
        &[$((concat!("wit/", $path), include_str!(concat!("../../wit/", $path)))),*]
    };
}

/// The contract, with all that it names.
const WIT: &[(&str, &str)] = wit![
    "README.md",
    "javascript.md",
    "python.md",
    "rust.md",
    "connector.wit",
    "model.wit",
    "guest.wit",
    "deps/cli/cli.wit",
    "deps/clocks/clocks.wit",
    "deps/http/http.wit",
    "deps/io/io.wit",
    "deps/keyvalue/store.wit",
];

/// Files of every language.
const COMMON: &[(&str, &str)] = &[
    ("README.md", template!("README.md")),
    ("conformance.toml", template!("conformance.toml")),
    ("test", template!("test")),
    ("test-data/records.json", template!("test-data/records.json")),
    ("test-data/normalized.json", template!("test-data/normalized.json")),
];

/// The versions of all that a connector in Rust is made of.
const LOCK: &str = "Cargo.lock";

/// What the vendor of the templates answers: the connectors ask for the same.
const CASSETTE: (&str, &str) = ("cassette.jsonl", template!("cassette.jsonl"));

/// Where a continuous integration looks for its steps.
const CI: &str = ".github/workflows/connector.yml";

impl Language {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rust, Self::Python, Self::Javascript];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::Javascript => "javascript",
        }
    }

    fn own(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Rust => &[
                ("Cargo.toml", template!("rust/Cargo.toml.in")),
                (LOCK, template!("rust/Cargo.lock.in")),
                ("rust-toolchain.toml", template!("rust/rust-toolchain.toml.in")),
                ("src/lib.rs", template!("rust/lib.rs")),
                ("src/bindings.rs", include_str!("../../wit/example/src/bindings.rs")),
                ("src/blank.rs", include_str!("../../wit/example/src/blank.rs")),
                ("src/component.rs", include_str!("../../wit/example/src/component.rs")),
                ("src/http.rs", include_str!("../../wit/example/src/http.rs")),
                ("examples/mock_vendor.rs", template!("rust/mock_vendor.rs")),
                ("examples/label.rs", template!("rust/label.rs")),
                ("build", template!("rust/build")),
                (".gitignore", "target\n*.wasm\ntoken\n"),
                (CI, template!("rust/ci.yml")),
            ],
            Self::Python => &[
                ("app.py", template!("python/app.py")),
                ("source.py", include_str!("../../connectors/sonarqube/source.py")),
                ("label.py", include_str!("../../connectors/sonarqube/label.py")),
                ("kit.py", include_str!("../../connectors/sonarqube/kit.py")),
                ("mock_vendor.py", template!("python/mock_vendor.py")),
                ("requirements.txt", template!("python/requirements.txt")),
                ("build", template!("python/build")),
                (".gitignore", ".venv\n__pycache__\n*.wasm\ntoken\n"),
                (CI, template!("python/ci.yml")),
            ],
            Self::Javascript => &[
                ("app.js", template!("javascript/app.js")),
                ("kit.js", template!("javascript/kit.js")),
                ("mock_vendor.mjs", template!("javascript/mock_vendor.mjs")),
                ("package.json", template!("javascript/package.json")),
                ("package-lock.json", template!("javascript/package-lock.json")),
                ("build.mjs", template!("javascript/build.mjs")),
                (".gitignore", "node_modules\nbundle.js\n*.wasm\ntoken\n"),
                (CI, template!("javascript/ci.yml")),
            ],
        }
    }

    /// How it is built, with what that needs.
    fn build(self) -> &'static str {
        match self {
            Self::Rust => "./build",
            Self::Python => "pip install -r requirements.txt && ./build",
            Self::Javascript => "npm ci && npm run build",
        }
    }

    /// How its vendor is started.
    fn vendor(self) -> &'static str {
        match self {
            Self::Rust => "cargo run --example mock_vendor --",
            Self::Python => "python3 mock_vendor.py",
            Self::Javascript => "node mock_vendor.mjs",
        }
    }

    /// What its files are, for the README.
    fn about(self) -> &'static str {
        match self {
            Self::Rust => {
                "| `src/component.rs` | the connector: settings, projects, findings, and what they mean |\n\
                 | `src/blank.rs` | records in which nothing is said yet, to say only what the vendor says |\n\
                 | `src/http.rs` | one request, and what its answer means to a host |\n\
                 | `examples/mock_vendor.rs` | the invented vendor |\n\
                 | `examples/label.rs` | writes name, version, license, source and packages into the component |"
            }
            Self::Python => {
                "| `app.py` | the connector: settings, projects, findings, and what they mean |\n\
                 | `kit.py` | requests, records byte for byte, errors, defaults; import what you need at the top of a \
                 file, since a module that is not there when the component is built is not there later |\n\
                 | `source.py` | the reader of files, which this connector has none of |\n\
                 | `mock_vendor.py` | the invented vendor |\n\
                 | `label.py` | writes name, version, license, source and packages into the component |"
            }
            Self::Javascript => {
                "| `app.js` | the connector: settings, projects, findings, and what they mean |\n\
                 | `kit.js` | requests, records byte for byte, errors, defaults |\n\
                 | `mock_vendor.mjs` | the invented vendor |\n\
                 | `build.mjs` | makes one file of all, and the component of it, with name, version, license, source \
                 and packages in it |"
            }
        }
    }

    /// The files of a connector in this language.
    fn files(self, id: &ConnectorId) -> Vec<(&'static str, String)> {
        let variable = format!("{}_TOKEN", id.0.to_uppercase().replace('-', "_"));
        let filled = |text: &str| {
            let text = text.replace("{{files}}", self.about()).replace("{{build}}", self.build());
            text.replace("{{vendor}}", self.vendor()).replace("{{TOKEN}}", &variable).replace("{{name}}", &id.0)
        };
        // The Rust one is the example of the contract, which the tests run.
        let example = |text: &str| {
            let text = text.replace("path: \"..\"", "path: \"wit\"").replace("EXAMPLE_TOKEN", &variable);
            text.replace("\"example\"", &format!("\"{}\"", id.0)).replace("\"Example\"", &format!("\"{}\"", id.0))
        };
        let own = self.own().iter().chain(COMMON).chain([&CASSETTE]);
        let own = own.map(|(path, text)| match *path {
            LOCK => (*path, in_order(&filled(text))),
            path if path.starts_with("src/") => (path, example(&filled(text))),
            path => (path, filled(text)),
        });
        let wit = WIT.iter().map(|(path, text)| match path.ends_with(".md") {
            true => (*path, outside(text)),
            false => (*path, (*text).to_owned()),
        });
        own.chain(wit).collect()
    }

    /// Makes the folder of a connector; it must not be there.
    pub fn scaffold(self, id: &ConnectorId, folder: &Path) -> io::Result<Scaffolded> {
        fs::create_dir(folder)?;
        let mut files = Vec::new();
        for (path, text) in self.files(id) {
            let file = folder.join(path);
            if let Some(parent) = file.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&file, text)?;
            #[cfg(unix)]
            if path == "build" || path == "test" {
                use std::os::unix::fs::PermissionsExt;
                fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
            }
            files.push(path.to_owned());
        }
        Ok(Scaffolded { folder: folder.to_owned(), language: self, files, build: self.build().to_owned() })
    }
}

/// A page of the contract as it stands elsewhere: what is not beside it there is named
/// in place of a link.
fn outside(page: &str) -> String {
    let mut parts = page.split("](");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let Some((target, rest)) = part.split_once(')') else {
            text.push_str(&format!("]({part}"));
            continue;
        };
        let page = target.split('#').next().unwrap_or_default();
        let is_there = page.is_empty()
            || target.starts_with("https://")
            || WIT.iter().any(|(path, _)| path.strip_prefix("wit/") == Some(page));
        let path = (!is_there).then(|| match target.strip_prefix("../") {
            Some(path) => path.to_owned(),
            None => format!("wit/{target}"),
        });
        match path.zip(text.rfind('[')) {
            Some((path, at)) => {
                text.remove(at);
                text.push_str(&format!(" (`{path}` in the repository of the host){rest}"));
            }
            None => text.push_str(&format!("]({target}){rest}")),
        }
    }
    text
}

/// A lock file of cargo with its packages in the order of their names, which is that
/// of cargo: a connector may have any name.
fn in_order(lock: &str) -> String {
    let mut parts: Vec<&str> = lock.trim_end().split("\n\n").collect();
    // What is no package is the head.
    let name =
        |part: &str| part.strip_prefix("[[package]]\nname = ").map(|rest| rest.lines().next().map(str::to_owned));
    parts.sort_by_cached_key(|part| name(part));
    parts.join("\n\n") + "\n"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{ConnectorId, LOCK, Language, WIT};

    #[test]
    fn a_lock_file_has_its_packages_in_the_order_of_cargo_whatever_the_connector_is_called() {
        for id in ["acme", "serde-like", "zz"] {
            let files = Language::Rust.files(&id.parse().unwrap());
            let (_, lock) = files.iter().find(|(path, _)| *path == LOCK).unwrap();
            assert!(lock.starts_with("# This file is automatically @generated by Cargo."), "{lock}");
            let names: Vec<_> = lock.lines().filter_map(|line| line.strip_prefix("name = ")).collect();
            assert!(names.is_sorted() && names.contains(&format!("\"{id}\"").as_str()), "{names:?}");
        }
    }

    #[test]
    fn every_file_is_filled_in_and_names_the_connector() {
        let id: ConnectorId = "acme-scanner".parse().unwrap();
        for language in Language::ALL {
            let files = language.files(&id);
            let open: Vec<_> = files.iter().filter(|(_, text)| text.contains("{{")).map(|(path, _)| path).collect();
            // Of JavaScript, Rust and formats of texts there are doubled braces, too.
            assert!(open.iter().all(|path| path.ends_with(".rs")), "{open:?}");
            // The README has one made in the folder.
            let ignored = &files.iter().find(|(path, _)| *path == ".gitignore").unwrap().1;
            assert!(ignored.lines().any(|it| it == "token"), "{ignored}");
            let named = |word: &str| files.iter().any(|(_, text)| text.contains(word));
            assert!(named("acme-scanner") && named("ACME_SCANNER_TOKEN"), "{language:?}");
            assert!(!files.iter().any(|(path, text)| path.starts_with("src") && text.contains("\"example\"")));
        }
    }

    #[test]
    fn pages_of_the_contract_link_to_nothing_that_is_not_there() {
        let files = Language::Rust.files(&"acme".parse().unwrap());
        for (page, text) in files.iter().filter(|(path, _)| path.starts_with("wit/") && path.ends_with(".md")) {
            for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
                let is_there = |it: &str| it.is_empty() || files.iter().any(|(path, _)| *path == format!("wit/{it}"));
                assert!(target.starts_with("https://") || is_there(target), "{page}: {target}");
            }
        }
    }

    #[test]
    fn all_files_of_the_contract_go_along() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        let mut folders = vec![root.clone()];
        let mut found = BTreeSet::new();
        while let Some(folder) = folders.pop() {
            for entry in folder.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    folders.push(entry);
                } else if entry.extension().is_some_and(|it| it == "wit") {
                    found.insert(format!("wit/{}", entry.strip_prefix(&root).unwrap().display()));
                }
            }
        }
        let embedded = WIT.iter().map(|(path, _)| (*path).to_owned()).filter(|it| it.ends_with(".wit"));
        assert_eq!(found, embedded.collect());
    }

    /// componentize-js imports the shim without naming it, and what npm puts beside it by
    /// chance differs from one version of npm to the next.
    #[test]
    fn what_a_connector_in_javascript_is_built_with_is_named_and_locked() {
        let files = Language::Javascript.files(&"acme".parse().unwrap());
        let read = |name: &str| -> serde_json::Value {
            serde_json::from_str(&files.iter().find(|(path, _)| *path == name).unwrap().1).unwrap()
        };
        let (about, lock) = (read("package.json"), read("package-lock.json"));
        let named = about["devDependencies"].as_object().unwrap();
        assert!(named.contains_key("@bytecodealliance/preview2-shim"), "{named:?}");
        assert_eq!(about["devDependencies"], lock["packages"][""]["devDependencies"]);
        for (name, version) in named.iter().chain(about["overrides"].as_object().unwrap()) {
            let locked = &lock["packages"][format!("node_modules/{name}")];
            assert_eq!(&locked["version"], version, "{name}");
            assert!(locked["peer"].is_null(), "{name}");
        }
    }

    /// What a connector that does not run prints is nothing to compare with, and nothing
    /// to accept.
    #[cfg(unix)]
    #[test]
    fn a_connector_that_does_not_run_fails_its_test_and_leaves_what_was_accepted() {
        use std::{fs, os::unix::fs::PermissionsExt, process::Command};

        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("acme");
        Language::Python.scaffold(&"acme".parse().unwrap(), &made).unwrap();
        let harness = folder.path().join("harness");
        fs::write(&harness, "#!/bin/sh\necho no connector >&2\nexit 1\n").unwrap();
        fs::set_permissions(&harness, fs::Permissions::from_mode(0o755)).unwrap();
        let accepted = fs::read(made.join("test-data/normalized.json")).unwrap();
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        for arguments in [&[][..], &["--accept"]] {
            let ran = Command::new(made.join("test")).args(arguments).env("PATH", &path).output().unwrap();
            assert!(!ran.status.success(), "{arguments:?}");
            assert!(ran.stdout.is_empty(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stdout));
            assert_eq!(fs::read(made.join("test-data/normalized.json")).unwrap(), accepted, "{arguments:?}");
        }
    }

    #[test]
    fn a_name_is_one_of_files_and_packages() {
        for bad in ["", "-a", "a-", "A", "1a", "a_b", "a/b", "../a", &"a".repeat(65)] {
            assert!(bad.parse::<ConnectorId>().is_err(), "{bad}");
        }
        for good in ["a", "acme", "acme-2"] {
            assert!(good.parse::<ConnectorId>().is_ok(), "{good}");
        }
    }
}
