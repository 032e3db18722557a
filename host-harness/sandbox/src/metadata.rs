//! What a component says of itself without being run: sections that WebAssembly
//! tools write, and the packages of `cargo auditable`. Whoever made the component
//! wrote them: they are texts to be shown.

use std::io::Read as _;

use flate2::read::ZlibDecoder;
use serde::{Deserialize, Serialize};
use wasmparser::{ComponentName, CustomSectionReader, KnownCustom};

use crate::output::clean;

/// The section with the packages: JSON, compressed with zlib.
const PACKAGES: &str = ".dep-v0";

/// Bytes of the list of packages, as it is and before it was compressed.
const PACKAGES_BYTES: u64 = 4 << 20;

/// Packages of a component.
const MOST_PACKAGES: usize = 10_000;

/// Bytes of a text as it is shown, and of one that is looked at.
const TEXT_BYTES: usize = 1 << 10;
const SECTION_BYTES: usize = 64 << 10;

/// What a component says of itself without being run.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ComponentMetadata {
    /// Its name.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// Who wrote it.
    pub authors: Option<String>,
    /// Its licenses, as an expression of SPDX.
    pub licenses: Option<String>,
    /// Where its source is.
    pub source: Option<String>,
    /// Where it is described.
    pub homepage: Option<String>,
    /// The revision of the source that it was made of.
    pub revision: Option<String>,
    /// The packages that were linked into it, itself included; none where it does
    /// not say.
    pub packages: Vec<ComponentPackage>,
}

/// A package of a component.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ComponentPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it is from: `crates.io`, `registry`, `git`, `local` or another word.
    pub source: String,
    /// Whether it was needed only to build the component.
    pub is_build_only: bool,
    /// Whether it is the component itself.
    pub is_root: bool,
    /// The places of the packages that it needs, in this list.
    pub depends_on: Vec<usize>,
}

impl ComponentMetadata {
    /// Takes what a section of the component itself says.
    pub(crate) fn read(&mut self, section: &CustomSectionReader<'_>) {
        if let KnownCustom::ComponentName(names) = section.as_known() {
            let names = names.into_iter().map_while(Result::ok);
            let own = names.filter_map(|it| match it {
                ComponentName::Component { name, .. } => text(name.as_bytes()),
                _ => None,
            });
            self.name = own.last().or(self.name.take());
            return;
        }
        let field = match section.name() {
            "version" => &mut self.version,
            "description" => &mut self.description,
            "authors" => &mut self.authors,
            "licenses" => &mut self.licenses,
            "source" => &mut self.source,
            "homepage" => &mut self.homepage,
            "revision" => &mut self.revision,
            _ => return,
        };
        *field = text(section.data());
    }

    /// Takes the packages that a section lists, of the component or a module in it.
    /// Only the first list counts, sound or not: each of them costs to unpack.
    pub(crate) fn read_packages(&mut self, section: &CustomSectionReader<'_>, is_read: &mut bool) {
        if section.name() == PACKAGES && !*is_read {
            *is_read = true;
            self.packages = packages(section.data()).unwrap_or_default();
        }
    }
}

/// A text as it can be shown.
fn text(bytes: &[u8]) -> Option<String> {
    if bytes.len() > SECTION_BYTES {
        return None;
    }
    let text = String::from_utf8_lossy(bytes);
    Some(clean(text.trim(), &[], TEXT_BYTES)).filter(|text| !text.is_empty())
}

