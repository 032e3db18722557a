//! What a component says of itself without being run: its name, version, license,
//! source and revision in the sections that WebAssembly tools read and write, and
//! the packages that were linked into it in that of `cargo auditable`.

use std::{io::Write as _, path::Path, process::Command};

use flate2::{Compression, write::ZlibEncoder};

/// The section with the packages: JSON, compressed with zlib.
const PACKAGES: &str = ".dep-v0";

/// The section with the name of a component.
const NAME: &str = "component-name";

/// Lines of the list of packages begin with their depth.
const FORMAT: &str = "{p}|{l}|{r}";

/// A package of a component.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Package {
    name: String,
    version: String,
    is_local: bool,
    license: String,
    repository: String,
    depends_on: Vec<usize>,
}

/// The sections for a component of a package of the workspace.
///
/// # Errors
///
/// A text for people: the packages of it cannot be listed.
pub(crate) fn sections(workspace: &Path, cargo: Command, package: &str) -> Result<Vec<u8>, String> {
    let packages = packages(workspace, cargo, package)?;
    let Some(root) = packages.first() else { return Err(format!("cargo lists no packages of {package}")) };
    let mut sections = Vec::new();
    // A subsection of the number 0, with a text of its own length.
    let name = [length(root.name.len()), root.name.as_bytes().to_vec()].concat();
    append(&mut sections, NAME, &[vec![0], length(name.len()), name].concat());
    append(&mut sections, "version", root.version.as_bytes());
    append(&mut sections, "licenses", root.license.as_bytes());
    append(&mut sections, "source", root.repository.as_bytes());
    append(&mut sections, "revision", revision(workspace).unwrap_or_default().as_bytes());
    append(&mut sections, PACKAGES, &compressed(&json(&packages)).map_err(|error| error.to_string())?);
    Ok(sections)
}

/// The packages that are linked into a component, itself first.
fn packages(workspace: &Path, mut cargo: Command, package: &str) -> Result<Vec<Package>, String> {
    // All that it needs is there, since it was compiled.
    cargo.current_dir(workspace).args(["tree", "--locked", "--offline", "--target", crate::TARGET]);
    cargo.args(["--package", package, "--edges", "normal,no-proc-macro", "--prefix", "depth", "--format", FORMAT]);
    let output = cargo.output().map_err(|error| format!("cannot start cargo: {error}"))?;
    let listed = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo cannot list the packages of {package}:\n{why}"));
    }
    let chosen = read(&listed).and_then(|all| of(package, &all));
    chosen.ok_or_else(|| format!("cargo lists the packages of {package} in another form:\n{listed}"))
}

fn read(listed: &str) -> Option<Vec<Package>> {
    let mut packages: Vec<Package> = Vec::new();
    // The way from the root to the line before.
    let mut way: Vec<usize> = Vec::new();
    for line in listed.lines().filter(|line| !line.is_empty()) {
        let end = line.find(|sign: char| !sign.is_ascii_digit())?;
        let (depth, line) = line.split_at_checked(end)?;
        let mut fields = line.split('|');
        let mut words = fields.next()?.split(' ');
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        let is_local = words.any(|word| word.starts_with("(/") || word.contains(":\\"));
        // What was listed before is marked, and not listed again with what it needs.
        let text = |field: Option<&str>| field.unwrap_or_default().trim_end_matches("(*)").trim().to_owned();
        let (license, repository) = (text(fields.next()), text(fields.next()));
        let known = packages.iter().position(|it| it.name == name && it.version == version);
        let at = known.unwrap_or(packages.len());
        if known.is_none() {
            let (name, version) = (name.to_owned(), version.to_owned());
            packages.push(Package { name, version, is_local, license, repository, depends_on: Vec::new() });
        }
        way.truncate(depth.parse().ok()?);
        if let Some(by) = way.last().and_then(|by| packages.get_mut(*by)) {
            by.depends_on.extend((!by.depends_on.contains(&at)).then_some(at));
        }
        way.push(at);
    }
    Some(packages)
}

/// A package and all that it needs. Where features are unified over the workspace,
/// cargo lists the packages of its other members, too.
fn of(package: &str, all: &[Package]) -> Option<Vec<Package>> {
    let mut chosen = vec![all.iter().position(|it| it.is_local && it.name == package)?];
    let mut next = 0;
    while let Some(it) = chosen.get(next).and_then(|at| all.get(*at)) {
        let new: Vec<usize> = it.depends_on.iter().filter(|at| !chosen.contains(at)).copied().collect();
        chosen.extend(new);
        next += 1;
    }
    let place = |at: &usize| chosen.iter().position(|it| it == at);
    let packages = chosen.iter().filter_map(|at| all.get(*at));
    let placed = |it: &Package| it.depends_on.iter().filter_map(place).collect();
    Some(packages.map(|it| Package { depends_on: placed(it), ..it.clone() }).collect())
}

