//! Packages, by their package URL or by name and ecosystem.

use appsec_model::{Dependency, Ecosystem, PackageVersion};
use packageurl::PackageUrl;

use crate::bounds;

/// The package of a package URL.
pub fn by_purl(text: &str) -> Option<PackageVersion> {
    let mut purl: PackageUrl<'_> = bounds::word(text.trim()).parse().ok()?;
    let ecosystem = ecosystem_of_type(purl.ty());
    let name = match (purl.namespace(), &ecosystem) {
        // The namespace of a distribution's package is the distribution.
        (Some(_), Ecosystem::Other(ty)) if matches!(ty.as_str(), "deb" | "rpm" | "apk" | "alpm") => {
            purl.name().to_owned()
        }
        (Some(namespace), Ecosystem::Maven) => format!("{namespace}:{}", purl.name()),
        (Some(namespace), _) => format!("{namespace}/{}", purl.name()),
        (None, _) => purl.name().to_owned(),
    };
    let version = purl.version().filter(|version| !version.is_empty()).map(str::to_owned);
    // Qualifiers tell of one file of the package. Of packages of a distribution
    // they tell which one, and without them it is another package.
    if !matches!(ecosystem, Ecosystem::Other(_)) {
        purl.clear_qualifiers();
    }
    Some(PackageVersion { name, version, ecosystem, purl: Some(purl.to_string()) })
}

/// A package URL without version, qualifiers and subpath.
pub fn purl_of_any_version(text: &str) -> Option<String> {
    let purl: PackageUrl<'_> = bounds::word(text.trim()).parse().ok()?;
    let namespace = purl.namespace().map(|namespace| format!("/{namespace}")).unwrap_or_default();
    Some(format!("{}{namespace}/{}", purl.ty(), purl.name()))
}

/// The package of a name in its ecosystem, with its package URL if that is certain.
pub fn by_name(name: &str, version: Option<&str>, ecosystem: Ecosystem) -> PackageVersion {
    let (name, version) = (bounds::word(name), version.filter(|version| !version.is_empty()).map(bounds::word));
    let purl = purl(name, version, &ecosystem);
    PackageVersion { name: name.to_owned(), version: version.map(str::to_owned), ecosystem, purl }
}

/// What stays of a package over its versions.
pub fn unversioned(package: &PackageVersion) -> String {
    format!("{}:{}", package.ecosystem, package.name)
}

/// A package with its version, for people.
pub fn named(package: &PackageVersion, between: char) -> String {
    match &package.version {
        Some(version) => format!("{}{between}{version}", package.name),
        None => package.name.clone(),
    }
}

/// A short line on a vulnerable package.
pub fn title(id: &str, dependency: &Dependency) -> String {
    format!("{id}: {}", named(&dependency.package, ' '))
}

fn purl(name: &str, version: Option<&str>, ecosystem: &Ecosystem) -> Option<String> {
    let ty = match ecosystem {
        Ecosystem::Npm => "npm",
        Ecosystem::Pypi => "pypi",
        Ecosystem::Go => "golang",
        Ecosystem::Cargo => "cargo",
        Ecosystem::Maven => "maven",
        Ecosystem::Gem => "gem",
        Ecosystem::Composer => "composer",
        Ecosystem::Nuget => "nuget",
        Ecosystem::Pub => "pub",
        Ecosystem::Hex | Ecosystem::Mix => "hex",
        _ => return None,
    };
    let (namespace, name) = match ecosystem {
        Ecosystem::Maven => name.split_once(':').map(|(group, name)| (Some(group), name))?,
        Ecosystem::Npm | Ecosystem::Go | Ecosystem::Composer | Ecosystem::Hex => match name.rsplit_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, name),
        },
        _ => (None, name),
    };
    if name.is_empty() || name.contains(['/', ':']) || namespace.is_some_and(str::is_empty) {
        return None;
    }
    // Types that require a namespace have no certain package URL without one.
    if matches!(ecosystem, Ecosystem::Composer | Ecosystem::Go) && namespace.is_none() {
        return None;
    }
    let mut purl = PackageUrl::new(ty.to_owned(), name.to_owned()).ok()?;
    if let Some(namespace) = namespace {
        purl.with_namespace(namespace.to_owned()).ok()?;
    }
    if let Some(version) = version {
        purl.with_version(version.to_owned()).ok()?;
    }
    Some(purl.to_string())
}

fn ecosystem_of_type(ty: &str) -> Ecosystem {
    match ty {
        "golang" => Ecosystem::Go,
        "pypi" => Ecosystem::Pypi,
        "npm" => Ecosystem::Npm,
        "cargo" => Ecosystem::Cargo,
        "maven" => Ecosystem::Maven,
        "gem" => Ecosystem::Gem,
        "composer" => Ecosystem::Composer,
        "nuget" => Ecosystem::Nuget,
        "pub" => Ecosystem::Pub,
        "swift" => Ecosystem::Swift,
        "hex" => Ecosystem::Hex,
        "cocoapods" => Ecosystem::Cocoapods,
        "opam" => Ecosystem::Opam,
        other => Ecosystem::Other(bounds::word(other).to_owned()),
    }
}