/// The list of packages; none where it is none.
fn packages(compressed: &[u8]) -> Option<Vec<ComponentPackage>> {
    #[derive(Deserialize)]
    struct List {
        packages: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        version: String,
        source: String,
        #[serde(default)]
        kind: String,
        #[serde(default)]
        dependencies: Vec<usize>,
        #[serde(default)]
        root: bool,
    }
    if compressed.len() as u64 > PACKAGES_BYTES {
        return None;
    }
    let mut json = Vec::new();
    let read = ZlibDecoder::new(compressed).take(PACKAGES_BYTES).read_to_end(&mut json);
    let List { packages } = read.ok().and_then(|_| serde_json::from_slice(&json).ok())?;
    let count = packages.len();
    let is_sound = count <= MOST_PACKAGES && packages.iter().all(|it| it.dependencies.iter().all(|at| *at < count));
    let shown = |it: String| text(it.as_bytes()).unwrap_or_default();
    let packages = packages.into_iter().map(|mut it| {
        it.dependencies.sort_unstable();
        it.dependencies.dedup();
        ComponentPackage {
            name: shown(it.name),
            version: shown(it.version),
            source: shown(it.source),
            is_build_only: it.kind == "build",
            is_root: it.root,
            depends_on: it.dependencies,
        }
    });
    is_sound.then(|| packages.collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::ZlibEncoder};

    use crate::inspect;

    /// A component of sections with these names and contents.
    fn component(sections: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        for (name, content) in sections {
            let body = [&[u8::try_from(name.len()).unwrap()], name.as_bytes(), content].concat();
            let length = body.len();
            let digits = [(length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14];
            bytes.push(0);
            bytes.extend(digits.map(|digit| u8::try_from(digit).unwrap()));
            bytes.extend(body);
        }
        bytes
    }

    fn zipped(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_component_says_who_it_is_and_what_is_in_it() {
        let list = br#"{"packages":[{"name":"serde","version":"1.0.0","source":"crates.io"},
            {"name":"acme","version":"0.1.0","source":"local","dependencies":[2,0,2],"root":true},
            {"name":"cc","version":"1.2.0","source":"crates.io","kind":"build"}]}"#;
        let long = "x".repeat(5_000);
        let code = component(&[
            ("component-name", b"\0\x05\x04acme"),
            ("version", b"0.1.0"),
            ("licenses", b"MIT"),
            ("source", b" https://acme.example/\x1b[8m\n"),
            ("revision", long.as_bytes()),
            ("homepage", b" "),
            ("description", "x".repeat((64 << 10) + 1).as_bytes()),
            ("authors", b"\xff"),
            (".dep-v0", &zipped(list)),
        ]);
        let it = inspect(&code).unwrap().metadata;
        assert_eq!(
            (it.name.as_deref(), it.version.as_deref(), it.licenses.as_deref()),
            (Some("acme"), Some("0.1.0"), Some("MIT"))
        );
        assert!(!it.source.unwrap().contains(char::is_control));
        assert!(it.revision.unwrap().ends_with("x… (5000 bytes)"));
        assert_eq!((it.homepage, it.description, it.authors.as_deref()), (None, None, Some("\u{fffd}")));
        let packages: Vec<_> = it
            .packages
            .iter()
            .map(|it| (it.name.as_str(), it.is_build_only, it.is_root, it.depends_on.as_slice()))
            .collect();
        assert_eq!(
            packages,
            [("serde", false, false, &[][..]), ("acme", false, true, &[0, 2]), ("cc", true, false, &[])]
        );
    }

    #[test]
    fn a_list_of_packages_that_is_none_says_nothing() {
        let package = r#"{"name":"a","version":"1","source":"local","dependencies":[1]}"#;
        // Each of them is small as it is compressed.
        let endless = format!("{{\"packages\":[{}", " ".repeat(5 << 20));
        let many = format!("{{\"packages\":[{}]}}", vec![package.replace("[1]", "[]"); 10_001].join(","));
        for list in [format!("{{\"packages\":[{package}]}}"), endless, many, "[]".to_owned()] {
            let code = component(&[(".dep-v0", &zipped(list.as_bytes()))]);
            assert!(inspect(&code).unwrap().metadata.packages.is_empty());
        }
        // Nothing makes up for the first list.
        let good = zipped(format!("{{\"packages\":[{}]}}", package.replace("[1]", "[]")).as_bytes());
        let listed = |sections: &[(&str, &[u8])]| inspect(&component(sections)).unwrap().metadata.packages.len();
        assert_eq!(listed(&[(".dep-v0", &good)]), 1);
        assert_eq!(listed(&[(".dep-v0", b"no zlib"), (".dep-v0", &good)]), 0);
    }
}
