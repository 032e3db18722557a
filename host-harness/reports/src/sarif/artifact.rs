//! Packages in the names of files, and in other names for them.

/// Endings of archives that are a package each, and who keeps such packages.
const ARCHIVES: [(&str, &str); 10] = [
    (".jar", "maven"),
    (".war", "maven"),
    (".ear", "maven"),
    (".aar", "maven"),
    (".whl", "pypi"),
    (".egg", "pypi"),
    (".gem", "gem"),
    (".tgz", "npm"),
    (".crate", "cargo"),
    (".nupkg", "nuget"),
];

/// Name, version and keeper of the package that a file is: `lib/core-2.14.1.jar`.
pub fn of_archive(path: &str) -> Option<(&str, &str, &'static str)> {
    let file = path.rsplit(['/', '\\']).next()?;
    let (stem, keeper) = ARCHIVES.iter().find_map(|(ending, keeper)| Some((file.strip_suffix(ending)?, *keeper)))?;
    let parts = stem.match_indices(['-', '.']).filter(|(at, sign)| *sign == "-" || keeper == "nuget" && *at > 0);
    let is_digit = |at: usize| stem.get(at + 1..).is_some_and(|rest| rest.starts_with(|it: char| it.is_ascii_digit()));
    let (at, _) = parts.into_iter().find(|(at, _)| is_digit(*at))?;
    let (name, version) = (stem.get(..at)?, stem.get(at + 1..)?);
    // What a wheel is built for stands behind.
    let version = if keeper == "pypi" { version.split('-').next()? } else { version };
    (!name.is_empty()).then_some((name, version, keeper))
}

/// Name and version of a CPE, in both of its spellings.
pub fn of_cpe(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("cpe:2.3:").or_else(|| text.strip_prefix("cpe:/"))?;
    let mut parts = rest.split(':').skip(2);
    let (name, version) = (parts.next()?, parts.next()?);
    (!name.is_empty() && version.starts_with(|it: char| it.is_ascii_digit())).then_some((name, version))
}

/// Name and version of `name:version` or `name/version`; the name may have such signs itself.
pub fn of_pair(text: &str) -> Option<(&str, &str)> {
    let (name, version) = text.rsplit_once([':', '/'])?;
    let is_version = version.starts_with(|it: char| it.is_ascii_digit()) && version.contains('.');
    (is_version && !name.is_empty() && !text.contains(char::is_whitespace)).then_some((name, version))
}

/// The package URL in a text.
pub fn purl_in(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("pkg:")?;
    let start = text.len() - rest.len() - "pkg:".len();
    let word = text.get(start..)?.split(|sign: char| sign.is_whitespace() || "\"'`<>()|,;".contains(sign)).next()?;
    Some(word.trim_end_matches(['.', ':', ']'])).filter(|word| word.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::{of_archive, of_cpe, of_pair, purl_in};

    #[test]
    fn a_file_tells_a_package() {
        for (path, expect) in [
            ("/x/app.war/WEB-INF/lib/log4j-core-2.14.1.jar", Some(("log4j-core", "2.14.1", "maven"))),
            ("spring-core-5.0.5.RELEASE.jar", Some(("spring-core", "5.0.5.RELEASE", "maven"))),
            ("dist/requests-2.25.0-py3-none-any.whl", Some(("requests", "2.25.0", "pypi"))),
            ("Newtonsoft.Json.12.0.1.nupkg", Some(("Newtonsoft.Json", "12.0.1", "nuget"))),
            ("app.jar", None),
            ("a-1.0.js", None),
            ("", None),
        ] {
            assert_eq!(of_archive(path), expect, "{path}");
        }
    }

    #[test]
    fn other_names_tell_a_package() {
        assert_eq!(of_cpe("cpe:2.3:a:apache:log4j:2.14.1:*:*:*:*:*:*:*"), Some(("log4j", "2.14.1")));
        assert_eq!(of_cpe("cpe:/a:apache:log4j:2.14.1"), Some(("log4j", "2.14.1")));
        assert_eq!(of_cpe("cpe:2.3:a:apache:log4j:*:*"), None);
        assert_eq!(of_pair("org.apache:log4j:2.14.1"), Some(("org.apache:log4j", "2.14.1")));
        assert_eq!(of_pair("lodash/4.17.20"), Some(("lodash", "4.17.20")));
        for text in ["a.b.C:12", "lodash", "see a/1.2 there"] {
            assert_eq!(of_pair(text), None, "{text}");
        }
        assert_eq!(purl_in("a fault in pkg:maven/a/b@1.2."), Some("pkg:maven/a/b@1.2"));
        assert_eq!(purl_in("`pkg:npm/a@1` is old"), Some("pkg:npm/a@1"));
        assert_eq!((purl_in("pkg: lodash"), purl_in("")), (None, None));
    }
}