/// The ecosystem of a word of the OSV schema.
pub fn ecosystem_of_osv(word: &str) -> Ecosystem {
    match word {
        "npm" => Ecosystem::Npm,
        "PyPI" => Ecosystem::Pypi,
        "Go" => Ecosystem::Go,
        "crates.io" => Ecosystem::Cargo,
        "Maven" => Ecosystem::Maven,
        "RubyGems" => Ecosystem::Gem,
        "Packagist" => Ecosystem::Composer,
        "NuGet" => Ecosystem::Nuget,
        "Pub" => Ecosystem::Pub,
        "SwiftURL" => Ecosystem::Swift,
        "Hex" => Ecosystem::Hex,
        "opam" => Ecosystem::Opam,
        "" => Ecosystem::Other("unknown".to_owned()),
        other => Ecosystem::Other(bounds::word(other).to_owned()),
    }
}

/// The ecosystem of a lockfile or manifest, by its name.
pub fn ecosystem_of_file(path: &str) -> Option<Ecosystem> {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    Some(match name.as_str() {
        "package-lock.json" | "npm-shrinkwrap.json" | "yarn.lock" | "pnpm-lock.yaml" | "package.json" | "bun.lock" => {
            Ecosystem::Npm
        }
        "poetry.lock" | "pipfile.lock" | "pdm.lock" | "uv.lock" | "pyproject.toml" | "pylock.toml" => Ecosystem::Pypi,
        "go.mod" | "go.sum" => Ecosystem::Go,
        "cargo.lock" | "cargo.toml" => Ecosystem::Cargo,
        "pom.xml" | "gradle.lockfile" | "build.gradle" | "build.gradle.kts" | "buildscript-gradle.lockfile" => {
            Ecosystem::Maven
        }
        "gemfile.lock" | "gems.locked" => Ecosystem::Gem,
        "composer.lock" | "composer.json" => Ecosystem::Composer,
        "packages.lock.json" | "packages.config" => Ecosystem::Nuget,
        "pubspec.lock" => Ecosystem::Pub,
        "package.resolved" => Ecosystem::Swift,
        "mix.lock" => Ecosystem::Hex,
        "podfile.lock" => Ecosystem::Cocoapods,
        name if name.contains("requirements") && name.ends_with(".txt") => Ecosystem::Pypi,
        name if name.ends_with(".deps.json") || name.ends_with(".csproj") => Ecosystem::Nuget,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use appsec_model::Ecosystem;

    use super::{by_name, by_purl};

    #[test]
    fn a_package_url_and_a_name_tell_the_same_package() {
        for (purl, name, ecosystem) in [
            ("pkg:npm/lodash@4.17.20", "lodash", Ecosystem::Npm),
            ("pkg:npm/%40babel/core@7.0.0", "@babel/core", Ecosystem::Npm),
            ("pkg:golang/github.com/a/b@v1.2.3", "github.com/a/b", Ecosystem::Go),
            ("pkg:maven/org.apache/log4j@2.0", "org.apache:log4j", Ecosystem::Maven),
            ("pkg:composer/laravel/framework@9.0.0", "laravel/framework", Ecosystem::Composer),
            ("pkg:pypi/django@4.0", "django", Ecosystem::Pypi),
            ("pkg:gem/rails@7.0.0", "rails", Ecosystem::Gem),
        ] {
            let found = by_purl(purl).unwrap();
            assert_eq!((found.name.as_str(), &found.ecosystem), (name, &ecosystem));
            assert_eq!(found.purl.as_deref(), Some(purl));
            assert_eq!(by_name(name, found.version.as_deref(), ecosystem), found);
        }
    }

    #[test]
    fn qualifiers_stay_where_they_tell_the_package() {
        let purl = |text: &str| by_purl(text).unwrap().purl.unwrap();
        assert_eq!(purl("pkg:maven/a/b@1?type=jar"), "pkg:maven/a/b@1");
        assert_eq!(purl("pkg:deb/debian/curl@7.74.0?distro=debian-11"), "pkg:deb/debian/curl@7.74.0?distro=debian-11");
    }

    #[test]
    fn an_uncertain_package_has_no_package_url() {
        assert_eq!(by_name("stdlib", Some("1.22"), Ecosystem::Go).purl, None);
        assert_eq!(by_name("artifact", None, Ecosystem::Maven).purl, None);
        assert_eq!(by_name("x", None, Ecosystem::Other("Debian:12".to_owned())).purl, None);
        assert!(by_purl("npm/lodash").is_none() && by_purl("pkg:").is_none() && by_purl("").is_none());
    }
}
