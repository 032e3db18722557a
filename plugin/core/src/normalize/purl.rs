//! Package URLs (purl-spec), by the rules of each package type.
//!
//! Where a name does not fit its type for certain there is no package URL: a
//! wrong one joins a finding to another package's advisories, none does not.

use appsec_model::Ecosystem;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a package URL is made of.
#[derive(Debug, Default)]
struct Parts<'a> {
    kind: &'static str,
    namespace: Option<&'a str>,
    name: &'a str,
    subpath: Option<&'a str>,
}

/// Everything but what the specification leaves as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// The package URL of a package; none where the ecosystem gives no certain one.
pub fn purl(ecosystem: &Ecosystem, name: &str, version: Option<&str>) -> Option<String> {
    // Types whose names are equal in any case have one form of them.
    let folded = match ecosystem {
        Ecosystem::Pypi => name.to_ascii_lowercase().replace('_', "-"),
        Ecosystem::Pub => fold_pub(name),
        Ecosystem::Go | Ecosystem::Composer | Ecosystem::Hex | Ecosystem::Mix => name.to_ascii_lowercase(),
        _ => name.to_owned(),
    };
    let parts = parts(ecosystem, &folded)?;
    let mut purl = format!("pkg:{}", parts.kind);
    let mut push = |before: char, text: &str| {
        purl.push(before);
        purl.extend(utf8_percent_encode(text, ESCAPED));
    };
    let segments = |path: &str| path.split('/').all(is_segment);
    if !is_segment(parts.name) || !parts.namespace.is_none_or(segments) || !parts.subpath.is_none_or(segments) {
        return None;
    }
    for segment in parts.namespace.iter().flat_map(|namespace| namespace.split('/')) {
        push('/', segment);
    }
    push('/', parts.name);
    if let Some(version) = version.filter(|version| !version.is_empty()) {
        push('@', version);
    }
    for (at, segment) in parts.subpath.iter().flat_map(|subpath| subpath.split('/')).enumerate() {
        push(if at == 0 { '#' } else { '/' }, segment);
    }
    Some(purl)
}

/// A name, taken apart by its type's rules.
fn parts<'a>(ecosystem: &Ecosystem, name: &'a str) -> Option<Parts<'a>> {
    let plain = |kind| (!name.contains('/')).then_some(Parts { kind, name, ..Parts::default() });
    let spaced = |kind, namespace, name| Some(Parts { kind, namespace: Some(namespace), name, subpath: None });
    match ecosystem {
        Ecosystem::Npm => match name.split_once('/') {
            Some(("@", _)) => None,
            Some((scope, name)) => scope.starts_with('@').then(|| spaced("npm", scope, name)).flatten(),
            None => (!name.starts_with('@')).then(|| plain("npm")).flatten(),
        },
        Ecosystem::Pypi => plain("pypi"),
        Ecosystem::Cargo => plain("cargo"),
        Ecosystem::Gem => plain("gem"),
        Ecosystem::Nuget => plain("nuget"),
        Ecosystem::Pub => plain("pub"),
        Ecosystem::Opam => plain("opam"),
        // Module paths; `stdlib` and the like have no namespace, which the type
        // definition requires.
        Ecosystem::Go => name.rsplit_once('/').and_then(|(namespace, name)| spaced("golang", namespace, name)),
        Ecosystem::Maven => {
            let (group, artifact) = name.split_once(':')?;
            (!artifact.contains(':')).then(|| spaced("maven", group, artifact)).flatten()
        }
        Ecosystem::Composer => name.split_once('/').and_then(|(vendor, name)| spaced("composer", vendor, name)),
        // Mix is Elixir's build tool; its packages come from Hex.
        Ecosystem::Hex | Ecosystem::Mix => match name.split_once('/') {
            Some((organization, name)) => spaced("hex", organization, name),
            None => plain("hex"),
        },
        // A host and an owner are needed; the bare name is not unique.
        Ecosystem::Swift => {
            let (namespace, name) = name.rsplit_once('/')?;
            let (host, _) = namespace.split_once('/')?;
            host.contains('.').then(|| spaced("swift", namespace, name)).flatten()
        }
        Ecosystem::Cocoapods => match name.split_once('/') {
            Some((pod, subspec)) => {
                Some(Parts { kind: "cocoapods", name: pod, subpath: Some(subspec), namespace: None })
            }
            None => plain("cocoapods"),
        },
        Ecosystem::NoPackageManager | Ecosystem::Other(_) => None,
    }
}

/// Dart allows letters, digits and the underscore.
fn fold_pub(name: &str) -> String {
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' }).collect()
}

/// Whether a text can be one part of a package's path.
fn is_segment(text: &str) -> bool {
    let readable = |letter: char| !letter.is_whitespace() && !letter.is_control() && letter != '/';
    !text.is_empty() && text != "." && text != ".." && text.chars().all(readable)
}

#[cfg(test)]
mod tests;