/// The form of `cargo auditable`. Names and versions have no sign that JSON escapes.
fn json(packages: &[Package]) -> String {
    let one = |(at, it): (usize, &Package)| {
        let source = if it.is_local { "local" } else { "crates.io" };
        let depends_on: Vec<String> = it.depends_on.iter().map(ToString::to_string).collect();
        let root = if at == 0 { r#","root":true"# } else { "" };
        let (name, version, depends_on) = (&it.name, &it.version, depends_on.join(","));
        format!(r#"{{"name":"{name}","version":"{version}","source":"{source}","dependencies":[{depends_on}]{root}}}"#)
    };
    let packages: Vec<String> = packages.iter().enumerate().map(one).collect();
    format!(r#"{{"packages":[{}],"format":1}}"#, packages.join(","))
}

fn compressed(text: &str) -> std::io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

/// The commit that the inputs of the components are of; none where some of them are
/// of no commit.
fn revision(workspace: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(workspace).args(arguments).arg("--").args(crate::INPUTS).output();
        let output = output.ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let changed = git(&["status", "--porcelain"])?;
    let commit = git(&["log", "-1", "--format=%H"])?;
    (changed.is_empty() && !commit.is_empty()).then_some(commit)
}

/// Adds a section, unless it would say nothing.
fn append(sections: &mut Vec<u8>, name: &str, content: &[u8]) {
    if content.is_empty() {
        return;
    }
    let body = [length(name.len()), name.as_bytes().to_vec(), content.to_vec()].concat();
    sections.push(crate::CUSTOM);
    sections.extend(length(body.len()));
    sections.extend(body);
}

/// A number in groups of seven bits, the lowest first.
fn length(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = number.to_le_bytes()[0] & 0x7f;
        number >>= 7;
        if number == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::{append, json, of, read};

    const LISTED: &str = "\
0guest v0.1.0 (/src/guest)|Apache-2.0 OR MIT|https://acme.example
1model v0.2.0 (/src/model)|MIT|
2serde v1.0.1|MIT|https://serde.example
1other v0.3.0+wasi-0.2|MIT|
2model v0.2.0 (/src/model)|MIT| (*)
2serde v1.0.1|MIT|https://serde.example (*)
";

    #[test]
    fn packages_are_listed_once_with_all_that_they_need() {
        let packages = read(LISTED).unwrap();
        assert_eq!(
            (packages[0].license.as_str(), packages[0].repository.as_str()),
            ("Apache-2.0 OR MIT", "https://acme.example")
        );
        assert_eq!(packages[2].repository, "https://serde.example");
        let expected = concat!(
            r#"{"packages":[{"name":"guest","version":"0.1.0","source":"local","dependencies":[1,3],"root":true},"#,
            r#"{"name":"model","version":"0.2.0","source":"local","dependencies":[2]},"#,
            r#"{"name":"serde","version":"1.0.1","source":"crates.io","dependencies":[]},"#,
            r#"{"name":"other","version":"0.3.0+wasi-0.2","source":"crates.io","dependencies":[1,2]}],"format":1}"#,
        );
        assert_eq!(json(&packages), expected);
        let of_other =
            r#"{"packages":[{"name":"model","version":"0.2.0","source":"local","dependencies":[1],"root":true},"#;
        assert!(json(&of("model", &packages).unwrap()).starts_with(of_other));
        assert_eq!(json(&of("guest", &packages).unwrap()).len(), expected.len());
        assert!(of("serde", &packages).is_none() && of("none", &packages).is_none());
        assert!(read("0guest").is_none() && read("guest v1").is_none());
    }

    #[test]
    fn a_section_has_its_length_before_it() {
        let mut sections = Vec::new();
        append(&mut sections, "source", b"");
        assert!(sections.is_empty());
        append(&mut sections, "version", &[b'1'; 130]);
        assert_eq!(sections[..11], [0, 0x8a, 0x01, 7, b'v', b'e', b'r', b's', b'i', b'o', b'n']);
        assert_eq!(sections.len(), 11 + 130);
    }
}
